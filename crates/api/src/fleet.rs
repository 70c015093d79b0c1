//! The fleet at a glance: one row for each stack, small enough for thousands.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How a stack stands, the worst of its sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FleetState {
    Well,
    /// It has no backup yet, so nothing can be restored.
    New,
    /// An alarm is raised that needs a person.
    Attention,
    /// An alarm is raised that says that data may be lost, or could not be brought back.
    Danger,
}

/// A stack, or a source that nobody put into one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FleetRow {
    pub name: String,
    /// False for a source without a stack.
    pub is_stack: bool,
    pub sources: Vec<String>,
    pub state: FleetState,
    /// The text of its worst alarm.
    pub reason: Option<String>,
    /// The newest moment that can be restored of all of its sources.
    pub newest: Option<Timestamp>,
    /// How long ago that was when this row was made.
    pub behind_seconds: Option<f64>,
    pub rpo_seconds: Option<f64>,
    /// When a drill last proved each of its sources.
    pub proven: Option<Timestamp>,
    pub rto_seconds: Option<f64>,
    /// How long a full restore would take by what was measured; nothing where nothing was.
    pub projected_seconds: Option<f64>,
    pub backups: u64,
    /// Raised alarms.
    pub critical: u32,
    pub warnings: u32,
    /// Operations that go on by themselves.
    pub moving: u32,
    /// Operations that wait for a person.
    pub waiting: u32,
}

/// `GET /api/v1/fleet`, and event `fleet` of `GET /api/v1/fleet/events`: rows that are new or have changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FleetView {
    pub now: Timestamp,
    pub rows: Vec<FleetRow>,
    /// Names that are not there any more.
    #[serde(default)]
    pub gone: Vec<String>,
}

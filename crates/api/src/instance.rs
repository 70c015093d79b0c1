//! Instances: what was opened and is looked after.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{ConditionView, MomentAsk, RestoreReport};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum InstanceKind {
    Clone,
    Peek,
    Drill,
    /// For taking single databases or tables out.
    Extract,
    /// A restore whose files are still being fetched.
    Restore,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum InstancePhase {
    Opening,
    /// It shall serve.
    Open,
    /// It was stopped.
    Stopped,
    /// It becomes a plain directory, and serves again.
    Detaching,
}

/// `POST /api/v1/sources/{name}/clones`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CloneAsk {
    #[serde(flatten)]
    pub moment: MomentAsk,
    /// What it is called; made from the source's name when not said.
    #[serde(default)]
    pub name: Option<String>,
    #[serde(default)]
    pub port: Option<u16>,
    /// Removed after so many seconds.
    #[serde(default)]
    pub ttl_seconds: Option<u64>,
    /// Stopped when it has written more bytes than this.
    #[serde(default)]
    pub quota_bytes: Option<u64>,
    /// Operating system user that owns the files, when the daemon is root.
    #[serde(default)]
    pub owner: Option<String>,
}

/// `POST /api/v1/sources/{name}/peeks`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PeekAsk {
    #[serde(flatten)]
    pub moment: MomentAsk,
    #[serde(default)]
    pub owner: Option<String>,
}

/// `GET /api/v1/instances/{name}`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct InstanceView {
    pub name: String,
    pub kind: InstanceKind,
    pub source: String,
    pub phase: InstancePhase,
    /// `opening`, `serves`, `stopped`, `crashed` or `mount-lost`; `on HOST` when it is on another host.
    pub standing: String,
    pub created: Timestamp,
    pub expires: Option<Timestamp>,
    pub data_directory: Option<String>,
    pub port: Option<u16>,
    pub socket_folder: Option<String>,
    pub superuser: Option<String>,
    /// A folder with the server's programs.
    pub programs: Option<String>,
    /// How it was opened, and at which moment.
    pub report: Option<RestoreReport>,
    /// Nothing when the directory is plain.
    pub mount: Option<MountView>,
    /// Bytes that it takes on the local disk.
    pub local_bytes: u64,
    pub quota_bytes: Option<u64>,
    pub conditions: Vec<ConditionView>,
}

/// How much of a mounted directory is here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MountView {
    pub bytes_total: u64,
    pub bytes_present: u64,
    /// All of it: it can be detached.
    pub whole: bool,
    pub paused: bool,
    /// Bytes a second; 0 is no limit.
    pub limit: u64,
    pub eta_seconds: Option<u64>,
}

/// `POST /api/v1/instances/{name}/hydration`
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HydrationAsk {
    #[serde(default)]
    pub paused: Option<bool>,
    #[serde(default)]
    pub limit: Option<u64>,
}

/// `POST /api/v1/instances/{name}/sql`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SqlAsk {
    /// One where any will do when it is empty: `postgres`, where there is one.
    #[serde(default)]
    pub database: String,
    pub sql: String,
}

/// One answer; values as the server writes them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SqlAnswer {
    pub columns: Vec<String>,
    pub rows: Vec<Vec<Option<String>>>,
}

//! Drills, and single databases or tables of a moment.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{ConsentAsk, MomentAsk, RunbookReport, StepSeconds};

/// `POST /api/v1/sources/{name}/drills`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DrillAsk {
    #[serde(flatten)]
    pub moment: MomentAsk,
    /// TOML, see docs/drills.md.
    #[serde(default)]
    pub checks: Option<String>,
    #[serde(default)]
    pub owner: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CheckView {
    pub name: String,
    pub passed: bool,
    pub detail: String,
    /// It came to no answer, because of a limit or a lock.
    #[serde(default)]
    pub unproven: bool,
    pub seconds: f64,
}

/// The evidence of a drill; sealed into the vault as `reports/{source}/{id}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DrillReport {
    pub id: String,
    pub source: String,
    pub passed: bool,
    /// Why it could not be opened or looked at, when that is so.
    pub error: Option<crate::ErrorBody>,
    pub began: Timestamp,
    pub ended: Timestamp,
    pub asked: String,
    pub backup: String,
    pub backup_ended: Timestamp,
    pub timeline: u32,
    pub reached: String,
    pub reached_commit: Option<Timestamp>,
    /// Of the opening, and of the looking; the last is the total.
    pub durations: Vec<StepSeconds>,
    /// Bytes a second at which everything was read through.
    pub bytes_per_second: Option<f64>,
    pub databases: Vec<String>,
    pub relations: u64,
    pub pages_checked: u64,
    pub pages_bad: u64,
    pub findings: Vec<String>,
    pub indexes_checked: u64,
    pub tables_checked: u64,
    pub amcheck_findings: Vec<String>,
    pub notes: Vec<String>,
    /// What came to no answer, because of a limit or a lock: it is not proven, and says nothing against the backup.
    #[serde(default)]
    pub unproven: Vec<String>,
    pub checks: Vec<CheckView>,
    pub version: String,
}

/// `POST /api/v1/sources/{name}/extracts`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExtractAsk {
    #[serde(flatten)]
    pub moment: MomentAsk,
    pub database: String,
    /// `schema.table` as SQL writes it; the whole database when there are none.
    #[serde(default)]
    pub tables: Vec<String>,
    /// The new database, or the schema for the tables; made from the database's name when not said.
    #[serde(default)]
    pub into: Option<String>,
    /// Then puts it in the place of the live one, which is kept.
    #[serde(default)]
    pub swap: bool,
    /// With `swap`: the stack's services are not stopped; their sessions in it are ended all the same.
    #[serde(default)]
    pub keep_serving: bool,
    #[serde(default)]
    pub owner: Option<String>,
    #[serde(flatten)]
    pub consent: ConsentAsk,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RowsView {
    pub name: String,
    pub rows: u64,
}

/// What was put beside the live data, or in its place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ExtractReport {
    pub source: String,
    pub asked: String,
    /// The backup that it was taken from.
    #[serde(default)]
    pub backup: String,
    #[serde(default)]
    pub backup_ended: Option<Timestamp>,
    pub reached: String,
    pub reached_commit: Option<Timestamp>,
    pub what: String,
    pub into: String,
    pub tables: Vec<RowsView>,
    /// Of the dump.
    pub bytes: u64,
    pub roles_created: Vec<String>,
    pub harmless: Vec<String>,
    /// What is not as it was, although no row is missing for it.
    #[serde(default)]
    pub attention: Vec<String>,
    pub left_out: Vec<String>,
    /// Under which name the live one is kept, when it was swapped.
    pub kept_as: Option<String>,
    /// What only the old one has, as statements.
    pub not_there: Vec<String>,
    pub durations: Vec<StepSeconds>,
    /// The whole account, when it was put in the place of the live one.
    #[serde(default)]
    pub runbook: Option<RunbookReport>,
}

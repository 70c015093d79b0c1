//! Sources: what is protected and how it stands.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::RestoringView;

/// `POST /api/v1/sources`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProtectAsk {
    pub name: String,
    /// A libpq connection string. A password belongs into a password file of the daemon's user.
    pub url: String,
    /// `rekindle_<name>` when not said.
    #[serde(default)]
    pub slot: Option<String>,
    /// Only say what would be found; register nothing.
    #[serde(default)]
    pub dry_run: bool,
}

/// Something about a server that matters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FindingView {
    /// `fine`, `warns` or `blocks`.
    pub severity: String,
    pub title: String,
    pub why: String,
    /// The exact statement that mends it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement: Option<String>,
    pub needs_restart: bool,
}

impl FindingView {
    /// About a host: no server must be restarted for it.
    pub fn of_host(severity: &str, title: String, why: String, statement: Option<String>) -> FindingView {
        FindingView { severity: severity.to_owned(), title, why, statement, needs_restart: false }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProtectAnswer {
    pub registered: bool,
    pub name: String,
    pub slot: String,
    pub findings: Vec<FindingView>,
}

/// How the log of a source stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogView {
    /// `connecting`, `streaming`, `waiting` or `stopped`.
    pub phase: String,
    pub timeline: u32,
    pub received: String,
    pub durable: String,
    pub server_end: String,
    pub lag_bytes: u64,
    /// Every moment up to this can be restored.
    pub complete_at: Option<Timestamp>,
    pub last_contact: Option<Timestamp>,
    /// Whether commits wait for the vault.
    pub synchronous: bool,
    pub failing_since: Option<Timestamp>,
    pub failure_code: Option<String>,
    pub failure: Option<String>,
}

/// A state that somebody should know of: gap, lag, slot at risk, receiver failing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConditionView {
    /// `warning` or `critical`.
    pub severity: String,
    /// Listed in docs/alarms.md: `log-not-received`, `log-gap`, `backup-overdue`, …
    pub kind: String,
    pub since: Option<Timestamp>,
    pub text: String,
    pub advice: String,
}

/// `GET /api/v1/sources/{name}`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SourceView {
    pub name: String,
    /// Never with a password.
    pub url: String,
    pub system_identifier: String,
    pub slot: String,
    pub log: LogView,
    pub conditions: Vec<ConditionView>,
    pub backups: usize,
    pub newest_backup: Option<BackupView>,
    /// A restore takes its place just now.
    #[serde(default)]
    pub restoring: Option<RestoringView>,
    /// What cannot be looked at, and why.
    #[serde(default)]
    pub not_watched: Vec<String>,
}

/// `POST /api/v1/sources/{name}/backups`
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BackupAsk {
    #[serde(default)]
    pub label: Option<String>,
    /// Store everything anew.
    #[serde(default)]
    pub full: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BackupView {
    pub id: String,
    pub source: String,
    pub label: Option<String>,
    /// The rule of a policy that made it; none when a person did.
    #[serde(default)]
    pub rule: Option<String>,
    pub parent: Option<String>,
    pub began: Timestamp,
    pub ended: Timestamp,
    pub timeline: u32,
    pub log_from: String,
    pub log_to: String,
    pub bytes: u64,
    pub bytes_stored: u64,
    pub pages: u64,
    pub pages_changed: u64,
    pub damaged_pages: u64,
    /// The first of them: `page 7 of base/5/16385`.
    #[serde(default)]
    pub damaged: Vec<String>,
    /// What stood in the data directory and was not stored: how many, and the first of them with the reason.
    #[serde(default)]
    pub left_out_total: u64,
    #[serde(default)]
    pub left_out: Vec<String>,
    pub pinned: bool,
    pub proven: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WindowView {
    pub timeline: u32,
    pub from: String,
    pub to: String,
    pub from_time: Timestamp,
    pub to_time: Option<Timestamp>,
}

/// A stretch between two windows, or one that the server no longer had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GapView {
    pub timeline: u32,
    pub from: String,
    pub to: String,
    pub from_time: Option<Timestamp>,
    pub to_time: Option<Timestamp>,
    pub why: Option<String>,
}

/// `GET /api/v1/sources/{name}/timeline`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TimelineView {
    pub source: String,
    pub now: Timestamp,
    pub windows: Vec<WindowView>,
    pub gaps: Vec<GapView>,
    pub backups: Vec<BackupView>,
}

/// How much to keep.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeepView {
    #[serde(default)]
    pub last: Option<u32>,
    /// Seconds.
    #[serde(default)]
    pub within_seconds: Option<u64>,
    #[serde(default)]
    pub hourly: Option<u32>,
    #[serde(default)]
    pub daily: Option<u32>,
    #[serde(default)]
    pub weekly: Option<u32>,
    #[serde(default)]
    pub monthly: Option<u32>,
    #[serde(default)]
    pub yearly: Option<u32>,
    /// Seconds; unreferenced packs are kept this long.
    #[serde(default)]
    pub grace_seconds: Option<u64>,
    /// IANA name for where days begin; UTC when not said.
    #[serde(default)]
    pub time_zone: Option<String>,
}

/// `POST /api/v1/sources/{name}/expire`: an operation whose result is the plan, applied or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExpireAsk {
    pub keep: KeepView,
    /// Only the plan when false.
    pub apply: bool,
}

/// `POST /api/v1/sources/{name}/backups/{id}/pin`; DELETE takes all pins off.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PinAsk {
    #[serde(default)]
    pub why: String,
}

/// Somebody who used a database, as its server saw them: `GET /api/v1/sources/{name}/consumers`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConsumerView {
    /// Nothing: by the server's own socket.
    pub address: Option<String>,
    pub application: String,
    pub role: String,
    pub database: String,
    pub first_seen: Timestamp,
    pub last_seen: Timestamp,
    /// Looks, one a minute, at which it was there.
    pub looks: u64,
    /// The most sessions that it had at one look.
    pub sessions_max: u64,
}

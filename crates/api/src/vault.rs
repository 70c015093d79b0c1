//! The vault and the daemon's own settings, as people look at them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `GET /api/v1/vault`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct VaultView {
    pub location: String,
    pub id: String,
    /// Listed once an hour; nothing until the first time.
    pub bytes: Option<u64>,
    pub objects: Option<u64>,
    /// Of a folder vault.
    pub free: Option<u64>,
    /// Of the last seven days, one an hour.
    pub sizes: Vec<SizeAt>,
    pub sources: Vec<VaultShare>,
    pub keys: Vec<VaultKey>,
    /// When the key was last seen to open something.
    pub key_tested: Option<Timestamp>,
    pub key_wrong: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SizeAt {
    pub at: Timestamp,
    pub bytes: u64,
}

/// What the backups of a source take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VaultShare {
    pub source: String,
    pub backups: u64,
    /// All its backups together, as though each were a copy.
    pub bytes: u64,
    /// Of these, what was not in the vault yet when each was taken.
    pub bytes_new: u64,
    /// And that, compressed and sealed.
    pub bytes_stored: u64,
}

/// A way into the vault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VaultKey {
    pub id: String,
    /// `key-file`, `passphrase` or `age`
    pub kind: String,
    pub label: String,
    pub created: Timestamp,
}

/// `GET /api/v1/settings`: what the configuration says, without anything secret.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SettingsView {
    pub version: String,
    pub vault: String,
    /// `file` or `postgresql`
    pub catalog: String,
    pub listens: Option<String>,
    pub encrypted: bool,
    pub session_idle_minutes: u32,
    pub session_hours: u32,
    pub look_seconds: u64,
    pub repeat_first_seconds: u64,
    pub repeat_then_seconds: u64,
    pub waiting_seconds: u64,
    pub channels: Vec<ChannelView>,
}

/// One who is told of alarms, or waits for a heartbeat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChannelView {
    pub name: String,
    /// `webhook`, `slack`, `smtp` or `heartbeat`
    pub kind: String,
    pub to: String,
    /// The least that it is told of.
    pub severity: String,
    pub failing_since: Option<Timestamp>,
    pub error: Option<String>,
}

/// `POST /api/v1/operations/{id}/report/links`
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReportLinkAsk {
    /// A day when not said; 30 days at most.
    #[serde(default)]
    pub ttl_seconds: Option<u64>,
}

/// Who has the link may read the report until it expires.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReportLink {
    /// Behind the daemon's address.
    pub path: String,
    pub expires: Timestamp,
}

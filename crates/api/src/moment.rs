//! A moment of a source: whether it can be restored, and what lies around it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ErrorBody;

/// `GET /api/v1/sources/{name}/moment?at=2026-11-21T02:57:00Z`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MomentView {
    pub at: Timestamp,
    /// What a restore to it would come to; nothing where it cannot be reached.
    pub reached: Option<ReachedView>,
    /// Why it cannot be reached, and what can be instead.
    pub refused: Option<ErrorBody>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReachedView {
    pub position: String,
    pub timeline: u32,
    /// The last commit up to the moment.
    pub commit_before: Option<Timestamp>,
    /// The first one behind it.
    pub commit_after: Option<Timestamp>,
    pub newest_commit: Option<Timestamp>,
    pub commits_after: u64,
    pub backup: String,
    pub backup_label: Option<String>,
    pub backup_ended: Timestamp,
    /// Log to be replayed behind the backup.
    pub log_bytes: u64,
}

/// A stretch of the log in the vault: `GET /api/v1/sources/{name}/volume`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct VolumeView {
    pub from: Timestamp,
    pub to: Timestamp,
    /// As the server wrote it, and as it lies in the vault.
    pub bytes: u64,
    pub bytes_stored: u64,
}

/// What the policy would remove now: `GET /api/v1/sources/{name}/expiry`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ExpiryView {
    pub source: String,
    pub made: Timestamp,
    /// Packs that nothing needs any more stay so long.
    pub grace_seconds: u64,
    /// The newest first.
    pub backups: Vec<ExpiryDecision>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ExpiryDecision {
    pub backup: String,
    pub ended: Timestamp,
    pub keep: bool,
    pub reasons: Vec<String>,
}

/// What keeping a source will come to when all goes on as it did: `GET /api/v1/sources/{name}/outlook`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OutlookView {
    /// Measured over at least an hour and two backups; nothing before that.
    pub pace: Option<PaceView>,
    /// By the policy, played through; the nearest first. A time until which there would be too many backups is left out.
    pub ahead: Vec<HeldView>,
}

/// In bytes that it takes in the vault.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PaceView {
    /// A backup that shares nothing with any other.
    pub whole_bytes: u64,
    pub changed_bytes_a_day: u64,
    pub log_bytes_a_day: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HeldView {
    pub days: u32,
    pub backups: u64,
    pub backup_bytes: u64,
    pub log_bytes: u64,
}

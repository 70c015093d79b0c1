//! Operations: long work with progress.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ErrorBody;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OperationKind {
    Backup,
    Restore,
    Check,
    Expire,
    Clone,
    Peek,
    Drill,
    Extract,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OperationStatus {
    Running,
    Succeeded,
    Failed,
    Cancelled,
}

impl OperationStatus {
    pub fn is_over(self) -> bool {
        self != OperationStatus::Running
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// 0 when not known.
    pub bytes_total: u64,
    pub bytes_done: u64,
    /// Into or out of the vault.
    pub bytes_moved: u64,
}

/// `GET /api/v1/operations/{id}`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Operation {
    pub id: String,
    pub kind: OperationKind,
    pub source: Option<String>,
    pub status: OperationStatus,
    /// What it is doing: `files`, `replay`, …
    pub step: String,
    pub progress: Progress,
    pub started: Timestamp,
    pub ended: Option<Timestamp>,
    pub error: Option<ErrorBody>,
    /// When it succeeded: a `BackupView`, a `RestoreReport`, a check report or an expiry plan, by kind.
    pub result: Option<serde_json::Value>,
}

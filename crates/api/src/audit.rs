//! The audit log: what was asked to change, by whom.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `GET /api/v1/audit`. A change has two records: one before it is begun, one when it is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditRecord {
    pub n: u64,
    pub at: Timestamp,
    /// `nobody` when it was not shown who asks.
    pub who: String,
    /// `socket`, `session`, `token`, or how it was tried.
    pub via: String,
    /// `uid 0` on the socket, else an address.
    pub from: String,
    /// `POST /api/v1/sources/{name}/backups`
    pub action: String,
    /// What it is about: names of the path, or of the body.
    pub subject: String,
    /// `asked`, then `done` or an error's code; `refused RK-…` when it was not begun.
    pub outcome: String,
    pub request_id: String,
    /// Hash of this record, in hex; the next one holds it.
    pub hash: String,
}

/// `GET /api/v1/audit/verify`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditVerdict {
    pub whole: bool,
    pub records: u64,
    /// Of these, how many lie in the vault as well.
    pub mirrored: u64,
    /// Logs of other catalogs that lie in the vault, or of one that was here before.
    pub other_logs: u64,
    /// Hash of the last record: written down elsewhere, it proves all before.
    pub head: String,
    /// The first thing that is wrong.
    pub broken: Option<AuditBreak>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditBreak {
    /// The first record that is wrong.
    pub n: u64,
    pub what: String,
}

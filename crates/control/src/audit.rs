//! The audit log: every change that is asked for. A record is written before the change is begun, and a second one when it is answered;
//! what cannot be recorded is not begun.
//!
//! ```text
//!   record n ── hash ──► record n+1 ── hash ──► …        catalog
//!      └──────── sealed, never rewritten ────────►       vault: audit/<chain>/<from>-<to>
//! ```
//! Someone who can write to the catalog can make a chain anew, but not what lies in the vault. What was added last is there after
//! `audit.mirror_seconds`; until then only the hash before it speaks for it. A daemon that begins with a log shorter than its copy takes
//! back what is missing, and records that it did.

use std::sync::atomic::{AtomicI64, Ordering};

use api::{AuditRecord, AuditVerdict};

use crate::catalog::AuditRow;
use crate::daemon::Daemon;
use crate::error::{Error, Result};

mod chain;
mod mirror;
mod verify;

use chain::Entry;
pub(crate) use mirror::{catch_up, keep_mirror};

/// Tries to find a free number beside other daemons on one catalog.
const TRIES: u32 = 50;
pub(crate) const LISTED_MAX: u32 = 1000;

/// What is told about a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) who: String,
    pub(crate) via: String,
    pub(crate) from: String,
    pub(crate) action: String,
    pub(crate) subject: String,
    pub(crate) outcome: String,
    pub(crate) request_id: String,
}

/// Adding is one after the other within a daemon; `mirrored` is the last number that lies in the vault.
#[derive(Debug, Default)]
pub(crate) struct AuditLog {
    adding: tokio::sync::Mutex<()>,
    mirrored: AtomicI64,
}

impl AuditLog {
    fn mirrored(&self) -> i64 {
        self.mirrored.load(Ordering::Acquire)
    }

    fn set_mirrored(&self, n: i64) {
        self.mirrored.fetch_max(n, Ordering::AcqRel);
    }
}

pub(crate) async fn add(daemon: &Daemon, said: Said) -> Result<()> {
    let _one = daemon.audit.adding.lock().await;
    for _ in 0..TRIES {
        let last = daemon.catalog.last_audit().await?;
        let entry = match &last {
            Some(row) => {
                let before = Entry::read(row).map_err(damaged)?;
                Entry::after(&before, &row.hash, said.clone(), daemon.host.env.now())
            }
            None => Entry::first(daemon.host.env.random(), said.clone(), daemon.host.env.now()),
        };
        if daemon.catalog.add_audit(&entry.row()?).await? {
            return Ok(());
        }
    }
    Err(vault::Error::Internal("the audit log has no free number".into()).into())
}

fn damaged(what: String) -> Error {
    vault::Error::malformed("audit log", what).into()
}

/// The newest first, older than `before`.
pub(crate) async fn list(daemon: &Daemon, before: Option<u64>, limit: u32) -> Result<Vec<AuditRecord>> {
    let before = before.and_then(|n| i64::try_from(n).ok()).unwrap_or(i64::MAX);
    let rows = daemon.catalog.audit_before(before, i64::from(limit.clamp(1, LISTED_MAX))).await?;
    rows.iter().map(|row| Ok(view(row, &Entry::read(row).map_err(damaged)?))).collect()
}

pub(crate) async fn verify(daemon: &Daemon) -> Result<AuditVerdict> {
    verify::verify(daemon).await
}

fn view(row: &AuditRow, entry: &Entry) -> AuditRecord {
    let Said { who, via, from, action, subject, outcome, request_id } = entry.said();
    let n = row.n.unsigned_abs();
    AuditRecord { n, at: entry.at, who, via, from, action, subject, outcome, request_id, hash: row.hash.clone() }
}

#[cfg(test)]
mod tests;

//! Expiry: which backups go, said before it is done, and then done in an order in which a crash loses nothing.
//!
//! ```text
//!   plan() ──► a person or a policy reads it ──► apply()
//!   apply:  tombstone ──► manifest ──► proofs      for each backup that goes; from here on it does not exist
//!           packs that nothing has needed for `grace` ──► tombstones older than `grace` ──► log before the oldest backup
//! ```
//! - It goes by reachability, never by the order of names: a backup is as old as its manifest says, a pack is needed when any
//!   manifest of any source names it.
//! - A backup on its way shares packs with a parent that may expire meanwhile. The parent's tombstone keeps its pack table, and
//!   its packs, for `grace`; new packs are safe because they are younger than that. So `grace` must exceed any backup's duration.
//! - Ages of packs and tombstones are measured by the store's clock alone, from the newest object there is: a wrong clock
//!   here deletes nothing early, and an idle vault deletes less.
//! - A manifest that cannot be read stops everything: what it needs is not known.
//! - What must stay, stays: pinned backups, the last proven one, the last one that can be restored. `apply` looks again.
//! - A store that refuses to delete (object lock) is right: what it keeps is reported, and is no failure.

use std::fmt;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::backup::catalog::{self, BackupInfo};
use crate::error::{Error, Result};
use crate::names::SourceName;
use crate::vault::Vault;

mod apply;
mod keep;
mod log;
mod sweep;

pub use apply::{apply, apply_without_sweep, expired_at};

/// What to keep. Counts are of hours, days … that have a backup: the last backup of each is kept.
#[derive(Debug, Clone)]
pub struct KeepRules {
    pub keep_last: usize,
    pub keep_within: Option<SignedDuration>,
    pub hourly: usize,
    pub daily: usize,
    pub weekly: usize,
    pub monthly: usize,
    pub yearly: usize,
    /// Whose calendar it is.
    pub zone: TimeZone,
    /// How long packs stay after the last backup that names them went. Longer than any backup takes.
    pub grace: SignedDuration,
}

impl Default for KeepRules {
    /// Keeps nothing but what must stay.
    fn default() -> KeepRules {
        KeepRules {
            keep_last: 0,
            keep_within: None,
            hourly: 0,
            daily: 0,
            weekly: 0,
            monthly: 0,
            yearly: 0,
            zone: TimeZone::UTC,
            grace: SignedDuration::from_hours(7 * 24),
        }
    }
}

/// What becomes of one backup, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    pub backup: String,
    pub ended: Timestamp,
    pub keep: bool,
    /// In words.
    pub reasons: Vec<String>,
}

/// Newest backup first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExpiryPlan {
    pub source: String,
    pub made: Timestamp,
    pub grace: SignedDuration,
    pub backups: Vec<Decision>,
    /// Log before this position goes; nothing when no backup is kept.
    pub log_before: Option<u64>,
}

impl ExpiryPlan {
    pub fn expired(&self) -> impl Iterator<Item = &Decision> {
        self.backups.iter().filter(|decision| !decision.keep)
    }
}

impl fmt::Display for ExpiryPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gone = self.expired().count();
        writeln!(f, "{}: {} of {} backups expire", self.source, gone, self.backups.len())?;
        for decision in &self.backups {
            let verb = if decision.keep { "keep  " } else { "expire" };
            writeln!(f, "  {verb} {} {}", decision.backup, decision.reasons.join(", "))?;
        }
        match self.log_before {
            Some(position) => writeln!(f, "  log before {position:X} goes"),
            None => writeln!(f, "  the log stays"),
        }
    }
}

/// Something that the store would not delete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptByStore {
    pub object: String,
    pub why: String,
}

/// What was done.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    pub expired: Vec<String>,
    pub packs_deleted: u64,
    pub log_objects_deleted: u64,
    pub tombstones_deleted: u64,
    /// Of all that was deleted.
    pub bytes_freed: u64,
    pub kept_by_store: Vec<KeptByStore>,
}

/// Decides for every backup of a source. Changes nothing.
pub async fn plan(vault: &Vault, source: &SourceName, rules: &KeepRules, now: Timestamp) -> Result<ExpiryPlan> {
    plan_by(vault, source, rules.grace, now, |backups| keep::wanted(backups, rules, now)).await
}

/// The same by rules of another's: `wanted` gets all backups, the newest first, and gives for each why it is kept; nothing where no
/// rule does. What must stay stays whatever it says.
pub async fn plan_by(
    vault: &Vault,
    source: &SourceName,
    grace: SignedDuration,
    now: Timestamp,
    wanted: impl FnOnce(&[BackupInfo]) -> Vec<Vec<String>>,
) -> Result<ExpiryPlan> {
    if grace < SignedDuration::ZERO {
        return Err(Error::Invalid("the grace period is negative".into()));
    }
    let mut backups = catalog::backups(vault, source).await?;
    backups.reverse();
    let must_stay = keep::must_stay(vault, source, &backups).await?;
    let wanted = wanted(&backups);
    let decisions = backups.iter().zip(must_stay.into_iter().zip(wanted)).map(|(backup, (must, wanted))| {
        let mut reasons: Vec<String> = wanted.into_iter().chain(must).collect();
        let keep = !reasons.is_empty();
        if !keep {
            reasons.push("no rule keeps it".into());
        }
        Decision { backup: backup.id.to_string(), ended: backup.head.ended, keep, reasons }
    });
    let decisions: Vec<Decision> = decisions.collect();
    let kept = backups.iter().zip(&decisions).filter(|(_, decision)| decision.keep).map(|(backup, _)| backup);
    let log_before = log_before(kept);
    Ok(ExpiryPlan { source: source.to_string(), made: now, grace, backups: decisions, log_before })
}

/// The least position that any of these backups needs.
fn log_before<'a>(kept: impl Iterator<Item = &'a BackupInfo>) -> Option<u64> {
    kept.map(|backup| backup.head.log_from).min()
}

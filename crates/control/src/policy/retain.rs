//! Which backups of a source stay, and why. Pure: it gets a list and gives a decision with its reasons for each; what is done
//! about it is the vault's to do, which looks again.
//!
//! - What stays whatever the rules say: pinned, the newest complete one, the newest proven one, and the one from which the
//!   beginning of the log's window is reached.
//! - A rule sees its own complete backups only, so two rules never push out each other's. GFS counts hours, days … that have a
//!   backup, not those on the calendar: a week of downtime costs no history.
//! - What a rule of the past made is judged by every rule that is left, as though it were that rule's own, and so is kept by
//!   the longest. Without any rule left it stays until a person removes it.
//! - What goes once never comes back later for the sake of a rule; so it does not matter when, or how often, this is asked.

use jiff::{SignedDuration, Timestamp};

use super::keep::Keep;
use super::zone::Zone;

mod judge;

/// A backup, as far as its keeping is concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) id: String,
    /// Log is needed from here for the backup to be opened.
    pub(crate) began: Timestamp,
    pub(crate) ended: Timestamp,
    /// Which rule made it; a person did when there is none.
    pub(crate) rule: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) pinned: bool,
    pub(crate) proven: bool,
    /// It has all its parts, and its log.
    pub(crate) complete: bool,
}

/// What a policy says about keeping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Retention {
    /// By name.
    pub(crate) rules: Vec<(String, Keep)>,
    /// Manual backups stay until they are removed by hand when this is not said.
    pub(crate) manual: Option<Keep>,
    /// Any moment of so long is to be reachable.
    pub(crate) log: SignedDuration,
    /// Whose calendar GFS goes by.
    pub(crate) zone: Zone,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Decision {
    pub(crate) backup: String,
    pub(crate) ended: Timestamp,
    pub(crate) keep: bool,
    /// In words; at least one.
    pub(crate) reasons: Vec<String>,
}

/// Newest first.
pub(crate) fn decide(backups: &[Kept], retention: &Retention, now: Timestamp) -> Vec<Decision> {
    let anchor = log_anchor(backups, retention.log, now);
    let mut backups: Vec<&Kept> = backups.iter().collect();
    backups.sort_by_key(|backup| std::cmp::Reverse(age_order(backup)));
    let mut stays = judge::reasons_to_stay(&backups, retention, anchor, now);
    let decisions = backups.into_iter().map(|backup| {
        let mut reasons = stays.remove(backup.id.as_str()).unwrap_or_default();
        let keep = !reasons.is_empty();
        if !keep {
            reasons.push(judge::reason_to_go(backup, retention));
        }
        Decision { backup: backup.id.clone(), ended: backup.ended, keep, reasons }
    });
    decisions.collect()
}

/// The backup from which the beginning of the log's window is reached: the newest that had ended by then. While none is that
/// old it is the oldest there is, or the vault's first days would lose their beginning to a short rule.
pub(crate) fn log_anchor(backups: &[Kept], keep_log: SignedDuration, now: Timestamp) -> Option<&Kept> {
    let begins = now.checked_sub(keep_log).unwrap_or(Timestamp::MIN);
    let old_enough = complete(backups).filter(|backup| backup.ended <= begins);
    let oldest = || complete(backups).min_by_key(|backup| age_order(backup));
    old_enough.max_by_key(|backup| age_order(backup)).or_else(oldest)
}

/// From when on the log must be unbroken so that any moment of the window is reachable: from the beginning of the backup that
/// opens it. Nothing when there is no complete backup: then no log may go. Older backups that are kept need the log of their
/// own time besides.
#[cfg(test)]
pub(crate) fn log_needed_from(backups: &[Kept], keep_log: SignedDuration, now: Timestamp) -> Option<Timestamp> {
    log_anchor(backups, keep_log, now).map(|backup| backup.began)
}

fn complete(backups: &[Kept]) -> impl Iterator<Item = &Kept> {
    backups.iter().filter(|backup| backup.complete)
}

/// Two that ended together are told apart by their ids, alike each time.
fn age_order(backup: &Kept) -> (Timestamp, &str) {
    (backup.ended, &backup.id)
}

#[cfg(test)]
mod tests;

//! Whether what a timetable promises has come. Pure.
//!
//! ```text
//!   last run ──► next slot ──► its window opens ──► jitter ──► grace ──► overdue, unless one runs
//! ```

use jiff::{SignedDuration, Timestamp};

use super::condition::{Condition, Kind, Severity};
use super::gather::BackupFact;
use super::source::Facts;
use crate::config::AlertSettings;
use crate::policy::{Policy, Schedule};

/// The rule of the policy that is latest speaks for all.
pub(super) fn backups(
    facts: &Facts<'_>,
    backups: &[BackupFact],
    settings: &AlertSettings,
    now: Timestamp,
) -> Option<Condition> {
    let (policy, applied) = facts.policy?;
    if facts.work?.backup.runs {
        return None;
    }
    let late = policy.backups.iter().filter_map(|rule| {
        let of_rule = backups.iter().rev().find(|backup| backup.rule.as_deref() == Some(&rule.name));
        let last = of_rule.map(|backup| backup.began);
        let due = due(policy, &rule.schedule, last, applied)?;
        is_late(due, rule.jitter, settings, now).then_some((due, rule, of_rule))
    });
    let (due, rule, newest) = late.min_by_key(|(due, ..)| *due)?;
    let newest =
        newest.map_or("there is none".to_owned(), |backup| format!("the newest is of {}", second(backup.ended)));
    let text = format!("a backup by rule {} ({}) was due {}; {newest}", rule.name, rule.schedule, second(due));
    let advice =
        format!("see why: rekindle ops --source {} --kind backup; or take one now: rekindle backup {0}", facts.name);
    let condition = facts.condition(Severity::Critical, Kind::BackupOverdue, text, advice);
    Some(Condition { since: Some(due), ..condition })
}

pub(super) fn drill(
    facts: &Facts<'_>,
    backups: &[BackupFact],
    settings: &AlertSettings,
    now: Timestamp,
) -> Option<Condition> {
    let ((policy, applied), work) = (facts.policy?, facts.work?);
    let rule = policy.drills.as_ref()?;
    if work.drill.runs {
        return None;
    }
    let proofs = backups.iter().flat_map(|backup| [backup.proven, backup.failed]).flatten();
    let done = work.drill.last.iter().filter(|last| last.failure.is_none()).map(|last| last.ended);
    let last = proofs.chain(done).max();
    let due = due(policy, &rule.schedule, last, applied)?;
    let text = format!(
        "a drill ({}) was due {}; {}",
        rule.schedule,
        second(due),
        last.map_or("there was none".to_owned(), |last| format!("the last one was {}", second(last)))
    );
    let advice =
        format!("see why: rekindle ops --source {} --kind drill; or drill now: rekindle drill {0}", facts.name);
    let condition = facts.condition(Severity::Warning, Kind::DrillOverdue, text, advice);
    is_late(due, SignedDuration::ZERO, settings, now).then_some(Condition { since: Some(due), ..condition })
}

/// When the next run may begin. What never ran is due at once, and so is what a new timetable finds late.
fn due(policy: &Policy, schedule: &Schedule, last: Option<Timestamp>, applied: Timestamp) -> Option<Timestamp> {
    let slot = match last {
        Some(last) => schedule.next_after(last)?.max(applied),
        None => applied,
    };
    policy.next_open(slot)
}

fn is_late(due: Timestamp, jitter: SignedDuration, settings: &AlertSettings, now: Timestamp) -> bool {
    let grace = SignedDuration::from_secs(i64::try_from(settings.overdue_grace_seconds).unwrap_or(i64::MAX));
    now.duration_since(due) > jitter.saturating_add(grace)
}

/// As exact as people want it.
fn second(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

#[cfg(test)]
mod tests;

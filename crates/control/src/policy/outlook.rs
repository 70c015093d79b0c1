//! What keeping a source comes to when all goes on as it did: the rules are played through up to a day to come. Pure.

use jiff::{SignedDuration, Timestamp};

use super::Policy;
use super::retain::{Kept, decide, log_anchor};

/// What comes into the vault, in bytes that it takes there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Pace {
    /// A backup that shares nothing with any other.
    pub(crate) whole: f64,
    pub(crate) changed_a_day: f64,
    pub(crate) log_a_day: f64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outlook {
    pub(crate) backups: usize,
    pub(crate) backup_bytes: u64,
    pub(crate) log_bytes: u64,
}

/// More backups than this are not played through.
const SLOTS_MAX: usize = 20_000;
const DAY_SECONDS: f64 = 86_400.0;

/// Nothing where a rule has too many backups up to then. Manual backups are those there are; nobody knows of others.
///
/// Of two backups that are kept one behind the other, the later takes what changed between them, and never more than a whole one.
pub(crate) fn outlook(policy: &Policy, held: &[Kept], pace: Pace, now: Timestamp, then: Timestamp) -> Option<Outlook> {
    let mut all = held.to_vec();
    for rule in &policy.backups {
        let mut slot = rule.schedule.next_after(now);
        while let Some(at) = slot.filter(|at| *at <= then) {
            all.push(to_come(&rule.name, at));
            slot = rule.schedule.next_after(at);
            if all.len() > SLOTS_MAX {
                return None;
            }
        }
    }
    let mut ends: Vec<Timestamp> = decide(&all, &policy.retention(), then)
        .into_iter()
        .filter_map(|decision| decision.keep.then_some(decision.ended))
        .collect();
    ends.sort_unstable();
    let between = |pair: &[Timestamp]| (days(pair[0], pair[1]) * pace.changed_a_day).min(pace.whole);
    let first = if ends.is_empty() { 0.0 } else { pace.whole };
    let log_from = log_anchor(&all, policy.log.keep, then).map(|anchor| anchor.began);
    Some(Outlook {
        backups: ends.len(),
        backup_bytes: (first + ends.windows(2).map(between).sum::<f64>()) as u64,
        log_bytes: (log_from.map_or(0.0, |from| days(from, then)) * pace.log_a_day) as u64,
    })
}

fn to_come(rule: &str, at: Timestamp) -> Kept {
    Kept {
        id: format!("{rule} {at}"),
        began: at,
        ended: at,
        rule: Some(rule.to_owned()),
        name: None,
        pinned: false,
        proven: false,
        complete: true,
    }
}

pub(crate) fn days(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).max(SignedDuration::ZERO).as_secs_f64() / DAY_SECONDS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{BackupRule, LogRule};

    const PACE: Pace = Pace { whole: 1000.0, changed_a_day: 10.0, log_a_day: 100.0 };

    fn policy(rules: &[(&str, &str)], log_days: i64) -> Policy {
        let rule = |(schedule, keep): &(&str, &str)| BackupRule {
            name: (*schedule).to_owned(),
            schedule: schedule.parse().unwrap(),
            jitter: SignedDuration::ZERO,
            keep: keep.parse().unwrap(),
            catch_up: true,
        };
        let log = LogRule { keep: SignedDuration::from_hours(24 * log_days) };
        Policy { backups: rules.iter().map(rule).collect(), log, ..Policy::default() }
    }

    fn in_a_year(policy: &Policy, held: &[Kept]) -> Option<Outlook> {
        let now: Timestamp = "2026-11-22T12:30:00Z".parse().unwrap();
        outlook(policy, held, PACE, now, now + SignedDuration::from_hours(24 * 365))
    }

    #[test]
    fn it_stays_as_large_as_the_rules_allow() {
        let seen = in_a_year(&policy(&[("daily at 02:00", "5 d")], 7), &[]).unwrap();
        // Five of the rule, and those from which the log of a week is reached: the days before would be gone without them.
        assert!((5..=8).contains(&seen.backups), "{seen:?}");
        assert!((1040..=1080).contains(&seen.backup_bytes), "{seen:?}");
        assert!((700..=800).contains(&seen.log_bytes), "{seen:?}");
        let longer = in_a_year(&policy(&[("daily at 02:00", "gfs 7 daily 12 monthly")], 7), &[]).unwrap();
        assert!(longer.backups > seen.backups && longer.backup_bytes > 1000 + 10 * 300, "{longer:?}");
    }

    #[test]
    fn a_change_takes_never_more_than_all_of_it() {
        let pace = Pace { changed_a_day: 1e6, ..PACE };
        let now: Timestamp = "2026-11-22T12:30:00Z".parse().unwrap();
        let then = now + SignedDuration::from_hours(24 * 30);
        let seen = outlook(&policy(&[("daily at 02:00", "last 3")], 1), &[], pace, now, then).unwrap();
        assert_eq!(seen.backup_bytes, 1000 * seen.backups as u64);
    }

    #[test]
    fn without_rules_it_is_what_is_there_and_the_log_of_since() {
        let held = Kept { rule: None, ..to_come("", "2026-11-21T12:30:00Z".parse().unwrap()) };
        let seen = in_a_year(&policy(&[], 7), &[held]).unwrap();
        assert_eq!(seen, Outlook { backups: 1, backup_bytes: 1000, log_bytes: 366 * 100 });
    }

    #[test]
    fn what_is_taken_each_minute_is_not_played_through_for_a_year() {
        assert_eq!(in_a_year(&policy(&[("every 1 min", "last 3")], 7), &[]), None);
    }
}

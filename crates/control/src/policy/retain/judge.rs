//! The reasons for a backup to stay or to go, in words. All lists of backups here are newest first.

use std::collections::{HashMap, HashSet};

use jiff::{SignedDuration, Timestamp};

use super::{Kept, Retention};
use crate::policy::duration;
use crate::policy::keep::{Keep, Level};
use crate::policy::zone::Zone;

/// By the id of a backup.
type Reasons<'a> = HashMap<&'a str, Vec<String>>;

/// `anchor` is the backup from which the log's window is reached.
pub(super) fn reasons_to_stay<'a>(
    backups: &[&'a Kept],
    retention: &Retention,
    anchor: Option<&'a Kept>,
    now: Timestamp,
) -> Reasons<'a> {
    let mut reasons = Reasons::new();
    by_rules(&mut reasons, backups, retention, now);
    by_rules_of_others(&mut reasons, backups, retention, now);
    by_hand(&mut reasons, backups, retention, now);
    whatever_the_rules_say(&mut reasons, backups);
    if let Some(anchor) = anchor {
        add(&mut reasons, anchor, opens_log(anchor, retention.log, now));
    }
    reasons
}

fn opens_log(anchor: &Kept, keep: SignedDuration, now: Timestamp) -> String {
    let begins = before(now, keep);
    let keep = duration::print(keep);
    match anchor.ended <= begins {
        true => format!("the log's window of {keep} begins at {} and is reached from here", minute(begins)),
        false => format!("the log's window of {keep} is reached from here on, and no older backup is there"),
    }
}

fn by_rules<'a>(reasons: &mut Reasons<'a>, backups: &[&'a Kept], retention: &Retention, now: Timestamp) {
    for (rule, keep) in &retention.rules {
        let own = complete(backups, |backup| backup.rule.as_ref() == Some(rule));
        for (backup, why) in kept_by(keep, &own, now, &retention.zone) {
            add(reasons, backup, format!("rule {rule} keeps {keep}: {why}"));
        }
    }
}

/// Backups whose rule is gone: the rule that keeps longest, of those that keep it, is named.
fn by_rules_of_others<'a>(reasons: &mut Reasons<'a>, backups: &[&'a Kept], retention: &Retention, now: Timestamp) {
    let orphans = backups.iter().filter_map(|backup| Some((*backup, gone_rule(backup, retention)?)));
    if retention.rules.is_empty() {
        for (backup, gone) in orphans {
            add(reasons, backup, format!("its rule {gone} is gone, and there is no other: until removed by hand"));
        }
        return;
    }
    let mut rules: Vec<&(String, Keep)> = retention.rules.iter().collect();
    rules.sort_by_key(|(_, keep)| std::cmp::Reverse(reach(keep)));
    for (rule, keep) in rules {
        let like_own = |backup: &Kept| backup.rule.as_ref() == Some(rule) || gone_rule(backup, retention).is_some();
        for (backup, why) in kept_by(keep, &complete(backups, like_own), now, &retention.zone) {
            if let Some(gone) = gone_rule(backup, retention)
                && !reasons.contains_key(backup.id.as_str())
            {
                add(reasons, backup, format!("its rule {gone} is gone; rule {rule} keeps {keep}: {why}"));
            }
        }
    }
}

fn by_hand<'a>(reasons: &mut Reasons<'a>, backups: &[&'a Kept], retention: &Retention, now: Timestamp) {
    let Some(keep) = &retention.manual else {
        for backup in backups.iter().filter(|backup| backup.rule.is_none()) {
            add(reasons, backup, format!("{}: until removed by hand", manual(backup)));
        }
        return;
    };
    let own = complete(backups, |backup| backup.rule.is_none());
    for (backup, why) in kept_by(keep, &own, now, &retention.zone) {
        add(reasons, backup, format!("{}, kept {keep}: {why}", manual(backup)));
    }
}

fn whatever_the_rules_say<'a>(reasons: &mut Reasons<'a>, backups: &[&'a Kept]) {
    for backup in backups.iter().filter(|backup| backup.pinned) {
        add(reasons, backup, "pinned".into());
    }
    let whole = complete(backups, |_| true);
    if let Some(newest) = whole.first() {
        add(reasons, newest, "newest complete".into());
    }
    if let Some(proven) = whole.iter().find(|backup| backup.proven) {
        add(reasons, proven, "newest proven".into());
    }
    let newer_than_whole = backups.iter().take_while(|backup| !backup.complete);
    for backup in newer_than_whole {
        add(reasons, backup, "not complete, but no newer one is".into());
    }
}

/// For a backup that nothing keeps.
pub(super) fn reason_to_go(backup: &Kept, retention: &Retention) -> String {
    if !backup.complete {
        return "not complete, and a newer one is".into();
    }
    let own = |(rule, _): &&(String, Keep)| backup.rule.as_ref() == Some(rule);
    match (&backup.rule, retention.rules.iter().find(own), &retention.manual) {
        (Some(_), Some((rule, keep)), _) => format!("rule {rule} keeps {keep}: {}", is_past(keep, backup)),
        (Some(gone), None, _) => format!("its rule {gone} is gone, and no other keeps it"),
        (None, _, Some(keep)) => format!("{}, kept {keep}: {}", manual(backup), is_past(keep, backup)),
        (None, _, None) => manual(backup),
    }
}

fn is_past(keep: &Keep, backup: &Kept) -> String {
    match keep {
        Keep::For(length) => format!("over since {}", minute(after(backup.ended, *length))),
        Keep::Last(_) | Keep::Gfs(_) => "newer ones have its place".into(),
    }
}

fn manual(backup: &Kept) -> String {
    match &backup.name {
        Some(name) => format!("manual backup {name:?}"),
        None => "manual backup".into(),
    }
}

/// The name of the rule that made it, when the policy has it no more.
fn gone_rule<'a>(backup: &'a Kept, retention: &Retention) -> Option<&'a str> {
    let rule = backup.rule.as_deref()?;
    retention.rules.iter().all(|(known, _)| known != rule).then_some(rule)
}

fn complete<'a>(backups: &[&'a Kept], also: impl Fn(&Kept) -> bool) -> Vec<&'a Kept> {
    backups.iter().copied().filter(|backup| backup.complete && also(backup)).collect()
}

fn add<'a>(reasons: &mut Reasons<'a>, backup: &'a Kept, reason: String) {
    reasons.entry(&backup.id).or_default().push(reason);
}

/// Those of `backups` that `keep` keeps, and why.
fn kept_by<'a>(keep: &Keep, backups: &[&'a Kept], now: Timestamp, zone: &Zone) -> Vec<(&'a Kept, String)> {
    match keep {
        Keep::For(length) => {
            let ends = backups.iter().map(|backup| (*backup, after(backup.ended, *length)));
            ends.filter(|(_, end)| now < *end).map(|(backup, end)| (backup, format!("until {}", minute(end)))).collect()
        }
        Keep::Last(count) => {
            let last = backups.iter().take(*count as usize).enumerate();
            last.map(|(at, backup)| (*backup, format!("number {}", at + 1))).collect()
        }
        Keep::Gfs(gfs) => {
            let levels = gfs.levels().into_iter();
            let kept = levels.flat_map(|(level, count)| newest_of_each(level, count, backups, zone));
            let mut seen = HashSet::new();
            kept.filter(|(backup, _)| seen.insert(backup.id.as_str())).collect()
        }
    }
}

/// The newest backup of each of the newest `count` parts of the calendar that have one.
fn newest_of_each<'a>(level: Level, count: u32, backups: &[&'a Kept], zone: &Zone) -> Vec<(&'a Kept, String)> {
    let mut seen = HashSet::new();
    let parts = backups.iter().map(|backup| (*backup, calendar_part(level, backup.ended, zone)));
    let newest = parts.filter(|(_, part)| seen.insert(part.clone()));
    newest.take(count as usize).map(|(backup, part)| (backup, format!("newest of {part}"))).collect()
}

/// The hour has its offset with it: on the night that the clock goes back one comes twice. Weeks are those of ISO 8601.
fn calendar_part(level: Level, time: Timestamp, zone: &Zone) -> String {
    let format = match level {
        Level::Hourly => "%Y-%m-%dT%H%:z",
        Level::Daily => "%Y-%m-%d",
        Level::Weekly => "week %G-W%V",
        Level::Monthly => "%Y-%m",
        Level::Yearly => "%Y",
    };
    zone.at(time).strftime(format).to_string()
}

/// About how far back a rule keeps, to order rules by. A number of backups says nothing about time.
fn reach(keep: &Keep) -> SignedDuration {
    match keep {
        Keep::For(length) => *length,
        Keep::Last(_) => SignedDuration::ZERO,
        Keep::Gfs(gfs) => {
            let hours = gfs.levels().map(|(level, count)| i64::from(count) * hours_about(level));
            SignedDuration::from_hours(hours.into_iter().max().unwrap_or(0))
        }
    }
}

fn hours_about(level: Level) -> i64 {
    match level {
        Level::Hourly => 1,
        Level::Daily => 24,
        Level::Weekly => 7 * 24,
        Level::Monthly => 30 * 24,
        Level::Yearly => 365 * 24,
    }
}

fn after(time: Timestamp, length: SignedDuration) -> Timestamp {
    time.checked_add(length).unwrap_or(Timestamp::MAX)
}

fn before(time: Timestamp, length: SignedDuration) -> Timestamp {
    time.checked_sub(length).unwrap_or(Timestamp::MIN)
}

fn minute(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%MZ").to_string()
}

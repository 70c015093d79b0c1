//! Retention: each reason in words, and its laws on any list of backups.

use std::collections::HashSet;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::{Decision, Kept, Retention, decide, log_anchor, log_needed_from};
use crate::policy::Keep;

const HOUR: SignedDuration = SignedDuration::from_hours(1);
const SECOND: SignedDuration = SignedDuration::from_secs(1);
const NOW: &str = "2026-11-21T12:00Z";

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn retention(rules: &[(&str, &str)], manual: Option<&str>, log: SignedDuration, zone: &str) -> Retention {
    let keep = |text: &str| text.parse::<Keep>().expect(text);
    Retention {
        rules: rules.iter().map(|(name, text)| ((*name).to_owned(), keep(text))).collect(),
        manual: manual.map(keep),
        log,
        zone: zone.parse().expect("a zone"),
    }
}

fn backup(id: &str, rule: Option<&str>, ended: &str) -> Kept {
    let ended = at(ended);
    Kept {
        id: id.to_owned(),
        began: ended - HOUR,
        ended,
        rule: rule.map(str::to_owned),
        name: None,
        pinned: false,
        proven: false,
        complete: true,
    }
}

fn said(decisions: &[Decision]) -> String {
    let line = |decision: &Decision| {
        let verdict = if decision.keep { "keep  " } else { "remove" };
        format!("{verdict} {}: {}\n", decision.backup, decision.reasons.join("; "))
    };
    decisions.iter().map(line).collect()
}

fn kept(decisions: &[Decision]) -> Vec<&str> {
    decisions.iter().filter(|decision| decision.keep).map(|decision| decision.backup.as_str()).collect()
}

/// Long after, with next to no log: what else is kept is the newest, which every rule keeps anyway.
fn kept_of(backups: &[Kept], rule: (&str, &str), zone: &str) -> Vec<String> {
    let retention = retention(&[rule], None, SECOND, zone);
    kept(&decide(backups, &retention, at("2030-01-01T00:00Z"))).into_iter().map(str::to_owned).collect()
}

#[test]
fn every_reason_is_said_in_words() {
    let mut backups = vec![
        backup("h1", Some("hourly"), "2026-11-21T11:00Z"),
        backup("h2", Some("hourly"), "2026-11-19T00:01Z"),
        backup("h3", Some("hourly"), "2026-11-19T00:00Z"),
        backup("d1", Some("daily"), "2026-11-21T02:00Z"),
        backup("d2", Some("daily"), "2026-11-16T12:00:01Z"),
        backup("d3", Some("daily"), "2026-11-16T12:00Z"),
        backup("l1", Some("long"), "2026-11-15T02:00Z"),
        backup("l2", Some("long"), "2026-10-15T02:00Z"),
        backup("l3", Some("long"), "2026-10-14T02:00Z"),
        backup("n1", Some("nightly"), "2026-11-17T02:00Z"),
        backup("n2", Some("nightly"), "2026-10-01T02:00Z"),
        backup("n3", Some("nightly"), "2026-09-30T02:00Z"),
        backup("m1", None, "2026-11-10T02:00Z"),
        backup("m2", None, "2025-01-10T02:00Z"),
        backup("p1", Some("daily"), "2025-06-01T02:00Z"),
        backup("i1", Some("hourly"), "2026-11-21T11:30Z"),
        backup("i2", Some("hourly"), "2026-11-21T10:30Z"),
    ];
    for backup in &mut backups {
        match backup.id.as_str() {
            "m1" => backup.name = Some("before-upgrade".into()),
            "p1" => backup.pinned = true,
            "l3" => backup.proven = true,
            "i1" | "i2" => backup.complete = false,
            _ => {}
        }
    }
    let rules = [("hourly", "60 h"), ("daily", "5 d"), ("long", "gfs 1 daily 2 monthly")];
    let week = SignedDuration::from_hours(7 * 24);
    let by_hand = decide(&backups, &retention(&rules, None, week, "Europe/Berlin"), at(NOW));
    let month = decide(&backups, &retention(&rules, Some("30 d"), week, "Europe/Berlin"), at(NOW));
    let count = decide(&backups, &retention(&[("daily", "last 1")], Some("last 1"), week, "UTC"), at(NOW));
    let none = decide(&backups, &retention(&[], None, week, "UTC"), at(NOW));
    let all = [by_hand, month, count, none].map(|decisions| said(&decisions)).join("\n");
    assert_eq!(all, include_str!("decided.txt"));
}

#[test]
fn a_rule_sees_its_own_backups_only() {
    let backups = [
        backup("h1", Some("hourly"), "2026-11-21T11:00Z"),
        backup("h2", Some("hourly"), "2026-11-21T10:00Z"),
        backup("d1", Some("daily"), "2026-11-20T02:00Z"),
        backup("d2", Some("daily"), "2026-11-19T02:00Z"),
        backup("d3", Some("daily"), "2026-11-18T02:00Z"),
    ];
    let rules = retention(&[("hourly", "last 1"), ("daily", "last 2")], None, SECOND, "UTC");
    assert_eq!(kept(&decide(&backups, &rules, at(NOW))), ["h1", "d1", "d2"]);
}

#[test]
fn gfs_keeps_the_newest_of_each_part_of_the_calendar() {
    let days =
        ["2026-11-21T10:00Z", "2026-11-20T23:30Z", "2026-11-20T22:30Z", "2026-11-20T08:00Z", "2026-11-12T08:00Z"];
    let backups: Vec<Kept> = days.iter().map(|ended| backup(ended, Some("g"), ended)).collect();
    let of_utc = kept_of(&backups, ("g", "gfs 3 daily"), "UTC");
    assert_eq!(of_utc, ["2026-11-21T10:00Z", "2026-11-20T23:30Z", "2026-11-12T08:00Z"], "days with a backup count");
    // In Berlin 23:30Z is the next day, so the newest of the 20th is another.
    let of_berlin = kept_of(&backups, ("g", "gfs 2 daily"), "Europe/Berlin");
    assert_eq!(of_berlin, ["2026-11-21T10:00Z", "2026-11-20T22:30Z"]);
    let of_weeks = kept_of(&backups, ("g", "gfs 2 weekly"), "UTC");
    assert_eq!(of_weeks, ["2026-11-21T10:00Z", "2026-11-12T08:00Z"]);
}

#[test]
fn gfs_weeks_are_those_of_iso_and_years_do_not_split_them() {
    let days = ["2027-01-03T10:00Z", "2026-12-31T10:00Z", "2026-12-27T10:00Z"];
    let backups: Vec<Kept> = days.iter().map(|ended| backup(ended, Some("g"), ended)).collect();
    assert_eq!(kept_of(&backups, ("g", "gfs 2 weekly"), "UTC"), ["2027-01-03T10:00Z", "2026-12-27T10:00Z"]);
    assert_eq!(kept_of(&backups, ("g", "gfs 2 yearly"), "UTC"), ["2027-01-03T10:00Z", "2026-12-31T10:00Z"]);
    assert_eq!(kept_of(&backups, ("g", "gfs 9 monthly"), "UTC"), ["2027-01-03T10:00Z", "2026-12-31T10:00Z"]);
}

#[test]
fn an_hour_that_comes_twice_is_two_hours() {
    let hours = ["2026-10-25T01:40Z", "2026-10-25T01:20Z", "2026-10-25T00:40Z", "2026-10-25T00:20Z"];
    let backups: Vec<Kept> = hours.iter().map(|ended| backup(ended, Some("g"), ended)).collect();
    let both = kept_of(&backups, ("g", "gfs 9 hourly"), "Europe/Berlin");
    assert_eq!(both, ["2026-10-25T01:40Z", "2026-10-25T00:40Z"], "02:40 and 02:40");
}

#[test]
fn the_backup_before_the_log_window_opens_it() {
    let log = HOUR * 24;
    let backups = [
        backup("b1", Some("r"), "2026-11-21T06:00Z"),
        backup("b2", Some("r"), "2026-11-20T12:00:01Z"),
        backup("b3", Some("r"), "2026-11-20T12:00Z"),
        backup("b4", Some("r"), "2026-11-19T12:00Z"),
    ];
    let rules = retention(&[("r", "1 h")], None, log, "UTC");
    assert_eq!(kept(&decide(&backups, &rules, at(NOW))), ["b1", "b3"]);
    assert_eq!(log_anchor(&backups, log, at(NOW)).map(|anchor| anchor.id.as_str()), Some("b3"));
    assert_eq!(log_needed_from(&backups, log, at(NOW)), Some(at("2026-11-20T11:00Z")), "from where it began");
    assert_eq!(log_needed_from(&backups[..2], log, at(NOW)), Some(at("2026-11-20T11:00:01Z")), "from the oldest");
    let mut broken = backups.clone();
    broken[2].complete = false;
    assert_eq!(log_anchor(&broken, log, at(NOW)).map(|anchor| anchor.id.as_str()), Some("b4"));
    let young = retention(&[("r", "1 h")], None, HOUR * 9_999, "UTC");
    let of_young = decide(&backups, &young, at(NOW));
    assert_eq!(kept(&of_young), ["b1", "b4"], "a vault younger than its window");
    let why = "the log's window of 9999 h is reached from here on, and no older backup is there";
    assert_eq!(of_young[3].reasons, [why]);
    assert_eq!(log_needed_from(&[], log, at(NOW)), None);
    assert_eq!(log_needed_from(&broken[2..3], log, at(NOW)), None);
}

#[test]
fn what_a_rule_of_the_past_made_goes_when_the_rules_that_are_left_would_let_it_go() {
    let backups = [
        backup("d1", Some("daily"), "2026-11-21T02:00Z"),
        backup("d2", Some("daily"), "2026-11-20T02:00Z"),
        backup("n1", Some("nightly"), "2026-11-19T02:00Z"),
        backup("n2", Some("nightly"), "2026-11-18T02:00Z"),
    ];
    let left = |rules: &[(&str, &str)]| {
        let decisions = decide(&backups, &retention(rules, None, SECOND, "UTC"), at(NOW));
        kept(&decisions).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(left(&[("daily", "last 3")]), ["d1", "d2", "n1"], "as though they were its own");
    assert_eq!(left(&[("daily", "last 2")]), ["d1", "d2"]);
    assert_eq!(left(&[("daily", "1 h"), ("weekly", "3 d")]), ["d1", "n1"], "by the longest");
    assert_eq!(left(&[]), ["d1", "d2", "n1", "n2"]);
}

/// Any backups in two months, of two rules, one of the past, or of a person.
fn backups() -> impl Strategy<Value = Vec<Kept>> {
    let rule = prop::sample::select(vec![Some("a"), Some("b"), Some("gone"), None]);
    let one =
        (0..60 * 24 * 12_i64, rule, prop::bool::weighted(0.1), prop::bool::weighted(0.3), prop::bool::weighted(0.9));
    prop::collection::vec(one, 0..40).prop_map(|all| {
        let made = all.into_iter().enumerate().map(|(id, (age, rule, pinned, proven, complete))| {
            let ended = at(NOW) - SignedDuration::from_mins(age * 5);
            let mut made = backup(&id.to_string(), rule, NOW);
            (made.began, made.ended) = (ended - HOUR, ended);
            (made.pinned, made.proven, made.complete) = (pinned, proven, complete);
            made
        });
        made.collect()
    })
}

fn retentions() -> impl Strategy<Value = Retention> {
    let keep = || {
        prop::sample::select(vec![
            "60 h",
            "5 d",
            "20 d",
            "last 1",
            "last 4",
            "gfs 5 hourly 3 daily 2 weekly",
            "gfs 2 monthly",
        ])
    };
    let manual = prop::option::of(keep());
    let zone = prop::sample::select(vec!["UTC", "Europe/Berlin", "America/New_York"]);
    (keep(), keep(), 0..3_usize, manual, 1..600_i64, zone).prop_map(|(a, b, count, manual, log, zone)| {
        retention(&[("a", a), ("b", b)][..count], manual, SignedDuration::from_hours(log), zone)
    })
}

/// Reasons that another moment may give, or take away: they follow the newest, not the age.
fn follows_the_newest(reason: &str) -> bool {
    reason.starts_with("the log's window")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_must_stay_stays(backups in backups(), retention in retentions()) {
        let decisions = decide(&backups, &retention, at(NOW));
        prop_assert_eq!(decisions.len(), backups.len());
        prop_assert!(decisions.iter().all(|decision| !decision.reasons.is_empty()));
        let kept: HashSet<&str> = kept(&decisions).into_iter().collect();
        let stays = |backup: &Kept| kept.contains(backup.id.as_str());
        let complete = || backups.iter().filter(|backup| backup.complete);
        let newest_of = |all: Vec<&Kept>| all.iter().map(|backup| backup.ended).max();
        let newest = newest_of(complete().collect());
        let proven = newest_of(complete().filter(|backup| backup.proven).collect());
        // Of two that ended together either will do.
        prop_assert!(newest.is_none() || complete().any(|backup| Some(backup.ended) == newest && stays(backup)));
        let stays_proven = |backup: &Kept| backup.proven && Some(backup.ended) == proven && stays(backup);
        prop_assert!(proven.is_none() || complete().any(stays_proven));
        for backup in &backups {
            prop_assert!(!backup.pinned || stays(backup), "pinned");
            prop_assert!(backup.rule.is_some() || retention.manual.is_some() || stays(backup), "manual");
        }
    }

    #[test]
    fn what_goes_once_goes_ever_after(backups in backups(), retention in retentions(), hours in 1..2_000_i64) {
        let now = decide(&backups, &retention, at(NOW));
        let later = decide(&backups, &retention, at(NOW) + HOUR * i32::try_from(hours).expect("small"));
        for (now, later) in now.iter().zip(&later) {
            prop_assert_eq!(&now.backup, &later.backup);
            let back = later.keep && !later.reasons.iter().all(|reason| follows_the_newest(reason));
            prop_assert!(now.keep || !back, "{}: {:?}, then {:?}", now.backup, now.reasons, later.reasons);
        }
    }

    #[test]
    fn removing_what_goes_changes_nothing_else(backups in backups(), retention in retentions()) {
        let decisions = decide(&backups, &retention, at(NOW));
        let kept: Vec<Decision> = decisions.into_iter().filter(|decision| decision.keep).collect();
        let left: Vec<Kept> =
            backups.into_iter().filter(|backup| kept.iter().any(|decision| decision.backup == backup.id)).collect();
        prop_assert_eq!(decide(&left, &retention, at(NOW)), kept);
    }

    #[test]
    fn the_window_of_the_log_stays_reachable_while_expiry_runs(
        backups in backups(),
        retention in retentions(),
        steps in prop::collection::vec(1..200_i32, 1..12),
    ) {
        let mut present = Vec::new();
        let mut coming = backups;
        coming.sort_by_key(|backup| backup.ended);
        let first = coming.iter().find(|backup| backup.complete).map(|backup| backup.ended);
        let mut now = at(NOW) - HOUR * 24 * 60;
        let mut log_from = Timestamp::MIN;
        for step in steps {
            now += HOUR * step;
            present.extend(coming.extract_if(.., |backup| backup.ended <= now));
            let decisions = decide(&present, &retention, now);
            let kept: HashSet<&str> = kept(&decisions).into_iter().collect();
            present.retain(|backup| kept.contains(backup.id.as_str()));
            log_from = log_from.max(log_needed_from(&present, retention.log, now).unwrap_or(Timestamp::MIN));
            let begins = now - retention.log;
            // Before the first backup there was nothing to open.
            if first.is_some_and(|first| first <= begins) {
                let opens = |backup: &Kept| backup.complete && backup.ended <= begins && log_from <= backup.began;
                prop_assert!(present.iter().any(opens), "at {now} nothing opens {begins}: log from {log_from}, {present:?}");
            }
        }
    }
}

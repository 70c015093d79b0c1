//! What the parts do together.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::invalid::Invalid;
use super::{Allowance, BackupRule, Due, Keep, MaintenanceWindow, Policy, Schedule, SourceUrl};

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn rule(schedule: &str, catch_up: bool) -> BackupRule {
    BackupRule {
        name: "daily".into(),
        schedule: schedule.parse().expect("a schedule"),
        jitter: SignedDuration::from_mins(10),
        keep: Keep::Last(1),
        catch_up,
    }
}

#[test]
fn without_catching_up_a_late_run_waits_for_the_next_slot() {
    let late = SignedDuration::from_mins(5);
    let last = Some(at("2026-11-20T02:00Z"));
    let now_of = Due::Now { of: at("2026-11-21T02:00Z"), missed: 0 };
    let next = Due::Nothing { next: Some(at("2026-11-22T02:00Z")) };
    let due = |catch_up, now| rule("daily at 02:00", catch_up).due(last, at(now), late);
    assert_eq!(due(true, "2026-11-21T09:00Z"), now_of);
    assert_eq!(due(false, "2026-11-21T09:00Z"), next);
    assert_eq!(due(false, "2026-11-21T02:15Z"), now_of, "the jitter is no delay");
    assert_eq!(due(false, "2026-11-21T02:15:01Z"), next);
    let never_ran = rule("daily at 02:00", false).due(None, at("2026-11-21T09:00Z"), late);
    assert_eq!(never_ran, now_of);
}

#[test]
fn sources_of_one_rule_begin_apart() {
    let rule = rule("daily at 02:00", true);
    let slot = at("2026-11-21T02:00Z");
    assert_ne!(rule.begins(slot, "orders"), rule.begins(slot, "search"));
    assert_eq!(rule.begins(slot, "orders"), rule.begins(slot, "orders"));
}

#[test]
fn without_windows_it_is_always_open() {
    let now = at("2026-11-21T12:00Z");
    let always = Policy::default();
    assert!(always.is_open(now));
    assert_eq!(always.next_open(now), Some(now));
    let windows = ["Sun 02:00-06:00", "daily 23:00-24:00"].map(|text| text.parse().expect("a window"));
    let policy = Policy { windows: windows.into(), ..Policy::default() };
    assert!(!policy.is_open(now));
    assert_eq!(policy.next_open(now), Some(at("2026-11-21T23:00Z")));
    assert!(policy.is_open(at("2026-11-22T05:00Z")), "any of them is enough");
}

#[test]
fn an_allowance_counts_what_is_there() {
    assert!(!Allowance::No.allows_one_more(0));
    assert!(Allowance::UpTo(2).allows_one_more(1));
    assert!(!Allowance::UpTo(2).allows_one_more(2));
    assert!(Allowance::Unlimited.allows_one_more(u32::MAX));
}

/// Words that mean something somewhere, some that do not, and any characters at all.
fn texts() -> impl Strategy<Value = String> {
    let words = "every hourly daily weekly monthly cron on at last gfs 7 0 -1 24 31 15 min h d 1h30m months \
        02:00 :15 24:00 02:00-06:00 23:00-01:00 Sun Sat,Sun , * */5 1-5 L 5L 0,30 MON JAN UTC Europe/Berlin Z env: file:/x";
    let words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
    let word = prop_oneof![9 => prop::sample::select(words), 1 => "\\PC{0,4}"];
    prop::collection::vec(word, 0..8).prop_map(|words| words.join(" "))
}

/// Refused in words, or printed as what is read as the same.
fn is_read_or_refused<T>(text: &str) -> Result<(), TestCaseError>
where
    T: FromStr<Err = Invalid> + Display + Debug + PartialEq,
{
    match text.parse::<T>() {
        Ok(read) => prop_assert_eq!(read.to_string().parse::<T>(), Ok(read)),
        Err(error) => prop_assert!(!error.what.is_empty()),
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_read_or_refused(text in texts()) {
        is_read_or_refused::<Schedule>(&text)?;
        is_read_or_refused::<Keep>(&text)?;
        is_read_or_refused::<MaintenanceWindow>(&text)?;
        is_read_or_refused::<SourceUrl>(&text)?;
    }
}

//! What is due at a moment, and what is not.

use super::*;
use crate::policy::file;

fn stack() -> Stack {
    file::parse(
        r#"
        [stack]
        name = "shop"
        [[source]]
        name = "shop"
        url = "postgres:///shop"
        [policy]
        windows = ["daily 01:00-05:00 UTC"]
        [[policy.backup]]
        name = "daily"
        schedule = "daily at 02:00 UTC"
        keep = "5 d"
        [[policy.backup]]
        name = "hourly"
        schedule = "hourly"
        keep = "60 h"
        catch_up = false
        [policy.drill]
        schedule = "weekly on Sunday at 03:00 UTC"
        "#,
    )
    .unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// What is due, told shortly; all timers as of `last`.
fn told(last: &str, now: &str) -> Vec<String> {
    let timers = ["backup shop daily", "backup shop hourly", "drill shop", "expire shop"];
    let timers = timers.into_iter().map(|name| (name.to_owned(), at(last))).collect();
    let tell = |wanted: Wanted| match wanted.work {
        Work::Backup { rule, missed } => format!("{rule} of {} ({missed} missed)", wanted.slot),
        Work::Drill { .. } => format!("drill of {}", wanted.slot),
        Work::Expire => "expire".to_owned(),
    };
    due(&stack(), "shop", &timers, at(now)).into_iter().map(tell).collect()
}

#[test]
fn what_is_due_and_nothing_else() {
    let nothing: [&str; 0] = [];
    assert_eq!(told("2026-11-21T02:00:00Z", "2026-11-21T02:30:00Z"), nothing);
    assert_eq!(
        told("2026-11-21T01:00:00Z", "2026-11-21T02:00:01Z"),
        ["daily of 2026-11-21T02:00:00Z (0 missed)", "hourly of 2026-11-21T02:00:00Z (0 missed)", "expire"]
    );
}

#[test]
fn outside_of_the_windows_only_expiry() {
    assert_eq!(told("2026-11-21T04:00:00Z", "2026-11-21T06:00:00Z"), ["expire"]);
}

#[test]
fn after_downtime_once_and_what_does_not_catch_up_not_at_all() {
    assert_eq!(
        told("2026-11-18T02:00:00Z", "2026-11-21T04:30:00Z"),
        ["daily of 2026-11-21T02:00:00Z (2 missed)", "expire"]
    );
}

#[test]
fn a_drill_in_its_time() {
    assert_eq!(
        told("2026-11-22T02:30:00Z", "2026-11-22T03:00:30Z"),
        ["hourly of 2026-11-22T03:00:00Z (0 missed)", "drill of 2026-11-22T03:00:00Z"]
    );
}

#[test]
fn what_never_ran_begins_at_once() {
    let wanted = due(&stack(), "shop", &HashMap::new(), at("2026-11-21T02:30:00Z"));
    assert!(wanted.iter().any(|wanted| wanted.timer == "backup shop daily"), "{wanted:?}");
}

#[test]
fn one_reason_is_said_once() {
    let mut told = Told(HashMap::new());
    assert!(told.is_news("drill shop", "no backup"));
    assert!(!told.is_news("drill shop", "no backup"));
    assert!(told.is_news("drill till", "no backup"));
    assert!(told.is_news("drill shop", "no disk"));
    assert!(told.is_news("drill shop", "no backup"));
}

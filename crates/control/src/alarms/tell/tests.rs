//! The pace of a channel that fails, and the words of a message.

use super::super::condition::{Condition, Kind, Scope, Severity};
use super::super::core::after;
use super::*;

#[test]
fn a_channel_that_fails_is_tried_ever_more_seldom() {
    let waits: Vec<u64> = [1, 2, 3, 10, 11, 200, u32::MAX].map(|n| wait_after(n).as_secs()).to_vec();
    assert_eq!(waits, [1, 2, 4, 512, 600, 600, 600]);
    let all: u64 = (1..u32::try_from(TRIES).unwrap()).map(|n| wait_after(n).as_secs()).sum();
    assert!((3600..3 * 3600).contains(&all), "{all} s until it is given up");
}

#[test]
fn a_message_says_what_kind_of_news_it_is() {
    let condition = Condition {
        kind: Kind::LogGap,
        scope: Scope::source("shop"),
        severity: Severity::Critical,
        since: None,
        text: "the log has a gap".into(),
        advice: "take a backup".into(),
    };
    let now = Timestamp::UNIX_EPOCH;
    let (alarm, _) = after(&Change::Raise { condition, since: now }, &[], now);
    let of = |event| message("id".into(), event, alarm.as_ref().unwrap(), "file:/v".into(), now);
    assert_eq!(of("raised").title, "Rekindle: critical · log-gap · source shop");
    assert_eq!(of("repeated").title, "Rekindle: still critical · log-gap · source shop");
    assert_eq!(of("cleared").title, "Rekindle: cleared · log-gap · source shop");
    assert_eq!(of("cleared").text, "It is over. It was: the log has a gap");
    assert_eq!((of("cleared").advice.as_str(), of("raised").advice.as_str()), ("", "take a backup"));
    assert_eq!(of("raised").alarm.unwrap().source.as_deref(), Some("shop"));
}

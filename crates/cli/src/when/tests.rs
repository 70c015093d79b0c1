//! Times as people type them, around two changes of the clocks.

use super::*;

fn berlin(text: &str) -> Zoned {
    format!("{text}[Europe/Berlin]").parse().unwrap()
}

fn now() -> Zoned {
    berlin("2026-11-21T14:05:31+01:00")
}

fn read(text: &str, now: &Zoned) -> String {
    parse(text, now).unwrap_or_else(|error| panic!("{text}: {}", error.body.message)).to_string()
}

fn refused(text: &str, now: &Zoned) -> (String, String) {
    let body = parse(text, now).unwrap_err().body;
    (body.message, body.hint.unwrap_or_default())
}

#[test]
fn exact_times_need_no_zone() {
    for text in ["2026-11-20T18:50:00Z", "2026-11-20T19:50:00+01:00", "2026-11-20 18:50Z", "2026-11-20t18:50:00z"] {
        assert_eq!(read(text, &now()), "2026-11-20T18:50:00Z", "{text}");
    }
    assert_eq!(read("2026-11-20T18:50:00.123456Z", &now()), "2026-11-20T18:50:00.123456Z");
}

#[test]
fn local_times_are_in_the_zone_handed_in() {
    for text in ["2026-11-20 18:50", "2026-11-20T18:50", "2026-11-20 18:50:00", " 2026-11-20 18:50 "] {
        assert_eq!(read(text, &now()), "2026-11-20T17:50:00Z", "{text}");
    }
    assert_eq!(read("2026-11-20 18:50:01.5", &now()), "2026-11-20T17:50:01.5Z");
    assert_eq!(read("2026-07-20 18:50", &now()), "2026-07-20T16:50:00Z", "summer time");
}

#[test]
fn a_zone_may_follow() {
    assert_eq!(read("2026-11-20 18:50 UTC", &now()), "2026-11-20T18:50:00Z");
    assert_eq!(read("2026-11-20 18:50 America/New_York", &now()), "2026-11-20T23:50:00Z");
    assert_eq!(read("2026-11-20T18:50[America/New_York]", &now()), "2026-11-20T23:50:00Z");
    let (message, hint) = refused("2026-11-20 18:50 Europe/Berln", &now());
    assert_eq!(message, "there is no time zone \"Europe/Berln\"");
    assert_eq!(hint, "write a zone as Europe/Berlin, or UTC");
}

#[test]
fn a_time_of_day_is_the_last_one() {
    assert_eq!(read("02:57", &now()), "2026-11-21T01:57:00Z");
    assert_eq!(read("2:57", &now()), "2026-11-21T01:57:00Z");
    assert_eq!(read("14:05:31", &now()), "2026-11-21T13:05:31Z", "this very second is not in the future");
    assert_eq!(read("14:05:32", &now()), "2026-11-20T13:05:32Z");
    assert_eq!(read("23:00:00.25", &now()), "2026-11-20T22:00:00.25Z");
}

#[test]
fn a_time_of_day_elsewhere_counts_the_days_there() {
    // 22:05 of the same day in Tokyo.
    assert_eq!(read("22:00 Asia/Tokyo", &now()), "2026-11-21T13:00:00Z");
    assert_eq!(read("23:00 Asia/Tokyo", &now()), "2026-11-20T14:00:00Z");
}

#[test]
fn words() {
    assert_eq!(read("now", &now()), "2026-11-21T13:05:31Z");
    assert_eq!(read("10 minutes ago", &now()), "2026-11-21T12:55:31Z");
    assert_eq!(read("2h ago", &now()), "2026-11-21T11:05:31Z");
    assert_eq!(read("1h 30m ago", &now()), "2026-11-21T11:35:31Z");
    assert_eq!(read("yesterday 14:00", &now()), "2026-11-20T13:00:00Z");
    assert_eq!(read("today 9:00", &now()), "2026-11-21T08:00:00Z");
    assert_eq!(read("yesterday 14:00 UTC", &now()), "2026-11-20T14:00:00Z");
}

#[test]
fn a_day_ago_is_the_same_time_on_the_wall() {
    let after_the_change = berlin("2026-10-25T12:00:00+01:00");
    assert_eq!(read("1 day ago", &after_the_change), "2026-10-24T10:00:00Z");
    assert_eq!(read("24 hours ago", &after_the_change), "2026-10-24T11:00:00Z");
}

#[test]
fn a_time_that_happened_twice_is_refused_with_both_readings() {
    let (message, hint) = refused("2026-10-25 02:30", &now());
    assert_eq!(message, "\"2026-10-25 02:30\" happened twice in Europe/Berlin: the clocks went back");
    assert_eq!(hint, "say which: '2026-10-25T02:30:00+02:00' or '2026-10-25T02:30:00+01:00'");
    for exact in ["2026-10-25T02:30:00+02:00", "2026-10-25T02:30:00+01:00"] {
        read(exact, &now());
    }
    let same_night = berlin("2026-10-25T08:00:00+01:00");
    assert!(refused("02:30", &same_night).0.contains("happened twice"));
    assert!(refused("yesterday 02:30", &berlin("2026-10-26T08:00:00+01:00")).0.contains("happened twice"));
}

#[test]
fn a_time_that_never_happened_is_refused_with_both_readings() {
    let (message, hint) = refused("2026-03-29 02:30", &now());
    assert_eq!(message, "\"2026-03-29 02:30\" never happened in Europe/Berlin: the clocks went forward");
    assert_eq!(hint, "say which: '2026-03-29T01:30:00+01:00' or '2026-03-29T03:30:00+02:00'");
}

#[test]
fn what_is_not_a_moment_is_refused() {
    let (message, hint) = refused("2026-11-20", &now());
    assert_eq!(message, "\"2026-11-20\" is a whole day, not a moment");
    assert_eq!(hint, "add a time of day: '2026-11-20 00:00'");
    for text in ["", "soon", "25:00", "2026-13-01 10:00", "yesterday", "ten minutes ago", "18", "2026-11-20 1850"] {
        let body = parse(text, &now()).unwrap_err().body;
        assert_eq!((body.exit_code, body.kind.as_str()), (2, "input"), "{text}");
    }
}

#[test]
fn a_moment_to_come_is_the_next_of_its_name() {
    let ahead = |text: &str| ahead(text, &now()).unwrap().to_string();
    assert_eq!(ahead("22:00"), "2026-11-21T21:00:00Z");
    assert_eq!(ahead("02:57"), "2026-11-22T01:57:00Z");
    assert_eq!(ahead("22:00 UTC"), "2026-11-21T22:00:00Z");
    assert_eq!(ahead("2026-11-28 02:00"), "2026-11-28T01:00:00Z");
    assert_eq!(ahead("today 22:00"), "2026-11-21T21:00:00Z");
    assert_eq!(ahead("in 2 hours"), "2026-11-21T15:05:31Z");
}

#[test]
fn spans_count_back_from_now() {
    assert_eq!(span_seconds("36h", &now()).unwrap(), 36 * 3600);
    assert_eq!(span_seconds("2 weeks", &now()).unwrap(), 14 * 86_400);
    assert_eq!(span_seconds("1 month", &now()).unwrap(), 31 * 86_400 + 3600, "from 21 October, in summer time");
    assert!(span_seconds("-1d", &now()).is_err());
    assert!(span_seconds("soon", &now()).is_err());
}

//! Windows: every shape of text, midnight, both nights on which the clock changes, and the next opening against a walk by the
//! minute.

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::MaintenanceWindow;

const MINUTE: SignedDuration = SignedDuration::from_mins(1);

fn window(text: &str) -> MaintenanceWindow {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

/// When it opens and when it closes, minute by minute, in UTC.
fn changes(text: &str, from: &str, to: &str) -> Vec<String> {
    let window = window(text);
    let minutes = std::iter::successors(Some(at(from)), |minute| Some(*minute + MINUTE));
    let mut was_open = window.is_open(at(from) - MINUTE);
    let mut changes = Vec::new();
    for minute in minutes.take_while(|minute| *minute < at(to)) {
        if window.is_open(minute) != was_open {
            was_open = !was_open;
            changes.push(minute.strftime("%dT%H:%M").to_string());
        }
    }
    changes
}

#[test]
fn texts_come_back_in_one_shape() {
    let shapes = [
        ("Sun 02:00-06:00 Europe/Berlin", "Sun 02:00-06:00 Europe/Berlin"),
        ("sunday 02:00-06:00", "Sun 02:00-06:00 UTC"),
        ("Sun,Sat 01:00-05:00 UTC", "Sat,Sun 01:00-05:00 UTC"),
        ("Daily 23:00-01:00 utc", "daily 23:00-01:00 UTC"),
        ("Mon,Tue,Wed,Thu,Fri,Sat,Sun 00:00-24:00", "daily 00:00-24:00 UTC"),
        ("daily 22:00-00:00", "daily 22:00-24:00 UTC"),
    ];
    for (written, printed) in shapes {
        assert_eq!(window(written).to_string(), printed);
        assert_eq!(window(printed), window(written));
    }
}

#[test]
fn what_cannot_be_understood_is_said_with_a_hint() {
    let texts = [
        "",
        "Sun",
        "Sun 02:00",
        "Sun 02:00-02:00",
        "Sun 02:00-25:00",
        "Sun 24:00-02:00",
        "Sun 2:00-6:00",
        "Sun, Mon 02:00-06:00",
        "Someday 02:00-06:00",
        "Sun 02:00-06:00 Berlin",
    ];
    let said = texts.map(|text| {
        let error = text.parse::<MaintenanceWindow>().expect_err(text);
        format!("{text:?}\n  {}\n  hint: {}\n", error.what, error.hint.unwrap_or("-".into()))
    });
    assert_eq!(said.concat(), include_str!("refused.txt"));
}

#[test]
fn a_window_is_open_from_its_beginning_and_without_its_end() {
    let sunday = window("Sun 02:00-06:00 Europe/Berlin");
    for (time, is_open) in [
        ("2026-06-07T01:59:59.999+02:00", false),
        ("2026-06-07T02:00+02:00", true),
        ("2026-06-07T05:59:59.999+02:00", true),
        ("2026-06-07T06:00+02:00", false),
        ("2026-06-08T03:00+02:00", false),
    ] {
        assert_eq!(sunday.is_open(at(time)), is_open, "{time}");
    }
    assert_eq!(sunday.next_open(at("2026-06-07T06:00+02:00")), Some(at("2026-06-14T02:00+02:00")));
    assert_eq!(sunday.next_open(at("2026-06-07T03:00+02:00")), Some(at("2026-06-07T03:00+02:00")));
}

#[test]
fn a_window_past_midnight_belongs_to_the_day_on_which_it_begins() {
    assert_eq!(changes("Sun 23:00-01:00", "2026-06-06T00:00Z", "2026-06-10T00:00Z"), ["07T23:00", "08T01:00"]);
    assert_eq!(changes("Sun 22:00-24:00", "2026-06-06T00:00Z", "2026-06-10T00:00Z"), ["07T22:00", "08T00:00"]);
    assert_eq!(changes("Sun 00:00-24:00", "2026-06-06T00:00Z", "2026-06-10T00:00Z"), ["07T00:00", "08T00:00"]);
    let each_night = changes("daily 23:00-01:00", "2026-06-06T00:00Z", "2026-06-07T12:00Z");
    assert_eq!(each_night, ["06T01:00", "06T23:00", "07T01:00"]);
    assert_eq!(window("Sun 23:00-01:00").next_open(at("2026-06-08T01:00Z")), Some(at("2026-06-14T23:00Z")));
}

#[test]
fn a_window_follows_the_clock_on_the_wall_when_it_leaps() {
    let night = |text| changes(text, "2026-03-28T20:00Z", "2026-03-29T20:00Z");
    // 02:00 to 03:00 does not exist that night; 01:00Z is 03:00 there.
    assert_eq!(night("Sun 02:00-03:00 Europe/Berlin"), [""; 0]);
    assert_eq!(night("Sun 02:30-04:00 Europe/Berlin"), ["29T01:00", "29T02:00"]);
    assert_eq!(night("Sun 01:00-02:30 Europe/Berlin"), ["29T00:00", "29T01:00"]);
    assert_eq!(night("daily 23:00-06:00 Europe/Berlin"), ["28T22:00", "29T04:00"]);
    let leapt = window("Sun 02:00-03:00 Europe/Berlin");
    assert_eq!(leapt.next_open(at("2026-03-28T20:00Z")), Some(at("2026-04-05T00:00Z")));
    let late = window("Sun 02:30-04:00 Europe/Berlin");
    assert_eq!(late.next_open(at("2026-03-28T20:00Z")), Some(at("2026-03-29T01:00Z")));
}

#[test]
fn a_window_follows_the_clock_on_the_wall_when_it_goes_back() {
    let night = |text| changes(text, "2026-10-24T20:00Z", "2026-10-25T20:00Z");
    assert_eq!(night("Sun 02:00-03:00 Europe/Berlin"), ["25T00:00", "25T02:00"]);
    assert_eq!(night("Sun 02:00-02:30 Europe/Berlin"), ["25T00:00", "25T00:30", "25T01:00", "25T01:30"]);
    assert_eq!(night("Sun 01:00-02:30 Europe/Berlin"), ["24T23:00", "25T00:30", "25T01:00", "25T01:30"]);
    let stepped_into = window("Sun 01:00-02:30 Europe/Berlin");
    assert_eq!(stepped_into.next_open(at("2026-10-25T00:45Z")), Some(at("2026-10-25T01:00Z")));
    let comes_twice = window("Sun 02:15-02:30 Europe/Berlin");
    assert_eq!(comes_twice.next_open(at("2026-10-25T00:40Z")), Some(at("2026-10-25T01:15Z")));
    let new_york = |text| changes(text, "2026-10-31T20:00Z", "2026-11-01T20:00Z");
    assert_eq!(new_york("Sun 01:30-01:45 America/New_York"), ["01T05:30", "01T05:45", "01T06:30", "01T06:45"]);
}

fn windows() -> impl Strategy<Value = MaintenanceWindow> {
    let zones = ["Europe/Berlin", "America/New_York", "America/Havana", "Australia/Lord_Howe", "UTC"];
    let days = ["daily", "Sun", "Sat,Sun", "Mon", "Mon,Wed,Fri"];
    let time = || {
        (0..24_u8, prop::sample::select(vec![0_u8, 15, 30])).prop_map(|(hour, minute)| format!("{hour:02}:{minute:02}"))
    };
    let parts = (prop::sample::select(days.to_vec()), time(), time(), prop::sample::select(zones.to_vec()));
    let text = parts.prop_filter("a length", |(_, begins, ends, _)| begins != ends);
    text.prop_map(|(days, begins, ends, zone)| window(&format!("{days} {begins}-{ends} {zone}")))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_next_opening_is_what_a_walk_by_the_minute_finds(
        window in windows(),
        anywhere in 0..1_560_000_i64,
        near in -1_500..1_500_i64,
        is_near in any::<bool>(),
    ) {
        let anywhere = at("2025-01-01T00:00Z") + MINUTE * i32::try_from(anywhere).expect("small");
        let change = window.zone.time_zone().following(anywhere).next().filter(|_| is_near);
        let near = MINUTE * i32::try_from(near).expect("small");
        let now = change.map_or(anywhere, |change| change.timestamp() + near);
        let mut minutes = std::iter::successors(Some(now), |minute| Some(*minute + MINUTE)).take(15 * 24 * 60);
        prop_assert_eq!(window.next_open(now), minutes.find(|minute| window.is_open(*minute)));
        prop_assert_eq!(window.to_string().parse(), Ok(window));
    }
}

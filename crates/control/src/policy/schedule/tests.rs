//! Schedules: every shape of text, both nights on which the clock changes, catching up, jitter, and the whole against a walk by
//! the minute that knows nothing of cron.

use jiff::civil::DateTime;
use jiff::{SignedDuration, Timestamp, ToSpan};
use proptest::prelude::*;

use super::{Due, MISSED_COUNTED_MAX, Schedule, fnv1a};
use crate::policy::Zone;

const HOUR: SignedDuration = SignedDuration::from_hours(1);
const MINUTE: SignedDuration = SignedDuration::from_mins(1);

fn schedule(text: &str) -> Schedule {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

/// The slots after `from` and before `to`, on the wall of `zone`.
fn slots(text: &str, from: &str, to: &str, zone: &str) -> Vec<String> {
    let (schedule, zone): (Schedule, Zone) = (schedule(text), zone.parse().expect("a zone"));
    let first = schedule.next_after(at(from));
    let slots = std::iter::successors(first, |slot| schedule.next_after(*slot)).take_while(|slot| *slot < at(to));
    slots.map(|slot| zone.at(slot).strftime("%Y-%m-%d %H:%M %:z").to_string()).collect()
}

fn berlin(text: &str, from: &str, to: &str) -> Vec<String> {
    slots(&format!("{text} Europe/Berlin"), from, to, "Europe/Berlin")
}

#[test]
fn texts_come_back_in_one_shape() {
    let shapes = [
        ("every 15 min", "every 15 min"),
        ("Every 15m", "every 15 min"),
        ("every 1h30m", "every 90 min"),
        ("every 24 h", "every 1 d"),
        ("hourly", "hourly at :00 UTC"),
        ("hourly at :15 Asia/Kolkata", "hourly at :15 Asia/Kolkata"),
        ("  daily   at 02:00 europe/berlin ", "daily at 02:00 Europe/Berlin"),
        ("daily at 02:00", "daily at 02:00 UTC"),
        ("weekly on sun at 03:30 UTC", "weekly on Sunday at 03:30 UTC"),
        ("weekly on Thursday,Mon at 03:30", "weekly on Monday,Thursday at 03:30 UTC"),
        ("monthly on 1 at 04:00 America/New_York", "monthly on 1 at 04:00 America/New_York"),
        ("monthly on LAST at 04:00", "monthly on last at 04:00 UTC"),
        ("cron 0 2 * * * Europe/Berlin", "cron 0 2 * * * Europe/Berlin"),
        ("cron */20 8-18 * * mon-fri", "cron */20 8-18 * * MON-FRI UTC"),
        ("cron 0 0 29 2 *", "cron 0 0 29 2 * UTC"),
        ("cron 0 12 * * 5L", "cron 0 12 * * 5L UTC"),
    ];
    for (written, printed) in shapes {
        let first = schedule(written);
        assert_eq!(first.to_string(), printed, "{written}");
        assert_eq!(schedule(printed), first);
    }
    assert_ne!(schedule("hourly"), schedule("hourly at :01"));
}

#[test]
fn what_cannot_be_understood_is_said_with_a_hint() {
    let texts = [
        "",
        "dayly at 02:00",
        "every",
        "every 30 s",
        "every 2 months",
        "every 400 d",
        "every -5 min",
        "hourly at 15",
        "hourly at :60",
        "daily",
        "daily at 2:00",
        "daily at 24:00",
        "daily at 02:00 Berlin",
        "daily at 02:00 Europe/Berlim",
        "daily at 02:00 UTC please",
        "weekly at 03:00",
        "weekly on Funday at 03:00",
        "weekly on Sun",
        "monthly on 31 at 04:00",
        "monthly on 0 at 04:00",
        "cron 0 2 * *",
        "cron 0 0 2 * * *",
        "cron @daily",
        "cron 0 25 * * *",
        "cron 0 x * * *",
        "cron 0 0 31 2 *",
        "cron 0 0 30 2 * Europe/Berlin",
        "cron 0 0 31 4,6,9,11 *",
        "cron 0 2 * * * Mars/Phobos",
    ];
    let said = texts.map(|text| {
        let error = text.parse::<Schedule>().expect_err(text);
        format!("{text:?}\n  {}\n  hint: {}\n", error.what, error.hint.unwrap_or("-".into()))
    });
    assert_eq!(said.concat(), include_str!("refused.txt"));
}

#[test]
fn a_daily_run_in_the_gap_comes_when_the_gap_ends() {
    let nights = berlin("daily at 02:30", "2026-03-27T12:00Z", "2026-03-31T00:00Z");
    let expected = ["2026-03-28 02:30 +01:00", "2026-03-29 03:00 +02:00", "2026-03-30 02:30 +02:00"];
    assert_eq!(nights, expected);
    let nights = slots("daily at 02:30 America/New_York", "2026-03-07T12:00Z", "2026-03-09T12:00Z", "America/New_York");
    assert_eq!(nights, ["2026-03-08 03:00 -04:00", "2026-03-09 02:30 -04:00"]);
    let beside = berlin("daily at 03:00", "2026-03-28T12:00Z", "2026-03-30T00:00Z");
    assert_eq!(beside, ["2026-03-29 03:00 +02:00"]);
}

#[test]
fn a_daily_run_comes_once_when_its_time_comes_twice() {
    let nights = berlin("daily at 02:30", "2026-10-24T12:00Z", "2026-10-26T12:00Z");
    assert_eq!(nights, ["2026-10-25 02:30 +02:00", "2026-10-26 02:30 +01:00"]);
    let nights =
        slots("cron 30 1 * * * America/New_York", "2026-10-31T12:00Z", "2026-11-02T12:00Z", "America/New_York");
    assert_eq!(nights, ["2026-11-01 01:30 -04:00", "2026-11-02 01:30 -05:00"]);
}

#[test]
fn an_hourly_run_comes_each_hour_of_23_or_25() {
    let count = |from: &str, to: &str| berlin("hourly at :15", from, to).len();
    assert_eq!(count("2026-03-28T23:00Z", "2026-03-29T22:00Z"), 23);
    assert_eq!(count("2026-10-24T22:00Z", "2026-10-25T23:00Z"), 25);
    assert_eq!(count("2026-06-01T22:00Z", "2026-06-02T22:00Z"), 24);
    let twice = berlin("hourly at :15", "2026-10-24T23:30Z", "2026-10-25T02:00Z");
    assert_eq!(twice, ["2026-10-25 02:15 +02:00", "2026-10-25 02:15 +01:00"]);
}

#[test]
fn weeks_and_months_go_by_the_calendar_of_the_zone() {
    let weeks = berlin("weekly on Sunday at 02:30", "2026-03-20T00:00Z", "2026-04-06T00:00Z");
    assert_eq!(weeks, ["2026-03-22 02:30 +01:00", "2026-03-29 03:00 +02:00", "2026-04-05 02:30 +02:00"]);
    let ends = berlin("monthly on last at 00:30", "2028-01-15T00:00Z", "2028-04-01T12:00Z");
    assert_eq!(ends, ["2028-01-31 00:30 +01:00", "2028-02-29 00:30 +01:00", "2028-03-31 00:30 +02:00"]);
    let leap = slots("cron 0 0 29 2 *", "2026-01-01T00:00Z", "2033-01-01T00:00Z", "UTC");
    assert_eq!(leap, ["2028-02-29 00:00 +00:00", "2032-02-29 00:00 +00:00"]);
}

#[test]
fn intervals_count_from_1970_and_not_from_a_start() {
    let six = slots("every 6 h", "2026-10-24T23:59:59.999Z", "2026-10-26T00:00Z", "UTC");
    let expected = ["00:00", "06:00", "12:00", "18:00"].map(|time| format!("2026-10-25 {time} +00:00"));
    assert_eq!(six, expected);
    let strictly = schedule("every 15 min").next_after(at("2026-10-25T01:00:00Z"));
    assert_eq!(strictly, Some(at("2026-10-25T01:15:00Z")));
    let before_1970 = schedule("every 15 min").next_after(at("1969-12-31T23:59:59.5Z"));
    assert_eq!(before_1970, Some(Timestamp::UNIX_EPOCH));
    assert_eq!(schedule("every 1 d").next_after(Timestamp::MAX), None);
}

#[test]
fn one_run_catches_up_after_downtime() {
    let hourly = schedule("hourly");
    let last = Some(at("2026-10-25T01:00Z"));
    let next = Some(at("2026-10-25T02:00Z"));
    assert_eq!(hourly.due(last, at("2026-10-25T01:00Z")), Due::Nothing { next });
    assert_eq!(hourly.due(last, at("2026-10-25T01:59:59Z")), Due::Nothing { next });
    let at_two = Due::Now { of: at("2026-10-25T02:00Z"), missed: 0 };
    assert_eq!(hourly.due(last, at("2026-10-25T02:00Z")), at_two);
    assert_eq!(hourly.due(last, at("2026-10-25T02:59:59Z")), at_two);
    let later = Due::Now { of: at("2026-10-25T09:00Z"), missed: 7 };
    assert_eq!(hourly.due(last, at("2026-10-25T09:30Z")), later);
    let served = hourly.due(Some(at("2026-10-25T09:00Z")), at("2026-10-25T09:30Z"));
    assert_eq!(served, Due::Nothing { next: Some(at("2026-10-25T10:00Z")) });
    let years = schedule("every 1 min").due(Some(at("2020-01-01T00:00Z")), at("2026-01-01T00:00:30Z"));
    assert_eq!(years, Due::Now { of: at("2026-01-01T00:00Z"), missed: MISSED_COUNTED_MAX });
    let leap = schedule("cron 0 0 29 2 *").due(Some(at("2019-01-01T00:00Z")), at("2031-02-28T23:59Z"));
    assert_eq!(leap, Due::Now { of: at("2028-02-29T00:00Z"), missed: 2 });
}

#[test]
fn what_never_ran_is_due_at_once() {
    let daily = schedule("daily at 02:00");
    assert_eq!(daily.due(None, at("2026-10-25T01:00Z")), Due::Now { of: at("2026-10-24T02:00Z"), missed: 0 });
}

#[test]
fn a_clock_that_was_wrong_silences_nothing() {
    let daily = schedule("daily at 02:00");
    let now = at("2026-10-25T01:59:58Z");
    let healed = Due::Now { of: at("2026-10-24T02:00Z"), missed: 0 };
    assert_eq!(daily.due(Some(at("2031-01-01T02:00Z")), now), healed);
    let stepped_back = Due::Nothing { next: Some(at("2026-10-26T02:00Z")) };
    assert_eq!(daily.due(Some(at("2026-10-25T02:00Z")), now), stepped_back, "the slot was served already");
}

#[test]
fn jitter_is_the_same_each_time() {
    let daily = schedule("daily at 02:00");
    let slot = at("2026-10-25T02:00Z");
    let ten = SignedDuration::from_mins(10);
    // Written down once: another hash would move every run on the day of an update.
    assert_eq!(fnv1a([b"a".as_slice()]) & 0xffff_ffff_0000_0000, 0xaf63_dc4c_0000_0000);
    assert_eq!(daily.jittered(slot, ten, "orders/daily"), at("2026-10-25T02:09:20Z"));
    assert_eq!(daily.jittered(slot, SignedDuration::ZERO, "orders/daily"), slot);
    assert_eq!(daily.jittered(slot, -ten, "orders/daily"), slot);
    let put_off = |seed: u32| daily.jittered(slot, ten, &seed.to_string()).duration_since(slot).as_secs();
    let all: std::collections::BTreeSet<i64> = (0..3_000).map(put_off).collect();
    assert!(all.len() > 550, "{} of 601 seconds are used", all.len());
    let mean = (0..3_000).map(put_off).sum::<i64>() / 3_000;
    assert!((285..=315).contains(&mean), "{mean}");
}

#[test]
fn more_jitter_than_there_is_room_ends_before_the_next_slot() {
    let slot = at("2026-10-25T02:00Z");
    let begins = |seed: u32| schedule("every 1 min").jittered(slot, HOUR, &seed.to_string());
    assert_eq!((0..1_000).map(begins).max(), Some(slot + SignedDuration::from_secs(59)));
}

/// What a cron line of plain numbers says, as it is: by the minute, and without cron.
#[derive(Debug, Clone)]
struct Model {
    minutes: Vec<i8>,
    hours: Option<Vec<i8>>,
    days: Days,
    zone: Zone,
}

#[derive(Debug, Clone)]
enum Days {
    All,
    OfWeek(i8),
    OfMonth(i8),
    LastOfMonth,
}

impl Model {
    fn is_at(&self, wall: DateTime) -> bool {
        let hour = self.hours.as_ref().is_none_or(|hours| hours.contains(&wall.hour()));
        let day = match self.days {
            Days::All => true,
            Days::OfWeek(day) => wall.weekday().to_sunday_zero_offset() == day,
            Days::OfMonth(day) => wall.day() == day,
            Days::LastOfMonth => wall.day() == wall.date().days_in_month(),
        };
        hour && day && self.minutes.contains(&wall.minute())
    }

    /// One hour and one minute make a time of its own, which a gap delays and a repeated hour does not repeat.
    fn is_slot(&self, moment: Timestamp) -> bool {
        let here = self.zone.at(moment);
        let single = self.minutes.len() == 1 && self.hours.as_ref().is_some_and(|hours| hours.len() == 1);
        if !single {
            return self.is_at(here.datetime());
        }
        let is_first = here.time_zone().to_ambiguous_zoned(here.datetime()).earlier().is_ok_and(|first| first == here);
        let before = self.zone.at(moment - MINUTE).datetime() + 1.minute();
        let leapt = std::iter::successors(Some(before), |wall| Some(*wall + 1.minute()));
        let mut leapt = leapt.take_while(|wall| *wall < here.datetime());
        (self.is_at(here.datetime()) && is_first) || leapt.any(|wall| self.is_at(wall))
    }

    fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        let first = Timestamp::from_second((after.as_second().div_euclid(60) + 1) * 60).expect("in range");
        let minutes = std::iter::successors(Some(first), |minute| Some(*minute + MINUTE));
        minutes.take(63 * 24 * 60).find(|minute| self.is_slot(*minute))
    }

    fn texts(&self) -> Vec<String> {
        let list = |numbers: &Vec<i8>| numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        let (day, weekday) = match self.days {
            Days::All => ("*".to_owned(), "*".to_owned()),
            Days::OfWeek(day) => ("*".into(), day.to_string()),
            Days::OfMonth(day) => (day.to_string(), "*".into()),
            Days::LastOfMonth => ("L".into(), "*".into()),
        };
        let hours = self.hours.as_ref().map_or("*".into(), list);
        let cron = format!("cron {} {hours} {day} * {weekday} {}", list(&self.minutes), self.zone);
        std::iter::once(cron).chain(self.words()).collect()
    }

    fn words(&self) -> Option<String> {
        let minute = format!("{:02}", self.minutes.first().filter(|_| self.minutes.len() == 1)?);
        let names = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
        let zone = &self.zone;
        match (&self.hours, &self.days) {
            (None, Days::All) => Some(format!("hourly at :{minute} {zone}")),
            (Some(hours), days) if hours.len() == 1 => {
                let time = format!("{:02}:{minute}", hours[0]);
                Some(match days {
                    Days::All => format!("daily at {time} {zone}"),
                    Days::OfWeek(day) => format!("weekly on {} at {time} {zone}", names[*day as usize]),
                    Days::OfMonth(day) => format!("monthly on {day} at {time} {zone}"),
                    Days::LastOfMonth => format!("monthly on last at {time} {zone}"),
                })
            }
            _ => None,
        }
    }
}

/// One zone with its gap at 02:00, one at midnight, one of half an hour, and two without.
const ZONES: [&str; 6] =
    ["Europe/Berlin", "America/New_York", "America/Havana", "Australia/Lord_Howe", "Asia/Kolkata", "UTC"];

fn models() -> impl Strategy<Value = Model> {
    let minutes = prop_oneof![
        3 => (0..60_i8).prop_map(|minute| vec![minute]),
        1 => proptest::collection::btree_set(0..60_i8, 2..4).prop_map(|set| set.into_iter().collect()),
    ];
    let hours = prop_oneof![
        1 => Just(None),
        3 => (0..4_i8).prop_map(|hour| Some(vec![hour])),
        2 => proptest::collection::btree_set(0..24_i8, 1..4).prop_map(|set| Some(set.into_iter().collect())),
    ];
    let days = prop_oneof![
        4 => Just(Days::All),
        2 => (0..7_i8).prop_map(Days::OfWeek),
        1 => (1..29_i8).prop_map(Days::OfMonth),
        1 => Just(Days::LastOfMonth),
    ];
    let zones = prop::sample::select(ZONES.as_slice()).prop_map(|name| name.parse::<Zone>().expect("a zone"));
    (minutes, hours, days, zones).prop_map(|(minutes, hours, days, zone)| Model { minutes, hours, days, zone })
}

/// Any second of three years, most of them near a change of the clock.
fn moment(zone: &Zone, anywhere: i64, near: i64, choice: u8) -> Timestamp {
    let anywhere = at("2025-01-01T00:00Z") + SignedDuration::from_secs(anywhere);
    let change = zone.time_zone().following(anywhere).next().map(|change| change.timestamp());
    match change.filter(|_| choice > 0) {
        Some(change) => change + SignedDuration::from_secs(near),
        None => anywhere,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_next_slot_is_what_a_walk_by_the_minute_finds(
        model in models(),
        anywhere in 0..94_000_000_i64,
        near in -90_000..90_000_i64,
        choice in 0..4_u8,
    ) {
        let start = moment(&model.zone, anywhere, near, choice);
        for text in model.texts() {
            let schedule = schedule(&text);
            let mut after = start;
            for _ in 0..3 {
                let next = schedule.next_after(after).expect("it comes again");
                prop_assert!(next > after, "{text} after {after}: {next}");
                prop_assert_eq!(Some(next), model.next_after(after), "{} after {}", text, after);
                prop_assert_eq!(schedule.next_after(next - SignedDuration::from_nanos(1)), Some(next), "{}", text);
                after = next;
            }
        }
    }

    #[test]
    fn every_slot_is_served_or_counted_as_missed(
        model in models(),
        anywhere in 0..94_000_000_i64,
        near in -90_000..90_000_i64,
        ticks in prop::collection::vec(1..200_000_i64, 1..20),
    ) {
        let schedule = schedule(&model.texts()[0]);
        let start = moment(&model.zone, anywhere, near, 1);
        let (mut now, mut last, mut counted) = (start, start, 0_usize);
        for seconds in ticks {
            now += SignedDuration::from_secs(seconds);
            match schedule.due(Some(last), now) {
                Due::Now { of, missed } => {
                    prop_assert!(last < of && of <= now);
                    counted += 1 + missed as usize;
                    last = of;
                }
                Due::Nothing { next } => prop_assert!(next > Some(now)),
            }
            prop_assert!(matches!(schedule.due(Some(last), now), Due::Nothing { .. }), "one run is enough");
        }
        let all = std::iter::successors(schedule.next_after(start), |slot| schedule.next_after(*slot));
        prop_assert_eq!(all.take_while(|slot| *slot <= now).count(), counted);
    }

    #[test]
    fn jitter_never_meets_the_next_slot(
        model in models(),
        anywhere in 0..94_000_000_i64,
        near in -90_000..90_000_i64,
        jitter in 0..200_000_i64,
        seed in "[a-z]{0,8}",
    ) {
        let schedule = schedule(&model.texts()[0]);
        let slot = schedule.next_after(moment(&model.zone, anywhere, near, 1)).expect("a slot");
        let begins = schedule.jittered(slot, SignedDuration::from_secs(jitter), &seed);
        prop_assert!(slot <= begins && Some(begins) < schedule.next_after(slot));
        prop_assert!(begins.duration_since(slot) <= SignedDuration::from_secs(jitter));
    }
}

#[test]
fn the_model_knows_the_nights_too() {
    let zone: Zone = "Europe/Berlin".parse().expect("a zone");
    let model = Model { minutes: vec![30], hours: Some(vec![2]), days: Days::All, zone };
    assert_eq!(model.next_after(at("2026-03-28T12:00Z")), Some(at("2026-03-29T01:00Z")));
    assert_eq!(model.next_after(at("2026-10-24T12:00Z")), Some(at("2026-10-25T00:30Z")));
    assert_eq!(model.next_after(at("2026-10-25T00:30Z")), Some(at("2026-10-25T00:30Z") + HOUR * 25));
}

/// Five fields as people write them, with what croner adds; many make no sense.
fn cron_lines() -> impl Strategy<Value = String> {
    let field = |texts: &[&str]| prop::sample::select(texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>());
    let minutes = field(&["0", "59", "*/7", "0,30", "10-20", "5/10", "*", "60"]);
    let hours = field(&["2", "*", "*/6", "0,12", "22-23", "3-1", "24"]);
    let days = field(&["*", "1", "31", "30", "29", "L", "15W", "1-7", "?", "0"]);
    let months = field(&["*", "2", "FEB", "4,6", "*/3", "1-3", "12", "13"]);
    let weekdays = field(&["*", "SUN", "7", "MON-FRI", "5L", "MON#5", "+MON", "?", "1,3", "8"]);
    let zone = prop::sample::select(ZONES.as_slice());
    (minutes, hours, days, months, weekdays, zone).prop_map(|(minute, hour, day, month, weekday, zone)| {
        format!("cron {minute} {hour} {day} {month} {weekday} {zone}")
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_cron_line_that_is_read_always_comes_again(text in cron_lines(), anywhere in 0..1_500_000_000_i64) {
        let Ok(schedule) = text.parse::<Schedule>() else { return Ok(()) };
        prop_assert_eq!(schedule.to_string().parse::<Schedule>(), Ok(schedule.clone()));
        let start = at("2025-01-01T00:00Z") + SignedDuration::from_secs(anywhere);
        let next = schedule.next_after(start);
        prop_assert!(next > Some(start), "{text} after {start}: {next:?}");
        let Due::Now { of, missed: 0 } = schedule.due(None, start) else { panic!("what never ran is due") };
        prop_assert!(of <= start && schedule.next_after(of) == next, "{text} at {start}: the newest is not {of}");
    }
}

//! The words of a schedule: read, and made into a canonical text and a cron line in one go.

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::{SignedDuration, Timestamp};

use super::{Schedule, Slots};
use crate::policy::duration;
use crate::policy::invalid::Invalid;
use crate::policy::weekdays::{Weekdays, parse_time, print_time};
use crate::policy::zone::Zone;

const SHAPES: &str = "use `every 15 min`, `hourly`, `hourly at :15`, `daily at 02:00 Europe/Berlin`, \
    `weekly on Sunday at 03:30 UTC`, `monthly on 1 at 04:00`, `monthly on last at 04:00` or `cron 0 2 * * * Europe/Berlin`";

const SHORTEST: SignedDuration = SignedDuration::from_mins(1);
const LONGEST: SignedDuration = SignedDuration::from_hours(366 * 24);

pub(super) fn parse(text: &str) -> Result<Schedule, Invalid> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let (first, rest) = words.split_first().ok_or_else(|| Invalid::new("the schedule is empty").hint(SHAPES))?;
    match first.to_ascii_lowercase().as_str() {
        "every" if rest.is_empty() => Err(incomplete("every", "15 min")),
        "every" => every(&rest.join(" ")),
        "hourly" => hourly(rest),
        "daily" => daily(rest),
        "weekly" => weekly(rest),
        "monthly" => monthly(rest),
        "cron" => cron(rest),
        _ => Err(Invalid::new(format!("{first:?} is not a word that a schedule begins with")).hint(SHAPES)),
    }
}

fn every(text: &str) -> Result<Schedule, Invalid> {
    let step = duration::parse_positive(text)?;
    if !(SHORTEST..=LONGEST).contains(&step) {
        let what = format!("{text:?} is not an interval for a schedule");
        return Err(Invalid::new(what).hint("an interval is 1 min to 366 d"));
    }
    let text = format!("every {}", duration::print(step));
    Ok(Schedule { text, slots: Slots::EverySeconds(step.as_secs()) })
}

/// `[at :MM] [ZONE]`
fn hourly(words: &[&str]) -> Result<Schedule, Invalid> {
    let (minute, zone) = match words {
        ["at", minute, zone @ ..] => (parse_minute(minute)?, zone),
        zone => (0, zone),
    };
    let zone = parse_zone(zone)?;
    calendar(&format!("hourly at :{minute:02}"), &format!("{minute} * * * *"), zone)
}

/// `at HH:MM [ZONE]`
fn daily(words: &[&str]) -> Result<Schedule, Invalid> {
    let at = parse_at("daily", words)?;
    calendar(&format!("daily at {}", at.text), &format!("{} * * *", at.cron), at.zone)
}

/// `on DAYS at HH:MM [ZONE]`
fn weekly(words: &[&str]) -> Result<Schedule, Invalid> {
    let ["on", days, rest @ ..] = words else { return Err(incomplete("weekly", "on Sunday at 03:30 UTC")) };
    let days = Weekdays::parse(days)?;
    let at = parse_at(&format!("weekly on {}", days.names()), rest)?;
    let text = format!("weekly on {} at {}", days.names(), at.text);
    calendar(&text, &format!("{} * * {}", at.cron, days.cron()), at.zone)
}

/// `on DAY|last at HH:MM [ZONE]`
fn monthly(words: &[&str]) -> Result<Schedule, Invalid> {
    let ["on", day, rest @ ..] = words else { return Err(incomplete("monthly", "on 1 at 04:00 UTC")) };
    let (day, cron_day) = parse_day(day)?;
    let at = parse_at(&format!("monthly on {day}"), rest)?;
    calendar(&format!("monthly on {day} at {}", at.text), &format!("{} {cron_day} * *", at.cron), at.zone)
}

/// `MINUTE HOUR DAY MONTH WEEKDAY [ZONE]`
fn cron(words: &[&str]) -> Result<Schedule, Invalid> {
    // A sixth field would be taken for the zone, and `"*" is not a time zone` helps nobody.
    let is_field = |word: &&str| !word.starts_with(|first: char| first.is_ascii_alphabetic());
    let split = words.split_at_checked(5).filter(|(_, zone)| !zone.iter().any(is_field));
    let Some((fields, zone)) = split else {
        let hint =
            "minute, hour, day, month, day of the week, and a zone when it is not UTC: `cron 0 2 * * * Europe/Berlin`";
        return Err(Invalid::new(format!("{:?} has not the five fields of cron", words.join(" "))).hint(hint));
    };
    let fields = fields.join(" ").to_ascii_uppercase();
    let zone = parse_zone(zone)?;
    calendar(&format!("cron {fields}"), &fields, zone)
}

fn calendar(text: &str, cron: &str, zone: Zone) -> Result<Schedule, Invalid> {
    let cron = parse_cron(cron)?;
    Ok(Schedule { text: format!("{text} {zone}"), slots: Slots::Calendar { cron: Box::new(cron), zone } })
}

/// A pattern that no day can meet is refused here: croner finds that out only when it is asked for the next.
fn parse_cron(fields: &str) -> Result<Cron, Invalid> {
    let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
    let Ok(cron) = parser.parse(fields) else { return Err(refused_field(&parser, fields)) };
    let from = Timestamp::UNIX_EPOCH.to_zoned(Zone::UTC.time_zone().clone());
    if cron.find_next_occurrence(&from, true).is_err() {
        let hint = "none of its months has that day; `monthly on last at 00:00` is the last day of each";
        return Err(Invalid::new(format!("cron {fields:?} never comes")).hint(hint));
    }
    Ok(cron)
}

/// Croner says that something is wrong, not where; so each field is tried alone.
fn refused_field(parser: &CronParser, fields: &str) -> Invalid {
    let shapes = [
        ("a minute", "0 to 59"),
        ("an hour", "0 to 23"),
        ("a day of the month", "1 to 31, or L for the last"),
        ("a month", "1 to 12, or JAN to DEC"),
        ("a day of the week", "0 to 7, or SUN to SAT"),
    ];
    let alone =
        |at: usize, field: &str| (0..5).map(|each| if each == at { field } else { "*" }).collect::<Vec<_>>().join(" ");
    let tried = fields.split(' ').zip(shapes).enumerate();
    let mut refused = tried.filter(|(at, (field, _))| parser.parse(&alone(*at, field)).is_err());
    match refused.next() {
        Some((_, (field, (name, range)))) => {
            let hint = format!("it goes from {range}; `*` for each, `*/5` for each fifth, `1-5` or `1,3` for several");
            Invalid::new(format!("cron {fields:?}: {field:?} is not {name}")).hint(hint)
        }
        None => Invalid::new(format!("cron {fields:?} makes no sense")),
    }
}

/// A time of day and its zone, as text and as the first two fields of cron.
struct At {
    text: String,
    cron: String,
    zone: Zone,
}

fn parse_at(before: &str, words: &[&str]) -> Result<At, Invalid> {
    let ["at", time, zone @ ..] = words else { return Err(incomplete(before, "at 02:00 Europe/Berlin")) };
    let time = parse_time(time)?;
    let cron = format!("{} {}", time.minute(), time.hour());
    Ok(At { text: print_time(time), cron, zone: parse_zone(zone)? })
}

fn parse_zone(words: &[&str]) -> Result<Zone, Invalid> {
    match words {
        [] => Ok(Zone::UTC),
        [zone] => zone.parse(),
        [_, rest @ ..] => {
            let what = format!("{:?} is too much at the end of a schedule", rest.join(" "));
            Err(Invalid::new(what).hint("a time zone is the last word"))
        }
    }
}

fn parse_minute(text: &str) -> Result<u8, Invalid> {
    let digits = text.strip_prefix(':').filter(|digits| digits.len() == 2);
    let minute = digits.and_then(|digits| digits.parse().ok()).filter(|minute| *minute < 60);
    minute.ok_or_else(|| Invalid::new(format!("{text:?} is not a minute of the hour")).hint("write it like `:15`"))
}

/// As it is printed, and as cron has it.
fn parse_day(text: &str) -> Result<(String, String), Invalid> {
    if text.eq_ignore_ascii_case("last") {
        return Ok(("last".into(), "L".into()));
    }
    match text.parse::<u8>() {
        Ok(day @ 1..=28) => Ok((day.to_string(), day.to_string())),
        Ok(29..=31) => Err(Invalid::new(format!("not every month has a day {text}")).hint("use `last`")),
        _ => Err(Invalid::new(format!("{text:?} is not a day of the month")).hint("use 1 to 28, or `last`")),
    }
}

fn incomplete(before: &str, rest: &str) -> Invalid {
    Invalid::new(format!("{before:?} must be followed by more")).hint(format!("such as `{before} {rest}`"))
}

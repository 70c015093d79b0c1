//! Reads the moments that people type. Clock and zone are handed in as one `Zoned`, "now where the reader is". A local time that
//! happened twice, or never, is refused with both readings: guessing would restore an hour too much or too little.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Span, Timestamp, Zoned};

use crate::failure::Failure;

pub fn parse(text: &str, now: &Zoned) -> Result<Timestamp, Failure> {
    let text = text.trim();
    if text.eq_ignore_ascii_case("now") {
        return Ok(now.timestamp());
    }
    if text.ends_with(" ago") {
        return ago(text, now);
    }
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Ok(moment);
    }
    let (local, zone) = split_zone(text, now)?;
    if let (Some(_), Ok(moment)) = (&zone, local.parse::<Timestamp>()) {
        let hint = format!("write '{local}' alone: it is exact, or leave the offset out");
        return Err(Failure::input(format!("{text:?} names both an offset and a zone ({moment})"), hint));
    }
    let there = now.with_time_zone(zone.unwrap_or_else(|| now.time_zone().clone()));
    resolve(text, civil(text, &local, &there)?, there.time_zone())
}

/// A moment to come: `02:57` is the next one, and `in 2 hours` counts from now.
pub fn ahead(text: &str, now: &Zoned) -> Result<Timestamp, Failure> {
    let text = text.trim();
    let wrong = || not_understood(text);
    if let Some(span) = text.strip_prefix("in ") {
        let span: Span = span.parse().map_err(|_| wrong())?;
        return Ok(now.checked_add(span).map_err(|_| wrong())?.timestamp());
    }
    let names_a_day = ["today ", "yesterday "].iter().any(|day| text.starts_with(day)) || text.ends_with(" ago");
    match names_a_day {
        true => parse(text, now),
        // Its last time before tomorrow.
        false => parse(text, &now.tomorrow().map_err(|_| wrong())?),
    }
}

/// How long a span is in seconds, counted back from now: a month is the month that has just passed.
pub fn span_seconds(text: &str, now: &Zoned) -> Result<u64, Failure> {
    let wrong = || {
        let hint = "write something like 36h, 7d, '2 weeks' or 1mo";
        Failure::input(format!("{text:?} is not a span of time"), hint)
    };
    let span: Span = text.trim().parse().map_err(|_| wrong())?;
    let then = now.checked_sub(span).map_err(|_| wrong())?;
    u64::try_from(now.timestamp().as_second() - then.timestamp().as_second()).map_err(|_| wrong())
}

fn ago(text: &str, now: &Zoned) -> Result<Timestamp, Failure> {
    let wrong = || not_understood(text);
    let span: Span = text.parse().map_err(|_| wrong())?;
    Ok(now.checked_add(span).map_err(|_| wrong())?.timestamp())
}

/// Takes a zone off the end: `02:57 Europe/Berlin`, `2026-11-20T18:50[Europe/Berlin]`.
fn split_zone(text: &str, now: &Zoned) -> Result<(String, Option<TimeZone>), Failure> {
    let bare = text.trim_end_matches(']').replace('[', " ");
    let Some((local, name)) = bare.rsplit_once(char::is_whitespace) else { return Ok((bare, None)) };
    if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return Ok((bare, None));
    }
    let zone = TimeZone::get(name).map_err(|_| {
        let example = now.time_zone().iana_name().filter(|name| name.contains('/')).unwrap_or("Europe/Berlin");
        let hint = format!("write a zone as {example}, or UTC");
        Failure::input(format!("there is no time zone {name:?}"), hint)
    })?;
    Ok((local.trim_end().to_owned(), Some(zone)))
}

/// The date and time on the wall. `there` is now, in the zone that is meant.
fn civil(whole: &str, local: &str, there: &Zoned) -> Result<DateTime, Failure> {
    let wrong = || not_understood(whole);
    if let Some(rest) = local.strip_prefix("yesterday ") {
        let day = there.date().yesterday().map_err(|_| wrong())?;
        return Ok(day.to_datetime(time(rest).ok_or_else(wrong)?));
    }
    if let Some(rest) = local.strip_prefix("today ") {
        return Ok(there.date().to_datetime(time(rest).ok_or_else(wrong)?));
    }
    if let Some(time) = time(local) {
        return latest(time, there).ok_or_else(wrong);
    }
    if local.parse::<Date>().is_ok() && local.len() == "2026-11-20".len() {
        let hint = format!("add a time of day: '{local} 00:00'");
        return Err(Failure::input(format!("{whole:?} is a whole day, not a moment"), hint));
    }
    let (date, clock) = local.split_once([' ', 'T', 't']).ok_or_else(wrong)?;
    let date: Date = date.parse().map_err(|_| wrong())?;
    Ok(date.to_datetime(time(clock.trim_start()).ok_or_else(wrong)?))
}

/// `2:57`, `02:57`, `02:57:01`, `02:57:01.25`
fn time(text: &str) -> Option<Time> {
    let only = text.chars().all(|c| c.is_ascii_digit() || c == ':' || c == '.');
    let padded = if text.find(':') == Some(1) { format!("0{text}") } else { text.to_owned() };
    (only && padded.contains(':')).then(|| padded.parse().ok()).flatten()
}

/// The last day on which it was this late: today, or yesterday if that is still to come.
fn latest(time: Time, there: &Zoned) -> Option<DateTime> {
    let today = there.date().to_datetime(time);
    let moment = there.time_zone().to_ambiguous_zoned(today).earlier().ok()?;
    if moment.timestamp() <= there.timestamp() {
        return Some(today);
    }
    Some(there.date().yesterday().ok()?.to_datetime(time))
}

fn resolve(text: &str, civil: DateTime, zone: &TimeZone) -> Result<Timestamp, Failure> {
    let ambiguous = zone.to_ambiguous_zoned(civil);
    let offset = ambiguous.offset();
    let far = || Failure::input(format!("{text:?} is out of range"), "write a year between 1 and 9999");
    let earlier = ambiguous.clone().earlier().map_err(|_| far())?;
    let later = ambiguous.later().map_err(|_| far())?;
    let name = zone.iana_name().unwrap_or("this zone");
    let both = |first: &Zoned, second: &Zoned| format!("say which: '{}' or '{}'", exact(first), exact(second));
    match offset {
        AmbiguousOffset::Unambiguous { .. } => Ok(earlier.timestamp()),
        AmbiguousOffset::Fold { .. } => {
            let message = format!("{text:?} happened twice in {name}: the clocks went back");
            Err(Failure::input(message, both(&earlier, &later)))
        }
        AmbiguousOffset::Gap { .. } => {
            let message = format!("{text:?} never happened in {name}: the clocks went forward");
            Err(Failure::input(message, both(&earlier, &later)))
        }
    }
}

fn exact(moment: &Zoned) -> String {
    moment.strftime("%Y-%m-%dT%H:%M:%S%.f%:z").to_string()
}

fn not_understood(text: &str) -> Failure {
    let hint = "write 2026-11-20T18:50:00Z, '2026-11-20 18:50', 02:57, '10 minutes ago' or 'yesterday 14:00'; \
                a zone such as Europe/Berlin may follow";
    Failure::input(format!("{text:?} is not a time"), hint)
}

#[cfg(test)]
mod tests;

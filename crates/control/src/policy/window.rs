//! Maintenance windows: when work of the timetable may begin. A window is open whenever the clock on the wall of its zone shows
//! a time within: from the beginning, up to and without the end. So on the night that the clock goes forward it may be shorter
//! or not open at all, and on the night that it goes back it may open twice; it is never open at a time that it does not name.

use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, DateTime, Time};
use jiff::{Timestamp, Zoned};

use super::invalid::Invalid;
use super::weekdays::{Weekdays, parse_time, print_time};
use super::zone::Zone;

const SHAPES: &str = "use `Sun 02:00-06:00 Europe/Berlin`, `Sat,Sun 01:00-05:00 UTC` or `daily 23:00-01:00 UTC`";

/// A window of one day each week that the clock leaps over comes again a week later.
const LOOK_AHEAD_DAYS: i64 = 15;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MaintenanceWindow {
    /// On which it begins.
    days: Weekdays,
    begins: Time,
    /// At or before `begins` it is a time of the day after; midnight is the end of the day.
    ends: Time,
    zone: Zone,
}

impl MaintenanceWindow {
    pub(crate) fn is_open(&self, now: Timestamp) -> bool {
        let wall = self.zone.at(now).datetime();
        let of_today = self.days.contains(wall.weekday());
        let of_yesterday = wall.date().yesterday().is_ok_and(|date| self.days.contains(date.weekday()));
        let has_begun = wall.time() >= self.begins;
        let has_not_ended = wall.time() < self.ends;
        match self.is_past_midnight() {
            false => of_today && has_begun && has_not_ended,
            true => (of_today && has_begun) || (of_yesterday && has_not_ended),
        }
    }

    /// Now, when it is open; else the next moment at which it opens.
    pub(crate) fn next_open(&self, now: Timestamp) -> Option<Timestamp> {
        if self.is_open(now) {
            return Some(now);
        }
        let here = self.zone.at(now);
        let opens = self.beginnings(&here).chain(self.clock_changes(&here));
        opens.filter(|moment| *moment > now && self.is_open(*moment)).min()
    }

    fn is_past_midnight(&self) -> bool {
        self.ends <= self.begins
    }

    /// Both moments of a beginning that comes twice. One that the clock leaps over is left to `clock_changes`.
    fn beginnings(&self, here: &Zoned) -> impl Iterator<Item = Timestamp> {
        let days = here.date().series(jiff::Span::new().days(1)).take(LOOK_AHEAD_DAYS as usize);
        days.flat_map(move |date: Date| {
            let wall = self.zone.time_zone().to_ambiguous_zoned(DateTime::from_parts(date, self.begins));
            [wall.clone().earlier(), wall.later()].into_iter().flatten().map(|moment| moment.timestamp())
        })
    }

    /// A change of the clock can step into a window.
    fn clock_changes(&self, here: &Zoned) -> impl Iterator<Item = Timestamp> {
        let until = here.timestamp().checked_add(jiff::SignedDuration::from_hours(24 * LOOK_AHEAD_DAYS));
        let until = until.unwrap_or(Timestamp::MAX);
        let changes = self.zone.time_zone().following(here.timestamp());
        changes.map(|change| change.timestamp()).take_while(move |moment| *moment <= until)
    }
}

impl FromStr for MaintenanceWindow {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<MaintenanceWindow, Invalid> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let (days, times, zone) = match words[..] {
            [days, times] => (days, times, "UTC"),
            [days, times, zone] => (days, times, zone),
            _ => return Err(Invalid::new(format!("{text:?} is not a window")).hint(SHAPES)),
        };
        let days = if days.eq_ignore_ascii_case("daily") { Weekdays::DAILY } else { Weekdays::parse(days)? };
        let (begins, ends) = parse_times(times)?;
        let zone = zone.parse()?;
        Ok(MaintenanceWindow { days, begins, ends, zone })
    }
}

/// `24:00` is the end of the day.
fn parse_times(text: &str) -> Result<(Time, Time), Invalid> {
    let Some((begins, ends)) = text.split_once('-') else {
        return Err(Invalid::new(format!("{text:?} is not from one time of day to another")).hint(SHAPES));
    };
    if begins == ends {
        let what = format!("{text:?} ends when it begins");
        return Err(Invalid::new(what).hint("a whole day is `00:00-24:00`"));
    }
    let ends = if ends == "24:00" { Time::midnight() } else { parse_time(ends)? };
    Ok((parse_time(begins)?, ends))
}

impl fmt::Display for MaintenanceWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let days = if self.days.is_daily() { "daily".into() } else { self.days.short_names() };
        let ends = if self.ends == Time::midnight() { "24:00".into() } else { print_time(self.ends) };
        write!(f, "{days} {}-{ends} {}", print_time(self.begins), self.zone)
    }
}

#[cfg(test)]
mod tests;

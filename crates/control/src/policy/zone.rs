//! A time zone by its name in the IANA database, so that what is read can be printed again.

use std::fmt;
use std::str::FromStr;

use jiff::tz::{self, TimeZone};
use jiff::{Timestamp, Zoned};

use super::invalid::Invalid;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Zone(TimeZone);

impl Zone {
    pub(crate) const UTC: Zone = Zone(TimeZone::UTC);

    pub(crate) fn time_zone(&self) -> &TimeZone {
        &self.0
    }

    pub(crate) fn at(&self, time: Timestamp) -> Zoned {
        time.to_zoned(self.0.clone())
    }
}

impl FromStr for Zone {
    type Err = Invalid;

    /// The case of the letters does not matter.
    fn from_str(text: &str) -> Result<Zone, Invalid> {
        if text.eq_ignore_ascii_case("UTC") || text == "Z" {
            return Ok(Zone::UTC);
        }
        let known = TimeZone::get(text).ok().filter(|zone| !zone.is_unknown() && zone.iana_name().is_some());
        known.map(Zone).ok_or_else(|| Invalid::new(format!("{text:?} is not a time zone")).hint(suggestion(text)))
    }
}

/// People write the city alone.
fn suggestion(text: &str) -> String {
    let wanted = text.replace(' ', "_");
    let is_wanted = |name: &str| name.rsplit('/').next().is_some_and(|city| city.eq_ignore_ascii_case(&wanted));
    let mut names: Vec<String> = tz::db().available().map(|name| name.to_string()).collect();
    names.retain(|name| {
        is_wanted(name) && name.contains('/') && !name.starts_with("posix") && !name.starts_with("right")
    });
    names.sort();
    match names.first() {
        Some(name) => format!("did you mean {name}?"),
        None => "use a name such as UTC, Europe/Berlin or America/New_York".into(),
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.iana_name().unwrap_or("UTC"))
    }
}

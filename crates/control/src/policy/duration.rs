//! Lengths of time in text: `15 min`, `60 h`, `5 d`, `1h30m`. A day is 24 hours here and a week seven of them; months and
//! years have no length. Printed in the greatest unit that needs no fraction, so `90 min` comes back as `90 min`.

use jiff::{SignedDuration, Span, SpanRelativeTo};

use super::invalid::Invalid;

const SHAPES: &str = "write it like `30 s`, `15 min`, `60 h`, `5 d`, `2 weeks` or `1h30m`";

/// The greatest that any length in a policy may be: sums with a `Timestamp` stay far from its end.
const LONGEST: SignedDuration = SignedDuration::from_hours(24 * 366 * 100);

/// Whole seconds, nought or more.
pub(crate) fn parse(text: &str) -> Result<SignedDuration, Invalid> {
    let span: Span =
        text.trim().parse().map_err(|_| Invalid::new(format!("{text:?} is not a length of time")).hint(SHAPES))?;
    if span.get_years() != 0 || span.get_months() != 0 {
        let hint = "say it in days, such as `30 d`; `gfs … monthly … yearly` counts by the calendar";
        return Err(Invalid::new(format!("{text:?}: months and years are not all of one length")).hint(hint));
    }
    let outside = |what: &str| Invalid::new(format!("{text:?} {what}")).hint(SHAPES);
    let duration =
        span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(|_| outside("is not a length of time"))?;
    if duration.is_negative() {
        return Err(outside("is negative"));
    }
    if duration.subsec_nanos() != 0 {
        return Err(outside("is finer than a second"));
    }
    if duration > LONGEST {
        return Err(outside("is longer than 100 years"));
    }
    Ok(duration)
}

/// As `parse`, and more than nought.
pub(crate) fn parse_positive(text: &str) -> Result<SignedDuration, Invalid> {
    match parse(text)? {
        duration if duration.is_zero() => Err(Invalid::new(format!("{text:?} is no time at all")).hint(SHAPES)),
        duration => Ok(duration),
    }
}

/// The inverse of `parse`. Fractions of a second are left out.
pub(crate) fn print(duration: SignedDuration) -> String {
    let seconds = duration.as_secs();
    let units = [(86_400, "d"), (3_600, "h"), (60, "min")];
    match units.iter().find(|(unit, _)| seconds != 0 && seconds % unit == 0) {
        Some((unit, name)) => format!("{} {name}", seconds / unit),
        None => format!("{seconds} s"),
    }
}

//! Times and lengths as people read them.

use jiff::Timestamp;

use crate::policy::Zone;

/// `Fri 21 Nov 2026 02:57:00 CET (01:57:00 UTC)`
pub(crate) fn moment(time: Timestamp, zone: &Zone) -> String {
    let (here, utc) = (zone.at(time), Zone::UTC.at(time));
    let told = here.strftime("%a %-d %b %Y %H:%M:%S %Z").to_string();
    if zone == &Zone::UTC {
        return told;
    }
    let format = if here.date() == utc.date() { "%H:%M:%S UTC" } else { "%-d %b %H:%M:%S UTC" };
    format!("{told} ({})", utc.strftime(format))
}

/// `3.9 s`, `21 min 45 s`, `2 h 10 min`, `3 d 4 h`: two parts at most.
pub(crate) fn length(seconds: f64) -> String {
    let seconds = seconds.max(0.0);
    if seconds < 9.95 {
        return format!("{seconds:.1} s");
    }
    let whole = seconds.round() as u64;
    let (great, name, small, small_name) = match whole {
        0..60 => return format!("{whole} s"),
        60..3600 => (whole / 60, "min", whole % 60, "s"),
        3600..86_400 => (whole / 3600, "h", whole % 3600 / 60, "min"),
        _ => (whole / 86_400, "d", whole % 86_400 / 3600, "h"),
    };
    if small == 0 { format!("{great} {name}") } else { format!("{great} {name} {small} {small_name}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_told_here_and_in_utc() {
        let berlin: Zone = "Europe/Berlin".parse().expect("a zone");
        let at = |text: &str| text.parse().expect("a time");
        assert_eq!(moment(at("2026-11-21T01:57:00Z"), &berlin), "Sat 21 Nov 2026 02:57:00 CET (01:57:00 UTC)");
        assert_eq!(moment(at("2026-06-21T22:30:00Z"), &berlin), "Mon 22 Jun 2026 00:30:00 CEST (21 Jun 22:30:00 UTC)");
        assert_eq!(moment(at("2026-11-21T01:57:00Z"), &Zone::UTC), "Sat 21 Nov 2026 01:57:00 UTC");
    }

    #[test]
    fn a_length_has_two_parts_at_most() {
        let told = [0.04, 3.91, 34.2, 60.0, 1305.0, 7800.0, 273_600.0].map(length);
        assert_eq!(told, ["0.0 s", "3.9 s", "34 s", "1 min", "21 min 45 s", "2 h 10 min", "3 d 4 h"]);
    }
}

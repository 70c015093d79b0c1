//! Days of the week, as a set, and the times of day that go with them in text.

use jiff::civil::{Time, Weekday};

use super::invalid::Invalid;

const ALL: [(Weekday, &str); 7] = [
    (Weekday::Monday, "Monday"),
    (Weekday::Tuesday, "Tuesday"),
    (Weekday::Wednesday, "Wednesday"),
    (Weekday::Thursday, "Thursday"),
    (Weekday::Friday, "Friday"),
    (Weekday::Saturday, "Saturday"),
    (Weekday::Sunday, "Sunday"),
];

/// Never empty. In the order of the week, from Monday.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Weekdays([bool; 7]);

impl Weekdays {
    pub(crate) const DAILY: Weekdays = Weekdays([true; 7]);

    pub(crate) fn contains(self, day: Weekday) -> bool {
        ALL.iter().zip(self.0).any(|((known, _), is_in)| is_in && *known == day)
    }

    pub(crate) fn is_daily(self) -> bool {
        self == Weekdays::DAILY
    }

    /// `Sunday`, `Sun`, or several with commas between.
    pub(crate) fn parse(text: &str) -> Result<Weekdays, Invalid> {
        let mut days = [false; 7];
        for word in text.split(',') {
            let matches = |name: &str| word.eq_ignore_ascii_case(name) || word.eq_ignore_ascii_case(&name[..3]);
            let Some(at) = ALL.iter().position(|(_, name)| matches(name)) else {
                let hint = "use Monday to Sunday or Mon to Sun, several as `Sat,Sun` without a space";
                return Err(Invalid::new(format!("{word:?} is not a day of the week")).hint(hint));
            };
            days[at] = true;
        }
        Ok(Weekdays(days))
    }

    pub(crate) fn names(self) -> String {
        self.join(|name| name)
    }

    pub(crate) fn short_names(self) -> String {
        self.join(|name| &name[..3])
    }

    /// As cron counts: Sunday is 0.
    pub(crate) fn cron(self) -> String {
        let numbers = ALL.iter().filter(|(day, _)| self.contains(*day));
        numbers.map(|(day, _)| day.to_sunday_zero_offset().to_string()).collect::<Vec<_>>().join(",")
    }

    fn join(self, shape: impl Fn(&'static str) -> &'static str) -> String {
        let names = ALL.iter().zip(self.0).filter(|(_, is_in)| *is_in).map(|((_, name), _)| shape(name));
        names.collect::<Vec<_>>().join(",")
    }
}

/// `02:00`, to the minute and of 24 hours.
pub(crate) fn parse_time(text: &str) -> Result<Time, Invalid> {
    let two = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
    let parts = text.split_once(':').filter(|(hour, minute)| two(hour) && two(minute));
    let time = parts.and_then(|(hour, minute)| Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok());
    time.ok_or_else(|| Invalid::new(format!("{text:?} is not a time of day")).hint("write it like `02:00` or `23:30`"))
}

pub(crate) fn print_time(time: Time) -> String {
    format!("{:02}:{:02}", time.hour(), time.minute())
}

//! Turns answers into text for people. Pure: what is needed of the world, now and the terminal's width, is in `View`. Lines carry
//! their meaning in words and marks, never in colour alone.

pub mod alarm;
pub mod audit;
pub mod backup;
pub mod check;
pub mod consumers;
pub mod drill;
pub mod errors;
pub mod expire;
pub mod extract;
pub mod instance;
pub mod keys;
pub mod operation;
pub mod progress;
pub mod protect;
pub mod restore;
pub mod runbook;
pub mod stack;
pub mod status;
pub mod table;
pub mod timeline;
pub mod tokens;
pub mod units;
pub mod users;

use jiff::{Timestamp, Zoned};

/// Where and when somebody reads.
#[derive(Debug, Clone)]
pub struct View {
    /// Now, in the zone in which times are shown.
    pub now: Zoned,
    pub width: usize,
}

impl View {
    pub fn zoned(&self, moment: Timestamp) -> Zoned {
        moment.to_zoned(self.now.time_zone().clone())
    }

    /// As short as it can be without a doubt: `14:02:07`, `Thu 18:41:10`, `3 Nov 18:41:10`, `3 Nov 2025 18:41:10`.
    pub fn short(&self, moment: Timestamp) -> String {
        let moment = self.zoned(moment);
        let days = moment.date().until(self.now.date()).map_or(i32::MAX, |span| span.get_days());
        let format = match days {
            0 => "%H:%M:%S",
            1..=6 => "%a %H:%M:%S",
            _ if moment.year() == self.now.year() => "%-d %b %H:%M:%S",
            _ => "%-d %b %Y %H:%M:%S",
        };
        moment.strftime(format).to_string()
    }

    /// `short`, and the zone.
    pub fn short_with_zone(&self, moment: Timestamp) -> String {
        format!("{} {}", self.short(moment), self.zoned(moment).strftime("%Z"))
    }

    /// `1 s ago`; a clock that is ahead of ours counts as now.
    pub fn ago(&self, moment: Timestamp) -> String {
        let seconds = self.now.timestamp().as_second() - moment.as_second();
        if seconds <= 0 { "now".to_owned() } else { format!("{} ago", units::seconds(seconds as f64)) }
    }
}

#[cfg(test)]
mod tests;

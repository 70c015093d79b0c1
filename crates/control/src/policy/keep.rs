//! How long the backups of one rule are kept, as people write it: `60 h`, `5 d`, `last 7` or
//! `gfs 24 hourly 7 daily 5 weekly 12 monthly 3 yearly`. What follows from it is in `retain`.

use std::fmt;
use std::str::FromStr;

use jiff::SignedDuration;

use super::duration;
use super::invalid::Invalid;

const SHAPES: &str = "use `60 h`, `5 d`, `last 7` or `gfs 24 hourly 7 daily 5 weekly 12 monthly 3 yearly`";

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Keep {
    /// So long from its end.
    For(SignedDuration),
    /// So many of the newest.
    Last(u32),
    /// Grandfather, father, son: the newest of each of the newest so many hours, days … that have a backup.
    Gfs(Gfs),
}

/// Not all nought.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Gfs {
    pub(crate) hourly: u32,
    pub(crate) daily: u32,
    pub(crate) weekly: u32,
    pub(crate) monthly: u32,
    pub(crate) yearly: u32,
}

impl Gfs {
    /// From the finest to the coarsest, each with its word.
    pub(crate) fn levels(&self) -> [(Level, u32); 5] {
        [
            (Level::Hourly, self.hourly),
            (Level::Daily, self.daily),
            (Level::Weekly, self.weekly),
            (Level::Monthly, self.monthly),
            (Level::Yearly, self.yearly),
        ]
    }

    fn count_mut(&mut self, level: Level) -> &mut u32 {
        match level {
            Level::Hourly => &mut self.hourly,
            Level::Daily => &mut self.daily,
            Level::Weekly => &mut self.weekly,
            Level::Monthly => &mut self.monthly,
            Level::Yearly => &mut self.yearly,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    Hourly,
    Daily,
    Weekly,
    Monthly,
    Yearly,
}

impl Level {
    const ALL: [Level; 5] = [Level::Hourly, Level::Daily, Level::Weekly, Level::Monthly, Level::Yearly];

    pub(crate) fn word(self) -> &'static str {
        match self {
            Level::Hourly => "hourly",
            Level::Daily => "daily",
            Level::Weekly => "weekly",
            Level::Monthly => "monthly",
            Level::Yearly => "yearly",
        }
    }
}

impl FromStr for Keep {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Keep, Invalid> {
        let words: Vec<&str> = text.split_whitespace().collect();
        match words[..] {
            [] => Err(Invalid::new("how long to keep is empty").hint(SHAPES)),
            ["last", count] => Ok(Keep::Last(parse_count(count)?)),
            ["last", ..] => Err(Invalid::new(format!("{text:?} is not `last` and a number")).hint(SHAPES)),
            ["gfs", ref levels @ ..] => parse_gfs(levels).map(Keep::Gfs),
            _ => duration::parse_positive(text).map(Keep::For).map_err(|error| match error.hint {
                Some(hint) if hint.starts_with("write") => Invalid::new(error.what).hint(SHAPES),
                _ => error,
            }),
        }
    }
}

fn parse_gfs(words: &[&str]) -> Result<Gfs, Invalid> {
    if words.is_empty() {
        return Err(Invalid::new("\"gfs\" must be followed by more").hint(SHAPES));
    }
    let mut gfs = Gfs::default();
    for pair in words.chunks(2) {
        let [count, word] = pair else {
            return Err(Invalid::new(format!("{:?} has no word after it", pair.join(" "))).hint(SHAPES));
        };
        let Some(level) = Level::ALL.into_iter().find(|level| level.word() == *word) else {
            let hint = "use hourly, daily, weekly, monthly or yearly, each after its number";
            return Err(Invalid::new(format!("{word:?} is not a part of the calendar")).hint(hint));
        };
        let slot = gfs.count_mut(level);
        if *slot != 0 {
            return Err(Invalid::new(format!("{word:?} is said twice")));
        }
        *slot = parse_count(count)?;
    }
    Ok(gfs)
}

fn parse_count(text: &str) -> Result<u32, Invalid> {
    let count = text.parse::<u32>().ok().filter(|count| *count > 0);
    count.ok_or_else(|| Invalid::new(format!("{text:?} is not a number of backups")).hint("use 1 or more"))
}

impl fmt::Display for Keep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Keep::For(length) => f.write_str(&duration::print(*length)),
            Keep::Last(count) => write!(f, "last {count}"),
            Keep::Gfs(gfs) => {
                f.write_str("gfs")?;
                let mut levels = gfs.levels().into_iter().filter(|(_, count)| *count > 0);
                levels.try_for_each(|(level, count)| write!(f, " {count} {}", level.word()))
            }
        }
    }
}

#[cfg(test)]
mod tests;

//! Names of log files (src/include/access/xlog_internal.h) and the timeline history (src/backend/access/transam/timeline.c).
//!
//! A segment file is `TTTTTTTTHHHHHHHHLLLLLLLL`: timeline, then the segment number in two halves whose border depends on the
//! segment size. A history file is `TTTTTTTT.history`.

use std::fmt;

use crate::error::{Error, Result};
use crate::postgres::lsn::{Lsn, Timeline};

/// The size unless initdb was told otherwise.
pub const DEFAULT_SEGMENT_BYTES: u64 = 16 << 20;

const SEGMENT_NAME_CHARS: usize = 24;
const HISTORY_SUFFIX: &str = ".history";

/// A power of two between 1 MiB and 1 GiB, as initdb allows.
pub fn is_segment_size(bytes: u64) -> bool {
    bytes.is_power_of_two() && (1 << 20..=1 << 30).contains(&bytes)
}

/// One segment file of one timeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Segment {
    pub timeline: Timeline,
    /// Counts from the start of the log, whatever the segment size.
    pub number: u64,
}

impl Segment {
    /// The segment that holds the byte at `lsn`.
    pub fn at(timeline: Timeline, lsn: Lsn, segment_bytes: u64) -> Segment {
        Segment { timeline, number: lsn.0 / segment_bytes }
    }

    pub fn start(self, segment_bytes: u64) -> Lsn {
        Lsn(self.number.saturating_mul(segment_bytes))
    }

    /// The first byte after it.
    pub fn end(self, segment_bytes: u64) -> Lsn {
        self.start(segment_bytes) + segment_bytes
    }

    pub fn next(self) -> Segment {
        Segment { number: self.number + 1, ..self }
    }

    pub fn file_name(self, segment_bytes: u64) -> String {
        let per_half = (1 << 32) / segment_bytes;
        format!("{:08X}{:08X}{:08X}", self.timeline, self.number / per_half, self.number % per_half)
    }

    /// None when this is not the name of a whole segment, for this segment size.
    pub fn parse(name: &str, segment_bytes: u64) -> Option<Segment> {
        if name.len() != SEGMENT_NAME_CHARS {
            return None;
        }
        let (timeline, high, low) = (hex8(name.get(..8)?)?, hex8(name.get(8..16)?)?, hex8(name.get(16..)?)?);
        let per_half = (1 << 32) / segment_bytes;
        let good = u64::from(low) < per_half && timeline != 0;
        good.then(|| Segment { timeline, number: u64::from(high) * per_half + u64::from(low) })
    }
}

fn hex8(text: &str) -> Option<u32> {
    let good = text.len() == 8 && text.bytes().all(|b| b.is_ascii_digit() || (b'A'..=b'F').contains(&b));
    good.then(|| u32::from_str_radix(text, 16).ok()).flatten()
}

pub fn history_file_name(timeline: Timeline) -> String {
    format!("{timeline:08X}{HISTORY_SUFFIX}")
}

pub fn parse_history_file_name(name: &str) -> Option<Timeline> {
    hex8(name.strip_suffix(HISTORY_SUFFIX)?).filter(|timeline| *timeline > 1)
}

/// An ancestor: it was left at `switch_lsn`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ancestor {
    pub timeline: Timeline,
    pub switch_lsn: Lsn,
    pub reason: String,
}

/// A timeline and where it comes from.
///
/// ```text
/// timeline 1 ─────┬── (left at 0/3000000)
/// timeline 2      └────┬── (left at 0/5000000)
/// timeline 3           └──────
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    pub timeline: Timeline,
    /// Oldest first.
    pub ancestors: Vec<Ancestor>,
}

impl History {
    /// Timeline 1 has no file and no ancestors.
    pub fn of_first(timeline: Timeline) -> History {
        History { timeline, ancestors: Vec::new() }
    }

    /// A line is `timeline <blanks> lsn <blanks> reason`; empty lines and those with # are skipped.
    pub fn parse(timeline: Timeline, text: &str) -> Result<History> {
        let mut ancestors: Vec<Ancestor> = Vec::new();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let ancestor = parse_line(line).ok_or_else(|| bad_history(timeline, line))?;
            let in_order = ancestors
                .last()
                .is_none_or(|before| before.timeline < ancestor.timeline && before.switch_lsn <= ancestor.switch_lsn);
            if !in_order || ancestor.timeline >= timeline {
                return Err(bad_history(timeline, line));
            }
            ancestors.push(ancestor);
        }
        Ok(History { timeline, ancestors })
    }

    /// On which timeline the byte at `lsn` lies, seen from this one.
    pub fn timeline_at(&self, lsn: Lsn) -> Timeline {
        self.ancestors.iter().find(|ancestor| lsn < ancestor.switch_lsn).map_or(self.timeline, |found| found.timeline)
    }

    /// Where an ancestor was left; none for the timeline itself and for strangers.
    pub fn end_of(&self, timeline: Timeline) -> Option<Lsn> {
        self.ancestors.iter().find(|ancestor| ancestor.timeline == timeline).map(|found| found.switch_lsn)
    }

    pub fn contains(&self, timeline: Timeline) -> bool {
        timeline == self.timeline || self.end_of(timeline).is_some()
    }
}

fn parse_line(line: &str) -> Option<Ancestor> {
    let (timeline, rest) = line.split_once(char::is_whitespace)?;
    let rest = rest.trim_start();
    let (lsn, reason) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let timeline = timeline.parse().ok().filter(|timeline| *timeline != 0)?;
    Some(Ancestor { timeline, switch_lsn: lsn.parse().ok()?, reason: reason.trim().into() })
}

fn bad_history(timeline: Timeline, line: &str) -> Error {
    Error::damaged(history_file_name(timeline), format!("it has the line {line:?}"))
}

impl fmt::Display for History {
    /// In the form of the file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for ancestor in &self.ancestors {
            writeln!(f, "{}\t{}\t{}", ancestor.timeline, ancestor.switch_lsn, ancestor.reason)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;

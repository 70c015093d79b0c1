//! Positions in the log and the timelines they lie on.

use std::fmt;
use std::ops::{Add, Sub};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// Counts up by one at every promotion or recovery to a point; 0 is none.
pub type Timeline = u32;

/// A byte position in the write-ahead log (XLogRecPtr). 0 is none. Text and JSON form: `16/B374D848`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Lsn(pub u64);

impl Lsn {
    pub const NONE: Lsn = Lsn(0);

    pub fn is_none(self) -> bool {
        self.0 == 0
    }

    /// Down to the start of the segment or page it lies in; `unit` is a power of two.
    pub fn align_down(self, unit: u64) -> Lsn {
        Lsn(self.0 & !(unit - 1))
    }

    /// Up to the next multiple of `unit`, a power of two; the last position where there is none.
    pub fn align_up(self, unit: u64) -> Lsn {
        Lsn(self.0.saturating_add(unit - 1)).align_down(unit)
    }

    /// Bytes from `earlier` to here; 0 if it is not earlier.
    pub fn bytes_since(self, earlier: Lsn) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:X}/{:X}", self.0 >> 32, self.0 & 0xFFFF_FFFF)
    }
}

impl FromStr for Lsn {
    type Err = Error;

    fn from_str(text: &str) -> Result<Lsn, Error> {
        let bad = || Error::protocol(format!("{text:?} is not a log position"));
        let (high, low) = text.split_once('/').ok_or_else(bad)?;
        let part = |digits: &str| {
            let good = (1..=8).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_hexdigit());
            good.then(|| u64::from_str_radix(digits, 16).ok()).flatten().ok_or_else(bad)
        };
        Ok(Lsn(part(high)? << 32 | part(low)?))
    }
}

impl Add<u64> for Lsn {
    type Output = Lsn;

    fn add(self, bytes: u64) -> Lsn {
        Lsn(self.0.saturating_add(bytes))
    }
}

impl Sub<u64> for Lsn {
    type Output = Lsn;

    fn sub(self, bytes: u64) -> Lsn {
        Lsn(self.0.saturating_sub(bytes))
    }
}

impl Sub<Lsn> for Lsn {
    type Output = u64;

    fn sub(self, earlier: Lsn) -> u64 {
        self.bytes_since(earlier)
    }
}

impl Serialize for Lsn {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Lsn {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Lsn, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests;

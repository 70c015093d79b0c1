//! How full a file system is, and when it will be full.

use std::io;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};

use super::condition::Severity;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Space {
    pub(crate) total: u64,
    /// For who is not root.
    pub(crate) free: u64,
}

impl Space {
    pub(crate) fn free_permille(&self) -> u64 {
        match self.total {
            0 => 1000,
            total => u64::try_from(u128::from(self.free) * 1000 / u128::from(total)).unwrap_or(1000),
        }
    }
}

pub(crate) fn of(path: &Path) -> io::Result<Space> {
    let found = rustix::fs::statvfs(path)?;
    Ok(Space {
        total: found.f_blocks.saturating_mul(found.f_frsize),
        free: found.f_bavail.saturating_mul(found.f_frsize),
    })
}

/// With less free than asked for it fills; with a third of that, critically.
pub(crate) fn is_filling(space: &Space, free_percent: u8) -> Option<Severity> {
    let limit = u64::from(free_percent) * 10;
    match space.free_permille() {
        free if free * 3 < limit => Some(Severity::Critical),
        free if free < limit => Some(Severity::Warning),
        _ => None,
    }
}

/// Growth is not judged by less than this.
const LONG_ENOUGH: SignedDuration = SignedDuration::from_hours(6);

/// When nothing will be free, if it goes on as it did since the first of these samples (time, free bytes; oldest first).
pub(crate) fn full_after(samples: &[(Timestamp, u64)], free: u64, now: Timestamp) -> Option<SignedDuration> {
    let (then, free_then) = samples.first()?;
    let passed = now.duration_since(*then);
    let taken = free_then.checked_sub(free).filter(|taken| *taken > 0)?;
    if passed < LONG_ENOUGH {
        return None;
    }
    let seconds = free as f64 * passed.as_secs_f64() / taken as f64;
    (seconds < i64::MAX as f64 / 2.0).then(|| SignedDuration::from_secs(seconds as i64))
}

/// `3.1 GB`
pub(crate) fn bytes(bytes: u64) -> String {
    let units = ["B", "kB", "MB", "GB", "TB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < units.len() {
        value /= 1000.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{value:.1} {}", units[unit]) }
}

#[cfg(test)]
mod tests;

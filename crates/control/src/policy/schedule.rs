//! When something runs: at intervals, by words, or by cron. Pure: the time is handed in.
//!
//! ```text
//!   Berlin, the clock goes forward        daily at 02:30 ──► 03:00, the moment the gap ends
//!     01:59 │ 03:00                       hourly         ──► 01:00, 03:00: there is no 02:00 to run at
//!   Berlin, the clock goes back           daily at 02:30 ──► once, at the first of the two
//!     02:00 … 02:59 │ 02:00 … 02:59       hourly         ──► 25 times that day
//! ```
//! - `every` counts from the first second of 1970 in UTC, so a restart never moves it and two daemons agree.
//! - Words and cron follow the clock on the wall of their zone. A cron line with more than one hour or minute has no time of
//!   its own to save: what falls into a gap does not run, and what comes twice runs twice.
//! - After downtime there is one run to catch up, for the newest slot that was missed (`due`).

use std::fmt;
use std::str::FromStr;

use croner::Cron;
use jiff::{SignedDuration, Timestamp};

use super::invalid::Invalid;
use super::zone::Zone;

mod words;

/// Slots that were missed are counted up to here; a year of a schedule by the minute need not be walked.
const MISSED_COUNTED_MAX: u32 = 1_000;

/// How far `newest_slot` looks back, from near to far: the last is longer than from one 29 February on a certain day of the
/// week to the next.
const LOOK_BACK_HOURS: [i64; 6] = [1, 25, 8 * 24, 32 * 24, 367 * 24, 41 * 366 * 24];

/// Equal when they are printed alike.
#[derive(Debug, Clone)]
pub(crate) struct Schedule {
    text: String,
    slots: Slots,
}

#[derive(Debug, Clone)]
enum Slots {
    EverySeconds(i64),
    Calendar { cron: Box<Cron>, zone: Zone },
}

/// What a schedule asks for at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Due {
    Nothing {
        next: Option<Timestamp>,
    },
    Now {
        /// The newest slot that was missed; what is asked for next is what comes after it.
        of: Timestamp,
        /// Older ones that this run makes up for as well; at most `MISSED_COUNTED_MAX` are counted.
        missed: u32,
    },
}

impl Schedule {
    /// The first slot strictly after this moment.
    pub(crate) fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        match &self.slots {
            Slots::EverySeconds(step) => {
                let second = after.as_nanosecond().div_euclid(1_000_000_000);
                let second = i64::try_from(second).ok()?;
                Timestamp::from_second((second.div_euclid(*step) + 1) * step).ok()
            }
            Slots::Calendar { cron, zone } => {
                let next = cron.find_next_occurrence(&zone.at(after), false).ok()?;
                Some(next.timestamp())
            }
        }
    }

    /// Whether to run now. `last` is the slot that was last served, or when that was done; what never ran is due at once.
    ///
    /// A `last` beyond the next slot can only come from a clock that was wrong, and counts as never: it must not silence the
    /// schedule until that day.
    pub(crate) fn due(&self, last: Option<Timestamp>, now: Timestamp) -> Due {
        let next = self.next_after(now);
        let Some(last) = last.filter(|last| *last <= now || next.is_none_or(|next| *last <= next)) else {
            return Due::Now { of: self.newest_slot(now).unwrap_or(now), missed: 0 };
        };
        match self.newest_slot(now).filter(|newest| *newest > last) {
            Some(newest) => Due::Now { of: newest, missed: self.missed(last, newest) },
            None => Due::Nothing { next: self.next_after(now.max(last)) },
        }
    }

    /// The slot put off by up to `jitter`, always alike for one slot and seed, and never so far that it meets the next slot.
    pub(crate) fn jittered(&self, slot: Timestamp, jitter: SignedDuration, seed: &str) -> Timestamp {
        let until_next = self.next_after(slot).map_or(SignedDuration::MAX, |next| next.duration_since(slot));
        let room = jitter.as_secs().min(until_next.as_secs() - 1);
        let Ok(room) = u64::try_from(room) else { return slot };
        let hash = fnv1a([seed.as_bytes(), &slot.as_second().to_be_bytes()]);
        let put_off = i64::try_from(hash % (room + 1)).unwrap_or(0);
        slot.checked_add(SignedDuration::from_secs(put_off)).unwrap_or(slot)
    }

    /// The last slot at or before this moment. Found by walking forward only, so that it is always one that `next_after` gave.
    fn newest_slot(&self, now: Timestamp) -> Option<Timestamp> {
        let started = LOOK_BACK_HOURS.iter().find_map(|hours| {
            let start = now.checked_sub(SignedDuration::from_hours(*hours)).ok()?;
            self.next_after(start).filter(|slot| *slot <= now)
        });
        self.walk(started?).take_while(|slot| *slot <= now).last()
    }

    fn missed(&self, last: Timestamp, newest: Timestamp) -> u32 {
        let missed = self.next_after(last).into_iter().flat_map(|first| self.walk(first));
        let missed = missed.take_while(|slot| *slot < newest).take(MISSED_COUNTED_MAX as usize).count();
        u32::try_from(missed).unwrap_or(MISSED_COUNTED_MAX)
    }

    fn walk(&self, first: Timestamp) -> impl Iterator<Item = Timestamp> {
        std::iter::successors(Some(first), |slot| self.next_after(*slot))
    }
}

/// Stable for ever, which std's hasher does not promise: a run must not move because the compiler was updated.
fn fnv1a<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> u64 {
    let bytes = parts.into_iter().flatten();
    let hash =
        bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    // The low bits of FNV hardly feel the last bytes' high bits; a remainder is taken of them.
    hash ^ (hash >> 32)
}

impl PartialEq for Schedule {
    fn eq(&self, other: &Schedule) -> bool {
        self.text == other.text
    }
}

impl Eq for Schedule {}

impl FromStr for Schedule {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Schedule, Invalid> {
        words::parse(text)
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests;

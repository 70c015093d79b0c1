//! A stretch of log, as a part or folded: frames `Head` (JSON, `LogHead`), then `Bytes` frames of at most 1 MiB each that
//! together are exactly the stretch its name says, then the end. Timeline histories and marks are small sealed objects of one
//! `Bytes` or `Head` frame.
//!
//! The head says which moments lie in the stretch, so that a time, a transaction or a named point is found by reading heads.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Raw bytes in one `Bytes` frame at most.
pub const LOG_FRAME_RAW: usize = 1 << 20;

/// A commit in the log. Positions are those of the engine (PostgreSQL: LSN of the record's start).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    pub position: u64,
    pub time: Timestamp,
}

/// A restore point that somebody named in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedPoint {
    pub name: String,
    pub position: u64,
    pub time: Timestamp,
}

/// What lies in a stretch of log. Records count where they begin.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moments {
    pub commits: u64,
    pub first: Option<Moment>,
    pub last: Option<Moment>,
    /// The greatest commit time; commits are not quite in order of time.
    pub latest: Option<Timestamp>,
    /// Least and greatest transaction number of the commits.
    pub transactions: Option<(u32, u32)>,
    pub points: Vec<NamedPoint>,
}

impl Moments {
    pub fn commit(&mut self, moment: Moment, transaction: u32) {
        self.commits += 1;
        self.first.get_or_insert(moment);
        self.last = Some(moment);
        self.latest = self.latest.max(Some(moment.time));
        self.transactions = Some(match self.transactions {
            None => (transaction, transaction),
            Some((least, greatest)) => (least.min(transaction), greatest.max(transaction)),
        });
    }

    /// Adds what lies in the stretch right behind this one.
    pub fn append(&mut self, next: &Moments) {
        self.commits += next.commits;
        self.first = self.first.or(next.first);
        self.last = next.last.or(self.last);
        self.latest = self.latest.max(next.latest);
        self.transactions = match (self.transactions, next.transactions) {
            (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
            (a, b) => a.or(b),
        };
        self.points.extend(next.points.iter().cloned());
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogHead {
    /// When it was received, by the receiver's clock.
    pub received: Timestamp,
    /// By the server's clock: at this time nothing had been committed that does not lie before the end of this stretch.
    pub complete_at: Option<Timestamp>,
    pub moments: Moments,
}

#[cfg(test)]
mod tests;

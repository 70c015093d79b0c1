//! What the log tells that a recovery may aim at.

use jiff::Timestamp;

use super::rows::RowEvent;
use crate::postgres::limits::Limits;
use crate::postgres::lsn::{Lsn, Timeline};

/// The end of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Xact {
    /// Where its record begins; `end_lsn` is where the next may begin. Recovery "to an LSN, inclusive" means `lsn`.
    pub lsn: Lsn,
    pub end_lsn: Lsn,
    /// The top transaction; of a prepared one its own and not that of the session that ended it.
    pub xid: u32,
    pub time: Timestamp,
    /// Whether it was ended by COMMIT PREPARED or ROLLBACK PREPARED.
    pub prepared: bool,
    /// Those of its parts that end with it; only where rows are counted.
    pub subtransactions: Vec<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    Commit(Xact),
    Abort(Xact),
    RestorePoint {
        lsn: Lsn,
        end_lsn: Lsn,
        time: Timestamp,
        name: String,
    },
    Checkpoint {
        lsn: Lsn,
        end_lsn: Lsn,
        redo: Lsn,
        timeline: Timeline,
        shutdown: bool,
    },
    /// A promotion: from here on the log is of `timeline`.
    EndOfRecovery {
        lsn: Lsn,
        end_lsn: Lsn,
        time: Timestamp,
        timeline: Timeline,
        previous_timeline: Timeline,
    },
    /// The end of a base backup that began at `start`.
    BackupEnd {
        lsn: Lsn,
        end_lsn: Lsn,
        start: Lsn,
    },
    /// The server was started with other settings than before.
    ParameterChange {
        lsn: Lsn,
        end_lsn: Lsn,
        limits: Limits,
    },
    /// The rest of the segment is empty; `end_lsn` is its end.
    Switch {
        lsn: Lsn,
        end_lsn: Lsn,
    },
    /// Only where rows are counted.
    Rows(RowEvent),
}

impl Event {
    pub fn lsn(&self) -> Lsn {
        match self {
            Event::Commit(xact) | Event::Abort(xact) => xact.lsn,
            Event::Rows(row) => row.lsn,
            Event::RestorePoint { lsn, .. }
            | Event::Checkpoint { lsn, .. }
            | Event::EndOfRecovery { lsn, .. }
            | Event::BackupEnd { lsn, .. }
            | Event::ParameterChange { lsn, .. }
            | Event::Switch { lsn, .. } => *lsn,
        }
    }

    pub fn end_lsn(&self) -> Lsn {
        match self {
            Event::Commit(xact) | Event::Abort(xact) => xact.end_lsn,
            Event::Rows(row) => row.end_lsn,
            Event::RestorePoint { end_lsn, .. }
            | Event::Checkpoint { end_lsn, .. }
            | Event::EndOfRecovery { end_lsn, .. }
            | Event::BackupEnd { end_lsn, .. }
            | Event::ParameterChange { end_lsn, .. }
            | Event::Switch { end_lsn, .. } => *end_lsn,
        }
    }

    /// The server's clock, where the record has it.
    pub fn time(&self) -> Option<Timestamp> {
        match self {
            Event::Commit(xact) | Event::Abort(xact) => Some(xact.time),
            Event::RestorePoint { time, .. } | Event::EndOfRecovery { time, .. } => Some(*time),
            _ => None,
        }
    }
}

//! One record as it comes in, in pieces: its header, its checksum, and as much of its main data as an event needs
//! (src/include/access/xlogrecord.h, src/include/catalog/pg_control.h, src/include/access/xact.h).

use super::event::{Event, Xact};
use super::rows::{RowEvent, RowReader};
use super::xact::XactReader;
use crate::postgres::limits::Limits;
use crate::postgres::lsn::Lsn;
use crate::postgres::wire::replication::timestamp_from_postgres;

pub(super) const HEADER_BYTES: usize = 24;
/// xl_crc; it covers the body first and then the header up to here.
const CRC_OFFSET: usize = 20;
/// MaxAllocSize: the server could not read a longer one.
const RECORD_BYTES_MAX: u32 = 0x3FFF_FFFF;
/// The longest main data that is kept: a restore point has a time and 64 bytes of name.
const KEPT_BYTES: usize = 72;

const RMGR_XLOG: u8 = 0;
const RMGR_XACT: u8 = 1;
const XACT_HAS_INFO: u8 = 0x80;

pub(super) const ID_DATA_SHORT: u8 = 255;
pub(super) const ID_DATA_LONG: u8 = 254;
pub(super) const ID_ORIGIN: u8 = 253;
pub(super) const ID_TOPLEVEL_XID: u8 = 252;

/// What of the XLOG resource manager is of interest.
const CHECKPOINT_SHUTDOWN: u8 = 0x00;
const CHECKPOINT_ONLINE: u8 = 0x10;
pub(super) const SWITCH: u8 = 0x40;
const BACKUP_END: u8 = 0x50;
const PARAMETER_CHANGE: u8 = 0x60;
const RESTORE_POINT: u8 = 0x70;
const END_OF_RECOVERY: u8 = 0x90;

const COMMIT: u8 = 0x00;
const ABORT: u8 = 0x20;
const COMMIT_PREPARED: u8 = 0x30;
const ABORT_PREPARED: u8 = 0x40;

#[derive(Debug, Clone, Copy)]
pub(super) struct Header {
    pub(super) total_bytes: u32,
    xid: u32,
    pub(super) previous: Lsn,
    info: u8,
    rmgr: u8,
    crc: u32,
}

impl Header {
    /// None when the length cannot be that of a record: the end of the log as a rule.
    pub(super) fn parse(bytes: &[u8; HEADER_BYTES]) -> Option<Header> {
        let header = Header {
            total_bytes: u32_at(bytes, 0)?,
            xid: u32_at(bytes, 4)?,
            previous: Lsn(u64_at(bytes, 8)?),
            info: bytes[16],
            rmgr: bytes[17],
            crc: u32_at(bytes, CRC_OFFSET)?,
        };
        is_record_length(header.total_bytes).then_some(header)
    }

    pub(super) fn is_switch(&self) -> bool {
        self.rmgr == RMGR_XLOG && self.info & 0xF0 == SWITCH
    }
}

pub(super) fn is_record_length(bytes: u32) -> bool {
    (HEADER_BYTES as u32..=RECORD_BYTES_MAX).contains(&bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

#[derive(Debug, Clone)]
enum Interest {
    None,
    Kept(Vec<u8>),
    Xact(XactReader),
    Rows(RowReader),
}

/// Where in the body the next byte belongs.
#[derive(Debug, Clone, Copy)]
enum Place {
    Id,
    /// Of the main data's length, so many bytes still to come, and the value so far.
    Length {
        left: u8,
        value: u32,
        shift: u8,
    },
    /// The origin or the top xid, of no interest.
    Skip(u8),
    MainData,
}

#[derive(Debug, Clone)]
pub(super) struct Record {
    pub(super) start: Lsn,
    pub(super) header: Header,
    header_bytes: [u8; HEADER_BYTES],
    crc: u32,
    place: Place,
    interest: Interest,
}

impl Record {
    /// `rows` are of interest to who counts them.
    pub(super) fn new(start: Lsn, header: Header, header_bytes: [u8; HEADER_BYTES], major: u32, rows: bool) -> Record {
        let interest = match (header.rmgr, header.info & 0xF0) {
            (
                RMGR_XLOG,
                CHECKPOINT_SHUTDOWN | CHECKPOINT_ONLINE | BACKUP_END | RESTORE_POINT | END_OF_RECOVERY
                | PARAMETER_CHANGE,
            ) => Interest::Kept(Vec::with_capacity(KEPT_BYTES)),
            (RMGR_XACT, _) if matches!(header.info & 0x70, COMMIT | ABORT | COMMIT_PREPARED | ABORT_PREPARED) => {
                Interest::Xact(XactReader::new(major, header.info & XACT_HAS_INFO != 0, rows))
            }
            (rmgr, _) if rows => {
                let body_bytes = header.total_bytes as usize - HEADER_BYTES;
                RowReader::new(rmgr, header.info, major, body_bytes).map_or(Interest::None, Interest::Rows)
            }
            _ => Interest::None,
        };
        Record { start, header, header_bytes, crc: 0, place: Place::Id, interest }
    }

    /// The next bytes of the body.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        self.crc = crc32c::crc32c_append(self.crc, bytes);
        if let Interest::Rows(reader) = &mut self.interest {
            return reader.feed(bytes);
        }
        let mut rest = bytes;
        while let Some((&byte, after)) = rest.split_first() {
            if matches!(self.interest, Interest::None) {
                return;
            }
            match self.place {
                Place::MainData => return self.feed_main(rest),
                Place::Id => self.enter(byte),
                Place::Skip(left) => self.place = if left > 1 { Place::Skip(left - 1) } else { Place::Id },
                Place::Length { left, value, shift } => {
                    let value = value | u32::from(byte) << shift;
                    self.place = match left {
                        1 => Place::MainData,
                        _ => Place::Length { left: left - 1, value, shift: shift + 8 },
                    };
                }
            }
            rest = after;
        }
    }

    /// Records of interest have no block references; one that has is none of them.
    fn enter(&mut self, id: u8) {
        match id {
            ID_DATA_SHORT => self.place = Place::Length { left: 1, value: 0, shift: 0 },
            ID_DATA_LONG => self.place = Place::Length { left: 4, value: 0, shift: 0 },
            ID_ORIGIN => self.place = Place::Skip(2),
            ID_TOPLEVEL_XID => self.place = Place::Skip(4),
            _ => self.interest = Interest::None,
        }
    }

    /// The main data is the last thing in a record, so its length need not be counted.
    fn feed_main(&mut self, bytes: &[u8]) {
        match &mut self.interest {
            Interest::None | Interest::Rows(_) => {}
            Interest::Kept(kept) => kept.extend_from_slice(&bytes[..bytes.len().min(KEPT_BYTES - kept.len())]),
            Interest::Xact(reader) => reader.feed(bytes),
        }
    }

    pub(super) fn crc_is_right(&self) -> bool {
        crc32c::crc32c_append(self.crc, &self.header_bytes[..CRC_OFFSET]) == self.header.crc
    }

    /// What the whole record says.
    pub(super) fn event(&self, end_lsn: Lsn) -> Option<Event> {
        match &self.interest {
            Interest::Kept(data) => self.xlog_event(data, end_lsn),
            Interest::Xact(reader) => self.xact_event(reader, end_lsn),
            Interest::Rows(reader) => {
                let what = reader.work(self.header.xid)?;
                Some(Event::Rows(RowEvent { lsn: self.start, end_lsn, what }))
            }
            Interest::None => self.header.is_switch().then_some(Event::Switch { lsn: self.start, end_lsn }),
        }
    }

    fn xact_event(&self, reader: &XactReader, end_lsn: Lsn) -> Option<Event> {
        let operation = self.header.info & 0x70;
        let prepared = matches!(operation, COMMIT_PREPARED | ABORT_PREPARED);
        let xact = Xact {
            lsn: self.start,
            end_lsn,
            xid: if prepared { reader.twophase_xid? } else { self.header.xid },
            time: timestamp_from_postgres(reader.time?),
            prepared,
            subtransactions: reader.subtransactions.clone(),
        };
        Some(if matches!(operation, COMMIT | COMMIT_PREPARED) { Event::Commit(xact) } else { Event::Abort(xact) })
    }

    fn xlog_event(&self, data: &[u8], end_lsn: Lsn) -> Option<Event> {
        let lsn = self.start;
        let first = u64_at(data, 0)?;
        let time = timestamp_from_postgres(first.cast_signed());
        Some(match self.header.info & 0xF0 {
            RESTORE_POINT => {
                let name = data[8..].split(|byte| *byte == 0).next().unwrap_or_default();
                Event::RestorePoint { lsn, end_lsn, time, name: String::from_utf8_lossy(name).into_owned() }
            }
            END_OF_RECOVERY => Event::EndOfRecovery {
                lsn,
                end_lsn,
                time,
                timeline: u32_at(data, 8)?,
                previous_timeline: u32_at(data, 12)?,
            },
            BACKUP_END => Event::BackupEnd { lsn, end_lsn, start: Lsn(first) },
            PARAMETER_CHANGE => Event::ParameterChange { lsn, end_lsn, limits: parameter_change(data)? },
            kind => Event::Checkpoint {
                lsn,
                end_lsn,
                redo: Lsn(first),
                timeline: u32_at(data, 8)?,
                shutdown: kind == CHECKPOINT_SHUTDOWN,
            },
        })
    }
}

/// xl_parameter_change in src/include/access/xlog_internal.h; the same from 12 to 18. What follows in it is no limit.
fn parameter_change(data: &[u8]) -> Option<Limits> {
    Some(Limits {
        max_connections: u32_at(data, 0)?,
        max_worker_processes: u32_at(data, 4)?,
        max_wal_senders: u32_at(data, 8)?,
        max_prepared_transactions: u32_at(data, 12)?,
        max_locks_per_transaction: u32_at(data, 16)?,
    })
}

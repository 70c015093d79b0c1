//! `global/pg_control`: what the cluster says of itself (src/include/catalog/pg_control.h). Pure, without I/O.
//!
//! The layout is that of a C struct on a 64-bit little-endian machine. It changed twice within PostgreSQL 13 to 18:
//! 1300 (13 to 16), 1700 (`wal_level` joined the checkpoint) and 1800 (`default_char_signedness` joined).

use crate::error::{Error, Result};
use crate::postgres::lsn::{Lsn, Timeline};

/// Its path below the data directory.
pub const PATH: &str = "global/pg_control";
/// Its size on disk, most of it zeroes.
pub const FILE_BYTES: usize = 8192;

const VERSION_OFFSET: usize = 8;
const NONCE_BYTES: usize = 32;

/// Catalog versions of the releases; betas have others.
const CATALOG_VERSIONS: [(u32, u32); 6] =
    [(202_007_201, 13), (202_107_181, 14), (202_209_061, 15), (202_307_071, 16), (202_406_281, 17), (202_506_291, 18)];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    StartingUp,
    ShutDown,
    ShutDownInRecovery,
    ShuttingDown,
    InCrashRecovery,
    InArchiveRecovery,
    InProduction,
}

impl State {
    fn from_number(number: u32) -> Option<State> {
        Some(match number {
            0 => State::StartingUp,
            1 => State::ShutDown,
            2 => State::ShutDownInRecovery,
            3 => State::ShuttingDown,
            4 => State::InCrashRecovery,
            5 => State::InArchiveRecovery,
            6 => State::InProduction,
            _ => return None,
        })
    }

    /// In the words of pg_controldata.
    pub fn name(self) -> &'static str {
        match self {
            State::StartingUp => "starting up",
            State::ShutDown => "shut down",
            State::ShutDownInRecovery => "shut down in recovery",
            State::ShuttingDown => "shutting down",
            State::InCrashRecovery => "in crash recovery",
            State::InArchiveRecovery => "in archive recovery",
            State::InProduction => "in production",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WalLevel {
    Minimal,
    Replica,
    Logical,
}

impl WalLevel {
    pub fn name(self) -> &'static str {
        match self {
            WalLevel::Minimal => "minimal",
            WalLevel::Replica => "replica",
            WalLevel::Logical => "logical",
        }
    }

    fn from_number(number: u32) -> Option<WalLevel> {
        [WalLevel::Minimal, WalLevel::Replica, WalLevel::Logical].get(number as usize).copied()
    }
}

/// The latest checkpoint, as the file repeats it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    pub redo: Lsn,
    pub timeline: Timeline,
    pub previous_timeline: Timeline,
    pub full_page_writes: bool,
    /// Epoch in the upper half.
    pub next_xid: u64,
    pub next_oid: u32,
    pub next_multi: u32,
    pub next_multi_offset: u32,
    pub oldest_xid: u32,
    pub oldest_xid_db: u32,
    pub oldest_multi: u32,
    pub oldest_multi_db: u32,
    /// Seconds since 1970.
    pub time: i64,
    pub oldest_commit_ts_xid: u32,
    pub newest_commit_ts_xid: u32,
    pub oldest_active_xid: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControlFile {
    pub system_identifier: u64,
    pub control_version: u32,
    pub catalog_version: u32,
    pub state: State,
    /// Seconds since 1970, of the last write.
    pub time: i64,
    /// Where the record of the latest checkpoint begins.
    pub checkpoint_lsn: Lsn,
    pub checkpoint: Checkpoint,
    pub unlogged_lsn: Lsn,
    pub min_recovery_point: Lsn,
    pub min_recovery_timeline: Timeline,
    pub backup_start: Lsn,
    pub backup_end: Lsn,
    pub backup_end_required: bool,
    pub wal_level: WalLevel,
    pub wal_log_hints: bool,
    pub max_connections: u32,
    pub max_worker_processes: u32,
    pub max_wal_senders: u32,
    pub max_prepared_transactions: u32,
    pub max_locks_per_transaction: u32,
    pub track_commit_timestamp: bool,
    pub max_align: u32,
    pub block_bytes: u32,
    pub blocks_per_relation_segment: u32,
    pub wal_block_bytes: u32,
    pub wal_segment_bytes: u32,
    /// 0 is none, 1 the only algorithm there is.
    pub data_checksum_version: u32,
    /// Since 18.
    pub default_char_signed: Option<bool>,
}

impl ControlFile {
    /// None for a beta or a fork, whose catalog version is no release's.
    pub fn major(&self) -> Option<u32> {
        CATALOG_VERSIONS.iter().find(|(catalog, _)| *catalog == self.catalog_version).map(|(_, major)| *major)
    }

    pub fn has_checksums(&self) -> bool {
        self.data_checksum_version != 0
    }

    /// The segment size is checked to be one that PostgreSQL allows, so that it can be divided by.
    pub fn parse(bytes: &[u8]) -> Result<ControlFile> {
        let version = bytes.get(VERSION_OFFSET..VERSION_OFFSET + 4).ok_or_else(cut_short)?;
        let version = u32::from_le_bytes([version[0], version[1], version[2], version[3]]);
        if ![1300, 1700, 1800].contains(&version) {
            let found = version.to_string();
            return Err(Error::Version { what: "pg_control version", found, known: "1300, 1700 and 1800" });
        }
        let mut fields = Fields { bytes, at: 0 };
        let file = read_file(&mut fields, version)?;
        check_crc(&mut fields)?;
        let good_size =
            file.wal_segment_bytes.is_power_of_two() && (1 << 20..=1 << 30).contains(&file.wal_segment_bytes);
        if !good_size {
            return Err(damaged(format!("its WAL segment size is {}", file.wal_segment_bytes)));
        }
        Ok(file)
    }
}

fn damaged(what: impl Into<String>) -> Error {
    Error::damaged("pg_control", what)
}

fn cut_short() -> Error {
    damaged("it is cut short")
}

/// The CRC-32C of everything before it.
fn check_crc(fields: &mut Fields<'_>) -> Result<()> {
    fields.align(4);
    let covered = fields.at;
    let stored = fields.u32()?;
    let computed = crc32c::crc32c(&fields.bytes[..covered]);
    if stored != computed {
        return Err(damaged(format!("its checksum is {stored:08X} and should be {computed:08X}")));
    }
    Ok(())
}

fn read_file(f: &mut Fields<'_>, version: u32) -> Result<ControlFile> {
    let file = ControlFile {
        system_identifier: f.u64()?,
        control_version: f.u32()?,
        catalog_version: f.u32()?,
        state: f.decoded("state", State::from_number)?,
        time: f.i64()?,
        checkpoint_lsn: f.lsn()?,
        checkpoint: read_checkpoint(f, version)?,
        unlogged_lsn: f.lsn()?,
        min_recovery_point: f.lsn()?,
        min_recovery_timeline: f.u32()?,
        backup_start: f.lsn()?,
        backup_end: f.lsn()?,
        backup_end_required: f.bool()?,
        wal_level: f.decoded("wal_level", WalLevel::from_number)?,
        wal_log_hints: f.bool()?,
        max_connections: f.u32()?,
        max_worker_processes: f.u32()?,
        max_wal_senders: f.u32()?,
        max_prepared_transactions: f.u32()?,
        max_locks_per_transaction: f.u32()?,
        track_commit_timestamp: f.bool()?,
        max_align: f.u32()?,
        block_bytes: f.skip_float_format()?.u32()?,
        blocks_per_relation_segment: f.u32()?,
        wal_block_bytes: f.u32()?,
        wal_segment_bytes: f.u32()?,
        data_checksum_version: f.skip_limits()?.u32()?,
        default_char_signed: if version >= 1800 { Some(f.bool()?) } else { None },
    };
    f.at += NONCE_BYTES;
    Ok(file)
}

fn read_checkpoint(f: &mut Fields<'_>, version: u32) -> Result<Checkpoint> {
    f.align(8);
    let checkpoint = Checkpoint {
        redo: f.lsn()?,
        timeline: f.u32()?,
        previous_timeline: f.u32()?,
        full_page_writes: f.bool()?,
        next_xid: {
            if version >= 1700 {
                f.u32()?;
            }
            f.u64()?
        },
        next_oid: f.u32()?,
        next_multi: f.u32()?,
        next_multi_offset: f.u32()?,
        oldest_xid: f.u32()?,
        oldest_xid_db: f.u32()?,
        oldest_multi: f.u32()?,
        oldest_multi_db: f.u32()?,
        time: f.i64()?,
        oldest_commit_ts_xid: f.u32()?,
        newest_commit_ts_xid: f.u32()?,
        oldest_active_xid: f.u32()?,
    };
    f.align(8);
    Ok(checkpoint)
}

/// Reads the fields of a C struct one after the other, each at its natural alignment.
struct Fields<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Fields<'_> {
    fn align(&mut self, to: usize) {
        self.at = self.at.next_multiple_of(to);
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N]> {
        self.align(N);
        let field =
            self.bytes.get(self.at..self.at + N).and_then(|bytes| bytes.try_into().ok()).ok_or_else(cut_short)?;
        self.at += N;
        Ok(field)
    }

    fn bool(&mut self) -> Result<bool> {
        Ok(self.take::<1>()? != [0])
    }

    fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_le_bytes(self.take()?))
    }

    fn u64(&mut self) -> Result<u64> {
        Ok(u64::from_le_bytes(self.take()?))
    }

    fn i64(&mut self) -> Result<i64> {
        Ok(i64::from_le_bytes(self.take()?))
    }

    fn lsn(&mut self) -> Result<Lsn> {
        Ok(Lsn(self.u64()?))
    }

    fn decoded<T>(&mut self, what: &str, decode: impl Fn(u32) -> Option<T>) -> Result<T> {
        let number = self.u32()?;
        decode(number).ok_or_else(|| damaged(format!("its {what} is {number}")))
    }

    fn skip_float_format(&mut self) -> Result<&mut Self> {
        self.take::<8>()?;
        Ok(self)
    }

    /// nameDataLen, indexMaxKeys, toast_max_chunk_size, loblksize, float8ByVal.
    fn skip_limits(&mut self) -> Result<&mut Self> {
        for _ in 0..4 {
            self.u32()?;
        }
        self.bool()?;
        Ok(self)
    }
}

#[cfg(test)]
mod tests;

//! PostgreSQL 13 to 18: its protocol, its files, its log, its programs.

pub mod backup;
pub mod binaries;
pub mod checks;
pub mod checksum;
pub mod control_file;

pub mod extract;
pub mod info;
pub mod inspect;
pub mod instance;
pub mod limits;
pub mod lineage;
pub mod lsn;
pub mod migrations;
pub mod opened;
pub mod owner;
mod ports;
mod program;
pub mod quote;
pub mod receive;
pub mod relations;
pub mod restore;
#[cfg(feature = "simulated")]
pub mod simulated;
pub mod source;
mod stopwatch;
pub mod successor;
pub mod target;
pub mod verify;
pub mod wal;
pub mod wire;

pub use lsn::{Lsn, Timeline};

//! The product: what is protected, what runs, and how people reach it. `daemon` is the story of `rekindle serve`; each
//! operation and each HTTP resource has a file of its own; `recover`, `init` and `keys` need no daemon.

mod catalog;
mod conditions;
mod config;
mod daemon;
mod error;
mod host;
mod http;
mod init;
mod instances;
mod keys;
mod mount_process;
mod open;
mod operation;
mod recover;
mod report;
mod source;
mod views;

pub use config::{Config, S3Ask};
pub use daemon::serve;
pub use error::{Error, Result, error_table};
pub use host::Host;
pub use init::{InitAsk, InitDone, init};
pub use keys::{KeyLockAsk, KeySlotView, dump, key_add, key_list, key_remove, key_test};
pub use mount_process::mount_serve;
pub use open::{UnlockAsk, VaultAsk, vault_ask_from_config};
pub use operation::Watch;
pub use recover::{RecoverAsk, recover, recover_plan};
pub use vault::error::{Code, Kind, code, kind_of};

use std::path::Path;

/// The asking side of a restore's log fetch, see `engine::postgres::restore`. Returns the exit code for the server, and why.
pub fn wal_fetch(socket: &Path, name: &str, dest: &str) -> (u8, String) {
    engine::postgres::restore::fetch_log_file(socket, name, dest)
}

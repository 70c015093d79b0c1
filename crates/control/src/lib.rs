//! The product: what is protected, what runs, and how people reach it. `daemon` is the story of `rekindle serve`; each
//! operation and each HTTP resource has a file of its own; `recover`, `init` and `keys` need no daemon.

mod alarms;
mod approvals;
mod audit;
mod catalog;
mod config;
mod consent;
mod consumers;
mod daemon;
mod doctor;
mod driver;
mod entitlements;
mod error;
mod fleet;
mod host;
#[cfg(test)]
mod house;
mod http;
mod init;
mod instances;
mod kept;
mod keys;
mod metrics;
mod moment;
mod mount_process;
mod open;
mod operation;
mod outlook;
mod overview;
mod people;
mod policy;
mod recover;
mod recover_catalog;
mod report;
mod restored;
mod retired;
mod secret;
mod source;
mod stacks;
mod standby;
mod timetable;
mod views;

pub use config::{Config, ListenSettings, S3Ask};
pub use daemon::serve;
pub use doctor::doctor;
pub use error::{Error, Result, error_table};
pub use host::Host;
pub use http::{openapi, roles_table};
pub use init::{InitAsk, InitDone, init};
pub use kept::{Kept, recover_secrets};
pub use keys::{KeyLockAsk, KeySlotView, dump, key_add, key_list, key_remove, key_test};
pub use mount_process::mount_serve;
#[cfg(feature = "simulated")]
pub use open::StoreWrap;
pub use open::{UnlockAsk, VaultAsk, vault_ask_from_config};
pub use operation::Watch;
pub use recover::{RecoverAsk, recover, recover_plan};
pub use recover_catalog::{CatalogRecovered, RecoverCatalogAsk, recover_catalog};
pub use secret::{Secret, SecretRef};
pub use vault::error::{Code, Kind, code, kind_of};

use std::path::Path;

/// The asking side of a restore's log fetch, see `engine::postgres::restore`. Returns the exit code for the server, and why.
pub fn wal_fetch(socket: &Path, name: &str, dest: &str) -> (u8, String) {
    engine::postgres::restore::fetch_log_file(socket, name, dest)
}

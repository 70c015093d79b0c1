//! The vault: an encrypted, append-only store of backups and logs on a folder or an object store. It knows no database.

pub mod backup;
pub mod beneath;
pub mod check;
pub mod dump;
pub mod env;
pub mod error;
pub mod expire;
pub mod format;
pub mod keys;
pub mod log;
pub mod names;
pub mod store;
mod vault;

pub use env::Env;
pub use error::{Error, Kind, Result};
pub use vault::{Vault, exists};

//! The vault: an encrypted, append-only store of backups and logs on a folder or an object store. It knows no database.

pub mod env;
pub mod error;
pub mod keys;
pub mod store;

pub use env::Env;
pub use error::{Error, Kind, Result};

//! A small client of our own for both ordinary SQL and physical replication, since no crate does the latter to its end.
//! Simple query protocol only: results are text.

pub mod connection;
pub mod conninfo;
mod login;
pub mod passfile;
pub mod replication;
mod server_error;
pub(crate) mod settings;
mod tls;

pub use connection::{CancelToken, Connection, Mode, Rows};
pub use conninfo::{Conninfo, Defaults, Host, SslMode};
pub use replication::{Replication, WalEvent, WalStream};

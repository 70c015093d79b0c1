//! The engines: what Rekindle knows of database servers. It prints nothing and reads no environment.

pub mod error;
pub mod postgres;
#[cfg(test)]
mod test_vault;

pub use error::{Error, Result};
pub use mount;

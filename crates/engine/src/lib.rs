//! The engines: what Rekindle knows of database servers. It prints nothing and reads no environment.

pub mod error;
pub mod postgres;

pub use error::{Error, Result};
pub use mount;

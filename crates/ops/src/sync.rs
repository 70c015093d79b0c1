//! The locks of the store in memory: the system's, or with the feature `shuttle` those of a scheduler that tries many orders
//! (`tests/it/explored.rs`).

#[cfg(feature = "shuttle")]
pub(crate) use shuttle::sync::{Mutex, MutexGuard};
#[cfg(not(feature = "shuttle"))]
pub(crate) use std::sync::{Mutex, MutexGuard};

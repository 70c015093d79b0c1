//! The tree over a real vault's backup, without a kernel and through one.

mod ahead;
#[cfg(feature = "shuttle")]
mod explored;
mod hydration;
mod large;
mod large_backup;
mod model;
mod place;
mod promises;
mod skeleton;
mod subject;

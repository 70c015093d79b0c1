//! Locks, atomics and threads of this crate: the system's, or with the feature `shuttle` those of a scheduler that tries many orders
//! (`tests/it/explored.rs`). What the kernel's side alone uses (`fuse`, `session`) is not tried, and takes the system's.

#[cfg(feature = "shuttle")]
pub(crate) use shuttle::{
    sync::{Condvar, Mutex, MutexGuard, RwLock, RwLockReadGuard, atomic},
    thread,
};
#[cfg(not(feature = "shuttle"))]
pub(crate) use std::{
    sync::{Condvar, Mutex, MutexGuard, RwLock, RwLockReadGuard, atomic},
    thread,
};

/// Another thread may come between what was done and what is done next: called before the kernel is asked for anything, which the
/// scheduler does not see by itself.
#[cfg(feature = "shuttle")]
pub(crate) fn turn() {
    atomic::AtomicBool::new(false).load(atomic::Ordering::SeqCst);
}

#[cfg(not(feature = "shuttle"))]
pub(crate) const fn turn() {}

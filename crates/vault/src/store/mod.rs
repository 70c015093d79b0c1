//! Where a vault's objects live: a folder or an S3-compatible bucket. This file is the promise; `folder.rs` and `s3.rs` keep it
//! on `object_store`, `cache.rs` keeps parts near, `fault.rs` breaks it on purpose, `conformance.rs` proves it for each of them.
//!
//! What every store promises:
//! - `put_new` makes the whole object visible under its name, or nothing; of two racing writers exactly one wins. When it
//!   returns `Ok`, the object survives a crash or power loss of this machine.
//! - An object's bytes never change. `get`, `get_range` and `size` see it as soon as `put_new` has returned, and so does `list`.
//! - A name is 1 to 900 bytes of `/`-separated segments of 1 to 200 bytes of `A-Z a-z 0-9 . _ - = + @ ,`, none beginning with a
//!   dot; any other is refused before anything is touched. On a folder an object's name cannot also be the folder of others.
//! - A lost answer never becomes a lie: after a time-out `put_new` reads back what is there and says whether it is ours.

mod cache;
pub mod conformance;
pub mod fault;
mod folder;
mod location;
pub mod probe;
mod s3;
#[cfg(test)]
mod tests;

use std::fmt::Debug;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use jiff::Timestamp;

use crate::error::{Error, Result};

pub use cache::{CacheSettings, CacheStore};
pub use folder::FolderStore;
pub use location::{Credentials, Location, S3Location, S3Options};
pub use s3::S3Store;

/// One object as `list` sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectInfo {
    /// Full name within the vault, `/`-separated, without a leading slash.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// When the store took it, by the store's clock.
    pub modified: Timestamp,
}

/// A place for immutable objects. See the head of this file for what an implementation owes.
#[async_trait]
pub trait Store: Send + Sync + Debug {
    /// Where this is, for messages: `file:/var/lib/rekindle/vault`, `s3://bucket/prefix`. Never holds a secret.
    fn location(&self) -> &str;

    /// Whether reading it asks nothing of a network that we know of.
    fn is_local(&self) -> bool {
        false
    }

    /// Puts an object that does not exist yet.
    ///
    /// `Ok` also when the name already holds exactly these bytes (our own put whose answer was lost);
    /// `Error::Exists` when it holds others; `Error::StoreFull` when there is no room.
    async fn put_new(&self, name: &str, bytes: Bytes) -> Result<()>;

    /// The whole object. `Error::NotFound` when there is none.
    async fn get(&self, name: &str) -> Result<Bytes>;

    /// Exactly the bytes of `range`; `Error::Damaged` when the object ends before `range.end`.
    async fn get_range(&self, name: &str, range: Range<u64>) -> Result<Bytes>;

    /// Size in bytes.
    async fn size(&self, name: &str) -> Result<u64>;

    /// All objects whose name begins with `prefix` (empty: all), in ascending byte order of name, a page at a time.
    fn list(&self, prefix: &str) -> BoxStream<'static, Result<ObjectInfo>>;

    /// Like `list`, only names greater than `after`.
    fn list_after(&self, prefix: &str, after: &str) -> BoxStream<'static, Result<ObjectInfo>>;

    /// Removes an object; one that is not there is fine.
    async fn delete(&self, name: &str) -> Result<()>;

    /// These bytes of an object were not what they should be: what was kept of them on the way is not to be trusted. False when
    /// nothing is kept, so that asking again would give the same.
    async fn forget(&self, _name: &str, _range: Range<u64>) -> bool {
        false
    }
}

pub type SharedStore = Arc<dyn Store>;

/// Opens the place and touches nothing: a missing folder is made by the first `put_new`.
pub fn open(location: &Location) -> Result<SharedStore> {
    match location {
        Location::Folder(path) => Ok(Arc::new(FolderStore::open(path)?)),
        Location::S3(s3) => Ok(Arc::new(S3Store::open(s3)?)),
    }
}

const NAME_BYTES_MAX: usize = 900;
const SEGMENT_BYTES_MAX: usize = 200;

/// Whether every store can hold an object of this name.
fn is_valid_name(name: &str) -> bool {
    let segment_ok = |segment: &str| {
        (1..=SEGMENT_BYTES_MAX).contains(&segment.len())
            && !segment.starts_with('.')
            && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-=+@,".contains(&byte))
    };
    name.len() <= NAME_BYTES_MAX && name.split('/').all(segment_ok)
}

fn check_name(name: &str) -> Result<()> {
    match is_valid_name(name) {
        true => Ok(()),
        false => Err(Error::Invalid(format!("{name:?} is not a name an object can have"))),
    }
}

/// The range's length, refusing one that ends before it begins.
fn range_len(name: &str, range: &Range<u64>) -> Result<u64> {
    range
        .end
        .checked_sub(range.start)
        .ok_or_else(|| Error::Internal(format!("range {}..{} of {name} ends before it begins", range.start, range.end)))
}

fn ends_before(name: &str, size: u64, range: &Range<u64>) -> Error {
    Error::damaged(name, format!("it has {size} bytes, {} were expected at least", range.end))
}

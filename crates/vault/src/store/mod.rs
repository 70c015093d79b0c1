//! Where a vault's objects live: a folder or an S3-compatible bucket. This file is the promise; `folder.rs` and `s3.rs` keep it
//! on `object_store`, `fault.rs` breaks it on purpose, `conformance.rs` proves it for each of them.
//!
//! What every store promises:
//! - `put_new` makes the whole object visible under its name, or nothing; of two racing writers exactly one wins. When it
//!   returns `Ok`, the object survives a crash or power loss of this machine.
//! - An object's bytes never change. `get`, `get_range` and `size` see it as soon as `put_new` has returned, and so does `list`.
//! - A lost answer never becomes a lie: after a time-out `put_new` reads back what is there and says whether it is ours.

use std::fmt::Debug;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use jiff::Timestamp;

use crate::error::Result;

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
}

pub type SharedStore = Arc<dyn Store>;

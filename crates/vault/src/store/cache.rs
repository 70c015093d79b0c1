//! Parts of objects kept in a local folder that many processes share, so that a place in the network is asked once. Wrapped round
//! another store; only `get_range` is answered from the folder. Must not know what the objects mean.
//!
//! - What is kept is as it is stored: sealed. It is never opened here, and the folder needs no more protection than the vault.
//! - Objects never change, so a part that is there is right, or was damaged on this disk. Whoever finds that out (an opener's tag
//!   does not hold) says `forget`, and asks again.
//! - The folder can be removed at any time, also in use. A folder that cannot be written, or is full, is no error: nothing is kept.
//!
//! ```text
//!   FOLDER/packs/ab/<id>/<n>    bytes n·256 KiB .. (n+1)·256 KiB of that object, fewer at its end; put whole, by a link
//!   FOLDER/used                 bytes of all parts, eight bytes little-endian; locked by who counts and by who makes room
//! ```
//! A crash may leave `used` too large, never too small: it is counted up before the link. It is counted anew when room is made.
//!
//! Parts are removed in the order of their last use, by the time of modification, which a use sets when it is older than
//! `USED_EVERY`.

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures::stream::BoxStream;

use super::{ObjectInfo, SharedStore, Store, check_name};
use crate::env::Env;
use crate::error::{Error, Result};
use crate::names::prefix;

mod parts;

use parts::{PART, Parts, Piece};

/// Where parts are kept, and how much of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheSettings {
    /// For us alone, on a local disk; made when it is not there. All mounts of a vault should name the same.
    pub folder: PathBuf,
    /// Bytes of all parts together, whoever keeps them.
    pub bytes_max: u64,
}

#[derive(Clone)]
pub struct CacheStore {
    inner: SharedStore,
    /// Names that begin with it are kept.
    prefix: &'static str,
    parts: Arc<Parts>,
}

impl fmt::Debug for CacheStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CacheStore({}, {:?})", self.parts.folder().display(), self.inner)
    }
}

impl CacheStore {
    /// Keeps parts of packs. Touches nothing yet.
    pub fn new(inner: SharedStore, settings: CacheSettings, env: &Env) -> CacheStore {
        CacheStore::of_names(inner, prefix::PACKS, settings, env)
    }

    pub(super) fn of_names(inner: SharedStore, prefix: &'static str, settings: CacheSettings, env: &Env) -> CacheStore {
        CacheStore { inner, prefix, parts: Arc::new(Parts::new(settings, env)) }
    }

    fn keeps(&self, name: &str) -> bool {
        name.starts_with(self.prefix) && check_name(name).is_ok()
    }

    /// Runs work on the folder where it may block.
    async fn run<T: Send + 'static>(&self, work: impl FnOnce(&Parts) -> T + Send + 'static) -> Result<T> {
        let parts = self.parts.clone();
        tokio::task::spawn_blocking(move || work(&parts)).await.map_err(|error| Error::Internal(error.to_string()))
    }

    /// Brings in neighbouring parts, as whole ones where the object does not end before, and keeps them. Gives the bytes of `wanted`.
    async fn fetch(&self, name: &str, parts: Range<u64>, wanted: Range<u64>) -> Result<Bytes> {
        let whole = parts.start * PART..parts.end * PART;
        let bytes = match self.inner.get_range(name, whole.clone()).await {
            // The last part of an object is shorter.
            Err(Error::Damaged { .. }) => {
                let size = self.inner.size(name).await?;
                self.inner.get_range(name, whole.start..whole.end.min(size.max(wanted.end))).await?
            }
            other => other?,
        };
        let asked = (wanted.start - whole.start) as usize..(wanted.end - whole.start) as usize;
        let answer = bytes.slice(asked);
        let name = name.to_owned();
        self.run(move |kept| {
            for (part, bytes) in parts.zip(bytes.chunks(PART as usize)) {
                if let Err(error) = kept.keep(&name, part, bytes) {
                    tracing::debug!(%error, name, "a part of the object is not kept");
                }
            }
        })
        .await?;
        Ok(answer)
    }
}

#[async_trait]
impl Store for CacheStore {
    fn location(&self) -> &str {
        self.inner.location()
    }

    fn is_local(&self) -> bool {
        self.inner.is_local()
    }

    async fn put_new(&self, name: &str, bytes: Bytes) -> Result<()> {
        self.inner.put_new(name, bytes).await
    }

    async fn get(&self, name: &str) -> Result<Bytes> {
        self.inner.get(name).await
    }

    async fn get_range(&self, name: &str, range: Range<u64>) -> Result<Bytes> {
        if !self.keeps(name) || range.start >= range.end {
            return self.inner.get_range(name, range).await;
        }
        let (asked, owned) = (range.clone(), name.to_owned());
        let pieces = self.run(move |parts| parts.pieces(&owned, &asked)).await?;
        let mut answer = BytesMut::with_capacity((range.end - range.start) as usize);
        for piece in pieces {
            match piece {
                Piece::Kept(bytes) if bytes.len() as u64 == range.end - range.start => return Ok(bytes),
                Piece::Kept(bytes) => answer.extend_from_slice(&bytes),
                Piece::Absent(parts) => {
                    let wanted = range.start.max(parts.start * PART)..range.end.min(parts.end * PART);
                    answer.extend_from_slice(&self.fetch(name, parts, wanted).await?);
                }
            }
        }
        Ok(answer.freeze())
    }

    async fn size(&self, name: &str) -> Result<u64> {
        self.inner.size(name).await
    }

    fn list(&self, prefix: &str) -> BoxStream<'static, Result<ObjectInfo>> {
        self.inner.list(prefix)
    }

    fn list_after(&self, prefix: &str, after: &str) -> BoxStream<'static, Result<ObjectInfo>> {
        self.inner.list_after(prefix, after)
    }

    async fn delete(&self, name: &str) -> Result<()> {
        self.inner.delete(name).await?;
        if !self.keeps(name) {
            return Ok(());
        }
        let owned = name.to_owned();
        self.run(move |parts| parts.remove_all(&owned)).await
    }

    async fn forget(&self, name: &str, range: Range<u64>) -> bool {
        let owned = name.to_owned();
        self.keeps(name) && self.run(move |parts| parts.remove(&owned, &range)).await.is_ok()
    }
}

#[cfg(test)]
mod tests;

//! Packs on their way into the store: each worker fills one in memory; full ones are put in the background, a few at a time.
//! Memory: one open pack per worker and `UPLOADS_MAX` on their way.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use super::tree::Progress;
use crate::error::{Error, Result};
use crate::format::map::ExtentRef;
use crate::format::sealed::{Class, Compressor, Kind, Sealer};
use crate::names::{Name, PackId};
use crate::vault::Vault;

/// A pack is put when it has grown to this many bytes.
pub const PACK_TARGET: usize = 8 << 20;
const UPLOADS_MAX: usize = 3;

/// Puts packs, and remembers which and what went wrong. Shared by all workers of one backup.
#[derive(Debug)]
pub struct Uploader {
    vault: Vault,
    runtime: Handle,
    slots: Arc<Semaphore>,
    progress: Arc<Progress>,
    outcome: Arc<Mutex<Outcome>>,
}

#[derive(Debug, Default)]
struct Outcome {
    /// Size of each pack that was put.
    packs: BTreeMap<PackId, u64>,
    failure: Option<Error>,
}

impl Uploader {
    /// `runtime` runs the puts; the workers themselves are plain threads.
    pub fn new(vault: &Vault, runtime: Handle, progress: Arc<Progress>) -> Uploader {
        let slots = Arc::new(Semaphore::new(UPLOADS_MAX));
        Uploader { vault: vault.clone(), runtime, slots, progress, outcome: Arc::default() }
    }

    /// Hands a finished pack over; blocks while too many are on their way. Fails as soon as any put has failed.
    fn put(&self, id: PackId, bytes: Vec<u8>) -> Result<()> {
        let permit = self.runtime.block_on(self.slots.clone().acquire_owned());
        let permit = permit.map_err(|_| Error::Internal("the uploader is closed".into()))?;
        self.failed()?;
        let (vault, outcome, progress) = (self.vault.clone(), self.outcome.clone(), self.progress.clone());
        self.runtime.spawn(async move {
            let size = bytes.len() as u64;
            let put = vault.store().put_new(&Name::Pack(id).to_string(), Bytes::from(bytes)).await;
            progress.moved(size);
            let mut outcome = outcome.lock().unwrap_or_else(PoisonError::into_inner);
            match put {
                Ok(()) => drop(outcome.packs.insert(id, size)),
                Err(failure) => drop(outcome.failure.get_or_insert(failure)),
            }
            drop(permit);
        });
        Ok(())
    }

    fn failed(&self) -> Result<()> {
        match self.outcome.lock().unwrap_or_else(PoisonError::into_inner).failure.take() {
            None => Ok(()),
            Some(failure) => Err(failure),
        }
    }

    /// Waits until every pack is durable. Returns their sizes.
    pub fn finish(&self) -> Result<BTreeMap<PackId, u64>> {
        let all = self.runtime.block_on(self.slots.acquire_many(UPLOADS_MAX as u32));
        drop(all.map_err(|_| Error::Internal("the uploader is closed".into()))?);
        self.failed()?;
        Ok(std::mem::take(&mut self.outcome.lock().unwrap_or_else(PoisonError::into_inner).packs))
    }
}

/// Fills packs one after the other.
#[derive(Debug)]
pub struct PackWriter {
    uploader: Arc<Uploader>,
    compressor: Compressor,
    open: Option<(PackId, Sealer)>,
}

impl PackWriter {
    pub fn new(uploader: Arc<Uploader>, level: i32) -> Result<PackWriter> {
        Ok(PackWriter { uploader, compressor: Compressor::new(level)?, open: None })
    }

    /// Seals one frame into the open pack.
    pub fn append(&mut self, class: Class, raw: &[u8]) -> Result<ExtentRef> {
        let vault = &self.uploader.vault;
        let (id, sealer) = self.open.get_or_insert_with(|| {
            let id = PackId::random(vault.env());
            (id, Sealer::new(vault.keys(), Kind::Pack, &Name::Pack(id), vault.env(), PACK_TARGET + (256 << 10)))
        });
        let place = sealer.append(class, raw, &mut self.compressor)?;
        let extent = ExtentRef { pack: *id, offset: place.offset, length: place.length };
        if sealer.length() >= PACK_TARGET {
            self.flush()?;
        }
        Ok(extent)
    }

    /// Sends the open pack off, whatever its size.
    pub fn flush(&mut self) -> Result<()> {
        match self.open.take() {
            None => Ok(()),
            Some((id, sealer)) => self.uploader.put(id, sealer.finish(&mut self.compressor)?),
        }
    }
}

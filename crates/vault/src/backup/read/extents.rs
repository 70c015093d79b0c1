//! Opens many extents in the order in which they are stored: fetched in long reads, the next one on its way while one is opened.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::BackupReader;
use crate::backup::tree::Progress;
use crate::error::{Error, Result};
use crate::format::map::ExtentRef;
use crate::format::sealed::{Class, Opener};
use crate::names::{Name, PackId};

/// Bytes fetched from the store in one read at most.
const FETCH_MAX: u64 = 4 << 20;
/// Unwanted bytes between two wanted extents that are read along rather than asked around.
const FETCH_GAP: u64 = 64 << 10;

/// An extent and its raw pages.
type Opened = (ExtentRef, Arc<Vec<u8>>);

/// A stretch of a pack that is fetched at once, and the extents wanted of it.
#[derive(Debug)]
pub struct Stretch {
    pub pack: PackId,
    /// Bytes of the pack.
    pub range: Range<u64>,
    pub extents: Vec<ExtentRef>,
}

/// Bytes of a pack as they are stored.
#[derive(Debug, Clone)]
pub struct Sealed {
    pack: PackId,
    start: u64,
    bytes: Bytes,
}

impl Sealed {
    fn frame(&self, extent: &ExtentRef) -> Result<&[u8]> {
        let start = u64::from(extent.offset).checked_sub(self.start).filter(|_| self.pack == extent.pack);
        let frame = start.and_then(|start| self.bytes.get(start as usize..start as usize + extent.length as usize));
        frame.ok_or_else(|| Error::Internal("an extent was not fetched".into()))
    }
}

impl BackupReader {
    /// Fetches a stretch in one read.
    pub async fn sealed(&self, stretch: &Stretch) -> Result<Sealed> {
        let name = Name::Pack(stretch.pack);
        let bytes = self.vault().store().get_range(&name.to_string(), stretch.range.clone()).await;
        let bytes = bytes.map_err(|error| crate::vault::missing_is_damage(&name, error))?;
        Ok(Sealed { pack: stretch.pack, start: stretch.range.start, bytes })
    }

    /// The raw pages of an extent that is in what was fetched.
    pub async fn open_extent(&self, extent: &ExtentRef, sealed: &Sealed) -> Result<Vec<u8>> {
        let mut opener = Opener::for_pack(self.vault().keys(), &Name::Pack(extent.pack));
        match opener.open(u64::from(extent.offset), sealed.frame(extent)?, Class::Pages) {
            Err(error) => self.vault().read_frame_again(extent, Class::Pages, error).await,
            opened => opened,
        }
    }
}

/// What a fetch will bring: bytes of a pack, or an extent that was at hand when it began.
enum Coming {
    Sealed(JoinHandle<Result<Sealed>>),
    Opened(Opened),
}

/// For one thread that blocks, and not one of the runtime. Memory: two stretches, and an opened extent.
#[derive(Debug)]
pub struct ExtentReader {
    reader: Arc<BackupReader>,
    runtime: Handle,
    progress: Arc<Progress>,
    /// The opener of the pack last used, and the extent last opened: neighbours in small files share both.
    opener: Option<(PackId, Opener)>,
    last: Option<Opened>,
}

impl ExtentReader {
    /// `progress` is told of what is fetched, and may cancel.
    pub fn new(reader: &Arc<BackupReader>, runtime: Handle, progress: Arc<Progress>) -> ExtentReader {
        ExtentReader { reader: reader.clone(), runtime, progress, opener: None, last: None }
    }

    /// Hands each extent's raw pages to `each`, once, in the order of `extents`, which must ascend.
    pub fn each(
        &mut self,
        extents: impl IntoIterator<Item = ExtentRef>,
        mut each: impl FnMut(&ExtentRef, &[u8]) -> Result<()>,
    ) -> Result<()> {
        let mut stretches = stretches(extents).into_iter();
        let mut next = stretches.next().map(|stretch| self.begin(stretch));
        while let Some((stretch, coming)) = next.take() {
            next = stretches.next().map(|stretch| self.begin(stretch));
            let sealed = match coming {
                Coming::Opened(extent) => {
                    self.last = Some(extent);
                    Sealed { pack: stretch.pack, start: stretch.range.start, bytes: Bytes::new() }
                }
                Coming::Sealed(handle) => {
                    self.runtime.block_on(handle).map_err(|e| Error::Internal(e.to_string()))??
                }
            };
            self.progress.moved(sealed.bytes.len() as u64);
            self.progress.check()?;
            for extent in &stretch.extents {
                each(extent, &self.open(extent, &sealed)?)?;
            }
        }
        Ok(())
    }

    /// Starts a fetch in the background; none when the one extent it wants is at hand.
    fn begin(&self, stretch: Stretch) -> (Arc<Stretch>, Coming) {
        let stretch = Arc::new(stretch);
        if let Some(opened) = &self.last
            && stretch.extents == [opened.0]
        {
            return (stretch, Coming::Opened(opened.clone()));
        }
        let (reader, wanted) = (self.reader.clone(), stretch.clone());
        let handle = self.runtime.spawn(async move { reader.sealed(&wanted).await });
        (stretch, Coming::Sealed(handle))
    }

    /// The raw pages of an extent: the one opened last, or out of what was fetched.
    fn open(&mut self, extent: &ExtentRef, sealed: &Sealed) -> Result<Arc<Vec<u8>>> {
        if let Some((at_hand, raw)) = &self.last
            && at_hand == extent
        {
            return Ok(raw.clone());
        }
        if self.opener.as_ref().is_none_or(|(pack, _)| *pack != extent.pack) {
            let opener = Opener::for_pack(self.reader.vault().keys(), &Name::Pack(extent.pack));
            self.opener = Some((extent.pack, opener));
        }
        let (_, opener) = self.opener.as_mut().ok_or_else(|| Error::Internal("no opener".into()))?;
        let raw = match opener.open(u64::from(extent.offset), sealed.frame(extent)?, Class::Pages) {
            Ok(raw) => Arc::new(raw),
            Err(error) => {
                let again = self.reader.vault().read_frame_again(extent, Class::Pages, error);
                Arc::new(self.runtime.block_on(again)?)
            }
        };
        self.last = Some((*extent, raw.clone()));
        Ok(raw)
    }
}

/// Joins neighbouring extents into long reads; an extent named several times in a row is read once.
pub fn stretches(extents: impl IntoIterator<Item = ExtentRef>) -> Vec<Stretch> {
    let mut stretches: Vec<Stretch> = Vec::new();
    for extent in extents {
        let range = extent.range();
        match stretches.last_mut() {
            Some(stretch)
                if stretch.pack == extent.pack
                    && range.start <= stretch.range.end + FETCH_GAP
                    && range.end.saturating_sub(stretch.range.start) <= FETCH_MAX =>
            {
                stretch.range.end = stretch.range.end.max(range.end);
                if stretch.extents.last() != Some(&extent) {
                    stretch.extents.push(extent);
                }
            }
            _ => stretches.push(Stretch { pack: extent.pack, range, extents: vec![extent] }),
        }
    }
    stretches
}

#[cfg(test)]
mod tests;

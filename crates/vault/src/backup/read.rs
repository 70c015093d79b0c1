//! Opens a backup: its manifest, its file lists, page maps, and extents. One manifest is enough, whatever the backup's age.

use std::collections::HashMap;
use std::sync::Arc;

use futures::TryStreamExt;

use crate::error::{Error, Result};
use crate::format::files::{FileEntry, SegmentRef, decode_list};
use crate::format::manifest::{ManifestHead, ManifestTable, PackInfo};
use crate::format::map::{ExtentRef, PageMap, StoredMap};
use crate::format::sealed::{Class, Kind};
use crate::names::{BackupId, Name, PackId, SourceName};
use crate::vault::{Vault, parse_head};

mod extents;

pub use extents::{ExtentReader, Sealed, Stretch, stretches};

#[derive(Debug)]
pub struct BackupReader {
    vault: Vault,
    source: SourceName,
    id: BackupId,
    head: ManifestHead,
    table: ManifestTable,
}

/// The page map of one segment, complete, and how it is stored.
#[derive(Debug)]
pub struct Segment {
    pub map: Arc<PageMap>,
    pub stored: SegmentRef,
    /// The full map that a newer overlay may stand on.
    pub base: Option<(ExtentRef, Arc<PageMap>)>,
}

impl Segment {
    /// Where the map itself stands.
    pub fn stored_extents(&self) -> impl Iterator<Item = &ExtentRef> {
        let own = match &self.stored {
            SegmentRef::Stored(extent) => Some(extent),
            SegmentRef::Inline(_) => None,
        };
        own.into_iter().chain(self.base.as_ref().map(|(extent, _)| extent))
    }
}

impl BackupReader {
    /// `Error::NotFound` when there is no such completed backup.
    pub async fn open(vault: &Vault, source: &SourceName, id: &BackupId) -> Result<BackupReader> {
        let (head, table) = read_manifest(vault, source, id).await?;
        Ok(BackupReader { vault: vault.clone(), source: source.clone(), id: id.clone(), head, table })
    }

    pub fn vault(&self) -> &Vault {
        &self.vault
    }

    pub fn source(&self) -> &SourceName {
        &self.source
    }

    pub fn id(&self) -> &BackupId {
        &self.id
    }

    pub fn head(&self) -> &ManifestHead {
        &self.head
    }

    pub fn packs(&self) -> &[PackInfo] {
        &self.table.packs
    }

    /// Size in bytes of a pack that this backup needs.
    pub fn pack_size(&self, id: PackId) -> Option<u64> {
        let at = self.table.packs.binary_search_by_key(&id, |pack| pack.id).ok()?;
        Some(self.table.packs[at].size)
    }

    /// Every pack that it needs is there, and as long as it should be. What is in them is not read.
    ///
    /// `Error::Damaged` with the first that is not.
    pub async fn must_be_whole(&self) -> Result<()> {
        let mut wanted: HashMap<String, u64> =
            self.table.packs.iter().map(|pack| (Name::Pack(pack.id).to_string(), pack.size)).collect();
        let mut listing = self.vault.store().list("packs/");
        while let Some(object) = listing.try_next().await? {
            let Some(size) = wanted.remove(&object.name) else { continue };
            if size != object.size {
                let what = format!("it has {} bytes and should have {size}", object.size);
                return Err(Error::damaged(object.name, what));
            }
        }
        match wanted.into_keys().min() {
            Some(missing) => Err(Error::damaged(missing, "it is missing")),
            None => Ok(()),
        }
    }

    pub fn list_count(&self) -> usize {
        self.table.lists.len()
    }

    /// Where the lists, the tail among them, are stored.
    pub fn list_extents(&self) -> impl Iterator<Item = &ExtentRef> {
        self.table.lists.iter().chain(&self.table.tail)
    }

    /// The nth list of files, in path order across lists.
    pub async fn list(&self, number: usize) -> Result<Vec<FileEntry>> {
        let extent = self.table.lists.get(number).ok_or_else(|| Error::Internal(format!("no list {number}")))?;
        self.read_list(extent).await
    }

    /// The files that must be put in place last.
    pub async fn tail(&self) -> Result<Vec<FileEntry>> {
        match &self.table.tail {
            None => Ok(Vec::new()),
            Some(extent) => self.read_list(extent).await,
        }
    }

    async fn read_list(&self, extent: &ExtentRef) -> Result<Vec<FileEntry>> {
        let bytes = self.vault.read_frame(extent, Class::Files).await?;
        decode_list(&bytes).map_err(|why| malformed(extent, &why.0))
    }

    /// The complete page map of a segment.
    pub async fn segment(&self, stored: &SegmentRef) -> Result<Segment> {
        read_segment(&self.vault, stored).await
    }

    /// The raw pages of an extent.
    pub async fn extent(&self, extent: &ExtentRef) -> Result<Vec<u8>> {
        self.vault.read_frame(extent, Class::Pages).await
    }
}

pub(crate) async fn read_manifest(
    vault: &Vault,
    source: &SourceName,
    id: &BackupId,
) -> Result<(ManifestHead, ManifestTable)> {
    let name = Name::Manifest(source.clone(), id.clone());
    let frames = vault.get_sealed(Kind::Manifest, &name).await.map_err(|error| match error {
        Error::NotFound(_) => Error::NotFound(format!("backup {id} of {source}")),
        other => other,
    })?;
    let head: ManifestHead = parse_head(&name, &frames)?;
    if head.source != source.as_str() || head.backup != id.as_str() {
        return Err(Error::malformed(name.to_string(), "it speaks of another backup"));
    }
    let table = frames.get(1).filter(|frame| frame.class == Class::Table);
    let table = table.ok_or_else(|| Error::malformed(name.to_string(), "it has no table"))?;
    let table = ManifestTable::decode(&table.raw).map_err(|why| Error::malformed(name.to_string(), why.0))?;
    Ok((head, table))
}

async fn read_segment(vault: &Vault, stored: &SegmentRef) -> Result<Segment> {
    let (own, map) = match stored {
        SegmentRef::Inline(bytes) => {
            let map = StoredMap::decode(bytes).map_err(|why| Error::malformed("a file list", why.0))?;
            (None, map)
        }
        SegmentRef::Stored(extent) => (Some(*extent), read_map(vault, extent).await?),
    };
    match (map, own) {
        (StoredMap::Full(map), own) => {
            let map = Arc::new(map);
            Ok(Segment { map: map.clone(), stored: stored.clone(), base: own.map(|extent| (extent, map)) })
        }
        (StoredMap::Overlay { base, overlay }, _) => {
            let StoredMap::Full(full) = read_map(vault, &base).await? else {
                return Err(malformed(&base, "an overlay stands on an overlay"));
            };
            let map = overlay.over(&full).map_err(|why| malformed(&base, &why.0))?;
            Ok(Segment { map: Arc::new(map), stored: stored.clone(), base: Some((base, Arc::new(full))) })
        }
    }
}

async fn read_map(vault: &Vault, extent: &ExtentRef) -> Result<StoredMap> {
    let bytes = vault.read_frame(extent, Class::Map).await?;
    StoredMap::decode(&bytes).map_err(|why| malformed(extent, &why.0))
}

fn malformed(extent: &ExtentRef, what: &str) -> Error {
    Error::malformed(format!("{} at byte {}", Name::Pack(extent.pack), extent.offset), what)
}

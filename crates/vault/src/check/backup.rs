//! Checks backups: manifest, packs, lists and maps, each stored map once however many backups share it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::Check;
use super::data::{Blame, DataCheck};
use super::inventory::{Files, Inventory};
use super::log::check_notes;
use crate::backup::read::{BackupReader, Segment};
use crate::error::{Error, Result};
use crate::format::files::{Content, FileEntry, SegmentRef, path_order};
use crate::format::manifest::ManifestHead;
use crate::format::map::ExtentRef;
use crate::format::sealed::FRAME_RAW_MAX;
use crate::names::{BackupId, Name, PackId, SourceName};

#[derive(Debug, Default)]
pub(super) struct BackupCheck {
    pub(super) backups: u64,
    pub(super) files: u64,
    pub(super) maps: u64,
    /// What stored maps hold; `None` for one that does not open.
    known: HashMap<ExtentRef, Option<Arc<MapSummary>>>,
}

/// What must be known of a map to judge it against another manifest.
#[derive(Debug)]
struct MapSummary {
    page_size: u32,
    pages: u64,
    packs: Vec<PackId>,
    /// The furthest end of an extent in each of `packs`.
    reach: Vec<u64>,
    /// What reading its extents found.
    blames: Vec<Blame>,
}

/// One backup being checked.
struct Visit<'a> {
    reader: &'a BackupReader,
    /// `source/backup`, as it is affected.
    backup: [String; 1],
    /// Packs that are not there whole.
    bad_packs: HashSet<PackId>,
    last_path: Option<String>,
    files: u64,
    bytes: u64,
}

impl BackupCheck {
    /// Checks all backups of a source, and hands out the heads of those that open, by the time they began: the first to name an
    /// extent names all of it.
    pub(super) async fn source(
        &mut self,
        check: &mut Check<'_>,
        inventory: &mut Inventory,
        data: &mut DataCheck,
        source: &SourceName,
    ) -> Result<Vec<ManifestHead>> {
        let mut readers = Vec::new();
        for (id, files) in inventory.backups.get(source).cloned().unwrap_or_default() {
            check_notes(check, "note-damaged", &files.notes).await?;
            readers.extend(open(check, source, &id, &files).await?);
        }
        readers.sort_by_key(|reader| (reader.head().began, reader.id().clone()));
        let mut heads = Vec::new();
        for reader in readers {
            self.backup(check, inventory, data, &reader).await?;
            heads.push(reader.head().clone());
        }
        Ok(heads)
    }

    async fn backup(
        &mut self,
        check: &mut Check<'_>,
        inventory: &mut Inventory,
        data: &mut DataCheck,
        reader: &BackupReader,
    ) -> Result<()> {
        self.backups += 1;
        let backup = [format!("{}/{}", reader.source(), reader.id())];
        let mut visit = Visit { reader, backup, bad_packs: HashSet::new(), last_path: None, files: 0, bytes: 0 };
        visit.check_head(check);
        visit.check_packs(check, inventory);
        let extents: Vec<ExtentRef> = reader.list_extents().copied().collect();
        let mut complete = true;
        for (number, extent) in extents.iter().enumerate() {
            if number == reader.list_count() {
                visit.last_path = None;
            }
            match visit.read_list(check, number, extent).await? {
                None => complete = false,
                Some(entries) => {
                    for entry in &entries {
                        check.progress.check()?;
                        self.entry(check, data, &mut visit, entry).await?;
                    }
                }
            }
        }
        visit.check_totals(check, complete);
        self.files += visit.files;
        Ok(())
    }

    async fn entry(
        &mut self,
        check: &mut Check<'_>,
        data: &mut DataCheck,
        visit: &mut Visit<'_>,
        entry: &FileEntry,
    ) -> Result<()> {
        visit.check_order(check, entry);
        let Content::File { size, page_size, segments } = &entry.content else { return Ok(()) };
        visit.files += 1;
        visit.bytes += size;
        let segment_length = visit.reader.head().segment_length.max(1);
        if segments.len() as u64 != size.div_ceil(segment_length) {
            visit.blame(check, "file-segments", format!("{} does not have a page map for each segment", entry.path));
            return Ok(());
        }
        for (number, stored) in segments.iter().enumerate() {
            let start = number as u64 * segment_length;
            let length = (size - start).min(segment_length);
            self.segment(
                check,
                data,
                visit,
                &Place { path: &entry.path, start, length, page_size: *page_size },
                stored,
            )
            .await?;
        }
        Ok(())
    }

    async fn segment(
        &mut self,
        check: &mut Check<'_>,
        data: &mut DataCheck,
        visit: &Visit<'_>,
        place: &Place<'_>,
        stored: &SegmentRef,
    ) -> Result<()> {
        let own = match stored {
            SegmentRef::Inline(_) => None,
            SegmentRef::Stored(extent) => Some(*extent),
        };
        if let Some(known) = own.and_then(|extent| self.known.get(&extent)) {
            match known.clone() {
                Some(map) => visit.check_map(check, place, &map),
                None => visit.blame_map(check, own, place.path, "its page map cannot be read"),
            }
            return Ok(());
        }
        if let Some(extent) = own.filter(|extent| visit.bad_packs.contains(&extent.pack)) {
            visit.blame_map(check, Some(extent), place.path, "its page map cannot be read");
            self.known.insert(extent, None);
            return Ok(());
        }
        self.maps += 1;
        let map = match visit.reader.segment(stored).await {
            Ok(segment) => {
                check.read(own.map_or(0, |extent| u64::from(extent.length)));
                let blames = data.segment(check, place, &segment, &visit.bad_packs).await?;
                let summary = Arc::new(summarize(&segment, blames));
                visit.check_map(check, place, &summary);
                Some(summary)
            }
            Err(error) => {
                let object = own.map_or_else(|| visit.manifest(), |extent| Name::Pack(extent.pack).to_string());
                check.damage("map-damaged", &object, &visit.backup, describe(error, place.path))?;
                None
            }
        };
        if let Some(extent) = own {
            self.known.insert(extent, map);
        }
        Ok(())
    }
}

/// Which stretch of which file a map is of.
pub(super) struct Place<'a> {
    pub(super) path: &'a str,
    /// Both in bytes of the file.
    pub(super) start: u64,
    pub(super) length: u64,
    pub(super) page_size: u32,
}

fn describe(error: Error, path: &str) -> Error {
    match error {
        Error::Damaged { object, what } => Error::damaged(object, format!("the page map of {path}: {what}")),
        Error::Malformed { object, what } => Error::malformed(object, format!("the page map of {path}: {what}")),
        other => other,
    }
}

async fn open(
    check: &mut Check<'_>,
    source: &SourceName,
    id: &BackupId,
    files: &Files,
) -> Result<Option<BackupReader>> {
    let Some(size) = files.manifest else { return Ok(None) };
    check.progress.check()?;
    match BackupReader::open(check.vault, source, id).await {
        Ok(reader) => {
            check.read(size);
            Ok(Some(reader))
        }
        // Expired since it was listed.
        Err(Error::NotFound(_)) => Ok(None),
        Err(error) => {
            let name = Name::Manifest(source.clone(), id.clone()).to_string();
            check.damage("manifest-damaged", &name, &[format!("{source}/{id}")], error)?;
            Ok(None)
        }
    }
}

fn summarize(segment: &Segment, blames: Vec<Blame>) -> MapSummary {
    let mut reach: HashMap<PackId, u64> = HashMap::new();
    for extent in segment.map.extents.iter().chain(segment.stored_extents()) {
        let end = reach.entry(extent.pack).or_default();
        *end = (*end).max(extent.range().end);
    }
    let mut packs: Vec<PackId> = reach.keys().copied().collect();
    packs.sort_unstable();
    let reach = packs.iter().map(|pack| reach[pack]).collect();
    let (page_size, pages) = (segment.map.page_size, segment.map.page_count() as u64);
    MapSummary { page_size, pages, packs, reach, blames }
}

impl Visit<'_> {
    fn manifest(&self) -> String {
        Name::Manifest(self.reader.source().clone(), self.reader.id().clone()).to_string()
    }

    /// Something in the backup contradicts itself.
    fn blame(&self, check: &mut Check<'_>, code: &'static str, what: String) {
        check.findings.error(code, &self.manifest(), what, &self.backup);
    }

    fn blame_map(&self, check: &mut Check<'_>, extent: Option<ExtentRef>, path: &str, what: &str) {
        let object = extent.map_or_else(|| self.manifest(), |extent| Name::Pack(extent.pack).to_string());
        check.findings.error("map-damaged", &object, format!("{path}: {what}"), &self.backup);
    }

    fn check_head(&self, check: &mut Check<'_>) {
        let head = self.reader.head();
        if head.log_from > head.log_to {
            self.blame(check, "manifest-log", format!("it needs log from {:X} to {:X}", head.log_from, head.log_to));
        }
        if head.segment_length == 0 || head.began > head.ended {
            self.blame(check, "manifest-head", "its segment length or its times make no sense".into());
        }
        if head.damaged_pages_total > 0 {
            let what = format!("{} pages were damaged in the source when it was taken", head.damaged_pages_total);
            check.findings.warning("source-damaged", &self.manifest(), what, &self.backup);
        }
    }

    fn check_packs(&mut self, check: &mut Check<'_>, inventory: &mut Inventory) {
        for pack in self.reader.packs() {
            let found = inventory.packs.get_mut(&pack.id);
            let object = Name::Pack(pack.id).to_string();
            match found {
                None => check.findings.error("pack-missing", &object, "it is missing".into(), &self.backup),
                Some(found) => {
                    found.referenced = true;
                    if found.size == pack.size {
                        continue;
                    }
                    let what = format!("it has {} bytes and should have {}", found.size, pack.size);
                    check.findings.error("pack-size", &object, what, &self.backup);
                }
            }
            self.bad_packs.insert(pack.id);
        }
    }

    /// `None` when it cannot be read.
    async fn read_list(
        &self,
        check: &mut Check<'_>,
        number: usize,
        extent: &ExtentRef,
    ) -> Result<Option<Vec<FileEntry>>> {
        let object = Name::Pack(extent.pack).to_string();
        self.check_extent(check, extent.pack, extent.range().end, "a file list");
        if self.bad_packs.contains(&extent.pack) {
            let what = format!("file list {number} cannot be read");
            check.findings.error("list-damaged", &object, what, &self.backup);
            return Ok(None);
        }
        let list = match number < self.reader.list_count() {
            true => self.reader.list(number).await,
            false => self.reader.tail().await,
        };
        match list {
            Ok(list) => {
                check.read(u64::from(extent.length));
                Ok(Some(list))
            }
            Err(error) => check.damage("list-damaged", &object, &self.backup, error).map(|()| None),
        }
    }

    fn check_order(&mut self, check: &mut Check<'_>, entry: &FileEntry) {
        if let Some(last) = &self.last_path
            && path_order(last, &entry.path).is_ge()
        {
            self.blame(check, "list-order", format!("{} stands behind {last}", entry.path));
        }
        self.last_path = Some(entry.path.clone());
    }

    /// Whether a map fits its file, and its packs this manifest.
    fn check_map(&self, check: &mut Check<'_>, place: &Place<'_>, map: &MapSummary) {
        let pages = place.length.div_ceil(u64::from(place.page_size.clamp(1, FRAME_RAW_MAX)));
        if map.page_size != place.page_size || map.pages != pages {
            let what = format!(
                "{} from byte {}: {} pages of {} bytes in the map, {pages} of {} in the file",
                place.path, place.start, map.pages, map.page_size, place.page_size
            );
            self.blame(check, "map-pages", what);
        }
        for Blame { code, object, what } in &map.blames {
            check.findings.error(code, object, what.clone(), &self.backup);
        }
        for (pack, end) in map.packs.iter().zip(&map.reach) {
            self.check_extent(check, *pack, *end, place.path);
        }
    }

    fn check_extent(&self, check: &mut Check<'_>, pack: PackId, end: u64, of: &str) {
        match self.reader.pack_size(pack) {
            None => {
                self.blame(check, "pack-untold", format!("{of} needs pack {pack}, which the manifest does not name"));
            }
            Some(size) if end > size => {
                self.blame(check, "extent-beyond", format!("{of} needs byte {end} of pack {pack}, which has {size}"));
            }
            Some(_) => {}
        }
    }

    fn check_totals(&self, check: &mut Check<'_>, complete: bool) {
        let totals = self.reader.head().totals;
        if complete && (totals.files, totals.bytes) != (self.files, self.bytes) {
            let what = format!(
                "it lists {} files of {} bytes and says {} of {}",
                self.files, self.bytes, totals.files, totals.bytes
            );
            check.findings.warning("manifest-totals", &self.manifest(), what, &self.backup);
        }
    }
}

//! Reads extents and compares their pages with the maps: what bit rot in a store looks like, and what only reading finds.
//!
//! An extent is opened when a map names a page of it that no map before has named. Backups come oldest first, and a map made
//! later only names what is left of an extent, so that is nearly always once.

use std::collections::{BTreeMap, HashMap, HashSet};

use futures::{StreamExt, TryStreamExt, stream};

use super::backup::Place;
use super::{Check, CheckOptions, Percent};
use crate::backup::read::Segment;
use crate::error::{Error, Result};
use crate::format::map::ExtentRef;
use crate::format::sealed::{Class, Opener, page_hash};
use crate::names::{Name, PackId};
use crate::vault::{Vault, missing_is_damage};

/// Bytes read from the store at once at most, and unwanted bytes read along between two extents.
const FETCH_MAX: u64 = 4 << 20;
const FETCH_GAP: u64 = 64 << 10;
/// Slots that the record of compared pages has room for; extents with more are opened for each map.
const SLOTS_RECORDED: u8 = 32;

#[derive(Debug)]
pub(super) struct DataCheck {
    vault: Vault,
    share: Percent,
    offset: u8,
    workers: usize,
    pub(super) extents_read: u64,
    /// Slots compared so far, by pack and offset.
    compared: HashMap<PackId, HashMap<u32, u32>>,
    /// Extents that were not as they should be: opened again for each map, to say whom it affects.
    bad: HashSet<ExtentRef>,
}

/// A page that must be found in an extent.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    slot: u8,
    hash: u64,
    /// Its number in the map, for messages.
    page: usize,
    /// Bytes of it that are the file's; the rest is padding.
    length: usize,
}

/// Extents of one pack that are read at once.
#[derive(Debug)]
struct Fetch {
    pack: PackId,
    extents: Vec<(ExtentRef, Vec<Wanted>)>,
}

/// Something that is not as the map says.
struct Mismatch {
    extent: ExtentRef,
    error: Error,
}

/// A finding about whatever backup names the map.
#[derive(Debug)]
pub(super) struct Blame {
    pub(super) code: &'static str,
    pub(super) object: String,
    pub(super) what: String,
}

impl Mismatch {
    fn blame(self, path: &str) -> Result<Blame> {
        let (code, what) = match self.error {
            Error::Damaged { what, .. } => ("extent-damaged", what),
            Error::Malformed { what, .. } => ("page-changed", what),
            other => return Err(other),
        };
        let object = format!("{} at byte {}", Name::Pack(self.extent.pack), self.extent.offset);
        Ok(Blame { code, object, what: format!("{path}: {what}") })
    }
}

impl DataCheck {
    pub(super) fn new(vault: &Vault, options: CheckOptions) -> DataCheck {
        DataCheck {
            vault: vault.clone(),
            share: options.read_data.unwrap_or(Percent(0)),
            offset: options.offset % 100,
            workers: options.workers.max(1),
            extents_read: 0,
            compared: HashMap::new(),
            bad: HashSet::new(),
        }
    }

    /// Reads what a segment's map names and nobody has compared yet. Returns what was found amiss in it.
    pub(super) async fn segment(
        &mut self,
        check: &mut Check<'_>,
        place: &Place<'_>,
        segment: &Segment,
        bad_packs: &HashSet<PackId>,
    ) -> Result<Vec<Blame>> {
        if self.share.get() == 0 {
            return Ok(Vec::new());
        }
        let fetches = plan(self.wanted(place, segment, bad_packs));
        let (vault, page_size) = (self.vault.clone(), segment.map.page_size as usize);
        let reads = stream::iter(fetches).map(|fetch| compare(&vault, fetch, page_size));
        let mut reads = reads.buffered(self.workers);
        let mut blames = Vec::new();
        while let Some((extents, bytes, mismatches)) = reads.try_next().await? {
            check.progress.check()?;
            self.extents_read += extents;
            check.read(bytes);
            check.progress.done(bytes);
            for mismatch in mismatches {
                self.bad.insert(mismatch.extent);
                blames.push(mismatch.blame(place.path)?);
            }
        }
        Ok(blames)
    }

    fn wanted(
        &mut self,
        place: &Place<'_>,
        segment: &Segment,
        bad_packs: &HashSet<PackId>,
    ) -> BTreeMap<ExtentRef, Vec<Wanted>> {
        let page_size = u64::from(segment.map.page_size);
        let mut wanted: BTreeMap<ExtentRef, Vec<Wanted>> = BTreeMap::new();
        for (page, stored) in segment.map.places.iter().enumerate() {
            let Some((extent, slot)) = stored.get() else { continue };
            let extent = segment.map.extents[extent];
            let length = place.length.saturating_sub(page as u64 * page_size).min(page_size) as usize;
            let hash = segment.map.hashes[page];
            let page = page + (place.start / page_size) as usize;
            wanted.entry(extent).or_default().push(Wanted { slot, hash, page, length });
        }
        wanted.retain(|extent, pages| {
            !bad_packs.contains(&extent.pack) && self.is_chosen(extent) && self.record(extent, pages)
        });
        wanted
    }

    /// The same extents for the same share and offset, spread evenly.
    fn is_chosen(&self, extent: &ExtentRef) -> bool {
        let mut bytes = Vec::with_capacity(24);
        extent.encode(&mut bytes);
        let dice = page_hash(self.vault.keys().page_key(), &bytes) % 100;
        (dice + 100 - u64::from(self.offset)) % 100 < u64::from(self.share.get())
    }

    /// Whether any of the pages has not been compared yet.
    fn record(&mut self, extent: &ExtentRef, pages: &[Wanted]) -> bool {
        if self.bad.contains(extent) || pages.iter().any(|wanted| wanted.slot >= SLOTS_RECORDED) {
            return true;
        }
        let mask = pages.iter().fold(0u32, |mask, wanted| mask | 1 << wanted.slot);
        let done = self.compared.entry(extent.pack).or_default().entry(extent.offset).or_default();
        let news = mask & !*done != 0;
        *done |= mask;
        news
    }
}

/// Joins neighbouring extents into long reads.
fn plan(wanted: BTreeMap<ExtentRef, Vec<Wanted>>) -> Vec<Fetch> {
    let mut fetches: Vec<Fetch> = Vec::new();
    for (extent, pages) in wanted {
        match fetches.last_mut() {
            Some(fetch) if joins(fetch, &extent) => fetch.extents.push((extent, pages)),
            _ => fetches.push(Fetch { pack: extent.pack, extents: vec![(extent, pages)] }),
        }
    }
    fetches
}

fn joins(fetch: &Fetch, extent: &ExtentRef) -> bool {
    let (Some((first, _)), Some((last, _))) = (fetch.extents.first(), fetch.extents.last()) else { return false };
    let (first, last, next) = (first.range(), last.range(), extent.range());
    fetch.pack == extent.pack && next.start <= last.end + FETCH_GAP && next.end.saturating_sub(first.start) <= FETCH_MAX
}

/// Returns extents opened, bytes read, and what was not as it should be.
async fn compare(vault: &Vault, fetch: Fetch, page_size: usize) -> Result<(u64, u64, Vec<Mismatch>)> {
    let name = Name::Pack(fetch.pack);
    let start = fetch.extents.first().map_or(0, |(extent, _)| extent.range().start);
    let end = fetch.extents.iter().map(|(extent, _)| extent.range().end).max().unwrap_or(start);
    let bytes = match vault.store().get_range(&name.to_string(), start..end).await {
        Ok(bytes) => bytes,
        Err(error) => return Ok((0, 0, vec![blame_all(&fetch, missing_is_damage(&name, error))?])),
    };
    let keys = vault.clone();
    let compared = tokio::task::spawn_blocking(move || {
        let mut opener = Opener::for_pack(keys.keys(), &name);
        let mut mismatches = Vec::new();
        for (extent, pages) in &fetch.extents {
            let from = (extent.range().start - start) as usize;
            let frame = &bytes[from..from + extent.length as usize];
            match opener.open(u64::from(extent.offset), frame, Class::Pages) {
                Ok(raw) => mismatches.extend(compare_pages(&keys, *extent, &raw, pages, page_size)),
                Err(error) => mismatches.push(Mismatch { extent: *extent, error }),
            }
        }
        (fetch.extents.len() as u64, end - start, mismatches)
    });
    compared.await.map_err(|e| Error::Internal(e.to_string()))
}

/// The whole read failed: damage counts for its first extent, anything else for the check.
fn blame_all(fetch: &Fetch, error: Error) -> Result<Mismatch> {
    match (error, fetch.extents.first()) {
        (error @ (Error::Damaged { .. } | Error::Malformed { .. }), Some((extent, _))) => {
            Ok(Mismatch { extent: *extent, error })
        }
        (error, _) => Err(error),
    }
}

fn compare_pages(vault: &Vault, extent: ExtentRef, raw: &[u8], pages: &[Wanted], page_size: usize) -> Option<Mismatch> {
    let differs = |wanted: &&Wanted| {
        let start = usize::from(wanted.slot) * page_size;
        let page = raw.get(start..start + wanted.length);
        page.is_none_or(|page| page_hash(vault.keys().page_key(), page) != wanted.hash)
    };
    let wrong: Vec<usize> = pages.iter().filter(differs).map(|wanted| wanted.page).collect();
    let (first, more) = wrong.split_first()?;
    let what = match more.len() {
        0 => format!("page {first} is not what its map says"),
        more => format!("page {first} and {more} more are not what their map says"),
    };
    Some(Mismatch { extent, error: Error::malformed("", what) })
}

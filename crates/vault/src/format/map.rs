//! The page map of one file segment: for every page its keyed hash and where it is stored.
//!
//! ```text
//! u8 version=1 · varint page size (bytes) · varint page count
//! u8 has base; if 1: extent reference of the base map (a full map; bases have no base)
//! varint packs,   each 16 bytes
//! varint extents, each: varint pack index · delta offset from the end of the extent before it in this list · varint length
//! full map:  page count × u64 hash, then page count × delta extent number, then page count × u8 slot
//! overlay:   varint entries; then entries × varint (page − page before − 1), × u64 hash, × delta extent number, × u8 slot
//! ```
//! Extent number 0 is a page of zeroes, stored nowhere; n is the nth extent of the list. The first delta of a row counts from 0.
//! Hashes are 8 bytes of keyed BLAKE3 (`sealed::page_hash`), zero for pages of zeroes. A page's bytes are
//! `[slot × page size, (slot + 1) × page size)` of its opened extent; the last page of a file may be padded with zeroes there.
//!
//! An overlay lists only what differs from its base, so that a backup which changed one page in a hundred does not store
//! every hash again. Depth is one at most: a map is full, or an overlay over a full one.

use std::collections::HashMap;

use super::codec::{Decoded, Malformed, Reader, put_delta, put_u64, put_varint};
use crate::names::PackId;

pub const MAP_VERSION: u8 = 1;
/// An overlay that grew past this share of the pages (1 in n) over several backups is written as a full map instead: the best place
/// to begin anew when every backup changes a little, as each repeats what the ones before it changed.
const OVERLAY_SHARE: usize = 6;
/// One that holds mostly what this backup changed repeats little, and may have this share.
const OVERLAY_SHARE_OF_ONE: usize = 2;
const SLOT_BITS: u32 = 8;
const EXTENT_MAX: u32 = (1 << (32 - SLOT_BITS)) - 1;

/// Where a sealed frame is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ExtentRef {
    pub pack: PackId,
    /// Byte offset of the frame in the pack.
    pub offset: u32,
    /// Bytes of the frame, its head included.
    pub length: u32,
}

impl ExtentRef {
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.pack.0);
        put_varint(out, u64::from(self.offset));
        put_varint(out, u64::from(self.length));
    }

    pub fn decode(reader: &mut Reader<'_>) -> Decoded<ExtentRef> {
        Ok(ExtentRef {
            pack: PackId(reader.array("pack id")?),
            offset: reader.varint_u32("extent offset")?,
            length: reader.varint_u32("extent length")?,
        })
    }

    pub fn range(&self) -> std::ops::Range<u64> {
        u64::from(self.offset)..u64::from(self.offset) + u64::from(self.length)
    }
}

/// Extent number (1-based, 0 = zeroes) and slot in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place(u32);

impl Place {
    pub const ZERO: Place = Place(0);

    /// `extent` counts from 0 in the map's extent list.
    pub fn new(extent: usize, slot: u8) -> Option<Place> {
        let number = u32::try_from(extent).ok().filter(|n| *n < EXTENT_MAX)? + 1;
        Some(Place(number << SLOT_BITS | u32::from(slot)))
    }

    /// `None` for a page of zeroes.
    pub fn get(self) -> Option<(usize, u8)> {
        let number = self.0 >> SLOT_BITS;
        (number > 0).then(|| (number as usize - 1, self.0 as u8))
    }

    fn number(self) -> u32 {
        self.0 >> SLOT_BITS
    }
}

/// A whole map in memory: 12 bytes a page and 24 an extent; about 1.5 MiB for a segment of 1 GiB written at once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PageMap {
    /// Bytes.
    pub page_size: u32,
    pub hashes: Vec<u64>,
    pub places: Vec<Place>,
    pub extents: Vec<ExtentRef>,
}

/// A map as stored: complete, or what differs from a base.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoredMap {
    Full(PageMap),
    Overlay { base: ExtentRef, overlay: Overlay },
}

/// Entries that replace those of the base; `pages` ascends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overlay {
    pub page_size: u32,
    pub page_count: u32,
    pub pages: Vec<u32>,
    pub entries: PageMap,
}

impl PageMap {
    pub fn new(page_size: u32) -> PageMap {
        PageMap { page_size, hashes: Vec::new(), places: Vec::new(), extents: Vec::new() }
    }

    pub fn page_count(&self) -> usize {
        self.hashes.len()
    }

    pub fn push(&mut self, hash: u64, place: Place) {
        self.hashes.push(hash);
        self.places.push(place);
    }

    /// The same pages with only the extents they still use, each once, in order of first use. Keeps maps from growing for ever.
    pub fn compacted(&self) -> PageMap {
        let mut numbers: HashMap<ExtentRef, usize> = HashMap::new();
        let mut renumbered: Vec<Option<usize>> = vec![None; self.extents.len()];
        let mut out = PageMap::new(self.page_size);
        for (hash, place) in self.hashes.iter().zip(&self.places) {
            let place = match place.get() {
                None => Place::ZERO,
                Some((extent, slot)) => {
                    let number = *renumbered[extent].get_or_insert_with(|| {
                        *numbers.entry(self.extents[extent]).or_insert_with(|| {
                            out.extents.push(self.extents[extent]);
                            out.extents.len() - 1
                        })
                    });
                    Place::new(number, slot).expect("no more extents than before")
                }
            };
            out.push(*hash, place);
        }
        out
    }

    /// What of `self` differs from `base`; `None` when a full map is the better choice. `parent` is the map of the backup before,
    /// which may stand on `base` too.
    pub fn overlay_over(&self, base: &PageMap, parent: &PageMap) -> Option<Overlay> {
        if self.page_size != base.page_size {
            return None;
        }
        let pages: Vec<usize> = self.differing(base).collect();
        let mostly_new = || pages.len() <= 2 * self.differing(parent).count();
        if pages.len() > self.page_count() / OVERLAY_SHARE
            && (pages.len() > self.page_count() / OVERLAY_SHARE_OF_ONE || !mostly_new())
        {
            return None;
        }
        let entries = PageMap {
            page_size: self.page_size,
            hashes: pages.iter().map(|page| self.hashes[*page]).collect(),
            places: pages.iter().map(|page| self.places[*page]).collect(),
            extents: self.extents.clone(),
        };
        Some(Overlay {
            page_size: self.page_size,
            page_count: self.page_count() as u32,
            pages: pages.into_iter().map(|page| page as u32).collect(),
            entries: entries.compacted(),
        })
    }

    /// Pages that have another content or lie elsewhere than in `other`, ascending.
    fn differing(&self, other: &PageMap) -> impl Iterator<Item = usize> {
        let same_place = |page: usize| match (self.places[page].get(), other.places[page].get()) {
            (Some((a, i)), Some((b, j))) => i == j && self.extents[a] == other.extents[b],
            (a, b) => a == b,
        };
        (0..self.page_count()).filter(move |page| {
            *page >= other.page_count() || self.hashes[*page] != other.hashes[*page] || !same_place(*page)
        })
    }

    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64 + self.page_count() * 12 + self.extents.len() * 8);
        put_head(&mut out, self.page_size, self.page_count(), None);
        self.encode_extents(&mut out);
        self.encode_pages(&mut out);
        out
    }

    fn encode_extents(&self, out: &mut Vec<u8>) {
        let mut packs: Vec<PackId> = Vec::new();
        let mut index: HashMap<PackId, usize> = HashMap::new();
        for extent in &self.extents {
            index.entry(extent.pack).or_insert_with(|| {
                packs.push(extent.pack);
                packs.len() - 1
            });
        }
        put_varint(out, packs.len() as u64);
        packs.iter().for_each(|pack| out.extend_from_slice(&pack.0));
        put_varint(out, self.extents.len() as u64);
        let mut end_before = 0i64;
        for extent in &self.extents {
            put_varint(out, index[&extent.pack] as u64);
            put_delta(out, i64::from(extent.offset) - end_before);
            put_varint(out, u64::from(extent.length));
            end_before = i64::from(extent.offset) + i64::from(extent.length);
        }
    }

    fn encode_pages(&self, out: &mut Vec<u8>) {
        self.hashes.iter().for_each(|hash| put_u64(out, *hash));
        let mut before = 0i64;
        for place in &self.places {
            put_delta(out, i64::from(place.number()) - before);
            before = i64::from(place.number());
        }
        out.extend(self.places.iter().map(|place| place.0 as u8));
    }

    fn decode_body(reader: &mut Reader<'_>, page_size: u32, entries: usize) -> Decoded<PageMap> {
        let hashes = reader.take(entries.saturating_mul(8), "page hashes")?;
        let hashes = hashes.chunks_exact(8).map(|b| u64::from_le_bytes(b.try_into().expect("eight bytes"))).collect();
        let mut numbers = Vec::with_capacity(entries.min(reader.left()));
        let mut before = 0i64;
        for _ in 0..entries {
            before = before.wrapping_add(reader.delta("extent number")?);
            numbers.push(before);
        }
        let slots = reader.take(entries, "slots")?;
        let mut places = Vec::with_capacity(entries);
        for (number, slot) in numbers.into_iter().zip(slots) {
            let number = u32::try_from(number).ok().filter(|n| *n <= EXTENT_MAX);
            let number = number.ok_or_else(|| Malformed("extent number out of range".into()))?;
            if number == 0 && *slot != 0 {
                return Err(Malformed("a page of zeroes has a slot".into()));
            }
            places.push(Place(number << SLOT_BITS | u32::from(*slot)));
        }
        Ok(PageMap { page_size, hashes, places, extents: Vec::new() })
    }

    fn with_extents(mut self, extents: Vec<ExtentRef>) -> Decoded<PageMap> {
        if let Some(beyond) = self.places.iter().find(|place| place.number() as usize > extents.len()) {
            return Err(Malformed(format!("extent {} of {} named", beyond.number(), extents.len())));
        }
        self.extents = extents;
        Ok(self)
    }
}

fn put_head(out: &mut Vec<u8>, page_size: u32, page_count: usize, base: Option<&ExtentRef>) {
    out.push(MAP_VERSION);
    put_varint(out, u64::from(page_size));
    put_varint(out, page_count as u64);
    out.push(u8::from(base.is_some()));
    if let Some(base) = base {
        base.encode(out);
    }
}

impl Overlay {
    pub fn encode(&self, base: &ExtentRef) -> Vec<u8> {
        let mut out = Vec::with_capacity(64 + self.pages.len() * 14);
        put_head(&mut out, self.page_size, self.page_count as usize, Some(base));
        self.entries.encode_extents(&mut out);
        put_varint(&mut out, self.pages.len() as u64);
        let mut next = 0;
        for page in &self.pages {
            put_varint(&mut out, u64::from(page - next));
            next = page + 1;
        }
        self.entries.encode_pages(&mut out);
        out
    }

    /// The complete map: the base, cut or grown to this one's page count, with these entries in place of its own.
    pub fn over(&self, base: &PageMap) -> Decoded<PageMap> {
        if base.page_size != self.page_size {
            return Err(Malformed(format!("page size {} over a base of {}", self.page_size, base.page_size)));
        }
        let count = self.page_count as usize;
        let kept = count.min(base.page_count());
        let beyond = self.pages.iter().filter(|page| **page as usize >= kept).count();
        if beyond != count - kept {
            return Err(Malformed("pages beyond the base are not all listed".into()));
        }
        let mut out = base.clone();
        out.hashes.resize(count, 0);
        out.places.resize(count, Place::ZERO);
        let first = out.extents.len();
        out.extents.extend_from_slice(&self.entries.extents);
        for (at, page) in self.pages.iter().enumerate() {
            let place = match self.entries.places[at].get() {
                None => Place::ZERO,
                Some((extent, slot)) => {
                    Place::new(first + extent, slot).ok_or_else(|| Malformed("too many extents".into()))?
                }
            };
            out.hashes[*page as usize] = self.entries.hashes[at];
            out.places[*page as usize] = place;
        }
        Ok(out.compacted())
    }
}

impl StoredMap {
    pub fn decode(bytes: &[u8]) -> Decoded<StoredMap> {
        let mut reader = Reader::new(bytes);
        let version = reader.u8("map version")?;
        if version != MAP_VERSION {
            return Err(Malformed(format!("map version {version}")));
        }
        let page_size = reader.varint_u32("page size")?;
        if page_size == 0 || page_size > super::sealed::FRAME_RAW_MAX {
            return Err(Malformed(format!("page size {page_size}")));
        }
        let page_count = reader.varint_u32("page count")?;
        let base = match reader.u8("has base")? {
            0 => None,
            1 => Some(ExtentRef::decode(&mut reader)?),
            other => return Err(Malformed(format!("has base {other}"))),
        };
        let extents = decode_extents(&mut reader)?;
        let map = match base {
            None => {
                let body = PageMap::decode_body(&mut reader, page_size, page_count as usize)?;
                StoredMap::Full(body.with_extents(extents)?)
            }
            Some(base) => {
                let pages = decode_page_numbers(&mut reader, page_count)?;
                let entries = PageMap::decode_body(&mut reader, page_size, pages.len())?.with_extents(extents)?;
                StoredMap::Overlay { base, overlay: Overlay { page_size, page_count, pages, entries } }
            }
        };
        reader.end("page map")?;
        Ok(map)
    }
}

fn decode_page_numbers(reader: &mut Reader<'_>, page_count: u32) -> Decoded<Vec<u32>> {
    let entries = reader.count(1, "overlay entries")?;
    let mut pages = Vec::with_capacity(entries);
    let mut next = 0u64;
    for _ in 0..entries {
        let page = next.saturating_add(reader.varint("page number")?);
        if page >= u64::from(page_count) {
            return Err(Malformed(format!("page {page} of {page_count} named")));
        }
        pages.push(page as u32);
        next = page + 1;
    }
    Ok(pages)
}

fn decode_extents(reader: &mut Reader<'_>) -> Decoded<Vec<ExtentRef>> {
    let packs = reader.count(16, "packs")?;
    let packs: Vec<PackId> = (0..packs).map(|_| reader.array("pack id").map(PackId)).collect::<Decoded<_>>()?;
    let count = reader.count(3, "extents")?;
    let mut extents = Vec::with_capacity(count);
    let mut end_before = 0i64;
    for _ in 0..count {
        let pack = reader.varint("pack index")?;
        let pack = usize::try_from(pack).ok().and_then(|pack| packs.get(pack));
        let pack = *pack.ok_or_else(|| Malformed("pack index out of range".into()))?;
        let offset = u32::try_from(end_before.wrapping_add(reader.delta("extent offset")?));
        let offset = offset.map_err(|_| Malformed("extent offset out of range".into()))?;
        let length = reader.varint_u32("extent length")?;
        end_before = i64::from(offset) + i64::from(length);
        extents.push(ExtentRef { pack, offset, length });
    }
    Ok(extents)
}

#[cfg(test)]
mod tests;

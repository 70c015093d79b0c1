//! A backup of a terabyte that was never written: real lists, maps and places, which all lead to the same few extents.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::runtime::Handle;
use vault::Vault;
use vault::backup::pack::{PackWriter, Uploader};
use vault::format::files::{Content, FileEntry, SegmentRef, encode_list};
use vault::format::manifest::{ManifestHead, ManifestTable, PackInfo, Totals};
use vault::format::map::{ExtentRef, PageMap, Place as MapPlace};
use vault::format::sealed::{Class, Kind};
use vault::names::{BackupId, Name, PackId};

pub(crate) const FILES: usize = 1000;
pub(crate) const FILE_BYTES: u64 = 1 << 30;
const PAGE: u32 = 8192;
/// Pages of an extent.
const SLOTS: u64 = 16;
/// Extents that are really there.
const REAL: usize = 256;
/// Packs that such a backup has with extents that compress to a third.
const PACKS: u32 = 42_000;

/// What is in a page, whatever file it is of.
pub(crate) fn page(number: u64) -> Vec<u8> {
    let seed = number % (SLOTS * REAL as u64) + 1;
    (0..u64::from(PAGE)).map(|at| (seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (at % 8 * 8)) as u8 | 1).collect()
}

/// Puts it into a vault; blocks.
pub(crate) fn store(vault: &Vault, runtime: &Handle) -> BackupId {
    let id = BackupId::new(vault.env().now(), vault.env());
    let uploader = Arc::new(Uploader::new(vault, runtime.clone(), Arc::default()));
    let mut packs = PackWriter::new(uploader.clone(), 1).unwrap();
    let extent =
        |number: usize| -> Vec<u8> { (0..SLOTS).flat_map(|slot| page(number as u64 * SLOTS + slot)).collect() };
    let real: Vec<ExtentRef> = (0..REAL).map(|number| packs.append(Class::Pages, &extent(number)).unwrap()).collect();
    let mut map = PageMap::new(PAGE);
    let pages = FILE_BYTES / u64::from(PAGE);
    // As many extents as a real map of new pages names.
    map.extents = (0..(pages / SLOTS) as usize).map(|number| real[number % REAL]).collect();
    for number in 0..pages {
        map.push(number, MapPlace::new((number / SLOTS) as usize, (number % SLOTS) as u8).unwrap());
    }
    let stored = SegmentRef::Stored(packs.append(Class::Map, &map.encode()).unwrap());
    let entry = |path: String, content| FileEntry { path, content, mode: 0o700, uid: 0, gid: 0, modified: 0 };
    let file = |number: usize| {
        let content = Content::File { size: FILE_BYTES, page_size: PAGE, segments: vec![stored.clone()] };
        entry(format!("base/{number:04}"), content)
    };
    let mut entries = vec![entry("base".into(), Content::Folder)];
    entries.extend((0..FILES).map(file));
    let list = packs.append(Class::Files, &encode_list(&entries)).unwrap();
    packs.flush().unwrap();
    let there = uploader.finish().unwrap().into_iter().map(|(id, size)| PackInfo { id, size });
    let others = (0..PACKS).map(|number| PackInfo { id: PackId(u128::from(number).to_be_bytes()), size: 8 << 20 });
    let mut packs: Vec<_> = there.chain(others).collect();
    packs.sort_unstable_by_key(|pack| pack.id);
    let table = ManifestTable { lists: vec![list], tail: None, packs };
    let head = serde_json::to_vec(&head(&id)).unwrap();
    let name = Name::Manifest("shop".parse().unwrap(), id.clone());
    let table = table.encode();
    let frames: [(Class, &[u8]); 2] = [(Class::Head, &head), (Class::Table, &table)];
    runtime.block_on(vault.put_sealed(Kind::Manifest, &name, &frames, 1)).unwrap();
    id
}

fn head(id: &BackupId) -> ManifestHead {
    ManifestHead {
        source: "shop".into(),
        backup: id.to_string(),
        parent: None,
        label: None,
        rule: None,
        operation: None,
        began: Timestamp::UNIX_EPOCH,
        ended: Timestamp::UNIX_EPOCH,
        timeline: 1,
        log_from: 0,
        log_to: 0,
        segment_length: 1 << 30,
        totals: Totals::default(),
        sparse: Vec::new(),
        damaged_pages: Vec::new(),
        damaged_pages_total: 0,
        engine: "test".into(),
        engine_info: Default::default(),
    }
}

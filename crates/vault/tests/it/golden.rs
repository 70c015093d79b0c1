//! The bytes of the format, kept under `tests/golden`: today's code writes exactly them and reads them back. A file that changes
//! is a new format version, but for one reason: another zstd may compress differently. Then `REKINDLE_BLESS=1` writes them anew,
//! and the old files must still have been readable.

use std::fs;
use std::path::{Path, PathBuf};

use vault::format::files::{Content, FileEntry, SegmentRef, decode_list, encode_list};
use vault::format::manifest::{ManifestTable, PackInfo};
use vault::format::map::{ExtentRef, Overlay, PageMap, Place, StoredMap};
use vault::format::sealed::{Class, Compressor, Keys, Kind, Sealer, open_all, page_hash};
use vault::names::{LogRange, Name, PackId};

use crate::support::{fake_env, shop};

type Frames = Vec<(Class, Vec<u8>)>;

fn path(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(file)
}

#[allow(clippy::disallowed_methods, reason = "a switch for whoever makes a new format version")]
fn golden(file: &str, written: &[u8]) -> Vec<u8> {
    if std::env::var_os("REKINDLE_BLESS").is_some() {
        fs::create_dir_all(path("")).unwrap();
        fs::write(path(file), written).unwrap();
    }
    let kept = fs::read(path(file)).unwrap_or_default();
    assert!(kept == written, "{file} is not what is written today");
    kept
}

fn keys() -> Keys {
    Keys::derive(&[7; 32], [1; 16])
}

fn extent(pack: u8, offset: u32) -> ExtentRef {
    ExtentRef { pack: PackId([pack; 16]), offset, length: 900 }
}

fn full_map() -> PageMap {
    let mut map = PageMap::new(8192);
    map.extents = vec![extent(2, 64), extent(2, 964), extent(1, 70_000)];
    for page in 0..40u64 {
        match page % 10 {
            9 => map.push(0, Place::ZERO),
            _ => map.push(page * 0x0123_4567_89ab, Place::new(page as usize / 16, (page % 16) as u8).unwrap()),
        }
    }
    map
}

fn overlay() -> Overlay {
    let base = full_map();
    let mut map = base.clone();
    map.extents.push(extent(3, 64));
    map.hashes[17] = 42;
    map.places[17] = Place::new(3, 5).unwrap();
    map.push(77, Place::new(3, 6).unwrap());
    map.overlay_over(&base, &base).unwrap()
}

fn list() -> Vec<FileEntry> {
    let entry = |path: &str, content| FileEntry {
        path: path.into(),
        content,
        mode: 0o600,
        uid: 26,
        gid: 27,
        modified: 1_795_232_700_000_000,
    };
    let stored = SegmentRef::Stored(extent(4, 64));
    let inline = SegmentRef::Inline(full_map().compacted().encode());
    vec![
        entry("base", Content::Folder),
        entry("base/1", Content::File { size: 320_000, page_size: 8192, segments: vec![inline] }),
        entry("base/2", Content::File { size: 1 << 30, page_size: 8192, segments: vec![stored] }),
        entry("pg_tblspc/9", Content::Link { target: "/mnt/fast".into() }),
    ]
}

fn table() -> ManifestTable {
    let packs = (1..=4).map(|n| PackInfo { id: PackId([n; 16]), size: 1 << (10 + n) }).collect();
    ManifestTable { lists: vec![extent(4, 964)], tail: Some(extent(4, 2000)), packs }
}

#[test]
fn maps() {
    let bytes = golden("map-full.bin", &full_map().encode());
    assert_eq!(StoredMap::decode(&bytes).unwrap(), StoredMap::Full(full_map()));
    let base = extent(9, 1234);
    let bytes = golden("map-overlay.bin", &overlay().encode(&base));
    assert_eq!(StoredMap::decode(&bytes).unwrap(), StoredMap::Overlay { base, overlay: overlay() });
}

#[test]
fn lists_and_tables() {
    let bytes = golden("list.bin", &encode_list(&list()));
    assert_eq!(decode_list(&bytes).unwrap(), list());
    let bytes = golden("table.bin", &table().encode());
    assert_eq!(ManifestTable::decode(&bytes).unwrap(), table());
}

#[test]
fn sealed_objects() {
    let log = LogRange { timeline: 1, from: 0x100_0000, to: 0x100_0100 };
    let backup = "20261121t034500z-7f3a91c2".parse().unwrap();
    let objects: [(&str, Kind, Name, Frames); 5] = [
        (
            "pack",
            Kind::Pack,
            Name::Pack(PackId([2; 16])),
            vec![
                (Class::Pages, vec![0x5a; 8192]),
                (Class::Pages, (0..=255).collect()),
                (Class::Map, full_map().encode()),
                (Class::Files, encode_list(&list())),
            ],
        ),
        (
            "manifest",
            Kind::Manifest,
            Name::Manifest(shop(), backup),
            vec![(Class::Head, b"{}".to_vec()), (Class::Table, table().encode())],
        ),
        (
            "log",
            Kind::Log,
            Name::LogPart(shop(), log),
            vec![(Class::Head, b"{}".to_vec()), (Class::Bytes, vec![3; 256])],
        ),
        ("report", Kind::Report, Name::Report(shop(), "op-1".into()), vec![(Class::Head, b"{\"ok\":true}".to_vec())]),
        ("note", Kind::Note, Name::LogHistory(shop(), 2), vec![(Class::Bytes, b"1\t0/3000000\n".to_vec())]),
    ];
    for (file, kind, name, frames) in objects {
        let (env, _) = fake_env();
        let mut compressor = Compressor::new(3).unwrap();
        let mut sealer = Sealer::new(&keys(), kind, &name, &env, 0);
        for (class, raw) in &frames {
            sealer.append(*class, raw, &mut compressor).unwrap();
        }
        let bytes = golden(&format!("{file}.sealed"), &sealer.finish(&mut compressor).unwrap());
        let opened = open_all(&keys(), kind, &name, &bytes).unwrap();
        let opened: Vec<_> = opened.into_iter().map(|frame| (frame.class, frame.raw)).collect();
        assert_eq!(opened, frames, "{file}");
    }
}

#[test]
fn page_hashes() {
    let hash = page_hash(keys().page_key(), &[0x5a; 8192]);
    assert_eq!(golden("page-hash.bin", &hash.to_le_bytes()), hash.to_le_bytes());
}

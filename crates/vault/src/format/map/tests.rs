//! Page maps round trip, and whatever bytes come in are refused rather than believed.

use proptest::prelude::*;

use super::*;

fn extent(pack: u8, offset: u32) -> ExtentRef {
    ExtentRef { pack: PackId([pack; 16]), offset, length: 900 }
}

fn sample(pages: usize) -> PageMap {
    let mut map = PageMap::new(8192);
    map.extents = (0..pages.div_ceil(16)).map(|n| extent((n / 4) as u8, 64 + (n as u32 % 4) * 900)).collect();
    for page in 0..pages {
        match page % 7 {
            3 => map.push(0, Place::ZERO),
            _ => map.push(page as u64 * 977, Place::new(page / 16, (page % 16) as u8).unwrap()),
        }
    }
    map
}

fn full(bytes: &[u8]) -> PageMap {
    match StoredMap::decode(bytes).unwrap() {
        StoredMap::Full(map) => map,
        StoredMap::Overlay { .. } => panic!("an overlay"),
    }
}

#[test]
fn full_maps_round_trip() {
    for pages in [0, 1, 15, 16, 17, 1000] {
        let map = sample(pages);
        assert_eq!(full(&map.encode()), map, "{pages} pages");
    }
}

#[test]
fn an_overlay_over_its_base_is_the_map() {
    let base = sample(1000);
    let base_ref = extent(200, 64);
    let mut changed = base.clone();
    changed.extents.push(extent(99, 64));
    let newest = changed.extents.len() - 1;
    for page in [0, 17, 500, 999] {
        changed.hashes[page] = 42 + page as u64;
        changed.places[page] = Place::new(newest, (page % 4) as u8).unwrap();
    }
    changed.push(77, Place::new(newest, 9).unwrap());
    let overlay = changed.overlay_over(&base, &base).unwrap();
    assert_eq!(overlay.pages, [0, 17, 500, 999, 1000]);
    assert_eq!(overlay.entries.extents.len(), 1, "extents of unchanged pages stay in the base");
    let decoded = StoredMap::decode(&overlay.encode(&base_ref)).unwrap();
    assert_eq!(decoded, StoredMap::Overlay { base: base_ref, overlay: overlay.clone() });
    assert_eq!(overlay.over(&base).unwrap(), changed.compacted());
}

#[test]
fn an_overlay_can_shrink_its_base() {
    let base = sample(100);
    let mut shorter = base.clone();
    shorter.hashes.truncate(40);
    shorter.places.truncate(40);
    let overlay = shorter.overlay_over(&base, &base).unwrap();
    assert!(overlay.pages.is_empty());
    assert_eq!(overlay.over(&base).unwrap(), shorter.compacted());
}

#[test]
fn too_much_change_wants_a_full_map() {
    let base = sample(100);
    let with_changed = |count: usize| {
        let mut map = base.clone();
        map.hashes.iter_mut().take(count).for_each(|hash| *hash += 1);
        map
    };
    assert!(with_changed(50).overlay_over(&base, &base).is_some(), "half of it at once");
    assert!(with_changed(51).overlay_over(&base, &base).is_none());
    assert!(with_changed(30).overlay_over(&base, &with_changed(15)).is_some(), "half of that new");
    assert!(with_changed(30).overlay_over(&base, &with_changed(16)).is_none(), "most of it repeated");
    assert!(with_changed(16).overlay_over(&base, &with_changed(15)).is_some());
}

#[test]
fn compaction_drops_only_unused_extents() {
    let mut map = sample(64);
    map.places.iter_mut().take(16).for_each(|place| *place = Place::ZERO);
    let compact = map.compacted();
    assert_eq!(compact.extents, map.extents[1..]);
    assert_eq!(compact.hashes, map.hashes);
}

#[test]
fn each_broken_rule_is_refused() {
    let good = sample(32).encode();
    assert!(StoredMap::decode(&good[..good.len() - 1]).is_err(), "cut short");
    assert!(StoredMap::decode(&[good.as_slice(), &[0]].concat()).is_err(), "too long");
    let mut version = good.clone();
    version[0] = 2;
    assert!(StoredMap::decode(&version).is_err(), "unknown version");
    let mut no_extents = sample(32);
    no_extents.extents.clear();
    let broken = {
        let mut out = Vec::new();
        put_head(&mut out, 8192, 32, None);
        no_extents.encode_extents(&mut out);
        no_extents.encode_pages(&mut out);
        out
    };
    assert!(StoredMap::decode(&broken).is_err(), "a place without its extent");
}

proptest! {
    #[test]
    fn any_bytes_decode_or_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = StoredMap::decode(&bytes);
    }

    #[test]
    fn damaged_maps_never_panic(at in 0usize..600, with in any::<u8>()) {
        let mut bytes = sample(40).encode();
        let at = at % bytes.len();
        bytes[at] ^= with;
        if let Ok(StoredMap::Overlay { overlay, .. }) = StoredMap::decode(&bytes) {
            let _ = overlay.over(&sample(40));
        }
    }
}

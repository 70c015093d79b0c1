//! A page map that decodes is written as it was read, and overlays never reach outside of it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vault::format::map::StoredMap;

fuzz_target!(|bytes: &[u8]| match StoredMap::decode(bytes) {
    Ok(StoredMap::Full(map)) => {
        assert_eq!(StoredMap::decode(&map.encode()).unwrap(), StoredMap::Full(map.clone()));
        let _ = map.compacted();
    }
    Ok(StoredMap::Overlay { base, overlay }) => {
        let again = StoredMap::decode(&overlay.encode(&base)).unwrap();
        assert_eq!(again, StoredMap::Overlay { base, overlay: overlay.clone() });
        let _ = overlay.over(&overlay.entries);
    }
    Err(_) => {}
});

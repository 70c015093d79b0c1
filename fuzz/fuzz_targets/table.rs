//! A manifest table that decodes round trips.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vault::format::manifest::ManifestTable;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(table) = ManifestTable::decode(bytes) {
        assert_eq!(ManifestTable::decode(&table.encode()).unwrap(), table);
    }
});

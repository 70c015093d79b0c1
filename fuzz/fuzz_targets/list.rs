//! A file list that decodes round trips, and holds no path that leaves its folder.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vault::format::files::{decode_list, encode_list, is_safe_path};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(entries) = decode_list(bytes) {
        assert!(entries.iter().all(|entry| is_safe_path(&entry.path)));
        assert_eq!(decode_list(&encode_list(&entries)).unwrap(), entries);
    }
});

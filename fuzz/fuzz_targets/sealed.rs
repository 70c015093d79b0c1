//! Bytes that were not sealed do not open, and none make the reader fall over.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vault::format::sealed::{Keys, Kind, open_all};
use vault::names::{Name, PackId};

fuzz_target!(|bytes: &[u8]| {
    let keys = Keys::derive(&[7; 32], [1; 16]);
    let name = Name::Pack(PackId([2; 16]));
    // With a header of ours in front, so that the frames are reached.
    let mut object = b"REKINDLE\x01\x00\x01\x00\x00\x00\x00\x00".to_vec();
    object.extend_from_slice(&[1; 16]);
    object.extend_from_slice(&[0; 32]);
    object.extend_from_slice(bytes);
    assert!(open_all(&keys, Kind::Pack, &name, &object).is_err());
    assert!(open_all(&keys, Kind::Pack, &name, bytes).is_err());
});

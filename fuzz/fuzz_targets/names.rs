//! A name that parses is written as it was read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vault::names::Name;

fuzz_target!(|text: &str| {
    if let Some(name) = Name::parse(text) {
        assert_eq!(name.to_string(), text);
    }
});

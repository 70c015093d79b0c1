//! The head of a stretch of log round trips, and heads add up without overflowing.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vault::format::log::LogHead;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(head) = serde_json::from_slice::<LogHead>(bytes) {
        let again: LogHead = serde_json::from_slice(&serde_json::to_vec(&head).unwrap()).unwrap();
        assert_eq!(again, head);
    }
});

//! Messages of the replication protocol, taken apart.

use super::*;

#[test]
fn stream_messages_are_taken_apart() {
    let mut data = BytesMut::new();
    data.put_u8(b'w');
    data.put_u64(0x100);
    data.put_u64(0x200);
    data.put_i64(1_000_000);
    data.put_slice(b"log");
    let Ok(WalEvent::XLogData { start_lsn, wal_end, server_time, bytes }) = parse_event(data.freeze()) else {
        panic!()
    };
    assert_eq!((start_lsn, wal_end, &bytes[..]), (Lsn(0x100), Lsn(0x200), &b"log"[..]));
    assert_eq!(server_time.to_string(), "2000-01-01T00:00:01Z");
}

#[test]
fn cut_or_unknown_messages_are_errors() {
    assert!(parse_event(Bytes::from_static(b"w123")).is_err());
    assert!(parse_event(Bytes::from_static(b"")).is_err());
    assert!(parse_event(Bytes::from_static(b"k1234567812345678")).is_err());
    assert!(parse_event(Bytes::from_static(b"z")).is_err());
}

#[test]
fn times_survive_both_ways_and_nonsense_does_not_panic() {
    let time: Timestamp = "2026-02-03T04:05:06.000007Z".parse().unwrap();
    assert_eq!(timestamp_from_postgres(timestamp_to_postgres(time)), time);
    timestamp_from_postgres(i64::MAX);
    timestamp_from_postgres(i64::MIN);
}

#[test]
fn slot_names_are_those_of_the_server() {
    assert!(check_slot_name("rekindle_1").is_ok());
    for name in ["", "A", "a-b", "a b", "a;drop", &"x".repeat(64)] {
        assert!(check_slot_name(name).is_err(), "{name}");
    }
}

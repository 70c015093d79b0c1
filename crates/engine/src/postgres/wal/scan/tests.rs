//! The record scanner on garbage and on made-up pages.

use super::*;

const SHAPE: Shape = Shape { major: 18, timeline: 1, segment_bytes: 1 << 20, system_identifier: None };

fn scanner() -> Scanner {
    Scanner::at_segment(Lsn(1 << 20), SHAPE).unwrap()
}

fn long_header(flags: u16, remaining: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend(0xD118_u16.to_le_bytes());
    bytes.extend((flags | FLAG_LONG_HEADER).to_le_bytes());
    bytes.extend(1_u32.to_le_bytes());
    bytes.extend((1_u64 << 20).to_le_bytes());
    bytes.extend(u64::from(remaining).to_le_bytes());
    bytes.extend(99_u64.to_le_bytes());
    bytes.extend((1_u32 << 20).to_le_bytes());
    bytes.extend(8192_u32.to_le_bytes());
    bytes
}

/// A record of the XLOG manager with this kind and main data, checksum included.
fn record(info: u8, previous: u64, data: &[u8]) -> Vec<u8> {
    let mut body = vec![ID_SHORT, u8::try_from(data.len()).unwrap()];
    body.extend(data);
    let mut bytes = Vec::new();
    bytes.extend(u32::try_from(HEADER_BYTES + body.len()).unwrap().to_le_bytes());
    bytes.extend(0_u32.to_le_bytes());
    bytes.extend(previous.to_le_bytes());
    bytes.extend([info, 0, 0, 0]);
    let crc = crc32c::crc32c_append(crc32c::crc32c(&body), &bytes);
    bytes.extend(crc.to_le_bytes());
    bytes.extend(body);
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    bytes
}

const ID_SHORT: u8 = 255;

fn restore_point(previous: u64, name: &str) -> Vec<u8> {
    let mut data = vec![0; 72];
    data[8..8 + name.len()].copy_from_slice(name.as_bytes());
    record(0x70, previous, &data)
}

#[test]
fn a_restore_point_is_told_and_zeroes_end_the_log() {
    let mut bytes = long_header(0, 0);
    let first = (1 << 20) + 40;
    bytes.extend(restore_point(8, "before"));
    let second = (1 << 20) + bytes.len() as u64;
    bytes.extend(restore_point(first, "after"));
    let end = (1 << 20) + bytes.len() as u64;
    bytes.extend([0; 64]);
    let (mut scanner, mut events) = (scanner(), Vec::new());
    scanner.feed(&bytes, &mut events);
    let names: Vec<_> = events
        .iter()
        .map(|e| if let Event::RestorePoint { name, lsn, .. } = e { (name.as_str(), lsn.0) } else { panic!() })
        .collect();
    assert_eq!(names, [("before", first), ("after", second)]);
    assert_eq!((scanner.last_record_start(), scanner.last_record_end()), (Some(Lsn(second)), Some(Lsn(end))));
    assert_eq!(scanner.end(), Some(&End { lsn: Lsn(end), why: "no record was written here" }));
}

#[test]
fn a_flipped_bit_or_a_wrong_link_ends_the_log_before_the_record() {
    let header = long_header(0, 0);
    let good = [header.clone(), restore_point(8, "x")].concat();
    for bit in 0..(good.len() - header.len() - 6) * 8 {
        let mut bad = good.clone();
        bad[header.len() + bit / 8] ^= 1 << (bit % 8);
        bad.extend([0; 256]);
        let (mut scanner, mut events) = (scanner(), Vec::new());
        scanner.feed(&bad, &mut events);
        assert!(events.is_empty(), "bit {bit}");
    }
    let twice = [good, restore_point(8, "y")].concat();
    let (mut scanner, mut events) = (scanner(), Vec::new());
    scanner.feed(&twice, &mut events);
    assert_eq!(events.len(), 1);
    assert_eq!(scanner.end().unwrap().why, "a record does not follow the one before it");
}

#[test]
fn the_rest_of_a_foreign_record_is_skipped() {
    let mut bytes = long_header(FLAG_CONTINUED, 13);
    bytes.extend([0xAA; 16]);
    bytes.extend(restore_point(8, "x"));
    let (mut scanner, mut events) = (scanner(), Vec::new());
    scanner.feed(&bytes, &mut events);
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].lsn(), Lsn((1 << 20) + 56));
}

#[test]
fn what_cannot_be_scanned_is_refused() {
    assert!(Scanner::at_segment(Lsn(1), SHAPE).is_err());
    assert!(Scanner::at_record(Lsn(1), SHAPE).is_err());
    assert_eq!(Scanner::at_segment(Lsn(0), Shape { major: 12, ..SHAPE }).unwrap_err().code(), "RK-2031");
    assert!(Scanner::at_segment(Lsn(0), Shape { segment_bytes: 3 << 20, ..SHAPE }).is_err());
    let mut other = Scanner::at_segment(Lsn(1 << 20), Shape { system_identifier: Some(7), ..SHAPE }).unwrap();
    other.feed(&long_header(0, 0), &mut Vec::new());
    assert_eq!(other.end().unwrap().why, "the segment is of another cluster");
}

proptest::proptest! {
    #[test]
    fn garbage_ends_the_log_and_never_panics(garbage in proptest::collection::vec(proptest::num::u8::ANY, 0..4000), with_header in proptest::bool::ANY) {
        let mut bytes = if with_header { long_header(0, 0) } else { Vec::new() };
        bytes.extend(&garbage);
        let (mut scanner, mut events) = (scanner(), Vec::new());
        scanner.feed(&bytes, &mut events);
        proptest::prop_assert!(events.is_empty());
        let mut inside = Scanner::at_record(Lsn(8), SHAPE).unwrap();
        inside.feed(&garbage, &mut events);
        proptest::prop_assert!(events.is_empty());
    }
}

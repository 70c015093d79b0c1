//! Names of log segments and history files, there and back.

use super::*;

const MIB: u64 = 1 << 20;

#[test]
fn names_are_those_of_the_server() {
    let lsn: Lsn = "16/B374D848".parse().unwrap();
    for (segment_bytes, name) in [
        (16 * MIB, "0000000100000016000000B3"),
        (MIB, "000000010000001600000B37"),
        (1024 * MIB, "000000010000001600000002"),
    ] {
        let segment = Segment::at(1, lsn, segment_bytes);
        assert_eq!(segment.file_name(segment_bytes), name);
        assert_eq!(Segment::parse(name, segment_bytes), Some(segment));
        assert!(segment.start(segment_bytes) <= lsn && lsn < segment.end(segment_bytes));
    }
}

#[test]
fn other_names_are_no_segments() {
    for name in [
        "",
        "0000000100000016000000b3",
        "00000001000000160000100",
        "000000010000001600000100",
        "000000000000001600000001",
        "0000000100000016000000B3.partial",
        "00000002.history",
        "ééééééééébbb",
    ] {
        assert_eq!(Segment::parse(name, 16 * MIB), None, "{name}");
    }
    assert_eq!(parse_history_file_name("0000000A.history"), Some(10));
    assert_eq!(history_file_name(10), "0000000A.history");
    assert_eq!(parse_history_file_name("x.history"), None);
}

#[test]
fn a_history_tells_the_timeline_of_every_byte() {
    let text = "# comment\n1\t0/3000000\tno recovery target specified\n\n2\t0/5000000\tbefore 2026\n";
    let history = History::parse(3, text).unwrap();
    let at = |lsn: &str| history.timeline_at(lsn.parse().unwrap());
    assert_eq!((at("0/2FFFFFF"), at("0/3000000"), at("0/5000000")), (1, 2, 3));
    assert_eq!(history.end_of(2), Some(Lsn(0x500_0000)));
    assert!(history.contains(1) && history.contains(3) && !history.contains(4));
    assert_eq!(History::parse(3, &history.to_string()).unwrap(), history);
}

#[test]
fn a_history_out_of_order_is_damaged() {
    for text in ["2 0/1 x\n1 0/2 y", "1 0/2 x\n2 0/1 y", "3 0/1 x", "x 0/1", "1", "0 0/1"] {
        assert_eq!(History::parse(3, text).unwrap_err().code(), "RK-2030", "{text}");
    }
}

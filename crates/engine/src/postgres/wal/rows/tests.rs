//! Heap records as servers of each major write them, byte by byte, in pieces of all sizes.

use super::*;

const FILE: RelationFile = RelationFile { tablespace: 1663, database: 5, file: 16_400 };

fn block(flags: u8, image: &[u8], with_file: bool) -> Vec<u8> {
    let mut bytes = vec![0, flags, 0, 0];
    bytes.extend(image);
    if with_file {
        [FILE.tablespace, FILE.database, FILE.file].iter().for_each(|part| bytes.extend(part.to_le_bytes()));
    }
    bytes.extend(7_u32.to_le_bytes());
    bytes
}

/// A body: headers, then so many bytes of images and rows, then the main data.
fn body(heads: &[Vec<u8>], between: usize, main: &[u8]) -> Vec<u8> {
    let mut bytes = heads.concat();
    bytes.extend([ID_DATA_SHORT, u8::try_from(main.len()).unwrap()]);
    bytes.extend(vec![0xAA; between]);
    bytes.extend(main);
    bytes
}

fn work(rmgr: u8, info: u8, major: u32, body: &[u8]) -> Option<RowWork> {
    let whole = read(rmgr, info, major, body, body.len());
    for piece in [1, 2, 3, 7, 50, 100] {
        assert_eq!(read(rmgr, info, major, body, piece), whole, "in pieces of {piece}");
    }
    whole
}

fn read(rmgr: u8, info: u8, major: u32, body: &[u8], piece: usize) -> Option<RowWork> {
    let mut reader = RowReader::new(rmgr, info, major, body.len())?;
    body.chunks(piece).for_each(|piece| reader.feed(piece));
    reader.work(99)
}

fn changed(change: Change) -> Option<RowWork> {
    Some(RowWork::Changed { xid: 99, file: FILE, change })
}

#[test]
fn inserts_updates_and_deletes_are_told_apart() {
    let one = [block(0x20, &[], true)];
    assert_eq!(work(RMGR_HEAP, 0x00, 15, &body(&one, 40, &[1, 0, 0])), changed(Change::Inserted(1)));
    assert_eq!(work(RMGR_HEAP, 0x80, 15, &body(&one, 40, &[1, 0, 0])), changed(Change::Inserted(1)));
    let two = [block(0x20, &[], true), block(0x80, &[], false)];
    assert_eq!(work(RMGR_HEAP, 0x20, 15, &body(&two, 40, &[0; 14])), changed(Change::Updated));
    assert_eq!(work(RMGR_HEAP, 0x40, 15, &body(&one, 40, &[0; 14])), changed(Change::Updated));
    assert_eq!(work(RMGR_HEAP, 0x10, 15, &body(&one, 0, &[0, 0, 0, 0, 1, 0, 0, 0])), changed(Change::Deleted));
    let super_delete = [0, 0, 0, 0, 1, 0, 0, DELETE_TAKES_INSERT_BACK];
    assert_eq!(work(RMGR_HEAP, 0x10, 15, &body(&one, 0, &super_delete)), changed(Change::InsertTakenBack));
    assert_eq!(work(RMGR_HEAP2, 0x50, 15, &body(&one, 900, &[0, 0, 44, 1, 9, 9])), changed(Change::Inserted(300)));
    // A lock, a truncation, a vacuum, a record of an index.
    for (rmgr, info) in [(RMGR_HEAP, 0x60), (RMGR_HEAP, 0x30), (RMGR_HEAP2, 0x10), (11, 0x00)] {
        assert_eq!(work(rmgr, info, 15, &body(&one, 0, &[0; 8])), None);
    }
}

/// The length of a hole stands there only beside a compressed image, and that bit has moved in 15.
#[test]
fn page_images_are_passed_over_in_every_major() {
    let with = |info: u8, hole_length: bool| {
        let mut image = vec![100, 0, 20, 0, info];
        image.extend(if hole_length { &[8_u8, 0][..] } else { &[] });
        [block(0x10, &image, true)]
    };
    for (major, info, hole_length) in [
        (14, 0x01, false),
        (14, 0x05, false),
        (14, 0x03, true),
        (14, 0x07, true),
        (15, 0x01, false),
        (15, 0x03, false),
        (15, 0x05, true),
        (18, 0x0B, true),
        (18, 0x13, true),
        (18, 0x12, false),
    ] {
        let body = body(&with(info, hole_length), 100, &[1, 0, 0]);
        assert_eq!(work(RMGR_HEAP, 0x00, major, &body), changed(Change::Inserted(1)), "{major} {info:#x}");
    }
}

#[test]
fn origins_top_transactions_and_long_data_are_passed_over() {
    let mut bytes = block(0x20, &[], true);
    bytes.extend([ID_ORIGIN, 1, 0, ID_TOPLEVEL_XID, 1, 2, 3, 4, ID_DATA_LONG]);
    bytes.extend(600_u32.to_le_bytes());
    bytes.extend([0xAA; 50]);
    let main = bytes.len();
    bytes.extend([0; 600]);
    bytes[main + 2] = 12;
    assert_eq!(work(RMGR_HEAP2, 0xD0, 18, &bytes), changed(Change::Inserted(12)));
}

#[test]
fn files_and_transaction_numbers_are_told() {
    let mut main: Vec<u8> = [1663_u32, 5, 16_400, 0].iter().flat_map(|part| part.to_le_bytes()).collect();
    assert_eq!(work(RMGR_STORAGE, 0x10, 15, &body(&[], 0, &main)), Some(RowWork::FileMade(FILE)));
    main[12] = 2;
    assert_eq!(work(RMGR_STORAGE, 0x10, 15, &body(&[], 0, &main)), None, "of the visibility map");
    let running: Vec<u8> = [0_u32, 0, 1, 777, 770, 776].iter().flat_map(|part| part.to_le_bytes()).collect();
    assert_eq!(work(RMGR_STANDBY, 0x10, 15, &body(&[], 0, &running)), Some(RowWork::NextXid(777)));
}

proptest::proptest! {
    #[test]
    fn garbage_never_panics(garbage in proptest::collection::vec(proptest::num::u8::ANY, 0..300), piece in 1_usize..40) {
        for (rmgr, info) in [(RMGR_HEAP, 0x00), (RMGR_HEAP, 0x10), (RMGR_HEAP2, 0x50), (RMGR_STORAGE, 0x10), (RMGR_STANDBY, 0x10)] {
            read(rmgr, info, 15, &garbage, piece);
        }
    }
}

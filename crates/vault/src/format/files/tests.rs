//! File lists round trip, keep their order, and never lead out of their folder.

use proptest::prelude::*;

use super::*;
use crate::names::PackId;

fn entry(path: &str, content: Content) -> FileEntry {
    FileEntry { path: path.into(), content, mode: 0o600, uid: 26, gid: 26, modified: -5 }
}

fn sample() -> Vec<FileEntry> {
    let stored = SegmentRef::Stored(ExtentRef { pack: PackId([4; 16]), offset: 64, length: 100 });
    vec![
        entry("base", Content::Folder),
        entry("base/1", Content::File { size: 9000, page_size: 8192, segments: vec![SegmentRef::Inline(vec![1, 2])] }),
        entry("base/2", Content::File { size: 2 << 30, page_size: 8192, segments: vec![stored.clone(), stored] }),
        entry("pg_tblspc/9", Content::Link { target: "/mnt/fast".into() }),
    ]
}

#[test]
fn lists_round_trip() {
    assert_eq!(decode_list(&encode_list(&sample())).unwrap(), sample());
    assert!(decode_list(&encode_list(&[])).unwrap().is_empty());
}

#[test]
fn a_path_that_leaves_its_folder_is_refused() {
    for path in ["../x", "/etc/passwd", "a//b", "a/../b", ".", "", "a/", "a\0b"] {
        let list = encode_list(&[entry(path, Content::Folder)]);
        assert!(decode_list(&list).is_err(), "{path:?}");
    }
}

#[test]
fn order_is_by_component() {
    let mut paths = ["a.b", "a/b", "a", "ab", "a/b/c"];
    paths.sort_by(|a, b| path_order(a, b));
    assert_eq!(paths, ["a", "a/b", "a/b/c", "a.b", "ab"]);
}

proptest! {
    #[test]
    fn any_bytes_decode_or_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = decode_list(&bytes);
    }

    #[test]
    fn damaged_lists_never_panic(at in 0usize..400, with in any::<u8>()) {
        let mut bytes = encode_list(&sample());
        let at = at % bytes.len();
        bytes[at] ^= with;
        let _ = decode_list(&bytes);
    }
}

//! What lies in the local folder: after it is made, after reads, after a making that was cut short.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::MetadataExt;

use mount::Error;
use mount::fs::ROOT;
use rustix::fs::OFlags;

use crate::place::{Place, bytes};

const LARGE: usize = 1 << 20;

fn place() -> Place {
    let files =
        [("base/1/large", LARGE, 8192), ("base/1/small", 9000, 8192), ("PG_VERSION", 3, 4096), ("empty", 0, 8192)];
    let content = |(name, length, page_size): (&str, usize, u32)| {
        (name.to_owned(), (bytes(length, page_size as usize, length as u64), page_size))
    };
    Place::new(&files.map(content).into_iter().collect::<BTreeMap<_, _>>())
}

#[test]
fn files_are_holes_of_their_size() {
    let place = place();
    let skeleton = place.open().unwrap();
    let large = fs::metadata(skeleton.root.join("base/1/large")).unwrap();
    assert_eq!((large.len(), large.blocks()), (LARGE as u64, 0));
    assert_eq!(fs::read(skeleton.root.join("base/1/small")).unwrap(), [0; 9000]);
    assert_eq!(fs::read(skeleton.root.join("empty")).unwrap(), b"");
    let whole = |file: &mount::base::BaseFile| skeleton.presence.is_whole(file.bits);
    assert_eq!(skeleton.base.files().iter().map(whole).collect::<Vec<_>>(), [false, false, false, true]);
}

#[test]
fn a_restore_becomes_plain_files_and_a_clone_stays_holes() {
    for keep in [true, false] {
        let place = place();
        let tree = place.fs(keep);
        let folder = tree.lookup(ROOT, OsStr::new("base")).unwrap().inode;
        let folder = tree.lookup(folder, OsStr::new("1")).unwrap().inode;
        let file = tree.lookup(folder, OsStr::new("large")).unwrap().inode;
        let handle = tree.open(file, OFlags::RDONLY).unwrap().handle;
        let expected = bytes(LARGE, 8192, LARGE as u64);
        assert!(tree.read(handle, 0, LARGE).unwrap() == expected);
        let local = place.home().join("skeleton/base/1/large");
        assert_eq!(fs::read(&local).unwrap() == expected, keep);
        assert_eq!(fs::metadata(&local).unwrap().blocks() > 0, keep);
    }
}

#[test]
fn a_write_of_whole_pages_fetches_nothing() {
    let place = place();
    let tree = place.fs(true);
    fs::remove_dir_all(place.folder.path().join("vault/packs")).unwrap();
    let folder = tree.lookup(ROOT, OsStr::new("base")).unwrap().inode;
    let folder = tree.lookup(folder, OsStr::new("1")).unwrap().inode;
    let file = tree.lookup(folder, OsStr::new("large")).unwrap().inode;
    let handle = tree.open(file, OFlags::RDWR).unwrap().handle;
    tree.write(handle, 8192, &[7; 16384]).unwrap();
    assert_eq!(tree.read(handle, 8192, 16384).unwrap(), [7; 16384]);
    // What is not there cannot be had, and that is an error for these pages only.
    assert_eq!(tree.read(handle, 0, 1), Err(rustix::io::Errno::IO));
    assert_eq!(tree.write(handle, 100, &[1]), Err(rustix::io::Errno::IO));
    assert_eq!(tree.read(handle, 8192, 100).unwrap(), [7; 100]);
    assert_eq!(tree.failures(), 2);
}

#[test]
fn a_skeleton_half_made_is_made_anew_and_another_backups_is_refused() {
    let place = place();
    drop(place.open().unwrap());
    fs::remove_file(place.home().join("complete")).unwrap();
    fs::remove_file(place.home().join("skeleton/PG_VERSION")).unwrap();
    let skeleton = place.open().unwrap();
    assert_eq!(fs::metadata(skeleton.root.join("PG_VERSION")).unwrap().len(), 3);
    fs::write(place.home().join("complete"), [0; 32]).unwrap();
    assert!(matches!(place.open(), Err(Error::Foreign { .. })));
}

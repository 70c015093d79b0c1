//! A terabyte costs no more memory than what is used of it.

use std::ffi::OsStr;

use mount::fs::ROOT;
use rustix::fs::OFlags;

use crate::large_backup::{FILE_BYTES, FILES, page};
use crate::place::Place;

/// Bytes of memory that are this process' own.
fn own_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

#[test]
fn a_terabyte_is_there_in_little_memory() {
    let place = Place::large();
    let before = own_bytes();
    let tree = place.fs(false);
    let mounted = own_bytes().saturating_sub(before);
    assert!(mounted < 16 << 20, "{mounted} bytes to have it there");
    let base = tree.lookup(ROOT, OsStr::new("base")).unwrap().inode;
    for number in (0..FILES).step_by(20) {
        let inode = tree.lookup(base, OsStr::new(&format!("{number:04}"))).unwrap().inode;
        let handle = tree.open(inode, OFlags::RDWR).unwrap().handle;
        let pages = FILE_BYTES / 8192;
        for wanted in [0, number as u64 * 131 % pages, pages - 1] {
            assert!(tree.read(handle, wanted * 8192, 8192).unwrap() == page(wanted), "page {wanted} of {number}");
        }
        tree.write(handle, 77 * 8192, &[1; 8192]).unwrap();
        tree.sync(handle, true).unwrap();
        tree.release(handle);
    }
    let used = own_bytes().saturating_sub(before);
    assert!(used < 64 << 20, "{used} bytes after reading from {FILES} files");
}

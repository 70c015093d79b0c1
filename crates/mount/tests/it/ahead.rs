//! Reading on and on waits for the vault's latency once, not for each extent; a latency is a number of requests at a time here.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::sync::Arc;

use mount::fs::{Fs, ROOT};
use rustix::fs::OFlags;

use crate::place::{Place, bytes};

const LARGE: usize = 24 << 20;
const STEP: usize = 128 << 10;

fn place() -> (Place, Vec<u8>) {
    let content = bytes(LARGE, 8192, 5);
    (Place::new(&BTreeMap::from([("large".to_owned(), (content.clone(), 8192))])), content)
}

fn open(tree: &Fs) -> u64 {
    let inode = tree.lookup(ROOT, OsStr::new("large")).unwrap().inode;
    tree.open(inode, OFlags::RDWR).unwrap().handle
}

#[test]
fn a_scan_asks_for_long_stretches() {
    for keep in [true, false] {
        let (place, content) = place();
        let tree = place.fs(keep);
        let handle = open(&tree);
        let before = place.store.operations();
        for offset in (0..LARGE).step_by(STEP) {
            assert_eq!(tree.read(handle, offset as u64, STEP).unwrap(), content[offset..offset + STEP]);
        }
        // 192 extents; without reading ahead each is a request.
        let asked = place.store.operations() - before;
        assert!(asked < 40, "{asked} requests, keep {keep}");
    }
}

#[test]
fn scattered_reads_ask_for_their_own_extent_only() {
    let (place, content) = place();
    let tree = place.fs(false);
    let handle = open(&tree);
    tree.read(handle, 0, 8192).unwrap();
    let before = place.store.operations();
    let mut fetched = 0;
    for number in 1..=10 {
        let offset = (number * 7 % 11) * (2 << 20);
        assert_eq!(tree.read(handle, offset as u64, 8192).unwrap(), content[offset..offset + 8192]);
        // A page of zeroes is nowhere.
        fetched += u64::from(content[offset..offset + 8192].iter().any(|byte| *byte != 0));
    }
    assert_eq!(place.store.operations() - before, fetched);
}

#[test]
fn what_is_there_already_is_not_fetched_ahead() {
    let (place, content) = place();
    let tree = place.fs(true);
    let handle = open(&tree);
    tree.write(handle, 4 << 20, &vec![7; 16 << 20]).unwrap();
    let before = place.store.bytes_read();
    for offset in (0..4 << 20).step_by(STEP) {
        assert_eq!(tree.read(handle, offset as u64, STEP).unwrap(), content[offset..offset + STEP]);
    }
    let scan = place.store.bytes_read() - before;
    // The fourth quarter is the backup's, and as large as the first.
    let before = place.store.bytes_read();
    for offset in (20 << 20..24 << 20).step_by(STEP) {
        assert_eq!(tree.read(handle, offset as u64, STEP).unwrap(), content[offset..offset + STEP]);
    }
    let fetched = place.store.bytes_read() - before;
    assert!(scan < fetched + fetched / 4, "{scan} bytes fetched for the first part, {fetched} for the last");
}

#[test]
fn scans_side_by_side_and_stopped_ones_all_read_right() {
    let (place, content) = place();
    let tree = Arc::new(place.fs(false));
    let stopped: Vec<u64> = (0..8).map(|_| open(&tree)).collect();
    for handle in &stopped {
        (0..1 << 20).step_by(STEP).for_each(|offset| drop(tree.read(*handle, offset as u64, STEP).unwrap()));
    }
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let handle = open(&tree);
                for offset in (0..LARGE).step_by(STEP) {
                    assert!(tree.read(handle, offset as u64, STEP).unwrap() == content[offset..offset + STEP]);
                }
                tree.release(handle);
            });
        }
    });
    stopped.into_iter().for_each(|handle| tree.release(handle));
}

#[test]
fn what_could_not_be_fetched_ahead_is_asked_for_when_it_is_wanted() {
    let (place, content) = place();
    let tree = place.fs(false);
    let handle = open(&tree);
    for offset in (0..LARGE).step_by(STEP) {
        let away = (5..12).contains(&(offset / STEP % 20));
        place.store.kill_after(away.then_some(0));
        match tree.read(handle, offset as u64, STEP) {
            Ok(read) => assert!(read == content[offset..offset + STEP]),
            Err(error) => assert!(away, "{error} at {offset}"),
        }
    }
}

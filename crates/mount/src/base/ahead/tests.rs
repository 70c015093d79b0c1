//! Which ranges are fetched for which reads. What arrives is tried with a vault, in `tests/it/ahead.rs`.

use super::*;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

/// Reads one after the other; what was to be fetched beyond them.
fn reads(ahead: &Ahead, offsets: impl IntoIterator<Item = u64>, length: u64) -> u64 {
    let read = |offset| ahead.read(1, &(offset..offset + length));
    let beyond = |offset: u64, (range, _): (Range<u64>, bool)| range.end.max(offset + length) - (offset + length);
    offsets.into_iter().map(|offset| beyond(offset, read(offset))).sum()
}

#[test]
fn scattered_reads_fetch_nothing_more() {
    assert_eq!(reads(&Ahead::default(), (0..100).map(|number| (number * 7919 % 101) * 10 * MIB), 8 * KIB), 0);
}

#[test]
fn the_window_grows_and_everything_is_fetched_once() {
    let ahead = Ahead::default();
    let (mut begun, mut furthest) = (0, Vec::new());
    for offset in (0..32 * MIB).step_by(128 << 10) {
        let (range, _) = ahead.read(1, &(offset..offset + 128 * KIB));
        if !range.is_empty() {
            assert_eq!(range.start, begun, "at {offset}");
            begun = range.end;
        }
        furthest.push(begun - offset - 128 * KIB);
    }
    assert!(furthest[0] == 0 && furthest[1] == MIB, "{furthest:?}");
    assert_eq!(furthest.iter().max(), Some(&(8 * MIB)));
    assert!(furthest[200..].iter().all(|lead| *lead >= 4 * MIB - 128 * KIB), "{furthest:?}");
}

#[test]
fn what_the_kernel_asks_for_in_disorder_is_still_one_scan() {
    let offsets = (0..64u64).flat_map(|group| [2, 0, 3, 1].map(|at| (group * 4 + at) * 128 * KIB));
    assert!(reads(&Ahead::default(), offsets, 128 * KIB) > 7 * MIB);
}

#[test]
fn a_seek_begins_anew() {
    let ahead = Ahead::default();
    reads(&ahead, (0..100).map(|number| number * 128 * KIB), 128 * KIB);
    assert_eq!(ahead.read(1, &(500 * MIB..500 * MIB + 8 * KIB)), (500 * MIB..500 * MIB + 8 * KIB, false));
    assert_eq!(ahead.read(1, &(0..8 * KIB)), (0..8 * KIB, false));
}

/// Something of 3 MiB on its way for somebody, of which nothing arrives.
fn coming(runtime: &tokio::runtime::Runtime) -> Coming {
    let stretch = Arc::new(Stretch { pack: vault::names::PackId([1; 16]), range: 0..3 * MIB, extents: Vec::new() });
    let task = runtime.spawn(std::future::pending::<()>()).abort_handle();
    Coming { stretch, left: 1, until: u64::MAX, arrived: watch::channel(None).1, task }
}

#[test]
fn all_readers_share_one_bound_and_who_has_stopped_gives_way() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let ahead = Ahead::default();
    for who in [1, 2] {
        ahead.read(who, &(0..8 * KIB));
        ahead.lock().readers.get_mut(&who).unwrap().coming.push(coming(&runtime));
    }
    ahead.read(3, &(0..8 * KIB));
    assert!(!ahead.lock().make_room(3, 3 * MIB), "others lose what they are about to read");
    assert!(ahead.lock().make_room(3, 2 * MIB));
    for _ in 0..=IDLE_READS {
        ahead.read(2, &(0..8 * KIB));
    }
    assert!(ahead.lock().make_room(3, 3 * MIB), "one who has stopped keeps his room");
    assert_eq!(ahead.lock().bytes(), 3 * MIB, "more than one was taken away from");
    ahead.closed(2);
    assert_eq!(ahead.lock().bytes(), 0);
}

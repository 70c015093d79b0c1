//! Bringing in the rest: complete and durable at the end, stopped and taken up again, paused, slowed down.

use std::collections::BTreeMap;
use std::fs;
use std::sync::atomic::Ordering;

use mount::hydrate::{Hydration, hydrate};
use vault::Env;

use crate::place::{Place, bytes};

const LARGE: usize = 5 << 20;

fn place() -> (Place, BTreeMap<String, Vec<u8>>) {
    let files = [
        ("base/1/one", LARGE, 8192),
        ("base/1/two", LARGE + 77, 16384),
        ("base/3", 100_000, 4096),
        ("PG_VERSION", 3, 4096),
    ];
    let content = |(name, length, page_size): (&str, usize, u32)| {
        (name.to_owned(), (bytes(length, page_size as usize, length as u64), page_size))
    };
    let contents: BTreeMap<_, _> = files.map(content).into_iter().collect();
    (Place::new(&contents), contents.into_iter().map(|(name, (bytes, _))| (name, bytes)).collect())
}

fn is_plain(place: &Place, contents: &BTreeMap<String, Vec<u8>>) -> bool {
    contents.iter().all(|(name, bytes)| fs::read(place.home().join("skeleton").join(name)).unwrap() == *bytes)
}

#[test]
fn at_the_end_the_skeleton_is_the_plain_directory_also_for_the_next_process() {
    let (place, contents) = place();
    let tree = place.fs(true);
    assert!(!is_plain(&place, &contents));
    let hydration = Hydration::default();
    assert!(hydrate(&tree, &hydration, &Env::system()).unwrap());
    assert!(is_plain(&place, &contents));
    assert_eq!(hydration.pages_done.into_inner(), hydration.pages_total.into_inner());
    drop(tree);
    let skeleton = place.open().unwrap();
    assert!(skeleton.base.files().iter().all(|file| skeleton.presence.is_whole(file.bits)));
}

#[test]
fn stopped_it_can_be_taken_up_again() {
    let (place, contents) = place();
    let stopped = Hydration::default();
    stopped.stopped.store(true, Ordering::Relaxed);
    assert!(!hydrate(&place.fs(true), &stopped, &Env::system()).unwrap());
    assert!(!is_plain(&place, &contents));
    assert!(hydrate(&place.fs(true), &Hydration::default(), &Env::system()).unwrap());
    assert!(is_plain(&place, &contents));
}

#[test]
fn paused_it_brings_nothing_in() {
    let (place, contents) = place();
    let tree = place.fs(true);
    let hydration = Hydration::default();
    hydration.paused.store(true, Ordering::Relaxed);
    std::thread::scope(|scope| {
        let running = scope.spawn(|| hydrate(&tree, &hydration, &Env::system()));
        while hydration.pages_total.load(Ordering::Relaxed) == 0 {
            std::thread::yield_now();
        }
        assert!(!is_plain(&place, &contents));
        hydration.paused.store(false, Ordering::Relaxed);
        assert!(running.join().unwrap().unwrap());
    });
    assert!(is_plain(&place, &contents));
}

#[test]
fn with_a_limit_it_takes_its_time() {
    let (place, contents) = place();
    let hydration = Hydration::default();
    hydration.limit.store(4 << 20, Ordering::Relaxed);
    let env = Env::system();
    let begun = env.monotonic();
    assert!(hydrate(&place.fs(true), &hydration, &env).unwrap());
    // Ten megabytes, less the two pieces that each worker may begin before the first counts; never faster, however slow the machine.
    assert!((env.monotonic() - begun).as_secs_f64() > 0.2);
    assert!(is_plain(&place, &contents));
}

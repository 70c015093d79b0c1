//! Bringing in the rest: complete and durable at the end, stopped and taken up again, paused, slowed down.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use mount::hydrate::{Hydration, hydrate};
use vault::Env;
use vault::env::Clock;

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

/// A clock on which every pause is over when it is looked at again.
#[derive(Debug, Default)]
struct Leaping(AtomicU64);

impl Clock for Leaping {
    fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::UNIX_EPOCH
    }

    fn monotonic(&self) -> Duration {
        Duration::from_secs(60 * self.0.fetch_add(1, Ordering::Relaxed))
    }
}

fn leaping() -> Env {
    Env { clock: Arc::new(Leaping::default()), ..Env::system() }
}

/// Waits for something that another thread does.
fn until(what: &str, is: impl Fn() -> bool) {
    let begun = Env::system();
    while !is() {
        assert!(begun.monotonic() < Duration::from_secs(60), "{what} did not come");
        std::thread::yield_now();
    }
}

#[test]
fn a_vault_that_comes_and_goes_is_waited_for_and_said_so() {
    let (place, contents) = place();
    let tree = place.fs(true);
    let hydration = Hydration::default();
    place.store.kill_after(0);
    std::thread::scope(|scope| {
        let running = scope.spawn(|| hydrate(&tree, &hydration, &leaping()));
        for _ in 0..3 {
            let before = hydration.failures.load(Ordering::Relaxed);
            let told = || hydration.trouble().is_some_and(|trouble| trouble.contains("store failed"));
            until("trouble", || hydration.failures.load(Ordering::Relaxed) > before + 3 && told());
            assert!(!running.is_finished() && !is_plain(&place, &contents));
            place.store.kill_after(1);
        }
        place.store.kill_after(None);
        assert!(running.join().unwrap().unwrap());
    });
    assert!(is_plain(&place, &contents));
    assert_eq!(hydration.trouble(), None);
    assert_eq!(hydration.pages_done.into_inner(), hydration.pages_total.into_inner());
}

#[test]
fn stopped_in_a_pause_it_ends() {
    let (place, _) = place();
    let tree = place.fs(true);
    let hydration = Hydration::default();
    place.store.kill_after(0);
    // Time that stands still: the first pause never ends by itself.
    let env = Env { clock: Arc::new(Still), ..Env::system() };
    std::thread::scope(|scope| {
        let running = scope.spawn(|| hydrate(&tree, &hydration, &env));
        until("a failure", || hydration.failures.load(Ordering::Relaxed) == 2);
        hydration.stopped.store(true, Ordering::Relaxed);
        assert!(!running.join().unwrap().unwrap());
    });
    assert_eq!(hydration.failures.into_inner(), 2, "one for each worker");
}

#[derive(Debug)]
struct Still;

impl Clock for Still {
    fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::UNIX_EPOCH
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

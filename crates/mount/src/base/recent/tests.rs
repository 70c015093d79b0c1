//! Values kept: made once, the oldest forgotten, a failure not remembered.

use std::convert::Infallible;
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;

#[test]
fn the_value_used_longest_ago_is_forgotten() {
    let recent: Recent<u32, u32> = Recent::new(2);
    let made = AtomicU32::new(0);
    let get = |key| *recent.get_or_try(key, || Ok::<_, Infallible>(made.fetch_add(1, Ordering::SeqCst))).unwrap();
    assert_eq!([get(1), get(2), get(1), get(3), get(1), get(2)], [0, 1, 0, 2, 0, 3]);
}

#[test]
fn many_who_ask_at_once_wait_for_one() {
    let recent: Recent<u32, u32> = Recent::new(2);
    let made = AtomicU32::new(0);
    let barrier = std::sync::Barrier::new(8);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                barrier.wait();
                let value = recent.get_or_try(5, || {
                    std::thread::yield_now();
                    Ok::<_, Infallible>(made.fetch_add(1, Ordering::SeqCst))
                });
                assert_eq!(*value.unwrap(), 0);
            });
        }
    });
    assert_eq!(made.into_inner(), 1);
}

#[test]
fn a_failure_is_for_one_and_the_next_tries_again() {
    let recent: Recent<u32, u32> = Recent::new(2);
    assert_eq!(recent.get_or_try(1, || Err("no")).unwrap_err(), "no");
    assert_eq!(*recent.get_or_try(1, || Ok::<_, &str>(7)).unwrap(), 7);
}

//! Waiting, on a clock that is moved.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

#[tokio::test(start_paused = true)]
async fn it_is_looked_at_until_it_is_as_wished() {
    let looks = AtomicUsize::new(0);
    let look = || async {
        match looks.fetch_add(1, Ordering::Relaxed) {
            0 => Ok(Seen::NotYet("it runs".to_owned())),
            1 => Err(Trouble::away("nobody answers")),
            _ => Ok(Seen::AsWished),
        }
    };
    Deadline::in_seconds(10).until(look).await.unwrap();
    assert_eq!(looks.load(Ordering::Relaxed), 3);
}

#[tokio::test(start_paused = true)]
async fn what_was_seen_last_is_told_when_the_time_is_up() {
    let late = Deadline::in_seconds(10).until(|| async { Ok(Seen::NotYet("it runs".to_owned())) }).await.unwrap_err();
    assert_eq!(late, Trouble::away("it runs; 10 s are over").hint(LATE));
    let hangs = Deadline::in_seconds(10).until(std::future::pending::<Outcome<Seen>>).await.unwrap_err();
    assert_eq!(hangs, Trouble::away("it was not looked at; 10 s are over").hint(LATE));
    let slow = Deadline::in_seconds(10).within("the engine", std::future::pending::<Outcome<()>>()).await.unwrap_err();
    assert_eq!(slow, Trouble::away("the engine took longer than 10 s").hint(LATE));
}

#[tokio::test(start_paused = true)]
async fn who_says_no_is_not_asked_again() {
    let looks = AtomicUsize::new(0);
    let look = || async {
        looks.fetch_add(1, Ordering::Relaxed);
        Err(Trouble::refused("no"))
    };
    assert_eq!(Deadline::in_seconds(10).until(look).await.unwrap_err(), Trouble::refused("no"));
    assert_eq!(looks.load(Ordering::Relaxed), 1);
}

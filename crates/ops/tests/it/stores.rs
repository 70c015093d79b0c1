//! What every store promises, on each of them.

use std::time::Duration;

use ops::store::Error;
use ops::{Claim, Event, Filter, Head, Level, Next, Phase, Run, Status, Wish};
use serde_json::json;

use crate::house::{House, head, plan};

const TTL: Duration = Duration::from_millis(400);
const LONGER: Duration = Duration::from_millis(500);

macro_rules! suite {
    ($($name:ident),* $(,)?) => {
        mod memory { $(#[tokio::test(flavor = "multi_thread")] async fn $name() { super::$name(super::House::memory()).await; })* }
        mod sqlite { $(#[tokio::test(flavor = "multi_thread")] async fn $name() { super::$name(super::House::sqlite().await).await; })* }
        mod postgres { $(#[tokio::test(flavor = "multi_thread")] async fn $name() { super::$name(super::House::postgres().await).await; })* }
    };
}

suite!(
    what_is_added_is_there,
    asking_twice_with_one_key_adds_one,
    of_a_lane_one_is_unfinished,
    claimed_by_one_until_the_lease_is_over,
    who_lost_the_lease_writes_nothing,
    a_longer_lease_is_kept,
    what_waits_is_not_claimed_before_its_time,
    what_must_be_done_elsewhere_is_left,
    what_there_is_enough_of_does_not_stand_before_others,
    people_are_heard_in_the_middle,
    what_is_not_legal_changes_nothing,
    events_replay_to_the_state,
    lists_go_page_by_page,
    the_log_keeps_its_order,
    the_old_is_forgotten,
    many_claim_and_each_run_goes_to_one,
);

fn claim(owner: &str) -> Claim {
    Claim { owner: owner.into(), place: "here".into(), ttl: TTL, not: vec![] }
}

async fn added(house: &House, id: &str) -> Run {
    add(house, head(id, plan(&["a", "b"], 3))).await
}

async fn add(house: &House, head: Head) -> Run {
    house.store.add(&head, None).await.unwrap();
    house.store.ask(&head.id, &Event::Submitted { by: "ada".into() }).await.unwrap()
}

fn done(step: usize) -> Event {
    Event::Done { step, output: json!({ "of": step }) }
}

async fn what_is_added_is_there(house: House) {
    let wanted = head("one", plan(&["a"], 1));
    let run = house.store.add(&wanted, None).await.unwrap();
    assert_eq!((run.state.status, &run.head), (Status::Planned, &wanted));
    assert_eq!(house.store.run("one").await.unwrap(), Some(run));
    assert_eq!(house.store.run("two").await.unwrap(), None);
    assert!(house.store.claim(&claim("w")).await.unwrap().is_none(), "planned is not asked for");
    assert!(matches!(house.store.ask("two", &Event::Lost).await, Err(Error::Unknown(_))));
}

async fn asking_twice_with_one_key_adds_one(house: House) {
    let first = house.store.add(&head("one", plan(&["a"], 1)), Some("k")).await.unwrap();
    let again = house.store.add(&head("two", plan(&["a"], 1)), Some("k")).await.unwrap();
    assert_eq!(first, again);
    assert_eq!(house.store.list(&Filter { limit: 9, ..Filter::default() }).await.unwrap().len(), 1);
}

async fn of_a_lane_one_is_unfinished(house: House) {
    let of_lane = |id: &str| Head { lane: Some("backup of shop".into()), ..head(id, plan(&["a"], 1)) };
    add(&house, of_lane("one")).await;
    let busy = house.store.add(&of_lane("two"), None).await;
    assert!(matches!(&busy, Err(Error::Busy(id)) if id == "one"), "{busy:?}");
    let (lease, _) = house.store.claim(&claim("w")).await.unwrap().unwrap();
    house.store.record(&lease, &done(0), &[]).await.unwrap();
    house.store.add(&of_lane("two"), None).await.unwrap();
}

async fn claimed_by_one_until_the_lease_is_over(house: House) {
    added(&house, "one").await;
    let (lease, run) = house.store.claim(&claim("w1")).await.unwrap().unwrap();
    let now = house.store.now().await.unwrap();
    assert_eq!(run.next(now), Next::InFlight { step: 0 }, "it has begun with the claim");
    assert!(house.store.claim(&claim("w2")).await.unwrap().is_none());
    house.pass(LONGER).await;
    let (taken, run) = house.store.claim(&claim("w2")).await.unwrap().unwrap();
    assert!(taken.epoch > lease.epoch);
    assert_eq!(run.next(now), Next::Look { step: 0 }, "what was in flight is looked at");
}

async fn who_lost_the_lease_writes_nothing(house: House) {
    added(&house, "one").await;
    let (old, _) = house.store.claim(&claim("w1")).await.unwrap().unwrap();
    house.pass(LONGER).await;
    let (new, taken) = house.store.claim(&claim("w2")).await.unwrap().unwrap();
    let line = ops::step::Line { step: 0, level: Level::Info, text: "I am still here".into() };
    assert!(matches!(house.store.record(&old, &done(0), std::slice::from_ref(&line)).await, Err(Error::Lost { .. })));
    assert!(matches!(house.store.say(&old, &[line]).await, Err(Error::Lost { .. })));
    assert_eq!(house.store.renew(std::slice::from_ref(&old), TTL).await.unwrap(), std::slice::from_ref(&old));
    house.store.release(&old).await.unwrap();
    assert_eq!(house.store.run("one").await.unwrap().unwrap(), taken);
    assert!(house.store.lines("one", 0, 9).await.unwrap().is_empty());
    house.store.record(&new, &done(0), &[]).await.unwrap();
    house.store.release(&new).await.unwrap();
    assert!(matches!(house.store.record(&new, &done(1), &[]).await, Err(Error::Lost { .. })), "given back");
}

async fn a_longer_lease_is_kept(house: House) {
    added(&house, "one").await;
    let (lease, _) = house.store.claim(&claim("w1")).await.unwrap().unwrap();
    for _ in 0..3 {
        house.pass(TTL / 2).await;
        assert!(house.store.renew(std::slice::from_ref(&lease), TTL).await.unwrap().is_empty());
    }
    assert!(house.store.claim(&claim("w2")).await.unwrap().is_none());
}

async fn what_waits_is_not_claimed_before_its_time(house: House) {
    added(&house, "one").await;
    let (lease, _) = house.store.claim(&claim("w")).await.unwrap().unwrap();
    let failure = ops::Failure::clean("RK-0000", "not now", "later").retryable();
    let run = house.store.record(&lease, &Event::Failed { step: 0, failure }, &[]).await.unwrap();
    assert_eq!(run.state.status, Status::Retrying);
    house.store.release(&lease).await.unwrap();
    assert!(house.store.claim(&claim("w")).await.unwrap().is_none());
    house.pass(Duration::from_millis(150)).await;
    let (lease, run) = house.store.claim(&claim("w")).await.unwrap().unwrap();
    assert_eq!(run.state.steps[0].attempts, 2);
    house.store.record(&lease, &done(0), &[]).await.unwrap();
    let run = house.store.record(&lease, &done(1), &[]).await.unwrap();
    assert_eq!(run.state.status, Status::Succeeded);
    house.store.release(&lease).await.unwrap();
    house.pass(LONGER).await;
    assert!(house.store.claim(&claim("w")).await.unwrap().is_none(), "over is over");
}

async fn what_must_be_done_elsewhere_is_left(house: House) {
    add(&house, Head { place: Some("there".into()), ..head("one", plan(&["a"], 1)) }).await;
    assert!(house.store.claim(&claim("w")).await.unwrap().is_none());
    let not = vec!["build".to_owned()];
    let there = Claim { place: "there".into(), ..claim("w") };
    assert!(house.store.claim(&Claim { not, ..there.clone() }).await.unwrap().is_none());
    assert!(house.store.claim(&there).await.unwrap().is_some());
}

async fn what_there_is_enough_of_does_not_stand_before_others(house: House) {
    for n in 0..80 {
        added(&house, &format!("build-{n}")).await;
    }
    add(&house, Head { kind: "tidy".into(), ..head("other", plan(&["a"], 1)) }).await;
    let not = vec!["build".to_owned()];
    let (lease, _) = house.store.claim(&Claim { not, ..claim("w") }).await.unwrap().expect("the other kind is due");
    assert_eq!(lease.run, "other");
}

async fn people_are_heard_in_the_middle(house: House) {
    added(&house, "one").await;
    let (lease, _) = house.store.claim(&claim("w")).await.unwrap().unwrap();
    let asked = house.store.ask("one", &Event::CancelAsked { by: "bob".into(), why: "no".into() }).await.unwrap();
    assert_eq!((asked.state.status, asked.state.wish), (Status::Running, Some(Wish::Cancel)));
    let run = house.store.record(&lease, &done(0), &[]).await.unwrap();
    assert_eq!((run.state.status, run.state.steps[0].phase), (Status::Unwinding, Phase::Undoing));
    let run = house.store.record(&lease, &Event::UndoDone { step: 0 }, &[]).await.unwrap();
    assert_eq!(run.state.status, Status::Cancelled);
}

async fn what_is_not_legal_changes_nothing(house: House) {
    let before = added(&house, "one").await;
    let refused = house.store.ask("one", &Event::Abandoned { by: "bob".into(), why: String::new() }).await;
    assert!(matches!(refused, Err(Error::Illegal(_))), "{refused:?}");
    let (lease, claimed) = house.store.claim(&claim("w")).await.unwrap().unwrap();
    assert!(matches!(house.store.record(&lease, &done(1), &[]).await, Err(Error::Illegal(_))));
    assert_eq!(house.store.run("one").await.unwrap().unwrap(), claimed);
    assert_eq!(before.state.events + 1, claimed.state.events);
}

async fn events_replay_to_the_state(house: House) {
    added(&house, "one").await;
    let (lease, _) = house.store.claim(&claim("w1")).await.unwrap().unwrap();
    house.store.record(&lease, &done(0), &[]).await.unwrap();
    house.pass(LONGER).await;
    let (lease, _) = house.store.claim(&claim("w2")).await.unwrap().unwrap();
    house.store.record(&lease, &Event::NotDone { step: 1 }, &[]).await.unwrap();
    house.store.record(&lease, &done(1), &[]).await.unwrap();
    let (kept, events) = (house.store.run("one").await.unwrap().unwrap(), house.store.events("one", 0).await.unwrap());
    let mut replayed = Run::new(kept.head.clone());
    for (n, recorded) in events.iter().enumerate() {
        assert_eq!(recorded.n, n as u64 + 1);
        replayed.apply(recorded.at, &recorded.event).unwrap();
    }
    assert_eq!(replayed, kept);
    let epochs: Vec<i64> = events.iter().map(|event| event.epoch).collect();
    assert!(epochs.is_sorted() && epochs.last() == Some(&lease.epoch), "{epochs:?}");
    assert_eq!(house.store.events("one", 3).await.unwrap(), events[3..]);
}

async fn lists_go_page_by_page(house: House) {
    for n in 0..5 {
        added(&house, &format!("run-{n}")).await;
    }
    let (lease, run) = house.store.claim(&claim("w")).await.unwrap().unwrap();
    house.store.record(&lease, &done(0), &[]).await.unwrap();
    house.store.record(&lease, &done(1), &[]).await.unwrap();
    let mut filter = Filter { limit: 2, ..Filter::default() };
    let mut seen: Vec<String> = Vec::new();
    loop {
        let page = house.store.list(&filter).await.unwrap();
        let Some(last) = page.last() else { break };
        filter.before = Some((last.head.created, last.head.id.clone()));
        seen.extend(page.iter().map(|run| run.head.id.clone()));
    }
    assert_eq!(seen, ["run-4", "run-3", "run-2", "run-1", "run-0"]);
    let listed = async |filter: Filter| house.store.list(&Filter { limit: 9, ..filter }).await.unwrap();
    let over = listed(Filter { status: Some(Status::Succeeded), ..Filter::default() }).await;
    assert_eq!(over.iter().map(|run| &run.head.id).collect::<Vec<_>>(), [&run.head.id]);
    assert_eq!(listed(Filter { unfinished: true, ..Filter::default() }).await.len(), 4);
    assert_eq!(listed(Filter { subject: Some("other".into()), ..Filter::default() }).await.len(), 0);
    assert_eq!(listed(Filter { kind: Some("build".into()), ..Filter::default() }).await.len(), 5);
}

async fn the_log_keeps_its_order(house: House) {
    added(&house, "one").await;
    let (lease, _) = house.store.claim(&claim("w")).await.unwrap().unwrap();
    let line = |text: &str| ops::step::Line { step: 0, level: Level::Warning, text: text.into() };
    house.store.say(&lease, &[line("first"), line("second")]).await.unwrap();
    house.store.record(&lease, &done(0), &[line("third")]).await.unwrap();
    let lines = house.store.lines("one", 0, 9).await.unwrap();
    let told: Vec<(u64, &str, &str)> = lines.iter().map(|l| (l.n, l.level.as_str(), l.text.as_str())).collect();
    assert_eq!(told, [(1, "warning", "first"), (2, "warning", "second"), (3, "warning", "third")]);
    assert_eq!(house.store.lines("one", 1, 1).await.unwrap()[0].text, "second");
}

async fn the_old_is_forgotten(house: House) {
    added(&house, "over").await;
    let (lease, _) = house.store.claim(&claim("w")).await.unwrap().unwrap();
    house.store.record(&lease, &done(0), &[]).await.unwrap();
    house.store.record(&lease, &done(1), &[]).await.unwrap();
    added(&house, "unfinished").await;
    house.pass(LONGER).await;
    let now = house.store.now().await.unwrap();
    assert_eq!(house.store.forget(now).await.unwrap(), 1);
    assert_eq!(house.store.run("over").await.unwrap(), None);
    assert!(house.store.events("over", 0).await.unwrap().is_empty());
    assert!(house.store.run("unfinished").await.unwrap().is_some());
}

async fn many_claim_and_each_run_goes_to_one(house: House) {
    for n in 0..30 {
        added(&house, &format!("run-{n}")).await;
    }
    let claiming = (0..6).map(|worker| {
        let store = house.store.clone();
        tokio::spawn(async move {
            let claim = Claim { ttl: Duration::from_secs(600), ..claim(&format!("w{worker}")) };
            let mut got = Vec::new();
            // PostgreSQL skips rows that others look at, so one look that finds nothing is not yet the end.
            let mut vain = 0;
            while vain < 20 {
                match store.claim(&claim).await.unwrap() {
                    Some((lease, _)) => got.push(lease.run),
                    None => {
                        vain += 1;
                        tokio::task::yield_now().await;
                    }
                }
            }
            got
        })
    });
    let mut all = Vec::new();
    for claiming in claiming.collect::<Vec<_>>() {
        all.extend(claiming.await.unwrap());
    }
    all.sort();
    let mut wanted: Vec<String> = (0..30).map(|n| format!("run-{n}")).collect();
    wanted.sort();
    assert_eq!(all, wanted);
}

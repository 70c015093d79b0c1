//! Workers over a real store: what a step may meet, and workers that come and go.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ops::{Event, Phase, Run, Status, Worker, WorkerSettings};

use crate::house::{House, head, plan};
use crate::kinds::{Trouble, World};

const STEPS: [&str; 3] = ["a", "b", "c"];

struct Shop {
    house: House,
    world: Arc<World>,
}

impl Shop {
    async fn new() -> Shop {
        Shop { house: House::postgres().await, world: World::new() }
    }

    fn worker(&self, owner: &str) -> Worker {
        let settings = WorkerSettings {
            owner: owner.into(),
            place: "here".into(),
            ttl: Duration::from_millis(800),
            look_every: Duration::from_millis(20),
            most: 8,
            most_of: BTreeMap::new(),
        };
        Worker::new(self.house.store.clone(), self.world.registry(&STEPS), settings)
    }

    fn start(&self, owner: &str) -> (Worker, tokio::task::JoinHandle<()>) {
        let worker = self.worker(owner);
        let working = tokio::spawn({
            let worker = worker.clone();
            async move { worker.work().await }
        });
        (worker, working)
    }

    async fn ask(&self, id: &str) {
        let mut head = head(id, plan(&STEPS, 3));
        head.created = self.house.store.now().await.unwrap();
        self.house.store.add(&head, None).await.unwrap();
        self.house.store.ask(id, &Event::Submitted { by: "ada".into() }).await.unwrap();
    }

    async fn until(&self, id: &str, what: impl Fn(&Run) -> bool) -> Run {
        for _ in 0..1000 {
            let run = self.house.store.run(id).await.unwrap().unwrap();
            if what(&run) {
                return run;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("it did not come to it: {:?}", self.house.store.run(id).await.unwrap().unwrap().state);
    }

    async fn over(&self, id: &str) -> Run {
        self.until(id, |run| run.state.status.is_over() || run.state.status == Status::Stuck).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_step_may_meet() {
    let shop = Shop::new().await;
    let (worker, working) = shop.start("w");
    let cases: [(&str, &[Trouble], Status, u32); 8] = [
        ("nothing", &[], Status::Succeeded, 1),
        ("clean", &[Trouble::Clean, Trouble::Clean], Status::Succeeded, 3),
        ("answers", &[Trouble::LostAnswer], Status::Succeeded, 1),
        ("asks", &[Trouble::LostAsk], Status::Succeeded, 2),
        ("half", &[Trouble::Half], Status::Succeeded, 2),
        ("no more than half", &[Trouble::Half; 3], Status::Failed, 1),
        ("panics", &[Trouble::Panics], Status::Failed, 1),
        ("final", &[Trouble::Final], Status::Failed, 1),
    ];
    for (id, trouble, status, attempts) in cases {
        shop.world.meet("b", trouble);
        shop.ask(id).await;
        let run = shop.over(id).await;
        assert_eq!((run.state.status, run.state.steps[1].attempts), (status, attempts), "{id}: {:?}", run.state);
        let things: &[&str] = if status == Status::Succeeded { &STEPS } else { &[] };
        assert_eq!(shop.world.things(id), things, "{id}");
    }
    let lines = shop.house.store.lines("clean", 0, 99).await.unwrap();
    assert_eq!(lines.iter().filter(|line| line.text == "b begins").count(), 3);
    worker.leave();
    working.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelled_it_goes_back_and_an_undo_that_fails_is_for_a_person() {
    let shop = Shop::new().await;
    let (worker, working) = shop.start("w");
    shop.world.meet("c", &[Trouble::Hangs]);
    shop.world.meet("a", &[Trouble::Undo, Trouble::Undo, Trouble::Undo]);
    shop.ask("one").await;
    shop.until("one", |run| run.state.steps[2].phase == Phase::InFlight).await;
    let cancel = Event::CancelAsked { by: "bob".into(), why: "wrong moment".into() };
    worker.told(&shop.house.store.ask("one", &cancel).await.unwrap());
    // Put there by nobody, so its first act finds no trouble: the undos do.
    shop.until("one", |run| run.state.status == Status::Stuck).await;
    assert_eq!(shop.world.things("one"), ["a"]);
    worker.told(&shop.house.store.ask("one", &Event::RetryAsked { by: "bob".into() }).await.unwrap());
    assert_eq!(shop.over("one").await.state.status, Status::Cancelled);
    assert!(shop.world.things("one").is_empty());
    worker.leave();
    working.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_done_is_recorded_when_the_catalog_can_again_and_not_done_twice() {
    let shop = Shop::new().await;
    shop.house.sql(
        "CREATE SEQUENCE failed;
         CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             IF NEW.event LIKE '%\"done\"%\"step\":1%' AND nextval('failed') <= 3 THEN RAISE disk_full; END IF;
             RETURN NEW;
         END $$;
         CREATE TRIGGER fail BEFORE INSERT ON run_event FOR EACH ROW EXECUTE FUNCTION fail()",
    );
    let (worker, working) = shop.start("w");
    shop.ask("one").await;
    let failed = async {
        loop {
            if let Some(why) = worker.trouble() {
                return why;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let why = tokio::time::timeout(Duration::from_secs(20), failed).await.expect("the trouble is told");
    assert!(why.contains("disk_full"), "{why}");
    assert_eq!(shop.over("one").await.state.status, Status::Succeeded);
    assert_eq!(worker.trouble(), None);
    let lines = shop.house.store.lines("one", 0, 99).await.unwrap();
    assert_eq!(lines.iter().filter(|line| line.text == "b begins").count(), 1);
    let events = shop.house.store.events("one", 0).await.unwrap();
    assert!(!events.iter().any(|recorded| recorded.event == Event::Lost), "{events:?}");
    worker.leave();
    working.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_goes_is_followed_by_the_next() {
    let shop = Shop::new().await;
    let (first, working) = shop.start("first");
    shop.world.meet("b", &[Trouble::Hangs]);
    shop.ask("one").await;
    shop.until("one", |run| run.state.steps[1].phase == Phase::InFlight).await;
    first.leave();
    working.await.unwrap();
    let (second, working) = shop.start("second");
    assert_eq!(shop.over("one").await.state.status, Status::Succeeded);
    second.leave();
    working.await.unwrap();
}

/// Workers are cut off in the middle of whatever they do, as by kill -9, and others take over: nothing is lost, nothing done twice.
#[tokio::test(flavor = "multi_thread")]
async fn workers_that_are_cut_off() {
    let shop = Shop::new().await;
    for n in 0..12 {
        shop.ask(&format!("run-{n}")).await;
    }
    shop.world.meet("b", &[Trouble::Deaf, Trouble::LostAnswer, Trouble::Deaf, Trouble::LostAsk]);
    for round in 0..12u64 {
        let (_, working) = shop.start(&format!("w{round}"));
        tokio::time::sleep(Duration::from_millis(5 + round * 13 % 40)).await;
        working.abort();
    }
    let (worker, working) = shop.start("last");
    for n in 0..12 {
        let id = format!("run-{n}");
        let run = shop.over(&id).await;
        assert_eq!(run.state.status, Status::Succeeded, "{:?}", run.state);
        assert_eq!(shop.world.things(&id), STEPS);
        let events = shop.house.store.events(&id, 0).await.unwrap();
        let mut replayed = Run::new(run.head.clone());
        events.iter().for_each(|event| replayed.apply(event.at, &event.event).unwrap());
        assert_eq!(replayed, run);
    }
    assert_eq!(*shop.world.twice.lock().unwrap(), Vec::<String>::new());
    worker.leave();
    working.await.unwrap();
}

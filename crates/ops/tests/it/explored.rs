//! Two workers and one run, in many orders that a scheduler chooses, with a clock that runs at any moment: leases end in the middle of
//! anything. Needs the feature `shuttle`, with which nothing else here can run.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use ops::{Claim, Event, Head, MemoryStore, Next, Run, Status, Store};
use serde_json::Value;
use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::sync::Mutex;
use shuttle::{Config, Runner, future::block_on, thread};

use crate::house::{ManualClock, head, plan};

const TTL: Duration = Duration::from_millis(100);
const ORDERS: usize = 4000;
const SEED: u64 = 20_261_121;

/// What the run does to the world: each step has two parts, and each must be there once. To look and to put are two moments, as they are
/// outside.
#[derive(Default)]
struct World(Mutex<Vec<(usize, usize)>>);

const PARTS: usize = 2;

impl World {
    fn has(&self, step: usize, part: usize) -> bool {
        self.0.lock().unwrap().contains(&(step, part))
    }

    fn put(&self, step: usize, part: usize) {
        self.0.lock().unwrap().push((step, part));
    }

    fn look(&self, step: usize) -> Event {
        match (0..PARTS).filter(|part| self.has(step, *part)).count() {
            0 => Event::NotDone { step },
            PARTS => Event::Done { step, output: Value::Null },
            _ => Event::MaybeDone { step },
        }
    }
}

struct Scene {
    store: MemoryStore,
    clock: Arc<ManualClock>,
    world: World,
    /// Epochs in the order in which they wrote.
    wrote: Mutex<Vec<i64>>,
}

/// A worker that works until the run is over. It stops when its lease is over by its own clock, as the real one does.
fn worker(scene: &Scene, name: &str) {
    block_on(async {
        let claim = Claim { owner: name.into(), place: "here".into(), ttl: TTL, not: vec![] };
        while !over(scene).await {
            let until = scene.store.now().await.unwrap() + jiff::SignedDuration::try_from(TTL).unwrap();
            let Some((lease, mut run)) = scene.store.claim(&claim).await.unwrap() else {
                thread::yield_now();
                continue;
            };
            loop {
                let now = scene.store.now().await.unwrap();
                let event = match run.next(now) {
                    _ if now >= until => break,
                    Next::InFlight { step } => match acted(scene, step, until).await {
                        true => Event::Done { step, output: Value::Null },
                        false => break,
                    },
                    Next::Look { step } => scene.world.look(step),
                    _ => break,
                };
                match scene.store.record(&lease, &event, &[]).await {
                    Ok(next) => run = next,
                    Err(ops::store::Error::Lost { .. }) => break,
                    Err(error) => panic!("{error}"),
                }
                scene.wrote.lock().unwrap().push(lease.epoch);
            }
            scene.store.release(&lease).await.unwrap();
        }
    });
}

/// Part by part; not to its end where the lease is over in between.
async fn acted(scene: &Scene, step: usize, until: Timestamp) -> bool {
    for part in (0..PARTS).filter(|part| !scene.world.has(step, *part)).collect::<Vec<_>>() {
        thread::yield_now();
        if scene.store.now().await.unwrap() >= until {
            return false;
        }
        scene.world.put(step, part);
    }
    true
}

async fn over(scene: &Scene) -> bool {
    scene.store.run("one").await.unwrap().unwrap().state.status.is_over()
}

fn scene() {
    let clock = ManualClock::new();
    let store = MemoryStore::new(clock.clone());
    let scene = Arc::new(Scene { store, clock, world: World::default(), wrote: Mutex::new(vec![]) });
    block_on(async {
        let head = Head { place: None, ..head("one", plan(&["a", "b"], 3)) };
        scene.store.add(&head, None).await.unwrap();
        scene.store.ask("one", &Event::Submitted { by: "ada".into() }).await.unwrap();
    });
    let workers: Vec<_> = ["w1", "w2"]
        .map(|name| {
            let scene = scene.clone();
            thread::spawn(move || worker(&scene, name))
        })
        .into();
    let time = {
        let scene = scene.clone();
        thread::spawn(move || {
            for _ in 0..6 {
                scene.clock.pass(Duration::from_millis(60));
                thread::yield_now();
            }
        })
    };
    time.join().unwrap();
    workers.into_iter().for_each(|worker| worker.join().unwrap());
    block_on(check(&scene));
}

async fn check(scene: &Scene) {
    let run = scene.store.run("one").await.unwrap().unwrap();
    assert_eq!(run.state.status, Status::Succeeded, "{:?}", run.state);
    assert!((0..2).all(|step| (0..PARTS).all(|part| scene.world.has(step, part))));
    let events = scene.store.events("one", 0).await.unwrap();
    let epochs: Vec<i64> = events.iter().map(|event| event.epoch).collect();
    assert!(epochs.is_sorted(), "an old epoch wrote behind a newer one: {epochs:?}");
    let mut replayed = Run::new(run.head.clone());
    events.iter().for_each(|event| replayed.apply(event.at, &event.event).unwrap());
    assert_eq!(replayed, run);
}

fn explore(scheduler: impl Scheduler + 'static) {
    Runner::new(scheduler, Config::default()).run(scene);
}

#[test]
fn leases_that_end_in_the_middle_in_random_orders() {
    explore(RandomScheduler::new_from_seed(SEED, ORDERS));
}

#[test]
fn leases_that_end_in_the_middle_in_rare_orders() {
    explore(PctScheduler::new_from_seed(SEED, 3, ORDERS));
}

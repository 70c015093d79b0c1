//! What `bench/control.py` measures of durable operations: `bench_ops steps CATALOG.db COUNT`, one run of so many empty steps on SQLite.
//! Prints milliseconds a step.
#![allow(
    clippy::print_stdout,
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    reason = "a program for the bench"
)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use jiff::Timestamp;
use ops::{
    Clock, Db, Event, Failure, Head, Kind, Plan, Registry, Retry, SqlStore, Step, StepPlan, Store, Work, Worker,
    WorkerSettings,
};
use serde_json::Value;

#[derive(Debug)]
struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

#[derive(Debug)]
struct Nothing;

#[async_trait]
impl Step for Nothing {
    async fn act(&self, _: &Work) -> Result<Value, Failure> {
        Ok(Value::Null)
    }
}

fn head(id: String, steps: usize, created: Timestamp) -> Head {
    let step = StepPlan {
        name: "do".into(),
        what: "does it".into(),
        undo: None,
        retry: Retry::USUAL,
        about_ms: None,
        timeout_ms: None,
    };
    let plan = Plan { input: Value::Null, steps: vec![step; steps], approvals: 0, waived: false };
    let (kind, asked_by, why) = ("bench".into(), "bench".into(), String::new());
    Head { id, kind, subject: None, lane: None, place: None, asked_by, why, plan, created }
}

fn worker(store: SqlStore, step: Arc<dyn Step>, owner: String, ttl: Duration) -> Worker {
    let registry = Registry::new([Kind { name: "bench", steps: [("do", step)].into_iter().collect() }]);
    let (place, look_every, most, most_of) = (String::new(), Duration::from_millis(100), 32, BTreeMap::new());
    Worker::new(Arc::new(store), registry, WorkerSettings { owner, place, ttl, look_every, most, most_of })
}

async fn steps(path: &Path, count: usize) -> Result<(), Box<dyn std::error::Error>> {
    let store = SqlStore::open(Db::sqlite(path, Arc::new(SystemClock)).await?).await?;
    store.add(&head("one".into(), count, store.now().await?), None).await?;
    let begun = Instant::now();
    store.ask("one", &Event::Submitted { by: "bench".into() }).await?;
    let worker = worker(store.clone(), Arc::new(Nothing), "bench".into(), Duration::from_secs(20));
    let working = tokio::spawn({
        let worker = worker.clone();
        async move { worker.work().await }
    });
    while !store.run("one").await?.is_some_and(|run| run.state.status.is_over()) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    println!("{:.3}", begun.elapsed().as_secs_f64() * 1000.0 / count as f64);
    worker.leave();
    working.await?;
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["steps", path, count] => steps(Path::new(path), count.parse()?).await,
        _ => Err("bench_ops steps CATALOG.db COUNT".into()),
    }
}

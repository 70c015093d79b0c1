//! What `bench/control.py` measures of durable operations.
//!
//! ```text
//!   bench_ops steps CATALOG.db COUNT       one run of so many empty steps on SQLite; prints milliseconds a step
//!   bench_ops submit URL FIRST RUNS STEPS      asks for runs on a PostgreSQL catalog
//!   bench_ops work URL NAME                works until it is killed; each step leaves a row in the table `effect`
//! ```
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
    Clock, Db, Event, Failure, Found, Head, Kind, Plan, Registry, Retry, SqlStore, Step, StepPlan, Store, Work, Worker,
    WorkerSettings,
};
use serde_json::Value;
use sqlx::PgPool;

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

/// Leaves a row, and takes a while for it.
#[derive(Debug)]
struct Effect(PgPool);

impl Effect {
    fn broken(error: &sqlx::Error) -> Failure {
        Failure::clean("RK-0000", error.to_string(), "").retryable().unknown()
    }
}

#[async_trait]
impl Step for Effect {
    async fn act(&self, work: &Work) -> Result<Value, Failure> {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let step = i32::try_from(work.step).unwrap_or_default();
        let put = sqlx::query("INSERT INTO effect (run, step) VALUES ($1, $2)").bind(&work.run.head.id).bind(step);
        put.execute(&self.0).await.map_err(|error| Effect::broken(&error))?;
        tokio::time::sleep(Duration::from_millis(5)).await;
        Ok(Value::Null)
    }

    async fn look(&self, work: &Work) -> Result<Found, Failure> {
        let step = i32::try_from(work.step).unwrap_or_default();
        let count = sqlx::query_scalar("SELECT count(*) FROM effect WHERE run = $1 AND step = $2");
        let count: i64 =
            count.bind(&work.run.head.id).bind(step).fetch_one(&self.0).await.map_err(|e| Effect::broken(&e))?;
        Ok(if count > 0 { Found::Done(Value::Null) } else { Found::NotDone })
    }
}

fn head(id: String, steps: usize, created: Timestamp) -> Head {
    let step = StepPlan {
        name: "do".into(),
        what: "does it".into(),
        undo: None,
        retry: Retry { attempts: 1000, ..Retry::USUAL },
        about_ms: None,
        timeout_ms: None,
    };
    let plan = Plan { input: Value::Null, steps: vec![step; steps], approvals: 0 };
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

async fn shared(url: &str) -> Result<(SqlStore, PgPool), Box<dyn std::error::Error>> {
    let pool = PgPool::connect(url).await?;
    sqlx::query("CREATE TABLE IF NOT EXISTS effect (run text, step int)").execute(&pool).await.ok();
    Ok((SqlStore::open(Db::postgres(url).await?).await?, pool))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["steps", path, count] => steps(Path::new(path), count.parse()?).await,
        ["submit", url, first, runs, count] => {
            let (store, _) = shared(url).await?;
            let first: usize = first.parse()?;
            for number in first..first + runs.parse::<usize>()? {
                let id = format!("run-{number}");
                store.add(&head(id.clone(), count.parse()?, store.now().await?), None).await?;
                store.ask(&id, &Event::Submitted { by: "bench".into() }).await?;
            }
            Ok(())
        }
        ["work", url, name] => {
            let (store, pool) = shared(url).await?;
            worker(store, Arc::new(Effect(pool)), name.to_owned(), Duration::from_secs(5)).work().await;
            Ok(())
        }
        _ => Err("bench_ops steps|submit|work …".into()),
    }
}

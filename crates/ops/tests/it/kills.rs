//! The process is killed at each of its writes to the disk, and started again: whatever it was at, it comes to its end, and nothing is done
//! twice.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use ops::{
    Clock, Db, Event, Failure, Filter, Found, Kind, Registry, Run, SqlStore, Status, Step, Store, Work, Worker,
    WorkerSettings,
};
use serde_json::Value;

use crate::house::{head, plan};

const STEPS: [&str; 3] = ["a", "b", "c"];
const FOLDER: &str = "OPS_KILLED_FOLDER";

#[derive(Debug)]
struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// Its effect is a file, which must not be there before; the second of them fails the first time after it was done.
#[derive(Debug)]
struct MakeFile(PathBuf);

#[async_trait]
impl Step for MakeFile {
    async fn act(&self, _: &Work) -> Result<Value, Failure> {
        let broken = |error: std::io::Error| Failure::clean("RK-0000", error.to_string(), "");
        if !self.0.exists() {
            File::create_new(&self.0).and_then(|file| file.sync_all()).map_err(broken)?;
        }
        Ok(Value::from(self.0.display().to_string()))
    }

    async fn look(&self, _: &Work) -> Result<Found, Failure> {
        Ok(if self.0.exists() { Found::Done(Value::Null) } else { Found::NotDone })
    }

    async fn undo(&self, _: &Work) -> Result<(), Failure> {
        let _ = fs::remove_file(&self.0);
        Ok(())
    }
}

async fn store(folder: &Path) -> SqlStore {
    SqlStore::open(Db::sqlite(&folder.join("catalog.db"), Arc::new(SystemClock)).await.unwrap()).await.unwrap()
}

/// What is killed. Does nothing when the tests are run as they are.
#[tokio::test]
async fn the_killed() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let folder = Path::new(&folder);
    let store = Arc::new(store(folder).await);
    let run = store.add(&head("one", plan(&STEPS, 3)), Some("once")).await.unwrap();
    if run.state.status == Status::Planned {
        store.ask("one", &Event::Submitted { by: "ada".into() }).await.unwrap();
    }
    let make = |name: &&'static str| (*name, Arc::new(MakeFile(folder.join(name))) as Arc<dyn Step>);
    let registry = Registry::new([Kind { name: "build", steps: STEPS.iter().map(make).collect() }]);
    let settings = WorkerSettings {
        owner: format!("process {}", std::process::id()),
        place: "here".into(),
        ttl: Duration::from_millis(300),
        look_every: Duration::from_millis(10),
        most: 1,
        most_of: BTreeMap::new(),
    };
    let worker = Worker::new(store.clone(), registry, settings);
    let working = tokio::spawn({
        let worker = worker.clone();
        async move { worker.work().await }
    });
    while !store.run("one").await.unwrap().unwrap().state.status.is_over() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    worker.leave();
    working.await.unwrap();
}

/// Runs it, killed at its `kill_at`th write to the disk. Returns whether it came to its end before.
fn run_it(folder: &Path, kill_at: Option<u32>) -> bool {
    let me = std::env::current_exe().unwrap();
    let mut command = match kill_at {
        None => Command::new(&me),
        Some(n) => {
            let mut strace = Command::new("strace");
            let inject = format!("inject=fsync,fdatasync:signal=SIGKILL:when={n}");
            strace.args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync,fdatasync", "-e", &inject]).arg(&me);
            strace
        }
    };
    command.args(["--exact", "kills::the_killed"]).env(FOLDER, folder);
    command.output().unwrap().status.success()
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_each_write() {
    let mut kills = 0;
    for kill_at in 1.. {
        let folder = tempfile::tempdir().unwrap();
        let through = run_it(folder.path(), Some(kill_at));
        assert!(run_it(folder.path(), None), "killed at write {kill_at}, it does not come to its end");
        let store = store(folder.path()).await;
        let runs = store.list(&Filter { limit: 9, ..Filter::default() }).await.unwrap();
        let [run] = &runs[..] else { panic!("killed at write {kill_at}: {runs:?}") };
        assert_eq!(run.state.status, Status::Succeeded, "killed at write {kill_at}: {:?}", run.state);
        assert!(STEPS.iter().all(|step| folder.path().join(step).exists()));
        let mut replayed = Run::new(run.head.clone());
        for event in store.events("one", 0).await.unwrap() {
            replayed.apply(event.at, &event.event).unwrap();
        }
        assert_eq!(replayed, *run);
        store.db().close().await;
        if through {
            break;
        }
        kills += 1;
    }
    assert!(kills >= 8, "only {kills} writes were met");
}

//! Stores to test on, and a clock that is put forward by hand.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use ops::{Clock, Head, Plan, Retry, StepPlan, Then};
#[cfg(not(feature = "shuttle"))]
use ops::{MemoryStore, Store};
use serde_json::Value;

#[derive(Debug)]
pub(crate) struct ManualClock(Mutex<Timestamp>);

impl ManualClock {
    pub(crate) fn new() -> Arc<ManualClock> {
        Arc::new(ManualClock(Mutex::new("2026-11-21T03:00:00Z".parse().unwrap())))
    }

    pub(crate) fn pass(&self, time: Duration) {
        let mut now = self.0.lock().unwrap();
        *now = now.checked_add(SignedDuration::try_from(time).unwrap()).unwrap();
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

/// A store, and how time passes for it.
#[cfg(not(feature = "shuttle"))]
pub(crate) struct House {
    pub(crate) store: Arc<dyn Store>,
    clock: Option<Arc<ManualClock>>,
    server: Option<testkit::postgres::Server>,
    _folder: Option<tempfile::TempDir>,
}

#[cfg(not(feature = "shuttle"))]
impl House {
    pub(crate) fn memory() -> House {
        let clock = ManualClock::new();
        House { store: Arc::new(MemoryStore::new(clock.clone())), clock: Some(clock), server: None, _folder: None }
    }

    pub(crate) async fn sqlite() -> House {
        let (clock, folder) = (ManualClock::new(), tempfile::tempdir().unwrap());
        let db = ops::Db::sqlite(&folder.path().join("catalog.db"), clock.clone()).await.unwrap();
        let store = Arc::new(ops::SqlStore::open(db).await.unwrap());
        House { store, clock: Some(clock), server: None, _folder: Some(folder) }
    }

    /// Its clock is the server's.
    pub(crate) async fn postgres() -> House {
        let server = tokio::task::block_in_place(|| testkit::postgres::Server::builder().start());
        let db = ops::Db::postgres(&server.url("postgres")).await.unwrap();
        let store = Arc::new(ops::SqlStore::open(db).await.unwrap());
        House { store, clock: None, server: Some(server), _folder: None }
    }

    /// What an operator of the catalog's server could do to it.
    pub(crate) fn sql(&self, sql: &str) -> String {
        tokio::task::block_in_place(|| self.server.as_ref().unwrap().sql("postgres", sql))
    }

    pub(crate) async fn pass(&self, time: Duration) {
        match &self.clock {
            Some(clock) => clock.pass(time),
            None => tokio::time::sleep(time).await,
        }
    }
}

/// A plan of steps with undos, each tried `attempts` times.
pub(crate) fn plan(steps: &[&str], attempts: u32) -> Plan {
    let step = |name: &&str| StepPlan {
        name: (*name).to_owned(),
        what: format!("does {name}"),
        undo: Some(format!("takes {name} back")),
        retry: Retry { attempts, first_ms: 100, most_ms: 100, then: Then::Unwind },
        about_ms: None,
        timeout_ms: Some(2000),
    };
    Plan { input: Value::Null, steps: steps.iter().map(step).collect(), approvals: 0, waived: false }
}

pub(crate) fn head(id: &str, plan: Plan) -> Head {
    Head {
        id: id.into(),
        kind: "build".into(),
        subject: Some("shop".into()),
        lane: None,
        place: None,
        asked_by: "ada".into(),
        why: "a test".into(),
        plan,
        created: "2026-11-21T03:00:00Z".parse().unwrap(),
    }
}

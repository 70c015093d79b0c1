//! What the tests here share: a new vault in a folder of its own, with the machine's clock and chance or with made-up ones.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;
use vault::backup::write::{BackupWriter, Commit, WriteOptions};
use vault::env::{Clock, Random};
use vault::format::manifest::ManifestHead;
use vault::keys::{Lock, Slot, new_key_file};
use vault::log::write::LogWriter;
use vault::names::{BackupId, SourceName};
use vault::store::{Location, ObjectInfo, SharedStore, Store};
use vault::{Env, Error, Result, Vault};

use crate::tree::MemoryTree;

pub(crate) async fn new_vault() -> (Vault, TempDir) {
    new_vault_with(Env::system()).await
}

pub(crate) async fn new_vault_with(env: Env) -> (Vault, TempDir) {
    let folder = TempDir::new().unwrap();
    let vault = vault_in(folder_store(&folder), &env).await;
    (vault, folder)
}

pub(crate) fn folder_store(folder: &TempDir) -> SharedStore {
    let location: Location = folder.path().join("vault").to_str().unwrap().parse().unwrap();
    vault::store::open(&location).unwrap()
}

pub(crate) async fn vault_in(store: SharedStore, env: &Env) -> Vault {
    let key = new_key_file(env);
    let vault =
        Vault::create(store, env, |data_key, id| Ok(vec![Slot::seal(Lock::KeyFile(&key), data_key, id, "test", env)?]));
    vault.await.unwrap()
}

/// A clock that stands still until it is moved.
#[derive(Debug)]
pub(crate) struct FakeClock(Mutex<Timestamp>);

impl FakeClock {
    pub(crate) fn advance(&self, by: SignedDuration) {
        let mut now = self.0.lock().unwrap();
        *now += by;
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

/// The same bytes in every run.
#[derive(Debug, Default)]
struct FakeRandom(AtomicU64);

impl Random for FakeRandom {
    fn fill(&self, bytes: &mut [u8]) {
        let number = self.0.fetch_add(1, Ordering::SeqCst);
        let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(0x1234_5678_9abc_def1);
        for byte in bytes {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            *byte = (state >> 32) as u8;
        }
    }
}

/// Time stands at 2026-11-21 03:45 UTC, and chance is the same in every run.
pub(crate) fn fake_env() -> (Env, Arc<FakeClock>) {
    let clock = Arc::new(FakeClock(Mutex::new("2026-11-21T03:45:00Z".parse().unwrap())));
    (Env { clock: clock.clone(), random: Arc::new(FakeRandom::default()) }, clock)
}

pub(crate) fn shop() -> SourceName {
    "shop".parse().unwrap()
}

/// Backs a tree up with one worker, needing the log from `log.0` to `log.1`.
pub(crate) async fn store(
    vault: &Vault,
    tree: &MemoryTree,
    parent: Option<BackupId>,
    log: (u64, u64),
) -> (BackupId, ManifestHead) {
    let options = WriteOptions { workers: 1, ..WriteOptions::default() };
    let mut writer = BackupWriter::begin(vault, shop(), parent, options, Arc::default()).await.unwrap();
    let tree = tree.clone();
    let tail = MemoryTree::default();
    tail.set("global/pg_control", vec![7; 8192]);
    let stored = tokio::task::spawn_blocking(move || {
        writer.store_tree(&tree).unwrap();
        writer.store_tail(&tail).unwrap();
        writer
    });
    let writer = stored.await.unwrap();
    let id = writer.id().clone();
    (id, writer.commit(commit(vault, log)).await.unwrap())
}

pub(crate) fn commit(vault: &Vault, log: (u64, u64)) -> Commit {
    Commit {
        label: None,
        rule: None,
        operation: None,
        ended: vault.env().now(),
        timeline: 1,
        log_from: log.0,
        log_to: log.1,
        engine: "test".into(),
        engine_info: serde_json::json!({}),
    }
}

/// Receives log up to `to` in parts of `step`, with folds of `fold` bytes.
pub(crate) async fn receive(vault: &Vault, to: u64, step: u64, fold: u64) {
    let mut writer = LogWriter::resume(vault, &shop(), 1, Some(0), fold).await.unwrap();
    while writer.durable() < to {
        let from = writer.received();
        let bytes: Vec<u8> =
            (from..(from + step).min(to)).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        writer.push(from, &bytes).unwrap();
        while let Some(part) = writer.take_part(None) {
            let durable = part.put().await.unwrap();
            if let Some(fold) = writer.durable_now(durable) {
                fold.put().await.unwrap();
            }
        }
    }
}

/// A store whose clock is the fake one, and that can be told to keep everything, as under object lock.
#[derive(Debug)]
pub(crate) struct ClockedStore {
    inner: SharedStore,
    clock: Arc<FakeClock>,
    put: Arc<Mutex<HashMap<String, Timestamp>>>,
    pub(crate) locked: AtomicBool,
}

impl ClockedStore {
    pub(crate) fn new(inner: SharedStore, clock: Arc<FakeClock>) -> ClockedStore {
        ClockedStore { inner, clock, put: Arc::default(), locked: AtomicBool::new(false) }
    }
}

#[async_trait::async_trait]
impl Store for ClockedStore {
    fn location(&self) -> &str {
        self.inner.location()
    }

    async fn put_new(&self, name: &str, bytes: Bytes) -> Result<()> {
        // Before it can be listed.
        self.put.lock().unwrap().entry(name.to_owned()).or_insert_with(|| self.clock.now());
        self.inner.put_new(name, bytes).await
    }

    async fn get(&self, name: &str) -> Result<Bytes> {
        self.inner.get(name).await
    }

    async fn get_range(&self, name: &str, range: Range<u64>) -> Result<Bytes> {
        self.inner.get_range(name, range).await
    }

    async fn size(&self, name: &str) -> Result<u64> {
        self.inner.size(name).await
    }

    fn list(&self, prefix: &str) -> BoxStream<'static, Result<ObjectInfo>> {
        self.list_after(prefix, "")
    }

    fn list_after(&self, prefix: &str, after: &str) -> BoxStream<'static, Result<ObjectInfo>> {
        let put = self.put.clone();
        let dated = move |object: ObjectInfo| {
            let modified = put.lock().unwrap().get(&object.name).copied().unwrap_or(object.modified);
            ObjectInfo { modified, ..object }
        };
        self.inner.list_after(prefix, after).map_ok(dated).boxed()
    }

    async fn delete(&self, name: &str) -> Result<()> {
        match self.locked.load(Ordering::SeqCst) {
            true => Err(Error::Store {
                action: "deleting",
                object: name.into(),
                source: "under lock".into(),
                permanent: true,
            }),
            false => self.inner.delete(name).await,
        }
    }
}

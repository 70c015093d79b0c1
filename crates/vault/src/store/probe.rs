//! Asks a store what it can really do before a vault trusts it: no store's word is taken, each ability is tried. Objects it
//! makes live under `probe/<random id>/` and are removed. Must not know what a vault keeps.

use bytes::Bytes;
use futures::TryStreamExt;
use futures::future::{self, BoxFuture};

use super::SharedStore;
use super::conformance::hex;
use crate::env::Env;
use crate::error::{Error, Result};

/// Races run one after another: a check-then-write store loses some of them, seldom all.
const ROUNDS: usize = 6;
const RACERS: usize = 4;
const SIZE: usize = 64 * 1024;

/// What a store was seen to do. `probe` refuses a store that lacks any but `delete`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// Of racing writers exactly one wins, and its bytes stay.
    pub conditional_put: bool,
    /// What was read is what was written.
    pub read_back: bool,
    /// Ranges come exactly.
    pub range_read: bool,
    /// A listing shows what was just put.
    pub list_after_write: bool,
    /// May be denied on purpose (a writer without the right to delete, object lock): expiry then cannot run here.
    pub delete: bool,
}

/// Tries the store. `Error::StoreUnsafe` when a vault there could lose data; the store's own error when it does not answer.
pub async fn probe(store: &SharedStore, env: &Env) -> Result<Capabilities> {
    let probe = Probe { store, top: format!("probe/{}", hex(&env.random::<16>())), env };
    let found = probe.run().await;
    let deleted = probe.remove_all().await;
    let capabilities = Capabilities { delete: deleted, ..found? };
    judge(store.location(), capabilities)
}

struct Probe<'a> {
    store: &'a SharedStore,
    top: String,
    env: &'a Env,
}

impl Probe<'_> {
    async fn run(&self) -> Result<Capabilities> {
        let bytes = self.random_bytes();
        let name = self.name("whole");
        self.store.put_new(&name, bytes.clone()).await?;
        let again = self.store.put_new(&name, self.random_bytes()).await;
        let (from, to) = (SIZE / 3, SIZE / 2);
        let range = self.store.get_range(&name, from as u64..to as u64).await;
        Ok(Capabilities {
            read_back: self.store.get(&name).await? == bytes && self.store.size(&name).await? == SIZE as u64,
            range_read: range.is_ok_and(|range| range == bytes.slice(from..to)),
            conditional_put: matches!(again, Err(Error::Exists(_))) && self.races().await?,
            list_after_write: self.lists().await?,
            delete: false,
        })
    }

    async fn races(&self) -> Result<bool> {
        for round in 0..ROUNDS {
            if !self.race(&self.name(&format!("race/{round}"))).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn race(&self, name: &str) -> Result<bool> {
        let bytes: Vec<Bytes> = (0..RACERS).map(|_| self.random_bytes()).collect();
        let puts: Vec<BoxFuture<'_, Result<()>>> =
            bytes.iter().map(|bytes| self.store.put_new(name, bytes.clone())).collect();
        let mut winners = Vec::new();
        for (result, bytes) in future::join_all(puts).await.into_iter().zip(&bytes) {
            match result {
                Ok(()) => winners.push(bytes),
                Err(Error::Exists(_)) => {}
                Err(error) => return Err(error),
            }
        }
        match winners[..] {
            [winner] => Ok(self.store.get(name).await? == *winner),
            _ => Ok(false),
        }
    }

    async fn lists(&self) -> Result<bool> {
        let prefix = self.name("list/");
        let mut expected = Vec::new();
        for round in 0..ROUNDS {
            let name = format!("{prefix}{round}");
            self.store.put_new(&name, Bytes::from_static(b"listed")).await?;
            expected.push(name);
            let listed: Vec<_> = self.store.list(&prefix).map_ok(|info| info.name).try_collect().await?;
            if listed != expected {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether all is gone, and seen to be gone.
    async fn remove_all(&self) -> bool {
        let top = self.name("");
        let Ok(infos) = self.store.list(&top).try_collect::<Vec<_>>().await else { return false };
        for info in infos {
            if self.store.delete(&info.name).await.is_err() {
                return false;
            }
        }
        self.store.list(&top).try_collect::<Vec<_>>().await.is_ok_and(|left| left.is_empty())
    }

    fn name(&self, rest: &str) -> String {
        format!("{}/{rest}", self.top)
    }

    fn random_bytes(&self) -> Bytes {
        let mut bytes = vec![0; SIZE];
        self.env.random.fill(&mut bytes);
        bytes.into()
    }
}

fn judge(location: &str, found: Capabilities) -> Result<Capabilities> {
    let needs = [
        (found.conditional_put, "two writers can both create the same object"),
        (found.read_back, "what is read is not what was written"),
        (found.range_read, "parts of an object cannot be read exactly"),
        (found.list_after_write, "a listing does not show what was just written"),
    ];
    let lacks: Vec<_> = needs.iter().filter(|(has, _)| !has).map(|(_, lack)| *lack).collect();
    if lacks.is_empty() {
        return Ok(found);
    }
    let hint = match found.conditional_put {
        false => "use a local file system or a store that honours If-None-Match on PUT",
        true => "use a store with strong read-after-write consistency, without a cache in between",
    };
    Err(Error::StoreUnsafe { store: location.into(), lacks: lacks.join("; "), hint: hint.into() })
}

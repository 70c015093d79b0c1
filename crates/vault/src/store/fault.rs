//! A store that fails on purpose, wrapped round a good one. Faults are chosen by operation, name and seed, never by timing: the
//! nth call of one operation on one name fares the same in every run with that seed. Must not know what the objects mean.
//!
//! Fault model: answers get lost, are late or cut short; bytes rot; a delete is acknowledged and not done; a listing is stale;
//! the process dies between two operations. What is *not* modelled: a store that loses an object it acknowledged.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};

use super::{ObjectInfo, SharedStore, Store};
use crate::error::{Error, Result};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operation {
    Put,
    Get,
    GetRange,
    Size,
    List,
    Delete,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fault {
    /// Fails without having done anything.
    ErrorBefore,
    /// Does it, then fails as if the answer were lost.
    TimeoutAfter,
    /// Does it, late.
    Slow(Duration),
    /// A read that gives only the first part.
    Truncated,
    /// A read with one bit turned over.
    Flipped,
    /// A delete that says it is done and is not.
    NotDeleted,
    /// A listing without the object put last.
    MissesNewest,
}

/// When a fault happens.
#[derive(Debug, Clone)]
pub struct Rule {
    pub fault: Fault,
    /// `None`: every operation the fault makes sense for.
    pub operation: Option<Operation>,
    /// Of the object's name or the listing's prefix; `*` stands for any run of characters.
    pub pattern: String,
    /// Of 1000 calls that match, how many it hits.
    pub per_mille: u32,
    /// No more than so many times in all.
    pub at_most: u64,
}

impl Rule {
    /// Hits every matching call.
    pub fn always(fault: Fault, pattern: &str) -> Rule {
        Rule { fault, operation: None, pattern: pattern.into(), per_mille: 1000, at_most: u64::MAX }
    }

    pub fn on(self, operation: Operation) -> Rule {
        Rule { operation: Some(operation), ..self }
    }

    pub fn per_mille(self, per_mille: u32) -> Rule {
        Rule { per_mille, ..self }
    }

    pub fn at_most(self, at_most: u64) -> Rule {
        Rule { at_most, ..self }
    }

    fn matches(&self, operation: Operation, name: &str) -> bool {
        self.operation.is_none_or(|only| only == operation)
            && self.fault.makes_sense_for(operation)
            && glob(self.pattern.as_bytes(), name.as_bytes())
    }
}

impl Fault {
    fn makes_sense_for(self, operation: Operation) -> bool {
        match self {
            Fault::ErrorBefore | Fault::Slow(_) => true,
            Fault::TimeoutAfter => matches!(operation, Operation::Put | Operation::Delete),
            Fault::Truncated | Fault::Flipped => matches!(operation, Operation::Get | Operation::GetRange),
            Fault::NotDeleted => operation == Operation::Delete,
            Fault::MissesNewest => operation == Operation::List,
        }
    }
}

/// Cheap to clone; clones share counts and death.
#[derive(Clone)]
pub struct FaultStore {
    inner: SharedStore,
    seed: u64,
    plan: Arc<[Rule]>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    calls: HashMap<(Operation, String), u64>,
    operations: u64,
    bytes_read: u64,
    /// Operations that still succeed before everything fails.
    alive_for: Option<u64>,
    hits: Vec<u64>,
    newest: Option<String>,
}

impl fmt::Debug for FaultStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FaultStore(seed {}, {:?})", self.seed, self.inner)
    }
}

impl FaultStore {
    pub fn new(inner: SharedStore, seed: u64, plan: Vec<Rule>) -> FaultStore {
        let state = State { hits: vec![0; plan.len()], ..State::default() };
        FaultStore { inner, seed, plan: plan.into(), state: Arc::new(Mutex::new(state)) }
    }

    /// Lets `operations` more through, then fails every one, as for a dead process. `None` revives it.
    pub fn kill_after(&self, operations: impl Into<Option<u64>>) {
        self.lock().alive_for = operations.into();
    }

    /// Operations asked for so far, also those that failed. A listing counts when its first entry is asked for.
    pub fn operations(&self) -> u64 {
        self.lock().operations
    }

    /// Bytes that reads have given so far.
    pub fn bytes_read(&self) -> u64 {
        self.lock().bytes_read
    }

    /// How often each fault was done.
    pub fn counts(&self) -> BTreeMap<Fault, u64> {
        let mut counts = BTreeMap::new();
        for (rule, hits) in self.plan.iter().zip(&self.lock().hits).filter(|(_, hits)| **hits > 0) {
            *counts.entry(rule.fault).or_default() += hits;
        }
        counts
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts the operation, delays it, or fails it. Gives the faults left to do.
    async fn begin(&self, operation: Operation, name: &str) -> Result<Vec<Fault>> {
        let faults = self.choose(operation, name)?;
        for fault in &faults {
            match fault {
                Fault::Slow(delay) => tokio::time::sleep(*delay).await,
                Fault::ErrorBefore => return Err(self.failure(operation, name, "connection refused", false)),
                _ => {}
            }
        }
        Ok(faults)
    }

    fn choose(&self, operation: Operation, name: &str) -> Result<Vec<Fault>> {
        let mut state = self.lock();
        state.operations += 1;
        match &mut state.alive_for {
            Some(0) => return Err(self.failure(operation, name, "the process is dead", true)),
            Some(left) => *left -= 1,
            None => {}
        }
        let call = state.calls.entry((operation, name.to_owned())).or_default();
        *call += 1;
        let call = *call;
        let mut faults = Vec::new();
        for (at, rule) in self.plan.iter().enumerate() {
            let hit = rule.matches(operation, name)
                && state.hits[at] < rule.at_most
                && self.dice(at, operation, name, call) % 1000 < u64::from(rule.per_mille);
            if hit {
                state.hits[at] += 1;
                faults.push(rule.fault);
            }
        }
        Ok(faults)
    }

    /// A number that depends on nothing but its arguments and the seed.
    fn dice(&self, rule: usize, operation: Operation, name: &str, call: u64) -> u64 {
        let text = format!("{} {rule} {operation:?} {call} {name}", self.seed);
        let hash = blake3::hash(text.as_bytes());
        hash.as_bytes()[..8].iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
    }

    fn failure(&self, operation: Operation, name: &str, what: &str, permanent: bool) -> Error {
        let action = match operation {
            Operation::Put => "putting",
            Operation::Get | Operation::GetRange => "reading",
            Operation::Size => "measuring",
            Operation::List => "listing",
            Operation::Delete => "deleting",
        };
        let source = format!("{what} (injected, seed {})", self.seed).into();
        Error::Store { action, object: name.into(), source, permanent }
    }

    fn read(&self, name: &str, bytes: Bytes, faults: &[Fault]) -> Bytes {
        self.lock().bytes_read += bytes.len() as u64;
        self.spoil(name, bytes, faults)
    }

    fn spoil(&self, name: &str, bytes: Bytes, faults: &[Fault]) -> Bytes {
        faults.iter().fold(bytes, |bytes, fault| match fault {
            Fault::Truncated => bytes.slice(..bytes.len() / 2),
            Fault::Flipped if !bytes.is_empty() => {
                let mut spoilt = bytes.to_vec();
                let bit = self.dice(0, Operation::Get, name, bytes.len() as u64) % (bytes.len() as u64 * 8);
                spoilt[usize::try_from(bit / 8).unwrap_or(0)] ^= 1 << (bit % 8);
                spoilt.into()
            }
            _ => bytes,
        })
    }

    async fn list_begin(self, prefix: String, after: String) -> Result<BoxStream<'static, Result<ObjectInfo>>> {
        let faults = self.begin(Operation::List, &prefix).await?;
        let hidden = self.lock().newest.clone().filter(|_| faults.contains(&Fault::MissesNewest));
        let listed = self.inner.list_after(&prefix, &after);
        let visible = move |info: &ObjectInfo| futures::future::ready(Some(&info.name) != hidden.as_ref());
        Ok(listed.try_filter(visible).boxed())
    }
}

#[async_trait]
impl Store for FaultStore {
    fn location(&self) -> &str {
        self.inner.location()
    }

    fn is_local(&self) -> bool {
        self.inner.is_local()
    }

    async fn put_new(&self, name: &str, bytes: Bytes) -> Result<()> {
        let faults = self.begin(Operation::Put, name).await?;
        self.inner.put_new(name, bytes).await?;
        self.lock().newest = Some(name.to_owned());
        match faults.contains(&Fault::TimeoutAfter) {
            true => Err(self.failure(Operation::Put, name, "timed out", false)),
            false => Ok(()),
        }
    }

    async fn get(&self, name: &str) -> Result<Bytes> {
        let faults = self.begin(Operation::Get, name).await?;
        Ok(self.read(name, self.inner.get(name).await?, &faults))
    }

    async fn get_range(&self, name: &str, range: Range<u64>) -> Result<Bytes> {
        let faults = self.begin(Operation::GetRange, name).await?;
        Ok(self.read(name, self.inner.get_range(name, range).await?, &faults))
    }

    async fn size(&self, name: &str) -> Result<u64> {
        self.begin(Operation::Size, name).await?;
        self.inner.size(name).await
    }

    fn list(&self, prefix: &str) -> BoxStream<'static, Result<ObjectInfo>> {
        self.list_after(prefix, "")
    }

    fn list_after(&self, prefix: &str, after: &str) -> BoxStream<'static, Result<ObjectInfo>> {
        stream::once(self.clone().list_begin(prefix.to_owned(), after.to_owned())).try_flatten().boxed()
    }

    async fn delete(&self, name: &str) -> Result<()> {
        let faults = self.begin(Operation::Delete, name).await?;
        if !faults.contains(&Fault::NotDeleted) {
            self.inner.delete(name).await?;
        }
        match faults.contains(&Fault::TimeoutAfter) {
            true => Err(self.failure(Operation::Delete, name, "timed out", false)),
            false => Ok(()),
        }
    }

    async fn forget(&self, name: &str, range: Range<u64>) -> bool {
        self.inner.forget(name, range).await
    }
}

/// Whether all of `text` matches, `*` standing for any run of bytes.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some((b'*', rest)) => (0..=text.len()).any(|at| glob(rest, &text[at..])),
        Some((byte, rest)) => text.split_first().is_some_and(|(first, text)| first == byte && glob(rest, text)),
    }
}

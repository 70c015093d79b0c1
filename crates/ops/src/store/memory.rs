//! The store in memory, for tests and simulations: nothing is durable. It keeps the same promises otherwise, by the same functions, and
//! passes the same suite.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use super::{Claim, Error, Filter, Lease, Recorded, Result, Said, Store, due, go_on, take_over};
use crate::db::{Clock, in_micros};
use crate::moves::Event;
use crate::run::{Head, Run};
use crate::step::Line;
use crate::sync::{Mutex, MutexGuard};

#[derive(Debug)]
pub struct MemoryStore {
    clock: Arc<dyn Clock>,
    rows: Mutex<BTreeMap<String, Row>>,
}

#[derive(Debug)]
struct Row {
    run: Run,
    key: Option<String>,
    due: Option<Timestamp>,
    lease: Option<Timestamp>,
    epoch: i64,
    events: Vec<Recorded>,
    lines: Vec<Said>,
}

impl Row {
    fn put(&mut self, now: Timestamp, run: Run, events: Vec<Event>) {
        for event in events {
            self.events.push(Recorded { n: self.events.len() as u64 + 1, at: now, epoch: self.epoch, event });
        }
        self.due = due(&run, now);
        self.run = run;
    }

    fn say(&mut self, now: Timestamp, lines: &[Line]) {
        for line in lines {
            let (level, text) = (line.level.name().to_owned(), line.text.clone());
            self.lines.push(Said { n: self.lines.len() as u64 + 1, at: now, step: line.step, level, text });
        }
    }
}

impl MemoryStore {
    pub fn new(clock: Arc<dyn Clock>) -> MemoryStore {
        MemoryStore { clock, rows: Mutex::new(BTreeMap::new()) }
    }

    fn time(&self) -> Timestamp {
        in_micros(self.clock.now())
    }

    fn rows(&self) -> MutexGuard<'_, BTreeMap<String, Row>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn until(&self, ttl: Duration) -> Timestamp {
        let ttl = SignedDuration::try_from(ttl).unwrap_or(SignedDuration::MAX);
        self.time().checked_add(ttl).unwrap_or(Timestamp::MAX)
    }
}

fn mine<'a>(rows: &'a mut BTreeMap<String, Row>, lease: &Lease) -> Result<&'a mut Row> {
    let row = rows.get_mut(&lease.run).filter(|row| row.epoch == lease.epoch && row.lease.is_some());
    row.ok_or_else(|| Error::Lost { run: lease.run.clone(), epoch: lease.epoch })
}

#[async_trait]
impl Store for MemoryStore {
    async fn now(&self) -> Result<Timestamp> {
        Ok(self.time())
    }

    async fn add(&self, head: &Head, key: Option<&str>) -> Result<Run> {
        let mut rows = self.rows();
        let keyed = rows.values().find(|row| key.is_some() && row.key.as_deref() == key);
        if let Some(row) = keyed {
            return Ok(row.run.clone());
        }
        let same = |row: &&Row| row.run.head.lane == head.lane && !row.run.state.status.is_over();
        if let Some(other) = rows.values().find(|row| head.lane.is_some() && same(row)) {
            return Err(Error::Busy(other.run.head.id.clone()));
        }
        let (run, key) = (Run::new(head.clone()), key.map(str::to_owned));
        let row = Row { run: run.clone(), key, due: None, lease: None, epoch: 0, events: vec![], lines: vec![] };
        rows.insert(head.id.clone(), row);
        Ok(run)
    }

    async fn ask(&self, run: &str, event: &Event) -> Result<Run> {
        let (now, mut rows) = (self.time(), self.rows());
        let row = rows.get_mut(run).ok_or_else(|| Error::Unknown(run.to_owned()))?;
        let mut asked = row.run.clone();
        asked.apply(now, event)?;
        row.put(now, asked.clone(), vec![event.clone()]);
        Ok(asked)
    }

    async fn claim(&self, claim: &Claim) -> Result<Option<(Lease, Run)>> {
        let (now, until, mut rows) = (self.time(), self.until(claim.ttl), self.rows());
        let wanted = |row: &&mut Row| {
            let head = &row.run.head;
            row.due.is_some_and(|due| due <= now)
                && row.lease.is_none_or(|lease| lease < now)
                && head.place.as_ref().is_none_or(|place| *place == claim.place)
                && !claim.not.contains(&head.kind)
        };
        let Some(row) = rows.values_mut().filter(wanted).min_by_key(|row| row.due) else { return Ok(None) };
        let mut run = row.run.clone();
        let events = take_over(&mut run, now)?;
        (row.epoch, row.lease) = (row.epoch + 1, Some(until));
        row.put(now, run.clone(), events);
        Ok(Some((Lease { run: run.head.id.clone(), epoch: row.epoch }, run)))
    }

    async fn renew(&self, leases: &[Lease], ttl: Duration) -> Result<Vec<Lease>> {
        let (until, mut rows) = (self.until(ttl), self.rows());
        let mut lost = Vec::new();
        for lease in leases {
            match mine(&mut rows, lease) {
                Ok(row) => row.lease = Some(until),
                Err(_) => lost.push(lease.clone()),
            }
        }
        Ok(lost)
    }

    async fn record(&self, lease: &Lease, event: &Event, lines: &[Line]) -> Result<Run> {
        let (now, mut rows) = (self.time(), self.rows());
        let row = mine(&mut rows, lease)?;
        let mut run = row.run.clone();
        let events = go_on(&mut run, now, event)?;
        row.say(now, lines);
        row.put(now, run.clone(), events);
        Ok(run)
    }

    async fn say(&self, lease: &Lease, lines: &[Line]) -> Result<()> {
        let (now, mut rows) = (self.time(), self.rows());
        mine(&mut rows, lease)?.say(now, lines);
        Ok(())
    }

    async fn release(&self, lease: &Lease) -> Result<()> {
        if let Ok(row) = mine(&mut self.rows(), lease) {
            row.lease = None;
        }
        Ok(())
    }

    async fn run(&self, id: &str) -> Result<Option<Run>> {
        Ok(self.rows().get(id).map(|row| row.run.clone()))
    }

    async fn list(&self, filter: &Filter) -> Result<Vec<Run>> {
        let fits = |row: &&Row| {
            let (head, state) = (&row.run.head, &row.run.state);
            filter.kind.as_ref().is_none_or(|kind| *kind == head.kind)
                && filter.subject.as_ref().is_none_or(|subject| head.subject.as_ref() == Some(subject))
                && filter.status.is_none_or(|status| status == state.status)
                && !(filter.unfinished && state.status.is_over())
                && filter.before.as_ref().is_none_or(|before| (head.created, head.id.clone()) < *before)
        };
        let mut runs: Vec<Run> = self.rows().values().filter(fits).map(|row| row.run.clone()).collect();
        runs.sort_by_key(|run| std::cmp::Reverse((run.head.created, run.head.id.clone())));
        runs.truncate(filter.limit.max(1) as usize);
        Ok(runs)
    }

    async fn events(&self, run: &str, after: u64) -> Result<Vec<Recorded>> {
        let rows = self.rows();
        let events = rows.get(run).map_or(&[][..], |row| &row.events);
        Ok(events.iter().filter(|event| event.n > after).cloned().collect())
    }

    async fn lines(&self, run: &str, after: u64, limit: u32) -> Result<Vec<Said>> {
        let rows = self.rows();
        let lines = rows.get(run).map_or(&[][..], |row| &row.lines);
        Ok(lines.iter().filter(|line| line.n > after).take(limit as usize).cloned().collect())
    }

    async fn forget(&self, ended_before: Timestamp) -> Result<u64> {
        let mut rows = self.rows();
        let before = rows.len();
        rows.retain(|_, row| row.run.state.ended.is_none_or(|ended| ended >= ended_before));
        Ok((before - rows.len()) as u64)
    }
}

//! Log fetched ahead into files beside the data directory's own, from where the recovering server takes them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use vault::log::read::LogIndex;
use vault::names::LogRange;

use super::lock;
use crate::error::{Error, Result};
use crate::postgres::lineage::Lineage;
use crate::postgres::lsn::{Lsn, Timeline};
use crate::postgres::owner::User;
use crate::postgres::wal::names::{Segment, parse_history_file_name};

/// Names of spooled files begin so, in the restored directory.
pub(super) const SPOOL: &str = "rekindle.spool.";
/// A file in the making has this name and gets its own when it is whole.
const SPOOL_PART: &str = "rekindle.spool-part.";
/// Segments opened side by side, each in memory.
const AT_A_TIME: usize = 2;
/// How often it is looked which files the server has moved away.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What is to be fetched, and where to.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) lineage: Lineage,
    pub(super) segment_bytes: u64,
    /// Log behind this is not needed.
    pub(super) end: Lsn,
    /// Log fetched ahead of the file asked for; it lies on disk.
    pub(super) ahead_bytes: u64,
    pub(super) into: PathBuf,
    pub(super) owner: Option<User>,
}

#[derive(Debug)]
pub(super) struct Spool {
    index: LogIndex,
    order: Order,
    turns: Arc<Semaphore>,
    /// Memory of segments that are written: fresh memory costs as much time as opening a segment.
    buffers: Mutex<Vec<Vec<u8>>>,
    ahead: tokio::sync::Mutex<BTreeMap<Segment, JoinHandle<Result<bool>>>>,
    /// Put into the spool, and not yet seen to be gone from it.
    lying: Mutex<BTreeSet<Segment>>,
    /// Segments that were begun to be written.
    written: AtomicU64,
}

/// Goes on fetching as the server takes files out of the spool.
pub(super) async fn top_up(spool: Arc<Spool>) {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let gone = lock(&spool.lying).iter().rfind(|segment| !spool.path(SPOOL, **segment).exists()).copied();
        let Some(newest) = gone else { continue };
        lock(&spool.lying).retain(|segment| *segment > newest);
        spool.ahead.lock().await.retain(|segment, task| *segment > newest || !task.is_finished());
        spool.fetch_ahead(newest.next()).await;
    }
}

impl Spool {
    /// Begins with an empty spool, also where a restore was killed before.
    pub(super) fn new(index: LogIndex, order: Order) -> Arc<Spool> {
        remove_files(&order.into);
        let (turns, buffers) = (Arc::new(Semaphore::new(AT_A_TIME)), Mutex::default());
        Arc::new(Spool {
            index,
            order,
            turns,
            buffers,
            ahead: Default::default(),
            lying: Mutex::default(),
            written: AtomicU64::new(0),
        })
    }

    /// Timelines on the way to the target whose history files the vault has.
    pub(super) fn histories(&self) -> Vec<Timeline> {
        self.index.histories().filter(|timeline| self.order.lineage.contains(*timeline)).collect()
    }

    /// Puts a file where the server wants it, below `into`; false when the vault has none of that name.
    pub(super) async fn deliver(self: &Arc<Spool>, name: &str, dest: &Path) -> Result<bool> {
        let dest = self.order.into.join(dest);
        if let Some(timeline) = parse_history_file_name(name) {
            if !self.index.has_history(timeline)
                || !self.order.lineage.contains(timeline) && timeline <= self.order.lineage.timeline()
            {
                return Ok(false);
            }
            let content = self.index.history(timeline).await?;
            return self.write(&dest, &content).map(|()| true);
        }
        let Some(segment) = Segment::parse(name, self.order.segment_bytes) else { return Ok(false) };
        let task = self.take_ahead(segment).await;
        let mut found = task.await.map_err(|e| vault::Error::Internal(e.to_string()))??;
        let spooled = self.path(SPOOL, segment);
        if found && !spooled.exists() {
            // The server took it before and wants it again.
            found = self.clone().fetch(segment).await?;
        }
        if found {
            std::fs::rename(&spooled, &dest).map_err(|e| Error::file("place", &dest, e))?;
        }
        Ok(found)
    }

    /// Begins to fetch `first` and what follows, as far as is wanted and not on its way already.
    pub(super) async fn fetch_ahead(self: &Arc<Spool>, first: Segment) {
        let mut ahead = self.ahead.lock().await;
        let mut segment = first;
        for _ in 0..=self.order.ahead_bytes / self.order.segment_bytes {
            if segment.start(self.order.segment_bytes) < self.order.end {
                ahead.entry(segment).or_insert_with(|| tokio::spawn(self.clone().fetch(segment)));
            }
            segment = segment.next();
        }
    }

    /// Ends all fetching, waits for what is being written, and empties the spool.
    pub(super) async fn close(&self) {
        std::mem::take(&mut *self.ahead.lock().await).values().for_each(JoinHandle::abort);
        // A write that has begun cannot be stopped, and holds its turn.
        let _all = self.turns.acquire_many(AT_A_TIME as u32).await;
        self.turns.close();
        remove_files(&self.order.into);
    }

    async fn take_ahead(self: &Arc<Spool>, segment: Segment) -> JoinHandle<Result<bool>> {
        let task = self.ahead.lock().await.remove(&segment);
        let task = task.unwrap_or_else(|| tokio::spawn(self.clone().fetch(segment)));
        self.fetch_ahead(segment.next()).await;
        task
    }

    /// Writes a segment into the spool: whole, or filled up with zeroes where the log needed ends in it.
    async fn fetch(self: Arc<Spool>, segment: Segment) -> Result<bool> {
        let (start, end) = (segment.start(self.order.segment_bytes), segment.end(self.order.segment_bytes));
        let stretches = self.index.stretches(segment.timeline);
        let Some(stretch) = stretches.iter().find(|stretch| stretch.from <= start.0 && start.0 < stretch.to) else {
            return Ok(false);
        };
        let range = LogRange { timeline: segment.timeline, from: start.0, to: end.0.min(stretch.to) };
        let turn = self.turns.clone().acquire_owned().await.map_err(|e| vault::Error::Internal(e.to_string()))?;
        let mut bytes = lock(&self.buffers).pop().unwrap_or_default();
        self.index.read_into(range, &mut bytes).await?;
        bytes.resize(self.order.segment_bytes as usize, 0);
        let written = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            // What the server asks for and what is fetched ahead may be the same segment: each is written by itself.
            let part = self.path(&format!("{SPOOL_PART}{}.", self.written.fetch_add(1, Ordering::Relaxed)), segment);
            let whole = self.path(SPOOL, segment);
            self.write(&part, &bytes)?;
            lock(&self.buffers).push(bytes);
            std::fs::rename(&part, &whole).map_err(|e| Error::file("place", &whole, e))?;
            lock(&self.lying).insert(segment);
            Ok(true)
        });
        written.await.map_err(|e| vault::Error::Internal(e.to_string()))?
    }

    fn path(&self, kind: &str, segment: Segment) -> PathBuf {
        self.order.into.join(format!("{kind}{}", segment.file_name(self.order.segment_bytes)))
    }

    /// Not made durable: a recovery that is cut short fetches it again.
    fn write(&self, path: &Path, bytes: &[u8]) -> Result<()> {
        std::fs::write(path, bytes).map_err(|e| Error::file("write", path, e))?;
        if let Some(user) = self.order.owner {
            std::os::unix::fs::chown(path, Some(user.uid), Some(user.gid))
                .map_err(|e| Error::file("give away", path, e))?;
        }
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))
            .map_err(|e| Error::file("set the mode of", path, e))
    }
}

fn remove_files(into: &Path) {
    let Ok(entries) = std::fs::read_dir(into) else { return };
    let ours = |name: &str| name.starts_with(SPOOL) || name.starts_with(SPOOL_PART);
    for entry in entries.flatten().filter(|entry| ours(&entry.file_name().to_string_lossy())) {
        let _ = std::fs::remove_file(entry.path());
    }
}

#[cfg(test)]
mod tests;

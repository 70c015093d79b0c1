//! Fetches what a reader will want next before he asks, so that a scan waits for the vault's latency once and not for each extent.
//!
//! One that reads on and on gets a window that grows with what he has read: 1, 4, 8 MiB of pages. A seek takes it back, and what is on
//! its way for him is given up. What one read needs of several extents is fetched side by side, with or without a window.
//!
//! Memory: `BYTES_MAX` of sealed bytes for all readers together. One that stopped in the middle and keeps his file open loses what is
//! there for him when another needs the room.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, PoisonError};

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use vault::backup::read::{BackupReader, Sealed, Stretch};
use vault::format::map::ExtentRef;

use crate::sync::{Mutex, MutexGuard};

/// Sealed bytes here and on their way, for all readers.
const BYTES_MAX: u64 = 8 << 20;
/// How far apart neighbouring reads may come: the kernel reads ahead itself, on several threads.
const DISORDER: u64 = 1 << 20;
/// Bytes read on and on, and the window from then on.
const WINDOWS: [(u64, u64); 3] = [(16 << 20, 8 << 20), (4 << 20, 4 << 20), (256 << 10, 1 << 20)];
/// Reads of others after which one who asked for nothing counts as having stopped.
const IDLE_READS: u64 = 256;

/// What there is for all readers; each is known by a number of his own.
#[derive(Debug, Default)]
pub(super) struct Ahead(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Counts reads.
    now: u64,
    readers: HashMap<u64, Reader>,
}

/// Offsets are in the file.
#[derive(Debug, Default)]
struct Reader {
    used: u64,
    /// Where the furthest read ended.
    end: u64,
    /// Bytes read on and on.
    run: u64,
    /// What is before it was fetched or is on its way.
    ahead: u64,
    coming: Vec<Coming>,
}

/// A stretch that is fetched, given up when it is dropped.
#[derive(Debug)]
struct Coming {
    stretch: Arc<Stretch>,
    /// Not opened yet.
    left: usize,
    /// When the reader is so far, it is of no more use.
    until: u64,
    arrived: watch::Receiver<Option<Arrived>>,
    task: AbortHandle,
}

/// None when it failed: whoever needs it asks himself, and is told why.
pub(super) type Arrived = Option<Arc<Sealed>>;

impl Drop for Coming {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Coming {
    fn bytes(&self) -> u64 {
        self.stretch.range.end - self.stretch.range.start
    }

    fn has(&self, extent: &ExtentRef) -> bool {
        self.stretch.extents.contains(extent)
    }
}

impl Ahead {
    /// Somebody reads a range of a file. Gives the range to fetch now, and whether it goes beyond what he asked for.
    pub(super) fn read(&self, who: u64, range: &Range<u64>) -> (Range<u64>, bool) {
        let mut state = self.lock();
        state.now += 1;
        let now = state.now;
        let reader = state.readers.entry(who).or_default();
        reader.used = now;
        if range.start > reader.end + DISORDER || range.start + DISORDER < reader.end {
            *reader = Reader { used: now, ahead: range.start, ..Reader::default() };
        }
        reader.run += range.end - range.start;
        reader.end = reader.end.max(range.end);
        let passed = reader.end.saturating_sub(DISORDER);
        reader.coming.retain(|coming| coming.until > passed);
        let window = WINDOWS.iter().find(|(run, _)| reader.run >= *run).map_or(0, |(_, window)| *window);
        let begun = reader.ahead.max(range.start);
        let to =
            if begun.saturating_sub(reader.end) * 2 >= window { begun.max(range.end) } else { reader.end + window };
        reader.ahead = reader.ahead.max(to);
        (begun.min(to)..to, window > 0)
    }

    /// Whether it is here or on its way already.
    pub(super) fn has(&self, extent: &ExtentRef) -> bool {
        self.lock().readers.values().any(|reader| reader.coming.iter().any(|coming| coming.has(extent)))
    }

    /// Begins to fetch, as far as there is room. `until` as in `Coming`.
    pub(super) fn begin(
        &self,
        who: u64,
        until: u64,
        stretches: Vec<Stretch>,
        reader: &Arc<BackupReader>,
        runtime: &Handle,
    ) {
        let mut state = self.lock();
        for stretch in stretches {
            if !state.make_room(who, stretch.range.end - stretch.range.start) {
                return;
            }
            let Some(for_whom) = state.readers.get_mut(&who) else { return };
            let (reader, stretch) = (reader.clone(), Arc::new(stretch));
            let (tell, arrived) = watch::channel(None);
            let wanted = stretch.clone();
            let task = runtime.spawn(async move {
                let sealed = reader.sealed(&wanted).await;
                let _ = tell.send(Some(sealed.ok().map(Arc::new)));
            });
            let (left, task) = (stretch.extents.len(), task.abort_handle());
            for_whom.coming.push(Coming { stretch, left, until, arrived, task });
        }
    }

    /// What an extent is in, to be waited for. It is let go when all its extents were taken.
    pub(super) fn take(&self, extent: &ExtentRef) -> Option<watch::Receiver<Option<Arrived>>> {
        let mut state = self.lock();
        let mut readers = state.readers.values_mut();
        let (coming, at) = readers.find_map(|reader| {
            let at = reader.coming.iter().position(|coming| coming.has(extent))?;
            Some((&mut reader.coming, at))
        })?;
        coming[at].left = coming[at].left.saturating_sub(1);
        let arrived = coming[at].arrived.clone();
        if coming[at].left == 0 && arrived.borrow().is_some() {
            coming.remove(at);
        }
        Some(arrived)
    }

    /// He has closed the file.
    pub(super) fn closed(&self, who: u64) {
        self.lock().readers.remove(&who);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn bytes(&self) -> u64 {
        self.readers.values().flat_map(|reader| &reader.coming).map(Coming::bytes).sum()
    }

    fn make_room(&mut self, who: u64, bytes: u64) -> bool {
        while self.bytes() + bytes > BYTES_MAX {
            let idle = |(number, reader): &(&u64, &mut Reader)| {
                **number != who && !reader.coming.is_empty() && reader.used + IDLE_READS < self.now
            };
            let Some((_, reader)) = self.readers.iter_mut().find(idle) else { return false };
            reader.coming.clear();
        }
        true
    }
}

#[cfg(test)]
mod tests;

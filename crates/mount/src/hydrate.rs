//! Brings what is still missing into the skeleton, beside those who use it: what was touched first, then the rest in the order in which
//! the backup was written. When it is done, and nothing is open through us, the skeleton is the plain directory.

use std::ops::Range;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use rustix::io::Errno;
use vault::env::Env;

use crate::fs::{Answer, BaseFileNode, Fs};
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::sync::{Mutex, thread};

/// Pieces that are filled side by side.
const WORKERS: usize = 2;
/// Brought in at once by a worker, and what a pause or a limit lets through.
const PIECE_BYTES: u64 = 4 << 20;
/// How often a pause or a limit is looked at again.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What people may say to a hydration, and what it says to them.
#[derive(Debug, Default)]
pub struct Hydration {
    pub paused: AtomicBool,
    pub stopped: AtomicBool,
    /// Bytes a second; 0 is no limit.
    pub limit: AtomicU64,
    pub pages_total: AtomicU64,
    pub pages_done: AtomicU64,
    bytes: AtomicU64,
}

impl Hydration {
    /// Waits while it is paused or ahead of its limit. False when it shall end.
    fn go_on(&self, env: &Env, begun: Duration) -> bool {
        loop {
            if self.stopped.load(Ordering::Relaxed) {
                return false;
            }
            let limit = self.limit.load(Ordering::Relaxed);
            let seconds = (env.monotonic() - begun).as_secs_f64();
            let ahead = limit > 0 && self.bytes.load(Ordering::Relaxed) as f64 > limit as f64 * seconds;
            if !ahead && !self.paused.load(Ordering::Relaxed) {
                return true;
            }
            thread::sleep(LOOK_EVERY);
        }
    }
}

/// Fills all files that still have a name. Returns whether everything is present and durable; false when it was stopped. Blocks.
pub fn hydrate(fs: &Fs, hydration: &Hydration, env: &Env) -> Answer<bool> {
    let mut files = fs.base_files()?;
    files.sort_by_key(|file| (!file.touched(), file.number()));
    hydration.pages_total.store(files.iter().map(|file| fs.pages(file)).sum(), Ordering::Relaxed);
    hydration.pages_done.store(files.iter().map(|file| fs.present(file)).sum(), Ordering::Relaxed);
    let pieces = Mutex::new(files.iter().flat_map(|file| pieces(fs, file)));
    let begun = env.monotonic();
    let work = || -> Answer<bool> {
        let mut filler = fs.filler(Arc::default());
        loop {
            let piece = pieces.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some((file, pages)) = piece else { return Ok(true) };
            if !hydration.go_on(env, begun) {
                return Ok(false);
            }
            let (pages, bytes) = fs.fill(file, pages, &mut filler)?;
            hydration.pages_done.fetch_add(pages, Ordering::Relaxed);
            hydration.bytes.fetch_add(bytes, Ordering::Relaxed);
        }
    };
    let done = thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS).map(|_| scope.spawn(work)).collect();
        let ends = workers.into_iter().map(|worker| worker.join().unwrap_or(Err(Errno::IO)));
        ends.collect::<Answer<Vec<bool>>>().map(|ends| ends.into_iter().all(|whole| whole))
    });
    drop(pieces);
    fs.let_go_of(files);
    fs.settle_all()?;
    done
}

/// A file in parts of `PIECE_BYTES`.
fn pieces<'f>(fs: &Fs, file: &'f BaseFileNode) -> impl Iterator<Item = (&'f BaseFileNode, Range<u64>)> + use<'f> {
    let (pages, step) = (fs.pages(file), (PIECE_BYTES / fs.page_size(file)).max(1));
    (0..pages).step_by(step as usize).map(move |first| (file, first..pages.min(first + step)))
}

//! Brings what is still missing into the skeleton, beside those who use it: what was touched first, then the rest in the order in which
//! the backup was written. When it is done, and nothing is open through us, the skeleton is the plain directory.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use rustix::io::Errno;
use vault::env::Env;

use crate::fs::{Answer, BaseFileNode, Fs};

/// Files that are filled side by side.
const WORKERS: usize = 2;
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
            std::thread::sleep(LOOK_EVERY);
        }
    }
}

/// Fills all files that still have a name. Returns whether everything is present and durable; false when it was stopped. Blocks.
pub fn hydrate(fs: &Fs, hydration: &Hydration, env: &Env) -> Answer<bool> {
    let mut files = fs.base_files()?;
    files.sort_by_key(|file| (!file.touched(), file.number()));
    hydration.pages_total.store(files.iter().map(|file| fs.pages(file)).sum(), Ordering::Relaxed);
    hydration.pages_done.store(files.iter().map(|file| fs.present(file)).sum(), Ordering::Relaxed);
    let (next, begun) = (AtomicUsize::new(0), env.monotonic());
    let fill_files = || -> Answer<bool> {
        while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
            if !fill(fs, file, hydration, &|| hydration.go_on(env, begun))? {
                return Ok(false);
            }
        }
        Ok(true)
    };
    let done = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS).map(|_| scope.spawn(fill_files)).collect();
        let ends = workers.into_iter().map(|worker| worker.join().unwrap_or(Err(Errno::IO)));
        ends.collect::<Answer<Vec<bool>>>().map(|ends| ends.into_iter().all(|whole| whole))
    });
    fs.let_go_of(files);
    done
}

fn fill(fs: &Fs, file: &BaseFileNode, hydration: &Hydration, go_on: &dyn Fn() -> bool) -> Answer<bool> {
    for page in 0..fs.pages(file) {
        if fs.is_present(file, page) {
            continue;
        }
        if !go_on() {
            return Ok(false);
        }
        let filled = fs.fill(file, page)?;
        hydration.pages_done.fetch_add(filled.pages, Ordering::Relaxed);
        hydration.bytes.fetch_add(filled.bytes, Ordering::Relaxed);
    }
    fs.settle(file)?;
    Ok(true)
}

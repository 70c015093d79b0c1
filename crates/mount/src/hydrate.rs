//! Brings what is still missing into the skeleton, beside those who use it: what was touched first, then the rest in the order in which
//! the backup was written. When it is done, and nothing is open through us, the skeleton is the plain directory.
//!
//! A piece that cannot be brought in, because the vault is away or the disk is full, is put back and comes again after the others. Pauses
//! grow while nothing succeeds. Only two things end it: everything is there, or it is stopped.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use rustix::io::Errno;
use vault::env::Env;

use crate::error::Error;
use crate::fs::{Answer, BaseFileNode, Fs};
use crate::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use crate::sync::{Mutex, mpsc, thread};

/// Pieces that are filled side by side.
const WORKERS: usize = 2;
/// Brought in at once by a worker, and what a pause or a limit lets through.
const PIECE_BYTES: u64 = 4 << 20;
/// After so many bytes what is there is made durable, so that a crash costs no more than that.
const SETTLE_BYTES: u64 = 1 << 30;
/// After a piece that failed; doubled with each that fails after it.
const PAUSE_FIRST: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(30);
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
    /// Pieces that could not be brought in, each time.
    pub failures: AtomicU64,
    /// Of the failures, those since a piece was brought in.
    failures_in_a_row: AtomicU32,
    trouble: Mutex<Option<String>>,
    bytes: AtomicU64,
}

/// A part of a file.
type Piece<'f> = (&'f BaseFileNode, Range<u64>);

/// What is still to be brought in: what was not tried yet, then what failed.
struct Pieces<'f, I: Iterator<Item = Piece<'f>>> {
    fresh: I,
    failed: VecDeque<Piece<'f>>,
}

impl Hydration {
    /// Fetched so far.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// What it fails at just now, in words; none when the last piece was brought in.
    pub fn trouble(&self) -> Option<String> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Gives whether it is time to make it durable.
    fn succeeded(&self, pages: u64, bytes: u64) -> bool {
        self.pages_done.fetch_add(pages, Ordering::Relaxed);
        let before = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.failures_in_a_row.store(0, Ordering::Relaxed);
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = None;
        before / SETTLE_BYTES != (before + bytes) / SETTLE_BYTES
    }

    /// Gives how long to wait now.
    fn failed(&self, error: &Error) -> Duration {
        tracing::warn!(%error, "a piece could not be brought in; it is tried again later");
        self.failures.fetch_add(1, Ordering::Relaxed);
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.to_string());
        let before = self.failures_in_a_row.fetch_add(1, Ordering::Relaxed);
        PAUSE_MAX.min(PAUSE_FIRST * 2u32.pow(before.min(10)))
    }

    /// Waits until `from`, and while it is paused or ahead of its limit. False when it shall end.
    fn go_on(&self, env: &Env, begun: Duration, from: Duration) -> bool {
        loop {
            if self.stopped.load(Ordering::Relaxed) {
                return false;
            }
            let limit = self.limit.load(Ordering::Relaxed);
            let now = env.monotonic();
            let seconds = (now - begun).as_secs_f64();
            let ahead = limit > 0 && self.bytes.load(Ordering::Relaxed) as f64 > limit as f64 * seconds;
            if now >= from && !ahead && !self.paused.load(Ordering::Relaxed) {
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
    let fresh = files.iter().flat_map(|file| pieces(fs, file));
    let pieces = Mutex::new(Pieces { fresh, failed: VecDeque::new() });
    let begun = env.monotonic();
    let work = Work { fs, hydration, env, begun, pieces: &pieces };
    let done = thread::scope(|scope| {
        let (written, pushed) = mpsc::channel();
        // The disk writes while the next is decoded; else all of it waits for the end.
        scope.spawn(move || pushed.iter().for_each(|file| fs.push_out(file)));
        let work = &work;
        let worker = |written| scope.spawn(move || work.run(&written));
        let workers: Vec<_> = std::iter::repeat_n(written, WORKERS).map(worker).collect();
        let ends = workers.into_iter().map(|worker| worker.join().map_err(|_| Errno::IO));
        ends.collect::<Answer<Vec<bool>>>().map(|ends| ends.into_iter().all(|whole| whole))
    });
    hydration.pages_done.store(files.iter().map(|file| fs.present(file)).sum(), Ordering::Relaxed);
    drop(pieces);
    fs.let_go_of(files);
    fs.settle_all()?;
    done
}

/// What a worker works with.
struct Work<'f, 'p, I: Iterator<Item = Piece<'f>>> {
    fs: &'f Fs,
    hydration: &'p Hydration,
    env: &'p Env,
    begun: Duration,
    pieces: &'p Mutex<Pieces<'f, I>>,
}

impl<'f, I: Iterator<Item = Piece<'f>>> Work<'f, '_, I> {
    /// Brings in one piece after the other. Returns whether it came to the end.
    fn run(&self, written: &mpsc::Sender<&'f BaseFileNode>) -> bool {
        let Work { fs, hydration, .. } = self;
        let mut filler = fs.filler(Arc::default());
        let mut from = self.begun;
        loop {
            let Some((file, pages)) = next(self.pieces) else { return true };
            if !hydration.go_on(self.env, self.begun, from) {
                return false;
            }
            match fs.fill(file, pages.clone(), &mut filler) {
                Ok((pages, bytes)) => {
                    if bytes > 0 {
                        let _ = written.send(file);
                    }
                    if hydration.succeeded(pages, bytes) {
                        settle(fs);
                    }
                }
                Err(error) => {
                    self.pieces.lock().unwrap_or_else(PoisonError::into_inner).failed.push_back((file, pages));
                    from = self.env.monotonic() + hydration.failed(&error);
                }
            }
        }
    }
}

/// Not the end of it when it fails: it is done again, and at the end it must succeed.
fn settle(fs: &Fs) {
    if let Err(error) = fs.settle_all() {
        tracing::warn!(%error, "what was brought in is not durable yet");
    }
}

/// Who put a piece back takes it again himself, so nobody waits for the others' last.
fn next<'f>(pieces: &Mutex<Pieces<'f, impl Iterator<Item = Piece<'f>>>>) -> Option<Piece<'f>> {
    let mut pieces = pieces.lock().unwrap_or_else(PoisonError::into_inner);
    pieces.fresh.next().or_else(|| pieces.failed.pop_front())
}

/// A file in parts of `PIECE_BYTES`.
fn pieces<'f>(fs: &Fs, file: &'f BaseFileNode) -> impl Iterator<Item = Piece<'f>> + use<'f> {
    let (pages, step) = (fs.pages(file), (PIECE_BYTES / fs.page_size(file)).max(1));
    (0..pages).step_by(step as usize).map(move |first| (file, first..pages.min(first + step)))
}

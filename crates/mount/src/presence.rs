//! Which pages of a backup's files are in the skeleton: one bit a page, in memory and on disk.
//!
//! Contract:
//! - A page whose bit is set on disk is durable in the skeleton, whatever happens to this process or the host.
//! - A page whose bit is set in memory is in the skeleton, for as long as the host runs.
//! - Bits go from 0 to 1 and never back, so a record torn by a crash is a mix of two true records.
//!
//! ```text
//!   write page ──► set bit in memory            fsync: take the words ──► fsync the data ──► put the words ──► fsync the record
//!   crash before the last: the page counts as not there, and is fetched again, as a write that was never synced may be
//! ```
//! The file: 64 bytes of head (magic, the backup it belongs to, number of words), then little-endian words of 64 bits. Every
//! file of the backup begins at a word of its own.

use std::fs::{File, OpenOptions};
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{OnceLock, PoisonError};

use crate::error::{Error, Result};
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{Mutex, turn};

const MAGIC: &[u8; 8] = b"RKPRES01";
const HEAD_LENGTH: u64 = 64;
const WORD_BITS: u64 = 64;

/// The bits of one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bits {
    pub first_word: u64,
    pub pages: u64,
}

impl Bits {
    /// The words that so many pages take.
    pub fn words_for(pages: u64) -> u64 {
        pages.div_ceil(WORD_BITS)
    }

    fn words(self) -> Range<usize> {
        let first = self.first_word as usize;
        first..first + Bits::words_for(self.pages) as usize
    }

    /// The bits of a word (counted from the file's first) that stand for pages.
    fn mask(self, word: usize) -> u64 {
        let left = self.pages - (word as u64) * WORD_BITS;
        if left >= WORD_BITS { u64::MAX } else { (1 << left) - 1 }
    }
}

/// Words of a chunk: the bits of 32,768 pages.
const CHUNK: usize = 512;

/// Words of bits in chunks; those of which nothing was ever set take no memory.
#[derive(Debug)]
struct Words(Vec<OnceLock<Box<[AtomicU64]>>>);

impl Words {
    fn new(words: u64) -> Words {
        Words((0..words.div_ceil(CHUNK as u64)).map(|_| OnceLock::new()).collect())
    }

    fn get(&self, at: usize) -> u64 {
        self.0[at / CHUNK].get().map_or(0, |chunk| chunk[at % CHUNK].load(Ordering::Acquire))
    }

    fn set(&self, at: usize, bits: u64) {
        let chunk = self.0[at / CHUNK].get_or_init(|| (0..CHUNK).map(|_| AtomicU64::new(0)).collect());
        chunk[at % CHUNK].fetch_or(bits, Ordering::AcqRel);
    }

    /// Those of `words` in which there may be something.
    fn used(&self, words: Range<usize>) -> impl Iterator<Item = (usize, u64)> {
        let chunks = words.start / CHUNK..words.end.div_ceil(CHUNK);
        let there = chunks.filter(|chunk| self.0[*chunk].get().is_some());
        let within = move |chunk: usize| words.start.max(chunk * CHUNK)..words.end.min((chunk + 1) * CHUNK);
        there.flat_map(within).map(|at| (at, self.get(at)))
    }
}

#[derive(Debug)]
pub struct Presence {
    /// What was put into it, durable or not yet.
    file: File,
    words: usize,
    present: Words,
    /// What is durable.
    recorded: Words,
    /// Held by who changes the file.
    putting: Mutex<()>,
}

/// Words as they were before the data was made durable; `record` puts them.
#[derive(Debug)]
#[must_use = "what is not recorded is fetched again after a crash"]
pub struct Taken(Vec<(usize, u64)>);

impl Taken {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Presence {
    /// A new record of nothing. Durable when its folder is.
    pub fn create(path: &Path, backup: &[u8; 32], words: u64) -> Result<Presence> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path);
        let file = file.map_err(|e| Error::file("make", path, e))?;
        let write = || {
            file.set_len(HEAD_LENGTH + words * 8)?;
            file.write_all_at(&head(backup, words), 0)
        };
        write().map_err(|e| Error::file("write", path, e))?;
        Ok(Presence::new(file, words))
    }

    fn new(file: File, words: u64) -> Presence {
        let (present, recorded) = (Words::new(words), Words::new(words));
        Presence { file, words: words as usize, present, recorded, putting: Mutex::new(()) }
    }

    /// The record that is there; another backup's is refused.
    pub fn open(path: &Path, backup: &[u8; 32], words: u64) -> Result<Presence> {
        let file = OpenOptions::new().read(true).write(true).open(path);
        let file = file.map_err(|e| Error::file("open", path, e))?;
        let mut found = [0; HEAD_LENGTH as usize];
        file.read_exact_at(&mut found, 0).map_err(|e| Error::file("read", path, e))?;
        if found != head(backup, words) {
            return Err(Error::Foreign { path: path.display().to_string() });
        }
        let presence = Presence::new(file, words);
        let mut bytes = [0; CHUNK * 8];
        for first in (0..presence.words).step_by(CHUNK) {
            let bytes = &mut bytes[..CHUNK.min(presence.words - first) * 8];
            let read = presence.file.read_exact_at(bytes, HEAD_LENGTH + first as u64 * 8);
            read.map_err(|e| Error::file("read", path, e))?;
            for (at, word) in (first..).zip(bytes.chunks_exact(8)).filter(|(_, word)| **word != [0; 8]) {
                let word = u64::from_le_bytes(word.try_into().expect("eight bytes"));
                presence.present.set(at, word);
                presence.recorded.set(at, word);
            }
        }
        Ok(presence)
    }

    pub fn is_present(&self, bits: Bits, page: u64) -> bool {
        debug_assert!(page < bits.pages);
        self.present.get(word(bits, page)) & bit(page) != 0
    }

    /// Call it when the page's bytes are in the skeleton, not before.
    pub fn set(&self, bits: Bits, page: u64) {
        debug_assert!(page < bits.pages);
        self.present.set(word(bits, page), bit(page));
    }

    /// All pages from `first` on: they are not the backup's any more.
    pub fn set_from(&self, bits: Bits, first: u64) {
        (first..bits.pages.min(first.next_multiple_of(WORD_BITS))).for_each(|page| self.set(bits, page));
        for (number, at) in bits.words().enumerate().skip(first.div_ceil(WORD_BITS) as usize) {
            self.present.set(at, bits.mask(number));
        }
    }

    pub fn count(&self, bits: Bits) -> u64 {
        self.present.used(bits.words()).map(|(_, word)| u64::from(word.count_ones())).sum()
    }

    pub fn is_whole(&self, bits: Bits) -> bool {
        self.count(bits) == bits.pages
    }

    /// What is present and not recorded. Take it before the data is made durable, record it after.
    pub fn take(&self, bits: Bits) -> Taken {
        self.taken(bits.words())
    }

    /// The same of all files.
    pub fn take_all(&self) -> Taken {
        self.taken(0..self.words)
    }

    fn taken(&self, words: Range<usize>) -> Taken {
        Taken(self.present.used(words).filter(|(at, word)| self.recorded.get(*at) != *word).collect())
    }

    /// Makes the record durable. What others record at the same time is never taken back.
    pub fn record(&self, taken: &Taken) -> io::Result<()> {
        if taken.is_empty() {
            return Ok(());
        }
        {
            let _alone = self.putting.lock().unwrap_or_else(PoisonError::into_inner);
            taken.0.chunk_by(|(at, _), (next, _)| at + 1 == *next).try_for_each(|run| self.put(run))?;
        }
        turn();
        self.file.sync_data()?;
        taken.0.iter().for_each(|(at, word)| self.recorded.set(*at, *word));
        Ok(())
    }

    /// Adds neighbouring words to what is in the file.
    fn put(&self, run: &[(usize, u64)]) -> io::Result<()> {
        let (mut bytes, offset) = (vec![0; run.len() * 8], HEAD_LENGTH + run[0].0 as u64 * 8);
        turn();
        self.file.read_exact_at(&mut bytes, offset)?;
        for (put, (_, word)) in bytes.chunks_exact_mut(8).zip(run) {
            put.iter_mut().zip(word.to_le_bytes()).for_each(|(put, byte)| *put |= byte);
        }
        turn();
        self.file.write_all_at(&bytes, offset)
    }
}

fn word(bits: Bits, page: u64) -> usize {
    (bits.first_word + page / WORD_BITS) as usize
}

fn bit(page: u64) -> u64 {
    1 << (page % WORD_BITS)
}

fn head(backup: &[u8; 32], words: u64) -> [u8; HEAD_LENGTH as usize] {
    let mut head = [0; HEAD_LENGTH as usize];
    head[..8].copy_from_slice(MAGIC);
    head[8..40].copy_from_slice(backup);
    head[40..48].copy_from_slice(&words.to_le_bytes());
    head
}

#[cfg(test)]
mod tests;

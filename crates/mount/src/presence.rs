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
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::PoisonError;

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

    fn words(self) -> std::ops::Range<usize> {
        let first = self.first_word as usize;
        first..first + Bits::words_for(self.pages) as usize
    }

    /// The bits of a word (counted from the file's first) that stand for pages.
    fn mask(self, word: usize) -> u64 {
        let left = self.pages - (word as u64) * WORD_BITS;
        if left >= WORD_BITS { u64::MAX } else { (1 << left) - 1 }
    }
}

#[derive(Debug)]
pub struct Presence {
    file: File,
    present: Vec<AtomicU64>,
    /// What is durable.
    recorded: Vec<AtomicU64>,
    /// What was put into the file, durable or not yet.
    put: Mutex<Vec<u64>>,
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
    /// A new record of nothing, durable.
    pub fn create(path: &Path, backup: &[u8; 32], words: u64) -> Result<Presence> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path);
        let file = file.map_err(|e| Error::file("make", path, e))?;
        let write = || {
            file.set_len(HEAD_LENGTH + words * 8)?;
            file.write_all_at(&head(backup, words), 0)?;
            file.sync_all()
        };
        write().map_err(|e| Error::file("write", path, e))?;
        let zeroes = || (0..words).map(|_| AtomicU64::new(0)).collect();
        Ok(Presence { file, present: zeroes(), recorded: zeroes(), put: Mutex::new(vec![0; words as usize]) })
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
        let mut bytes = vec![0; words as usize * 8];
        file.read_exact_at(&mut bytes, HEAD_LENGTH).map_err(|e| Error::file("read", path, e))?;
        let words = || bytes.chunks_exact(8).map(|word| u64::from_le_bytes(word.try_into().expect("eight bytes")));
        let (present, recorded) = (words().map(AtomicU64::new).collect(), words().map(AtomicU64::new).collect());
        Ok(Presence { file, present, recorded, put: Mutex::new(words().collect()) })
    }

    pub fn is_present(&self, bits: Bits, page: u64) -> bool {
        debug_assert!(page < bits.pages);
        self.word(bits, page).load(Ordering::Acquire) & bit(page) != 0
    }

    /// Call it when the page's bytes are in the skeleton, not before.
    pub fn set(&self, bits: Bits, page: u64) {
        debug_assert!(page < bits.pages);
        self.word(bits, page).fetch_or(bit(page), Ordering::AcqRel);
    }

    /// All pages from `first` on: they are not the backup's any more.
    pub fn set_from(&self, bits: Bits, first: u64) {
        (first..bits.pages.min(first.next_multiple_of(WORD_BITS))).for_each(|page| self.set(bits, page));
        for (word, present) in self.present[bits.words()].iter().enumerate().skip(first.div_ceil(WORD_BITS) as usize) {
            present.fetch_or(bits.mask(word), Ordering::AcqRel);
        }
    }

    pub fn count(&self, bits: Bits) -> u64 {
        self.present[bits.words()].iter().map(|word| u64::from(word.load(Ordering::Acquire).count_ones())).sum()
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
        self.taken(0..self.present.len())
    }

    fn taken(&self, words: std::ops::Range<usize>) -> Taken {
        let words = words.map(|at| (at, self.present[at].load(Ordering::Acquire)));
        Taken(words.filter(|(at, word)| self.recorded[*at].load(Ordering::Acquire) != *word).collect())
    }

    /// Makes the record durable. What others record at the same time is never taken back.
    pub fn record(&self, taken: &Taken) -> io::Result<()> {
        if taken.is_empty() {
            return Ok(());
        }
        {
            let mut put = self.put.lock().unwrap_or_else(PoisonError::into_inner);
            taken.0.iter().for_each(|(at, word)| put[*at] |= word);
            for run in taken.0.chunk_by(|(at, _), (next, _)| at + 1 == *next) {
                let (first, last) = (run[0].0, run[run.len() - 1].0);
                let bytes: Vec<u8> = put[first..=last].iter().flat_map(|word| word.to_le_bytes()).collect();
                turn();
                self.file.write_all_at(&bytes, HEAD_LENGTH + first as u64 * 8)?;
            }
        }
        turn();
        self.file.sync_data()?;
        for (at, word) in &taken.0 {
            self.recorded[*at].fetch_or(*word, Ordering::AcqRel);
        }
        Ok(())
    }

    fn word(&self, bits: Bits, page: u64) -> &AtomicU64 {
        &self.present[(bits.first_word + page / WORD_BITS) as usize]
    }
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

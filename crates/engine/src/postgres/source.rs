//! A PostgreSQL data directory as the vault sees it: what is stored and what is left out, and which pages carry a checksum.
//! Follows `basebackup.c`: `excludeDirContents`, `excludeFiles`, `noChecksumFiles`, unlogged and temporary relations.

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::num::NonZeroU64;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use vault::backup::tree::{PageState, Tree, TreeEntry, TreeFile, TreeKind};

use super::checksum::{self, PAGE_BYTES};
use super::info::LeftOutAll;
use super::lsn::Lsn;
use crate::error::Result;
use roots::Roots;
use walk::Walk;

mod roots;
mod walk;

/// Blocks in a full segment file of a relation (1 GiB).
const RELATION_SEGMENT_BLOCKS: u64 = 131_072;
/// Folders whose content is made anew at start; the folders themselves are kept.
const EMPTIED: &[&str] =
    &["pg_dynshmem", "pg_notify", "pg_replslot", "pg_serial", "pg_snapshots", "pg_stat_tmp", "pg_subtrans", "pg_wal"];
/// Left out wherever they are.
const LEFT_OUT: &[&str] = &[
    "backup_label",
    "backup_label.old",
    "backup_manifest",
    "current_logfiles.tmp",
    "fallback_promote",
    "pg_internal.init",
    "postgresql.auto.conf.tmp",
    "postmaster.opts",
    "postmaster.pid",
    "promote",
    "recovery.done",
    "recovery.signal",
    "standby.signal",
    "tablespace_map",
];
/// Files of ours in a restored directory; a backup of it does not carry them on.
const OURS: &str = "rekindle.";
const TEMPORARY: &str = "pgsql_tmp";

/// A data directory during a backup.
#[derive(Debug)]
pub struct DataDirectory {
    root: PathBuf,
    checksums: bool,
    /// Pages written after the backup began are mended by the log; their checksum may be torn.
    backup_start: Lsn,
    roots: Roots,
}

impl DataDirectory {
    pub fn new(root: &Path, checksums: bool, backup_start: Lsn) -> Result<DataDirectory> {
        Ok(DataDirectory { root: root.to_owned(), checksums, backup_start, roots: Roots::open(root)? })
    }

    /// What stood there and was not stored, so far.
    pub fn left_out(&self) -> LeftOutAll {
        self.roots.left_out()
    }
}

impl Tree for DataDirectory {
    fn walk(&self) -> Box<dyn Iterator<Item = vault::Result<TreeEntry>> + Send + '_> {
        Box::new(Walk::new(&self.root, &self.roots))
    }

    fn open(&self, path: &str) -> io::Result<Option<Box<dyn TreeFile>>> {
        let Some(file) = self.roots.open_file(path)? else { return Ok(None) };
        let first_block = self.checksums.then(|| first_block(path)).flatten();
        Ok(Some(Box::new(DataFile { file, first_block, backup_start: self.backup_start })))
    }
}

/// The number in its relation of a file's first block; `None` for files whose pages carry no checksum.
pub fn first_block(path: &str) -> Option<u64> {
    let (folder, name) = path.rsplit_once('/')?;
    let holds_relations = folder == "global" || folder.starts_with("base/") || folder.starts_with("pg_tblspc/");
    let (stem, segment) = match name.split_once('.') {
        None => (name, 0),
        Some((stem, segment)) => (stem, segment.parse::<u64>().ok()?),
    };
    let number = stem.split('_').next()?;
    let is_relation = holds_relations && !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
    is_relation.then_some(segment * RELATION_SEGMENT_BLOCKS)
}

struct DataFile {
    file: File,
    first_block: Option<u64>,
    backup_start: Lsn,
}

impl TreeFile for DataFile {
    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut done = 0;
        while done < buffer.len() {
            match self.file.read_at(&mut buffer[done..], offset + done as u64) {
                Ok(0) => break,
                Ok(read) => done += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    fn will_need(&mut self, offset: u64, length: u64) {
        if let Some(length) = NonZeroU64::new(length) {
            let _ = rustix::fs::fadvise(&self.file, offset, Some(length), rustix::fs::Advice::WillNeed);
        }
    }

    fn judge(&self, page: u64, bytes: &[u8]) -> PageState {
        let Some(first) = self.first_block else { return PageState::Good };
        let Ok(bytes) = <&[u8; PAGE_BYTES]>::try_from(bytes) else { return PageState::Good };
        match checksum::verify_page(bytes, (first + page) as u32) {
            checksum::PageState::Bad { .. } if checksum::page_lsn(bytes) < self.backup_start => PageState::Suspect,
            _ => PageState::Good,
        }
    }
}

/// The names of a folder that are stored, in order.
fn kept_names(folder: &str, mut names: Vec<String>) -> Vec<String> {
    if EMPTIED.contains(&folder) {
        names.retain(|name| folder == "pg_wal" && (name == "archive_status" || name == "summaries"));
    } else if folder == "pg_wal/archive_status" || folder == "pg_wal/summaries" {
        names.clear();
    }
    let holds_relations = folder == "global" || folder.starts_with("base/") || folder.starts_with("pg_tblspc/");
    let unlogged = unlogged_relations(&names);
    names.retain(|name| {
        let left_out = LEFT_OUT.contains(&name.as_str())
            || name.starts_with("pg_internal.init.")
            || name.starts_with(TEMPORARY)
            || name.starts_with(OURS);
        let skipped = holds_relations && (is_temporary_relation(name) || is_of_unlogged(name, &unlogged));
        !left_out && !skipped
    });
    names.sort_unstable();
    names
}

/// Numbers of the relations that have an init fork: their other forks are emptied at recovery.
fn unlogged_relations(names: &[String]) -> HashSet<String> {
    names.iter().filter_map(|name| name.split_once("_init").map(|(number, _)| number.to_owned())).collect()
}

fn is_of_unlogged(name: &str, unlogged: &HashSet<String>) -> bool {
    let number = name.split(['_', '.']).next().unwrap_or_default();
    unlogged.contains(number) && !name.contains("_init")
}

/// `t3_16384`, with fork and segment.
fn is_temporary_relation(name: &str) -> bool {
    let Some((backend, relation)) = name.strip_prefix('t').and_then(|rest| rest.split_once('_')) else { return false };
    let number = relation.split(['_', '.']).next().unwrap_or_default();
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits(backend) && digits(number)
}

/// A few files in memory, to be stored as the tail of a backup.
#[derive(Debug, Default)]
pub struct Tail {
    pub files: Vec<(String, Vec<u8>)>,
}

impl Tree for Tail {
    fn walk(&self) -> Box<dyn Iterator<Item = vault::Result<TreeEntry>> + Send + '_> {
        Box::new(self.files.iter().map(|(path, bytes)| {
            let kind = TreeKind::File { size: bytes.len() as u64, page_size: PAGE_BYTES as u32 };
            Ok(TreeEntry { path: path.clone(), kind, mode: 0o600, uid: 0, gid: 0, modified: 0 })
        }))
    }

    fn open(&self, path: &str) -> io::Result<Option<Box<dyn TreeFile>>> {
        let found = self.files.iter().find(|(name, _)| name == path);
        Ok(found.map(|(_, bytes)| Box::new(MemoryFile(bytes.clone())) as Box<dyn TreeFile>))
    }
}

impl TreeFile for MemoryFile {
    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let from = usize::try_from(offset).unwrap_or(usize::MAX).min(self.0.len());
        let length = buffer.len().min(self.0.len() - from);
        buffer[..length].copy_from_slice(&self.0[from..from + length]);
        Ok(length)
    }
}

struct MemoryFile(Vec<u8>);

#[cfg(test)]
mod tests;

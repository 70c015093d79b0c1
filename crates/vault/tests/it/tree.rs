//! A tree of files in memory, as a source of backups.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};

use vault::Result;
use vault::backup::tree::{Tree, TreeEntry, TreeFile, TreeKind};

pub(crate) const PAGE: usize = 8192;

/// Files in memory.
#[derive(Debug, Clone, Default)]
pub(crate) struct MemoryTree {
    pub(crate) files: Arc<Mutex<BTreeMap<Vec<String>, Vec<u8>>>>,
}

impl MemoryTree {
    pub(crate) fn set(&self, path: &str, bytes: Vec<u8>) {
        self.files.lock().unwrap().insert(path.split('/').map(str::to_owned).collect(), bytes);
    }

    pub(crate) fn remove(&self, path: &str) {
        self.files.lock().unwrap().remove(&path.split('/').map(str::to_owned).collect::<Vec<_>>());
    }

    pub(crate) fn change(&self, path: &str, page: usize, with: u8) {
        let mut files = self.files.lock().unwrap();
        let file = files.get_mut(&path.split('/').map(str::to_owned).collect::<Vec<_>>()).unwrap();
        file[page * PAGE..][..PAGE].iter_mut().enumerate().for_each(|(at, byte)| *byte = (at as u8) ^ with);
    }
}

impl Tree for MemoryTree {
    fn walk(&self) -> Box<dyn Iterator<Item = Result<TreeEntry>> + Send + '_> {
        let mut entries = Vec::new();
        let entry = |path: String, kind| TreeEntry { path, kind, mode: 0o700, uid: 0, gid: 0, modified: 0 };
        let mut folders = std::collections::BTreeSet::new();
        for (parts, bytes) in self.files.lock().unwrap().iter() {
            for depth in 1..parts.len() {
                if folders.insert(parts[..depth].to_vec()) {
                    entries.push(Ok(entry(parts[..depth].join("/"), TreeKind::Folder)));
                }
            }
            let kind = TreeKind::File { size: bytes.len() as u64, page_size: PAGE as u32 };
            entries.push(Ok(entry(parts.join("/"), kind)));
        }
        Box::new(entries.into_iter())
    }

    fn open(&self, path: &str) -> io::Result<Option<Box<dyn TreeFile>>> {
        let files = self.files.lock().unwrap();
        let file = files.get(&path.split('/').map(str::to_owned).collect::<Vec<_>>());
        Ok(file.map(|bytes| Box::new(MemoryFile(bytes.clone())) as Box<dyn TreeFile>))
    }
}

struct MemoryFile(Vec<u8>);

impl TreeFile for MemoryFile {
    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let from = (offset as usize).min(self.0.len());
        let length = buffer.len().min(self.0.len() - from);
        buffer[..length].copy_from_slice(&self.0[from..from + length]);
        Ok(length)
    }
}

/// Pages that compress, none alike; every fifth is zeroes.
pub(crate) fn pages(count: usize, seed: u64) -> Vec<u8> {
    let mut bytes = vec![0; count * PAGE];
    for (number, page) in bytes.chunks_mut(PAGE).enumerate().filter(|(number, _)| number % 5 != 4) {
        page.chunks_mut(8).enumerate().for_each(|(at, word)| {
            word.copy_from_slice(&(seed * 1_000_003 + number as u64 * 31 + at as u64 / 16).to_le_bytes());
        });
    }
    bytes
}

//! Writes one backup. The story, told by whoever calls:
//! ```text
//!   begin(parent) ──► store_tree(everything) ──► store_tail(what must be read and placed last) ──► commit(log range)
//! ```
//! One thread (`store_tree`) walks the tree beside the parent's sorted lists, cuts it into batches, and puts the answers
//! together in order; the workers do the reading, hashing and sealing. Nothing is visible before `commit`.
//!
//! Memory: per worker what `worker.rs` says; here the parent's map and the new map of the segment at hand, one list being read
//! and one being written.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError, mpsc};

use bytes::Bytes;
use jiff::Timestamp;
use tokio::runtime::Handle;

use super::pack::{PackWriter, Uploader};
use super::read::BackupReader;
use super::tree::{Progress, Tree};
use super::worker::{Batch, BatchDone, Worker};
use crate::error::{Error, Result};
use crate::format::files::{Content, FileEntry, encode_list};
use crate::format::manifest::{DamagedPage, ManifestHead, ManifestTable, PackInfo, Totals};
use crate::format::map::ExtentRef;
use crate::format::sealed::{Class, Compressor, Kind, Sealer};
use crate::names::{BackupId, Name, PackId, SourceName};
use crate::vault::Vault;

mod assemble;
mod plan;
mod sparse;

use assemble::Assembler;
use plan::Planner;

/// Bytes of a file under one page map.
pub const SEGMENT_LENGTH: u64 = 1 << 30;
const LIST_ENTRIES: usize = 4096;
const LIST_BYTES: usize = 1 << 20;
const DAMAGED_KEPT: usize = 1000;

#[derive(Debug, Clone)]
pub struct WriteOptions {
    pub workers: usize,
    pub zstd_level: i32,
}

impl Default for WriteOptions {
    fn default() -> WriteOptions {
        WriteOptions { workers: 2, zstd_level: 3 }
    }
}

/// A backup on its way. Dropping it leaves only packs that nothing refers to.
#[derive(Debug)]
pub struct BackupWriter {
    vault: Vault,
    source: SourceName,
    id: BackupId,
    began: Timestamp,
    options: WriteOptions,
    progress: Arc<Progress>,
    runtime: Handle,
    parent: Option<Arc<BackupReader>>,
    uploader: Arc<Uploader>,
    meta: PackWriter,
    lists: Lists,
    tail: Option<ExtentRef>,
    totals: Totals,
    damaged: Vec<DamagedPage>,
    damaged_total: u64,
    /// What this backup needs of each pack, bytes; an extent that several files share counts as often.
    live: HashMap<PackId, u64>,
    /// Packs of which the parent needs little: what this backup needs of them is stored anew.
    sparse: Arc<HashSet<PackId>>,
}

/// What the engine knows once the backup is over.
#[derive(Debug, Clone)]
pub struct Commit {
    pub label: Option<String>,
    pub rule: Option<String>,
    pub operation: Option<String>,
    pub ended: Timestamp,
    pub timeline: u32,
    pub log_from: u64,
    pub log_to: u64,
    pub engine: String,
    pub engine_info: serde_json::Value,
}

#[derive(Debug, Default)]
struct Lists {
    entries: Vec<FileEntry>,
    bytes: usize,
    done: Vec<ExtentRef>,
}

impl Lists {
    fn push(&mut self, entry: FileEntry, meta: &mut PackWriter) -> Result<()> {
        self.bytes += entry_weight(&entry);
        self.entries.push(entry);
        if self.entries.len() >= LIST_ENTRIES || self.bytes >= LIST_BYTES {
            self.flush(meta)?;
        }
        Ok(())
    }

    fn flush(&mut self, meta: &mut PackWriter) -> Result<()> {
        if !self.entries.is_empty() {
            self.done.push(meta.append(Class::Files, &encode_list(&self.entries))?);
            self.entries.clear();
            self.bytes = 0;
        }
        Ok(())
    }
}

fn entry_weight(entry: &FileEntry) -> usize {
    let mut bytes = Vec::new();
    entry.encode(&mut bytes);
    bytes.len()
}

impl BackupWriter {
    /// Begins a backup. With a parent whose packs are all there, unchanged pages are shared with it; a parent that lacks some is
    /// left aside, and everything is stored anew.
    pub async fn begin(
        vault: &Vault,
        source: SourceName,
        parent: Option<BackupId>,
        options: WriteOptions,
        progress: Arc<Progress>,
    ) -> Result<BackupWriter> {
        let began = vault.env().now();
        let parent = match parent {
            Some(id) => usable_parent(vault, &source, &id).await?,
            None => None,
        };
        let sparse = parent.iter().flat_map(|parent| parent.head().sparse.iter());
        let sparse: HashSet<PackId> = sparse.filter_map(|id| PackId::parse(id)).collect();
        let runtime = Handle::current();
        let uploader = Arc::new(Uploader::new(vault, runtime.clone(), progress.clone()));
        Ok(BackupWriter {
            vault: vault.clone(),
            id: BackupId::new(began, vault.env()),
            source,
            began,
            meta: PackWriter::new(uploader.clone(), options.zstd_level)?,
            options,
            progress,
            runtime,
            parent,
            uploader,
            lists: Lists::default(),
            tail: None,
            totals: Totals::default(),
            damaged: Vec::new(),
            damaged_total: 0,
            live: HashMap::new(),
            sparse: Arc::new(sparse),
        })
    }

    pub fn id(&self) -> &BackupId {
        &self.id
    }

    pub fn parent(&self) -> Option<&BackupId> {
        self.parent.as_deref().map(BackupReader::id)
    }

    /// Stores the whole tree. Blocks; call it from a blocking thread.
    pub fn store_tree(&mut self, tree: &dyn Tree) -> Result<()> {
        self.store_entries(tree, Goal::Lists)?;
        self.lists.flush(&mut self.meta)
    }

    /// Stores what must be read after all else, and put in place after all else. Blocks. Call it once.
    pub fn store_tail(&mut self, tree: &dyn Tree) -> Result<()> {
        let entries = self.store_entries(tree, Goal::Tail)?;
        if !entries.is_empty() {
            self.tail = Some(self.meta.append(Class::Files, &encode_list(&entries))?);
        }
        Ok(())
    }

    /// Runs the workers over a tree. Entries go into the lists as they are finished; those of the tail are returned.
    fn store_entries(&mut self, tree: &dyn Tree, goal: Goal) -> Result<Vec<FileEntry>> {
        let (job_sender, job_receiver) = mpsc::channel::<Batch>();
        let (done_sender, done_receiver) = mpsc::channel::<Result<BatchDone>>();
        let jobs = Mutex::new(job_receiver);
        let (uploader, progress, level) = (self.uploader.clone(), self.progress.clone(), self.options.zstd_level);
        let page_key = *self.vault.keys().page_key();
        std::thread::scope(|scope| {
            for _ in 0..self.options.workers.max(1) {
                let (done, jobs, uploader, progress) = (done_sender.clone(), &jobs, uploader.clone(), progress.clone());
                scope.spawn(move || {
                    let worked =
                        Worker::new(tree, page_key, uploader, level, progress).and_then(|w| work(w, jobs, &done));
                    if let Err(error) = worked {
                        let _ = done.send(Err(error));
                    }
                });
            }
            drop(done_sender);
            self.conduct(tree, goal, job_sender, &done_receiver)
        })
    }

    /// Cuts the tree into batches, keeps the workers fed, and takes their answers in order.
    fn conduct(
        &mut self,
        tree: &dyn Tree,
        goal: Goal,
        jobs: mpsc::Sender<Batch>,
        done: &mpsc::Receiver<Result<BatchDone>>,
    ) -> Result<Vec<FileEntry>> {
        let parent = self.parent.clone().filter(|_| goal == Goal::Lists);
        let mut planner = Planner::new(tree.walk(), parent, self.sparse.clone(), self.runtime.clone());
        let mut assembler = Assembler::default();
        let mut waiting: BTreeMap<u64, BatchDone> = BTreeMap::new();
        let (mut sent, mut received, mut more) = (0u64, 0u64, true);
        let ahead = 3 * self.options.workers.max(1) as u64;
        let mut tail = Vec::new();
        while more || received < sent {
            while more && sent - received < ahead {
                self.progress.check()?;
                match planner.next_batch(&mut assembler)? {
                    Some(batch) => {
                        sent += 1;
                        jobs.send(batch).map_err(|_| Error::Internal("the workers are gone".into()))?;
                    }
                    None => more = false,
                }
            }
            if received < sent {
                let answer = done.recv().map_err(|_| Error::Internal("a worker died".into()))??;
                waiting.insert(answer.number, answer);
            }
            while let Some(next) = waiting.remove(&received) {
                received += 1;
                self.totals.pages_changed += next.pages_changed;
                assembler
                    .take(&next, &mut Sink { meta: &mut self.meta, live: &mut self.live, sparse: &self.sparse })?;
            }
            for finished in assembler.finished(!more && received == sent) {
                let entry = self.count(finished);
                match goal {
                    Goal::Lists => self.lists.push(entry, &mut self.meta)?,
                    Goal::Tail => tail.push(entry),
                }
            }
        }
        drop(jobs);
        done.iter().try_for_each(|answer| answer.map(drop))?;
        Ok(tail)
    }

    fn count(&mut self, finished: assemble::Finished) -> FileEntry {
        if let Content::File { size, page_size, .. } = finished.entry.content {
            self.totals.files += 1;
            self.totals.bytes += size;
            self.totals.pages += size.div_ceil(u64::from(page_size));
        }
        self.damaged_total += finished.damaged.len() as u64;
        let room = DAMAGED_KEPT.saturating_sub(self.damaged.len());
        self.damaged.extend(finished.damaged.into_iter().take(room));
        finished.entry
    }

    /// Waits until every pack is durable, then puts the manifest: from here on the backup exists.
    pub async fn commit(mut self, commit: Commit) -> Result<ManifestHead> {
        let vault = self.vault.clone();
        let manifest = tokio::task::spawn_blocking(move || self.seal_manifest(commit)).await;
        let (name, head, bytes) = manifest.map_err(|e| Error::Internal(e.to_string()))??;
        vault.store().put_new(&name.to_string(), Bytes::from(bytes)).await?;
        Ok(head)
    }

    fn seal_manifest(&mut self, commit: Commit) -> Result<(Name, ManifestHead, Vec<u8>)> {
        self.meta.flush()?;
        let new_packs = self.uploader.finish()?;
        self.progress.check()?;
        self.totals.bytes_stored = new_packs.values().sum();
        let packs = self.pack_table(new_packs)?;
        let sparse = sparse::choose(&packs, &self.live).into_iter().map(|id| id.to_string()).collect();
        let head = ManifestHead {
            source: self.source.to_string(),
            backup: self.id.to_string(),
            parent: self.parent().map(BackupId::to_string),
            label: commit.label,
            rule: commit.rule,
            operation: commit.operation,
            began: self.began,
            ended: commit.ended,
            timeline: commit.timeline,
            log_from: commit.log_from,
            log_to: commit.log_to,
            segment_length: SEGMENT_LENGTH,
            totals: self.totals,
            sparse,
            damaged_pages: std::mem::take(&mut self.damaged),
            damaged_pages_total: self.damaged_total,
            engine: commit.engine,
            engine_info: commit.engine_info,
        };
        let lists = std::mem::take(&mut self.lists.done);
        let table = ManifestTable { lists, tail: self.tail, packs };
        let name = Name::Manifest(self.source.clone(), self.id.clone());
        let mut compressor = Compressor::new(self.options.zstd_level)?;
        let mut sealer = Sealer::new(self.vault.keys(), Kind::Manifest, &name, self.vault.env(), 0);
        let json = serde_json::to_vec(&head).map_err(|e| Error::Internal(e.to_string()))?;
        sealer.append(Class::Head, &json, &mut compressor)?;
        sealer.append(Class::Table, &table.encode(), &mut compressor)?;
        Ok((name, head, sealer.finish(&mut compressor)?))
    }

    /// All packs this backup needs: its own, and those of earlier backups with the sizes that the parent's manifest gives.
    fn pack_table(&self, mut sizes: BTreeMap<PackId, u64>) -> Result<Vec<PackInfo>> {
        for id in self.live.keys() {
            let known = self.parent.as_deref().and_then(|parent| parent.pack_size(*id));
            match (sizes.contains_key(id), known) {
                (true, _) => {}
                (false, Some(size)) => drop(sizes.insert(*id, size)),
                (false, None) => return Err(Error::Internal(format!("pack {id} is shared but not the parent's"))),
            }
        }
        Ok(sizes.into_iter().map(|(id, size)| PackInfo { id, size }).collect())
    }
}

/// Where finished entries go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Goal {
    Lists,
    Tail,
}

/// What the assembler needs of the writer.
struct Sink<'a> {
    meta: &'a mut PackWriter,
    live: &'a mut HashMap<PackId, u64>,
    sparse: &'a HashSet<PackId>,
}

/// A worker thread: batches until there are no more.
fn work(
    mut worker: Worker<'_>,
    jobs: &Mutex<mpsc::Receiver<Batch>>,
    done: &mpsc::Sender<Result<BatchDone>>,
) -> Result<()> {
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(batch) = job else { return worker.finish() };
        let answer = worker.run(&batch)?;
        if done.send(Ok(answer)).is_err() {
            return Ok(());
        }
    }
}

/// The parent, if it is whole: all its packs exist with their sizes. One listing instead of a look at each.
async fn usable_parent(vault: &Vault, source: &SourceName, id: &BackupId) -> Result<Option<Arc<BackupReader>>> {
    let parent = BackupReader::open(vault, source, id).await?;
    match vault.missing_packs(parent.packs()).await?.first() {
        None => Ok(Some(Arc::new(parent))),
        Some(missing) => {
            tracing::error!(backup = %id, pack = %missing, "the parent lacks a pack: everything is stored anew; run `rekindle check`");
            Ok(None)
        }
    }
}

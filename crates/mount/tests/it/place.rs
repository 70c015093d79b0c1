//! A backup of made-up files in a real vault, and a mount's home on it.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use mount::fs::{Fs, Way};
use mount::skeleton::{Layout, Skeleton};
use tempfile::TempDir;
use vault::backup::read::BackupReader;
use vault::backup::tree::{Tree, TreeEntry, TreeFile, TreeKind};
use vault::backup::write::{BackupWriter, Commit, WriteOptions};
use vault::keys::{Lock, Slot, new_key_file};
use vault::names::{BackupId, SourceName};
use vault::store::fault::FaultStore;
use vault::{Env, Vault};

pub(crate) struct Place {
    pub(crate) folder: TempDir,
    pub(crate) vault: Vault,
    /// The vault's store: counts what is asked of it, and can be told to fail.
    pub(crate) store: FaultStore,
    backup: BackupId,
    runtime: tokio::runtime::Runtime,
}

impl Place {
    /// Files by path, with their page sizes.
    pub(crate) fn new(files: &BTreeMap<String, (Vec<u8>, u32)>) -> Place {
        Place::with(async |vault| store(vault, Files(Arc::new(files.clone()))).await)
    }

    /// A terabyte, see `large_backup`.
    pub(crate) fn large() -> Place {
        Place::with(async |vault| {
            let (vault, runtime) = (vault.clone(), tokio::runtime::Handle::current());
            tokio::task::spawn_blocking(move || crate::large_backup::store(&vault, &runtime)).await.unwrap()
        })
    }

    fn with(backup: impl AsyncFnOnce(&Vault) -> BackupId) -> Place {
        let folder = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let location = folder.path().join("vault").to_str().unwrap().parse().unwrap();
        let store = FaultStore::new(vault::store::open(&location).unwrap(), 1, Vec::new());
        let (vault, backup) = runtime.block_on(async {
            let env = Env::system();
            let key = new_key_file(&env);
            let seal = |data_key: &_, id: &_| Ok(vec![Slot::seal(Lock::KeyFile(&key), data_key, id, "test", &env)?]);
            let vault = Vault::create(Arc::new(store.clone()), &env, seal).await.unwrap();
            let backup = backup(&vault).await;
            (vault, backup)
        });
        std::fs::create_dir(folder.path().join("home")).unwrap();
        Place { folder, vault, store, backup, runtime }
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    pub(crate) fn open(&self) -> mount::Result<Skeleton> {
        let source: SourceName = "shop".parse().unwrap();
        let reader = self.runtime.block_on(BackupReader::open(&self.vault, &source, &self.backup)).unwrap();
        let mut skeleton = Skeleton::open(Arc::new(reader), &self.home(), &Layout::default(), self.runtime.handle())?;
        if let Some(fresh) = skeleton.fresh.take() {
            // As the process of a mount does beside.
            skeleton.presence.record(&skeleton.presence.take_all()).unwrap();
            fresh.finish()?;
        }
        Ok(skeleton)
    }

    /// The tree, as a new process would open it: what only the one before had in memory is gone.
    pub(crate) fn fs(&self, keep: bool) -> Fs {
        self.fs_in(Way { keep, direct: false })
    }

    /// The same for a kernel that may go to whole files itself; that needs root.
    pub(crate) fn direct_fs(&self, keep: bool) -> Fs {
        self.fs_in(Way { keep, direct: rustix::process::geteuid().is_root() })
    }

    fn fs_in(&self, way: Way) -> Fs {
        let Skeleton { base, presence, root, .. } = self.open().unwrap();
        Fs::new(base, presence, &root, way).unwrap()
    }
}

async fn store(vault: &Vault, files: Files) -> BackupId {
    let options = WriteOptions { workers: 1, ..WriteOptions::default() };
    let mut writer = BackupWriter::begin(vault, "shop".parse().unwrap(), None, options, Arc::default()).await.unwrap();
    let stored = tokio::task::spawn_blocking(move || {
        writer.store_tree(&files).unwrap();
        writer.store_tail(&Files::default()).unwrap();
        writer
    });
    let writer = stored.await.unwrap();
    let id = writer.id().clone();
    let commit = Commit {
        label: None,
        rule: None,
        operation: None,
        ended: vault.env().now(),
        timeline: 1,
        log_from: 0,
        log_to: 0,
        engine: "test".into(),
        engine_info: Default::default(),
    };
    writer.commit(commit).await.unwrap();
    id
}

#[derive(Debug, Clone, Default)]
struct Files(Arc<BTreeMap<String, (Vec<u8>, u32)>>);

impl Tree for Files {
    fn walk(&self) -> Box<dyn Iterator<Item = vault::Result<TreeEntry>> + Send + '_> {
        let entry = |path: String, kind| TreeEntry { path, kind, mode: 0o700, uid: 0, gid: 0, modified: 0 };
        let mut entries = BTreeMap::new();
        for (path, (bytes, page_size)) in self.0.iter() {
            let parts: Vec<&str> = path.split('/').collect();
            for depth in 1..parts.len() {
                entries.entry(parts[..depth].to_vec()).or_insert(TreeKind::Folder);
            }
            entries.insert(parts, TreeKind::File { size: bytes.len() as u64, page_size: *page_size });
        }
        let entries: Vec<_> = entries.into_iter().map(|(parts, kind)| Ok(entry(parts.join("/"), kind))).collect();
        Box::new(entries.into_iter())
    }

    fn open(&self, path: &str) -> io::Result<Option<Box<dyn TreeFile>>> {
        Ok(self.0.get(path).map(|(bytes, _)| Box::new(InMemory(bytes.clone())) as Box<dyn TreeFile>))
    }
}

struct InMemory(Vec<u8>);

impl TreeFile for InMemory {
    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let from = (offset as usize).min(self.0.len());
        let length = buffer.len().min(self.0.len() - from);
        buffer[..length].copy_from_slice(&self.0[from..from + length]);
        Ok(length)
    }
}

/// Bytes that tell where they are from; every fifth page is zeroes.
pub(crate) fn bytes(length: usize, page_size: usize, seed: u64) -> Vec<u8> {
    let mut bytes: Vec<u8> =
        (0..length).map(|at| (seed.wrapping_mul(31) as usize + at / 64 * 7 + at / page_size * 13 + 1) as u8).collect();
    bytes.chunks_mut(page_size).skip(4).step_by(5).for_each(|page| page.fill(0));
    bytes
}

//! A vault read through a folder of parts: what is damaged there is read anew, and nobody notices.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;
use vault::backup::read::{BackupReader, ExtentReader};
use vault::format::files::Content;
use vault::format::map::ExtentRef;
use vault::store::fault::FaultStore;
use vault::store::{CacheSettings, CacheStore};
use vault::{Env, Vault};

use crate::support::{folder_store, new_vault, shop, store, vault_in};
use crate::tree::MemoryTree;

fn parts(folder: &Path) -> Vec<PathBuf> {
    let (mut parts, mut folders) = (Vec::new(), vec![folder.join("packs")]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            (if path.is_dir() { &mut folders } else { &mut parts }).push(path);
        }
    }
    parts
}

/// Everything of the backup, by single reads and by long ones.
async fn read_all(vault: &Vault, backup: &vault::names::BackupId) -> Vec<Vec<u8>> {
    let reader = Arc::new(BackupReader::open(vault, &shop(), backup).await.unwrap());
    let mut extents: Vec<ExtentRef> = Vec::new();
    for entry in reader.list(0).await.unwrap() {
        let Content::File { segments, .. } = entry.content else { continue };
        for segment in &segments {
            extents.extend(&reader.segment(segment).await.unwrap().map.extents);
        }
    }
    extents.sort_unstable();
    let mut raw = Vec::new();
    for extent in &extents {
        raw.push(reader.extent(extent).await.unwrap());
    }
    let runtime = tokio::runtime::Handle::current();
    let long = tokio::task::spawn_blocking(move || {
        let mut raw = Vec::new();
        let mut long = ExtentReader::new(&reader, runtime, Arc::default());
        let keep = |_: &_, bytes: &[u8]| {
            raw.push(bytes.to_vec());
            Ok(())
        };
        long.each(extents, keep).unwrap();
        raw
    });
    assert!(long.await.unwrap() == raw);
    raw
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damage_in_the_cache_heals() {
    let (folder, kept) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let far = FaultStore::new(folder_store(&folder), 1, Vec::new());
    let settings = CacheSettings { folder: kept.path().to_owned(), bytes_max: 1 << 30 };
    let cache = CacheStore::new(Arc::new(far.clone()), settings, &Env::system());
    let vault = vault_in(Arc::new(cache), &Env::system()).await;
    let tree = MemoryTree::default();
    tree.set("base/1", (0..3_000_000u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect());
    let (backup, _) = store(&vault, &tree, None, (0, 0)).await;
    let right = read_all(&vault, &backup).await;
    let before = far.operations();
    assert!(read_all(&vault, &backup).await == right);
    assert_eq!(far.operations() - before, 1, "only the manifest is asked for");
    let spoil: [fn(Vec<u8>) -> Vec<u8>; 4] = [
        |bytes| bytes.into_iter().map(|byte| byte ^ 0x10).collect(),
        |bytes| vec![0; bytes.len()],
        |bytes| bytes[..bytes.len() / 2].to_vec(),
        |_| Vec::new(),
    ];
    for spoil in spoil {
        for part in parts(kept.path()) {
            std::fs::write(&part, spoil(std::fs::read(&part).unwrap())).unwrap();
        }
        assert!(read_all(&vault, &backup).await == right);
        let before = far.operations();
        assert!(read_all(&vault, &backup).await == right);
        assert_eq!(far.operations() - before, 1, "it has not healed");
    }
}

#[tokio::test]
async fn a_vault_in_a_folder_needs_no_cache() {
    let (vault, _folder) = new_vault().await;
    let kept = TempDir::new().unwrap();
    let tree = MemoryTree::default();
    tree.set("base/1", vec![7; 300_000]);
    let (backup, _) = store(&vault, &tree, None, (0, 0)).await;
    let cached = vault.with_cache(CacheSettings { folder: kept.path().join("kept"), bytes_max: 1 << 30 });
    BackupReader::open(&cached, &shop(), &backup).await.unwrap().list(0).await.unwrap();
    assert!(!kept.path().join("kept").exists());
}

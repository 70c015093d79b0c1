//! A tree goes in, changes, goes in again, and each state comes out as it was.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::runtime::Handle;
use vault::Vault;
use vault::backup::read::BackupReader;
use vault::backup::restore::{RestoreOptions, read_file, restore_tree};
use vault::backup::tree::Progress;
use vault::backup::write::{BackupWriter, Commit, WriteOptions};
use vault::format::manifest::ManifestHead;
use vault::names::{BackupId, Name, SourceName};

use crate::support::new_vault;
use crate::tree::{MemoryTree, PAGE, pages};

async fn back_up(vault: &Vault, tree: &MemoryTree, parent: Option<BackupId>) -> (BackupId, ManifestHead) {
    let source: SourceName = "shop".parse().unwrap();
    let mut writer = BackupWriter::begin(vault, source, parent, WriteOptions::default(), Arc::default()).await.unwrap();
    let tree = tree.clone();
    let tail = MemoryTree::default();
    tail.set("global/pg_control", vec![7; 8192]);
    let writer = tokio::task::spawn_blocking(move || {
        writer.store_tree(&tree).unwrap();
        writer.store_tail(&tail).unwrap();
        writer
    });
    let writer = writer.await.unwrap();
    let id = writer.id().clone();
    let commit = Commit {
        label: None,
        rule: None,
        operation: None,
        ended: vault.env().now(),
        timeline: 1,
        log_from: 0x100,
        log_to: 0x200,
        engine: "test".into(),
        engine_info: serde_json::json!({}),
    };
    (id, writer.commit(commit).await.unwrap())
}

async fn restored(
    vault: &Vault,
    id: &BackupId,
    into: &std::path::Path,
    delta: bool,
) -> (BTreeMap<Vec<String>, Vec<u8>>, u64) {
    let reader = Arc::new(BackupReader::open(vault, &"shop".parse().unwrap(), id).await.unwrap());
    let root = into.to_owned();
    tokio::task::spawn_blocking(move || {
        let place = |entry: &vault::format::files::FileEntry| Some(root.join(&entry.path));
        let options = RestoreOptions { workers: 2, delta, owner: None };
        let progress = Arc::new(Progress::default());
        let totals = restore_tree(
            &reader,
            &place,
            std::slice::from_ref(&root),
            &|_| false,
            &options,
            &Handle::current(),
            &progress,
        )
        .unwrap();
        let tail = Handle::current().block_on(reader.tail()).unwrap();
        assert_eq!(read_file(&reader, tail.last().unwrap(), &Handle::current()).unwrap(), vec![7; 8192]);
        let mut files = BTreeMap::new();
        read_folder(&root, &mut Vec::new(), &mut files);
        (files, totals.pages_written)
    })
    .await
    .unwrap()
}

fn read_folder(folder: &std::path::Path, parts: &mut Vec<String>, files: &mut BTreeMap<Vec<String>, Vec<u8>>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        parts.push(entry.file_name().into_string().unwrap());
        match entry.file_type().unwrap().is_dir() {
            true => read_folder(&entry.path(), parts, files),
            false => drop(files.insert(parts.clone(), std::fs::read(entry.path()).unwrap())),
        }
        parts.pop();
    }
}

fn sample() -> MemoryTree {
    let tree = MemoryTree::default();
    tree.set("PG_VERSION", b"15\n".to_vec());
    tree.set("base/1/1247", pages(3, 1));
    tree.set("base/1/16384", pages(5000, 2));
    tree.set("base/1/16385", Vec::new());
    for number in 0..600 {
        tree.set(&format!("base/2/{number}"), pages(1 + number % 7, 3 + number as u64));
    }
    tree.set("base.odd/tail", pages(2, 9)[..PAGE + 100].to_vec());
    tree
}

#[tokio::test(flavor = "multi_thread")]
async fn each_backup_comes_back_as_it_was() {
    let (vault, folder) = new_vault().await;
    let tree = sample();
    let (first, head) = back_up(&vault, &tree, None).await;
    let state_1 = tree.files.lock().unwrap().clone();
    assert_eq!(head.totals.bytes, state_1.values().map(|bytes| bytes.len() as u64).sum::<u64>() + 8192);

    tree.change("base/1/16384", 17, 0x55);
    tree.change("base/1/16384", 4, 0x56);
    tree.set("base/1/16386", pages(40, 77));
    tree.remove("base/2/5");
    // Files whose pages lie partly in an old extent and partly in a new one that they share.
    for number in [6, 13, 20, 27, 34, 41] {
        tree.change(&format!("base/2/{number}"), 2, number as u8);
        tree.change(&format!("base/2/{number}"), 5, number as u8);
    }
    let (second, head_2) = back_up(&vault, &tree, Some(first.clone())).await;
    let state_2 = tree.files.lock().unwrap().clone();
    assert_eq!(head_2.parent.as_deref(), Some(first.as_str()));
    assert!(head_2.totals.pages_changed < 60, "{} pages changed", head_2.totals.pages_changed);
    assert!(head_2.totals.bytes_stored * 5 < head.totals.bytes_stored, "{head_2:?} after {head:?}");

    for (id, state) in [(&first, &state_1), (&second, &state_2)] {
        let into = folder.path().join(format!("into-{id}"));
        std::fs::create_dir(&into).unwrap();
        assert_eq!(&restored(&vault, id, &into, false).await.0, state);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delta_restore_writes_only_what_differs() {
    let (vault, folder) = new_vault().await;
    let tree = sample();
    let (id, _) = back_up(&vault, &tree, None).await;
    let state = tree.files.lock().unwrap().clone();
    let into = folder.path().join("into");
    std::fs::create_dir(&into).unwrap();
    restored(&vault, &id, &into, false).await;
    assert_eq!(restored(&vault, &id, &into, true).await, (state.clone(), 0));

    std::fs::write(into.join("base/1/stray"), b"x").unwrap();
    std::fs::create_dir(into.join("base/9")).unwrap();
    let mut changed = state[&vec!["base".to_owned(), "1".into(), "16384".into()]].clone();
    changed[3 * PAGE] ^= 1;
    changed[4 * PAGE] = 9;
    changed.truncate(4990 * PAGE);
    std::fs::write(into.join("base/1/16384"), changed).unwrap();
    let (again, written) = restored(&vault, &id, &into, true).await;
    assert_eq!(again, state);
    assert_eq!(written, 2 + 8, "two changed pages, one of them back to zeroes, and eight of ten cut off");
    assert!(!into.join("base/9").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_row_of_backups_stays_readable() {
    let (vault, folder) = new_vault().await;
    let tree = sample();
    let (mut id, first) = back_up(&vault, &tree, None).await;
    let mut stored = 0;
    for day in 0..20u8 {
        for page in 0..50 {
            tree.change("base/1/16384", (usize::from(day) * 977 + page * 89) % 5000, day);
        }
        let (next, head) = back_up(&vault, &tree, Some(id)).await;
        stored += head.totals.bytes_stored;
        id = next;
    }
    let into = folder.path().join("into");
    std::fs::create_dir(&into).unwrap();
    assert_eq!(restored(&vault, &id, &into, false).await.0, *tree.files.lock().unwrap());
    assert!(stored < 4 * first.totals.bytes_stored, "{stored} after {}", first.totals.bytes_stored);
}

/// Of everything that it needs, also of what an earlier backup has stored.
#[tokio::test(flavor = "multi_thread")]
async fn what_lacks_a_pack_or_part_of_one_is_not_whole() {
    let (vault, folder) = new_vault().await;
    let tree = sample();
    let (first, _) = back_up(&vault, &tree, None).await;
    tree.set("base/1/new", pages(3, 77));
    let (second, _) = back_up(&vault, &tree, Some(first.clone())).await;
    let source: SourceName = "shop".parse().unwrap();
    let (first, second) = (
        BackupReader::open(&vault, &source, &first).await.unwrap(),
        BackupReader::open(&vault, &source, &second).await.unwrap(),
    );
    first.must_be_whole().await.unwrap();
    second.must_be_whole().await.unwrap();
    let theirs: Vec<_> = first.packs().iter().map(|pack| pack.id).collect();
    let own = second.packs().iter().find(|pack| !theirs.contains(&pack.id)).unwrap();
    let path = |pack| folder.path().join("vault").join(Name::Pack(pack).to_string());
    let whole = std::fs::read(path(own.id)).unwrap();
    std::fs::remove_file(path(own.id)).unwrap();
    let missing = second.must_be_whole().await.unwrap_err().to_string();
    assert!(missing.contains(&Name::Pack(own.id).to_string()) && missing.contains("missing"), "{missing}");
    first.must_be_whole().await.unwrap();
    std::fs::write(path(own.id), &whole[..whole.len() - 1]).unwrap();
    let short = second.must_be_whole().await.unwrap_err();
    assert!(short.to_string().contains(&format!("and should have {}", whole.len())), "{short}");
    assert_eq!(short.kind(), vault::Kind::Damaged);
    std::fs::write(path(own.id), &whole).unwrap();
    let shared = second.packs().iter().find(|pack| theirs.contains(&pack.id)).unwrap();
    std::fs::remove_file(path(shared.id)).unwrap();
    second.must_be_whole().await.unwrap_err();
}

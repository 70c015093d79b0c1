//! `docs/second_reader.py`, written from `docs/format.md`, restores what we stored. It needs the virtual environment that
//! `scripts/setup` makes.

use std::path::{Path, PathBuf};
use std::process::Command;

use jiff::SignedDuration;
use vault::Vault;
use vault::keys::{Lock, Slot, new_key_file};

use crate::support::{fake_env, folder_store, shop, store};
use crate::tree::{MemoryTree, pages};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_written_from_the_page_restores_a_backup() {
    let (env, clock) = fake_env();
    let folder = tempfile::TempDir::new().unwrap();
    let key = new_key_file(&env);
    let slots = |data_key: &_, id: &str| Ok(vec![Slot::seal(Lock::KeyFile(&key), data_key, id, "schlüssel", &env)?]);
    let vault = Vault::create(folder_store(&folder), &env, slots).await.unwrap();
    let tree = MemoryTree::default();
    tree.set("base/1/16384", pages(600, 2));
    tree.set("base/1/16385", Vec::new());
    tree.set("base/2/7", pages(9, 4)[..70_000].to_vec());
    let (first, _) = store(&vault, &tree, None, (0, 10)).await;
    clock.advance(SignedDuration::from_hours(1));
    tree.change("base/1/16384", 17, 0x55);
    let (second, _) = store(&vault, &tree, Some(first), (0, 10)).await;

    let (key_file, into) = (folder.path().join("key"), folder.path().join("into"));
    std::fs::write(&key_file, key.as_bytes()).unwrap();
    let reader = Command::new(root().join(".venv/bin/python"))
        .arg(root().join("docs/second_reader.py"))
        .args([folder.path().join("vault"), key_file, shop().as_str().into(), second.as_str().into(), into.clone()])
        .output();
    let reader = reader.expect("run scripts/setup first");
    assert!(reader.status.success(), "{}", String::from_utf8_lossy(&reader.stderr));
    for (path, bytes) in tree.files.lock().unwrap().iter() {
        assert!(std::fs::read(into.join(path.join("/"))).unwrap() == *bytes, "{path:?}");
    }
    assert_eq!(std::fs::read(into.join("global/pg_control")).unwrap(), vec![7; 8192]);
}

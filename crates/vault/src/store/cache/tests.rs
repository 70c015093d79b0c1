//! The cache alone: what it answers itself, how much it keeps, and that nothing about its folder is ever an error. That damage in it
//! heals is tried with a vault, in `tests/it/cache.rs`.

use std::process::Command;

use futures::future;

use super::parts::PART;
use super::*;
use crate::store::conformance::conformance;
use crate::store::fault::FaultStore;

const NAME: &str = "packs/ab/one";

/// A place, what counts the requests to it, and a folder to keep parts in.
struct Far {
    _vault: tempfile::TempDir,
    kept: tempfile::TempDir,
    store: FaultStore,
}

impl Far {
    async fn new(objects: &[(&str, usize)]) -> Far {
        let vault = tempfile::tempdir().unwrap();
        let folder: SharedStore = Arc::new(crate::store::FolderStore::open(vault.path()).unwrap());
        let store = FaultStore::new(folder, 1, Vec::new());
        for (name, length) in objects {
            store.put_new(name, content(name, 0..*length as u64)).await.unwrap();
        }
        Far { _vault: vault, kept: tempfile::tempdir().unwrap(), store }
    }

    /// As another process would.
    fn cached(&self, bytes_max: u64) -> CacheStore {
        let settings = CacheSettings { folder: self.kept.path().to_owned(), bytes_max };
        CacheStore::new(Arc::new(self.store.clone()), settings, &Env::system())
    }

    /// Requests that `read` makes.
    async fn asked<T>(&self, read: impl Future<Output = T>) -> (T, u64) {
        let before = self.store.operations();
        let done = read.await;
        (done, self.store.operations() - before)
    }

    fn parts(&self) -> Vec<PathBuf> {
        let mut parts = Vec::new();
        let mut folders = vec![self.kept.path().join("packs")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                (if entry.path().is_dir() { &mut folders } else { &mut parts }).push(entry.path());
            }
        }
        parts
    }

    fn bytes_kept(&self) -> u64 {
        self.parts().iter().map(|part| part.metadata().unwrap().len()).sum()
    }

    fn counted(&self) -> u64 {
        u64::from_le_bytes(std::fs::read(self.kept.path().join("used")).unwrap().try_into().unwrap())
    }
}

/// Other bytes at every place of every object.
fn content(name: &str, range: Range<u64>) -> Bytes {
    let seed = name.bytes().fold(0u64, |sum, byte| sum.wrapping_mul(31) + u64::from(byte));
    range.map(|at| ((at + seed).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_cache_conforms() {
    let far = Far::new(&[]).await;
    let settings = CacheSettings { folder: far.kept.path().to_owned(), bytes_max: 1 << 20 };
    let store = CacheStore::of_names(Arc::new(far.store.clone()), "", settings, &Env::system());
    let broken = conformance(&(Arc::new(store) as SharedStore), &Env::system()).await;
    assert!(broken.is_empty(), "{broken:#?}");
}

#[tokio::test]
async fn what_one_has_read_another_does_not_ask_for() {
    let far = Far::new(&[(NAME, 1_000_000)]).await;
    let (one, two) = (far.cached(1 << 30), far.cached(1 << 30));
    let ranges = [0..100, 500_000..700_000, 999_000..1_000_000, 0..1_000_000];
    for range in ranges.clone() {
        assert_eq!(one.get_range(NAME, range.clone()).await.unwrap(), content(NAME, range));
    }
    for range in ranges {
        let (read, asked) = far.asked(two.get_range(NAME, range.clone())).await;
        assert_eq!((read.unwrap(), asked), (content(NAME, range), 0));
    }
    assert_eq!((far.bytes_kept(), far.counted()), (1_000_000, 1_000_000));
}

#[tokio::test]
async fn neighbours_are_asked_for_at_once_and_only_what_is_not_there() {
    let far = Far::new(&[(NAME, 10 * PART as usize)]).await;
    let store = far.cached(1 << 30);
    let (_, asked) = far.asked(store.get_range(NAME, PART * 3 + 5..PART * 3 + 6)).await;
    assert_eq!(asked, 1);
    let (read, asked) = far.asked(store.get_range(NAME, 0..PART * 10)).await;
    assert_eq!((read.unwrap(), asked), (content(NAME, 0..PART * 10), 2), "before and behind the part that is there");
}

#[tokio::test]
async fn other_objects_and_their_names_are_left_alone() {
    let far = Far::new(&[("logs/a", 100)]).await;
    let store = far.cached(1 << 30);
    for _ in 0..2 {
        let (read, asked) = far.asked(store.get_range("logs/a", 1..10)).await;
        assert_eq!((read.unwrap(), asked), (content("logs/a", 1..10), 1));
    }
    for name in ["packs/../../escape", "packs/ab/none"] {
        assert!(store.get_range(name, 0..10).await.is_err());
    }
    assert!(far.parts().is_empty());
}

#[tokio::test]
async fn it_stays_within_its_bound_and_keeps_what_was_used_last() {
    let names: Vec<String> = (0..20).map(|number| format!("packs/ab/{number}")).collect();
    let objects: Vec<_> = names.iter().map(|name| (name.as_str(), PART as usize)).collect();
    let far = Far::new(&objects).await;
    let store = far.cached(8 * PART);
    for (number, name) in names.iter().enumerate() {
        store.get_range(name, 0..PART).await.unwrap();
        assert!(far.bytes_kept() <= 8 * PART, "{} bytes", far.bytes_kept());
        assert_eq!(far.bytes_kept(), far.counted());
        // The first is used all the time, the others were used one after the other, long ago.
        let age = std::time::Duration::from_secs(1_000_000 - 1000 * number as u64);
        let part = std::fs::File::options().write(true).open(far.kept.path().join(name).join("0")).unwrap();
        part.set_modified(part.metadata().unwrap().modified().unwrap() - age).unwrap();
        let (_, asked) = far.asked(store.get_range(&names[0], 0..10)).await;
        assert_eq!(asked, 0, "the one used last went after {number}");
    }
    assert!(far.parts().contains(&far.kept.path().join(&names[19]).join("0")));
    assert!(!far.kept.path().join(&names[1]).exists(), "a folder without parts is left");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_at_once_read_the_right_bytes_within_the_bound() {
    let names: Vec<String> = (0..4).map(|number| format!("packs/ab/{number}")).collect();
    let objects: Vec<_> = names.iter().map(|name| (name.as_str(), 1_500_000)).collect();
    let far = Far::new(&objects).await;
    let readers = (0..6u64).map(|reader| {
        let (store, names) = (far.cached(8 * PART), names.clone());
        tokio::spawn(async move {
            let mut state = reader + 1;
            for _ in 0..60 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let (name, start) = (&names[(state >> 60) as usize % 4], (state >> 20) % 1_400_000);
                let range = start..start + (state >> 40) % 100_000 + 1;
                assert_eq!(store.get_range(name, range.clone()).await.unwrap(), content(name, range));
            }
        })
    });
    future::join_all(readers).await.into_iter().for_each(|reader| reader.unwrap());
    assert!(far.bytes_kept() <= 8 * PART && far.bytes_kept() <= far.counted());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_at_once_are_all_counted() {
    let far = Far::new(&[(NAME, 64 * PART as usize)]).await;
    let readers = (0..8).map(|reader| {
        let store = far.cached(1 << 30);
        tokio::spawn(async move {
            for part in (reader..64).step_by(8) {
                store.get_range(NAME, part * PART..part * PART + 1).await.unwrap();
            }
        })
    });
    future::join_all(readers).await.into_iter().for_each(|reader| reader.unwrap());
    assert_eq!((far.bytes_kept(), far.counted()), (64 * PART, 64 * PART));
}

#[tokio::test]
async fn a_folder_that_cannot_be_used_is_no_error() {
    let far = Far::new(&[(NAME, 1_000_000)]).await;
    std::fs::write(far.kept.path().join("packs"), "in the way").unwrap();
    let store = far.cached(1 << 30);
    assert_eq!(store.get_range(NAME, 5..500_000).await.unwrap(), content(NAME, 5..500_000));
    let nothing = far.cached(10);
    assert_eq!(nothing.get_range(NAME, 5..500_000).await.unwrap(), content(NAME, 5..500_000));
}

#[tokio::test]
async fn a_full_disk_is_no_error_and_leaves_nothing_half() {
    let far = Far::new(&[(NAME, 2_000_000)]).await;
    let disk = far.kept.path().to_str().unwrap();
    let run = |program: &str, arguments: &[&str]| {
        assert!(Command::new(program).args(arguments).status().unwrap().success(), "{program} {arguments:?}");
    };
    run("mount", &["-t", "tmpfs", "-o", "size=600k", "none", disk]);
    let store = far.cached(1 << 30);
    for _ in 0..2 {
        let read = store.get_range(NAME, 0..2_000_000).await;
        assert!(read.is_ok_and(|read| read == content(NAME, 0..2_000_000)));
    }
    let parts = far.parts();
    let whole = parts.iter().all(|part| part.metadata().unwrap().len() == PART);
    drop(store);
    run("umount", &[disk]);
    assert!(whole && parts.len() == 2, "{parts:?}");
}

#[tokio::test]
async fn a_part_cut_short_is_asked_for_again() {
    let far = Far::new(&[(NAME, 1_000_000)]).await;
    let store = far.cached(1 << 30);
    store.get_range(NAME, 0..10).await.unwrap();
    std::fs::File::options().write(true).open(&far.parts()[0]).unwrap().set_len(100).unwrap();
    let (read, asked) = far.asked(store.get_range(NAME, 0..1000)).await;
    assert_eq!((read.unwrap(), asked), (content(NAME, 0..1000), 1));
    let (_, asked) = far.asked(store.get_range(NAME, 0..1000)).await;
    assert_eq!(asked, 0);
}

#[tokio::test]
async fn what_is_deleted_is_not_kept() {
    let far = Far::new(&[(NAME, 1_000_000)]).await;
    let store = far.cached(1 << 30);
    store.get_range(NAME, 0..1_000_000).await.unwrap();
    store.delete(NAME).await.unwrap();
    assert!(matches!(store.get_range(NAME, 0..10).await, Err(Error::NotFound(_))));
    assert_eq!((far.parts().len(), far.counted()), (0, 0));
}

//! Unit tests of the stores that need no server. S3 is tried in `tests/it`.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};

use super::fault::{Fault, FaultStore, Operation, Rule};
use super::probe::probe;
use super::*;
use crate::env::Env;

fn folder() -> (tempfile::TempDir, SharedStore) {
    let directory = tempfile::tempdir().unwrap();
    let store = Arc::new(FolderStore::open(&directory.path().join("new/vault")).unwrap());
    (directory, store)
}

async fn names(store: &dyn Store, prefix: &str) -> Vec<String> {
    store.list(prefix).map_ok(|info| info.name).try_collect().await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn folder_conforms() {
    let (_directory, store) = folder();
    let broken = conformance::conformance(&store, &Env::system()).await;
    assert!(broken.is_empty(), "{broken:#?}");
    assert!(names(&*store, "").await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fault_store_without_faults_conforms() {
    let (_directory, store) = folder();
    let store: SharedStore = Arc::new(FaultStore::new(store, 7, Vec::new()));
    let broken = conformance::conformance(&store, &Env::system()).await;
    assert!(broken.is_empty(), "{broken:#?}");
}

#[tokio::test]
async fn conformance_sees_every_fault() {
    for fault in [
        Fault::ErrorBefore,
        Fault::TimeoutAfter,
        Fault::Truncated,
        Fault::Flipped,
        Fault::NotDeleted,
        Fault::MissesNewest,
    ] {
        let (_directory, store) = folder();
        let store: SharedStore = Arc::new(FaultStore::new(store, 7, vec![Rule::always(fault, "*")]));
        let broken = conformance::conformance(&store, &Env::system()).await;
        assert!(!broken.is_empty(), "{fault:?} went unseen");
    }
}

#[tokio::test]
async fn folder_lists_nothing_foreign() {
    let (directory, store) = folder();
    store.put_new("packs/1", "x".into()).await.unwrap();
    let packs = directory.path().join("new/vault/packs");
    for foreign in ["2#1", ".3.swp", "with space", "lost+found~"] {
        std::fs::write(packs.join(foreign), "foreign").unwrap();
    }
    assert_eq!(names(&*store, "").await, ["packs/1"]);
}

#[tokio::test]
async fn folder_leaves_no_incoming() {
    let (directory, store) = folder();
    store.put_new("a", "x".into()).await.unwrap();
    store.put_new("a", "y".into()).await.unwrap_err();
    let left = std::fs::read_dir(directory.path().join("new/vault/.incoming")).unwrap().count();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn folder_removes_only_old_leftovers() {
    let (directory, store) = folder();
    let incoming = directory.path().join("new/vault/.incoming");
    std::fs::create_dir_all(&incoming).unwrap();
    for (name, age_hours) in [("old", 25), ("young", 23)] {
        let file = std::fs::File::create(incoming.join(name)).unwrap();
        let now = file.metadata().unwrap().modified().unwrap();
        file.set_modified(now - std::time::Duration::from_secs(age_hours * 3600)).unwrap();
    }
    store.put_new("a", "x".into()).await.unwrap();
    assert!(!incoming.join("old").exists());
    assert!(incoming.join("young").exists());
}

#[tokio::test]
async fn folder_without_permission_is_permanent() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let store = FolderStore::open(&file.path().join("vault")).unwrap();
    let error = store.put_new("a", "x".into()).await.unwrap_err();
    assert!(matches!(error, Error::Store { permanent: true, .. }), "{error:?}");
}

#[tokio::test]
async fn list_of_a_missing_folder_is_empty() {
    let (_directory, store) = folder();
    assert!(names(&*store, "").await.is_empty());
}

#[test]
fn locations_parse_and_show() {
    for (text, shown) in [
        ("/var/lib/vault/", "file:/var/lib/vault"),
        ("file:/var/lib/vault", "file:/var/lib/vault"),
        ("file:///var//lib", "file:/var/lib"),
        ("s3://bucket", "s3://bucket"),
        ("s3://bucket/", "s3://bucket"),
        ("s3://my.bucket-1/a/b/", "s3://my.bucket-1/a/b"),
    ] {
        let location: Location = text.parse().unwrap();
        assert_eq!(location.to_string(), shown);
        assert_eq!(shown.parse::<Location>().unwrap().to_string(), shown);
    }
    for text in
        ["", "relative", "file:relative", "/a/../b", "s3://", "s3://B", "s3://ab", "s3://bucket//a", "http://x/y"]
    {
        assert!(text.parse::<Location>().is_err(), "{text}");
    }
}

#[test]
fn profiles_give_keys_and_no_secret_shows() {
    let text = "[other]\naws_access_key_id=o\n# aws_secret_access_key = no\n[mine]\naws_access_key_id = AK\naws_secret_access_key = hush\n";
    let profile = |name: &str| Credentials::Profile { file_text: text.to_owned().into(), name: name.into() };
    let Credentials::Keys { id, secret, token: None } = profile("mine").resolve().unwrap() else { panic!("no keys") };
    assert_eq!((id.as_str(), secret.as_str()), ("AK", "hush"));
    assert!(profile("other").resolve().is_err());
    assert!(profile("none").resolve().is_err());
    let keys = Credentials::Keys { id, secret, token: None };
    assert!(!format!("{keys:?} {:?}", profile("mine")).contains("hush"));
}

#[test]
fn plain_http_must_be_allowed() {
    let options = S3Options { endpoint: Some("http://127.0.0.1:1".into()), path_style: true, ..S3Options::default() };
    let location = "s3://bucket".parse::<Location>().unwrap();
    assert!(matches!(open(&location.clone().with_s3(options.clone())), Err(Error::Invalid(_))));
    assert!(open(&location.with_s3(S3Options { allow_http: true, ..options })).is_ok());
}

#[tokio::test]
async fn faults_repeat_with_their_seed() {
    let run = async |seed| {
        let (_directory, store) = folder();
        let store = FaultStore::new(store, seed, vec![Rule::always(Fault::ErrorBefore, "p/*").per_mille(500)]);
        let mut fates = Vec::new();
        for number in 0..64 {
            fates.push(store.put_new(&format!("p/{number}"), "x".into()).await.is_ok());
        }
        store.put_new("q/1", "x".into()).await.unwrap();
        let failed = fates.iter().filter(|ok| !**ok).count() as u64;
        assert_eq!(store.counts()[&Fault::ErrorBefore], failed);
        assert_eq!(store.operations(), 65);
        fates
    };
    assert_eq!(run(1).await, run(1).await);
    assert_ne!(run(1).await, run(2).await);
}

#[tokio::test]
async fn each_fault_does_what_it_says() {
    let (_directory, good) = folder();
    let store = |fault| FaultStore::new(good.clone(), 3, vec![Rule::always(fault, "*").at_most(1)]);
    let lost = store(Fault::TimeoutAfter);
    assert!(lost.put_new("a", "12345678".into()).await.unwrap_err().is_retriable());
    lost.put_new("a", "12345678".into()).await.unwrap();
    assert_eq!(store(Fault::Truncated).get("a").await.unwrap(), "1234");
    let flipped = store(Fault::Flipped).get("a").await.unwrap();
    let turned: u32 = flipped.iter().zip(b"12345678").map(|(a, b)| (a ^ b).count_ones()).sum();
    assert_eq!(turned, 1);
    let kept = store(Fault::NotDeleted);
    kept.delete("a").await.unwrap();
    good.get("a").await.unwrap();
    let stale = store(Fault::MissesNewest);
    stale.put_new("b", "x".into()).await.unwrap();
    assert_eq!(names(&stale, "").await, ["a"]);
    assert_eq!(names(&stale, "").await, ["a", "b"]);
}

#[tokio::test]
async fn the_dead_do_nothing_more() {
    let (_directory, good) = folder();
    let store = FaultStore::new(good.clone(), 3, vec![Rule::always(Fault::ErrorBefore, "z").on(Operation::Put)]);
    store.kill_after(2);
    store.put_new("a", "x".into()).await.unwrap();
    store.get("a").await.unwrap();
    for _ in 0..3 {
        assert!(!store.put_new("b", "x".into()).await.unwrap_err().is_retriable());
        assert!(store.list("").next().await.unwrap().is_err());
    }
    store.kill_after(None);
    assert_eq!(names(&store, "").await, ["a"]);
}

/// A store that looks before it writes, as several S3 imitations do.
#[derive(Debug)]
struct Racy {
    inner: SharedStore,
}

#[async_trait]
impl Store for Racy {
    fn location(&self) -> &str {
        "racy"
    }

    async fn put_new(&self, name: &str, bytes: Bytes) -> Result<()> {
        let taken = self.inner.size(name).await.is_ok();
        tokio::task::yield_now().await;
        if taken {
            return self.inner.put_new(name, bytes).await;
        }
        self.inner.delete(name).await?;
        match self.inner.put_new(name, bytes).await {
            Err(Error::Exists(_)) => Ok(()),
            other => other,
        }
    }

    async fn get(&self, name: &str) -> Result<Bytes> {
        self.inner.get(name).await
    }

    async fn get_range(&self, name: &str, range: Range<u64>) -> Result<Bytes> {
        self.inner.get_range(name, range).await
    }

    async fn size(&self, name: &str) -> Result<u64> {
        self.inner.size(name).await
    }

    fn list(&self, prefix: &str) -> BoxStream<'static, Result<ObjectInfo>> {
        self.inner.list(prefix)
    }

    fn list_after(&self, prefix: &str, after: &str) -> BoxStream<'static, Result<ObjectInfo>> {
        self.inner.list_after(prefix, after)
    }

    async fn delete(&self, name: &str) -> Result<()> {
        self.inner.delete(name).await
    }
}

#[tokio::test]
async fn probe_accepts_a_folder_and_leaves_nothing() {
    let (_directory, store) = folder();
    let found = probe(&store, &Env::system()).await.unwrap();
    assert!(found.conditional_put && found.delete);
    assert!(names(&*store, "").await.is_empty());
}

#[tokio::test]
async fn probe_refuses_a_racy_store() {
    let (_directory, inner) = folder();
    let store: SharedStore = Arc::new(Racy { inner });
    let error = probe(&store, &Env::system()).await.unwrap_err();
    assert!(matches!(&error, Error::StoreUnsafe { lacks, .. } if lacks.contains("two writers")), "{error:?}");
}

#[tokio::test]
async fn probe_refuses_what_lies_and_allows_what_cannot_delete() {
    for (fault, refused) in
        [(Fault::Flipped, true), (Fault::Truncated, true), (Fault::MissesNewest, true), (Fault::NotDeleted, false)]
    {
        let (_directory, inner) = folder();
        let store: SharedStore = Arc::new(FaultStore::new(inner, 5, vec![Rule::always(fault, "*")]));
        match probe(&store, &Env::system()).await {
            Err(Error::StoreUnsafe { .. }) => assert!(refused, "{fault:?}"),
            Ok(found) => assert!(!refused && !found.delete, "{fault:?} {found:?}"),
            Err(error) => panic!("{fault:?}: {error:?}"),
        }
    }
}

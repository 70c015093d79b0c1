//! Broken vaults, one defect each, and what the check says of them: `tests/fixtures/broken/<defect>/expected.txt`.
//!
//! The vaults are made here with a fake clock and fake chance, so every run makes the same. After a wanted change of wording
//! run with `REKINDLE_BLESS=1` and read the difference.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::SignedDuration;
use tempfile::TempDir;
use vault::Vault;
use vault::backup::read::BackupReader;
use vault::backup::tree::Progress;
use vault::check::{CheckOptions, CheckReport, Percent, check};
use vault::format::files::{Content, FileEntry, SegmentRef, encode_list};
use vault::format::manifest::{ManifestTable, PackInfo};
use vault::format::map::{ExtentRef, PageMap, Place, StoredMap};
use vault::format::sealed::{Class, Compressor, Kind, Sealer, open_all};
use vault::log::read::LogIndex;
use vault::names::{BackupId, Name, PackId};
use vault::store::fault::{Fault, FaultStore, Operation, Rule};

use crate::support::{fake_env, folder_store, new_vault_with, receive, shop, store, vault_in};
use crate::tree::{MemoryTree, pages};

const FOLD: u64 = 1 << 16;

/// A vault of two backups, the second sharing with the first, and their log.
struct Sample {
    vault: Vault,
    folder: TempDir,
    first: BackupId,
    second: BackupId,
}

fn small_tree() -> MemoryTree {
    let tree = MemoryTree::default();
    tree.set("PG_VERSION", b"15\n".to_vec());
    tree.set("base/1/1247", pages(3, 1));
    tree.set("base/1/16384", pages(60, 2));
    tree.set("base/1/16385", Vec::new());
    tree.set("base/2/7", pages(9, 4)[..70_000].to_vec());
    tree
}

async fn sample() -> Sample {
    let (env, clock) = fake_env();
    let (vault, folder) = new_vault_with(env).await;
    let tree = small_tree();
    let (first, _) = store(&vault, &tree, None, (1000, 90_000)).await;
    tree.change("base/1/16384", 17, 0x55);
    clock.advance(SignedDuration::from_hours(24));
    let (second, _) = store(&vault, &tree, Some(first.clone()), (200_000, 250_000)).await;
    receive(&vault, 260_000, 20_000, FOLD).await;
    Sample { vault, folder, first, second }
}

impl Sample {
    fn path(&self, name: &Name) -> PathBuf {
        self.folder.path().join("vault").join(name.to_string())
    }

    fn flip(&self, name: &Name, at: usize) {
        let path = self.path(name);
        let mut bytes = fs::read(&path).unwrap();
        bytes[at] ^= 0x10;
        rewrite(&path, &bytes);
    }

    fn cut(&self, name: &Name, by: usize) {
        let path = self.path(name);
        let bytes = fs::read(&path).unwrap();
        rewrite(&path, &bytes[..bytes.len() - by]);
    }

    fn remove(&self, name: &Name) {
        fs::remove_file(self.path(name)).unwrap();
    }

    async fn reader(&self, id: &BackupId) -> BackupReader {
        BackupReader::open(&self.vault, &shop(), id).await.unwrap()
    }

    /// The stored map of the larger file, and an extent of pages it names.
    async fn map_and_extent(&self, id: &BackupId) -> (ExtentRef, ExtentRef) {
        let reader = self.reader(id).await;
        let list = reader.list(0).await.unwrap();
        let file = list.iter().find(|entry| entry.path == "base/1/16384").unwrap();
        let Content::File { segments, .. } = &file.content else { panic!("not a file") };
        let SegmentRef::Stored(stored) = &segments[0] else { panic!("not stored") };
        (*stored, reader.segment(&segments[0]).await.unwrap().map.extents[0])
    }

    async fn log(&self, folded: bool, range: std::ops::Range<u64>) -> Vec<Name> {
        let index = LogIndex::load(&self.vault, &shop()).await.unwrap();
        let inside = |from: u64, to: u64| range.start <= from && to <= range.end;
        let objects = index.objects(1).iter().filter(|o| o.folded == folded && inside(o.range.from, o.range.to));
        objects.map(|object| index.name(object)).collect()
    }

    async fn check(&self, data: bool) -> CheckReport {
        run(&self.vault, data).await.unwrap()
    }
}

fn rewrite(path: &Path, bytes: &[u8]) {
    fs::remove_file(path).unwrap();
    fs::write(path, bytes).unwrap();
}

async fn run(vault: &Vault, data: bool) -> vault::Result<CheckReport> {
    let read_data = data.then_some(Percent::ALL);
    let options = CheckOptions { read_data, ..CheckOptions::default() };
    check(vault, None, options, Arc::new(Progress::default())).await
}

fn render(report: &CheckReport) -> String {
    let mut text = format!(
        "{} objects, {} backups, {} files, {} maps, {} extents, {} log objects\n",
        report.objects,
        report.backups_checked,
        report.files_checked,
        report.maps_checked,
        report.extents_read,
        report.log_objects_checked
    );
    for finding in &report.findings {
        writeln!(text, "{} {}\n  {}\n  {}", finding.severity.name(), finding.code, finding.object, finding.what)
            .unwrap();
        finding.affects.iter().for_each(|backup| writeln!(text, "  affects {backup}").unwrap());
    }
    text
}

#[allow(clippy::disallowed_methods, reason = "a switch for whoever changes the wording")]
fn assert_expected(defect: &str, report: &CheckReport) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/broken").join(defect);
    let (path, found) = (folder.join("expected.txt"), render(report));
    if std::env::var_os("REKINDLE_BLESS").is_some() {
        fs::create_dir_all(&folder).unwrap();
        fs::write(&path, &found).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert!(expected == found, "{defect}: expected\n{expected}\nfound\n{found}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_vault_is_sound() {
    let sample = sample().await;
    let report = sample.check(true).await;
    assert!(report.is_sound(), "{}", render(&report));
    assert_expected("nothing", &report);
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_pack() {
    let sample = sample().await;
    let (_, extent) = sample.map_and_extent(&sample.first).await;
    sample.remove(&Name::Pack(extent.pack));
    assert_expected("missing-pack", &sample.check(false).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn short_pack() {
    let sample = sample().await;
    let (_, extent) = sample.map_and_extent(&sample.first).await;
    sample.cut(&Name::Pack(extent.pack), 100);
    assert_expected("short-pack", &sample.check(true).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn flipped_byte_in_an_extent_is_found_by_reading_it() {
    let sample = sample().await;
    let (_, extent) = sample.map_and_extent(&sample.first).await;
    sample.flip(&Name::Pack(extent.pack), extent.offset as usize + 200);
    assert!(sample.check(false).await.is_sound());
    assert_expected("flipped-extent", &sample.check(true).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn flipped_byte_in_a_map() {
    let sample = sample().await;
    let (map, _) = sample.map_and_extent(&sample.first).await;
    sample.flip(&Name::Pack(map.pack), map.offset as usize + 30);
    assert_expected("flipped-map", &sample.check(false).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_map_pack() {
    let sample = sample().await;
    let (map, _) = sample.map_and_extent(&sample.first).await;
    sample.remove(&Name::Pack(map.pack));
    assert_expected("missing-map-pack", &sample.check(true).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn swapped_packs() {
    let sample = sample().await;
    let (map, extent) = sample.map_and_extent(&sample.first).await;
    let (one, other) = (sample.path(&Name::Pack(map.pack)), sample.path(&Name::Pack(extent.pack)));
    let (bytes_one, bytes_other) = (fs::read(&one).unwrap(), fs::read(&other).unwrap());
    rewrite(&one, &bytes_other);
    rewrite(&other, &bytes_one);
    assert_expected("swapped-packs", &sample.check(true).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_log_in_a_backups_range() {
    let sample = sample().await;
    for name in sample.log(true, 0..FOLD).await.iter().chain(&sample.log(false, 20_000..60_000).await) {
        sample.remove(name);
    }
    assert_expected("missing-log-part", &sample.check(false).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_folded_segment() {
    let sample = sample().await;
    for name in sample.log(false, 0..3 * FOLD).await.iter().chain(&sample.log(true, FOLD..2 * FOLD).await) {
        sample.remove(name);
    }
    assert_expected("missing-folded", &sample.check(false).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn truncated_log_part() {
    let sample = sample().await;
    let parts = sample.log(false, 200_000..260_000).await;
    sample.cut(&parts[0], 5);
    assert_expected("truncated-log-part", &sample.check(false).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn truncated_fold_is_found_without_reading_it() {
    let sample = sample().await;
    let folds = sample.log(true, FOLD..2 * FOLD).await;
    sample.cut(&folds[0], 5);
    let report = sample.check(false).await;
    assert!(!report.is_sound());
    assert_expected("truncated-fold", &report);
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_manifest() {
    let sample = sample().await;
    sample.flip(&Name::Manifest(shop(), sample.second.clone()), 80);
    assert_expected("damaged-manifest", &sample.check(false).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_file() {
    let sample = sample().await;
    fs::write(sample.folder.path().join("vault/packs/notes.txt"), b"mine").unwrap();
    assert_expected("unknown-file", &sample.check(false).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_page_hash() {
    let sample = sample().await;
    let (pack, id) = (PackId([9; 16]), sample.first.as_str().replace(&sample.first.as_str()[17..], "00000009"));
    let id: BackupId = id.parse().unwrap();
    let (env, keys) = (sample.vault.env(), sample.vault.keys());
    let mut compressor = Compressor::new(3).unwrap();
    let mut sealer = Sealer::new(keys, Kind::Pack, &Name::Pack(pack), env, 0);
    let mut append = |class, raw: &[u8]| {
        let place = sealer.append(class, raw, &mut compressor).unwrap();
        ExtentRef { pack, offset: place.offset, length: place.length }
    };
    let mut map = PageMap::new(8192);
    map.extents.push(append(Class::Pages, &[5; 8192]));
    map.push(1234, Place::new(0, 0).unwrap());
    let content = Content::File { size: 8192, page_size: 8192, segments: vec![SegmentRef::Inline(map.encode())] };
    let entry = FileEntry { path: "one".into(), content, mode: 0o600, uid: 0, gid: 0, modified: 0 };
    let list = append(Class::Files, &encode_list(&[entry]));
    let bytes = sealer.finish(&mut compressor).unwrap();
    let table =
        ManifestTable { lists: vec![list], tail: None, packs: vec![PackInfo { id: pack, size: bytes.len() as u64 }] };
    sample.vault.store().put_new(&Name::Pack(pack).to_string(), bytes.into()).await.unwrap();
    let mut head = sample.reader(&sample.first).await.head().clone();
    (head.backup, head.totals.files, head.totals.bytes) = (id.to_string(), 1, 8192);
    let head = serde_json::to_vec(&head).unwrap();
    let frames = [(Class::Head, head.as_slice()), (Class::Table, &table.encode())];
    sample.vault.put_sealed(Kind::Manifest, &Name::Manifest(shop(), id), &frames, 3).await.unwrap();
    assert!(sample.check(false).await.is_sound());
    assert_expected("wrong-page-hash", &sample.check(true).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_does_not_answer_is_not_damage() {
    let (env, _) = fake_env();
    let folder = TempDir::new().unwrap();
    let faulty = FaultStore::new(
        folder_store(&folder),
        1,
        vec![Rule::always(Fault::ErrorBefore, "packs/*").on(Operation::GetRange)],
    );
    let vault = vault_in(Arc::new(faulty), &env).await;
    store(&vault, &small_tree(), None, (0, 0)).await;
    assert_eq!(run(&vault, false).await.unwrap_err().code(), "RK-1030");
}

#[tokio::test(flavor = "multi_thread")]
async fn shares_of_the_data_add_up_to_all_of_it() {
    let sample = sample().await;
    let mut extents = 0;
    for offset in [0, 25, 50, 75] {
        let options = CheckOptions { read_data: Some(Percent::new(25).unwrap()), offset, workers: 2 };
        extents += check(&sample.vault, None, options, Arc::default()).await.unwrap().extents_read;
    }
    assert_eq!(extents, sample.check(true).await.extents_read);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_backup_stands_on_the_first_ones_map() {
    let sample = sample().await;
    let (map, _) = sample.map_and_extent(&sample.second).await;
    let raw = sample.vault.read_frame(&map, Class::Map).await.unwrap();
    assert!(matches!(StoredMap::decode(&raw).unwrap(), StoredMap::Overlay { .. }));
}

/// One flipped bit anywhere is noticed, by the check or already by opening.
#[tokio::test(flavor = "multi_thread")]
async fn no_flipped_byte_goes_unnoticed() {
    let sample = sample().await;
    let names: Vec<String> = every_object(&sample.vault).await;
    for name in names {
        let parsed = Name::parse(&name).unwrap();
        let path = sample.path(&parsed);
        let whole = fs::read(&path).unwrap();
        for at in chosen_bytes(whole.len()) {
            let mut changed = whole.clone();
            changed[at] ^= 1 << (at % 8);
            if let Some(kind) = kind_of(&parsed) {
                assert!(open_all(sample.vault.keys(), kind, &parsed, &changed).is_err(), "{name} at {at}");
            }
        }
        let at = whole.len() / 2;
        sample.flip(&parsed, at);
        let report = sample.check(true).await;
        assert!(!report.is_sound(), "{name} at {at} is not found");
        rewrite(&path, &whole);
    }
    assert!(sample.check(true).await.is_sound());
}

/// All bytes of short objects and the ends of long ones; in between every 97th.
fn chosen_bytes(length: usize) -> impl Iterator<Item = usize> {
    (0..length).filter(move |at| length < 2000 || *at < 200 || length - at < 200 || at % 97 == 0)
}

fn kind_of(name: &Name) -> Option<Kind> {
    match name {
        Name::Pack(_) => Some(Kind::Pack),
        Name::Manifest(..) => Some(Kind::Manifest),
        Name::LogPart(..) | Name::LogFolded(..) => Some(Kind::Log),
        _ => None,
    }
}

async fn every_object(vault: &Vault) -> Vec<String> {
    use futures::TryStreamExt;
    vault.store().list("").map_ok(|object| object.name).try_collect().await.unwrap()
}

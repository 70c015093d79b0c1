//! Expiry removes what it may, never what must stay, and a crash at any point leaves a vault that checks clean.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use jiff::SignedDuration;
use tempfile::TempDir;
use vault::backup::catalog::{self, Proof};
use vault::backup::read::BackupReader;
use vault::backup::write::{BackupWriter, WriteOptions};
use vault::check::{CheckOptions, CheckReport, Percent, check};
use vault::expire::{Applied, ExpiryPlan, KeepRules, apply, apply_without_sweep, plan};
use vault::format::sealed::Kind;
use vault::names::{BackupId, Name};
use vault::store::fault::FaultStore;
use vault::{Result, Vault};

use crate::support::{ClockedStore, FakeClock, commit, fake_env, folder_store, receive, shop, store, vault_in};
use crate::tree::{MemoryTree, PAGE, pages};

const DAY: SignedDuration = SignedDuration::from_hours(24);
const FOLD: u64 = 1 << 16;

struct House {
    vault: Vault,
    clock: Arc<FakeClock>,
    clocked: Arc<ClockedStore>,
    faults: FaultStore,
    tree: MemoryTree,
    backups: Vec<BackupId>,
    _folder: TempDir,
}

impl House {
    async fn new() -> House {
        let (env, clock) = fake_env();
        let folder = TempDir::new().unwrap();
        let clocked = Arc::new(ClockedStore::new(folder_store(&folder), clock.clone()));
        let faults = FaultStore::new(clocked.clone(), 7, Vec::new());
        let vault = vault_in(Arc::new(faults.clone()), &env).await;
        let tree = MemoryTree::default();
        tree.set("base/1/16384", pages(60, 2));
        House { vault, clock, clocked, faults, tree, backups: Vec::new(), _folder: folder }
    }

    /// A backup a day, each with its stretch of log and a file of its own.
    async fn days(&mut self, days: u64) {
        for _ in 0..days {
            let day = self.backups.len() as u64;
            self.clock.advance(DAY);
            self.tree.change("base/1/16384", day as usize, day as u8 + 1);
            self.tree.set("base/1/9", pages(40, 100 + day));
            let log = (day * FOLD + 10, day * FOLD + 500);
            receive(&self.vault, day * FOLD + 40_000, 40_000, FOLD).await;
            let (id, _) = store(&self.vault, &self.tree, self.backups.last().cloned(), log).await;
            self.backups.push(id);
        }
    }

    async fn plan(&self, rules: &KeepRules) -> ExpiryPlan {
        plan(&self.vault, &shop(), rules, self.vault.env().now()).await.unwrap()
    }

    async fn expire(&self, rules: &KeepRules) -> Result<Applied> {
        apply(&self.vault, &self.plan(rules).await, Arc::default()).await
    }

    async fn check(&self) -> CheckReport {
        let options = CheckOptions { read_data: Some(Percent::ALL), ..CheckOptions::default() };
        check(&self.vault, None, options, Arc::default()).await.unwrap()
    }

    async fn assert_sound(&self, when: &str) {
        let report = self.check().await;
        assert!(report.is_sound(), "{when}: {:#?}", report.findings);
    }

    async fn left(&self) -> Vec<BackupId> {
        catalog::backups(&self.vault, &shop()).await.unwrap().into_iter().map(|backup| backup.id).collect()
    }

    async fn prove(&self, id: &BackupId) {
        let proof = Proof { at: self.vault.env().now(), passed: true, evidence: serde_json::json!({}) };
        catalog::prove(&self.vault, &shop(), id, &proof).await.unwrap();
    }
}

fn last(count: usize) -> KeepRules {
    KeepRules { keep_last: count, ..KeepRules::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_of_the_calendar_keep_the_last_of_each() {
    let mut house = House::new().await;
    house.days(16).await;
    let rules = KeepRules { keep_last: 1, daily: 3, weekly: 2, monthly: 2, ..KeepRules::default() };
    let kept: Vec<String> =
        house.plan(&rules).await.backups.iter().filter(|d| d.keep).map(|d| d.backup[..8].to_owned()).collect();
    // 2026-11-22 is a Sunday, the first backup; 2026-12-07 is the last.
    assert_eq!(kept, ["20261207", "20261206", "20261205", "20261130"]);
    let text = house.plan(&rules).await.to_string();
    assert!(text.contains("monthly 2026-11") && text.contains("no rule keeps it"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_is_the_one_that_ended_last_whatever_its_name() {
    let mut house = House::new().await;
    house.days(1).await;
    let mut long =
        BackupWriter::begin(&house.vault, shop(), None, WriteOptions::default(), Arc::default()).await.unwrap();
    let early_name = long.id().clone();
    house.days(1).await;
    house.clock.advance(DAY);
    let tree = house.tree.clone();
    let long = tokio::task::spawn_blocking(move || long.store_tree(&tree).map(|()| long).unwrap()).await.unwrap();
    long.commit(commit(&house.vault, (10, 20))).await.unwrap();
    assert!(early_name < house.backups[1]);
    house.expire(&last(1)).await.unwrap();
    assert_eq!(house.left().await, [early_name]);
    house.assert_sound("afterwards").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn packs_go_after_the_grace_period_and_not_before() {
    let mut house = House::new().await;
    house.days(4).await;
    let applied = house.expire(&last(1)).await.unwrap();
    assert_eq!((applied.expired.len(), applied.packs_deleted), (3, 0));
    assert!(applied.log_objects_deleted > 0);
    house.assert_sound("in the grace period").await;
    house.clock.advance(DAY * 8);
    house.days(1).await;
    let applied = house.expire(&last(2)).await.unwrap();
    assert!(applied.packs_deleted > 0 && applied.bytes_freed > 0, "{applied:?}");
    assert_eq!(applied.tombstones_deleted, 3);
    assert_eq!(house.left().await.len(), 2);
    house.assert_sound("after it").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_must_stay_stays() {
    let mut house = House::new().await;
    house.days(5).await;
    catalog::pin(&house.vault, &shop(), &house.backups[0], "before the upgrade").await.unwrap();
    house.prove(&house.backups[1]).await;
    house.prove(&house.backups[2]).await;
    house.expire(&KeepRules::default()).await.unwrap();
    assert_eq!(house.left().await, [0, 2, 4].map(|day| house.backups[day].clone()));
    house.assert_sound("afterwards").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pin_that_is_there_stays_as_it_is() {
    let mut house = House::new().await;
    house.days(1).await;
    let (vault, backup) = (&house.vault, &house.backups[0]);
    for why in ["before the upgrade", "asked for again"] {
        catalog::pin_as(vault, &shop(), backup, 7, why).await.unwrap();
    }
    let pinned = async || catalog::backups(vault, &shop()).await.unwrap().remove(0).pins;
    assert_eq!(pinned().await, [7]);
    let name = Name::Pin(shop(), backup.clone(), 7);
    let pin: catalog::Pin = vault.get_json(Kind::Note, &name).await.unwrap();
    assert_eq!(pin.why, "before the upgrade");
    catalog::remove_pin(vault, &shop(), backup, 7).await.unwrap();
    assert!(pinned().await.is_empty() && !catalog::has_pin(vault, &shop(), backup, 7).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_backup_that_can_be_restored_stays_though_newer_ones_are_there() {
    let mut house = House::new().await;
    house.days(2).await;
    store(&house.vault, &house.tree, None, (900_000, 900_100)).await;
    house.expire(&last(1)).await.unwrap();
    let left = house.left().await;
    assert!(left.len() == 2 && left[0] == house.backups[1], "the newest lacks its log: {left:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pin_or_proof_since_the_plan_stops_it() {
    for proven in [false, true] {
        let mut house = House::new().await;
        house.days(3).await;
        let plan = house.plan(&last(1)).await;
        match proven {
            true => house.prove(&house.backups[1]).await,
            false => drop(catalog::pin(&house.vault, &shop(), &house.backups[1], "wait").await.unwrap()),
        }
        let refused = apply(&house.vault, &plan, Arc::default()).await.unwrap_err();
        assert_eq!(refused.code(), "RK-1050");
        assert_eq!(house.left().await.len(), 3, "nothing was touched");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_keeps_everything_is_reported_and_no_failure() {
    let mut house = House::new().await;
    house.days(3).await;
    house.clocked.locked.store(true, Ordering::SeqCst);
    let applied = house.expire(&last(1)).await.unwrap();
    assert_eq!(applied.expired, Vec::<String>::new());
    assert!(applied.kept_by_store.len() >= 2 && applied.kept_by_store[0].why == "under lock", "{applied:?}");
    assert_eq!(applied.log_objects_deleted, 0);
    assert_eq!(house.left().await.len(), 3);
    house.clocked.locked.store(false, Ordering::SeqCst);
    house.assert_sound("afterwards").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_on_its_way_keeps_the_packs_of_its_expired_parent() {
    let mut house = House::new().await;
    house.days(1).await;
    // The backup that stays shares nothing with the parent: only its tombstone keeps the parent's packs.
    house.clock.advance(DAY);
    receive(&house.vault, 2 * FOLD, 40_000, FOLD).await;
    let (id, _) = store(&house.vault, &house.tree, None, (FOLD, FOLD + 10)).await;
    house.backups.push(id);
    house.clock.advance(DAY * 30);
    let parent = Some(house.backups[0].clone());
    let begun = BackupWriter::begin(&house.vault, shop(), parent, WriteOptions::default(), Arc::default());
    let mut writer = begun.await.unwrap();
    let applied = house.expire(&last(1)).await.unwrap();
    assert_eq!(applied.expired, [house.backups[0].to_string()]);
    let tree = house.tree.clone();
    let writer = tokio::task::spawn_blocking(move || writer.store_tree(&tree).map(|()| writer).unwrap()).await.unwrap();
    house.clock.advance(DAY * 6);
    house.expire(&last(1)).await.unwrap();
    receive(&house.vault, 3 * FOLD, 9000, FOLD).await;
    let head = writer.commit(commit(&house.vault, (2 * FOLD, 2 * FOLD + 5))).await.unwrap();
    assert!(head.totals.pages_changed < head.totals.pages, "it shares");
    house.assert_sound("with its parent gone").await;
    house.clock.advance(DAY * 30);
    house.days(1).await;
    house.expire(&last(3)).await.unwrap();
    house.assert_sound("and long after").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_under_an_old_fold_go_and_the_log_stays_whole() {
    let mut house = House::new().await;
    house.days(1).await;
    receive(&house.vault, 3 * FOLD + 100, 9000, FOLD).await;
    house.clock.advance(DAY * 30);
    receive(&house.vault, 3 * FOLD + 200, 9000, FOLD).await;
    let applied = house.expire(&last(1)).await.unwrap();
    assert!(applied.log_objects_deleted >= 20, "{applied:?}");
    house.assert_sound("afterwards").await;
    let index = vault::log::read::LogIndex::load(&house.vault, &shop()).await.unwrap();
    assert_eq!(index.stretches(1).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_between_any_two_steps_leaves_a_sound_vault() {
    let mut crashes = 0;
    for after in 0u64.. {
        let mut house = House::new().await;
        house.days(3).await;
        house.expire(&last(2)).await.unwrap();
        house.clock.advance(DAY * 8);
        house.days(1).await;
        let plan = house.plan(&last(1)).await;
        house.faults.kill_after(after);
        let outcome = apply(&house.vault, &plan, Arc::default()).await;
        house.faults.kill_after(None);
        house.assert_sound(&format!("killed after {after}")).await;
        assert!(house.left().await.contains(&house.backups[3]), "killed after {after}");
        house.clock.advance(DAY * 8);
        house.days(1).await;
        house.expire(&last(2)).await.unwrap();
        house.assert_sound(&format!("killed after {after}, and done again")).await;
        if outcome.is_ok_and(|applied| applied.kept_by_store.is_empty()) {
            break;
        }
        crashes += 1;
    }
    assert!(crashes > 20, "{crashes} crashes");
}

/// What little an old pack still holds is stored anew by the next backup, so that the pack can go.
#[tokio::test(flavor = "multi_thread")]
async fn a_sparse_pack_is_left_behind() {
    const PAGES: usize = 400;
    let house = House::new().await;
    house.tree.set("base/1/7", pages(PAGES, 1));
    receive(&house.vault, 4 * FOLD, 40_000, FOLD).await;
    let (first, _) = store(&house.vault, &house.tree, None, (10, 500)).await;
    let packs = |id: BackupId| {
        let vault = house.vault.clone();
        async move {
            let reader = BackupReader::open(&vault, &shop(), &id).await.unwrap();
            (reader.head().clone(), reader.packs().iter().map(|pack| pack.id.to_string()).collect::<Vec<_>>())
        }
    };
    // All but a few pages change.
    let mut changed = pages(PAGES, 2);
    let keep = ..20 * PAGE;
    changed[keep].copy_from_slice(&pages(PAGES, 1)[keep]);
    house.tree.set("base/1/7", changed);
    house.tree.set("base/1/16384", pages(60, 3));
    house.clock.advance(DAY);
    let (second, _) = store(&house.vault, &house.tree, Some(first.clone()), (FOLD + 10, FOLD + 500)).await;
    let (head, old) = (packs(second.clone()).await.0, packs(first.clone()).await.1);
    assert!(!head.sparse.is_empty() && head.sparse.iter().all(|pack| old.contains(pack)), "{head:?}");
    house.clock.advance(DAY);
    let (third, _) = store(&house.vault, &house.tree, Some(second), (2 * FOLD + 10, 2 * FOLD + 500)).await;
    let (head, needed) = packs(third.clone()).await;
    assert_eq!(head.totals.pages_changed, 1, "nothing has changed in between but the tail, which is always stored");
    assert!(!needed.iter().any(|pack| old.contains(pack)), "{needed:?} still names one of {old:?}");
    assert!(head.sparse.is_empty(), "{head:?}");
    house.clock.advance(DAY);
    let rules = KeepRules { grace: SignedDuration::ZERO, ..last(1) };
    assert_eq!(house.expire(&rules).await.unwrap().expired.len(), 2);
    assert_eq!(house.left().await, std::slice::from_ref(&third));
    // The tombstones keep the packs until something is newer than they are.
    house.clock.advance(DAY);
    store(&house.vault, &house.tree, Some(third), (3 * FOLD + 10, 3 * FOLD + 500)).await;
    let gone = house.expire(&rules).await.unwrap();
    assert!(gone.packs_deleted >= old.len() as u64, "{gone:?}");
    house.assert_sound("afterwards").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn packs_may_be_left_to_the_next_sweep() {
    let mut house = House::new().await;
    house.days(4).await;
    house.expire(&last(1)).await.unwrap();
    house.clock.advance(DAY * 8);
    house.days(1).await;
    let rules = last(1);
    let left = apply_without_sweep(&house.vault, &house.plan(&rules).await, Arc::default()).await.unwrap();
    assert_eq!((left.expired.len(), left.packs_deleted, left.tombstones_deleted), (1, 0, 0), "{left:?}");
    house.assert_sound("before the sweep").await;
    let swept = house.expire(&rules).await.unwrap();
    assert!(swept.packs_deleted > 0, "{swept:?}");
    assert_eq!(swept.tombstones_deleted, 3);
    house.assert_sound("after it").await;
}

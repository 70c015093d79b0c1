//! Carries a plan out. See the head of `expire` for the order and what it is for.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Applied, ExpiryPlan, KeptByStore, keep, log, log_before, sweep};
use crate::backup::catalog::{self, BackupInfo};
use crate::backup::read::read_manifest;
use crate::backup::tree::Progress;
use crate::error::{Error, Result};
use crate::format::manifest::ManifestTable;
use crate::format::sealed::{Class, Kind};
use crate::names::{BackupId, Name, SourceName, prefix};
use crate::vault::Vault;

/// The head of a tombstone; its table is that of the manifest.
#[derive(Debug, Serialize, Deserialize)]
struct Tombstone {
    at: jiff::Timestamp,
    #[serde(default)]
    label: Option<String>,
}

/// When a backup of this id or label expired, for as long as its tombstone is kept; the last one of that label.
pub async fn expired_at(vault: &Vault, source: &SourceName, wanted: &str) -> Result<Option<jiff::Timestamp>> {
    use futures::TryStreamExt;
    let mut listing = vault.store().list(&prefix::backups(source));
    let mut found = None;
    while let Some(object) = listing.try_next().await? {
        let Some(name @ Name::Expired(..)) = Name::parse(&object.name) else { continue };
        let frames = vault.get_sealed(Kind::Note, &name).await?;
        let head = frames.iter().find(|frame| frame.class == Class::Head);
        let head: Option<Tombstone> = head.and_then(|frame| serde_json::from_slice(&frame.raw).ok());
        let Name::Expired(_, id, _) = &name else { continue };
        let named = |head: &Tombstone| id.as_str() == wanted || head.label.as_deref() == Some(wanted);
        found = found.max(head.filter(named).map(|head| head.at));
    }
    Ok(found)
}

/// `Error::MustStay` when something in the plan has become a backup that must stay: nothing was changed then.
pub async fn apply(vault: &Vault, plan: &ExpiryPlan, progress: Arc<Progress>) -> Result<Applied> {
    carry_out(vault, plan, true, progress).await
}

/// The same, but packs that nothing needs any more are left to the next sweep, which looks at the backups of all sources.
pub async fn apply_without_sweep(vault: &Vault, plan: &ExpiryPlan, progress: Arc<Progress>) -> Result<Applied> {
    carry_out(vault, plan, false, progress).await
}

async fn carry_out(vault: &Vault, plan: &ExpiryPlan, sweeps: bool, progress: Arc<Progress>) -> Result<Applied> {
    let source: SourceName = plan.source.parse()?;
    let mut deleter = Deleter { vault, progress, applied: Applied::default() };
    for backup in still_to_go(vault, &source, plan).await? {
        deleter.progress.check()?;
        bury(vault, &source, &backup).await?;
        let name = Name::Manifest(source.clone(), backup.clone());
        if deleter.delete(&name.to_string(), 0).await? {
            deleter.applied.expired.push(backup.to_string());
            delete_proofs(&mut deleter, &source, &backup).await?;
        }
    }
    if sweeps {
        sweep::sweep(&mut deleter, plan.grace).await?;
    }
    // What is left, whatever was planned: the store may have kept a manifest.
    let kept = catalog::backups(vault, &source).await?;
    log::trim(&mut deleter, &source, log_before(kept.iter()), plan.grace).await?;
    Ok(deleter.applied)
}

/// The backups of the plan that are still there, proven to be free to go.
async fn still_to_go(vault: &Vault, source: &SourceName, plan: &ExpiryPlan) -> Result<Vec<BackupId>> {
    let mut backups = catalog::backups(vault, source).await?;
    backups.reverse();
    let must_stay = keep::must_stay(vault, source, &backups).await?;
    let goes = |backup: &BackupInfo| plan.expired().any(|decision| decision.backup == backup.id.as_str());
    let mut going = Vec::new();
    for (backup, must) in backups.iter().zip(must_stay).filter(|(backup, _)| goes(backup)) {
        match must {
            Some(why) => return Err(Error::MustStay { backup: backup.id.to_string(), why }),
            None => going.push(backup.id.clone()),
        }
    }
    // Oldest first: what is cut short leaves the newer ones.
    going.reverse();
    Ok(going)
}

/// Puts the tombstone: the pack table, which whoever shares the packs may still need.
async fn bury(vault: &Vault, source: &SourceName, backup: &BackupId) -> Result<()> {
    let (manifest, table) = read_manifest(vault, source, backup).await?;
    let at = vault.env().now();
    let micros = u64::try_from(at.as_microsecond()).unwrap_or_default();
    let name = Name::Expired(source.clone(), backup.clone(), micros);
    let head =
        serde_json::to_vec(&Tombstone { at, label: manifest.label }).map_err(|e| Error::Internal(e.to_string()))?;
    let frames = [(Class::Head, head.as_slice()), (Class::Table, &table.encode())];
    match vault.put_sealed(Kind::Note, &name, &frames, 3).await {
        Err(Error::Exists(_)) => Ok(()),
        other => other.map(drop),
    }
}

/// The packs that a tombstone keeps.
pub(super) async fn read_tombstone(vault: &Vault, name: &Name) -> Result<ManifestTable> {
    let frames = vault.get_sealed(Kind::Note, name).await?;
    let table = frames.iter().find(|frame| frame.class == Class::Table);
    let table = table.ok_or_else(|| Error::malformed(name.to_string(), "it has no table"))?;
    ManifestTable::decode(&table.raw).map_err(|why| Error::malformed(name.to_string(), why.0))
}

/// Proofs and left-over pins of a backup whose manifest is gone.
async fn delete_proofs(deleter: &mut Deleter<'_>, source: &SourceName, backup: &BackupId) -> Result<()> {
    use futures::TryStreamExt;
    let folder = format!("{}{backup}/", prefix::backups(source));
    let objects: Vec<_> = deleter.vault.store().list(&folder).try_collect().await?;
    if objects.iter().any(|object| matches!(Name::parse(&object.name), Some(Name::Manifest(..)))) {
        return Ok(());
    }
    for object in objects {
        if matches!(Name::parse(&object.name), Some(Name::Pin(..) | Name::Proof(..))) {
            deleter.delete(&object.name, object.size).await?;
        }
    }
    Ok(())
}

/// Deletes, counts, and takes a refusal as an answer.
pub(super) struct Deleter<'a> {
    pub(super) vault: &'a Vault,
    pub(super) progress: Arc<Progress>,
    pub(super) applied: Applied,
}

impl Deleter<'_> {
    /// False when the store keeps it.
    pub(super) async fn delete(&mut self, name: &str, size: u64) -> Result<bool> {
        self.progress.check()?;
        match self.vault.store().delete(name).await {
            Ok(()) => {
                self.applied.bytes_freed += size;
                Ok(true)
            }
            Err(Error::Store { permanent: true, source, .. }) => {
                self.applied.kept_by_store.push(KeptByStore { object: name.to_owned(), why: source.to_string() });
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }
}

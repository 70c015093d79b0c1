//! Listing manifests is the catalogue: which backups there are, which are pinned, which were proven.

use std::collections::BTreeMap;

use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::read::read_manifest;
use crate::error::{Error, Result};
use crate::format::manifest::ManifestHead;
use crate::format::sealed::Kind;
use crate::names::{BackupId, Name, SourceName, prefix};
use crate::vault::Vault;

/// Manifests opened side by side: a store in a network answers each after a while.
const AT_A_TIME: usize = 16;

/// Why a backup must be kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pin {
    pub at: Timestamp,
    pub why: String,
}

/// That a backup was opened, recovered and checked, and how it went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    pub at: Timestamp,
    pub passed: bool,
    pub evidence: serde_json::Value,
}

/// A completed backup and what is known of it.
#[derive(Debug, Clone)]
pub struct BackupInfo {
    pub source: SourceName,
    pub id: BackupId,
    pub head: ManifestHead,
    pub pins: Vec<u64>,
    /// When it last passed a proof.
    pub proven: Option<Timestamp>,
    /// When it last failed one.
    pub failed: Option<Timestamp>,
}

impl BackupInfo {
    /// Its last drill did not pass.
    pub fn has_failed(&self) -> bool {
        self.failed.is_some_and(|failed| self.proven.is_none_or(|proven| proven < failed))
    }
}

#[derive(Default)]
struct Found {
    manifest: bool,
    pins: Vec<u64>,
    proofs: Vec<u64>,
}

/// The sources that have anything in the vault.
pub async fn sources(vault: &Vault) -> Result<Vec<SourceName>> {
    let mut sources = Vec::new();
    for part in [prefix::BACKUPS, prefix::LOGS] {
        let mut after = part.to_owned();
        while let Some(object) = vault.store().list_after(part, &after).try_next().await? {
            let source = object.name.strip_prefix(part).and_then(|rest| rest.split('/').next()).unwrap_or_default();
            // Everything of one source is skipped: `0` is the byte after `/`.
            after = format!("{part}{source}0");
            sources.extend(source.parse::<SourceName>());
        }
    }
    sources.sort();
    sources.dedup();
    Ok(sources)
}

/// All completed backups of a source, oldest first by the time they ended.
pub async fn backups(vault: &Vault, source: &SourceName) -> Result<Vec<BackupInfo>> {
    let mut found: BTreeMap<BackupId, Found> = BTreeMap::new();
    let mut listing = vault.store().list(&prefix::backups(source));
    while let Some(object) = listing.try_next().await? {
        match Name::parse(&object.name) {
            Some(Name::Manifest(_, id)) => found.entry(id).or_default().manifest = true,
            Some(Name::Pin(_, id, pin)) => found.entry(id).or_default().pins.push(pin),
            Some(Name::Proof(_, id, proof)) => found.entry(id).or_default().proofs.push(proof),
            _ => {}
        }
    }
    let complete = found.into_iter().filter(|(_, found)| found.manifest);
    let opened = complete.map(|(id, found)| open(vault, source, id, found));
    let opened: Vec<Option<BackupInfo>> = stream::iter(opened).buffer_unordered(AT_A_TIME).try_collect().await?;
    let mut backups: Vec<BackupInfo> = opened.into_iter().flatten().collect();
    backups.sort_by_key(|backup| (backup.head.ended, backup.id.clone()));
    Ok(backups)
}

async fn open(vault: &Vault, source: &SourceName, id: BackupId, found: Found) -> Result<Option<BackupInfo>> {
    let head = match read_manifest(vault, source, &id).await {
        Ok((head, _)) => head,
        // Expired since it was listed.
        Err(Error::NotFound(_)) => return Ok(None),
        Err(error) => return Err(error),
    };
    let (proven, failed) = last_proofs(vault, source, &id, &found.proofs).await?;
    Ok(Some(BackupInfo { source: source.clone(), id, head, pins: found.pins, proven, failed }))
}

/// When a backup last passed, and when it last failed.
async fn last_proofs(
    vault: &Vault,
    source: &SourceName,
    id: &BackupId,
    proofs: &[u64],
) -> Result<(Option<Timestamp>, Option<Timestamp>)> {
    let (mut passed, mut failed) = (None, None);
    for proof in proofs {
        let proof: Proof = vault.get_json(Kind::Note, &Name::Proof(source.clone(), id.clone(), *proof)).await?;
        let last = if proof.passed { &mut passed } else { &mut failed };
        *last = (*last).max(Some(proof.at));
    }
    Ok((passed, failed))
}

/// Keeps a backup from expiry until the pin is removed.
pub async fn pin(vault: &Vault, source: &SourceName, id: &BackupId, why: &str) -> Result<u64> {
    let pin = u64::from_be_bytes(vault.env().random());
    pin_as(vault, source, id, pin, why).await?;
    Ok(pin)
}

/// The same with a pin of somebody's choice; one that is there already stays as it is.
pub async fn pin_as(vault: &Vault, source: &SourceName, id: &BackupId, pin: u64, why: &str) -> Result<()> {
    read_manifest(vault, source, id).await?;
    if has_pin(vault, source, id, pin).await? {
        return Ok(());
    }
    let name = Name::Pin(source.clone(), id.clone(), pin);
    vault.put_json(Kind::Note, &name, &Pin { at: vault.env().now(), why: why.to_owned() }).await.map(drop)
}

pub async fn has_pin(vault: &Vault, source: &SourceName, id: &BackupId, pin: u64) -> Result<bool> {
    let name = Name::Pin(source.clone(), id.clone(), pin).to_string();
    let found: Vec<_> = vault.store().list(&name).try_collect().await?;
    Ok(found.iter().any(|object| object.name == name))
}

/// Removes one pin; one that is gone already is fine.
pub async fn remove_pin(vault: &Vault, source: &SourceName, id: &BackupId, pin: u64) -> Result<()> {
    vault.store().delete(&Name::Pin(source.clone(), id.clone(), pin).to_string()).await
}

/// Removes every pin of a backup.
pub async fn unpin(vault: &Vault, source: &SourceName, id: &BackupId) -> Result<usize> {
    let folder = format!("{}{id}/pin-", prefix::backups(source));
    let pins: Vec<_> = vault.store().list(&folder).try_collect().await?;
    for pin in &pins {
        vault.store().delete(&pin.name).await?;
    }
    Ok(pins.len())
}

/// Records that a backup was opened and checked.
pub async fn prove(vault: &Vault, source: &SourceName, id: &BackupId, proof: &Proof) -> Result<()> {
    let name = Name::Proof(source.clone(), id.clone(), u64::from_be_bytes(vault.env().random()));
    vault.put_json(Kind::Note, &name, proof).await.map(drop)
}

/// Finds a backup by its id, or by the label somebody gave it (the newest of that label).
pub fn find<'a>(backups: &'a [BackupInfo], wanted: &str) -> Option<&'a BackupInfo> {
    let by_id = backups.iter().find(|backup| backup.id.as_str() == wanted);
    by_id.or_else(|| backups.iter().rev().find(|backup| backup.head.label.as_deref() == Some(wanted)))
}

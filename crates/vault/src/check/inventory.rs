//! What there is: one listing of the whole vault, in order of name, so backups are listed before the packs they need.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use futures::TryStreamExt;

use super::Check;
use crate::error::Result;
use crate::names::{BackupId, LogRange, Name, PackId, SourceName};

#[derive(Debug, Default)]
pub(super) struct Inventory {
    pub(super) objects: u64,
    pub(super) bytes: u64,
    pub(super) sources: BTreeSet<SourceName>,
    pub(super) keys: Vec<String>,
    pub(super) packs: HashMap<PackId, Pack>,
    pub(super) backups: BTreeMap<SourceName, BTreeMap<BackupId, Files>>,
    pub(super) logs: BTreeMap<SourceName, BTreeMap<u32, TimelineFiles>>,
    pub(super) reports: Vec<Name>,
    pub(super) audit: Vec<Name>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Pack {
    pub(super) size: u64,
    pub(super) referenced: bool,
}

/// The objects of one backup.
#[derive(Debug, Default, Clone)]
pub(super) struct Files {
    pub(super) manifest: Option<u64>,
    pub(super) notes: Vec<Name>,
}

/// The objects of one timeline.
#[derive(Debug, Default)]
pub(super) struct TimelineFiles {
    /// With whether it is folded and its size.
    pub(super) stretches: Vec<(LogRange, bool, u64)>,
    pub(super) notes: Vec<Name>,
}

impl Inventory {
    pub(super) async fn take(check: &mut Check<'_>, only: Option<&[SourceName]>) -> Result<Inventory> {
        let mut inventory = Inventory::default();
        let mut listing = check.vault.store().list("");
        while let Some(object) = listing.try_next().await? {
            check.progress.check()?;
            inventory.objects += 1;
            inventory.bytes += object.size;
            match Name::parse(&object.name) {
                Some(name) => inventory.add(name, object.name, object.size, only),
                None => {
                    check.findings.warning(
                        "unknown-object",
                        &object.name,
                        "its name is not one of a vault".into(),
                        &[],
                    );
                }
            }
        }
        inventory.sources.extend(inventory.backups.keys().chain(inventory.logs.keys()).cloned());
        Ok(inventory)
    }

    fn add(&mut self, name: Name, text: String, size: u64, only: Option<&[SourceName]>) {
        if source_of(&name).is_some_and(|source| only.is_some_and(|only| !only.contains(source))) {
            return;
        }
        match name {
            Name::Vault | Name::Probe(_) => {}
            Name::Key(_) => self.keys.push(text),
            Name::Pack(id) => drop(self.packs.insert(id, Pack { size, referenced: false })),
            Name::Manifest(source, backup) => self.files(source, backup).manifest = Some(size),
            Name::Pin(ref source, ref backup, _)
            | Name::Proof(ref source, ref backup, _)
            | Name::Expired(ref source, ref backup, _) => {
                self.files(source.clone(), backup.clone()).notes.push(name);
            }
            Name::LogPart(source, range) => self.timeline(source, range.timeline).stretches.push((range, false, size)),
            Name::LogFolded(source, range) => self.timeline(source, range.timeline).stretches.push((range, true, size)),
            Name::LogHistory(ref source, timeline) | Name::LogMark { ref source, timeline, .. } => {
                self.timeline(source.clone(), timeline).notes.push(name);
            }
            Name::Report(..) | Name::Catalog { .. } | Name::Secrets { .. } => self.reports.push(name),
            Name::Audit { .. } => self.audit.push(name),
        }
    }

    fn files(&mut self, source: SourceName, backup: BackupId) -> &mut Files {
        self.backups.entry(source).or_default().entry(backup).or_default()
    }

    fn timeline(&mut self, source: SourceName, timeline: u32) -> &mut TimelineFiles {
        self.logs.entry(source).or_default().entry(timeline).or_default()
    }

    /// Packs that no manifest names: of a backup on its way, of one that failed, or of one that has expired.
    pub(super) fn note_unreferenced(&self, check: &mut Check<'_>, all_sources: bool) {
        let loose = self.packs.values().filter(|pack| !pack.referenced);
        let (count, bytes) = loose.fold((0u64, 0u64), |(count, bytes), pack| (count + 1, bytes + pack.size));
        if all_sources && count > 0 {
            let what = format!("{count} packs of {bytes} bytes belong to no backup; expiry removes them in time");
            check.findings.note("packs-unreferenced", "packs", what);
        }
    }
}

fn source_of(name: &Name) -> Option<&SourceName> {
    match name {
        Name::Vault
        | Name::Key(_)
        | Name::Pack(_)
        | Name::Probe(_)
        | Name::Audit { .. }
        | Name::Catalog { .. }
        | Name::Secrets { .. } => None,
        Name::Manifest(source, _)
        | Name::Pin(source, ..)
        | Name::Proof(source, ..)
        | Name::Expired(source, ..)
        | Name::LogPart(source, _)
        | Name::LogFolded(source, _)
        | Name::LogHistory(source, _)
        | Name::LogMark { source, .. }
        | Name::Report(source, _) => Some(source),
    }
}

//! Checks a vault without changing it: is everything there, does it open, does it fit together, and would it restore?
//!
//! ```text
//!   one listing ──► backups: manifest, packs, lists, maps ──► extents (with `read_data`) ──► log ──► report
//! ```
//! Damage never stops the check: it becomes a finding, and what is not reached by it is checked all the same. A store that does
//! not answer says nothing about the data, so that is an error of the check itself.
//!
//! Backups go before packs in the listing, so a backup that is committed meanwhile is not missed half; what expires meanwhile
//! is passed over.
//!
//! Memory: 40 bytes for each pack, 24 for each object of the log, a summary of each page map; with `read_data` also 12 bytes
//! for each extent, and `workers` reads of 4 MiB.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use crate::backup::tree::Progress;
use crate::error::{Error, Result};
use crate::names::{Name, SourceName, hex};
use crate::vault::Vault;

mod backup;
mod data;
mod findings;
mod inventory;
mod log;

pub use findings::{Finding, Severity};

use backup::BackupCheck;
use data::DataCheck;
use findings::Findings;
use inventory::Inventory;

/// A share of a whole, 0 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Percent(u8);

impl Percent {
    pub const ALL: Percent = Percent(100);

    pub fn new(percent: u8) -> Result<Percent> {
        match percent {
            0..=100 => Ok(Percent(percent)),
            _ => Err(Error::Invalid(format!("{percent} is not a percentage from 0 to 100"))),
        }
    }

    pub fn get(self) -> u8 {
        self.0
    }
}

#[derive(Debug, Clone, Copy)]
pub struct CheckOptions {
    /// Opens this share of all extents and compares their pages with the maps, and reads the log in full.
    pub read_data: Option<Percent>,
    /// Which share: runs with 0, 10, 20 … at 10 percent come to every extent once.
    pub offset: u8,
    /// Reads at a time.
    pub workers: usize,
}

impl Default for CheckOptions {
    fn default() -> CheckOptions {
        CheckOptions { read_data: None, offset: 0, workers: 2 }
    }
}

/// What was looked at and what was found: the same vault gives the same report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckReport {
    pub vault: String,
    pub sources: Vec<String>,
    /// Objects in the vault.
    pub objects: u64,
    /// Bytes of all objects.
    pub bytes_stored: u64,
    pub bytes_read: u64,
    pub backups_checked: u64,
    pub files_checked: u64,
    pub maps_checked: u64,
    pub extents_read: u64,
    pub log_objects_checked: u64,
    /// Worst first.
    pub findings: Vec<Finding>,
}

impl CheckReport {
    /// Whether nothing is wrong; notes may still stand there.
    pub fn is_sound(&self) -> bool {
        self.findings.iter().all(|finding| finding.severity == Severity::Note)
    }

    /// Findings of a severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }
}

/// What the parts of the check share.
struct Check<'a> {
    vault: &'a Vault,
    options: CheckOptions,
    progress: Arc<Progress>,
    findings: Findings,
    bytes_read: u64,
}

impl Check<'_> {
    /// Takes an error as a finding when it speaks of stored data, and hands on every other.
    fn damage(&mut self, code: &'static str, object: &str, affects: &[String], error: Error) -> Result<()> {
        let what = match error {
            Error::Damaged { what, .. } | Error::Malformed { what, .. } => what,
            Error::NotFound(_) => "it is missing".into(),
            Error::TooNew { found, known, .. } => {
                format!("it has format version {found}, this Rekindle reads up to {known}")
            }
            other => return Err(other),
        };
        self.findings.error(code, object, what, affects);
        Ok(())
    }

    fn read(&mut self, bytes: u64) {
        self.bytes_read += bytes;
        self.progress.moved(bytes);
    }
}

/// Checks these sources, or all. What lies outside of any source (keys, names that are not ours) is always looked at.
pub async fn check(
    vault: &Vault,
    sources: Option<&[SourceName]>,
    options: CheckOptions,
    progress: Arc<Progress>,
) -> Result<CheckReport> {
    let mut check = Check { vault, options, progress, findings: Findings::default(), bytes_read: 0 };
    let mut inventory = Inventory::take(&mut check, sources).await?;
    check_roots(&mut check, &inventory).await?;
    let mut backups = BackupCheck::default();
    let mut data = DataCheck::new(vault, options);
    let mut wanted = BTreeMap::new();
    for source in inventory.sources.clone() {
        let heads = backups.source(&mut check, &mut inventory, &mut data, &source).await?;
        wanted.insert(source, heads);
    }
    let log_objects_checked = log::check_logs(&mut check, &inventory, &wanted).await?;
    inventory.note_unreferenced(&mut check, sources.is_none());
    Ok(CheckReport {
        vault: hex(&vault.id()),
        sources: inventory.sources.iter().map(SourceName::to_string).collect(),
        objects: inventory.objects,
        bytes_stored: inventory.bytes,
        bytes_read: check.bytes_read,
        backups_checked: backups.backups,
        files_checked: backups.files,
        maps_checked: backups.maps,
        extents_read: data.extents_read,
        log_objects_checked,
        findings: check.findings.into_sorted(),
    })
}

/// `vault.json` and the key slots: without them the rest is of no use.
async fn check_roots(check: &mut Check<'_>, inventory: &Inventory) -> Result<()> {
    if let Err(error) = check.vault.check_identity().await {
        check.damage("vault-file", &Name::Vault.to_string(), &[], error)?;
    }
    let mut usable = 0;
    for name in &inventory.keys {
        match check.vault.check_slot(name).await {
            Ok(()) => usable += 1,
            Err(error) => check.damage("key-slot", name, &[], error)?,
        }
    }
    if usable == 0 {
        check.findings.error("no-key-slot", "keys", "no key slot is left that could open the vault".into(), &[]);
    }
    Ok(())
}

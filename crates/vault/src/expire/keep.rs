//! Reasons to keep a backup: what the rules want, and what must stay whatever they want.

use std::collections::HashSet;

use jiff::{SignedDuration, Timestamp, Zoned};

use super::KeepRules;
use crate::backup::catalog::{BackupInfo, Pin};
use crate::backup::read::BackupReader;
use crate::error::{Error, Result};
use crate::format::sealed::Kind;
use crate::log::read::LogIndex;
use crate::names::{LogRange, Name, SourceName};
use crate::vault::Vault;

/// For each backup (newest first) the rules that keep it.
pub(super) fn wanted(backups: &[BackupInfo], rules: &KeepRules, now: Timestamp) -> Vec<Vec<String>> {
    let mut reasons: Vec<Vec<String>> = vec![Vec::new(); backups.len()];
    for reasons in reasons.iter_mut().take(rules.keep_last) {
        reasons.push(format!("one of the last {}", rules.keep_last));
    }
    if let Some(within) = rules.keep_within {
        for (backup, reasons) in backups.iter().zip(&mut reasons) {
            if now.duration_since(backup.head.ended) <= within {
                reasons.push(format!("within {}", words(within)));
            }
        }
    }
    let calendar: [(&str, usize, &str); 5] = [
        ("hourly", rules.hourly, "%Y-%m-%d %H:00 %z"),
        ("daily", rules.daily, "%Y-%m-%d"),
        ("weekly", rules.weekly, "%G week %V"),
        ("monthly", rules.monthly, "%Y-%m"),
        ("yearly", rules.yearly, "%Y"),
    ];
    for (name, count, format) in calendar {
        keep_by_calendar(backups, &mut reasons, count, |backup| {
            let ended: Zoned = backup.head.ended.to_zoned(rules.zone.clone());
            format!("{name} {}", ended.strftime(format))
        });
    }
    reasons
}

/// Keeps the newest backup of each of the newest `count` buckets.
fn keep_by_calendar(
    backups: &[BackupInfo],
    reasons: &mut [Vec<String>],
    count: usize,
    bucket: impl Fn(&BackupInfo) -> String,
) {
    let mut seen = HashSet::new();
    for (backup, reasons) in backups.iter().zip(reasons) {
        let bucket = bucket(backup);
        if seen.len() < count && seen.insert(bucket.clone()) {
            reasons.push(bucket);
        }
    }
}

fn words(duration: SignedDuration) -> String {
    match duration.as_hours() {
        hours if hours >= 48 && hours % 24 == 0 => format!("{} days", hours / 24),
        hours if hours >= 1 => format!("{hours} hours"),
        _ => format!("{} minutes", duration.as_mins()),
    }
}

/// For each backup (newest first) why it must not go.
pub(super) async fn must_stay(
    vault: &Vault,
    source: &SourceName,
    backups: &[BackupInfo],
) -> Result<Vec<Option<String>>> {
    let mut reasons: Vec<Option<String>> = Vec::with_capacity(backups.len());
    for backup in backups {
        reasons.push(pinned(vault, backup).await?);
    }
    if let Some(proven) = backups.iter().position(|backup| backup.proven.is_some()) {
        reasons[proven].get_or_insert("the last proven backup".into());
    }
    if let Some((restorable, reason)) = last_restorable(vault, source, backups).await? {
        reasons[restorable].get_or_insert(reason.into());
    }
    Ok(reasons)
}

async fn pinned(vault: &Vault, backup: &BackupInfo) -> Result<Option<String>> {
    let mut whys = Vec::new();
    for pin in &backup.pins {
        let name = Name::Pin(backup.source.clone(), backup.id.clone(), *pin);
        match vault.get_json::<Pin>(Kind::Note, &name).await {
            Ok(pin) => whys.push(pin.why),
            // Unpinned since it was listed.
            Err(Error::NotFound(_)) => {}
            // A pin that cannot be read is still a pin.
            Err(Error::Damaged { .. } | Error::Malformed { .. }) => whys.push("its reason cannot be read".into()),
            Err(error) => return Err(error),
        }
    }
    Ok((!whys.is_empty()).then(|| format!("pinned: {}", whys.join("; "))))
}

/// The newest backup that has all its packs and its log; where there is none, the newest at all.
async fn last_restorable(
    vault: &Vault,
    source: &SourceName,
    backups: &[BackupInfo],
) -> Result<Option<(usize, &'static str)>> {
    let index = LogIndex::load(vault, source).await?;
    for (number, backup) in backups.iter().enumerate() {
        let head = &backup.head;
        let range = LogRange { timeline: head.timeline, from: head.log_from, to: head.log_to };
        if range.from < range.to && !index.covers(range) {
            continue;
        }
        let reader = match BackupReader::open(vault, source, &backup.id).await {
            Err(Error::NotFound(_)) => continue,
            other => other?,
        };
        if vault.missing_packs(reader.packs()).await?.is_empty() {
            return Ok(Some((number, "the last backup that can be restored")));
        }
    }
    Ok((!backups.is_empty()).then_some((0, "the last backup, though parts of it are missing")))
}

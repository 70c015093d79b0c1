//! The audit log's copy in the vault: records in sealed objects that are never rewritten.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::TryStreamExt;
use vault::format::sealed::Kind;
use vault::names::{Name, prefix};

use super::Said;
use super::chain::{Entry, hash};
use crate::catalog::AuditRow;
use crate::daemon::Daemon;
use crate::error::Result;

/// Records in one object.
const BATCH: i64 = 500;

/// Runs as long as the daemon.
pub(crate) async fn keep_mirror(daemon: Daemon) {
    let every = Duration::from_secs(u64::from(daemon.config.audit.mirror_seconds));
    let mut known = false;
    loop {
        tokio::time::sleep(every).await;
        if let Err(error) = look(&daemon, &mut known).await {
            tracing::error!(%error, "the audit log could not be copied into the vault");
        }
    }
}

/// Before anything is recorded: a catalog that is older than its copy, as after a recovery, gets back what it lacks. Else new records would
/// take numbers that are taken. Gives how many.
pub(crate) async fn catch_up(daemon: &Daemon) -> Result<usize> {
    let Some(chain) = own_or_only(daemon).await? else { return Ok(0) };
    let (mut objects, mut last) = (objects(daemon, &chain).await?, daemon.catalog.last_audit().await?);
    objects.sort_by_key(|(_, to)| *to);
    let mut found = 0;
    for (name, to) in objects {
        if last.as_ref().is_some_and(|last| to.cast_signed() <= last.n) {
            continue;
        }
        for row in rows(daemon, &name).await? {
            let follows = super::chain::follows(last.as_ref(), &row);
            if follows && daemon.catalog.add_audit(&row).await? {
                (last, found) = (Some(row), found + 1);
            }
        }
    }
    if found > 0 {
        tracing::warn!(found, "the audit log was shorter than its copy in the vault, and got back what was missing");
        let (action, outcome) =
            ("audit log".to_owned(), format!("{found} records were missing, and are back from the vault"));
        super::add(daemon, Said { who: "daemon".into(), via: "none".into(), action, outcome, ..Said::default() })
            .await?;
    }
    Ok(found)
}

/// A new catalog goes on with the log of its vault, when there is one and no more.
async fn own_or_only(daemon: &Daemon) -> Result<Option<[u8; 16]>> {
    if let Some(own) = chain_of(daemon).await? {
        return Ok(Some(own));
    }
    let all = chains(daemon).await?;
    Ok((all.len() == 1).then(|| all[0]))
}

/// Copies what is not in the vault yet.
pub(super) async fn look(daemon: &Daemon, known: &mut bool) -> Result<()> {
    if !*known {
        if let Some(chain) = chain_of(daemon).await? {
            let last = objects(daemon, &chain).await?.iter().map(|(_, to)| *to).max();
            daemon.audit.set_mirrored(last.map_or(0, |last| last.cast_signed()));
        }
        *known = true;
    }
    while put_next(daemon).await? {}
    Ok(())
}

pub(super) async fn chain_of(daemon: &Daemon) -> Result<Option<[u8; 16]>> {
    let first = daemon.catalog.audit_from(1, 1).await?;
    Ok(first.first().and_then(|row| Entry::read(row).ok()?.chain()))
}

/// False when there was nothing to put.
async fn put_next(daemon: &Daemon) -> Result<bool> {
    let from = daemon.audit.mirrored() + 1;
    let rows = daemon.catalog.audit_from(from, BATCH).await?;
    let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return Ok(false) };
    let Some(chain) = Entry::read(first).ok().and_then(|entry| entry.chain()) else { return Ok(false) };
    let name = Name::Audit { chain, from: first.n.unsigned_abs(), to: last.n.unsigned_abs() };
    let records: Vec<&str> = rows.iter().map(|row| row.record.as_str()).collect();
    match daemon.vault.put_json(Kind::Note, &name, &records).await {
        // Put by an earlier try that did not hear of it; `verify` compares.
        Ok(_) | Err(vault::Error::Exists(_)) => daemon.audit.set_mirrored(last.n),
        Err(error) => return Err(error.into()),
    }
    Ok(true)
}

async fn objects(daemon: &Daemon, chain: &[u8; 16]) -> Result<Vec<(Name, u64)>> {
    let mut found = Vec::new();
    let mut listing = daemon.vault.store().list(&prefix::audit(chain));
    while let Some(object) = listing.try_next().await? {
        if let Some(name @ Name::Audit { to, .. }) = Name::parse(&object.name) {
            found.push((name, to));
        }
    }
    Ok(found)
}

/// Chains that the vault has copies of.
pub(super) async fn chains(daemon: &Daemon) -> Result<Vec<[u8; 16]>> {
    let mut found = Vec::new();
    let mut listing = daemon.vault.store().list(prefix::AUDIT);
    while let Some(object) = listing.try_next().await? {
        if let Some(Name::Audit { chain, .. }) = Name::parse(&object.name)
            && !found.contains(&chain)
        {
            found.push(chain);
        }
    }
    Ok(found)
}

/// The records of one object.
async fn rows(daemon: &Daemon, name: &Name) -> Result<Vec<AuditRow>> {
    let Name::Audit { from, .. } = name else { return Ok(Vec::new()) };
    let records: Vec<String> = daemon.vault.get_json(Kind::Note, name).await?;
    let row = |(n, record): (i64, String)| AuditRow { n, hash: hash(&record), record };
    Ok((from.cast_signed()..).zip(records).map(row).collect())
}

/// Hashes of all records of a chain that lie in the vault, by number.
pub(super) async fn hashes(daemon: &Daemon, chain: &[u8; 16]) -> Result<BTreeMap<i64, String>> {
    let mut found = BTreeMap::new();
    for (name, _) in objects(daemon, chain).await? {
        for row in rows(daemon, &name).await? {
            // The first copy counts: a later one over the same number could be a forger's.
            found.entry(row.n).or_insert(row.hash);
        }
    }
    Ok(found)
}

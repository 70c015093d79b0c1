//! Whether a server can be protected: facts gathered by SQL and by trying, and findings with the statement that mends each.
//!
//! Nothing is changed here save by `create_slot` and `drop_slot`. What needs a restart says so; the operator decides.

mod facts;
mod findings;

pub use facts::{DatabaseAccess, Facts, ReplicationAccess, Tablespace};

use crate::error::{Error, Result};
use crate::postgres::wire::{Connection, Conninfo, Mode, Replication};

/// The majors that Rekindle knows.
pub const MAJORS: std::ops::RangeInclusive<u32> = 13..=18;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// All is well here.
    Fine,
    /// Backups work, and something of value is missing.
    Warns,
    /// Without mending this there is no backup.
    Blocks,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub severity: Severity,
    pub title: String,
    /// The exact SQL that mends it, to be run as superuser; none where SQL cannot.
    pub statement: Option<String>,
    pub needs_restart: bool,
    pub why: String,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Inspection {
    pub facts: Facts,
    /// The gravest first.
    pub findings: Vec<Finding>,
}

impl Inspection {
    /// Whether nothing stands in the way of a backup.
    pub fn can_protect(&self) -> bool {
        self.findings.iter().all(|finding| finding.severity != Severity::Blocks)
    }
}

/// Looks at the server and changes nothing.
pub async fn inspect(info: &Conninfo) -> Result<Inspection> {
    let mut conn = Connection::connect(info, Mode::Sql).await?;
    let facts = facts::gather(&mut conn, info).await?;
    conn.close().await;
    let mut findings = findings::judge(&facts, info);
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    Ok(Inspection { facts, findings })
}

/// A permanent physical slot that keeps the log from now on. One that is there already is taken if it is physical and keeps
/// log; whether somebody is streaming from it is not asked, for that may be us, and a second stream is refused anyway.
pub async fn create_slot(info: &Conninfo, name: &str) -> Result<()> {
    let mut replication = Replication::connect(info).await?;
    let taken = |what: &str| Error::SlotTaken { slot: name.into(), what: what.into() };
    let done = match replication.read_slot(name).await? {
        Some(slot) if !slot.physical => Err(taken("it is a logical slot")),
        // Without a position it keeps nothing, and reserving later is possible only by streaming.
        Some(slot) if slot.restart_lsn.is_none() => Err(taken("it exists and keeps no log")),
        Some(_) => Ok(()),
        None => match replication.create_slot(name).await {
            // Somebody else of ours was quicker: a receiver makes its slot anew where it is gone.
            Err(Error::SlotTaken { .. }) if is_physical(&mut replication, name).await? => Ok(()),
            done => done,
        },
    };
    replication.close().await;
    done
}

async fn is_physical(replication: &mut Replication, name: &str) -> Result<bool> {
    Ok(replication.read_slot(name).await?.is_some_and(|slot| slot.physical))
}

/// Whether there is a physical slot of that name.
pub async fn has_slot(info: &Conninfo, name: &str) -> Result<bool> {
    let mut replication = Replication::connect(info).await?;
    let found = is_physical(&mut replication, name).await;
    replication.close().await;
    found
}

/// Lets the server forget the log that it keeps for us. A slot that is not there is no error.
pub async fn drop_slot(info: &Conninfo, name: &str) -> Result<()> {
    let mut replication = Replication::connect(info).await?;
    let done = match replication.drop_slot(name).await {
        Err(Error::NoSlot(_)) => Ok(()),
        other => other,
    };
    replication.close().await;
    done
}

#[cfg(test)]
mod tests;

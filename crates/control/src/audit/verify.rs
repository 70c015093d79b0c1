//! Whether the audit log is whole: each record against the one before it, and against its copy in the vault.

use std::collections::BTreeMap;

use api::{AuditBreak, AuditVerdict};

use super::chain::Follower;
use super::mirror;
use crate::daemon::Daemon;
use crate::error::Result;

const AT_ONCE: i64 = 1000;

pub(super) async fn verify(daemon: &Daemon) -> Result<AuditVerdict> {
    let (copies, other_logs) = copies(daemon).await?;
    let mut follower = Follower::default();
    let broken = first_broken(daemon, &copies, &mut follower).await?;
    let broken = broken.or_else(|| cut_off(&copies, follower.records));
    Ok(AuditVerdict {
        whole: broken.is_none(),
        records: follower.records.unsigned_abs(),
        mirrored: copies.len() as u64,
        other_logs,
        head: follower.head,
        broken: broken.map(|(n, what)| AuditBreak { n: n.unsigned_abs(), what }),
    })
}

/// With how many other logs lie in the vault. A log that was taken away whole is missed by its copy.
async fn copies(daemon: &Daemon) -> Result<(BTreeMap<i64, String>, u64)> {
    let all = mirror::chains(daemon).await?;
    let chain = mirror::chain_of(daemon).await?.or(all.first().copied());
    let others = all.iter().filter(|other| Some(**other) != chain).count();
    let copies = match &chain {
        Some(chain) => mirror::hashes(daemon, chain).await?,
        None => BTreeMap::new(),
    };
    Ok((copies, others as u64))
}

async fn first_broken(
    daemon: &Daemon,
    copies: &BTreeMap<i64, String>,
    follower: &mut Follower,
) -> Result<Option<(i64, String)>> {
    loop {
        let rows = daemon.catalog.audit_from(follower.records + 1, AT_ONCE).await?;
        for row in &rows {
            // Asked first: it names the record that was changed, not the one behind it.
            let differs = copies.get(&row.n).is_some_and(|copy| *copy != super::chain::hash(&row.record));
            if differs && row.n == follower.records + 1 {
                return Ok(Some((row.n, "it is not what lies in the vault".to_owned())));
            }
            if let Err(broken) = follower.follow(row) {
                return Ok(Some(broken));
            }
        }
        if rows.is_empty() {
            return Ok(None);
        }
    }
}

fn cut_off(copies: &BTreeMap<i64, String>, records: i64) -> Option<(i64, String)> {
    let last = *copies.last_key_value()?.0;
    let what = format!("it is missing: the log was cut off, the vault holds it up to record {last}");
    (last > records).then_some((records + 1, what))
}

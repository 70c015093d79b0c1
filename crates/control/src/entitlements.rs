//! What a policy lets people do themselves, and how much of it.

use api::InstanceKind;
use vault::backup::catalog;
use vault::names::SourceName;

use crate::daemon::Daemon;
use crate::error::{Error, Result};
use crate::instances::kind_name;
use crate::policy::Allowance;
use crate::stacks;

pub(crate) async fn manual_backup(daemon: &Daemon, source: &str) -> Result<()> {
    let Some(stack) = stacks::of_source(daemon, source).await? else { return Ok(()) };
    let backups = catalog::backups(&daemon.vault, &source.parse::<SourceName>()?).await?;
    let manual = backups.iter().filter(|backup| backup.head.rule.is_none()).count();
    allowed("manual backups", stack.policy.entitlements.manual_backups, manual)
}

pub(crate) async fn clone(daemon: &Daemon, source: &str) -> Result<()> {
    let Some(stack) = stacks::of_source(daemon, source).await? else { return Ok(()) };
    let of_kind = kind_name(InstanceKind::Clone);
    let rows = daemon.catalog.instances().await?;
    let clones = rows.iter().filter(|row| row.kind == of_kind && row.source == source).count();
    allowed("clones", stack.policy.entitlements.clones, clones)
}

fn allowed(what: &'static str, allowance: Allowance, present: usize) -> Result<()> {
    if allowance.allows_one_more(u32::try_from(present).unwrap_or(u32::MAX)) {
        return Ok(());
    }
    let limit = match allowance {
        Allowance::UpTo(limit) => limit,
        _ => 0,
    };
    Err(Error::NotEntitled { what, limit })
}

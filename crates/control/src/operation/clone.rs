//! Clones and peeks, as operations: an instance opened at a moment, beside the original. Resetting a clone is one too.

use api::{CloneAsk, InstanceKind, MomentAsk, Operation, OperationKind, PeekAsk, RestoreAsk};
use vault::names::SourceName;

use super::restore::{Restorer, known, live};
use crate::daemon::Daemon;
use crate::error::Result;
use crate::instances::{self, Wanted};
use crate::views;

/// A peek that nobody asks to be kept goes after so long.
pub(crate) const PEEK_SECONDS: i64 = 60;

pub(crate) async fn begin(daemon: &Daemon, name: &str, ask: CloneAsk) -> Result<Operation> {
    let source = known(daemon, name).await?;
    let called = ask.name.clone().unwrap_or_else(|| format!("{name}-{}", short_id(daemon)));
    let restore = RestoreAsk { port: ask.port, owner: ask.owner, ..at(ask.moment) };
    let wanted = Wanted::below(daemon, &called, InstanceKind::Clone, &source, restore)?;
    let wanted = Wanted { ttl_seconds: ask.ttl_seconds, quota_bytes: ask.quota_bytes, ..wanted };
    open(daemon, OperationKind::Clone, &source, wanted).await
}

pub(crate) async fn peek(daemon: &Daemon, name: &str, ask: PeekAsk) -> Result<Operation> {
    let source = known(daemon, name).await?;
    let called = format!("peek-{}", short_id(daemon));
    let restore = RestoreAsk { owner: ask.owner, ..at(ask.moment) };
    let wanted = Wanted::below(daemon, &called, InstanceKind::Peek, &source, restore)?;
    let wanted = Wanted { ttl_seconds: Some(PEEK_SECONDS as u64), ..wanted };
    open(daemon, OperationKind::Peek, &source, wanted).await
}

async fn open(daemon: &Daemon, kind: OperationKind, source: &SourceName, wanted: Wanted) -> Result<Operation> {
    if daemon.catalog.instance(&wanted.name).await?.is_some() {
        return Err(crate::Error::TakenInstance(wanted.name));
    }
    // Refused here, before there is an operation, when it cannot be reached.
    let resolved = Restorer::of(daemon).resolve(source, &wanted.ask, live(daemon, source.as_str())).await?;
    super::begin(daemon, kind, Some(source.as_str()), |daemon, watch| async move {
        Box::pin(instances::open(&daemon, &wanted, &resolved, &watch)).await?;
        views::to_json(&instances::one(&daemon, &wanted.name).await?)
    })
    .await
}

pub(crate) async fn reset(daemon: &Daemon, name: &str) -> Result<Operation> {
    let source = instances::one(daemon, name).await?.source;
    let name = name.to_owned();
    super::begin(daemon, OperationKind::Clone, Some(&source), |daemon, watch| async move {
        Box::pin(instances::reset(&daemon, &name, &watch)).await?;
        views::to_json(&instances::one(&daemon, &name).await?)
    })
    .await
}

/// An ask for a moment; where it goes is filled in later.
pub(crate) fn at(moment: MomentAsk) -> RestoreAsk {
    RestoreAsk {
        moment,
        into: String::new(),
        port: None,
        delta: false,
        tablespaces: Default::default(),
        no_start: false,
        owner: None,
        open: false,
        limit: 0,
    }
}

pub(crate) fn short_id(daemon: &Daemon) -> String {
    vault::names::hex(&daemon.host.env.random::<3>())
}

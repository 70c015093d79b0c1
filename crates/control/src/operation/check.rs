//! Checking the vault, as an operation. Its result is the report; findings do not fail it.

use std::sync::Arc;

use api::{CheckAsk, Operation, OperationKind};
use async_trait::async_trait;
use ops::Found;
use serde_json::Value;
use vault::check::{CheckOptions, Percent, check};
use vault::names::SourceName;

use super::{At, By, Part, Table, Wanted, input, step, submit};
use crate::daemon::Daemon;
use crate::error::Result;
use crate::views;

pub(super) fn table() -> Table {
    Table { kind: OperationKind::Check, parts: vec![("check", Arc::new(CheckIt))] }
}

pub(crate) async fn begin(daemon: &Daemon, ask: CheckAsk, by: By) -> Result<Operation> {
    parsed(&ask)?;
    let steps = vec![step("check", "read the vault and see whether every backup is whole, opens and has its log")];
    let kind = OperationKind::Check;
    submit(daemon, Wanted { kind, source: None, alone: None, input: input(&ask)?, steps }, by).await
}

fn parsed(ask: &CheckAsk) -> Result<(Option<Percent>, Vec<SourceName>)> {
    let read_data = ask.read_data_percent.map(Percent::new).transpose()?;
    Ok((read_data, ask.sources.iter().map(|name| name.parse()).collect::<vault::Result<_>>()?))
}

#[derive(Debug)]
struct CheckIt;

#[async_trait]
impl Part for CheckIt {
    async fn act(&self, at: &At) -> Result<Value> {
        let (read_data, sources) = parsed(&at.input()?)?;
        at.watch.step("checking");
        let some = (!sources.is_empty()).then_some(sources.as_slice());
        let options = CheckOptions { read_data, offset: 0, workers: at.daemon.config.backup.workers };
        views::to_json(&check(&at.daemon.vault, some, options, at.watch.progress.clone()).await?)
    }

    /// It changes nothing.
    async fn look(&self, _at: &At) -> Result<Found> {
        Ok(Found::NotDone)
    }
}

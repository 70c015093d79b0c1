//! Checking the vault, as an operation. Its result is the report; findings do not fail it.

use api::{CheckAsk, Operation, OperationKind};
use vault::check::{CheckOptions, Percent, check};
use vault::names::SourceName;

use crate::daemon::Daemon;
use crate::error::Result;
use crate::views;

pub(crate) async fn begin(daemon: &Daemon, ask: CheckAsk) -> Result<Operation> {
    let read_data = ask.read_data_percent.map(Percent::new).transpose()?;
    let sources: Vec<SourceName> = ask.sources.iter().map(|name| name.parse()).collect::<vault::Result<_>>()?;
    super::begin(daemon, OperationKind::Check, None, |daemon, watch| async move {
        watch.step("checking");
        let some = (!sources.is_empty()).then_some(sources.as_slice());
        let options = CheckOptions { read_data, offset: 0, workers: daemon.config.backup.workers };
        views::to_json(&check(&daemon.vault, some, options, watch.progress.clone()).await?)
    })
    .await
}

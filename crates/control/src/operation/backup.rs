//! A backup, as an operation.

use std::time::Duration;

use api::{BackupAsk, Operation, OperationKind};
use engine::postgres::backup::{BackupRequest, back_up};
use vault::backup::write::WriteOptions;

use crate::daemon::Daemon;
use crate::error::Result;
use crate::views;

const LOG_PATIENCE: Duration = Duration::from_secs(120);

pub(crate) async fn begin(daemon: &Daemon, name: &str, ask: BackupAsk) -> Result<Operation> {
    let source = daemon.source(name)?;
    super::begin(daemon, OperationKind::Backup, Some(name), |daemon, watch| async move {
        watch.step("files");
        let request = BackupRequest {
            label: ask.label,
            full: ask.full,
            write: WriteOptions { workers: daemon.config.backup.workers, zstd_level: daemon.config.backup.zstd_level },
            log_patience: LOG_PATIENCE,
        };
        let head = back_up(&daemon.vault, &source.cluster, &source.receiver, request, watch.progress.clone()).await?;
        views::to_json(&views::backup_of_head(&head))
    })
    .await
}

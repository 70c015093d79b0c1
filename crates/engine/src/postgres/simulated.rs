//! Servers that do not exist, for the bench of a fleet: `postgres://user@simulated/NAME`. Their log is always there, and a backup of one
//! is a file of one page. Only with the feature `simulated`.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use vault::Vault;
use vault::backup::tree::{Progress, Tree, TreeEntry, TreeFile, TreeKind};
use vault::backup::write::{BackupWriter, Commit};
use vault::format::manifest::ManifestHead;

use super::backup::BackupRequest;
use super::info::{ClusterInfo, ENGINE};
use super::lsn::Lsn;
use super::receive::{Cluster, LogState, Phase, Receiver};
use super::wire::{Conninfo, Host};
use crate::error::{Error, Result};

const END: Lsn = Lsn(0x0300_0000);
const TAKES: Duration = Duration::from_millis(50);
const PAGE: usize = 8192;

static FAILS_PER_MILLE: AtomicU32 = AtomicU32::new(0);

/// So many of a thousand backups lose their connection.
pub fn fail_per_mille(backups: u32) {
    FAILS_PER_MILLE.store(backups, Ordering::Relaxed);
}

pub fn is(conninfo: &Conninfo) -> bool {
    matches!(&conninfo.host, Host::Tcp { name, .. } if name == "simulated")
}

/// One that has received everything.
pub(super) fn receiver(vault: &Vault) -> Receiver {
    let now = vault.env().now();
    let streaming = LogState {
        phase: Phase::Streaming,
        timeline: 1,
        received: END,
        durable: END,
        server_end: END,
        complete_at: Some(now),
        streaming_since: Some(now),
        last_contact: Some(now),
        ..LogState::new()
    };
    let (sender, state) = watch::channel(streaming);
    let (stop, mut stopped) = watch::channel(false);
    tokio::spawn(async move {
        let _ = stopped.wait_for(|stopped| *stopped).await;
        sender.send_modify(|state| state.phase = Phase::Stopped);
    });
    Receiver { state, stop: Arc::new(stop), asked: Arc::default() }
}

pub(super) async fn back_up(
    vault: &Vault,
    cluster: &Cluster,
    request: BackupRequest,
    progress: Arc<Progress>,
) -> Result<ManifestHead> {
    tokio::time::sleep(TAKES).await;
    if u32::from_le_bytes(vault.env().random()) % 1000 < FAILS_PER_MILLE.load(Ordering::Relaxed) {
        let source = io::Error::from(io::ErrorKind::ConnectionReset);
        return Err(Error::Lost { target: "simulated".into(), source });
    }
    let writer = BackupWriter::begin(vault, cluster.source.clone(), None, request.write, progress).await?;
    let stored = tokio::task::spawn_blocking(move || {
        let mut writer = writer;
        writer.store_tree(&OnePage).map(|()| writer)
    });
    let writer = stored.await.map_err(|e| vault::Error::Internal(e.to_string()))??;
    let commit = Commit {
        label: request.label,
        rule: request.rule,
        operation: request.operation,
        ended: vault.env().now(),
        timeline: 1,
        log_from: END.0,
        log_to: END.0,
        engine: ENGINE.to_owned(),
        engine_info: serde_json::to_value(info(cluster)).map_err(|e| vault::Error::Internal(e.to_string()))?,
    };
    Ok(writer.commit(commit).await?)
}

fn info(cluster: &Cluster) -> ClusterInfo {
    ClusterInfo {
        major: 15,
        version: "15.0".into(),
        system_identifier: cluster.system_identifier.to_string(),
        wal_segment_bytes: 16 << 20,
        checksums: true,
        from_standby: false,
        start: END,
        stop: END,
        data_directory: "/nowhere".into(),
        owner: "postgres".into(),
        superuser: "postgres".into(),
        tablespaces: Vec::new(),
        outside_config: Vec::new(),
        databases: Vec::new(),
        roles: Vec::new(),
        left_out: Default::default(),
    }
}

#[derive(Debug)]
struct OnePage;

impl Tree for OnePage {
    fn walk(&self) -> Box<dyn Iterator<Item = vault::Result<TreeEntry>> + Send + '_> {
        let kind = TreeKind::File { size: PAGE as u64, page_size: PAGE as u32 };
        let entry = TreeEntry { path: "PG_VERSION".into(), kind, mode: 0o600, uid: 0, gid: 0, modified: 0 };
        Box::new(std::iter::once(Ok(entry)))
    }

    fn open(&self, _: &str) -> io::Result<Option<Box<dyn TreeFile>>> {
        Ok(Some(Box::new(Page)))
    }
}

struct Page;

impl TreeFile for Page {
    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let length = buffer.len().min(PAGE.saturating_sub(usize::try_from(offset).unwrap_or(PAGE)));
        buffer[..length].fill(15);
        Ok(length)
    }
}

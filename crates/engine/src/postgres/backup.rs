//! A backup of a running cluster, primary or standby, told in order:
//! ```text
//!   look ──► start ──► copy the files ──► pg_control ──► stop ──► log up to the stop is durable ──► manifest
//! ```
//! Whatever fails before the manifest leaves only packs that nothing refers to. Follows the non-exclusive backup of
//! `xlogfuncs.c`: the session that starts it must live until it stops.

use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::Timestamp;
use vault::Vault;
use vault::backup::catalog::{self, BackupInfo};
use vault::backup::tree::Progress;
use vault::backup::write::{BackupWriter, Commit, WriteOptions};
use vault::format::manifest::ManifestHead;
use vault::names::BackupId;

use super::control_file::{self, ControlFile};
use super::info::{ClusterInfo, ConfigFile, ENGINE, LeftOutAll, Tablespace};
use super::lsn::{Lsn, Timeline};
use super::receive::{Cluster, Receiver};
use super::source::{DataDirectory, Tail};
use super::wire::{Connection, Mode};
use crate::error::{Error, Result};

pub(crate) mod census;

const CONTROL_FILE_TRIES: u32 = 10;

#[derive(Debug, Clone)]
pub struct BackupRequest {
    /// A name given by a person.
    pub label: Option<String>,
    /// The rule of a policy that makes it.
    pub rule: Option<String>,
    /// By which it is found again, should the answer be lost.
    pub operation: Option<String>,
    /// Stores everything anew instead of sharing unchanged pages.
    pub full: bool,
    pub write: WriteOptions,
    /// How long to wait for the log up to the backup's end.
    pub log_patience: Duration,
}

impl Default for BackupRequest {
    fn default() -> BackupRequest {
        BackupRequest {
            label: None,
            rule: None,
            operation: None,
            full: false,
            write: WriteOptions::default(),
            log_patience: Duration::from_secs(120),
        }
    }
}

/// Takes a backup. `log` is the receiver of the same cluster.
pub async fn back_up(
    vault: &Vault,
    cluster: &Cluster,
    log: &Receiver,
    request: BackupRequest,
    progress: Arc<Progress>,
) -> Result<ManifestHead> {
    #[cfg(feature = "simulated")]
    if super::simulated::is(&cluster.conninfo) {
        return super::simulated::back_up(vault, cluster, request, progress).await;
    }
    let mut sql = Connection::connect(&cluster.conninfo, Mode::Sql).await?;
    let look = look(&mut sql, cluster).await?;
    let parent = if request.full { None } else { parent(vault, cluster, &look).await? };
    progress.bytes_total.store(look.bytes, Ordering::Relaxed);
    let start = begin(&mut sql, look.major).await?;
    let files = store_files(vault, cluster, &look, start, parent, &request, progress.clone()).await?;
    progress.check()?;
    let (writer, control, left_out) = files;
    let end = end(&mut sql, look.major).await?;
    let writer = store_tail(writer, &end, control).await?;
    let label = Label::parse(&end.label_file)?;
    log.wait_durable(label.timeline, end.stop, request.log_patience).await?;
    let info = ClusterInfo { left_out, ..describe(&mut sql, cluster, &look, start, &end).await? };
    sql.close().await;
    let commit = Commit {
        label: request.label,
        rule: request.rule,
        operation: request.operation,
        ended: end.time,
        timeline: label.timeline,
        log_from: start.0,
        log_to: end.stop.0,
        engine: ENGINE.to_owned(),
        engine_info: serde_json::to_value(info).map_err(|e| vault::Error::Internal(e.to_string()))?,
    };
    Ok(writer.commit(commit).await?)
}

/// What is known before the backup starts.
#[derive(Debug)]
struct Look {
    major: u32,
    version: String,
    control: ControlFile,
    in_recovery: bool,
    /// Sum of the sizes of all databases: good enough for a progress bar.
    bytes: u64,
}

async fn look(sql: &mut Connection, cluster: &Cluster) -> Result<Look> {
    let control = read_control(&cluster.data_directory).await?.0;
    if control.system_identifier != cluster.system_identifier {
        return Err(Error::Foreign { found: control.system_identifier, expected: cluster.system_identifier });
    }
    let rows = sql
        .rows(
            "SELECT current_setting('server_version') AS version, pg_is_in_recovery() AS in_recovery, \
             (SELECT system_identifier FROM pg_control_system()) AS system_identifier, \
             (SELECT sum(pg_database_size(oid))::bigint FROM pg_database) AS bytes",
        )
        .await?;
    let served: u64 = rows.get(0, "system_identifier").and_then(|id| id.parse().ok()).unwrap_or(0);
    if served != cluster.system_identifier {
        return Err(Error::Foreign { found: served, expected: cluster.system_identifier });
    }
    Ok(Look {
        major: sql.server_major()?,
        version: rows.get(0, "version").unwrap_or_default().to_owned(),
        control,
        in_recovery: rows.get(0, "in_recovery") == Some("t"),
        bytes: rows.get(0, "bytes").and_then(|bytes| bytes.parse().ok()).unwrap_or(0),
    })
}

/// The newest backup of the same cluster.
async fn parent(vault: &Vault, cluster: &Cluster, look: &Look) -> Result<Option<BackupId>> {
    let same = |backup: &BackupInfo| {
        ClusterInfo::of(&backup.head).is_ok_and(|info| {
            info.system_identifier == cluster.system_identifier.to_string() && info.major == look.major
        })
    };
    let backups = catalog::backups(vault, &cluster.source).await?;
    Ok(backups.into_iter().rev().find(same).map(|backup| backup.id))
}

async fn begin(sql: &mut Connection, major: u32) -> Result<Lsn> {
    let statement = match major {
        ..15 => "SELECT pg_start_backup('rekindle', true, false)",
        _ => "SELECT pg_backup_start('rekindle', true)",
    };
    let start = sql.value(statement).await?;
    start.unwrap_or_default().parse().map_err(|_| Error::protocol("pg_backup_start did not answer with a position"))
}

/// Copies all files, then reads pg_control: after everything else, so that it is not older than any page.
async fn store_files(
    vault: &Vault,
    cluster: &Cluster,
    look: &Look,
    start: Lsn,
    parent: Option<BackupId>,
    request: &BackupRequest,
    progress: Arc<Progress>,
) -> Result<(BackupWriter, Vec<u8>, LeftOutAll)> {
    let source = cluster.source.clone();
    let mut writer = BackupWriter::begin(vault, source, parent, request.write.clone(), progress).await?;
    let tree = DataDirectory::new(&cluster.data_directory, look.control.has_checksums(), start)?;
    let stored = move || writer.store_tree(&tree).map(|()| (writer, tree.left_out()));
    let stored = tokio::task::spawn_blocking(stored).await;
    let (writer, left_out) = stored.map_err(|e| vault::Error::Internal(e.to_string()))??;
    let (_, control) = read_control(&cluster.data_directory).await?;
    Ok((writer, control, left_out))
}

/// The server writes pg_control in one piece but not atomically for readers: a torn one is read again.
async fn read_control(data_directory: &Path) -> Result<(ControlFile, Vec<u8>)> {
    let path = data_directory.join(control_file::PATH);
    let mut tries = 0;
    loop {
        let bytes =
            vault::beneath::read(data_directory, control_file::PATH).map_err(|e| Error::file("read", &path, e))?;
        match ControlFile::parse(&bytes) {
            Ok(control) => return Ok((control, bytes)),
            Err(error) if tries == CONTROL_FILE_TRIES => return Err(error),
            Err(_) => tries += 1,
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// What the server says at the end.
#[derive(Debug)]
struct End {
    stop: Lsn,
    label_file: String,
    tablespace_map: String,
    /// By the server's clock.
    time: Timestamp,
}

async fn end(sql: &mut Connection, major: u32) -> Result<End> {
    let function = match major {
        ..15 => "pg_stop_backup(false, false)",
        _ => "pg_backup_stop(false)",
    };
    let rows = sql
        .rows(&format!(
            "SELECT lsn, labelfile, spcmapfile, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS micros FROM {function}"
        ))
        .await
        .map_err(interrupted)?;
    let text = |column| rows.get(0, column).unwrap_or_default();
    Ok(End {
        stop: text("lsn").parse().map_err(|_| Error::protocol("pg_backup_stop did not answer with a position"))?,
        label_file: text("labelfile").to_owned(),
        tablespace_map: text("spcmapfile").to_owned(),
        time: text("micros")
            .parse()
            .ok()
            .and_then(|micros| Timestamp::from_microsecond(micros).ok())
            .unwrap_or_default(),
    })
}

fn interrupted(error: Error) -> Error {
    match error {
        Error::Server(answer) => Error::Interrupted(answer.message),
        Error::Lost { target, source } => Error::Interrupted(format!("the connection to {target} was lost: {source}")),
        other => other,
    }
}

async fn store_tail(mut writer: BackupWriter, end: &End, control: Vec<u8>) -> Result<BackupWriter> {
    let mut tail = Tail { files: vec![("backup_label".to_owned(), end.label_file.clone().into_bytes())] };
    // In path order, as in every list; that pg_control is placed last is the restore's affair.
    tail.files.push((control_file::PATH.to_owned(), control));
    if !end.tablespace_map.trim().is_empty() {
        tail.files.push(("tablespace_map".to_owned(), end.tablespace_map.clone().into_bytes()));
    }
    let stored = tokio::task::spawn_blocking(move || writer.store_tail(&tail).map(|()| writer)).await;
    Ok(stored.map_err(|e| vault::Error::Internal(e.to_string()))??)
}

/// The lines of backup_label that matter here.
#[derive(Debug, PartialEq, Eq)]
struct Label {
    timeline: Timeline,
}

impl Label {
    fn parse(text: &str) -> Result<Label> {
        let line = text.lines().find_map(|line| line.strip_prefix("START TIMELINE: "));
        let timeline = line.and_then(|timeline| timeline.trim().parse().ok());
        let timeline = timeline.ok_or_else(|| Error::protocol("the backup label names no timeline"))?;
        Ok(Label { timeline })
    }
}

async fn describe(sql: &mut Connection, cluster: &Cluster, look: &Look, start: Lsn, end: &End) -> Result<ClusterInfo> {
    let superuser = sql.value("SELECT rolname FROM pg_roles WHERE oid = 10").await?;
    let tablespaces = sql
        .rows("SELECT oid, pg_tablespace_location(oid) AS location FROM pg_tablespace WHERE pg_tablespace_location(oid) <> '' ORDER BY oid")
        .await?;
    let tablespaces = (0..tablespaces.rows.len()).map(|row| Tablespace {
        oid: tablespaces.get(row, "oid").and_then(|oid| oid.parse().ok()).unwrap_or(0),
        location: tablespaces.get(row, "location").unwrap_or_default().to_owned(),
    });
    Ok(ClusterInfo {
        major: look.major,
        version: look.version.clone(),
        system_identifier: cluster.system_identifier.to_string(),
        wal_segment_bytes: u64::from(look.control.wal_segment_bytes),
        checksums: look.control.has_checksums(),
        from_standby: look.in_recovery,
        start,
        stop: end.stop,
        data_directory: cluster.data_directory.display().to_string(),
        owner: owner_of(&cluster.data_directory),
        superuser: superuser.unwrap_or_else(|| "postgres".to_owned()),
        tablespaces: tablespaces.collect(),
        outside_config: outside_config(sql, &cluster.data_directory).await?,
        databases: census::take(sql, &cluster.conninfo, census::Sequences::Read).await?,
        roles: census::roles(sql).await?,
        left_out: LeftOutAll::default(),
    })
}

/// The name of the data directory's owner, or the number where there is no name.
fn owner_of(data_directory: &Path) -> String {
    let Ok(meta) = std::fs::metadata(data_directory) else { return String::new() };
    super::owner::name_of(meta.uid()).unwrap_or_else(|| meta.uid().to_string())
}

async fn outside_config(sql: &mut Connection, data_directory: &Path) -> Result<Vec<ConfigFile>> {
    let rows = sql
        .rows("SELECT name, setting FROM pg_settings WHERE name IN ('config_file', 'hba_file', 'ident_file') ORDER BY name")
        .await?;
    let mut files = Vec::new();
    for row in 0..rows.rows.len() {
        let (Some(setting), Some(path)) = (rows.get(row, "name"), rows.get(row, "setting")) else { continue };
        // Stored with the data directory, unless it is a link there: then it is what the link leads to.
        let inside = Path::new(path).strip_prefix(data_directory).ok().and_then(Path::to_str);
        if inside.is_some_and(|inside| {
            !vault::beneath::read(data_directory, inside).is_err_and(|e| vault::beneath::is_led_away(&e))
        }) {
            continue;
        }
        match read_as_server(data_directory, path) {
            Ok(content) => files.push(ConfigFile { setting: setting.to_owned(), path: path.to_owned(), content }),
            Err(error) => tracing::warn!(path, %error, "this configuration file is not part of the backup"),
        }
    }
    Ok(files)
}

/// A file that the server names. Where it is and who may read it is the server's word, so root must not read it for them.
fn read_as_server(data_directory: &Path, path: &str) -> std::io::Result<String> {
    if !super::owner::we_are_root() {
        return std::fs::read_to_string(path);
    }
    let owner = std::fs::metadata(data_directory)?;
    let mut cat = std::process::Command::new("cat");
    cat.args(["--", path]).uid(owner.uid()).gid(owner.gid()).current_dir("/").stdin(std::process::Stdio::null());
    let answer = cat.output()?;
    if !answer.status.success() {
        return Err(std::io::Error::other(String::from_utf8_lossy(&answer.stderr).trim().to_owned()));
    }
    String::from_utf8(answer.stdout).map_err(std::io::Error::other)
}

#[cfg(test)]
mod tests;

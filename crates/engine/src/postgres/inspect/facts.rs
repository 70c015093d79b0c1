//! What can be asked of a server, and what of its files can be read from here.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::MAJORS;
use crate::error::{Error, Result};
use crate::postgres::control_file::{self, ControlFile};
use crate::postgres::lsn::{Lsn, Timeline};
use crate::postgres::wire::{Connection, Conninfo, Replication};

const SETTINGS: &[&str] = &[
    "archive_mode",
    "block_size",
    "data_checksums",
    "data_directory",
    "fsync",
    "full_page_writes",
    "max_connections",
    "max_replication_slots",
    "max_slot_wal_keep_size",
    "max_wal_senders",
    "server_version",
    "synchronous_commit",
    "wal_keep_size",
    "wal_level",
    "wal_segment_size",
];

/// Whether a replication connection really opens for this user, and if not, why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplicationAccess {
    Open,
    /// The user has no REPLICATION.
    NoRight,
    /// pg_hba.conf lacks this line.
    NoHba {
        line: String,
    },
    /// max_wal_senders is reached, or zero.
    NoSender,
    Failed {
        what: String,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tablespace {
    pub oid: u32,
    pub name: String,
    /// Empty for an in-place one, which lies in `pg_tblspc` itself.
    pub location: PathBuf,
    pub in_place: bool,
    /// Why it cannot be read from here; none when it can.
    pub unreadable: Option<String>,
}

/// How a database stands to this user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseAccess {
    pub name: String,
    pub allows_connections: bool,
    /// Without it, or with a connection limit of zero, only a superuser gets in.
    pub has_right: bool,
    pub limit: i64,
    /// Whether its size can be asked.
    pub has_size: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    /// Such as 150018.
    pub version_num: u32,
    pub major: u32,
    pub version: String,
    pub user: String,
    pub superuser: bool,
    pub system_identifier: u64,
    pub timeline: Timeline,
    pub in_recovery: bool,
    /// Written so far; in a standby, replayed.
    pub position: Lsn,
    pub data_directory: Option<PathBuf>,
    /// Why the data directory cannot be read from here; none when it can.
    pub data_unreadable: Option<String>,
    pub tablespaces: Vec<Tablespace>,
    /// Functions that a backup calls and that this user may not.
    pub forbidden_functions: Vec<String>,
    pub databases: Vec<DatabaseAccess>,
    pub data_checksums: bool,
    pub block_bytes: u64,
    pub segment_bytes: u64,
    pub replication: ReplicationAccess,
    pub wal_senders_max: u32,
    pub wal_senders_used: u32,
    pub slots_max: u32,
    pub slots_used: u32,
    /// None is without limit.
    pub slot_keep_bytes_max: Option<u64>,
    pub wal_keep_bytes: u64,
    /// The settings asked for, by name, in the server's base unit.
    pub settings: BTreeMap<String, String>,
}

impl Facts {
    pub fn setting(&self, name: &str) -> &str {
        self.settings.get(name).map_or("", String::as_str)
    }

    pub fn wal_senders_free(&self) -> u32 {
        self.wal_senders_max.saturating_sub(self.wal_senders_used)
    }

    pub fn slots_free(&self) -> u32 {
        self.slots_max.saturating_sub(self.slots_used)
    }
}

pub(super) async fn gather(conn: &mut Connection, info: &Conninfo) -> Result<Facts> {
    let version_num: u32 = number(conn, "show server_version_num").await?;
    let major = version_num / 10_000;
    if !MAJORS.contains(&major) {
        let found = conn.parameter("server_version").unwrap_or_default().to_string();
        return Err(Error::Version { what: "PostgreSQL", found, known: "13 to 18" });
    }
    let settings = read_settings(conn).await?;
    let setting = |name: &str| settings.get(name).cloned().unwrap_or_default();
    let in_recovery = flag(conn, "select pg_is_in_recovery()").await?;
    let data_directory = Some(setting("data_directory")).filter(|dir| !dir.is_empty()).map(PathBuf::from);
    let system_identifier = number(conn, "select system_identifier from pg_control_system()").await?;
    Ok(Facts {
        version_num,
        major,
        version: setting("server_version"),
        user: text(conn, "select current_user").await?,
        superuser: flag(conn, "select rolsuper from pg_roles where rolname = current_user").await?,
        system_identifier,
        timeline: number(conn, timeline_sql(in_recovery)).await?,
        in_recovery,
        position: text(conn, position_sql(in_recovery)).await?.parse()?,
        data_unreadable: data_directory.as_deref().and_then(|dir| why_not_ours(dir, system_identifier)),
        data_directory,
        tablespaces: read_tablespaces(conn).await?,
        forbidden_functions: read_forbidden(conn, major).await?,
        databases: read_databases(conn).await?,
        data_checksums: setting("data_checksums") == "on",
        block_bytes: parse(&setting("block_size"))?,
        segment_bytes: parse(&setting("wal_segment_size"))?,
        replication: try_replication(info).await,
        wal_senders_max: parse(&setting("max_wal_senders"))?,
        wal_senders_used: number(conn, "select count(*) from pg_stat_get_wal_senders()").await?,
        slots_max: parse(&setting("max_replication_slots"))?,
        slots_used: number(conn, "select count(*) from pg_replication_slots").await?,
        slot_keep_bytes_max: mebibytes(&setting("max_slot_wal_keep_size"))?,
        wal_keep_bytes: mebibytes(&setting("wal_keep_size"))?.unwrap_or(0),
        settings,
    })
}

/// A promotion shows in the name of the current log file at once, and in pg_control only at the next checkpoint.
fn timeline_sql(in_recovery: bool) -> &'static str {
    if in_recovery {
        "select timeline_id from pg_control_checkpoint()"
    } else {
        "select ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int"
    }
}

fn position_sql(in_recovery: bool) -> &'static str {
    if in_recovery { "select pg_last_wal_replay_lsn()" } else { "select pg_current_wal_flush_lsn()" }
}

/// By pg_settings, for SHOW adds units; what this user may not see (data_directory) is left out.
async fn read_settings(conn: &mut Connection) -> Result<BTreeMap<String, String>> {
    let names = SETTINGS.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(",");
    let rows = conn.rows(&format!("select name, setting from pg_settings where name in ({names})")).await?;
    let pairs = rows.rows.into_iter().filter_map(|row| {
        let [Some(name), Some(value)] = <[_; 2]>::try_from(row).ok()? else { return None };
        Some((name, value))
    });
    Ok(pairs.collect())
}

/// -1 is without limit.
fn mebibytes(value: &str) -> Result<Option<u64>> {
    let number: i64 = parse(value)?;
    Ok(u64::try_from(number).ok().map(|mebibytes| mebibytes << 20))
}

async fn read_tablespaces(conn: &mut Connection) -> Result<Vec<Tablespace>> {
    let sql = "select oid, spcname, pg_tablespace_location(oid) as location from pg_tablespace \
               where spcname not in ('pg_default', 'pg_global') order by oid";
    let rows = conn.rows(sql).await?;
    (0..rows.rows.len())
        .map(|row| {
            let cell = |name| rows.get(row, name).unwrap_or_default();
            // An in-place tablespace has a relative location, or an empty one.
            let location = PathBuf::from(cell("location"));
            let in_place = !location.is_absolute();
            let unreadable = if in_place { None } else { why_not_listed(&location) };
            Ok(Tablespace { oid: parse(cell("oid"))?, name: cell("spcname").into(), location, in_place, unreadable })
        })
        .collect()
}

/// What starts and ends a backup; EXECUTE on it is given to nobody but superusers.
async fn read_forbidden(conn: &mut Connection, major: u32) -> Result<Vec<String>> {
    let called = match major {
        ..15 => ["pg_start_backup(text, boolean, boolean)", "pg_stop_backup(boolean, boolean)"],
        _ => ["pg_backup_start(text, boolean)", "pg_backup_stop(boolean)"],
    };
    let mut forbidden = Vec::new();
    for function in called {
        if !flag(conn, &format!("select has_function_privilege('{function}', 'execute')")).await? {
            forbidden.push(function.to_owned());
        }
    }
    Ok(forbidden)
}

/// One that a DROP DATABASE left half way is none.
async fn read_databases(conn: &mut Connection) -> Result<Vec<DatabaseAccess>> {
    let sql = "select datname, datallowconn, has_database_privilege(oid, 'connect') as has_right, datconnlimit, \
               has_database_privilege(oid, 'connect') or pg_has_role('pg_read_all_stats', 'usage') as has_size \
               from pg_database where datconnlimit <> -2 order by oid";
    let rows = conn.rows(sql).await?;
    (0..rows.rows.len())
        .map(|row| {
            let cell = |name| rows.get(row, name).unwrap_or_default();
            Ok(DatabaseAccess {
                name: cell("datname").into(),
                allows_connections: cell("datallowconn") == "t",
                has_right: cell("has_right") == "t",
                limit: parse(cell("datconnlimit"))?,
                has_size: cell("has_size") == "t",
            })
        })
        .collect()
}

/// A directory of that name may be another cluster's, on another machine than the server's: pg_control tells.
pub(super) fn why_not_ours(dir: &Path, system_identifier: u64) -> Option<String> {
    let path = dir.join(control_file::PATH);
    let control = match fs::read(&path) {
        Ok(bytes) => ControlFile::parse(&bytes),
        Err(error) => return Some(format!("{}: {error}", path.display())),
    };
    match control {
        Ok(control) if control.system_identifier == system_identifier => why_not_listed(&dir.join("base")),
        Ok(_) => Some(format!("{} is of another cluster", dir.display())),
        Err(error) => Some(error.to_string()),
    }
}

fn why_not_listed(dir: &Path) -> Option<String> {
    fs::read_dir(dir).err().map(|error| format!("{}: {error}", dir.display()))
}

/// Only trying tells: rights, pg_hba.conf and free senders all have their say.
async fn try_replication(info: &Conninfo) -> ReplicationAccess {
    let error = match Replication::connect(info).await {
        Ok(replication) => {
            replication.close().await;
            return ReplicationAccess::Open;
        }
        Err(error) => error,
    };
    match error {
        Error::Right(_) => ReplicationAccess::NoRight,
        Error::Hba { line, .. } => ReplicationAccess::NoHba { line },
        Error::Full { .. } => ReplicationAccess::NoSender,
        other => ReplicationAccess::Failed { what: other.to_string() },
    }
}

async fn text(conn: &mut Connection, sql: &str) -> Result<String> {
    let value = conn.value(sql).await?;
    value.ok_or_else(|| Error::protocol(format!("no answer to {sql}")))
}

async fn flag(conn: &mut Connection, sql: &str) -> Result<bool> {
    Ok(text(conn, sql).await? == "t")
}

async fn number<T: std::str::FromStr>(conn: &mut Connection, sql: &str) -> Result<T> {
    parse(&text(conn, sql).await?)
}

fn parse<T: std::str::FromStr>(text: &str) -> Result<T> {
    text.parse().map_err(|_| Error::protocol(format!("{text:?} is not the number that was asked for")))
}

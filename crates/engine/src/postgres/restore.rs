//! Brings a cluster back into a directory of its own, beside whatever runs. The story:
//! ```text
//!   preflight ──► files ──► settings ──► pg_control ──► start ──► replay to the target ──► verify ──► open for use
//!                 copied, or mounted and fetched when they are touched
//! ```
//! - Nothing is written before the target is resolved and the directory is known to be empty, or ours and `delta` was said.
//! - `pg_control` comes last: a directory left half made cannot be started.
//! - Recovery pauses at the target. Only after the reached point was compared with the asked one, and the data looked at, is
//!   the server promoted and opened to others; until then only its owner can reach its socket.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;
use vault::Vault;
use vault::backup::read::BackupReader;
use vault::backup::restore::{RestoreOptions, RestoreTotals, restore_tree};
use vault::backup::tree::Progress;
use vault::log::read::LogIndex;
use vault::names::SourceName;

use super::binaries::Binaries;
use super::instance::Instance;
use super::limits::Limits;
use super::lsn::{Lsn, Timeline};
use super::opened::Opened;
use super::owner::{self, User};
use super::ports;
use super::stopwatch::Stopwatch;
use super::target::{Resolved, Stop};
use super::verify::{self, Verified};
use super::wire::Connection;
use crate::error::{Error, Result};
use fetch::Fetch;

mod config;
mod fetch;
mod folder;
mod limits;
mod mounted;
mod quiet;

pub use fetch::ask as fetch_log_file;
pub use folder::{MARKER, is_complete, is_of, must_be_free, note};
pub use mounted::MountAsk;

pub use super::stopwatch::{Durations, Steps};

/// What the restored cluster is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// It takes the place of the old one some day: its own settings, all of it looked at.
    Restore,
    /// The same, at once: nobody gets in before it lies there, see `successor`.
    Successor,
    /// For people to use beside the original: small, and silent towards the world outside.
    Clone,
    /// To look at for a moment: it stays in recovery, so nothing can be written.
    Peek,
    /// To prove that it can be done, or to take something out; thrown away after.
    Drill,
}

impl Purpose {
    /// Gone before the next power cut matters, and reached through its socket alone.
    pub(crate) fn is_fleeting(self) -> bool {
        matches!(self, Purpose::Peek | Purpose::Drill)
    }
}

#[derive(Debug, Clone)]
pub struct RestoreRequest {
    pub into: PathBuf,
    /// Free one chosen when not said.
    pub port: Option<u16>,
    /// Rewrite only what differs, in a directory that an earlier restore of ours made.
    pub delta: bool,
    /// Other places for tablespaces, by oid.
    pub tablespaces: BTreeMap<u32, PathBuf>,
    /// Folders to look for server programs in, before the usual ones.
    pub binaries: Vec<PathBuf>,
    /// Who shall own the files when we are root; the backup's owner when not said.
    pub owner: Option<String>,
    pub workers: usize,
    /// This program, which the server calls for each log file: `<program> wal-fetch …`.
    pub program: PathBuf,
    /// Without it only files are written, the log that the target needs among them; starting the server there is left to others,
    /// who need nothing of us for it.
    pub start: bool,
    pub purpose: Purpose,
    /// Which operation asks for it; it is noted in the directory.
    pub operation: Option<String>,
    /// Mounts the backup where this host lets us, instead of copying it.
    pub mount: Option<MountAsk>,
}

/// What was asked, what was reached, and what was found. The report is made of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Restored {
    pub source: String,
    pub asked: String,
    pub backup: String,
    pub backup_ended: Timestamp,
    pub timeline: Timeline,
    pub reached: Lsn,
    pub reached_commit: Option<Timestamp>,
    /// The newest commit in the vault's log, and how many lie behind the target.
    pub newest_commit: Option<Timestamp>,
    pub commits_after: u64,
    pub into: String,
    pub port: u16,
    pub socket_folder: String,
    pub superuser: String,
    pub major: u32,
    pub files: u64,
    pub bytes: u64,
    pub pages_written: u64,
    pub bytes_fetched: u64,
    pub verified: Verified,
    pub promoted: bool,
    pub not_covered: Vec<String>,
    pub durations: Durations,
    /// What runs there now; nothing when no server was started.
    pub opened: Option<Opened>,
}

/// Whether this host lets us mount a backup; if not, why.
pub fn can_mount() -> Result<(), String> {
    mount::session::is_possible()
}

/// Restores a resolved target and opens it.
pub async fn restore(
    vault: &Vault,
    source: &SourceName,
    resolved: &Resolved,
    request: &RestoreRequest,
    progress: &Arc<Progress>,
    steps: Steps<'_>,
) -> Result<Restored> {
    let mut watch = Stopwatch::start(vault.env(), steps);
    watch.step("preflight");
    let mut prepared = prepare(vault, source, resolved, request).await?;
    let done = bring_back(vault, source, resolved, request, &mut prepared, progress, &mut watch).await;
    if done.is_err() {
        prepared.take_away().await;
    }
    let (totals, verified) = done?;
    folder::mark_complete(&prepared)?;
    prepared.make_durable(request.purpose).await?;
    Ok(restored(source, resolved, request, &prepared, totals, verified, progress, watch.finish()))
}

async fn bring_back(
    vault: &Vault,
    source: &SourceName,
    resolved: &Resolved,
    request: &RestoreRequest,
    prepared: &mut Prepared,
    progress: &Arc<Progress>,
    watch: &mut Stopwatch<'_>,
) -> Result<(RestoreTotals, Verified)> {
    if prepared.mount.is_some() {
        watch.step("mount");
    }
    // Each to its end, whatever becomes of the other: a mount that is still on its way could not be taken away.
    let (log, mounted) =
        tokio::join!(LogIndex::load(vault, source), mounted::begin(prepared, resolved, request, progress));
    mounted?;
    let mut fetch = Fetch::begin(log?, resolved, prepared).await;
    let done = fill_and_start(resolved, request, prepared, &mut fetch, progress, watch).await;
    fetch.stop().await;
    done
}

async fn fill_and_start(
    resolved: &Resolved,
    request: &RestoreRequest,
    prepared: &mut Prepared,
    fetch: &mut Fetch,
    progress: &Arc<Progress>,
    watch: &mut Stopwatch<'_>,
) -> Result<(RestoreTotals, Verified)> {
    let totals = match &prepared.mount {
        Some(_) => mounted::totals(resolved),
        None => {
            watch.step("files");
            write_files(prepared, request, progress).await?
        }
    };
    watch.step("settings");
    config::write_cluster(prepared, resolved, request)?;
    prepared.preload = quiet::preload(prepared).await?;
    config::write_own(prepared, request)?;
    if !request.start {
        watch.step("log");
        fetch.place_all(resolved).await?;
        prepared.limits = tokio::task::block_in_place(|| limits::in_placed_log(prepared, resolved))?;
        config::write_recovery(prepared, resolved, request)?;
        folder::place_tail(prepared).await?;
        return Ok((totals, Verified::default()));
    }
    config::write_recovery(prepared, resolved, request)?;
    folder::place_tail(prepared).await?;
    watch.step("replay");
    fetch.answer()?;
    let mut sql = replay(prepared, resolved, request, fetch, progress).await?;
    let verified = look_and_open(&mut sql, prepared, resolved, request.purpose, watch).await?;
    sql.close().await;
    mounted::go_on(prepared).await?;
    Ok((totals, verified))
}

/// What shall replace the old cluster is looked at before it is opened, and a copy is read to the end; a mount would have to be fetched
/// whole for that. A clone is looked at while it opens: nobody depends on it. A drill reads all in its own time, and who peeks wants
/// an answer.
async fn look_and_open(
    sql: &mut Connection,
    prepared: &Prepared,
    resolved: &Resolved,
    purpose: Purpose,
    watch: &mut Stopwatch<'_>,
) -> Result<Verified> {
    let (instance, info) = (&prepared.instance, &resolved.info);
    let verified = match (purpose, prepared.mount.is_some()) {
        (Purpose::Peek, _) => return Ok(Verified::default()),
        (Purpose::Clone, true) => {
            watch.step("open");
            let mut second = instance.connect("postgres").await?;
            let looking = verify::look(&mut second, instance, info);
            let verified = tokio::try_join!(looking, open(sql, prepared, resolved, purpose))?.0;
            second.close().await;
            return Ok(verified);
        }
        (Purpose::Drill, _) => Verified::default(),
        (_, true) => {
            watch.step("verify");
            tokio::try_join!(verify::look(sql, instance, info), prepared.make_durable(purpose))?.0
        }
        (_, false) => {
            watch.step("verify");
            verify::verify(sql, instance, info).await?
        }
    };
    watch.step("open");
    open(sql, prepared, resolved, purpose).await?;
    Ok(verified)
}

/// Everything that was decided before the first write.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) reader: Arc<BackupReader>,
    pub(crate) into: PathBuf,
    /// Where the links in `pg_tblspc` lead.
    pub(crate) tablespaces: BTreeMap<u32, PathBuf>,
    pub(crate) instance: Instance,
    pub(crate) owner: Option<User>,
    pub(crate) fetch_socket: PathBuf,
    /// Files come from a mount.
    pub(crate) mount: Option<MountAsk>,
    /// Why they do not, where that was asked for.
    pub(crate) not_mounted: Option<String>,
    /// With which the server is started.
    limits: Limits,
    preload: quiet::Preload,
    /// Written into a mount and not durable yet.
    later: Mutex<BTreeSet<PathBuf>>,
}

impl Prepared {
    /// Writes a small file whole. On a mount it becomes durable later, see `make_durable`.
    fn put(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let path = self.into.join(name);
        if self.mount.is_none() {
            return folder::put_file(&path, bytes, self.owner);
        }
        folder::put_file_softly(&path, bytes, self.owner)?;
        self.later.lock().unwrap_or_else(PoisonError::into_inner).insert(path);
        Ok(())
    }

    /// Before anybody relies on what is there: the mount's files, and what was written into it.
    async fn make_durable(&self, purpose: Purpose) -> Result<()> {
        if purpose.is_fleeting() {
            return Ok(());
        }
        let files = std::mem::take(&mut *self.later.lock().unwrap_or_else(PoisonError::into_inner));
        folder::sync_files(&files)?;
        mounted::wait_durable(self).await
    }

    /// Stops the server, also one that is ending by itself.
    async fn take_down(&self) -> Result<()> {
        match self.instance.stop().await {
            Err(error) if self.instance.is_running() => Err(error),
            _ => Ok(()),
        }
    }

    fn opened(&self) -> Opened {
        Opened { instance: self.instance.clone(), home: self.mount.as_ref().map(|mount| mount.home.clone()) }
    }

    /// After a failure: a server that is not where it should be must not be found there.
    async fn take_away(&self) {
        let gone = match &self.mount {
            Some(_) => self.opened().close().await,
            None if self.instance.is_running() => self.instance.stop().await,
            None => Ok(()),
        };
        match gone {
            Ok(()) => self.instance.remove_socket_folder(),
            Err(error) => {
                tracing::error!(%error, into = %self.into.display(), "what failed could not be taken away");
            }
        }
    }
}

async fn prepare(
    vault: &Vault,
    source: &SourceName,
    resolved: &Resolved,
    request: &RestoreRequest,
) -> Result<Prepared> {
    let binaries = Binaries::find(resolved.info.major, &request.binaries).await?;
    let owner = owner_for(resolved, request)?;
    let port = match request.port {
        Some(port) if request.start => ports::must_be_free(port).map(|()| port)?,
        Some(port) => port,
        None => ports::choose(vault.env())?,
    };
    let reader = Arc::new(BackupReader::open(vault, source, &resolved.backup.id).await?);
    let limits = limits::at_backup(&reader).await?;
    let (mount, not_mounted) = mounted::choose(request)?;
    let (into, tablespaces) = match &mount {
        Some(mount) => mounted::claim(mount, request, resolved, owner)?,
        None => {
            let tablespaces = folder::plan_tablespaces(resolved, request)?;
            let into = folder::claim(request, resolved, owner)?;
            folder::make_tablespaces(&into, &tablespaces, owner)?;
            (into, tablespaces)
        }
    };
    let socket_folder = Instance::socket_folder_for(&into, owner)?;
    let fetch_socket = socket_folder.join("rekindle.fetch");
    let instance = Instance {
        data_directory: into.clone(),
        binaries,
        port,
        socket_folder,
        run_as: owner,
        superuser: resolved.info.superuser.clone(),
    };
    let (later, preload) = (Mutex::default(), quiet::Preload::default());
    Ok(Prepared {
        reader,
        into,
        tablespaces,
        instance,
        owner,
        fetch_socket,
        mount,
        not_mounted,
        limits,
        preload,
        later,
    })
}

/// Servers refuse to run as root, so as root the files get an owner; otherwise they are ours.
fn owner_for(resolved: &Resolved, request: &RestoreRequest) -> Result<Option<User>> {
    if !owner::we_are_root() {
        return Ok(None);
    }
    let names = [request.owner.as_deref(), Some(resolved.info.owner.as_str()), Some("postgres")];
    let asked = names.into_iter().flatten().next().unwrap_or_default();
    let found = match request.owner.as_deref() {
        Some(name) => owner::by_name(name),
        None => names.into_iter().flatten().find_map(owner::by_name),
    };
    match found {
        Some(user) if user.uid != 0 => Ok(Some(user)),
        _ => Err(Error::Occupied {
            path: format!("user {asked}"),
            what: "does not exist here or is root, and a server never runs as root".into(),
            hint: "name another owner with --owner NAME".into(),
        }),
    }
}

async fn write_files(prepared: &Prepared, request: &RestoreRequest, progress: &Arc<Progress>) -> Result<RestoreTotals> {
    let (reader, into, tablespaces) = (prepared.reader.clone(), prepared.into.clone(), prepared.tablespaces.clone());
    let owner = prepared.owner.map(|user| (user.uid, user.gid));
    let options = RestoreOptions { workers: request.workers, delta: request.delta, owner };
    let progress = progress.clone();
    let runtime = Handle::current();
    let written = tokio::task::spawn_blocking(move || {
        let place = |entry: &vault::format::files::FileEntry| folder::place(&into, &tablespaces, &entry.path);
        let keep = |path: &Path| folder::is_ours(&into, path);
        let roots: Vec<PathBuf> = std::iter::once(into.clone()).chain(tablespaces.values().cloned()).collect();
        restore_tree(&reader, &place, &roots, &keep, &options, &runtime, &progress)
    });
    Ok(written.await.map_err(|e| vault::Error::Internal(e.to_string()))??)
}

/// Recovers up to the target, then compares where the server is with where it should be. One that was started with too little to go on
/// has stopped short, and is started again with more.
async fn replay(
    prepared: &mut Prepared,
    resolved: &Resolved,
    request: &RestoreRequest,
    fetch: &Fetch,
    progress: &Progress,
) -> Result<Connection> {
    loop {
        let paused = replay_once(prepared, resolved, request, fetch, progress).await;
        progress.check()?;
        let Some(raised) = limits::raised_by_server(prepared) else {
            let mut sql = paused?;
            compare_reached(&mut sql, resolved).await?;
            return Ok(sql);
        };
        tracing::info!(?raised, into = %prepared.into.display(), "the log needs higher limits: the recovery starts again with them");
        drop(paused);
        prepared.take_down().await?;
        prepared.limits = raised;
        config::write_recovery(prepared, resolved, request)?;
    }
}

/// Starts the server and waits until it pauses.
async fn replay_once(
    prepared: &mut Prepared,
    resolved: &Resolved,
    request: &RestoreRequest,
    fetch: &Fetch,
    progress: &Progress,
) -> Result<Connection> {
    let alive = || fetch.failure().map_or(Ok(()), Err).and_then(|()| Ok(progress.check()?));
    let mut sql = start(prepared, request, &alive).await.map_err(|error| fetch.failure().unwrap_or(error))?;
    let instance = &prepared.instance;
    let mut pause = FIRST_LOOK;
    loop {
        alive()?;
        match sql.value(PAUSED).await {
            Ok(Some(paused)) if paused == "t" => return Ok(sql),
            Ok(Some(paused)) if paused == "promoted" => {
                return Err(Error::NotReached {
                    asked: resolved.asked.clone(),
                    reached: "the server went on by itself".into(),
                });
            }
            Ok(_) => {
                tokio::time::sleep(pause).await;
                pause = (pause * 5 / 4).min(LAST_LOOK);
            }
            Err(_) if !instance.is_running() => {
                return Err(fetch.failure().unwrap_or_else(|| instance.failed("stopped during recovery")));
            }
            Err(error) => return Err(error),
        }
    }
}

/// Between the choice of a port and the server's start another may take it: then the server ends before it has touched anything, and
/// is started again at another. A port that was asked for is not changed.
async fn start(
    prepared: &mut Prepared,
    request: &RestoreRequest,
    alive: &impl Fn() -> Result<()>,
) -> Result<Connection> {
    let mut others = if request.port.is_none() { OTHER_PORTS_TRIED } else { 0 };
    loop {
        prepared.instance.start().await?;
        match prepared.instance.wait_connectable(alive).await {
            Err(Error::Instance { .. }) if others > 0 && !ports::is_free(prepared.instance.port) => others -= 1,
            other => return other,
        }
        prepared.instance.port = ports::choose(prepared.reader.vault().env())?;
        config::write_own(prepared, request)?;
    }
}

const OTHER_PORTS_TRIED: u32 = 4;
/// A look costs the replay a moment, a pause not seen costs the restore this much at most: little where little was replayed.
const FIRST_LOOK: Duration = Duration::from_millis(5);
const LAST_LOOK: Duration = Duration::from_millis(100);
const PROMOTION_PATIENCE: Duration = Duration::from_secs(600);
const PAUSED: &str =
    "SELECT CASE WHEN NOT pg_is_in_recovery() THEN 'promoted' WHEN pg_is_wal_replay_paused() THEN 't' ELSE 'f' END";

async fn compare_reached(sql: &mut Connection, resolved: &Resolved) -> Result<()> {
    let replayed: Option<Lsn> = sql.value("SELECT pg_last_wal_replay_lsn()").await?.and_then(|lsn| lsn.parse().ok());
    let right = match resolved.stop {
        Stop::Immediate => replayed.is_some_and(|lsn| lsn >= resolved.reached),
        Stop::Behind(_) | Stop::Before(_) => replayed == Some(resolved.reached),
    };
    match right {
        true => Ok(()),
        false => Err(Error::NotReached {
            asked: format!("{} (LSN {})", resolved.asked, resolved.reached),
            reached: replayed.map_or_else(|| "nothing".into(), |lsn| format!("LSN {lsn}")),
        }),
    }
}

/// A paused recovery looks only once a second whether it shall be promoted, unless it is told to go on; to pause again leaves it where it
/// is (recoveryPausesHere in xlogrecovery.c). Should it have gone on in between, it ends all the same, with a checkpoint first.
const WAKE: &str = "DO $$ BEGIN PERFORM pg_wal_replay_resume(); PERFORM pg_wal_replay_pause(); EXCEPTION WHEN OTHERS THEN NULL; END $$";

/// Promotes, takes our recovery settings out, and lets others in as the cluster's own pg_hba.conf says.
async fn open(sql: &mut Connection, prepared: &Prepared, resolved: &Resolved, purpose: Purpose) -> Result<()> {
    prepared.make_durable(purpose).await?;
    sql.value("SELECT pg_promote(false)").await?;
    let (mut pause, mut waited) = (FIRST_LOOK, Duration::ZERO);
    while sql.value("SELECT pg_is_in_recovery()").await?.as_deref() != Some("f") {
        if waited > PROMOTION_PATIENCE {
            return Err(prepared.instance.failed("was not promoted in time"));
        }
        tokio::time::sleep(pause).await;
        sql.query(WAKE).await?;
        waited += pause;
        pause = (pause * 5 / 4).min(LAST_LOOK);
    }
    config::take_recovery_out(prepared)?;
    if !matches!(purpose, Purpose::Drill | Purpose::Successor) {
        config::let_others_in(prepared, resolved)?;
    }
    sql.value("SELECT pg_reload_conf()").await?;
    Ok(())
}

#[allow(clippy::too_many_arguments, reason = "it only gathers")]
fn restored(
    source: &SourceName,
    resolved: &Resolved,
    request: &RestoreRequest,
    prepared: &Prepared,
    totals: RestoreTotals,
    verified: Verified,
    progress: &Progress,
    durations: Durations,
) -> Restored {
    let mut not_covered = config::not_covered(prepared, resolved);
    not_covered.extend(verified.unlogged.iter().cloned());
    Restored {
        source: source.to_string(),
        asked: resolved.asked.clone(),
        backup: resolved.backup.id.to_string(),
        backup_ended: resolved.backup.head.ended,
        timeline: resolved.timeline,
        reached: resolved.reached,
        reached_commit: resolved.last_commit,
        newest_commit: resolved.newest_commit,
        commits_after: resolved.commits_after,
        into: prepared.into.display().to_string(),
        port: prepared.instance.port,
        socket_folder: prepared.instance.socket_folder.display().to_string(),
        superuser: prepared.instance.superuser.clone(),
        major: resolved.info.major,
        files: totals.files,
        bytes: totals.bytes,
        pages_written: totals.pages_written,
        bytes_fetched: progress.bytes_moved.load(std::sync::atomic::Ordering::Relaxed),
        verified,
        promoted: request.start && request.purpose != Purpose::Peek,
        not_covered,
        durations,
        opened: request.start.then(|| prepared.opened()),
    }
}

//! Instances that Rekindle opened and looks after: clones, peeks, drills, and restores that are still mounts. Here they are opened,
//! changed and closed; `watch` keeps them as they should be; `view` is what is told of them.
//!
//! ```text
//!   row (opening) ──► pin the backup ──► engine opens ──► row (open) ──► … ──► engine closes ──► unpin ──► no row
//!   a daemon that finds a row that is still opening takes away what there is of it
//! ```
//! The pin keeps `expire` from what an instance still reads.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use api::{
    HydrationAsk, InstanceKind, InstancePhase, InstanceView, MomentAsk, RestoreAsk, RestoreMode, RestoreReport,
    SqlAnswer, SqlAsk, TargetAsk,
};
use engine::mount::process::Ask;
use engine::postgres::opened::{Opened, Standing, end_copy, take_away};
use engine::postgres::restore::{MountAsk, Purpose, RestoreRequest, restore};
use engine::postgres::target::{Resolved, Stop};
use jiff::SignedDuration;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use vault::backup::catalog as backups;
use vault::names::SourceName;

use crate::catalog::InstanceRow;
use crate::daemon::Daemon;
use crate::error::{Error, Result};
use crate::operation::Watch;
use crate::operation::restore::{Restorer, live_for};
use crate::{mount_process, report, views};

/// A look at an instance takes moments; starting one after a crash may take longer.
const TURN_LOOK_EVERY: Duration = Duration::from_millis(50);
const TURN_LOOKS: u32 = 600;

pub(crate) mod serves;
mod view;
pub(crate) mod watch;

pub(crate) use view::{all, local_bytes, one, troubles};

/// Who works on which instance: one at a time. And how often its mount has failed, as far as that was told.
#[derive(Debug, Clone, Default)]
pub(crate) struct Turns {
    taken: Arc<Mutex<HashSet<String>>>,
    failures: Arc<Mutex<HashMap<String, u64>>>,
}

#[derive(Debug)]
pub(crate) struct Turn {
    turns: Turns,
    name: String,
}

impl Turns {
    pub(crate) fn take(&self, name: &str) -> Option<Turn> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.insert(name.to_owned()).then(|| Turn { turns: self.clone(), name: name.to_owned() })
    }

    /// Whether there are more than were told of.
    fn more_failures(&self, name: &str, failures: u64) -> bool {
        let mut told = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        told.insert(name.to_owned(), failures).unwrap_or(0) < failures
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.turns.taken.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.name);
    }
}

/// What is to be opened.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Wanted {
    pub(crate) name: String,
    pub(crate) kind: InstanceKind,
    #[serde(with = "source_name")]
    pub(crate) source: SourceName,
    /// Where it goes, and the moment; for all but a restore the place is ours to choose.
    pub(crate) ask: RestoreAsk,
    pub(crate) ttl_seconds: Option<u64>,
    pub(crate) quota_bytes: Option<u64>,
}

impl Wanted {
    /// Of a name that fits, in a folder of its own.
    pub(crate) fn below(
        daemon: &Daemon,
        name: &str,
        kind: InstanceKind,
        source: &SourceName,
        ask: RestoreAsk,
    ) -> Result<Wanted> {
        // The same rules as for sources: it becomes a folder's name.
        let name = name.parse::<SourceName>()?.to_string();
        let into = daemon.config.instance_folder().join(&name).join("data");
        let ask = RestoreAsk { into: into.display().to_string(), ..ask };
        Ok(Wanted { name, kind, source: source.clone(), ask, ttl_seconds: None, quota_bytes: None })
    }

    /// Of everything local; goes with the instance.
    fn folder(&self) -> PathBuf {
        let into = PathBuf::from(&self.ask.into);
        match self.kind {
            // On the file system of the directory that it becomes.
            InstanceKind::Restore => PathBuf::from(format!("{}.rekindle", into.display())),
            _ => into.parent().map_or(into.clone(), Path::to_owned),
        }
    }

    fn purpose(&self) -> Purpose {
        match self.kind {
            InstanceKind::Clone => Purpose::Clone,
            InstanceKind::Peek => Purpose::Peek,
            InstanceKind::Drill | InstanceKind::Extract => Purpose::Drill,
            InstanceKind::Restore if self.ask.mode == RestoreMode::Swap => Purpose::Successor,
            InstanceKind::Restore => Purpose::Restore,
        }
    }

    fn row(&self, daemon: &Daemon) -> Result<InstanceRow> {
        let now = daemon.host.env.now();
        let ttl = self.ttl_seconds.map(|seconds| SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX)));
        let expires = ttl.map(|ttl| now.checked_add(ttl)).transpose();
        let expires = expires.map_err(|_| Error::Ask("the time to live is too long".into()))?;
        Ok(InstanceRow {
            name: self.name.clone(),
            kind: kind_name(self.kind).to_owned(),
            source: self.source.to_string(),
            phase: phase_name(InstancePhase::Opening).to_owned(),
            folder: self.folder().display().to_string(),
            ask: views::to_json(&self.ask)?.to_string(),
            created: now.to_string(),
            expires: expires.map(|expires| expires.to_string()),
            quota_bytes: self.quota_bytes.map(|bytes| i64::try_from(bytes).unwrap_or(i64::MAX)),
            backup: None,
            pin: None,
            opened: None,
            report: None,
            trouble: None,
            host: daemon.place().unwrap_or_default(),
            serves: None,
        })
    }
}

/// Opens an instance at a target that was resolved. After a failure nothing of it is left.
pub(crate) async fn open(
    daemon: &Daemon,
    wanted: &Wanted,
    resolved: &Resolved,
    watch: &Arc<Watch>,
) -> Result<RestoreReport> {
    let _turn = daemon.turns.take(&wanted.name).ok_or_else(|| Error::BusyInstance(wanted.name.clone()))?;
    let pinned = Wanted { ask: at_the_same_moment(&wanted.ask, resolved), ..wanted.clone() };
    let mut row = pinned.row(daemon)?;
    daemon.catalog.add_instance(&row).await?;
    let opened = Box::pin(open_row(daemon, wanted, resolved, watch, &mut row)).await;
    if opened.is_err()
        && let Err(error) = forget(daemon, &row).await
    {
        tracing::error!(%error, instance = row.name, "what is left of it could not be taken away");
    }
    opened
}

async fn open_row(
    daemon: &Daemon,
    wanted: &Wanted,
    resolved: &Resolved,
    watch: &Arc<Watch>,
    row: &mut InstanceRow,
) -> Result<RestoreReport> {
    let why = format!("{} {} reads from it", row.kind, row.name);
    let pin = backups::pin(&daemon.vault, &wanted.source, &resolved.backup.id, &why).await?;
    (row.backup, row.pin) = (Some(resolved.backup.id.to_string()), Some(format!("{pin:016x}")));
    daemon.catalog.put_instance(row).await?;
    let request = request(daemon, wanted)?;
    let steps = |step: &str| watch.step(step);
    let done = restore(&daemon.vault, &wanted.source, resolved, &request, &watch.progress, &steps).await?;
    let mut report = report::of_restore(&done, daemon.host.env.now());
    let mounted = done.opened.as_ref().is_some_and(|opened| opened.home.is_some());
    report.instance = (mounted || wanted.kind != InstanceKind::Restore).then(|| row.name.clone());
    row.opened = Some(views::to_json(&done.opened)?.to_string());
    row.report = Some(views::to_json(&report)?.to_string());
    row.phase = phase_name(InstancePhase::Open).to_owned();
    daemon.catalog.put_instance(row).await?;
    if !mounted {
        unpin(daemon, row).await?;
        // A plain directory of somebody's is not ours to look after.
        if wanted.kind == InstanceKind::Restore {
            daemon.catalog.remove_instance(&row.name).await?;
        }
    }
    Ok(report)
}

fn request(daemon: &Daemon, wanted: &Wanted) -> Result<RestoreRequest> {
    let request = crate::operation::restore::request(&wanted.ask, &Restorer::of(daemon))?;
    let home = match wanted.kind {
        InstanceKind::Restore => wanted.folder(),
        _ => {
            make_passable(&daemon.config.instance_folder())?;
            make_passable(&wanted.folder())?;
            wanted.folder().join("mount")
        }
    };
    let mount = MountAsk {
        name: wanted.name.clone(),
        home,
        limit: wanted.ask.limit,
        vault: mount_process::vault_words(&daemon.config)?,
    };
    Ok(RestoreRequest { purpose: wanted.purpose(), mount: Some(mount), ..request })
}

/// Servers of other users pass through here to their own directory, and see nothing else.
fn make_passable(folder: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    crate::init::make_folder(folder)?;
    let mode = std::fs::Permissions::from_mode(0o711);
    std::fs::set_permissions(folder, mode).map_err(|e| Error::file("set the mode of", folder, e))
}

/// The ask that gives this very moment again, whatever the log has got since.
pub(crate) fn at_the_same_moment(ask: &RestoreAsk, resolved: &Resolved) -> RestoreAsk {
    let (target, before) = match resolved.stop {
        Stop::Immediate => (TargetAsk::Backup(resolved.backup.id.to_string()), false),
        Stop::Behind(lsn) => (TargetAsk::Lsn(lsn.to_string()), false),
        Stop::Before(lsn) => (TargetAsk::Lsn(lsn.to_string()), true),
    };
    let moment = MomentAsk { target, before, timeline: Some(resolved.timeline) };
    RestoreAsk { moment, ..ask.clone() }
}

/// Takes everything of an instance away: server, mount, files, pin, and then the row.
async fn forget(daemon: &Daemon, row: &InstanceRow) -> Result<()> {
    match opened(row)? {
        Some(opened) => opened.close().await?,
        None => close_unknown(row).await?,
    }
    // That of a restore is beside a directory that somebody named, and is removed only where it is known to be ours.
    if row.kind != kind_name(InstanceKind::Restore) {
        remove_folder(Path::new(&row.folder))?;
    }
    forget_row(daemon, row).await
}

/// What a daemon that died while opening has left: a mount perhaps, and a server perhaps.
async fn close_unknown(row: &InstanceRow) -> Result<()> {
    let ask: RestoreAsk = stored(&row.ask)?;
    let (folder, into) = (PathBuf::from(&row.folder), PathBuf::from(&ask.into));
    let is_restore = row.kind == kind_name(InstanceKind::Restore);
    let home = if is_restore { folder } else { folder.join("mount") };
    take_away(&row.name, &into, &home).await?;
    if !is_restore {
        end_copy(&into).await?;
    }
    Ok(())
}

/// One that is gone already is fine.
pub(crate) fn remove_folder(folder: &Path) -> Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::file("remove", folder, error)),
        _ => Ok(()),
    }
}

async fn unpin(daemon: &Daemon, row: &InstanceRow) -> Result<()> {
    let (Some(backup), Some(pin)) = (&row.backup, &row.pin) else { return Ok(()) };
    let pin = u64::from_str_radix(pin, 16).map_err(|_| broken(row))?;
    let removed = backups::remove_pin(&daemon.vault, &row.source.parse()?, &backup.parse()?, pin).await;
    if let Err(error) = removed {
        // A vault that lets nothing be deleted keeps the pin, and the backup with it.
        tracing::warn!(%error, instance = row.name, backup, "the backup stays pinned");
    }
    Ok(())
}

/// One that is here and not being opened. Only looks.
pub(crate) async fn must_be_open(daemon: &Daemon, name: &str) -> Result<()> {
    ready(&here(daemon, name).await?).map(drop)
}

pub(crate) async fn source_of(daemon: &Daemon, name: &str) -> Result<String> {
    Ok(here(daemon, name).await?.source)
}

/// Only looks.
pub(crate) async fn may_remove(daemon: &Daemon, name: &str) -> Result<()> {
    let row = here(daemon, name).await?;
    if row.kind == kind_name(InstanceKind::Restore) {
        let what = format!(
            "{name} is a restore, and its data may be all there is: stop its server, and remove {} yourself when it is detached",
            row.folder
        );
        return Err(Error::Ask(what));
    }
    Ok(())
}

/// Closes an instance for good.
pub(crate) async fn remove(daemon: &Daemon, name: &str) -> Result<()> {
    let (_turn, row) = wait_for(daemon, name).await?;
    may_remove(daemon, name).await?;
    forget(daemon, &row).await
}

pub(crate) async fn start(daemon: &Daemon, name: &str) -> Result<()> {
    let (_turn, mut row) = wait_for(daemon, name).await?;
    serves::refuse(&row)?;
    ready(&row)?.start(&daemon.host.program).await?;
    // Whoever starts it has seen what it had.
    row.trouble = None;
    set_phase(daemon, &mut row, InstancePhase::Open).await
}

pub(crate) async fn stop(daemon: &Daemon, name: &str) -> Result<()> {
    let (_turn, mut row) = wait_for(daemon, name).await?;
    let opened = ready(&row)?;
    serves::refuse(&row)?;
    // From here on `watch` does not start it again.
    set_phase(daemon, &mut row, InstancePhase::Stopped).await?;
    Ok(opened.stop().await?)
}

/// Back to the moment at which it was opened; what was written since is gone.
pub(crate) async fn reset(daemon: &Daemon, name: &str, watch: &Arc<Watch>) -> Result<RestoreReport> {
    let (_turn, mut row) = wait_for(daemon, name).await?;
    let opened = ready(&row)?;
    if row.kind != kind_name(InstanceKind::Clone) {
        return Err(Error::Ask(format!("{name} is not a clone")));
    }
    let wanted = wanted_again(daemon, name).await?;
    let resolved = Restorer::of(daemon)
        .resolve(&wanted.source, &wanted.ask, live_for(daemon, &wanted.source, &wanted.ask).await?)
        .await?;
    row.phase = phase_name(InstancePhase::Opening).to_owned();
    daemon.catalog.put_instance(&row).await?;
    opened.close().await?;
    remove_folder(Path::new(&row.folder))?;
    unpin(daemon, &row).await?;
    (row.opened, row.trouble) = (None, None);
    let done = Box::pin(open_row(daemon, &wanted, &resolved, watch, &mut row)).await;
    if done.is_err() {
        forget(daemon, &row).await?;
    }
    done
}

/// Only looks.
pub(crate) async fn may_detach(daemon: &Daemon, name: &str) -> Result<()> {
    let row = here(daemon, name).await?;
    let opened = ready(&row)?;
    if row.kind != kind_name(InstanceKind::Restore) {
        return Err(Error::Ask(format!("{name} is not a restore: it reads from the vault as long as it lives")));
    }
    if opened.status().is_some_and(|status| !status.whole) {
        return Err(Error::Ask(format!("not everything of {name} is present yet: see `rekindle status`")));
    }
    Ok(())
}

/// A restore becomes the plain directory: now, with a short restart if it serves.
pub(crate) async fn detach(daemon: &Daemon, name: &str) -> Result<()> {
    let (_turn, mut row) = wait_for(daemon, name).await?;
    may_detach(daemon, name).await?;
    let opened = ready(&row)?;
    match serves::standing(daemon, &row, &opened).await? {
        Standing::Serves => {
            // Whatever happens to us now, it serves again in the end.
            set_phase(daemon, &mut row, InstancePhase::Detaching).await?;
            detach_and_start(daemon, &row, opened).await
        }
        _ => detach_stopped(daemon, &row, opened).await,
    }
}

async fn detach_and_start(daemon: &Daemon, row: &InstanceRow, opened: Opened) -> Result<()> {
    let plain = Opened { home: None, ..opened.clone() };
    if serves::standing(daemon, row, &opened).await? == Standing::Serves {
        serves::stop_server(daemon, row, &opened).await?;
    }
    detach_files(row, opened).await?;
    serves::start(daemon, row, &plain).await?;
    forget_row(daemon, row).await
}

/// The server is stopped, and everything is present.
async fn detach_stopped(daemon: &Daemon, row: &InstanceRow, opened: Opened) -> Result<()> {
    detach_files(row, opened).await?;
    forget_row(daemon, row).await
}

async fn detach_files(row: &InstanceRow, mut opened: Opened) -> Result<()> {
    opened.detach().await?;
    tracing::info!(instance = row.name, directory = %opened.instance.data_directory.display(), "detached: a plain directory now");
    Ok(())
}

/// Nothing of it reads from the vault any more.
async fn forget_row(daemon: &Daemon, row: &InstanceRow) -> Result<()> {
    unpin(daemon, row).await?;
    daemon.catalog.remove_instance(&row.name).await
}

/// It lives so much longer from now on.
pub(crate) async fn keep(daemon: &Daemon, name: &str, seconds: i64) -> Result<()> {
    let expires = daemon.host.env.now().checked_add(SignedDuration::from_secs(seconds));
    let expires = expires.map_err(|_| Error::Ask("the time to live is too long".into()))?;
    if daemon.catalog.set_expiry(name, &expires.to_string()).await? { Ok(()) } else { Err(unknown(name)) }
}

/// Pauses or limits what is fetched behind.
pub(crate) async fn hydration(daemon: &Daemon, name: &str, ask: HydrationAsk) -> Result<InstanceView> {
    let row = here(daemon, name).await?;
    let opened = ready(&row)?;
    let asks = [ask.paused.map(Ask::Pause), ask.limit.map(Ask::Limit)];
    for ask in asks.into_iter().flatten() {
        opened.tell(ask).await?;
    }
    view::one(daemon, name).await
}

/// Runs statements as the superuser.
pub(crate) async fn sql(daemon: &Daemon, name: &str, ask: &SqlAsk) -> Result<Vec<SqlAnswer>> {
    let row = here(daemon, name).await?;
    let database = Some(ask.database.as_str()).filter(|name| !name.is_empty());
    let mut connection = ready(&row)?.instance.connect_for_users(database).await?;
    let answers = connection.query(&ask.sql).await;
    connection.close().await;
    Ok(answers?.into_iter().map(|rows| SqlAnswer { columns: rows.columns, rows: rows.rows }).collect())
}

async fn set_phase(daemon: &Daemon, row: &mut InstanceRow, phase: InstancePhase) -> Result<()> {
    phase_name(phase).clone_into(&mut row.phase);
    daemon.catalog.put_instance(row).await
}

/// The same, when whoever has the turn is done.
async fn wait_for(daemon: &Daemon, name: &str) -> Result<(Turn, InstanceRow)> {
    for _ in 0..TURN_LOOKS {
        match take(daemon, name).await {
            Err(Error::BusyInstance(_)) => tokio::time::sleep(TURN_LOOK_EVERY).await,
            done => return done,
        }
    }
    take(daemon, name).await
}

/// The row of an instance that is there, and here.
async fn here(daemon: &Daemon, name: &str) -> Result<InstanceRow> {
    let row = daemon.catalog.instance(name).await?.ok_or_else(|| unknown(name))?;
    match is_here(daemon.place().as_deref(), &row) {
        true => Ok(row),
        false => {
            let here = daemon.place().unwrap_or_default();
            Err(Error::Elsewhere { name: row.name, host: row.host, here })
        }
    }
}

fn is_here(place: Option<&str>, row: &InstanceRow) -> bool {
    row.host.is_empty() || place.is_none_or(|place| place == row.host)
}

/// The turn and the row of an instance that is here.
async fn take(daemon: &Daemon, name: &str) -> Result<(Turn, InstanceRow)> {
    let turn = daemon.turns.take(name);
    let row = here(daemon, name).await?;
    Ok((turn.ok_or_else(|| Error::BusyInstance(name.to_owned()))?, row))
}

/// For work of the daemon's own on an instance that it has just opened.
pub(crate) async fn opened_as(daemon: &Daemon, name: &str) -> Result<Opened> {
    ready(&here(daemon, name).await?)
}

/// How many times a page of it could not be read from the vault.
pub(crate) async fn failures(daemon: &Daemon, name: &str) -> Result<u64> {
    Ok(opened_as(daemon, name).await?.status().map_or(0, |status| status.failures))
}

/// Whether what was to be opened is.
pub(crate) async fn is_open(daemon: &Daemon, name: &str) -> Result<bool> {
    let row = daemon.catalog.instance(name).await?;
    Ok(row.is_some_and(|row| row.opened.is_some() && row.phase != phase_name(InstancePhase::Opening)))
}

/// What its opening came to, if it did.
pub(crate) async fn report_of(daemon: &Daemon, name: &str) -> Result<Option<serde_json::Value>> {
    let row = daemon.catalog.instance(name).await?;
    row.and_then(|row| row.report).as_deref().map(stored).transpose()
}

/// What to ask for to have an instance again as it was opened.
pub(crate) async fn wanted_again(daemon: &Daemon, name: &str) -> Result<Wanted> {
    let row = here(daemon, name).await?;
    let ask: RestoreAsk = stored(&row.ask)?;
    let port = opened(&row)?.map(|opened| opened.instance.port).or(ask.port);
    Ok(Wanted {
        name: row.name.clone(),
        kind: InstanceKind::Clone,
        source: row.source.parse()?,
        ask: RestoreAsk { port, ..ask },
        ttl_seconds: None,
        quota_bytes: row.quota_bytes.map(i64::unsigned_abs),
    })
}

mod source_name {
    use serde::{Deserialize, Deserializer, Serializer, de};
    use vault::names::SourceName;

    pub(super) fn serialize<S: Serializer>(name: &SourceName, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(name.as_str())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<SourceName, D::Error> {
        String::deserialize(from)?.parse().map_err(de::Error::custom)
    }
}

pub(crate) fn unknown(name: &str) -> Error {
    Error::Unknown { what: "instance", name: name.to_owned() }
}

fn ready(row: &InstanceRow) -> Result<Opened> {
    opened(row)?.ok_or_else(|| Error::BusyInstance(row.name.clone()))
}

fn opened(row: &InstanceRow) -> Result<Option<Opened>> {
    row.opened.as_deref().map(stored).transpose()
}

fn stored<T: DeserializeOwned>(text: &str) -> Result<T> {
    Ok(serde_json::from_str(text).map_err(|e| vault::Error::Internal(format!("an instance in the catalog: {e}")))?)
}

fn broken(row: &InstanceRow) -> Error {
    vault::Error::Internal(format!("instance {} in the catalog", row.name)).into()
}

pub(crate) fn kind_name(kind: InstanceKind) -> &'static str {
    match kind {
        InstanceKind::Clone => "clone",
        InstanceKind::Peek => "peek",
        InstanceKind::Drill => "drill",
        InstanceKind::Extract => "extract",
        InstanceKind::Restore => "restore",
    }
}

fn phase_name(phase: InstancePhase) -> &'static str {
    match phase {
        InstancePhase::Opening => "opening",
        InstancePhase::Open => "open",
        InstancePhase::Stopped => "stopped",
        InstancePhase::Detaching => "detaching",
    }
}

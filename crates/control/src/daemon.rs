//! `rekindle serve`, told in order: lock the data folder, open the catalog and the vault, receive the log of every source, watch
//! over their states, answer on the socket; at the end stop receiving with everything durable.

use std::collections::BTreeMap;
use std::future::Future;
use std::ops::Deref;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use ops::{SqlStore, Worker};
use vault::Vault;

use crate::alarms::{self, Alarms};
use crate::approvals;
use crate::audit::{self, AuditLog};
use crate::catalog::{Catalog, copy};
use crate::config::Config;
use crate::consumers;
use crate::error::{Error, Result};
use crate::host::Host;
use crate::instances::{self, Turns};
use crate::kept;
use crate::metrics::Requests;
use crate::open::{VaultAsk, open_vault};
use crate::operation::{self, Running};
use crate::people::limits::LoginLimits;
use crate::source::Source;
use crate::stacks;
use crate::standby::{self, Seat};
use crate::timetable;

/// Cheap to clone; everything that runs holds one.
#[derive(Debug, Clone)]
pub(crate) struct Daemon {
    inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) config: Config,
    pub(crate) host: Host,
    pub(crate) vault: Vault,
    pub(crate) catalog: Catalog,
    pub(crate) runs: SqlStore,
    pub(crate) running: Running,
    worker: OnceLock<Worker>,
    pub(crate) turns: Turns,
    pub(crate) stacks: stacks::Read,
    pub(crate) audit: AuditLog,
    pub(crate) login_limits: LoginLimits,
    sources: Mutex<BTreeMap<String, Source>>,
    pub(crate) alarms: Alarms,
    pub(crate) requests: Requests,
    /// Held as long as the daemon lives.
    seat: Seat,
}

impl Deref for Daemon {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.inner
    }
}

/// Runs the daemon until `shutdown` is ready. Where several share a catalog, it stands by until it is its turn.
pub async fn serve(config: &Path, host: Host, shutdown: impl Future<Output = ()> + Send + 'static) -> Result<()> {
    let config = Config::load(config)?;
    let mut shutdown = Box::pin(shutdown);
    let Some(seat) = standby::take(&config, &host, &mut shutdown).await? else { return Ok(()) };
    let daemon = Daemon::start(config, host, seat).await?;
    tokio::select! {
        served = lead(&daemon, shutdown) => served,
        // What it was at belongs to another now: it ends as it stands.
        deposed = daemon.seat.lost() => Err(deposed),
    }
}

async fn lead(daemon: &Daemon, shutdown: impl Future<Output = ()> + Send + 'static) -> Result<()> {
    if let Err(error) = audit::catch_up(daemon).await {
        tracing::error!(%error, "the audit log could not be compared with its copy in the vault");
    }
    let copying = tokio::spawn(copy::keep(daemon.clone()));
    let watching = tokio::spawn(alarms::run(daemon.clone()));
    let working = tokio::spawn(take_up(daemon.clone()));
    let mirroring = tokio::spawn(audit::keep_mirror(daemon.clone()));
    let served = crate::http::serve(daemon, shutdown).await;
    watching.abort();
    copying.abort();
    mirroring.abort();
    daemon.worker().leave();
    let _ = working.await;
    daemon.stop().await;
    served
}

const CLEARING_TRIES: u32 = 5;
const CLEAR_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Goes on with what an earlier daemon was at: first what it left half open is taken away, then its operations go on, and its instances
/// are looked after.
async fn take_up(daemon: Daemon) {
    for _ in 0..CLEARING_TRIES {
        match instances::watch::clear_unfinished(&daemon).await {
            Ok(0) => break,
            Ok(_) => tokio::time::sleep(CLEAR_AGAIN_AFTER).await,
            Err(error) => tracing::error!(%error, "what the last daemon left half open could not be looked at"),
        }
    }
    if let Err(error) = operation::restore::around::keep_up(&daemon).await {
        tracing::error!(%error, "maintenance pages could not be put up again");
    }
    let keeping = tokio::spawn(instances::watch::watch(daemon.clone()));
    let timing = tokio::spawn(timetable::keep_time(daemon.clone()));
    let expiring = tokio::spawn(approvals::keep_time(daemon.clone()));
    let looking = tokio::spawn(consumers::keep_looking(daemon.clone()));
    let keeping_secrets = tokio::spawn(kept::keep(daemon.clone()));
    daemon.worker().work().await;
    keeping_secrets.abort();
    keeping.abort();
    timing.abort();
    expiring.abort();
    looking.abort();
}

impl Daemon {
    pub(crate) async fn start(config: Config, host: Host, seat: Seat) -> Result<Daemon> {
        let catalog = Catalog::open(seat.db.clone()).await?;
        let runs = SqlStore::open(seat.db.clone()).await?;
        seat.fence().await?;
        // Nobody else has the seat.
        runs.end_leases().await?;
        let vault = open_vault(&VaultAsk::of(&config), &host).await?;
        let rows = catalog.sources().await?;
        let login_limits = LoginLimits::new(&host.env);
        let inner = Inner {
            config,
            host,
            vault,
            catalog,
            runs,
            running: Running::default(),
            worker: OnceLock::new(),
            turns: Turns::default(),
            stacks: stacks::Read::default(),
            audit: AuditLog::default(),
            login_limits,
            sources: Mutex::default(),
            alarms: Alarms::default(),
            requests: Requests::default(),
            seat,
        };
        let daemon = Daemon { inner: Arc::new(inner) };
        daemon.make_worker();
        for row in rows {
            let name = row.name.clone();
            match Source::start(&daemon, row) {
                Ok(source) => daemon.add_source(source),
                Err(error) => {
                    tracing::error!(source = name, %error, "this source cannot be started");
                    daemon.alarms.source_not_started(&name, error.to_string());
                }
            }
        }
        tracing::info!(vault = daemon.vault.store().location(), sources = daemon.sources().len(), "the daemon serves");
        Ok(daemon)
    }

    fn make_worker(&self) {
        let unique = vault::names::hex(&self.host.env.random::<8>());
        let settings = operation::worker_settings(
            &self.config.limits,
            format!("daemon {} {unique}", std::process::id()),
            self.place().unwrap_or_default(),
        );
        let worker = Worker::new(Arc::new(self.runs.clone()), operation::registry(self), settings);
        let _ = self.worker.set(worker);
    }

    /// Does the operations.
    pub(crate) fn worker(&self) -> &Worker {
        self.worker.get().expect("made when the daemon starts")
    }

    async fn stop(&self) {
        for source in self.sources() {
            source.receiver.stop().await;
        }
        self.seat.leave().await;
        self.catalog.close().await;
        tracing::info!("the daemon has ended");
    }

    /// What is done on this host's disks is done by no other; nothing where there is only this host.
    pub(crate) fn place(&self) -> Option<String> {
        self.seat.is_shared().then(|| standby::place(&self.config, &self.host))
    }

    fn lock_sources(&self) -> MutexGuard<'_, BTreeMap<String, Source>> {
        self.sources.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn sources(&self) -> Vec<Source> {
        self.lock_sources().values().cloned().collect()
    }

    pub(crate) fn has_source(&self, name: &str) -> bool {
        self.lock_sources().contains_key(name)
    }

    pub(crate) fn source(&self, name: &str) -> Result<Source> {
        self.lock_sources().get(name).cloned().ok_or_else(|| unknown(name))
    }

    pub(crate) fn add_source(&self, source: Source) {
        self.lock_sources().insert(source.row.name.clone(), source);
    }

    pub(crate) fn take_source(&self, name: &str) -> Result<Source> {
        self.lock_sources().remove(name).ok_or_else(|| unknown(name))
    }
}

#[derive(Debug)]
pub(crate) struct CatalogClock(pub(crate) vault::Env);

impl ops::Clock for CatalogClock {
    fn now(&self) -> jiff::Timestamp {
        self.0.now()
    }
}

pub(crate) fn unknown(name: &str) -> Error {
    Error::Unknown { what: "source", name: name.to_owned() }
}

//! Which daemon serves where several share a catalog on PostgreSQL. The others stand by: each says who serves, and takes over when that
//! one leaves, or has not been heard of for as long as its lease lasts.

use std::fs::File;
use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use engine::postgres::wire::passfile::password_for;
use engine::postgres::wire::{self, Conninfo};
use ops::{Candidate, Db, Leader};
use sqlx::postgres::PgConnectOptions;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::config::Config;
use crate::daemon::CatalogClock;
use crate::error::{Error, Result};
use crate::host::Host;
use crate::http;
use crate::init::make_folder;
use crate::secret::{SecretRef, is_reference};

/// How long the catalog believes in who leads without hearing of it.
const TTL: Duration = Duration::from_secs(10);
/// Who could not renew for so long gives up before another may begin.
const GIVEN_UP_AFTER: Duration = Duration::from_secs(6);
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The right to serve: the data folder's lock, and the lead where the catalog is shared.
#[derive(Debug)]
pub(crate) struct Seat {
    pub(crate) db: Db,
    lead: Option<Lead>,
    _lock: File,
}

/// The lead, renewed from the moment it was taken, whatever else takes its time.
#[derive(Debug)]
struct Lead {
    leader: Leader,
    keeping: JoinHandle<()>,
    lost: watch::Receiver<bool>,
}

impl Lead {
    fn begin(leader: Leader) -> Lead {
        let (losing, lost) = watch::channel(false);
        let kept = leader.clone();
        let keeping = tokio::spawn(async move {
            keep(&kept).await;
            losing.send_replace(true);
        });
        Lead { leader, keeping, lost }
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        self.keeping.abort();
    }
}

/// Waits until it is this one's turn. Nothing when it shall end before.
pub(crate) async fn take(
    config: &Config,
    host: &Host,
    shutdown: &mut (impl Future<Output = ()> + Unpin),
) -> Result<Option<Seat>> {
    make_folder(&config.data_folder)?;
    let lock = lock(&config.data_folder)?;
    let Some(url) = &config.catalog.url else {
        let db = Db::sqlite(&config.data_folder.join("catalog.db"), Arc::new(CatalogClock(host.env.clone()))).await?;
        return Ok(Some(Seat { db, lead: None, _lock: lock }));
    };
    let options = options(&address(url, host).await?, host)?;
    let name = format!("{} (process {})", place(config, host), std::process::id());
    let candidate = Candidate::new(options, &name, TTL).await.map_err(Error::CatalogAway)?;
    let Some(lead) = wait(&candidate, config, shutdown).await? else { return Ok(None) };
    tracing::info!("this daemon leads");
    Ok(Some(Seat { db: lead.leader.db().await?, lead: Some(lead), _lock: lock }))
}

/// As far as the catalog knows. Only looks.
pub(crate) async fn who_leads(url: &str, host: &Host) -> Result<Option<String>> {
    let options = options(&address(url, host).await?, host)?;
    ops::leader::who(options, TTL).await.map_err(Error::CatalogAway)
}

async fn address(url: &str, host: &Host) -> Result<String> {
    if !is_reference(url) {
        return Ok(url.to_owned());
    }
    let reference: SecretRef = url.to_owned().try_into().map_err(Error::Ask)?;
    Ok(reference.read(host).await?.expose().to_owned())
}

/// The address in all the forms that those of sources have, and with the same password file.
fn options(address: &str, host: &Host) -> Result<PgConnectOptions> {
    let info = Conninfo::parse(address, &host.connection_defaults("rekindle"))?;
    let ssl_mode = info.sslmode.name().parse()?;
    let options = PgConnectOptions::new_without_pgpass().port(info.port).username(&info.user).ssl_mode(ssl_mode);
    let mut options = match &info.host {
        wire::Host::Unix(folder) => options.database(info.database()).socket(folder),
        wire::Host::Tcp { name, addr } => {
            let place = addr.map_or_else(|| name.clone(), |addr| addr.to_string());
            options.database(info.database()).host(&place)
        }
    };
    let password = match &info.password {
        Some(password) => Some(password.clone()),
        None => password_for(&info, false)?,
    };
    if let Some(password) = password {
        options = options.password(&password);
    }
    if let Some(root) = &info.sslrootcert {
        options = options.ssl_root_cert(root);
    }
    Ok(match (&info.sslcert, &info.sslkey) {
        (Some(certificate), Some(key)) => options.ssl_client_cert(certificate).ssl_client_key(key),
        _ => options,
    })
}

async fn wait(
    candidate: &Candidate,
    config: &Config,
    shutdown: &mut (impl Future<Output = ()> + Unpin),
) -> Result<Option<Lead>> {
    if let Some(leader) = candidate.stand().await? {
        return Ok(Some(Lead::begin(leader)));
    }
    let (serving, known) = watch::channel(candidate.who().await?);
    tracing::info!(serves = *serving.borrow(), "this daemon stands by");
    let door = http::stand_by(config, known)?;
    let led = tokio::select! {
        leader = win(candidate, serving) => Some(Lead::begin(leader)),
        () = shutdown => None,
    };
    door.close().await;
    Ok(led)
}

/// Asks for the lead until it has it.
async fn win(candidate: &Candidate, serving: watch::Sender<String>) -> Leader {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        match candidate.stand().await {
            Ok(Some(leader)) => return leader,
            Ok(None) => {
                if let Ok(name) = candidate.who().await {
                    serving.send_replace(name);
                }
            }
            Err(error) => tracing::error!(%error, "the catalog does not answer"),
        }
    }
}

/// What this host is called among those that share a catalog.
pub(crate) fn place(config: &Config, host: &Host) -> String {
    config.catalog.host.clone().unwrap_or_else(|| host.name.clone())
}

impl Seat {
    pub(crate) fn is_shared(&self) -> bool {
        self.lead.is_some()
    }

    /// Nobody else may write from here on. When all tables are there.
    pub(crate) async fn fence(&self) -> Result<()> {
        match &self.lead {
            Some(lead) => Ok(lead.leader.fence().await?),
            None => Ok(()),
        }
    }

    /// Returns when it is lost; where it cannot be, never.
    pub(crate) async fn lost(&self) -> Error {
        let Some(lead) = &self.lead else { return std::future::pending().await };
        let is_lost = lead.lost.clone().wait_for(|lost| *lost).await.is_ok();
        // Or it was left in order.
        if is_lost { Error::Deposed } else { std::future::pending().await }
    }

    /// The next one needs not wait.
    pub(crate) async fn leave(&self) {
        let Some(lead) = &self.lead else { return };
        lead.keeping.abort();
        if let Err(error) = lead.leader.leave().await {
            tracing::warn!(%error, "the lead runs out by itself");
        }
    }
}

/// Renews the lead; returns when it is another's, or might be.
async fn keep(leader: &Leader) {
    let every = leader.ttl() / 6;
    let mut renewed = tokio::time::Instant::now();
    while renewed.elapsed() < GIVEN_UP_AFTER {
        tokio::time::sleep(every).await;
        let begun = tokio::time::Instant::now();
        match tokio::time::timeout(every, leader.renew()).await {
            Ok(Ok(true)) => renewed = begun,
            Ok(Ok(false)) => return,
            Ok(Err(error)) => tracing::error!(%error, "the lead could not be renewed"),
            Err(_) => tracing::error!("the catalog does not answer in time, and the lead could not be renewed"),
        }
    }
}

/// Two daemons on one data folder would receive one log twice.
fn lock(data_folder: &Path) -> Result<File> {
    let path = data_folder.join("lock");
    let file = File::create(&path).map_err(|e| Error::file("make", &path, e))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(Error::Locked(data_folder.display().to_string())),
        Err(std::fs::TryLockError::Error(e)) => Err(Error::file("lock", &path, e)),
    }
}

//! `rekindle serve`, told in order: lock the data folder, open the catalog and the vault, receive the log of every source, watch
//! over their states, answer on the socket; at the end stop receiving with everything durable.

use std::collections::BTreeMap;
use std::fs::File;
use std::future::Future;
use std::ops::Deref;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use api::ConditionView;
use vault::Vault;

use crate::catalog::Catalog;
use crate::conditions;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::host::Host;
use crate::init::make_folder;
use crate::instances::{self, Turns};
use crate::open::{VaultAsk, open_vault};
use crate::operation::{self, Running};
use crate::source::Source;

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
    pub(crate) running: Running,
    pub(crate) turns: Turns,
    sources: Mutex<BTreeMap<String, Source>>,
    slot_risks: Mutex<BTreeMap<String, ConditionView>>,
    /// Held as long as the daemon lives.
    _lock: File,
}

impl Deref for Daemon {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.inner
    }
}

/// Runs the daemon until `shutdown` is ready.
pub async fn serve(config: &Path, host: Host, shutdown: impl Future<Output = ()> + Send + 'static) -> Result<()> {
    let config = Config::load(config)?;
    let daemon = Daemon::start(config, host).await?;
    let watching = tokio::spawn(conditions::watch(daemon.clone()));
    let keeping = tokio::spawn(instances::watch::watch(daemon.clone()));
    let served = crate::http::serve(&daemon, shutdown).await;
    watching.abort();
    keeping.abort();
    daemon.stop().await;
    served
}

impl Daemon {
    async fn start(config: Config, host: Host) -> Result<Daemon> {
        make_folder(&config.data_folder)?;
        let lock = lock(&config.data_folder)?;
        let catalog = Catalog::open(&config.data_folder.join("catalog.db")).await?;
        operation::fail_unfinished(&catalog, host.env.now()).await?;
        let vault = open_vault(&VaultAsk::of(&config), &host).await?;
        let rows = catalog.sources().await?;
        let inner = Inner {
            config,
            host,
            vault,
            catalog,
            running: Running::default(),
            turns: Turns::default(),
            sources: Mutex::default(),
            slot_risks: Mutex::default(),
            _lock: lock,
        };
        let daemon = Daemon { inner: Arc::new(inner) };
        for row in rows {
            let name = row.name.clone();
            match Source::start(&daemon, row) {
                Ok(source) => daemon.add_source(source),
                Err(error) => tracing::error!(source = name, %error, "this source cannot be started"),
            }
        }
        tracing::info!(vault = daemon.vault.store().location(), sources = daemon.sources().len(), "the daemon serves");
        Ok(daemon)
    }

    async fn stop(&self) {
        self.running.cancel_all();
        for source in self.sources() {
            source.receiver.stop().await;
        }
        self.catalog.close().await;
        tracing::info!("the daemon has ended");
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

    pub(crate) fn slot_risk(&self, name: &str) -> Option<ConditionView> {
        self.slot_risks.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    pub(crate) fn set_slot_risk(&self, name: &str, risk: Option<ConditionView>) {
        let mut risks = self.slot_risks.lock().unwrap_or_else(PoisonError::into_inner);
        match risk {
            Some(risk) => drop(risks.insert(name.to_owned(), risk)),
            None => drop(risks.remove(name)),
        }
    }
}

pub(crate) fn unknown(name: &str) -> Error {
    Error::Unknown { what: "source", name: name.to_owned() }
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

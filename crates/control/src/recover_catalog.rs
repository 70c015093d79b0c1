//! `rekindle recover --catalog`: a daemon on a new host from the vault and a key: its configuration, sources, stacks, policies, people
//! and history. What lay on the lost host alone does not come back.
//!
//! ```text
//!   vault opens ──► key file ──► catalog.new, filled ──► unfinished operations paused ──► catalog.db ──► configuration
//! ```
//! The catalog gets its name when it is whole, the configuration is written last: a try that broke off is begun anew.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use ops::{Event, Filter, Store};
use vault::Vault;
use vault::keys::{Lock, Slot, new_key_file};

use crate::catalog::copy;
use crate::config::{CatalogSettings, Config};
use crate::daemon::CatalogClock;
use crate::error::{Error, Result};
use crate::host::Host;
use crate::init::{make_folder, write_new};
use crate::open::{UnlockAsk, VaultAsk, open_vault};

#[derive(Debug, Clone)]
pub struct RecoverCatalogAsk {
    pub vault: VaultAsk,
    pub config: PathBuf,
    /// The daemon's key: made, and added to the vault, when the vault is opened in another way.
    pub key_file: PathBuf,
    pub data_folder: PathBuf,
    pub socket: PathBuf,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogRecovered {
    /// When the copy was made.
    pub made: Timestamp,
    /// By which version.
    pub version: String,
    pub config: PathBuf,
    pub key_file: PathBuf,
    pub sources: Vec<String>,
    pub stacks: Vec<String>,
    pub operations: u64,
    /// Operations that were under way; a person says what becomes of them.
    pub paused: Vec<String>,
}

const PAGE: u32 = 500;
/// Who pauses what was under way.
const RECOVERY: &str = "recover --catalog";

pub async fn recover_catalog(ask: &RecoverCatalogAsk, host: &Host) -> Result<CatalogRecovered> {
    let (whole, new) = (ask.data_folder.join("catalog.db"), ask.data_folder.join("catalog.new"));
    must_not_be_there(&whole)?;
    must_not_be_there(&ask.config)?;
    let vault = open_vault(&ask.vault, host).await?;
    make_folder(&ask.data_folder)?;
    for suffix in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(ask.data_folder.join(format!("catalog.new{suffix}")));
    }
    let read = copy::read_into(&vault, &new, Arc::new(CatalogClock(host.env.clone()))).await?;
    let Some((head, catalog, runs)) = read else { return Err(Error::NoCopy(ask.vault.vault.clone())) };
    let (operations, paused) = take_stock(&runs).await?;
    let stacks = catalog.stacks().await?.into_iter().map(|row| row.name).collect();
    let sources = catalog.sources().await?.into_iter().map(|row| row.name).collect();
    catalog.close().await;
    let key_file = key_file(&vault, ask, host).await?;
    let config = config(head.config.as_deref(), ask, key_file.clone())?;
    put_in_place(&new, &whole)?;
    ask.config.parent().map_or(Ok(()), make_folder)?;
    write_new(&ask.config, config.to_toml()?.as_bytes(), 0o640, false)?;
    let (made, version) = (head.made, head.version);
    Ok(CatalogRecovered { made, version, config: ask.config.clone(), key_file, sources, stacks, operations, paused })
}

fn must_not_be_there(path: &Path) -> Result<()> {
    match path.exists() {
        true => Err(Error::There(path.display().to_string())),
        false => Ok(()),
    }
}

/// Counts operations, and pauses those that were under way: nobody knows what became of them on the lost host.
async fn take_stock(runs: &ops::SqlStore) -> Result<(u64, Vec<String>)> {
    runs.end_leases().await?;
    runs.end_places().await?;
    let mut unfinished = Filter { unfinished: true, limit: PAGE, ..Filter::default() };
    let mut paused = Vec::new();
    loop {
        let page = runs.list(&unfinished).await?;
        let Some(last) = page.last() else { return Ok((runs.count().await?, paused)) };
        unfinished.before = Some((last.head.created, last.head.id.clone()));
        for run in page {
            match runs.ask(&run.head.id, &Event::PauseAsked { by: RECOVERY.to_owned() }).await {
                Ok(_) => paused.push(run.head.id),
                // It waits for a person anyway.
                Err(ops::store::Error::Illegal(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// A key file that was given is used where it is.
async fn key_file(vault: &Vault, ask: &RecoverCatalogAsk, host: &Host) -> Result<PathBuf> {
    if let UnlockAsk::KeyFile(path) = &ask.vault.unlock {
        return fs::canonicalize(path).map_err(|e| Error::file("find", path, e));
    }
    if !ask.key_file.exists() {
        let key = new_key_file(&host.env);
        ask.key_file.parent().map_or(Ok(()), make_folder)?;
        write_new(&ask.key_file, key.as_bytes(), 0o600, false)?;
    }
    let key = fs::read_to_string(&ask.key_file).map_err(|e| Error::file("read the key", &ask.key_file, e))?;
    let label = format!("key file {}", ask.key_file.display());
    vault.add_slot(|data_key, id| Slot::seal(Lock::KeyFile(&key), data_key, id, &label, &host.env)).await?;
    Ok(ask.key_file.clone())
}

/// As it was, with the places of this host.
fn config(text: Option<&str>, ask: &RecoverCatalogAsk, key_file: PathBuf) -> Result<Config> {
    let failed = |what: String| Error::Config { path: "the configuration in the vault's copy".into(), what };
    let was = Config::parse(text.unwrap_or_default()).map_err(failed)?;
    Ok(Config {
        vault: ask.vault.vault.clone(),
        s3: ask.vault.s3.clone(),
        key_file,
        data_folder: ask.data_folder.clone(),
        socket: ask.socket.clone(),
        instance_folder: None,
        // It comes back as a file, wherever it was.
        catalog: CatalogSettings { url: None, host: None, ..was.catalog },
        ..was
    })
}

/// What was written reached the disk when the catalog was closed; its name follows.
fn put_in_place(new: &Path, whole: &Path) -> Result<()> {
    let folder = new.parent().unwrap_or(Path::new("/"));
    let put = || {
        fs::File::open(new)?.sync_all()?;
        fs::rename(new, whole)?;
        fs::File::open(folder)?.sync_all()
    };
    put().map_err(|e| Error::file("write", whole, e))
}

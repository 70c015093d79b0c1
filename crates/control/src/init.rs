//! `rekindle init`: a vault, its key, the configuration and the data folder. Running it again changes nothing that is there.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use vault::Vault;
use vault::keys::{Lock, Slot, Unlock, new_key_file};
use vault::store::{SharedStore, probe};

use crate::config::{
    AlertSettings, AuditSettings, BackupSettings, CatalogSettings, Config, LimitSettings, LogSettings, MountSettings,
    S3Ask, SessionSettings,
};
use crate::error::{Error, Result};
use crate::host::Host;
use crate::open::open_store;

#[derive(Debug, Clone)]
pub struct InitAsk {
    pub config: PathBuf,
    pub vault: String,
    pub key_file: PathBuf,
    pub data_folder: PathBuf,
    pub socket: PathBuf,
    pub s3: S3Ask,
    /// Write the configuration although there is one.
    pub replace_config: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InitDone {
    pub vault: String,
    pub key_file: PathBuf,
    pub config: PathBuf,
    pub data_folder: PathBuf,
    pub socket: PathBuf,
    /// False when the vault was there before and the key opens it.
    pub created_vault: bool,
}

pub async fn init(ask: &InitAsk, host: &Host) -> Result<InitDone> {
    let config = Config {
        vault: ask.vault.clone(),
        key_file: ask.key_file.clone(),
        data_folder: ask.data_folder.clone(),
        socket: ask.socket.clone(),
        socket_group: None,
        instance_folder: None,
        listen: None,
        sessions: SessionSettings::default(),
        audit: AuditSettings::default(),
        peer: Vec::new(),
        s3: ask.s3.clone(),
        backup: BackupSettings::default(),
        log: LogSettings::default(),
        mount: MountSettings::default(),
        catalog: CatalogSettings::default(),
        limits: LimitSettings::default(),
        alerts: AlertSettings::default(),
        server_programs: Vec::new(),
    };
    let text = config.to_toml()?;
    let there = fs::read_to_string(&ask.config).ok();
    if there.as_deref().is_some_and(|there| there != text) && !ask.replace_config {
        let what = "there is another configuration; add --force-config to replace it".to_owned();
        return Err(Error::Config { path: ask.config.display().to_string(), what });
    }
    let store = open_store(&ask.vault, &ask.s3, host)?;
    let created_vault = match vault::exists(&store).await? {
        true => open_with_key(store, ask, host).await.map(|()| false)?,
        false => create(store, ask, host).await.map(|()| true)?,
    };
    make_folder(&ask.data_folder)?;
    for path in [&ask.config, &ask.socket] {
        path.parent().map_or(Ok(()), make_folder)?;
    }
    if there.as_deref() != Some(&text) {
        write_new(&ask.config, text.as_bytes(), 0o640, true)?;
    }
    Ok(InitDone {
        vault: ask.vault.clone(),
        key_file: ask.key_file.clone(),
        config: ask.config.clone(),
        data_folder: ask.data_folder.clone(),
        socket: ask.socket.clone(),
        created_vault,
    })
}

async fn open_with_key(store: SharedStore, ask: &InitAsk, host: &Host) -> Result<()> {
    let key = fs::read_to_string(&ask.key_file).map_err(|e| Error::file("read the key", &ask.key_file, e))?;
    Vault::open(store, &Unlock::KeyFile(key.into()), &host.env).await?;
    Ok(())
}

/// The key file is durable before the vault exists: a vault without its key would be worth nothing.
async fn create(store: SharedStore, ask: &InitAsk, host: &Host) -> Result<()> {
    probe::probe(&store, &host.env).await?;
    let key = match fs::read_to_string(&ask.key_file) {
        Ok(key) => key.into(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let key = new_key_file(&host.env);
            ask.key_file.parent().map_or(Ok(()), make_folder)?;
            write_new(&ask.key_file, key.as_bytes(), 0o600, false)?;
            key
        }
        Err(error) => return Err(Error::file("read the key", &ask.key_file, error)),
    };
    let label = format!("key file {}", ask.key_file.display());
    Vault::create(store, &host.env, |data_key, id| {
        Ok(vec![Slot::seal(Lock::KeyFile(&key), data_key, id, &label, &host.env)?])
    })
    .await?;
    Ok(())
}

pub(crate) fn make_folder(path: &Path) -> Result<()> {
    fs::create_dir_all(path).map_err(|e| Error::file("make", path, e))
}

/// Writes a file durably; without `replace`, one that is there is an error.
pub(crate) fn write_new(path: &Path, bytes: &[u8], mode: u32, replace: bool) -> Result<()> {
    let failed = |e| Error::file("write", path, e);
    let mut options = fs::OpenOptions::new();
    options.write(true).mode(mode).create_new(!replace).create(true).truncate(true);
    let mut file = options.open(path).map_err(failed)?;
    file.write_all(bytes).map_err(failed)?;
    file.sync_all().map_err(failed)?;
    let folder = path.parent().unwrap_or(Path::new("/"));
    fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)
}

//! The ways into a vault, and a look at its objects: `rekindle vault …`. Needs no daemon.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use vault::keys::{Argon2Cost, Lock, Slot, new_key_file};

use crate::error::{Error, Result};
use crate::host::Host;
use crate::open::{VaultAsk, open_vault};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeySlotView {
    pub id: String,
    pub kind: String,
    pub label: String,
    pub created: Timestamp,
}

/// A new way in.
#[derive(Clone)]
pub enum KeyLockAsk {
    /// Made when it is not there.
    KeyFile(PathBuf),
    Passphrase(String),
    /// `age1…`
    Recipient(String),
}

impl std::fmt::Debug for KeyLockAsk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyLockAsk(hidden)")
    }
}

fn view(slot: &Slot) -> KeySlotView {
    KeySlotView {
        id: slot.id().to_owned(),
        kind: slot.kind().name().to_owned(),
        label: slot.label().to_owned(),
        created: slot.created(),
    }
}

pub async fn key_list(ask: &VaultAsk, host: &Host) -> Result<Vec<KeySlotView>> {
    let vault = open_vault(ask, host).await?;
    Ok(vault.slots().await?.iter().map(view).collect())
}

pub async fn key_add(ask: &VaultAsk, lock: KeyLockAsk, label: &str, host: &Host) -> Result<KeySlotView> {
    let vault = open_vault(ask, host).await?;
    let label = label.to_owned();
    let env = host.env.clone();
    let key = match &lock {
        KeyLockAsk::KeyFile(path) => Some(key_from(path, host)?),
        _ => None,
    };
    let added = vault.add_slot(|data_key, id| {
        let lock = match &lock {
            KeyLockAsk::KeyFile(_) => Lock::KeyFile(key.as_deref().unwrap_or_default()),
            KeyLockAsk::Passphrase(text) => Lock::Passphrase(text, Argon2Cost::default()),
            KeyLockAsk::Recipient(text) => Lock::Recipient(text),
        };
        Slot::seal(lock, data_key, id, &label, &env)
    });
    Ok(view(&added.await?))
}

fn key_from(path: &Path, host: &Host) -> Result<String> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            use std::io::Write;
            use std::os::unix::fs::OpenOptionsExt;
            let key = new_key_file(&host.env);
            let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
            let written = file.and_then(|mut file| file.write_all(key.as_bytes()).and_then(|()| file.sync_all()));
            written.map_err(|e| Error::file("write", path, e))?;
            Ok(key.to_string())
        }
        Err(error) => Err(Error::file("read the key", path, error)),
    }
}

pub async fn key_remove(ask: &VaultAsk, id: &str, host: &Host) -> Result<()> {
    Ok(open_vault(ask, host).await?.remove_slot(id).await?)
}

/// Opens the vault with the key and reads something sealed with it, if there is anything.
pub async fn key_test(ask: &VaultAsk, host: &Host) -> Result<()> {
    let vault = open_vault(ask, host).await?;
    for source in vault::backup::catalog::sources(&vault).await? {
        vault::backup::catalog::backups(&vault, &source).await?;
    }
    Ok(())
}

/// Prints any object readably.
pub async fn dump(ask: &VaultAsk, name: &str, host: &Host) -> Result<String> {
    let vault = open_vault(ask, host).await?;
    Ok(vault::dump::dump(&vault, name).await?)
}

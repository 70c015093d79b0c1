//! The process of one mount, `rekindle mount-serve`: opens the vault as the daemon that ordered it would, and serves.

use std::path::{Path, PathBuf};

use engine::mount::process::{Order, serve};
use serde::{Deserialize, Serialize};
use vault::store::CacheSettings;

use crate::config::{Config, S3Ask};
use crate::error::{Error, Result};
use crate::host::Host;
use crate::open::{UnlockAsk, VaultAsk, open_vault};

/// How a mount's process opens the vault: where it is, and where the key lies. No secret.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct VaultWords {
    vault: String,
    s3: S3Ask,
    key_file: PathBuf,
    cache_folder: PathBuf,
    cache_bytes: u64,
}

/// What stands in an order for it.
pub(crate) fn vault_words(config: &Config) -> Result<serde_json::Value> {
    crate::views::to_json(&VaultWords {
        vault: config.vault.clone(),
        s3: config.s3.clone(),
        key_file: config.key_file.clone(),
        // No instance can be called so.
        cache_folder: config.instance_folder().join(".cache"),
        cache_bytes: config.mount.cache_mb << 20,
    })
}

/// Serves the mount of a home until it is unmounted.
pub async fn mount_serve(home: &Path, host: &Host) -> Result<()> {
    let order = Order::read(home).map_err(engine::Error::from)?;
    let words: VaultWords = serde_json::from_value(order.vault.clone())
        .map_err(|e| Error::Ask(format!("the order in {} is not understood: {e}", home.display())))?;
    let ask = VaultAsk { vault: words.vault, s3: words.s3, unlock: UnlockAsk::KeyFile(words.key_file) };
    let mut vault = open_vault(&ask, host).await?;
    // What is kept in the skeleton is not wanted twice.
    if !order.keep {
        vault = vault.with_cache(CacheSettings { folder: words.cache_folder, bytes_max: words.cache_bytes });
    }
    let (home, runtime) = (home.to_owned(), tokio::runtime::Handle::current());
    let served = tokio::task::spawn_blocking(move || serve(&vault, &home, &order, &runtime)).await;
    Ok(served.map_err(|e| vault::Error::Internal(e.to_string()))?.map_err(engine::Error::from)?)
}

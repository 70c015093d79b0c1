//! Opens stores and vaults from what people say: a location, S3 settings, a way to unlock.

use std::path::{Path, PathBuf};
#[cfg(feature = "simulated")]
use std::sync::Arc;

use vault::Vault;
use vault::keys::Unlock;
use vault::store::{Credentials, Location, S3Options, SharedStore};

use crate::config::{Config, S3Ask};
use crate::error::{Error, Result};
use crate::host::Host;

/// How to open the vault's key slots.
#[derive(Clone)]
pub enum UnlockAsk {
    KeyFile(PathBuf),
    Passphrase(String),
    /// A file with an age identity.
    IdentityFile(PathBuf),
}

impl std::fmt::Debug for UnlockAsk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            UnlockAsk::KeyFile(path) => write!(f, "KeyFile({})", path.display()),
            UnlockAsk::Passphrase(_) => f.write_str("Passphrase(hidden)"),
            UnlockAsk::IdentityFile(path) => write!(f, "IdentityFile({})", path.display()),
        }
    }
}

#[derive(Debug, Clone)]
pub struct VaultAsk {
    pub vault: String,
    pub s3: S3Ask,
    pub unlock: UnlockAsk,
}

impl VaultAsk {
    pub(crate) fn of(config: &Config) -> VaultAsk {
        VaultAsk {
            vault: config.vault.clone(),
            s3: config.s3.clone(),
            unlock: UnlockAsk::KeyFile(config.key_file.clone()),
        }
    }
}

pub fn vault_ask_from_config(config: &Path, _host: &Host) -> Result<VaultAsk> {
    Ok(VaultAsk::of(&Config::load(config)?))
}

pub(crate) fn open_store(vault: &str, s3: &S3Ask, host: &Host) -> Result<SharedStore> {
    let location: Location = vault.parse()?;
    let location = match location {
        Location::Folder(_) => location,
        Location::S3(_) => location.with_s3(S3Options {
            endpoint: s3.endpoint.clone().or_else(|| host.variable("AWS_ENDPOINT_URL").map(str::to_owned)),
            region: s3.region.clone().or_else(|| host.variable("AWS_REGION").map(str::to_owned)),
            path_style: s3.path_style,
            allow_http: s3.allow_http,
            credentials: credentials(vault, host)?,
        }),
    };
    let store = vault::store::open(&location)?;
    #[cfg(feature = "simulated")]
    let store = host.store_wrap.as_ref().map_or(store.clone(), |wrap| wrap.wrap(store));
    Ok(store)
}

/// Keys in the environment win, then a profile, then the role of the instance.
fn credentials(vault: &str, host: &Host) -> Result<Credentials> {
    let text = |name: &str| host.variable(name).map(|value| value.to_owned().into());
    if let (Some(id), Some(secret)) = (host.variable("AWS_ACCESS_KEY_ID"), text("AWS_SECRET_ACCESS_KEY")) {
        return Ok(Credentials::Keys { id: id.to_owned(), secret, token: text("AWS_SESSION_TOKEN") });
    }
    let file =
        host.variable("AWS_SHARED_CREDENTIALS_FILE").map_or_else(|| host.home.join(".aws/credentials"), PathBuf::from);
    let profile = host.variable("AWS_PROFILE");
    match std::fs::read_to_string(&file) {
        Ok(text) => Ok(Credentials::Profile { file_text: text.into(), name: profile.unwrap_or("default").to_owned() }),
        Err(_) if profile.is_some() => Err(Error::NoCredentials(vault.to_owned())),
        Err(_) => Ok(Credentials::InstanceRole),
    }
}

pub(crate) fn unlock(ask: &UnlockAsk) -> Result<Unlock> {
    let read = |path: &Path| std::fs::read_to_string(path).map_err(|e| Error::file("read the key", path, e));
    Ok(match ask {
        UnlockAsk::KeyFile(path) => Unlock::KeyFile(read(path)?.into()),
        UnlockAsk::Passphrase(text) => Unlock::Passphrase(text.clone().into()),
        UnlockAsk::IdentityFile(path) => Unlock::Identity(read(path)?.into()),
    })
}

pub(crate) async fn open_vault(ask: &VaultAsk, host: &Host) -> Result<Vault> {
    let store = open_store(&ask.vault, &ask.s3, host)?;
    Ok(Vault::open(store, &unlock(&ask.unlock)?, &host.env).await?)
}

/// Put round every store that is opened, to break it.
#[cfg(feature = "simulated")]
#[derive(Clone)]
pub struct StoreWrap(Arc<Wrap>);

#[cfg(feature = "simulated")]
type Wrap = dyn Fn(SharedStore) -> SharedStore + Send + Sync;

#[cfg(feature = "simulated")]
impl StoreWrap {
    pub fn new(wrap: impl Fn(SharedStore) -> SharedStore + Send + Sync + 'static) -> StoreWrap {
        StoreWrap(Arc::new(wrap))
    }

    fn wrap(&self, store: SharedStore) -> SharedStore {
        (self.0)(store)
    }
}

#[cfg(feature = "simulated")]
impl std::fmt::Debug for StoreWrap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StoreWrap")
    }
}

//! An open vault: its store, its keys, and the few ways in which sealed things go in and come out.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use futures::TryStreamExt;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::env::Env;
use crate::error::{Error, Result};
use crate::format::FORMAT_VERSION;
use crate::format::manifest::PackInfo;
use crate::format::map::ExtentRef;
use crate::format::sealed::{self, Class, Compressor, Frame, Keys, Kind, Opener, Sealer};
use crate::keys::{self, DataKey, Slot, Unlock};
use crate::names::{Name, PackId, hex, prefix, unhex};
use crate::store::{CacheSettings, CacheStore, SharedStore};

/// `vault.json`: in clear, written once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct VaultFile {
    rekindle_vault: u16,
    id: String,
    created: Timestamp,
}

/// Cheap to clone.
#[derive(Debug, Clone)]
pub struct Vault {
    store: SharedStore,
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    keys: Keys,
    data_key: DataKey,
    env: Env,
}

impl Vault {
    /// Makes a new vault in an empty place, with its first key slots. `slots` gets the vault's id and data key and seals them.
    /// The slots are written before `vault.json`, so a vault that exists can be opened.
    pub async fn create(
        store: SharedStore,
        env: &Env,
        slots: impl FnOnce(&DataKey, &str) -> Result<Vec<Slot>>,
    ) -> Result<Vault> {
        if exists(&store).await? {
            return Err(Error::VaultExists(store.location().to_owned()));
        }
        let id: [u8; 16] = env.random();
        let data_key = DataKey::generate(env);
        let slots = slots(&data_key, &hex(&id))?;
        if slots.is_empty() {
            return Err(Error::Invalid("a vault needs a key slot".into()));
        }
        for slot in &slots {
            store.put_new(&Name::Key(slot.id().to_owned()).to_string(), Bytes::from(slot.to_json())).await?;
        }
        let file = VaultFile { rekindle_vault: FORMAT_VERSION, id: hex(&id), created: env.now() };
        let json = serde_json::to_vec_pretty(&file).map_err(|e| Error::Internal(e.to_string()))?;
        match store.put_new(&Name::Vault.to_string(), Bytes::from(json)).await {
            Err(Error::Exists(_)) => return Err(Error::VaultExists(store.location().to_owned())),
            other => other?,
        }
        Ok(Vault::with(store, data_key, id, env))
    }

    /// Opens a vault. A wrong key is told apart from damage.
    pub async fn open(store: SharedStore, unlock: &Unlock, env: &Env) -> Result<Vault> {
        let id = read_id(&store).await?;
        let slots = read_slots(&store).await?;
        let data_key = keys::open_any(&slots, unlock, &hex(&id))?;
        Ok(Vault::with(store, data_key, id, env))
    }

    fn with(store: SharedStore, data_key: DataKey, id: [u8; 16], env: &Env) -> Vault {
        let keys = Keys::derive(data_key.as_bytes(), id);
        Vault { store, inner: Arc::new(Inner { keys, data_key, env: env.clone() }) }
    }

    /// The same vault, its packs read through a folder on this machine, where that saves asking a network.
    pub fn with_cache(&self, settings: CacheSettings) -> Vault {
        if self.store.is_local() {
            return self.clone();
        }
        let store = Arc::new(CacheStore::new(self.store.clone(), settings, self.env()));
        Vault { store, inner: self.inner.clone() }
    }

    pub fn store(&self) -> &SharedStore {
        &self.store
    }

    pub fn keys(&self) -> &Keys {
        &self.inner.keys
    }

    pub fn env(&self) -> &Env {
        &self.inner.env
    }

    pub fn id(&self) -> [u8; 16] {
        self.inner.keys.vault_id()
    }

    pub async fn slots(&self) -> Result<Vec<Slot>> {
        read_slots(&self.store).await
    }

    /// Whether `vault.json` still says what this vault was opened with.
    pub(crate) async fn check_identity(&self) -> Result<()> {
        match read_id(&self.store).await {
            Ok(id) if id == self.id() => Ok(()),
            Ok(_) => Err(Error::malformed(Name::Vault.to_string(), "it has another vault's id")),
            Err(Error::NoVault(_)) => Err(Error::damaged(Name::Vault.to_string(), "it is missing")),
            Err(error) => Err(error),
        }
    }

    /// Whether a key slot can be read and is this vault's. Whether a key opens it takes that key.
    pub(crate) async fn check_slot(&self, name: &str) -> Result<()> {
        let slot = Slot::from_json(name, &self.store.get(name).await?)?;
        match slot.vault_id() == hex(&self.id()) && Name::Key(slot.id().to_owned()).to_string() == name {
            true => Ok(()),
            false => Err(Error::malformed(name, "it is of another vault or under another name")),
        }
    }

    /// Adds a way in: `seal` wraps the data key.
    pub async fn add_slot(&self, seal: impl FnOnce(&DataKey, &str) -> Result<Slot>) -> Result<Slot> {
        let slot = seal(&self.inner.data_key, &hex(&self.id()))?;
        self.store.put_new(&Name::Key(slot.id().to_owned()).to_string(), Bytes::from(slot.to_json())).await?;
        Ok(slot)
    }

    /// Removes a way in; never the last.
    pub async fn remove_slot(&self, id: &str) -> Result<()> {
        let slots = self.slots().await?;
        if !slots.iter().any(|slot| slot.id() == id) {
            return Err(Error::NotFound(format!("key slot {id}")));
        }
        if slots.len() == 1 {
            return Err(Error::LastSlot(id.to_owned()));
        }
        self.store.delete(&Name::Key(id.to_owned()).to_string()).await
    }

    /// Seals frames into a new object and puts it.
    pub async fn put_sealed(&self, kind: Kind, name: &Name, frames: &[(Class, &[u8])], level: i32) -> Result<u64> {
        let mut compressor = Compressor::new(level)?;
        let room = frames.iter().map(|(_, raw)| raw.len() / 2 + 256).sum();
        let mut sealer = Sealer::new(self.keys(), kind, name, self.env(), room);
        for (class, raw) in frames {
            sealer.append(*class, raw, &mut compressor)?;
        }
        let bytes = sealer.finish(&mut compressor)?;
        let size = bytes.len() as u64;
        self.store.put_new(&name.to_string(), Bytes::from(bytes)).await?;
        Ok(size)
    }

    /// Seals one JSON value into a new object and puts it.
    pub async fn put_json(&self, kind: Kind, name: &Name, value: &impl Serialize) -> Result<u64> {
        let json = serde_json::to_vec(value).map_err(|e| Error::Internal(e.to_string()))?;
        self.put_sealed(kind, name, &[(Class::Head, &json)], 3).await
    }

    /// All frames of an object.
    pub async fn get_sealed(&self, kind: Kind, name: &Name) -> Result<Vec<Frame>> {
        let bytes = self.store.get(&name.to_string()).await?;
        sealed::open_all(self.keys(), kind, name, &bytes)
    }

    /// The JSON in the first frame of an object.
    pub async fn get_json<T: serde::de::DeserializeOwned>(&self, kind: Kind, name: &Name) -> Result<T> {
        let frames = self.get_sealed(kind, name).await?;
        parse_head(name, &frames)
    }

    /// One frame of a pack, by one range read.
    pub async fn read_frame(&self, extent: &ExtentRef, class: Class) -> Result<Vec<u8>> {
        match self.read_frame_once(extent, class).await {
            Err(error @ (Error::Damaged { .. } | Error::Malformed { .. })) => {
                self.read_frame_again(extent, class, error).await
            }
            done => done,
        }
    }

    /// The same after what was read could not be opened: it may have been damaged where it was kept on the way.
    pub(crate) async fn read_frame_again(&self, extent: &ExtentRef, class: Class, error: Error) -> Result<Vec<u8>> {
        let name = Name::Pack(extent.pack).to_string();
        if !self.store.forget(&name, extent.range()).await {
            return Err(error);
        }
        tracing::warn!(%error, "what was kept of the vault is damaged, and is read anew");
        self.read_frame_once(extent, class).await
    }

    async fn read_frame_once(&self, extent: &ExtentRef, class: Class) -> Result<Vec<u8>> {
        let name = Name::Pack(extent.pack);
        let bytes = self.store.get_range(&name.to_string(), extent.range()).await;
        let bytes = bytes.map_err(|error| missing_is_damage(&name, error))?;
        Opener::for_pack(self.keys(), &name).open(u64::from(extent.offset), &bytes, class)
    }

    /// Those of `packs` that are not in the store with the right size.
    pub async fn missing_packs(&self, packs: &[PackInfo]) -> Result<Vec<PackId>> {
        let mut wanted: HashMap<PackId, u64> = packs.iter().map(|pack| (pack.id, pack.size)).collect();
        let mut listing = self.store.list(prefix::PACKS);
        while let Some(object) = listing.try_next().await? {
            if let Some(Name::Pack(id)) = Name::parse(&object.name)
                && wanted.get(&id) == Some(&object.size)
            {
                wanted.remove(&id);
            }
        }
        let mut missing: Vec<PackId> = wanted.into_keys().collect();
        missing.sort_unstable();
        Ok(missing)
    }
}

/// What is referred to must exist: its absence is damage, not a wrong name.
pub(crate) fn missing_is_damage(name: &Name, error: Error) -> Error {
    match error {
        Error::NotFound(_) => Error::damaged(name.to_string(), "it is missing"),
        other => other,
    }
}

pub(crate) fn parse_head<T: serde::de::DeserializeOwned>(name: &Name, frames: &[Frame]) -> Result<T> {
    let head = frames.first().filter(|frame| frame.class == Class::Head);
    let head = head.ok_or_else(|| Error::malformed(name.to_string(), "it has no head"))?;
    serde_json::from_slice(&head.raw).map_err(|e| Error::malformed(name.to_string(), e.to_string()))
}

/// Whether there is a vault at this place.
pub async fn exists(store: &SharedStore) -> Result<bool> {
    match store.size(&Name::Vault.to_string()).await {
        Ok(_) => Ok(true),
        Err(Error::NotFound(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

async fn read_id(store: &SharedStore) -> Result<[u8; 16]> {
    let name = Name::Vault.to_string();
    let bytes = store.get(&name).await.map_err(|error| match error {
        Error::NotFound(_) => Error::NoVault(store.location().to_owned()),
        other => other,
    })?;
    let file: VaultFile = serde_json::from_slice(&bytes).map_err(|e| Error::damaged(&name, e.to_string()))?;
    if file.rekindle_vault > FORMAT_VERSION {
        return Err(Error::TooNew { object: name, found: file.rekindle_vault, known: FORMAT_VERSION });
    }
    unhex(&file.id).ok_or_else(|| Error::damaged(&name, "its id is not 32 hex digits"))
}

async fn read_slots(store: &SharedStore) -> Result<Vec<Slot>> {
    let mut slots = Vec::new();
    let names: Vec<_> = store.list(prefix::KEYS).try_collect().await?;
    for object in names {
        if let Some(Name::Key(_)) = Name::parse(&object.name) {
            let bytes = store.get(&object.name).await?;
            slots.push(Slot::from_json(&object.name, &bytes)?);
        }
    }
    Ok(slots)
}

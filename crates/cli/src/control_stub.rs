//! Stands in for the crate `control` until it is merged, with the same signatures. Delete it then.

#![allow(dead_code, clippy::unused_async, clippy::needless_pass_by_value)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;

#[derive(Debug)]
pub struct Error;

pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub fn body(&self) -> api::ErrorBody {
        let (code, kind, message) = ("RK-4098".to_owned(), "internal".to_owned(), "not built in yet".to_owned());
        api::ErrorBody { code, kind, message, causes: Vec::new(), hint: None, exit_code: 70 }
    }
}

#[derive(Debug, Clone)]
pub struct Host;

impl Host {
    pub fn system(_user: String, _home: PathBuf, _program: PathBuf, _variables: BTreeMap<String, String>) -> Host {
        Host
    }
}

#[derive(Debug, Clone, Default)]
pub struct S3Ask {
    pub endpoint: Option<String>,
    pub region: Option<String>,
    pub path_style: bool,
    pub allow_http: bool,
}

#[derive(Debug)]
pub struct Config {
    pub socket: PathBuf,
}

impl Config {
    pub fn load(_path: &Path) -> Result<Config> {
        Err(Error)
    }
}

#[derive(Debug, Clone)]
pub struct InitAsk {
    pub config: PathBuf,
    pub vault: String,
    pub key_file: PathBuf,
    pub data_folder: PathBuf,
    pub socket: PathBuf,
    pub s3: S3Ask,
    pub replace_config: bool,
}

#[derive(Debug, Clone)]
pub struct InitDone {
    pub vault: String,
    pub key_file: PathBuf,
    pub config: PathBuf,
    pub data_folder: PathBuf,
    pub socket: PathBuf,
    pub created_vault: bool,
}

pub async fn init(_ask: &InitAsk, _host: &Host) -> Result<InitDone> {
    Err(Error)
}

pub async fn serve(_config: &Path, _host: Host, _shutdown: impl Future<Output = ()> + Send + 'static) -> Result<()> {
    Err(Error)
}

#[derive(Debug, Clone)]
pub enum UnlockAsk {
    KeyFile(PathBuf),
    Passphrase(String),
    IdentityFile(PathBuf),
}

#[derive(Debug, Clone)]
pub struct VaultAsk {
    pub vault: String,
    pub s3: S3Ask,
    pub unlock: UnlockAsk,
}

pub fn vault_ask_from_config(_config: &Path, _host: &Host) -> Result<VaultAsk> {
    Err(Error)
}

#[derive(Debug, Clone)]
pub struct RecoverAsk {
    pub vault: VaultAsk,
    pub source: Option<String>,
    pub restore: api::RestoreAsk,
}

#[derive(Debug, Default)]
pub struct Watch;

impl Watch {
    pub fn new() -> Arc<Watch> {
        Arc::default()
    }

    pub fn operation_progress(&self) -> (String, api::Progress) {
        (String::new(), api::Progress::default())
    }

    pub fn cancel(&self) {}
}

pub async fn recover_plan(_ask: &RecoverAsk, _host: &Host) -> Result<api::RestorePlan> {
    Err(Error)
}

pub async fn recover(_ask: &RecoverAsk, _host: &Host, _watch: Arc<Watch>) -> Result<api::RestoreReport> {
    Err(Error)
}

#[derive(Debug, Clone, serde::Serialize)]
pub struct KeySlotView {
    pub id: String,
    pub kind: String,
    pub label: String,
    pub created: Timestamp,
}

#[derive(Debug, Clone)]
pub enum KeyLockAsk {
    KeyFile(PathBuf),
    Passphrase(String),
    Recipient(String),
}

pub async fn key_list(_ask: &VaultAsk, _host: &Host) -> Result<Vec<KeySlotView>> {
    Err(Error)
}

pub async fn key_add(_ask: &VaultAsk, _lock: KeyLockAsk, _label: &str, _host: &Host) -> Result<KeySlotView> {
    Err(Error)
}

pub async fn key_remove(_ask: &VaultAsk, _id: &str, _host: &Host) -> Result<()> {
    Err(Error)
}

pub async fn key_test(_ask: &VaultAsk, _host: &Host) -> Result<()> {
    Err(Error)
}

pub async fn dump(_ask: &VaultAsk, _name: &str, _host: &Host) -> Result<String> {
    Err(Error)
}

pub fn wal_fetch(_socket: &Path, _name: &str, _dest: &str) -> (u8, String) {
    (70, "not built in yet".to_owned())
}

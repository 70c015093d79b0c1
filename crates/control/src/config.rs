//! The configuration file. Every setting has a default but the vault; unknown settings are refused, so a typo cannot hide.

use std::path::{Path, PathBuf};

use api::Role;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::policy::SourceUrl;

mod alerts;

pub(crate) use alerts::{
    AlertSettings, ChannelKind, ChannelSettings, HeartbeatSettings, LeastSeverity, SmtpSecurity, address_is_wrong,
};

/// How to reach an S3-compatible store; credentials come from the environment, a profile or the instance's role.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct S3Ask {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    pub path_style: bool,
    /// Without encryption on the way: only for stores on this machine.
    pub allow_http: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// `file:/path` or `s3://bucket/prefix`
    pub vault: String,
    pub key_file: PathBuf,
    pub data_folder: PathBuf,
    pub socket: PathBuf,
    /// Who is in this group may open the socket; what he may do there is said by `peer`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub socket_group: Option<String>,
    /// Where clones and such lie; beside the data folder when not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_folder: Option<PathBuf>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listen: Option<ListenSettings>,
    #[serde(default)]
    pub sessions: SessionSettings,
    #[serde(default)]
    pub audit: AuditSettings,
    /// What other users of this host may do on the socket.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub peer: Vec<PeerSettings>,
    #[serde(default)]
    pub s3: S3Ask,
    #[serde(default)]
    pub backup: BackupSettings,
    #[serde(default)]
    pub log: LogSettings,
    #[serde(default)]
    pub mount: MountSettings,
    #[serde(default)]
    pub catalog: CatalogSettings,
    #[serde(default)]
    pub limits: LimitSettings,
    #[serde(default)]
    pub alerts: AlertSettings,
    /// Folders to look for server programs in, before the usual ones.
    #[serde(default)]
    pub server_programs: Vec<PathBuf>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BackupSettings {
    /// Threads that read, compress and seal; also for restores.
    pub workers: usize,
    pub zstd_level: i32,
}

impl Default for BackupSettings {
    fn default() -> BackupSettings {
        BackupSettings { workers: 2, zstd_level: 3 }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogSettings {
    /// A part of the log is put at least this often while log arrives.
    pub interval_ms: u64,
    /// More lag than this is a warning.
    pub lag_warning_seconds: u64,
}

impl Default for LogSettings {
    fn default() -> LogSettings {
        LogSettings { interval_ms: 500, lag_warning_seconds: 60 }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MountSettings {
    /// What all mounts together keep of a vault in the network, sealed, on the local disk.
    pub cache_mb: u64,
}

impl Default for MountSettings {
    fn default() -> MountSettings {
        MountSettings { cache_mb: 4096 }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CatalogSettings {
    /// A PostgreSQL database that several daemons share, or a reference to where its address is written; without it the catalog is
    /// a file in the data folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// What this host is called among those that share the catalog; its own name when not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// How often its copy in the vault is made anew.
    pub copy_seconds: u64,
    /// Operations that ended before are in the vault's copy only.
    pub history_days: u32,
}

impl CatalogSettings {
    fn wrong(&self) -> Option<String> {
        let wrong = self.url.as_deref()?.parse::<SourceUrl>().err();
        wrong.map(|error| format!("catalog.url: {error}"))
    }
}

impl Default for CatalogSettings {
    fn default() -> CatalogSettings {
        CatalogSettings { url: None, host: None, copy_seconds: 300, history_days: 90 }
    }
}

/// How much this host does at a time; what is more waits its turn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitSettings {
    /// Operations of all kinds together.
    pub operations: usize,
    pub backups: usize,
    pub drills: usize,
}

impl Default for LimitSettings {
    fn default() -> LimitSettings {
        LimitSettings { operations: 64, backups: 4, drills: 1 }
    }
}

/// The API in the network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListenSettings {
    pub address: std::net::SocketAddr,
    /// PEM; read again when the file changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<PathBuf>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<PathBuf>,
    /// This and the next one together let it listen beyond this host without encryption, or while there is no user with a password.
    #[serde(default)]
    pub unprotected: bool,
    #[serde(default)]
    pub secrets_may_be_read_on_the_way: bool,
}

impl ListenSettings {
    pub fn tls(&self) -> Option<(&Path, &Path)> {
        Some((self.certificate.as_deref()?, self.key.as_deref()?))
    }

    /// Told so twice.
    pub fn may_be_unprotected(&self) -> bool {
        self.address.ip().is_loopback() || (self.unprotected && self.secrets_may_be_read_on_the_way)
    }

    fn wrong(&self) -> Option<&'static str> {
        let absolute = |path: &Option<PathBuf>| path.as_ref().is_none_or(|path| path.is_absolute());
        if self.certificate.is_some() != self.key.is_some() {
            return Some("listen.certificate and listen.key are given together");
        }
        if !absolute(&self.certificate) || !absolute(&self.key) {
            return Some("listen.certificate and listen.key must be absolute paths");
        }
        (self.tls().is_none() && !self.may_be_unprotected()).then_some(
            "listen.address is reachable from other hosts, and passwords and tokens would cross the network readable: give listen.certificate \
             and listen.key. Who wants it nevertheless says so twice: listen.unprotected = true and \
             listen.secrets_may_be_read_on_the_way = true",
        )
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SessionSettings {
    /// A session that is not used so long is over.
    pub idle_minutes: u32,
    /// A session is over after so long in any case.
    pub hours: u32,
}

impl Default for SessionSettings {
    fn default() -> SessionSettings {
        SessionSettings { idle_minutes: 30, hours: 12 }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuditSettings {
    /// How often new records of the audit log are copied into the vault.
    pub mirror_seconds: u32,
}

impl Default for AuditSettings {
    fn default() -> AuditSettings {
        AuditSettings { mirror_seconds: 60 }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeerSettings {
    /// Name or number of a user of this host.
    pub user: String,
    pub role: Role,
    /// Only for this stack.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stack: Option<String>,
}

impl Config {
    pub fn load(path: &Path) -> Result<Config> {
        let text = std::fs::read_to_string(path).map_err(|e| Error::file("read", path, e))?;
        Config::parse(&text).map_err(|what| Error::Config { path: path.display().to_string(), what })
    }

    /// Other users' servers run below, so it is not in the data folder, which only we may enter.
    pub fn instance_folder(&self) -> PathBuf {
        let beside = || PathBuf::from(format!("{}.instances", self.data_folder.display()));
        self.instance_folder.clone().unwrap_or_else(beside)
    }

    pub(crate) fn parse(text: &str) -> Result<Config, String> {
        let config: Config = toml::from_str(text).map_err(|e| told(text, &e))?;
        let rules = [
            (config.key_file.is_absolute(), "key_file must be an absolute path"),
            (config.data_folder.is_absolute(), "data_folder must be an absolute path"),
            (config.socket.is_absolute(), "socket must be an absolute path"),
            (config.instance_folder().is_absolute(), "instance_folder must be an absolute path"),
            ((1..=64).contains(&config.backup.workers), "backup.workers must be 1 to 64"),
            ((1..=19).contains(&config.backup.zstd_level), "backup.zstd_level must be 1 to 19"),
            ((1..=1024).contains(&config.limits.operations), "limits.operations must be 1 to 1024"),
            ((1..=1024).contains(&config.limits.backups), "limits.backups must be 1 to 1024"),
            ((1..=1024).contains(&config.limits.drills), "limits.drills must be 1 to 1024"),
            ((1..=86_400).contains(&config.catalog.copy_seconds), "catalog.copy_seconds must be 1 to 86400"),
            ((1..=36_500).contains(&config.catalog.history_days), "catalog.history_days must be 1 to 36500"),
            ((10..=60_000).contains(&config.log.interval_ms), "log.interval_ms must be 10 to 60000"),
            ((1..=1440).contains(&config.sessions.idle_minutes), "sessions.idle_minutes must be 1 to 1440"),
            ((1..=720).contains(&config.sessions.hours), "sessions.hours must be 1 to 720"),
            ((1..=3600).contains(&config.audit.mirror_seconds), "audit.mirror_seconds must be 1 to 3600"),
        ];
        match rules.iter().find(|(holds, _)| !holds) {
            Some((_, rule)) => Err((*rule).to_owned()),
            None => {
                let listening = || config.listen.as_ref().and_then(ListenSettings::wrong).map(str::to_owned);
                config.alerts.wrong().or_else(listening).or_else(|| config.catalog.wrong()).map_or(Ok(config), Err)
            }
        }
    }

    pub fn to_toml(&self) -> Result<String> {
        let failed = |e: toml::ser::Error| Error::Config { path: "the new configuration".into(), what: e.to_string() };
        Ok(format!(
            "# Rekindle. Every setting: docs/configuration.md\n{}",
            toml::to_string_pretty(self).map_err(failed)?
        ))
    }
}

/// The line is not repeated: it may hold a secret that does not belong there.
fn told(text: &str, error: &toml::de::Error) -> String {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    format!("line {}: {}", before.matches('\n').count() + 1, error.message().trim().replace('\n', ", "))
}

#[cfg(test)]
mod tests;

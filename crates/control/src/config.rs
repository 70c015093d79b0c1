//! The configuration file. Every setting has a default but the vault; unknown settings are refused, so a typo cannot hide.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

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
    /// Where clones and such lie; beside the data folder when not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_folder: Option<PathBuf>,
    #[serde(default)]
    pub s3: S3Ask,
    #[serde(default)]
    pub backup: BackupSettings,
    #[serde(default)]
    pub log: LogSettings,
    #[serde(default)]
    pub mount: MountSettings,
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

    fn parse(text: &str) -> Result<Config, String> {
        let config: Config = toml::from_str(text).map_err(|e| e.to_string())?;
        let rules = [
            (config.key_file.is_absolute(), "key_file must be an absolute path"),
            (config.data_folder.is_absolute(), "data_folder must be an absolute path"),
            (config.socket.is_absolute(), "socket must be an absolute path"),
            (config.instance_folder().is_absolute(), "instance_folder must be an absolute path"),
            ((1..=64).contains(&config.backup.workers), "backup.workers must be 1 to 64"),
            ((1..=19).contains(&config.backup.zstd_level), "backup.zstd_level must be 1 to 19"),
            ((10..=60_000).contains(&config.log.interval_ms), "log.interval_ms must be 10 to 60000"),
        ];
        match rules.iter().find(|(holds, _)| !holds) {
            Some((_, rule)) => Err((*rule).to_owned()),
            None => Ok(config),
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

#[cfg(test)]
mod tests;

//! What a backup's manifest remembers of the cluster, so that it can be brought back without the old server: written and read
//! as the manifest's `engine_info`.

use serde::{Deserialize, Serialize};

use super::lsn::Lsn;
use crate::error::{Error, Result};

/// The engine's name in manifests.
pub const ENGINE: &str = "postgresql";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterInfo {
    pub major: u32,
    /// `15.18 (Debian …)`.
    pub version: String,
    /// As text: JSON numbers end at 53 bits in many readers.
    pub system_identifier: String,
    pub wal_segment_bytes: u64,
    pub checksums: bool,
    pub from_standby: bool,
    /// The redo point at which recovery begins.
    pub start: Lsn,
    /// From here on the files are consistent.
    pub stop: Lsn,
    pub data_directory: String,
    /// The operating system's user that the files belong to.
    pub owner: String,
    /// The role that initdb made; it can always connect.
    pub superuser: String,
    pub tablespaces: Vec<Tablespace>,
    /// Configuration files that lie outside the data directory (Debian keeps them in /etc).
    pub outside_config: Vec<ConfigFile>,
    pub databases: Vec<Database>,
    /// Of people; backups of earlier versions of Rekindle name none.
    #[serde(default)]
    pub roles: Vec<String>,
    /// What stood in the data directory and was not stored.
    #[serde(default)]
    pub left_out: LeftOutAll,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOutAll {
    pub total: u64,
    /// The first of them, by path.
    pub first: Vec<LeftOut>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// Below the data directory, with what cannot be shown escaped.
    pub path: String,
    pub why: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tablespace {
    pub oid: u32,
    pub location: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigFile {
    /// The setting that names it: `config_file`, `hba_file`, `ident_file`.
    pub setting: String,
    pub path: String,
    pub content: String,
}

/// What was there when the backup ended, to compare a restore with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Database {
    pub name: String,
    pub oid: u32,
    pub relations_total: u64,
    /// The largest ones.
    pub relations: Vec<Relation>,
    /// What follows is empty in backups of earlier versions of Rekindle.
    #[serde(default)]
    pub schemas: Vec<String>,
    #[serde(default)]
    pub extensions: Vec<Extension>,
    #[serde(default)]
    pub sequences: Vec<Sequence>,
    /// By which the host sorted text, not what the database has noted of it.
    #[serde(default)]
    pub collation_version: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extension {
    pub name: String,
    pub version: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sequence {
    /// `schema.sequence`
    pub name: String,
    pub last: i64,
    /// By which it goes on; below nought it counts down.
    pub step: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relation {
    pub schema: String,
    pub name: String,
    /// `pg_class.relkind`.
    pub kind: String,
    /// `pg_class.reltuples`; -1 when never counted.
    pub rows: i64,
    pub pages: i64,
}

impl ClusterInfo {
    pub fn of(head: &vault::format::manifest::ManifestHead) -> Result<ClusterInfo> {
        if head.engine != ENGINE {
            return Err(Error::Version { what: "engine", found: head.engine.clone(), known: ENGINE });
        }
        let parsed = serde_json::from_value(head.engine_info.clone());
        parsed.map_err(|e| vault::Error::malformed(format!("manifest of {}", head.backup), e.to_string()).into())
    }

    pub fn system_identifier(&self) -> Result<u64> {
        let parsed = self.system_identifier.parse();
        parsed.map_err(|_| Error::damaged("manifest", format!("system identifier {:?}", self.system_identifier)))
    }
}

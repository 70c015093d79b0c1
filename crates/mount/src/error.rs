//! What can go wrong around a mount. What goes wrong *in* one reaches programs as an error number, see `fs.rs`.

use std::path::Path;

use vault::error::{Code, Kind, code, kind_of};

/// Every code of this crate: RK-5xxx.
pub const CODES: &[Code] = &[
    code("RK-5001", Kind::Input, "a local file or folder of a mount cannot be used"),
    code("RK-5002", Kind::Refused, "the folder belongs to another mount"),
    code("RK-5003", Kind::Refused, "the local file system cannot hold a mount's files"),
    code("RK-5004", Kind::Refused, "another process serves this mount"),
    code("RK-5005", Kind::Unavailable, "the process of a mount did not do what it was asked"),
    code("RK-5006", Kind::Damaged, "what a mount reads is damaged in the vault"),
];

pub type Result<T, E = Error> = std::result::Result<T, E>;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Vault(#[from] vault::Error),
    #[error("cannot {action} {path}")]
    File {
        action: &'static str,
        path: String,
        #[source]
        source: std::io::Error,
    },
    #[error("{path} belongs to the mount of another backup")]
    Foreign { path: String },
    #[error("{path} cannot hold a mount: {what}")]
    Unsuitable { path: String, what: String },
    #[error("another process serves the mount of {home}")]
    Served { home: String },
    #[error("the mount of {home}: {what}")]
    Process { home: String, what: String },
    #[error("the mount of {home} cannot read its backup: {what}")]
    Damaged { home: String, what: String },
}

impl Error {
    pub fn code(&self) -> &'static str {
        match self {
            Error::Vault(error) => error.code(),
            Error::File { .. } => "RK-5001",
            Error::Foreign { .. } => "RK-5002",
            Error::Unsuitable { .. } => "RK-5003",
            Error::Served { .. } => "RK-5004",
            Error::Process { .. } => "RK-5005",
            Error::Damaged { .. } => "RK-5006",
        }
    }

    pub fn kind(&self) -> Kind {
        match self {
            Error::Vault(error) => error.kind(),
            _ => kind_of(CODES, self.code()),
        }
    }

    /// Somebody stands in a tree that is to be unmounted.
    pub(crate) fn is_busy(&self) -> bool {
        matches!(self, Error::File { source, .. } if source.kind() == std::io::ErrorKind::ResourceBusy)
    }

    /// What would make it right, where that can be said.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Error::Vault(error) => return error.hint(),
            Error::File { .. } => "does the user that runs Rekindle have the right to it, and is there room?".into(),
            Error::Foreign { .. } => "remove that mount first, or choose another folder".into(),
            Error::Unsuitable { .. } => "choose a folder on ext4, xfs or btrfs".into(),
            Error::Served { .. } => "it is in use; nothing was changed".into(),
            Error::Process { home, .. } => format!("its own words are in {home}/log"),
            Error::Damaged { .. } => {
                "`rekindle check --read-data` says what it affects; an earlier backup may do".into()
            }
        })
    }

    pub(crate) fn file(action: &'static str, path: &Path, source: std::io::Error) -> Error {
        Error::File { action, path: path.display().to_string(), source }
    }
}

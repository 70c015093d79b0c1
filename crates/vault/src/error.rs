//! What can go wrong with a vault, and what the reader of the message must do about it.
//!
//! `Error` is precise; `Kind` is the small public promise. Messages never repeat their source: the chain is printed once, at
//! the edge. Every code stands in `CODES`, which `docs/errors.md` and the exit codes are made from.

use std::error::Error as StdError;

/// What the reader must do. The whole product uses these seven and no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Fix what was asked for: an argument, a setting, a file.
    Input,
    /// Nothing is broken, but doing it would be unsafe or impossible; the hint says what is possible.
    Refused,
    /// The thing named does not exist.
    NotFound,
    /// Something outside does not answer or has no room; try again when it does.
    Unavailable,
    /// Stored data is missing or not what was written; run `rekindle check`.
    Damaged,
    /// The key is missing or is not the right one.
    Key,
    /// A defect in Rekindle; please report it.
    Internal,
}

impl Kind {
    pub const ALL: [Kind; 7] =
        [Kind::Input, Kind::Refused, Kind::NotFound, Kind::Unavailable, Kind::Damaged, Kind::Key, Kind::Internal];

    /// The process's exit code. 0 is success and 1 is "done, but not all is well" (a check with findings).
    pub fn exit_code(self) -> u8 {
        match self {
            Kind::Input => 2,
            Kind::NotFound => 3,
            Kind::Refused => 4,
            Kind::Unavailable => 5,
            Kind::Damaged => 6,
            Kind::Key => 7,
            Kind::Internal => 70,
        }
    }

    pub fn http_status(self) -> u16 {
        match self {
            Kind::Input => 400,
            Kind::NotFound => 404,
            Kind::Refused => 409,
            Kind::Unavailable => 503,
            Kind::Damaged => 502,
            Kind::Key => 403,
            Kind::Internal => 500,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Kind::Input => "input",
            Kind::NotFound => "not found",
            Kind::Refused => "refused",
            Kind::Unavailable => "unavailable",
            Kind::Damaged => "damaged",
            Kind::Key => "key",
            Kind::Internal => "internal",
        }
    }
}

/// One line of the table of stable codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    pub code: &'static str,
    pub kind: Kind,
    /// What it means, in the operator's words.
    pub meaning: &'static str,
}

pub const fn code(code: &'static str, kind: Kind, meaning: &'static str) -> Code {
    Code { code, kind, meaning }
}

/// Every code of this crate: RK-1xxx.
pub const CODES: &[Code] = &[
    code("RK-1001", Kind::Input, "a name, location or setting given to the vault is not valid"),
    code("RK-1002", Kind::NotFound, "there is no vault at this location"),
    code("RK-1003", Kind::Refused, "there is already a vault at this location"),
    code("RK-1004", Kind::Refused, "the store cannot do what a vault needs to be safe"),
    code("RK-1005", Kind::Refused, "the vault was written by a newer Rekindle"),
    code("RK-1006", Kind::NotFound, "an object, backup or source named does not exist in the vault"),
    code("RK-1007", Kind::Refused, "the name is taken: objects are never rewritten"),
    code("RK-1010", Kind::Key, "the key does not open this vault"),
    code("RK-1011", Kind::Input, "the key file, passphrase or recipient is not usable"),
    code("RK-1012", Kind::Refused, "removing the last key slot would make the vault unreadable for ever"),
    code("RK-1020", Kind::Damaged, "an object is missing, cut short or was changed"),
    code("RK-1021", Kind::Damaged, "an object opens but what is in it makes no sense"),
    code("RK-1030", Kind::Unavailable, "the store does not answer or refuses access"),
    code("RK-1031", Kind::Unavailable, "the store has no room left"),
    code("RK-1032", Kind::Input, "a file of the source could not be read"),
    code("RK-1040", Kind::Refused, "the operation was cancelled"),
    code("RK-1050", Kind::Refused, "the expiry would remove a backup that must stay"),
    code("RK-1060", Kind::Refused, "the target cannot be written as asked"),
    code("RK-1099", Kind::Internal, "a defect in Rekindle"),
];

pub type Result<T, E = Error> = std::result::Result<T, E>;

type Source = Box<dyn StdError + Send + Sync>;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{0}")]
    Invalid(String),
    #[error("no vault at {0}")]
    NoVault(String),
    #[error("{0} already holds a vault")]
    VaultExists(String),
    #[error("the store {store} is not safe for a vault: {lacks}")]
    StoreUnsafe { store: String, lacks: String, hint: String },
    #[error("{object} has format version {found}, this Rekindle reads up to {known}")]
    TooNew { object: String, found: u16, known: u16 },
    #[error("{0} does not exist in the vault")]
    NotFound(String),
    #[error("{0} exists already with other content")]
    Exists(String),
    #[error("the key does not open this vault ({tried})")]
    WrongKey { tried: String },
    #[error("{0}")]
    BadKey(String),
    #[error("{0} is the last key slot")]
    LastSlot(String),
    #[error("{object} is damaged: {what}")]
    Damaged { object: String, what: String },
    #[error("{object} makes no sense: {what}")]
    Malformed { object: String, what: String },
    #[error("the store failed at {action} {object}")]
    Store {
        action: &'static str,
        object: String,
        #[source]
        source: Source,
        permanent: bool,
    },
    #[error("no room left in the store for {object}")]
    StoreFull { object: String },
    #[error("cannot {action} {path}")]
    File {
        action: &'static str,
        path: String,
        #[source]
        source: std::io::Error,
    },
    #[error("cancelled")]
    Cancelled,
    #[error("{backup} must stay: {why}")]
    MustStay { backup: String, why: String },
    #[error("{0}")]
    Target(String),
    #[error("defect: {0}")]
    Internal(String),
}

impl Error {
    pub fn code(&self) -> &'static str {
        match self {
            Error::Invalid(_) => "RK-1001",
            Error::NoVault(_) => "RK-1002",
            Error::VaultExists(_) => "RK-1003",
            Error::StoreUnsafe { .. } => "RK-1004",
            Error::TooNew { .. } => "RK-1005",
            Error::NotFound(_) => "RK-1006",
            Error::Exists(_) => "RK-1007",
            Error::WrongKey { .. } => "RK-1010",
            Error::BadKey(_) => "RK-1011",
            Error::LastSlot(_) => "RK-1012",
            Error::Damaged { .. } => "RK-1020",
            Error::Malformed { .. } => "RK-1021",
            Error::Store { .. } => "RK-1030",
            Error::StoreFull { .. } => "RK-1031",
            Error::File { .. } => "RK-1032",
            Error::Cancelled => "RK-1040",
            Error::MustStay { .. } => "RK-1050",
            Error::Target(_) => "RK-1060",
            Error::Internal(_) => "RK-1099",
        }
    }

    pub fn kind(&self) -> Kind {
        kind_of(CODES, self.code())
    }

    /// What would make it right, where that can be said.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Error::NoVault(_) => "make one with `rekindle init`, or check the location".into(),
            Error::VaultExists(_) => "use it as it is, or choose another location".into(),
            Error::StoreUnsafe { hint, .. } => hint.clone(),
            Error::TooNew { .. } => "use the newer Rekindle that wrote it".into(),
            Error::WrongKey { .. } => {
                "nothing is damaged: give the key that belongs to this vault, see `rekindle vault key list`".into()
            }
            Error::LastSlot(_) => "add another key first with `rekindle vault key add`".into(),
            Error::Damaged { .. } | Error::Malformed { .. } => {
                "run `rekindle check --read-data` to see what else is affected".into()
            }
            Error::Store { permanent: true, source, .. } => match source.to_string().contains("<Code>NoSuchBucket<") {
                true => "there is no such bucket at that endpoint: make it, or name another".into(),
                false => "check the credentials and permissions of the store".into(),
            },
            Error::Store { .. } => "try again when the store answers".into(),
            Error::StoreFull { .. } => "free or add space; what was committed before is whole".into(),
            Error::Cancelled => "nothing was committed; run it again when you like".into(),
            _ => return None,
        })
    }

    /// Whether trying the same again can help.
    pub fn is_retriable(&self) -> bool {
        matches!(self, Error::Store { permanent: false, .. })
    }

    pub fn damaged(object: impl Into<String>, what: impl Into<String>) -> Error {
        Error::Damaged { object: object.into(), what: what.into() }
    }

    pub fn malformed(object: impl Into<String>, what: impl Into<String>) -> Error {
        Error::Malformed { object: object.into(), what: what.into() }
    }
}

/// Looks a code up in a table; a code that is missing there is a defect, and counts as one.
pub fn kind_of(table: &[Code], code: &str) -> Kind {
    table.iter().find(|row| row.code == code).map_or(Kind::Internal, |row| row.kind)
}

//! What can go wrong with a database server and its files, and what the reader of the message must do about it.
//!
//! Same shape as `vault::error`: `Error` is precise, `Kind` is the public promise, `CODES` is the table of stable codes.

use vault::error::{Code, Kind, code, kind_of};

/// Every code of this crate: RK-2xxx.
pub const CODES: &[Code] = &[
    code("RK-2001", Kind::Input, "a connection string is not valid"),
    code("RK-2002", Kind::Input, "a password file, certificate or key cannot be used"),
    code("RK-2010", Kind::Unavailable, "the database server does not answer"),
    code("RK-2011", Kind::Unavailable, "the database server did not answer in time"),
    code("RK-2012", Kind::Input, "the encrypted connection to the database server failed"),
    code("RK-2013", Kind::Input, "the database server refuses encryption that the connection string demands"),
    code("RK-2014", Kind::Input, "the database server does not accept the user or the password"),
    code("RK-2015", Kind::Input, "pg_hba.conf of the database server does not let this connection in"),
    code("RK-2016", Kind::Unavailable, "the database server has no connection slot left"),
    code("RK-2017", Kind::Unavailable, "the database server is starting up or shutting down"),
    code("RK-2018", Kind::Input, "the database user lacks a right"),
    code("RK-2019", Kind::Input, "the database server asks for a way of authentication that Rekindle does not know"),
    code("RK-2020", Kind::Refused, "the database server answered with an error"),
    code("RK-2021", Kind::Internal, "the database server said something that the protocol does not allow"),
    code("RK-2022", Kind::Unavailable, "the connection to the database server was lost"),
    code("RK-2030", Kind::Damaged, "a file of the database cluster is damaged"),
    code("RK-2031", Kind::Refused, "the database cluster has a version that this Rekindle does not know"),
    code("RK-2032", Kind::Damaged, "the log of the database is not what it should be"),
    code("RK-2040", Kind::Input, "the server programs of the needed major version are not installed"),
    code("RK-2041", Kind::Input, "a server program does not work or has another major version"),
    code("RK-2050", Kind::Refused, "a replication slot of that name exists and is not ours to use"),
    code("RK-2051", Kind::NotFound, "the replication slot does not exist"),
    code("RK-2052", Kind::Damaged, "the database server no longer has the log that is needed"),
    code("RK-2060", Kind::Input, "a file or directory of the database server could not be read"),
    code("RK-2070", Kind::Refused, "the restore target cannot be reached: nothing was touched"),
    code("RK-2071", Kind::Refused, "the target directory is not empty or not ours"),
    code("RK-2072", Kind::Input, "there is not enough room for the restore"),
    code("RK-2073", Kind::Refused, "this is another database cluster than the one protected"),
    code("RK-2074", Kind::Damaged, "the recovery ended somewhere else than asked"),
    code("RK-2075", Kind::Damaged, "the restored server did not start or stopped by itself"),
    code("RK-2076", Kind::Refused, "the server changed its role or was restarted during the backup"),
    code("RK-2077", Kind::Input, "a tablespace's directory cannot be used"),
    code("RK-2078", Kind::Unavailable, "the log up to the end of the backup did not arrive in the vault"),
    code("RK-2085", Kind::Input, "the restored server needs a library that is not installed here"),
    code("RK-2090", Kind::Input, "a file of checks is not valid"),
    code("RK-2091", Kind::Refused, "it cannot be done as asked: nothing was touched"),
    code("RK-2092", Kind::Refused, "a program of the server failed"),
    code("RK-2093", Kind::Damaged, "what was restored beside the live data is not complete"),
    code("RK-2094", Kind::Refused, "the swap was not done: everything is as it was"),
    code("RK-2095", Kind::Damaged, "the swap failed, and not everything could be put back"),
];

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An ErrorResponse of the server, in its own words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServerError {
    pub severity: String,
    pub sqlstate: String,
    pub message: String,
    pub detail: Option<String>,
    pub hint: Option<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Vault(#[from] vault::Error),
    #[error(transparent)]
    Mount(#[from] mount::Error),
    #[error("the connection string is not valid: {0}")]
    Conninfo(String),
    #[error("cannot use {path}: {what}")]
    Credential { path: String, what: String, hint: String },
    #[error("cannot connect to {target}")]
    Connect {
        target: String,
        #[source]
        source: std::io::Error,
    },
    #[error("{target} did not answer within {seconds} s")]
    Timeout { target: String, seconds: u64 },
    #[error("encrypted connection to {target} failed")]
    Tls {
        target: String,
        #[source]
        source: std::io::Error,
    },
    #[error("{target} does not offer encryption, and sslmode={sslmode} demands it")]
    TlsRefused { target: String, sslmode: &'static str },
    #[error("{target} does not accept user {user}: {}", .error.message)]
    Login { target: String, user: String, error: Box<ServerError> },
    #[error("{target} asks user {user} for a password, and none was given")]
    NoPassword { target: String, user: String },
    #[error("{target} does not let user {user} in: {}", .error.message)]
    Hba { target: String, user: String, error: Box<ServerError>, line: String },
    #[error("{target} has no connection slot left: {}", .error.message)]
    Full { target: String, error: Box<ServerError> },
    #[error("{target} is not ready: {}", .error.message)]
    NotReady { target: String, error: Box<ServerError> },
    #[error("{}", .0.message)]
    Right(Box<ServerError>),
    #[error("{target} asks for authentication by {method}")]
    AuthMethod { target: String, method: String },
    #[error("the server says: {} (SQLSTATE {})", .0.message, .0.sqlstate)]
    Server(Box<ServerError>),
    #[error("unexpected answer of the server: {0}")]
    Protocol(String),
    #[error("the connection to {target} was lost")]
    Lost {
        target: String,
        #[source]
        source: std::io::Error,
    },
    #[error("{file} is damaged: {what}")]
    Damaged { file: String, what: String },
    #[error("{what} {found} is not known, this Rekindle knows {known}")]
    Version { what: &'static str, found: String, known: &'static str },
    #[error("the log makes no sense at {lsn}: {what}")]
    Wal { lsn: String, what: String },
    #[error("no programs of PostgreSQL {major} in {}", .tried.join(", "))]
    NoBinaries { major: u32, tried: Vec<String> },
    #[error("{path} does not serve: {what}")]
    Binary { path: String, what: String },
    #[error("replication slot {slot} cannot be used: {what}")]
    SlotTaken { slot: String, what: String },
    #[error("there is no replication slot {0}")]
    NoSlot(String),
    #[error("the server no longer has the log asked for: {}", .0.message)]
    WalGone(Box<ServerError>),
    #[error("cannot {action} {path}")]
    File {
        action: &'static str,
        path: String,
        #[source]
        source: std::io::Error,
    },
    #[error("no restore point at {asked}: {why}")]
    Unreachable { asked: String, why: String, hint: String },
    #[error("{path} {what}")]
    Occupied { path: String, what: String, hint: String },
    #[error("{path} has {free} MB free, and the restore needs {needed} MB")]
    NoRoom { path: String, free: u64, needed: u64 },
    #[error("this is cluster {found}, and the one protected is {expected}")]
    Foreign { found: u64, expected: u64 },
    #[error("asked for {asked}, reached {reached}")]
    NotReached { asked: String, reached: String },
    #[error("the restored server {what}; its log ends with:\n{log}")]
    Instance { what: String, log: String },
    #[error(
        "the settings of that moment load the library {library}, which this host does not have; the server's log ends with:\n{log}"
    )]
    Library { library: String, log: String },
    #[error("the backup was interrupted: {0}")]
    Interrupted(String),
    #[error("tablespace {oid}: {path} {what}")]
    Tablespace { oid: u32, path: String, what: String },
    #[error("the log is durable to {durable}, and the backup ends at {needed}")]
    LogBehind { durable: String, needed: String },
    #[error("the checks are not valid: {what}")]
    Checks { what: String, hint: String },
    #[error("{what}")]
    Declined { what: String, hint: String },
    #[error("{program} failed: {what}")]
    Program { program: String, what: String },
    #[error("{into} is not complete:\n{}", .lost.join("\n"))]
    Incomplete { into: String, lost: Vec<String> },
    #[error("{what} was not swapped")]
    NotSwapped {
        what: String,
        #[source]
        source: Box<Error>,
    },
    #[error("{what} is still closed after a swap that failed: {why}")]
    HalfSwapped { what: String, why: String, statements: Vec<String> },
}

/// How the reason ends for which a file of the cluster cannot be left out of a backup.
pub(crate) const NEEDED: &str = "and PostgreSQL needs it";

impl Error {
    pub fn code(&self) -> &'static str {
        match self {
            Error::Vault(error) => error.code(),
            Error::Mount(error) => error.code(),
            Error::Conninfo(_) => "RK-2001",
            Error::Credential { .. } => "RK-2002",
            Error::Connect { .. } => "RK-2010",
            Error::Timeout { .. } => "RK-2011",
            Error::Tls { .. } => "RK-2012",
            Error::TlsRefused { .. } => "RK-2013",
            Error::Login { .. } | Error::NoPassword { .. } => "RK-2014",
            Error::Hba { .. } => "RK-2015",
            Error::Full { .. } => "RK-2016",
            Error::NotReady { .. } => "RK-2017",
            Error::Right(_) => "RK-2018",
            Error::AuthMethod { .. } => "RK-2019",
            Error::Server(_) => "RK-2020",
            Error::Protocol(_) => "RK-2021",
            Error::Lost { .. } => "RK-2022",
            Error::Damaged { .. } => "RK-2030",
            Error::Version { .. } => "RK-2031",
            Error::Wal { .. } => "RK-2032",
            Error::NoBinaries { .. } => "RK-2040",
            Error::Binary { .. } => "RK-2041",
            Error::SlotTaken { .. } => "RK-2050",
            Error::NoSlot(_) => "RK-2051",
            Error::WalGone(_) => "RK-2052",
            Error::File { .. } => "RK-2060",
            Error::Unreachable { .. } => "RK-2070",
            Error::Occupied { .. } => "RK-2071",
            Error::NoRoom { .. } => "RK-2072",
            Error::Foreign { .. } => "RK-2073",
            Error::NotReached { .. } => "RK-2074",
            Error::Instance { .. } => "RK-2075",
            Error::Library { .. } => "RK-2085",
            Error::Interrupted(_) => "RK-2076",
            Error::Tablespace { .. } => "RK-2077",
            Error::LogBehind { .. } => "RK-2078",
            Error::Checks { .. } => "RK-2090",
            Error::Declined { .. } => "RK-2091",
            Error::Program { .. } => "RK-2092",
            Error::Incomplete { .. } => "RK-2093",
            Error::NotSwapped { .. } => "RK-2094",
            Error::HalfSwapped { .. } => "RK-2095",
        }
    }

    pub fn kind(&self) -> Kind {
        match self {
            Error::Vault(error) => error.kind(),
            Error::Mount(error) => error.kind(),
            _ => kind_of(CODES, self.code()),
        }
    }

    /// What would make it right, where that can be said.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Error::Vault(error) => return hint_of_vault(error),
            Error::Mount(error) => return error.hint(),
            Error::Conninfo(_) => {
                "write it as libpq does, such as postgres://user@host:5432/db?sslmode=verify-full".into()
            }
            Error::Credential { hint, .. } => hint.clone(),
            Error::Connect { .. } | Error::Timeout { .. } => {
                "is the server running, does it listen at this address, is a firewall between?".into()
            }
            Error::Tls { .. } => "check sslrootcert and the host name against the server's certificate".into(),
            Error::TlsRefused { .. } => "set ssl = on at the server, or choose sslmode=prefer".into(),
            Error::Login { user, .. } => format!("check the password of {user}, or that the user exists"),
            Error::NoPassword { .. } => {
                "put the password into a password file (~/.pgpass) or the connection string".into()
            }
            Error::Hba { line, .. } => {
                format!("add this line to pg_hba.conf of the server, then select pg_reload_conf():\n{line}")
            }
            Error::Full { .. } => "raise max_wal_senders or max_connections, or end idle connections".into(),
            Error::NotReady { .. } => "try again when it has started".into(),
            Error::Right(error) | Error::Server(error) => return error.advice(),
            Error::AuthMethod { .. } => {
                "use scram-sha-256, md5, password, cert or trust for this user in pg_hba.conf".into()
            }
            Error::Lost { .. } => "look into the server's log; trying again may help".into(),
            Error::Damaged { .. } => {
                "run pg_controldata or pg_checksums on the cluster, and keep the backups you have".into()
            }
            Error::Version { .. } => "use a Rekindle that knows this version".into(),
            Error::NoBinaries { major, .. } => {
                format!("install PostgreSQL {major} server programs here, or name their folder")
            }
            Error::Binary { .. } => "name the folder that holds the programs of the right version".into(),
            Error::SlotTaken { .. } => "choose another slot name, or drop the slot when nobody needs it".into(),
            Error::NoSlot(_) => "run `rekindle protect` again to make it".into(),
            Error::WalGone(_) => "the log has a gap: take a new full backup, and keep a replication slot".into(),
            Error::File { .. } => {
                "run Rekindle on the server's machine, as the server's user or a member of its group".into()
            }
            Error::Unreachable { hint, .. } | Error::Occupied { hint, .. } => hint.clone(),
            Error::NoRoom { .. } => "free some room, or restore --into another file system".into(),
            Error::Foreign { .. } => "protect it under another name, or restore into another directory".into(),
            Error::NotReached { .. } => "the directory is left as it is for inspection and was not promoted".into(),
            Error::Instance { .. } => {
                "the end of its log says why; what a restore into a directory has written is left there".into()
            }
            Error::Library { library, .. } => {
                format!("install {library} on this host, or choose a moment before shared_preload_libraries named it")
            }
            Error::Interrupted(_) => "nothing was committed; take the backup again".into(),
            Error::Tablespace { oid, .. } => format!("name another directory with --tablespace {oid}=PATH"),
            Error::LogBehind { .. } => "see `rekindle status`: is the log receiver running?".into(),
            Error::Checks { hint, .. } | Error::Declined { hint, .. } => hint.clone(),
            Error::Program { .. } => "what was made for it was removed again; mend the cause and try again".into(),
            Error::Incomplete { into, .. } => {
                format!("{into} is left for inspection; drop it when nobody needs it, or restore under another name")
            }
            Error::NotSwapped { source, .. } => match source.hint() {
                Some(hint) => hint,
                None => "everything is as it was; mend the cause and try again".into(),
            },
            Error::HalfSwapped { statements, .. } => {
                format!("run as superuser, after a look at pg_database: {}", statements.join("; "))
            }
            Error::Protocol(_) | Error::Wal { .. } => return None,
        })
    }

    /// Whether trying the same again can help.
    pub fn is_retriable(&self) -> bool {
        match self {
            Error::Vault(error) => error.is_retriable(),
            Error::Mount(mount::Error::Vault(error)) => error.is_retriable(),
            _ => self.kind() == Kind::Unavailable,
        }
    }

    /// The SQLSTATE, where the server gave one.
    pub fn sqlstate(&self) -> Option<&str> {
        match self {
            Error::Login { error, .. } | Error::Hba { error, .. } | Error::Full { error, .. } => Some(&error.sqlstate),
            Error::NotReady { error, .. } => Some(&error.sqlstate),
            Error::Right(error) | Error::Server(error) | Error::WalGone(error) => Some(&error.sqlstate),
            _ => None,
        }
    }

    /// Whether it speaks of the session and what is around it (a limit, a lock, a shutdown, a want of memory) and not of the data.
    pub fn is_of_the_session(&self) -> bool {
        let of_the_session = |state: &str| {
            state.starts_with("53")
                || state.starts_with("57")
                || matches!(state, "55P03" | "55006" | "25006" | "25P03" | "25P04" | "40001" | "40P01" | "42501")
        };
        matches!(self, Error::Timeout { .. }) || self.sqlstate().is_some_and(of_the_session)
    }

    pub fn damaged(file: impl Into<String>, what: impl Into<String>) -> Error {
        Error::Damaged { file: file.into(), what: what.into() }
    }

    /// A refusal before anything was touched.
    pub(crate) fn declined(what: impl Into<String>, hint: impl Into<String>) -> Error {
        Error::Declined { what: what.into(), hint: hint.into() }
    }

    pub(crate) fn file(action: &'static str, path: &std::path::Path, source: std::io::Error) -> Error {
        Error::File { action, path: path.display().to_string(), source }
    }

    pub fn protocol(what: impl Into<String>) -> Error {
        Error::Protocol(what.into())
    }
}

impl ServerError {
    fn advice(&self) -> Option<String> {
        self.hint.clone().or_else(|| self.detail.clone())
    }
}

fn hint_of_vault(error: &vault::Error) -> Option<String> {
    let is_needed = |source: &std::io::Error| source.to_string().ends_with(NEEDED);
    match error {
        vault::Error::File { action: "read", source, .. } if is_needed(source) => Some(
            "put a plain file or folder there that the server's user may read; only pg_wal and what is in pg_tblspc may be links"
                .into(),
        ),
        error => error.hint(),
    }
}

#[cfg(test)]
mod tests;

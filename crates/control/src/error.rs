//! What can go wrong above the engines, and the one shape in which every error reaches people: `api::ErrorBody`.

use std::error::Error as StdError;

use vault::error::{Code, Kind, code, kind_of};

/// Every code of this crate: RK-3xxx.
pub(crate) const CODES: &[Code] = &[
    code("RK-3001", Kind::Input, "the configuration file or a setting in it is not valid"),
    code("RK-3002", Kind::Input, "a file or folder that the daemon needs cannot be used"),
    code("RK-3003", Kind::Refused, "another daemon uses this data folder"),
    code("RK-3010", Kind::NotFound, "there is no such source, operation or backup"),
    code("RK-3011", Kind::Refused, "a source of that name is protected already"),
    code("RK-3012", Kind::Refused, "an operation of this kind already runs for the source"),
    code("RK-3013", Kind::Input, "the request makes no sense"),
    code("RK-3014", Kind::Refused, "the server cannot be protected as it is set up"),
    code("RK-3015", Kind::Refused, "an instance of that name is there already"),
    code("RK-3016", Kind::Refused, "something else is being done with the instance"),
    code("RK-3020", Kind::Internal, "the catalog failed"),
    code("RK-3021", Kind::Unavailable, "the daemon ended while the operation ran"),
    code("RK-3030", Kind::Input, "no credentials for the object store were found"),
];

pub type Result<T, E = Error> = std::result::Result<T, E>;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Engine(#[from] engine::Error),
    #[error(transparent)]
    Vault(#[from] vault::Error),
    #[error("{path}: {what}")]
    Config { path: String, what: String },
    #[error("cannot {action} {path}")]
    File {
        action: &'static str,
        path: String,
        #[source]
        source: std::io::Error,
    },
    #[error("another daemon uses {0}")]
    Locked(String),
    #[error("there is no {what} {name:?}")]
    Unknown { what: &'static str, name: String },
    #[error("{0} is protected already")]
    Taken(String),
    #[error("there is an instance {0} already")]
    TakenInstance(String),
    #[error("something else is being done with {0}")]
    BusyInstance(String),
    #[error("{kind} of {source_name} runs already as operation {id}")]
    Busy { kind: &'static str, source_name: String, id: String },
    #[error("{0}")]
    Ask(String),
    #[error("the catalog failed")]
    Catalog(#[from] sqlx::Error),
    #[error("the catalog could not be brought up to date")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    #[error("the daemon ended while it ran")]
    DaemonEnded,
    #[error("no credentials for {0}")]
    NoCredentials(String),
}

impl Error {
    pub fn code(&self) -> &'static str {
        match self {
            Error::Engine(error) => error.code(),
            Error::Vault(error) => error.code(),
            Error::Config { .. } => "RK-3001",
            Error::File { .. } => "RK-3002",
            Error::Locked(_) => "RK-3003",
            Error::Unknown { .. } => "RK-3010",
            Error::Taken(_) => "RK-3011",
            Error::Busy { .. } => "RK-3012",
            Error::TakenInstance(_) => "RK-3015",
            Error::BusyInstance(_) => "RK-3016",
            Error::Ask(_) => "RK-3013",
            Error::Catalog(_) | Error::Migrate(_) => "RK-3020",
            Error::DaemonEnded => "RK-3021",
            Error::NoCredentials(_) => "RK-3030",
        }
    }

    pub fn kind(&self) -> Kind {
        match self {
            Error::Engine(error) => error.kind(),
            Error::Vault(error) => error.kind(),
            _ => kind_of(CODES, self.code()),
        }
    }

    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Error::Engine(error) => return error.hint(),
            Error::Vault(error) => return error.hint(),
            Error::Config { .. } => "see docs/configuration.md, or make a new one with `rekindle init`".into(),
            Error::File { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
                "is the path right? `rekindle init` makes a configuration and what it names".into()
            }
            Error::File { .. } => "does the user that runs Rekindle have the right to it?".into(),
            Error::Locked(_) => "stop it first, or give this one a data folder of its own".into(),
            Error::Unknown { what: "source", .. } => "see `rekindle status` for the names".into(),
            Error::Unknown { what: "backup", .. } => "see `rekindle timeline NAME` for the backups there are".into(),
            Error::Taken(_) => "choose another name, or remove that one with `rekindle unprotect`".into(),
            Error::Unknown { what: "instance", .. } => "see `rekindle clones` for the names".into(),
            Error::TakenInstance(_) => "choose another name, or remove that one with `rekindle clone rm`".into(),
            Error::BusyInstance(_) => "wait a moment and try again".into(),
            Error::Busy { .. } => "wait for it, or cancel it".into(),
            Error::DaemonEnded => "nothing half-done counts; start it again".into(),
            Error::NoCredentials(_) => {
                "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or run on an instance with a role"
                    .into()
            }
            _ => return None,
        })
    }

    /// The wire shape, with the chain of causes.
    pub fn body(&self) -> api::ErrorBody {
        let mut causes = Vec::new();
        let mut cause = self.source();
        while let Some(error) = cause {
            causes.push(error.to_string());
            cause = error.source();
        }
        api::ErrorBody {
            code: self.code().to_owned(),
            kind: self.kind().name().to_owned(),
            message: self.to_string(),
            causes,
            hint: self.hint(),
            exit_code: self.kind().exit_code(),
        }
    }

    pub(crate) fn file(action: &'static str, path: &std::path::Path, source: std::io::Error) -> Error {
        Error::File { action, path: path.display().to_string(), source }
    }
}

/// All codes of the product, for `docs/errors.md`: code, kind, exit code, HTTP status, meaning.
pub fn error_table() -> String {
    let mut out = String::from("| code | kind | exit | HTTP | meaning |\n|---|---|---|---|---|\n");
    for row in [vault::error::CODES, engine::error::CODES, CODES, engine::mount::error::CODES].concat() {
        let kind = row.kind;
        out.push_str(&format!(
            "| {} | {} | {} | {} | {} |\n",
            row.code,
            kind.name(),
            kind.exit_code(),
            kind.http_status(),
            row.meaning
        ));
    }
    out
}

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
    code("RK-3040", Kind::Unavailable, "a step of an operation took longer than it may"),
    code("RK-3041", Kind::Refused, "the operation was planned by a program that knows other steps"),
    code("RK-3042", Kind::Refused, "an operation as it stands cannot be told that"),
    code("RK-3017", Kind::Input, "a stack's file is not right"),
    code("RK-3018", Kind::Refused, "the policy does not allow it, or no more of it"),
    code("RK-3043", Kind::Refused, "the backup that was named is not complete, has failed, or is gone"),
    code("RK-3044", Kind::NotFound, "the vault holds no copy of a catalog"),
    code("RK-3045", Kind::Refused, "something is there already that would be overwritten"),
    code("RK-3046", Kind::Refused, "something has been changed since whoever asks has looked at it"),
    code("RK-3047", Kind::Unavailable, "another daemon serves the catalog that this one shares"),
    code("RK-3048", Kind::Refused, "the instance is on another host"),
    code("RK-3049", Kind::Unavailable, "the database of a shared catalog does not answer, or not to us"),
    code("RK-3050", Kind::Unavailable, "something outside, a service, an endpoint or a hook, could not be moved yet"),
    code("RK-3051", Kind::Refused, "something outside, a service, an endpoint or a hook, is not as it must be"),
    code("RK-3052", Kind::Refused, "the restore cannot be done as things are: nothing was touched"),
    code("RK-3055", Kind::Refused, "what was planned or agreed to is not so any more: nothing was touched"),
    code("RK-3056", Kind::Unavailable, "the time for it has not come"),
    code("RK-3057", Kind::Input, "the phrase that must be typed out in full is another"),
    code("RK-3060", Kind::Input, "a secret that is referred to cannot be read"),
    code("RK-3070", Kind::Refused, "nobody is signed in: a session, a token, or a known user on the socket is needed"),
    code("RK-3071", Kind::Refused, "who asks does not have the role for it"),
    code("RK-3072", Kind::Unavailable, "too many tries to sign in"),
    code("RK-3073", Kind::Refused, "name or password is not right"),
    code(
        "RK-3074",
        Kind::Refused,
        "the request may be forged: it comes from another page, or without the session's word",
    ),
    code("RK-3075", Kind::Unavailable, "the request took too long"),
    code("RK-3076", Kind::Refused, "a user of that name is there already"),
    code("RK-3078", Kind::Input, "the request is larger than it may be"),
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
    #[error("the file is not right:\n  {}", .0.join("\n  "))]
    StackFile(Vec<String>),
    #[error("the policy allows {}", allowed(.what, *.limit))]
    NotEntitled { what: &'static str, limit: u32 },
    #[error(transparent)]
    Runs(ops::store::Error),
    #[error("backup {backup:?} cannot be restored: {why}")]
    NotRestorable { backup: String, why: String },
    #[error("the vault {0} holds no copy of a catalog")]
    NoCopy(String),
    #[error("{0} is there already")]
    There(String),
    #[error("{0} has been changed since you looked at it")]
    Changed(String),
    #[error("this daemon stands by: {0} serves")]
    StandsBy(String),
    #[error("the shared catalog cannot be used")]
    CatalogAway(#[source] sqlx::Error),
    #[error("another daemon serves the catalog now, or this one could not hold it")]
    Deposed,
    #[error("{name} is on host {host}, and this is {here}")]
    Elsewhere { name: String, host: String, here: String },
    #[error("the catalog cannot be written: {0}")]
    CatalogFails(String),
    #[error("it cannot be done as things are:\n  {}", .0.join("\n  "))]
    InTheWay(Vec<String>),
    /// With the plan as it would be now.
    #[error("the plan is not what it was:\n  {}", .what.join("\n  "))]
    PlanChanged { what: Vec<String>, plan: Box<ops::Plan> },
    #[error("its time has not come: it begins at {0}")]
    NotYet(jiff::Timestamp),
    #[error("the phrase is not right: it is {0:?}")]
    Phrase(String),
    /// `passes` where the same may go well in a moment.
    #[error("{who}: {what}")]
    Driver { who: String, what: String, hint: Option<String>, passes: bool },
    #[error("the secret {reference} cannot be read: {what}")]
    Secret { reference: String, what: String },
    #[error("nobody is signed in")]
    NotSignedIn,
    #[error("{0}")]
    Forbidden(String),
    #[error("too many tries to sign in")]
    TooManyTries,
    #[error("name or password is not right")]
    WrongPassword,
    #[error("{0}")]
    Forged(&'static str),
    #[error("the request took longer than {0} s")]
    TooSlow(u64),
    #[error("there is a user {0} already")]
    TakenUser(String),
    #[error("the request is larger than it may be")]
    TooLarge,
    /// Of an operation that was waited for.
    #[error("{}", .0.message)]
    OfOperation(Box<api::ErrorBody>),
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
            Error::StackFile(_) => "RK-3017",
            Error::NotEntitled { .. } => "RK-3018",
            Error::Runs(ops::store::Error::Illegal(_)) => "RK-3042",
            Error::Runs(_) | Error::CatalogFails(_) => "RK-3020",
            Error::NotRestorable { .. } => "RK-3043",
            Error::NoCopy(_) => "RK-3044",
            Error::There(_) => "RK-3045",
            Error::Changed(_) => "RK-3046",
            Error::StandsBy(_) | Error::Deposed => "RK-3047",
            Error::Elsewhere { .. } => "RK-3048",
            Error::CatalogAway(_) => "RK-3049",
            Error::InTheWay(_) => "RK-3052",
            Error::PlanChanged { .. } => "RK-3055",
            Error::NotYet(_) => "RK-3056",
            Error::Phrase(_) => "RK-3057",
            Error::Driver { passes: true, .. } => "RK-3050",
            Error::Driver { .. } => "RK-3051",
            Error::Secret { .. } => "RK-3060",
            Error::NotSignedIn => "RK-3070",
            Error::Forbidden(_) => "RK-3071",
            Error::TooManyTries => "RK-3072",
            Error::WrongPassword => "RK-3073",
            Error::Forged(_) => "RK-3074",
            Error::TooSlow(_) => "RK-3075",
            Error::TakenUser(_) => "RK-3076",
            Error::TooLarge => "RK-3078",
            Error::OfOperation(body) => static_code(&body.code),
            Error::NoCredentials(_) => "RK-3030",
        }
    }

    pub fn kind(&self) -> Kind {
        match self {
            Error::Engine(error) => error.kind(),
            Error::Vault(error) => error.kind(),
            Error::OfOperation(body) => kind_of_code(&body.code),
            _ => kind_of(CODES, self.code()),
        }
    }

    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Error::Engine(error) => return error.hint(),
            Error::Vault(error) => return error.hint(),
            Error::OfOperation(body) => return body.hint.clone(),
            Error::Unknown { what, .. } => return where_names_are(what).map(str::to_owned),
            Error::Config { .. } => "see docs/configuration.md, or make a new one with `rekindle init`".into(),
            Error::File { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
                "is the path right? `rekindle init` makes a configuration and what it names".into()
            }
            Error::File { .. } => "does the user that runs Rekindle have the right to it?".into(),
            Error::Locked(_) => "stop it first, or give this one a data folder of its own".into(),
            Error::Taken(_) => "choose another name, or remove that one with `rekindle unprotect`".into(),
            Error::TakenInstance(_) => "choose another name, or remove that one with `rekindle clone rm`".into(),
            Error::BusyInstance(_) => "wait a moment and try again".into(),
            Error::Busy { .. } => "wait for it, or cancel it".into(),
            Error::StackFile(_) => "nothing was changed; docs/policies.md says what a file may hold".into(),
            Error::NotEntitled { .. } => "remove one, or have the policy changed: rekindle apply".into(),
            Error::Runs(ops::store::Error::Illegal(illegal)) => what_instead(illegal),
            Error::NotRestorable { .. } => "`rekindle timeline NAME` shows what can be restored".into(),
            Error::NoCopy(_) => {
                "begin with `rekindle init` on this vault and protect the databases again; their backups are all there"
                    .into()
            }
            Error::There(_) => "nothing is overwritten: name other places, or move it away".into(),
            Error::CatalogFails(_) => "it goes on by itself when the disk of the data folder can write again".into(),
            Error::StandsBy(_) => "ask the daemon there; when it ends, this one takes over".into(),
            Error::CatalogAway(_) => {
                "is its server up, does its database exist, and is catalog.url right? `rekindle doctor` looks again".into()
            }
            Error::Deposed => "its supervisor starts it again, and it stands by".into(),
            Error::Elsewhere { host, .. } => format!("it can be used when the daemon on {host} leads"),
            Error::Changed(_) => "look at it again, and say anew what it shall be".into(),
            Error::InTheWay(_) => "nothing was touched; put it right and ask again".into(),
            Error::PlanChanged { plan, .. } if plan.approvals > 0 => {
                "it waits to be approved as it would be now: `rekindle ops plan ID` shows it".into()
            }
            Error::PlanChanged { .. } => "nothing was touched; ask again, and the new plan is shown first".into(),
            Error::Phrase(_) => "type it out in full, in quotes".into(),
            Error::Driver { hint, .. } => return hint.clone(),
            Error::Secret { .. } => "the daemon reads it as its own user, and `env:` from its own environment".into(),
            Error::NotSignedIn => {
                "give a token: --token REFERENCE or REKINDLE_TOKEN; on the socket, [[peer]] of the configuration names who may".into()
            }
            Error::Forbidden(_) => "docs/people.md says which role is needed for what; `rekindle users role` gives it".into(),
            Error::TooManyTries => "wait a minute and try again".into(),
            Error::WrongPassword => "an admin can set a new one: rekindle users password NAME".into(),
            Error::Forged(_) => "send the session's `csrf` as header X-Rekindle-CSRF, from a page of this daemon".into(),
            Error::TooSlow(_) => "what it began may go on: see `rekindle ops`".into(),
            Error::TakenUser(_) => "choose another name; `rekindle users list` says who there is".into(),
            Error::NoCredentials(_) => {
                "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or run on an instance with a role"
                    .into()
            }
            _ => return None,
        })
    }

    /// The wire shape, with the chain of causes.
    pub fn body(&self) -> api::ErrorBody {
        let mut causes = match self {
            Error::OfOperation(body) => body.causes.clone(),
            _ => Vec::new(),
        };
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
            request_id: crate::http::request_id(),
        }
    }

    pub(crate) fn http_status(&self) -> u16 {
        http_status(self.code(), self.kind())
    }

    pub(crate) fn file(action: &'static str, path: &std::path::Path, source: std::io::Error) -> Error {
        Error::File { action, path: path.display().to_string(), source }
    }
}

/// A few codes have a status that says more than their kind's.
fn http_status(code: &str, kind: Kind) -> u16 {
    match code {
        "RK-3070" | "RK-3073" => 401,
        "RK-3071" | "RK-3074" => 403,
        "RK-3072" => 429,
        "RK-3046" => 412,
        "RK-3078" => 413,
        _ => kind.http_status(),
    }
}

fn allowed(what: &str, limit: u32) -> String {
    if limit == 0 { format!("no {what}") } else { format!("{limit} {what}, and there are as many") }
}

impl From<ops::store::Error> for Error {
    fn from(error: ops::store::Error) -> Error {
        match error {
            ops::store::Error::Unknown(name) => Error::Unknown { what: "operation", name },
            other => Error::Runs(other),
        }
    }
}

/// What a person can say to an operation that cannot be told what was asked.
fn what_instead(illegal: &ops::Illegal) -> String {
    let id = &illegal.run;
    match illegal.status {
        ops::Status::Stuck => format!(
            "put right what `rekindle ops show {id}` names as the last error, then `rekindle ops retry {id}`: it goes on from there"
        ),
        ops::Status::Unwinding => format!("wait until it is over: `rekindle ops show {id}` says how far it is"),
        ops::Status::Succeeded | ops::Status::Failed | ops::Status::Cancelled => {
            format!("it is over: `rekindle ops show {id}` says what it came to")
        }
        _ => format!("`rekindle ops show {id}` says how it stands, and what can be done now"),
    }
}

fn all_codes() -> Vec<Code> {
    [vault::error::CODES, engine::error::CODES, CODES, engine::mount::error::CODES].concat()
}

/// Who does not know a name looks there.
fn where_names_are(what: &str) -> Option<&'static str> {
    Some(match what {
        "source" => "see `rekindle status` for the names",
        "backup" => "see `rekindle timeline NAME` for the backups there are",
        "instance" => "see `rekindle clones` for the names",
        "user" => "see `rekindle users list` for the names",
        "token" => "see `rekindle tokens list` for the ids",
        "report of operation" => {
            "a report is of a restore with --swap that is over; `rekindle ops show ID` says how others went"
        }
        "stack" => "see `rekindle export` for the names",
        "retired cluster" => "see `rekindle retired` for the operations",
        "secret" => "`rekindle secrets STACK` lists their names",
        "stack with secrets" => "docs/secrets.md says how a file names them",
        "channel" => "see [[alerts.channel]] in the configuration for the names",
        "alarm" => "see `rekindle alerts --all` for the numbers",
        _ => return None,
    })
}

/// The kind of an error of which only the code is left.
pub(crate) fn kind_of_code(code: &str) -> Kind {
    all_codes().iter().find(|row| row.code == code).map_or(Kind::Internal, |row| row.kind)
}

/// The same code, of the table.
fn static_code(code: &str) -> &'static str {
    all_codes().iter().find(|row| row.code == code).map_or("RK-1099", |row| row.code)
}

/// All codes of the product, for `docs/errors.md`: code, kind, exit code, HTTP status, meaning.
pub fn error_table() -> String {
    let mut out = String::from("| code | kind | exit | HTTP | meaning |\n|---|---|---|---|---|\n");
    for row in all_codes() {
        let kind = row.kind;
        out.push_str(&format!(
            "| {} | {} | {} | {} | {} |\n",
            row.code,
            kind.name(),
            kind.exit_code(),
            http_status(row.code, kind),
            row.meaning
        ));
    }
    out
}

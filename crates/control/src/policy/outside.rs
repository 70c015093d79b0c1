//! What of the world outside belongs to a stack: the services that use its databases, what is done and looked at around a restore. Only
//! what people wrote; what drivers do with it is theirs (`driver`).

use std::path::{Path, PathBuf};

use engine::postgres::successor::same_place;
use serde::{Deserialize, Serialize};

use crate::driver::endpoint::EndpointSpec;
use crate::driver::health::HealthSpec;
use crate::driver::hook::HookSpec;
use crate::driver::service::ServiceSpec;
use crate::driver::{Outcome, fill};
use crate::secret::SecretRef;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Service {
    pub(crate) name: String,
    /// It is the server of this source itself, and not one that uses it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) server_of: Option<String>,
    /// Of a source that may have several: the server that runs in this directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) directory: Option<PathBuf>,
    #[serde(flatten)]
    pub(crate) spec: ServiceSpec,
}

/// When a hook is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum When {
    /// Before anything is stopped; taken back at the end.
    Announce,
    /// The restored database serves, and nothing that uses it does yet.
    Migrate,
    /// All runs again: does it work?
    Smoke,
    /// What was derived from the database is brought to its state.
    ReSync,
    /// It is over.
    Done,
}

impl When {
    pub(crate) fn name(self) -> &'static str {
        match self {
            When::Announce => "announce",
            When::Migrate => "migrate",
            When::Smoke => "smoke",
            When::ReSync => "re-sync",
            When::Done => "done",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Hook {
    pub(crate) name: String,
    pub(crate) when: When,
    #[serde(flatten)]
    pub(crate) spec: HookSpec,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Health {
    pub(crate) name: String,
    /// Well so many times one after the other.
    #[serde(default = "in_a_row")]
    pub(crate) in_a_row: u32,
    #[serde(default = "every_seconds")]
    pub(crate) every_seconds: u64,
    /// Not well for so long is not well at all.
    #[serde(default = "deadline_seconds")]
    pub(crate) deadline_seconds: u64,
    #[serde(flatten)]
    pub(crate) spec: HealthSpec,
}

/// Where those who use a database find it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EndpointAt {
    pub(crate) name: String,
    /// The source that is found by it.
    pub(crate) of: String,
    /// What stands there: `{host}`, `{port}`.
    #[serde(default = "host_alone")]
    pub(crate) value: String,
    #[serde(flatten)]
    pub(crate) spec: EndpointSpec,
}

impl EndpointAt {
    pub(crate) fn wrong(&self) -> Option<String> {
        let unknown = fill::unknown(&self.value, &["host", "port"]);
        unknown.map(|name| format!("value: {{{name}}} is nothing that is told here")).or_else(|| self.spec.wrong())
    }

    /// What stands there for a database at this address.
    pub(crate) fn says(&self, host: &str, port: u16) -> Outcome<String> {
        let told = [("host".to_owned(), host.to_owned()), ("port".to_owned(), port.to_string())].into();
        fill::fill(&self.value, &told, fill::plain)
    }
}

fn host_alone() -> String {
    "{host}".to_owned()
}

fn in_a_row() -> u32 {
    2
}

fn every_seconds() -> u64 {
    1
}

fn deadline_seconds() -> u64 {
    120
}

/// A secret that the stack's programs need; a copy is sealed into the vault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeptSecret {
    pub(crate) name: String,
    pub(crate) from: SecretRef,
}

/// A file of settings; a copy is sealed into the vault as well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeptFile {
    pub(crate) name: String,
    pub(crate) path: String,
}

impl KeptFile {
    /// What is wrong with it.
    pub(crate) fn wrong(&self) -> Option<String> {
        (!self.path.starts_with('/')).then(|| format!("{:?} is not an absolute path", self.path))
    }
}

/// Where the schema of a database must stand for the application to work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Migration {
    pub(crate) source: String,
    pub(crate) database: String,
    /// The newest version, as its tool notes it.
    pub(crate) expects: String,
}

/// Everything of a stack that is not a database.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Outside {
    #[serde(default, rename = "service", skip_serializing_if = "Vec::is_empty")]
    pub(crate) services: Vec<Service>,
    #[serde(default, rename = "hook", skip_serializing_if = "Vec::is_empty")]
    pub(crate) hooks: Vec<Hook>,
    #[serde(default, rename = "health", skip_serializing_if = "Vec::is_empty")]
    pub(crate) health: Vec<Health>,
    #[serde(default, rename = "endpoint", skip_serializing_if = "Vec::is_empty")]
    pub(crate) endpoints: Vec<EndpointAt>,
    #[serde(default, rename = "secret", skip_serializing_if = "Vec::is_empty")]
    pub(crate) secrets: Vec<KeptSecret>,
    #[serde(default, rename = "file", skip_serializing_if = "Vec::is_empty")]
    pub(crate) files: Vec<KeptFile>,
    #[serde(default, rename = "migration", skip_serializing_if = "Vec::is_empty")]
    pub(crate) migrations: Vec<Migration>,
}

impl Outside {
    /// How the server of a source in a directory is stopped and started, where the stack says so.
    pub(crate) fn server_of(&self, source: &str, directory: &Path) -> Option<&Service> {
        let all = || self.services.iter().filter(|service| service.server_of.as_deref() == Some(source));
        let is_there = |named: &PathBuf| same_place(named, directory);
        let there = all().find(|service| service.directory.as_ref().is_some_and(is_there));
        there.or_else(|| all().find(|service| service.directory.is_none()))
    }

    pub(crate) fn endpoints_of(&self, source: &str) -> impl DoubleEndedIterator<Item = &EndpointAt> {
        self.endpoints.iter().filter(move |endpoint| endpoint.of == source)
    }

    /// Those that use the databases, in the order in which they are stopped.
    pub(crate) fn users(&self) -> impl DoubleEndedIterator<Item = &Service> {
        self.services.iter().filter(|service| service.server_of.is_none())
    }

    pub(crate) fn hooks_at(&self, when: When) -> impl Iterator<Item = &Hook> {
        self.hooks.iter().filter(move |hook| hook.when == when)
    }
}

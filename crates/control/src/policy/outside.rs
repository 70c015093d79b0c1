//! What of the world outside belongs to a stack: the services that use its databases, what is done and looked at around a restore. Only
//! what people wrote; what drivers do with it is theirs (`driver`).

use serde::{Deserialize, Serialize};

use crate::driver::health::HealthSpec;
use crate::driver::hook::HookSpec;
use crate::driver::service::ServiceSpec;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Service {
    pub(crate) name: String,
    /// It is the server of this source itself, and not one that uses it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) server_of: Option<String>,
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

fn in_a_row() -> u32 {
    2
}

fn every_seconds() -> u64 {
    1
}

fn deadline_seconds() -> u64 {
    120
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
    #[serde(default, rename = "migration", skip_serializing_if = "Vec::is_empty")]
    pub(crate) migrations: Vec<Migration>,
}

impl Outside {
    /// How the server of a source is stopped and started, where the stack says so.
    pub(crate) fn server_of(&self, source: &str) -> Option<&Service> {
        self.services.iter().find(|service| service.server_of.as_deref() == Some(source))
    }

    /// Those that use the databases, in the order in which they are stopped.
    pub(crate) fn users(&self) -> impl DoubleEndedIterator<Item = &Service> {
        self.services.iter().filter(|service| service.server_of.is_none())
    }

    pub(crate) fn hooks_at(&self, when: When) -> impl Iterator<Item = &Hook> {
        self.hooks.iter().filter(move |hook| hook.when == when)
    }
}

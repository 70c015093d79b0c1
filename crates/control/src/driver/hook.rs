//! Hooks: what people's own programs, pages and databases do at a step. One file for each way.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{Driver, Outcome};
use crate::host::Host;

pub(crate) mod command;
#[cfg(test)]
mod conformance;
pub(crate) mod http;
pub(crate) mod maintenance_page;
pub(crate) mod sql;

/// What a hook is told, as `{name}` in its settings and as `REKINDLE_NAME` in its environment: `operation`, `stack`, `source`, `moment`,
/// `host`, `port`, `socket`, `phase`.
pub(crate) type Told = BTreeMap<String, String>;

/// The names that may be told.
pub(crate) const TOLD: &[&str] = &["operation", "stack", "source", "moment", "host", "port", "socket", "phase"];

/// Takes the lines that a hook says, for the operation's log.
pub(crate) type Say<'a> = &'a (dyn Fn(&str) + Send + Sync);

#[async_trait]
pub(crate) trait Hook: Driver {
    async fn run(&self, host: &Host, told: &Told, say: Say<'_>) -> Outcome<()>;

    /// What `run` put up is taken down; a hook that only does something has nothing to take back.
    async fn take_back(&self, _host: &Host, _told: &Told, _say: Say<'_>) -> Outcome<()> {
        Ok(())
    }
}

/// A hook as it stands in a stack's file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "driver", rename_all = "kebab-case")]
pub(crate) enum HookSpec {
    Command(command::CommandHook),
    Http(http::HttpHook),
    Sql(sql::SqlHook),
    MaintenancePage(maintenance_page::MaintenancePage),
}

impl HookSpec {
    pub(crate) fn driver(&self) -> &dyn Hook {
        match self {
            HookSpec::Command(hook) => hook,
            HookSpec::Http(hook) => hook,
            HookSpec::Sql(hook) => hook,
            HookSpec::MaintenancePage(hook) => hook,
        }
    }

    /// What makes no sense in its settings.
    pub(crate) fn wrong(&self) -> Option<String> {
        match self {
            HookSpec::Command(hook) => hook.wrong(),
            HookSpec::Http(hook) => hook.wrong(),
            HookSpec::Sql(hook) => hook.wrong(),
            HookSpec::MaintenancePage(hook) => hook.wrong(),
        }
    }
}

#[cfg(test)]
mod tests;

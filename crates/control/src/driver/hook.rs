//! Hooks: what people's own programs, pages and databases do at a step. One file for each way.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::{Driver, Outcome};
use crate::host::Host;

/// What a hook is told, as `{name}` in its settings and as `REKINDLE_NAME` in its environment: `operation`, `stack`, `source`, `moment`,
/// `host`, `port`, `socket`, `phase`.
pub(crate) type Told = BTreeMap<String, String>;

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

//! A program of one's own that looks: it ends with 0 when all is well.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::Health;
use crate::driver::hook::command::judged;
use crate::driver::program::Program;
use crate::driver::{Driver, Outcome, Trouble, words};
use crate::host::Host;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CommandHealth {
    pub(crate) command: Vec<String>,
    #[serde(default = "timeout_seconds")]
    pub(crate) timeout_seconds: u64,
    /// A value may be a reference to a secret.
    #[serde(default)]
    pub(crate) env: BTreeMap<String, String>,
}

fn timeout_seconds() -> u64 {
    30
}

impl CommandHealth {
    pub(crate) fn wrong(&self) -> Option<String> {
        let time = (self.timeout_seconds == 0).then(|| "timeout_seconds must be 1 or more".to_owned());
        words::wrong(&self.command, &[]).or_else(|| words::wrong_variables(&self.env)).or(time)
    }
}

#[async_trait]
impl Driver for CommandHealth {
    fn what(&self) -> String {
        format!("program {}", self.command.first().map_or("", String::as_str))
    }

    async fn probe(&self, host: &Host) -> Vec<Trouble> {
        words::troubles(&self.command, &self.env, host).await
    }
}

#[async_trait]
impl Health for CommandHealth {
    /// One that says that it is not well may say otherwise in a moment.
    async fn look(&self, host: &Host) -> Outcome<()> {
        let filled = words::filled(&self.command, &BTreeMap::new())?;
        let program = Program { words: &filled, variables: self.env.clone(), input: None };
        let ran = program.run(host, Duration::from_secs(self.timeout_seconds)).await?;
        judged(&program.name(), &ran).map_err(|trouble| Trouble { passes: true, ..trouble })
    }
}

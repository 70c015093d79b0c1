//! A program of one's own. What it says is told line by line; that it ends with 0 says that all is well.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{Hook, Say, TOLD, Told};
use crate::driver::program::{Program, Ran};
use crate::driver::{Driver, Outcome, Trouble, words};
use crate::host::Host;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CommandHook {
    pub(crate) command: Vec<String>,
    #[serde(default = "timeout_seconds")]
    pub(crate) timeout_seconds: u64,
    /// A value may be a reference to a secret.
    #[serde(default)]
    pub(crate) env: BTreeMap<String, String>,
}

/// Migrations and rebuilt indexes take long.
fn timeout_seconds() -> u64 {
    600
}

impl CommandHook {
    pub(crate) fn wrong(&self) -> Option<String> {
        let time = (self.timeout_seconds == 0).then(|| "timeout_seconds must be 1 or more".to_owned());
        words::wrong(&self.command, TOLD).or_else(|| words::wrong_variables(&self.env)).or(time)
    }

    fn variables(&self, told: &Told) -> BTreeMap<String, String> {
        let told = told.iter().map(|(name, value)| (format!("REKINDLE_{}", name.to_uppercase()), value.clone()));
        told.chain(self.env.clone()).collect()
    }
}

/// What an end other than well says.
pub(crate) fn judged(name: &str, ran: &Ran) -> Outcome<()> {
    if ran.status.success() {
        return Ok(());
    }
    let said = match ran.tail() {
        tail if tail.is_empty() => "it said nothing".to_owned(),
        tail => tail,
    };
    Err(Trouble::refused(format!("{name} ended with {}: {said}", ran.status)))
}

#[async_trait]
impl Driver for CommandHook {
    fn what(&self) -> String {
        format!("program {}", self.command.first().map_or("", String::as_str))
    }

    async fn probe(&self, host: &Host) -> Vec<Trouble> {
        words::troubles(&self.command, &self.env, host).await
    }
}

#[async_trait]
impl Hook for CommandHook {
    async fn run(&self, host: &Host, told: &Told, say: Say<'_>) -> Outcome<()> {
        let filled = words::filled(&self.command, told)?;
        let program = Program { words: &filled, variables: self.variables(told), input: None };
        let ran = program.run_saying(host, Duration::from_secs(self.timeout_seconds), say).await?;
        judged(&program.name(), &ran)
    }
}

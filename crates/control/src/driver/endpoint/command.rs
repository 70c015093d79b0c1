//! Programs of one's own: one says on its only line what stands there, the other changes it.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{Endpoint, another, told, unseen};
use crate::driver::hook::command::judged;
use crate::driver::program::{Program, Ran};
use crate::driver::{Driver, Outcome, Trouble, words};
use crate::host::Host;

const AGAIN_AFTER: Duration = Duration::from_millis(500);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CommandEndpoint {
    /// Says what stands there.
    pub(crate) current: Vec<String>,
    /// Puts `{to}` where `{from}` stands.
    pub(crate) point: Vec<String>,
    /// Of each, and until the first says what the second did.
    #[serde(default = "timeout_seconds")]
    pub(crate) timeout_seconds: u64,
    /// A value may be a reference to a secret.
    #[serde(default)]
    pub(crate) env: BTreeMap<String, String>,
}

fn timeout_seconds() -> u64 {
    60
}

impl CommandEndpoint {
    pub(crate) fn wrong(&self) -> Option<String> {
        let of = |name: &str, wrong: Option<String>| wrong.map(|wrong| format!("{name}: {wrong}"));
        let lost = (!self.point.iter().any(|word| word.contains("{to}"))).then(|| "point: no word has {to}".to_owned());
        let time = (self.timeout_seconds == 0).then(|| "timeout_seconds must be 1 or more".to_owned());
        of("current", words::wrong(&self.current, &[]))
            .or_else(|| of("point", words::wrong(&self.point, &["from", "to"])))
            .or(lost)
            .or_else(|| words::wrong_variables(&self.env))
            .or(time)
    }

    fn limit(&self) -> Duration {
        Duration::from_secs(self.timeout_seconds)
    }

    async fn run(&self, host: &Host, words: &[String]) -> Outcome<Ran> {
        let program = Program { words, variables: self.env.clone(), input: None };
        let ran = program.run(host, self.limit()).await?;
        judged(&program.name(), &ran)?;
        Ok(ran)
    }
}

#[async_trait]
impl Driver for CommandEndpoint {
    fn what(&self) -> String {
        format!("program {}", self.point.first().map_or("", String::as_str))
    }

    /// The first program only looks, so it is run.
    async fn probe(&self, host: &Host) -> Vec<Trouble> {
        let mut troubles = words::troubles(&self.current, &self.env, host).await;
        troubles.extend(words::troubles(&self.point, &BTreeMap::new(), host).await);
        if troubles.is_empty() {
            troubles.extend(self.current(host).await.err());
        }
        troubles
    }
}

#[async_trait]
impl Endpoint for CommandEndpoint {
    async fn current(&self, host: &Host) -> Outcome<String> {
        let words = words::filled(&self.current, &BTreeMap::new())?;
        let said = self.run(host, &words).await?.stdout;
        let mut lines = said.lines().map(str::trim).filter(|line| !line.is_empty());
        match (lines.next(), lines.next()) {
            (Some(only), None) => Ok(only.to_owned()),
            (None, _) => Err(Trouble::refused(format!("{} said nothing", words[0]))
                .hint("it must print what stands there, on one line")),
            _ => Err(Trouble::refused(format!("{} said several lines", words[0]))
                .hint("it must print what stands there, on one line, and all else to its standard error")),
        }
    }

    async fn point(&self, host: &Host, from: &str, to: &str) -> Outcome<()> {
        let found = self.current(host).await?;
        if found == to {
            return Ok(());
        }
        if found != from {
            return Err(another(&self.what(), &found, from, to));
        }
        self.run(host, &words::filled(&self.point, &told(from, to))?).await?;
        let end = tokio::time::Instant::now() + self.limit();
        loop {
            let found = self.current(host).await?;
            if found == to {
                return Ok(());
            }
            if found != from {
                return Err(another(&self.what(), &found, from, to));
            }
            if tokio::time::Instant::now() + AGAIN_AFTER > end {
                return Err(unseen(&self.what(), &found, to, self.timeout_seconds));
            }
            tokio::time::sleep(AGAIN_AFTER).await;
        }
    }
}

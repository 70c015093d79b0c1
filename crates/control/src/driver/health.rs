//! Whether something is well, as seen from outside. One file for each way.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::hook::Say;
use super::{Driver, Outcome, Trouble};
use crate::host::Host;

pub(crate) mod command;
#[cfg(test)]
mod conformance;
pub(crate) mod http;
pub(crate) mod sql;
pub(crate) mod tcp;

#[async_trait]
pub(crate) trait Health: Driver {
    /// One look. What is not well says why.
    async fn look(&self, host: &Host) -> Outcome<()>;
}

/// A look as it stands in a stack's file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "driver", rename_all = "kebab-case")]
pub(crate) enum HealthSpec {
    Http(http::HttpHealth),
    Tcp(tcp::TcpHealth),
    Sql(sql::SqlHealth),
    Command(command::CommandHealth),
}

impl HealthSpec {
    pub(crate) fn driver(&self) -> &dyn Health {
        match self {
            HealthSpec::Http(health) => health,
            HealthSpec::Tcp(health) => health,
            HealthSpec::Sql(health) => health,
            HealthSpec::Command(health) => health,
        }
    }

    /// What makes no sense in its settings.
    pub(crate) fn wrong(&self) -> Option<String> {
        match self {
            HealthSpec::Http(health) => health.wrong(),
            HealthSpec::Tcp(health) => health.wrong(),
            HealthSpec::Sql(health) => health.wrong(),
            HealthSpec::Command(health) => health.wrong(),
        }
    }
}

/// Looks again and again until it was well so many times in a row. A look that hangs ends with the time.
pub(crate) async fn until_well(
    health: &dyn Health,
    host: &Host,
    in_a_row: u32,
    every: Duration,
    within: Duration,
    say: Say<'_>,
) -> Outcome<()> {
    let (end, wanted, what) = (Instant::now() + within, in_a_row.max(1), health.what());
    let (mut well, mut last) = (0, None);
    loop {
        match tokio::time::timeout_at(end, health.look(host)).await {
            Ok(Ok(())) => {
                well += 1;
                say(&format!("{what}: well, {well} of {wanted}"));
            }
            Ok(Err(trouble)) => {
                if last.as_ref() != Some(&trouble) || well > 0 {
                    say(&format!("{what}: not well yet: {}", trouble.what));
                }
                (well, last) = (0, Some(trouble));
            }
            Err(_) => return Err(not_well(&what, within, well, wanted, last)),
        }
        if well >= wanted {
            return Ok(());
        }
        if Instant::now() + every >= end {
            return Err(not_well(&what, within, well, wanted, last));
        }
        tokio::time::sleep(every).await;
    }
}

fn not_well(what: &str, within: Duration, well: u32, wanted: u32, last: Option<Trouble>) -> Trouble {
    let told = match &last {
        _ if well > 0 => format!("well {well} times of {wanted} by then"),
        Some(trouble) => trouble.what.clone(),
        None => "it did not answer".to_owned(),
    };
    let told = format!("{what} was not well {wanted} times in a row within {} s: {told}", within.as_secs());
    let (hint, passes) = last.map_or((None, true), |trouble| (trouble.hint, trouble.passes));
    Trouble { what: told, hint, passes }
}

#[cfg(test)]
mod tests;

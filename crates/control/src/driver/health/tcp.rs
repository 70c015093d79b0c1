//! A port that takes connections.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;

use super::Health;
use crate::driver::{Driver, Outcome, Trouble};
use crate::host::Host;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TcpHealth {
    pub(crate) host: String,
    pub(crate) port: u16,
    #[serde(default = "timeout_seconds")]
    pub(crate) timeout_seconds: u64,
}

fn timeout_seconds() -> u64 {
    5
}

impl TcpHealth {
    pub(crate) fn wrong(&self) -> Option<String> {
        let empty = self.host.trim().is_empty() || self.host.contains(char::is_whitespace);
        let wrong = [
            (empty, "host is no name and no address"),
            (self.port == 0, "port 0 is none"),
            (self.timeout_seconds == 0, "timeout_seconds must be 1 or more"),
        ];
        wrong.iter().find(|(is, _)| *is).map(|(_, what)| (*what).to_owned())
    }
}

#[async_trait]
impl Driver for TcpHealth {
    fn what(&self) -> String {
        match self.host.contains(':') {
            true => format!("port [{}]:{}", self.host, self.port),
            false => format!("port {}:{}", self.host, self.port),
        }
    }

    /// It may be closed now; only its name must be known.
    async fn probe(&self, _host: &Host) -> Vec<Trouble> {
        let found = tokio::net::lookup_host((self.host.as_str(), self.port));
        let limit = Duration::from_secs(self.timeout_seconds);
        let unknown = |why: String| Trouble::away(format!("the name {} is not known: {why}", self.host));
        match tokio::time::timeout(limit, found).await {
            Ok(Ok(_)) => Vec::new(),
            Ok(Err(error)) => vec![unknown(error.to_string())],
            Err(_) => vec![unknown(format!("no answer within {} s", limit.as_secs()))],
        }
    }
}

#[async_trait]
impl Health for TcpHealth {
    async fn look(&self, _host: &Host) -> Outcome<()> {
        let limit = Duration::from_secs(self.timeout_seconds);
        match tokio::time::timeout(limit, TcpStream::connect((self.host.as_str(), self.port))).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(Trouble::away(format!("{} takes no connection: {error}", self.what()))),
            Err(_) => {
                Err(Trouble::away(format!("{} took no connection within {} s", self.what(), self.timeout_seconds)))
            }
        }
    }
}

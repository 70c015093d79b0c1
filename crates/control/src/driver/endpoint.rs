//! Endpoints: where those who use a database find it. One file for each way.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{Driver, Outcome, Trouble};
use crate::host::Host;

pub(crate) mod command;
#[cfg(test)]
mod conformance;
pub(crate) mod dns;
pub(crate) mod file;
pub(crate) mod http;
pub(crate) mod sql;

#[async_trait]
pub(crate) trait Endpoint: Driver {
    /// What stands there now.
    async fn current(&self, host: &Host) -> Outcome<String>;

    /// Compare and swap: where `from` stands, `to` stands after; where `to` stands already that is well, and anything else is refused with
    /// what was found. Returns when who asks sees `to`.
    async fn point(&self, host: &Host, from: &str, to: &str) -> Outcome<()>;
}

/// An endpoint as it stands in a stack's file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "driver", rename_all = "kebab-case")]
pub(crate) enum EndpointSpec {
    File(file::FileEndpoint),
    Http(http::HttpEndpoint),
    Command(command::CommandEndpoint),
    Sql(sql::SqlEndpoint),
    Dns(dns::DnsEndpoint),
}

impl EndpointSpec {
    pub(crate) fn driver(&self) -> &dyn Endpoint {
        match self {
            EndpointSpec::File(endpoint) => endpoint,
            EndpointSpec::Http(endpoint) => endpoint,
            EndpointSpec::Command(endpoint) => endpoint,
            EndpointSpec::Sql(endpoint) => endpoint,
            EndpointSpec::Dns(endpoint) => endpoint,
        }
    }

    /// What makes no sense in its settings.
    pub(crate) fn wrong(&self) -> Option<String> {
        match self {
            EndpointSpec::File(endpoint) => endpoint.wrong(),
            EndpointSpec::Http(endpoint) => endpoint.wrong(),
            EndpointSpec::Command(endpoint) => endpoint.wrong(),
            EndpointSpec::Sql(endpoint) => endpoint.wrong(),
            EndpointSpec::Dns(endpoint) => endpoint.wrong(),
        }
    }
}

/// What stands there is neither what was expected nor what is wanted.
fn another(what: &str, found: &str, from: &str, to: &str) -> Trouble {
    Trouble::refused(format!("{what} says {found:?}, neither {from:?} nor {to:?}: somebody has changed it"))
        .hint("nothing was changed; look who did, and plan again")
}

/// It was changed, and does not say so.
fn unseen(what: &str, found: &str, to: &str, seconds: u64) -> Trouble {
    Trouble::away(format!("{what} still says {found:?}, {seconds} s after it was set to {to:?}"))
}

/// As `{from}` and `{to}`.
fn told(from: &str, to: &str) -> BTreeMap<String, String> {
    [("from", from), ("to", to)].map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

#[cfg(test)]
mod tests;

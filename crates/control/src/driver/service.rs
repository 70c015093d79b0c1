//! Services: what runs and can be stopped and started. One file for each way.
//!
//! ```text
//!   command ─┐
//!   systemd ─┴─ programs: run here, or on another host by ssh       docker       kubernetes
//! ```

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Driver, Outcome};
use crate::host::Host;

pub(crate) mod command;
#[cfg(test)]
mod conformance;
mod deadline;
pub(crate) mod docker;
#[cfg(feature = "kubernetes")]
pub(crate) mod kubernetes;
mod programs;
mod settings;
pub(crate) mod ssh;
pub(crate) mod systemd;

/// How a service stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Standing {
    /// Something of it runs. `was` is what `start` needs to bring back exactly that: which containers, how many replicas.
    Runs { was: Value },
    /// Nothing of it runs.
    Stopped,
}

#[async_trait]
pub(crate) trait Service: Driver {
    async fn standing(&self, host: &Host) -> Outcome<Standing>;

    /// Returns when nothing of it runs any more.
    async fn stop(&self, host: &Host) -> Outcome<()>;

    /// Brings back what ran when `was` was seen, and returns when it runs. `Value::Null` is the usual.
    async fn start(&self, host: &Host, was: &Value) -> Outcome<()>;
}

/// A service as it stands in a stack's file: `driver = "…"` with the settings of that driver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "driver", rename_all = "kebab-case")]
pub(crate) enum ServiceSpec {
    Command(command::Command),
    Docker(docker::Docker),
    #[cfg(feature = "kubernetes")]
    Kubernetes(kubernetes::Kubernetes),
    Ssh(ssh::Ssh),
    Systemd(systemd::Systemd),
}

impl ServiceSpec {
    pub(crate) fn driver(&self) -> &dyn Service {
        match self {
            ServiceSpec::Command(driver) => driver,
            ServiceSpec::Docker(driver) => driver,
            #[cfg(feature = "kubernetes")]
            ServiceSpec::Kubernetes(driver) => driver,
            ServiceSpec::Ssh(driver) => driver,
            ServiceSpec::Systemd(driver) => driver,
        }
    }

    /// What about the settings makes no sense, told to whoever wrote them.
    pub(crate) fn wrong(&self) -> Option<String> {
        match self {
            ServiceSpec::Command(driver) => driver.wrong(),
            ServiceSpec::Docker(driver) => driver.wrong(),
            #[cfg(feature = "kubernetes")]
            ServiceSpec::Kubernetes(driver) => driver.wrong(),
            ServiceSpec::Ssh(driver) => driver.wrong(),
            ServiceSpec::Systemd(driver) => driver.wrong(),
        }
    }
}

#[cfg(test)]
mod tests;

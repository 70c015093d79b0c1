//! Services: what runs and can be stopped and started. One file for each way.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Driver, Outcome};
use crate::host::Host;

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

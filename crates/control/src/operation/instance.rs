//! What is done to an instance that is there, as operations: its server started and stopped, the whole removed or made a plain directory.
//! Opening one anew at its moment stands with clones.

use std::sync::Arc;

use api::{InstanceView, OperationKind};
use async_trait::async_trait;
use ops::Found;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{At, By, Part, Table, Wanted, at_once, input, kind_name, step};
use crate::daemon::Daemon;
use crate::error::{Error, Result};
use crate::instances;

#[derive(Debug, Serialize, Deserialize)]
struct Input {
    instance: String,
}

/// What is done; each is a kind of operation with one step of the same name.
#[derive(Debug, Clone, Copy)]
enum Deed {
    Start,
    Stop,
    Detach,
    Remove,
}

impl Deed {
    const ALL: [Deed; 4] = [Deed::Start, Deed::Stop, Deed::Detach, Deed::Remove];

    fn kind(self) -> OperationKind {
        match self {
            Deed::Start => OperationKind::Start,
            Deed::Stop => OperationKind::Stop,
            Deed::Detach => OperationKind::Detach,
            Deed::Remove => OperationKind::Remove,
        }
    }

    /// Whether nothing is left of the instance, as such.
    fn ends_it(self) -> bool {
        matches!(self, Deed::Detach | Deed::Remove)
    }
}

pub(super) fn tables() -> [Table; 4] {
    Deed::ALL.map(|deed| {
        let part: Arc<dyn Part> = Arc::new(deed);
        Table { kind: deed.kind(), parts: vec![(kind_name(deed.kind()), part)] }
    })
}

pub(crate) async fn start(daemon: &Daemon, name: &str, by: By) -> Result<InstanceView> {
    instances::must_be_open(daemon, name).await?;
    begin(daemon, Deed::Start, name, format!("start the server of {name}"), by).await?;
    instances::one(daemon, name).await
}

pub(crate) async fn stop(daemon: &Daemon, name: &str, by: By) -> Result<InstanceView> {
    instances::must_be_open(daemon, name).await?;
    begin(daemon, Deed::Stop, name, format!("stop the server of {name}"), by).await?;
    instances::one(daemon, name).await
}

pub(crate) async fn detach(daemon: &Daemon, name: &str, by: By) -> Result<()> {
    instances::may_detach(daemon, name).await?;
    begin(daemon, Deed::Detach, name, format!("make {name} a plain directory"), by).await
}

pub(crate) async fn remove(daemon: &Daemon, name: &str, by: By) -> Result<()> {
    instances::may_remove(daemon, name).await?;
    begin(daemon, Deed::Remove, name, format!("remove {name} and what was written in it"), by).await
}

async fn begin(daemon: &Daemon, deed: Deed, name: &str, what: String, by: By) -> Result<()> {
    let kind = deed.kind();
    let source = instances::source_of(daemon, name).await?;
    let input = input(&Input { instance: name.to_owned() })?;
    let steps = vec![step(kind_name(kind), &what)];
    at_once(daemon, Wanted { kind, source: Some(&source), alone: None, input, steps }, by).await.map(drop)
}

#[async_trait]
impl Part for Deed {
    async fn act(&self, at: &At) -> Result<Value> {
        let (daemon, Input { instance: name }) = (&at.daemon, at.input()?);
        let done = match self {
            Deed::Start => instances::start(daemon, &name).await,
            Deed::Stop => instances::stop(daemon, &name).await,
            Deed::Detach => Box::pin(instances::detach(daemon, &name)).await,
            Deed::Remove => instances::remove(daemon, &name).await,
        };
        match done {
            // It was there when it was asked for, so an earlier try has done it.
            Err(Error::Unknown { what: "instance", .. }) if self.ends_it() => Ok(Value::Null),
            other => other
                .and_then(|()| at.effect(format!("{} of {name} is done", kind_name(self.kind()))))
                .map(|()| Value::Null),
        }
    }

    async fn look(&self, at: &At) -> Result<Found> {
        let Input { instance: name } = at.input()?;
        let there = at.daemon.catalog.instance(&name).await?.is_some();
        Ok(if self.ends_it() && !there { Found::Done(Value::Null) } else { Found::Unknown })
    }
}

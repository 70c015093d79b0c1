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
use crate::{instances, views};

#[derive(Debug, Serialize, Deserialize)]
struct Input {
    instance: String,
}

pub(super) fn tables() -> [Table; 4] {
    let table = |kind, part: Arc<dyn Part>| Table { kind, parts: vec![(kind_name(kind), part)] };
    [
        table(OperationKind::Start, Arc::new(Start)),
        table(OperationKind::Stop, Arc::new(Stop)),
        table(OperationKind::Detach, Arc::new(Detach)),
        table(OperationKind::Remove, Arc::new(Remove)),
    ]
}

pub(crate) async fn start(daemon: &Daemon, name: &str, by: By) -> Result<InstanceView> {
    instances::must_be_open(daemon, name).await?;
    begin(daemon, OperationKind::Start, name, format!("start the server of {name}"), by).await?;
    instances::one(daemon, name).await
}

pub(crate) async fn stop(daemon: &Daemon, name: &str, by: By) -> Result<InstanceView> {
    instances::must_be_open(daemon, name).await?;
    begin(daemon, OperationKind::Stop, name, format!("stop the server of {name}"), by).await?;
    instances::one(daemon, name).await
}

pub(crate) async fn detach(daemon: &Daemon, name: &str, by: By) -> Result<()> {
    instances::may_detach(daemon, name).await?;
    begin(daemon, OperationKind::Detach, name, format!("make {name} a plain directory"), by).await
}

pub(crate) async fn remove(daemon: &Daemon, name: &str, by: By) -> Result<()> {
    instances::may_remove(daemon, name).await?;
    begin(daemon, OperationKind::Remove, name, format!("remove {name} and what was written in it"), by).await
}

async fn begin(daemon: &Daemon, kind: OperationKind, name: &str, what: String, by: By) -> Result<()> {
    let source = instances::source_of(daemon, name).await?;
    let input = input(&Input { instance: name.to_owned() })?;
    let steps = vec![step(kind_name(kind), &what)];
    at_once(daemon, Wanted { kind, source: Some(&source), alone: None, input, steps }, by).await.map(drop)
}

fn instance(at: &At) -> Result<String> {
    Ok(at.input::<Input>()?.instance)
}

/// It was there when it was asked for, so an earlier try has done it.
fn or_gone(done: Result<()>) -> Result<Value> {
    match done {
        Ok(()) | Err(Error::Unknown { what: "instance", .. }) => Ok(Value::Null),
        Err(error) => Err(error),
    }
}

async fn is_gone(at: &At) -> Result<Found> {
    let there = at.daemon.catalog.instance(&instance(at)?).await?.is_some();
    Ok(if there { Found::NotDone } else { Found::Done(Value::Null) })
}

#[derive(Debug)]
struct Start;

#[async_trait]
impl Part for Start {
    async fn act(&self, at: &At) -> Result<Value> {
        views::to_json(&instances::start(&at.daemon, &instance(at)?).await?)
    }
}

#[derive(Debug)]
struct Stop;

#[async_trait]
impl Part for Stop {
    async fn act(&self, at: &At) -> Result<Value> {
        views::to_json(&instances::stop(&at.daemon, &instance(at)?).await?)
    }
}

#[derive(Debug)]
struct Detach;

#[async_trait]
impl Part for Detach {
    async fn act(&self, at: &At) -> Result<Value> {
        or_gone(Box::pin(instances::detach(&at.daemon, &instance(at)?)).await)
    }

    async fn look(&self, at: &At) -> Result<Found> {
        is_gone(at).await
    }
}

#[derive(Debug)]
struct Remove;

#[async_trait]
impl Part for Remove {
    async fn act(&self, at: &At) -> Result<Value> {
        or_gone(instances::remove(&at.daemon, &instance(at)?).await)
    }

    async fn look(&self, at: &At) -> Result<Found> {
        is_gone(at).await
    }
}

//! Letting what a restore replaced go for good, as an operation.

use std::sync::Arc;

use api::OperationKind;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{At, By, Part, Table, Wanted, at_once, input, step};
use crate::daemon::Daemon;
use crate::error::{Error, Result};
use crate::instances::local_bytes;
use crate::retired;

#[derive(Debug, Serialize, Deserialize)]
struct Input {
    operation: String,
}

pub(super) fn table() -> Table {
    Table { kind: OperationKind::Retire, parts: vec![("retire", Arc::new(Retire))] }
}

/// Returns when it is gone.
pub(crate) async fn retire(daemon: &Daemon, operation: &str, by: By) -> Result<()> {
    let row = retired::of(daemon, operation).await?;
    let input = input(&Input { operation: operation.to_owned() })?;
    let steps = vec![step("retire", &format!("remove {}, which was {} until {}", row.path, row.live, row.since))];
    let alone = Some(format!("retired by {operation}"));
    at_once(daemon, Wanted { kind: OperationKind::Retire, source: Some(&row.source), alone, input, steps }, by)
        .await
        .map(drop)
}

#[derive(Debug)]
struct Retire;

#[async_trait]
impl Part for Retire {
    async fn act(&self, at: &At) -> Result<Value> {
        match retired::remove(&at.daemon, &at.input::<Input>()?.operation).await {
            // It was there when it was asked for, so an earlier try has done it.
            Err(Error::Unknown { .. }) => Ok(Value::Null),
            Err(error) => Err(error),
            Ok(found) => {
                found.own.iter().for_each(|place| at.work.say(format!("{} is removed with it", place.display())));
                for place in &found.others {
                    let size = local_bytes(place) >> 20;
                    at.work.warn(format!(
                        "{} is left, {size} MB: a link led to it, and it is not of this cluster alone",
                        place.display()
                    ));
                }
                Ok(Value::Null)
            }
        }
    }
}

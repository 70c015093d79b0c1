//! Waits for an operation of the daemon. The operation does not need us: Ctrl-C once asks, twice cancels it.

use std::time::Duration;

use api::{Operation, OperationAsk, OperationStatus};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::client::Client;
use crate::failure::Failure;
use crate::show::status;
use crate::surroundings::Surroundings;
use crate::terminal::Block;

const POLL: Duration = Duration::from_millis(20);

/// Returns what the operation resulted in.
pub async fn until_over(around: &Surroundings, client: &Client, begun: Operation) -> Result<Value, Failure> {
    let name = begun.source.clone().unwrap_or_else(|| status::kind(&begun));
    let mut block = Block::new(around, &name);
    let over = watch(client, begun, &mut block).await;
    block.end();
    result(over?)
}

pub fn read<T: DeserializeOwned>(result: &Value) -> Result<T, Failure> {
    T::deserialize(result).map_err(|error| Failure::answer("the operation", error))
}

async fn watch(client: &Client, begun: Operation, block: &mut Block) -> Result<Operation, Failure> {
    let mut operation = begun;
    let (mut interrupts, mut said) = (0, None);
    while operation.status.is_moving() || operation.status == OperationStatus::Planned {
        block.show(&operation.step, &operation.progress);
        let trouble = operation.error.as_ref().map(|error| error.message.clone());
        if let Some(trouble) = trouble.as_ref().filter(|_| trouble != said) {
            block.say(&told(trouble, operation.next_try.is_some()));
        }
        said = trouble;
        tokio::select! {
            () = tokio::time::sleep(POLL) => operation = client.operation(&operation.id).await?,
            _ = tokio::signal::ctrl_c() => {
                interrupts += 1;
                interrupted(client, &operation, block, interrupts).await?;
            }
        }
    }
    Ok(operation)
}

/// Only what has a time for its next try is tried again by itself.
fn told(trouble: &str, is_tried_again: bool) -> String {
    let then = if is_tried_again { "; it is tried again" } else { "" };
    format!("{trouble}{then}")
}

async fn interrupted(client: &Client, operation: &Operation, block: &Block, times: u32) -> Result<(), Failure> {
    let what = status::kind(operation);
    match times {
        1 => block.say(&format!(
            "The {what} goes on in the daemon (operation {}). Ctrl-C again cancels it; closing this terminal does not.",
            operation.id
        )),
        2 => {
            block.say(&format!("Cancelling the {what} …"));
            client.tell_operation(&operation.id, "cancel", &OperationAsk::default()).await?;
        }
        _ => return Err(Failure::cancelled(&format!("waiting for {what} {}", operation.id))),
    }
    Ok(())
}

fn result(operation: Operation) -> Result<Value, Failure> {
    let what = status::kind(&operation);
    match operation.status {
        OperationStatus::Succeeded => Ok(operation.result.unwrap_or(Value::Null)),
        status if !status.is_over() => Err(Failure::waits(&format!("the {what}"), &operation.id)),
        OperationStatus::Cancelled => Err(Failure::cancelled(&format!("the {what}"))),
        _ => Err(match operation.error {
            Some(error) => error.into(),
            None => Failure::internal(&format!("the {what} failed and did not say why"), operation.id),
        }),
    }
}

#[cfg(test)]
mod tests;

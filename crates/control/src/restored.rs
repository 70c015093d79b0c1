//! What a stack was restored from: remembered with the stack, and never changed by hand. Its file may repeat it, and say nothing else; a
//! file without it leaves it as it is, so that applying a stack neither replays a restore nor undoes one.

use api::{OperationKind, OperationStatus, RestoreReport};
use serde::Deserialize;

use crate::catalog::StackRow;
use crate::daemon::Daemon;
use crate::error::{Error, Result};
use crate::operation::{self, At};
use crate::policy::{Restored, Stack, file};
use crate::stacks;

/// Of a stack after its file is applied. Refused where the file says anything else than what is recorded.
pub(crate) async fn kept(daemon: &Daemon, old: Option<&Stack>, wanted: &Stack) -> Result<Option<Restored>> {
    let recorded = old.and_then(|old| old.restored.clone());
    let Some(asked) = &wanted.restored else { return Ok(recorded) };
    let recorded = match recorded {
        Some(recorded) => recorded,
        // A stack that is made of what was restored into a place of its own.
        None => of_operation(daemon, &asked.operation).await?,
    };
    let wrong = recorded.differences(asked);
    if wrong.is_empty() { Ok(Some(recorded)) } else { Err(Error::StackFile(wrong)) }
}

async fn of_operation(daemon: &Daemon, id: &str) -> Result<Restored> {
    let none = |why: &str| Error::StackFile(vec![format!("restored.operation: {id:?} {why}")]);
    let operation = operation::find(daemon, id).await.map_err(|error| match error {
        Error::Unknown { .. } => none("is no operation that is known here"),
        other => other,
    })?;
    if operation.kind != OperationKind::Restore || operation.status != OperationStatus::Succeeded {
        return Err(none("is no restore that has succeeded"));
    }
    match operation.result.as_ref().map(RestoreReport::deserialize) {
        Some(Ok(report)) => Ok(Restored {
            operation: operation.id,
            from: Some(report.backup),
            moment: Some(report.asked),
            at: operation.ended,
        }),
        _ => Err(none("was in the place of another cluster: it is recorded with that one's stack")),
    }
}

/// Notes it with the stack of the operation's source. Twice is as good as once.
pub(crate) async fn note(at: &At, from: &str, moment: &str) -> Result<()> {
    let daemon = &at.daemon;
    let source = at.work.run.head.subject.as_deref().unwrap_or_default();
    let Some(stack) = stacks::of_source(daemon, source).await? else { return Ok(()) };
    let Some(row) = daemon.catalog.stack(&stack.name).await? else { return Ok(()) };
    let mut stack = stacks::read(&row.file)?;
    if stack.restored.as_ref().is_some_and(|restored| restored.operation == at.id()) {
        return Ok(());
    }
    stack.restored = Some(Restored {
        operation: at.id().to_owned(),
        from: Some(from.to_owned()),
        moment: Some(moment.to_owned()),
        at: Some(daemon.host.env.now()),
    });
    let file = file::export(&stack).map_err(|e| vault::Error::Internal(e.to_string()))?;
    daemon.catalog.put_stack(&StackRow { file, ..row }).await
}

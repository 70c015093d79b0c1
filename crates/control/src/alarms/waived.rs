//! Operations that nobody approved although somebody would have had to: everybody who is told of alarms is told of them.

use api::OperationKind;
use jiff::{SignedDuration, Timestamp};
use ops::{Filter, Run, Store};

use super::condition::{Condition, Kind, Scope, Severity};
use super::house::condition;
use crate::daemon::Daemon;
use crate::error::Result;
use crate::operation::kind_name;

/// It is wrong for so long after its end.
const SHOWN_AFTER: SignedDuration = SignedDuration::from_hours(1);
const LOOKED_AT: u32 = 50;

pub(super) async fn conditions(daemon: &Daemon, now: Timestamp) -> Result<Vec<Condition>> {
    let mut found = Vec::new();
    for kind in [OperationKind::Restore, OperationKind::Extract] {
        let filter = Filter { kind: Some(kind_name(kind).to_owned()), limit: LOOKED_AT, ..Filter::default() };
        let runs = daemon.runs.list(&filter).await?;
        found.extend(runs.iter().filter(|run| is_shown(run, now)).map(told));
    }
    Ok(found)
}

fn is_shown(run: &Run, now: Timestamp) -> bool {
    run.plan().waived && run.state.ended.is_none_or(|ended| now.duration_since(ended) < SHOWN_AFTER)
}

fn told(run: &Run) -> Condition {
    let head = &run.head;
    let why = if head.why.is_empty() { String::new() } else { format!(": {}", head.why) };
    let source = head.subject.as_deref().unwrap_or_default();
    let text = format!("{} had a {} of {source} begun that nobody approved{why}", head.asked_by, head.kind);
    let advice = format!("rekindle ops show {0}; to stop it and go back: rekindle ops cancel {0}", head.id);
    let scope = Scope::Operation(head.id.clone());
    let is = condition(Severity::Critical, Kind::BreakGlass, scope, text, advice);
    Condition { since: Some(head.created), ..is }
}

//! What is told of an operation.

use api::{ApprovalView, ErrorBody, Operation, OperationKind, OperationStatus, StepStatus, StepView};
use ops::{Failure, Phase, Run, Status};

use crate::daemon::Daemon;
use crate::error::kind_of_code;
use crate::operation::restore;

const KINDS: [OperationKind; 17] = [
    OperationKind::Backup,
    OperationKind::Restore,
    OperationKind::Check,
    OperationKind::Expire,
    OperationKind::Clone,
    OperationKind::Peek,
    OperationKind::Drill,
    OperationKind::Extract,
    OperationKind::Protect,
    OperationKind::Unprotect,
    OperationKind::Pin,
    OperationKind::Unpin,
    OperationKind::Start,
    OperationKind::Stop,
    OperationKind::Detach,
    OperationKind::Remove,
    OperationKind::Retire,
];

pub(crate) fn kind_name(kind: OperationKind) -> &'static str {
    match kind {
        OperationKind::Backup => "backup",
        OperationKind::Restore => "restore",
        OperationKind::Check => "check",
        OperationKind::Expire => "expire",
        OperationKind::Clone => "clone",
        OperationKind::Peek => "peek",
        OperationKind::Drill => "drill",
        OperationKind::Extract => "extract",
        OperationKind::Protect => "protect",
        OperationKind::Unprotect => "unprotect",
        OperationKind::Pin => "pin",
        OperationKind::Unpin => "unpin",
        OperationKind::Start => "start",
        OperationKind::Stop => "stop",
        OperationKind::Detach => "detach",
        OperationKind::Remove => "remove",
        OperationKind::Retire => "retire",
    }
}

pub(crate) fn view(daemon: &Daemon, run: &Run) -> Operation {
    let (head, state) = (&run.head, &run.state);
    let now = daemon.host.env.now();
    let (live_step, progress) =
        daemon.running.watch(&head.id).map(|watch| watch.operation_progress()).unwrap_or_default();
    let kind = KINDS.into_iter().find(|kind| kind_name(*kind) == head.kind).unwrap_or(OperationKind::Check);
    let steps: Vec<StepView> = (0..run.plan().steps.len()).map(|at| step(run, at)).collect();
    let failing = state.failure.as_ref().and(run.step()).map(|step| step.name.as_str());
    let planned = run.step().or(run.plan().steps.last()).map_or("", |step| step.name.as_str());
    Operation {
        id: head.id.clone(),
        back: restore::back::of(kind, &steps, failing),
        kind,
        source: head.subject.clone(),
        status: status(state.status),
        step: if live_step.is_empty() { planned.to_owned() } else { live_step },
        progress,
        asked_by: head.asked_by.clone(),
        why: head.why.clone(),
        steps,
        retryable: state.failure.as_ref().is_some_and(|failure| failure.retryable),
        next_try: state.wait_until.filter(|until| *until > now),
        approvals: state.approvals.iter().map(said).collect(),
        refused: state.refusal.as_ref().map(said),
        approvals_needed: run.plan().approvals,
        waived: run.plan().waived,
        started: state.began.unwrap_or(head.created),
        ended: state.ended,
        way_back: way_back(run),
        error: state.failure.as_ref().map(|failure| error_of(failure, run)).or_else(|| catalog_trouble(daemon, run)),
        result: (state.status == Status::Succeeded).then(|| result(run)).flatten(),
    }
}

fn said(approval: &ops::Approval) -> ApprovalView {
    ApprovalView { by: approval.by.clone(), why: approval.why.clone(), at: approval.at }
}

/// While the catalog fails nothing goes on, and nothing could say so in it.
fn catalog_trouble(daemon: &Daemon, run: &Run) -> Option<ErrorBody> {
    let cause = daemon.worker().trouble().filter(|_| !run.state.status.is_over())?;
    let error = crate::Error::CatalogFails(cause);
    Some(error.body())
}

/// What it came to is its report, or what its step left; of a backup by a policy the first, of which expiry is only the end.
fn result(run: &Run) -> Option<serde_json::Value> {
    let report = run.output("report");
    if !report.is_null() {
        return Some(report.clone());
    }
    run.state.steps.first().map(|step| step.output.clone())
}

fn step(run: &Run, at: usize) -> StepView {
    let (planned, state) = (&run.plan().steps[at], &run.state.steps[at]);
    StepView {
        name: planned.name.clone(),
        what: planned.what.clone(),
        undo: planned.undo.clone(),
        status: match state.phase {
            Phase::Waiting => StepStatus::Waiting,
            Phase::InFlight => StepStatus::InFlight,
            Phase::Unknown | Phase::Partial => StepStatus::Unknown,
            Phase::Done => StepStatus::Done,
            Phase::Undoing => StepStatus::Undoing,
            Phase::HalfUndone => StepStatus::HalfUndone,
            Phase::Undone => StepStatus::Undone,
        },
        attempt: state.attempts,
        attempts: planned.retry.attempts,
        began: state.began,
        ended: state.ended,
        seconds_planned: planned.about_ms.map(|about| about as f64 / 1000.0),
    }
}

fn status(status: Status) -> OperationStatus {
    match status {
        Status::Planned => OperationStatus::Planned,
        Status::AwaitingApproval => OperationStatus::AwaitingApproval,
        Status::Waiting => OperationStatus::Waiting,
        Status::Running => OperationStatus::Running,
        Status::Retrying => OperationStatus::Retrying,
        Status::Paused => OperationStatus::Paused,
        Status::Unwinding => OperationStatus::Unwinding,
        Status::Succeeded => OperationStatus::Succeeded,
        Status::Failed => OperationStatus::Failed,
        Status::Cancelled => OperationStatus::Cancelled,
        Status::Stuck => OperationStatus::Stuck,
    }
}

/// Of one that is stuck: the one command that leads back.
pub(crate) fn way_back(run: &Run) -> Option<String> {
    Some(format!("rekindle ops {} {}", run.way_back()?, run.head.id))
}

fn error_of(failure: &Failure, run: &Run) -> ErrorBody {
    let kind = kind_of_code(&failure.code);
    let back = way_back(run).map(|command| format!("put it right, then `{command}` leads back"));
    let hint: Vec<String> =
        Some(failure.hint.clone()).filter(|hint| !hint.is_empty()).into_iter().chain(back).collect();
    ErrorBody {
        code: failure.code.clone(),
        kind: kind.name().to_owned(),
        message: failure.message.clone(),
        causes: failure.causes.clone(),
        hint: (!hint.is_empty()).then(|| hint.join("; ")),
        exit_code: kind.exit_code(),
        request_id: None,
    }
}

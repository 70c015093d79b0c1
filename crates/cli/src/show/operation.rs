//! Operations: one line each, or one with its steps and what can be done now.

use api::{FacetState, FacetView, LogLine, Operation, OperationStatus, StepStatus, StepView};

use super::{View, restore, units};

pub fn list(operations: &[Operation], view: &View) -> String {
    if operations.is_empty() {
        return "There is no such operation.\n".to_owned();
    }
    operations.iter().map(|operation| line(operation, view)).collect()
}

fn line(operation: &Operation, view: &View) -> String {
    let what = what(operation);
    let status = word(operation.status);
    let step = if operation.status.is_over() { String::new() } else { format!(" · {}", operation.step) };
    let took = match operation.ended {
        Some(ended) => format!("{} · took {}", view.short_with_zone(operation.started), took(operation, ended)),
        None => format!("began {}", view.ago(operation.started)),
    };
    format!(
        "{} {}  {what:<24} {status}{step} · {took} · by {}\n",
        mark(operation.status),
        operation.id,
        operation.asked_by
    )
}

pub fn one(operation: &Operation, view: &View) -> String {
    let mut text = format!("{} {}      {}", operation.id, what(operation), word(operation.status).to_uppercase());
    if let Some((at, step)) = current(operation) {
        text.push_str(&format!("   step {} of {} {}", at + 1, operation.steps.len(), operation.step));
        if step.attempt > 0 {
            text.push_str(&format!("   attempt {} of {}", step.attempt, step.attempts));
        }
    }
    text.push('\n');
    for step in &operation.steps {
        text.push_str(&format!(" {} {:<14} {}{}\n", step_mark(step.status), step.name, step.what, taken(step)));
    }
    let mut row = |name: &str, value: String| text.push_str(&format!("    {name:<11} {value}\n"));
    let why = if operation.why.is_empty() { String::new() } else { format!(": {}", operation.why) };
    row("asked", format!("by {} {}{why}", operation.asked_by, view.ago(operation.started)));
    for approval in &operation.approvals {
        row("approved", format!("by {} {}", approval.by, view.ago(approval.at)));
    }
    if let Some(refused) = &operation.refused {
        let why = if refused.why.is_empty() { String::new() } else { format!(": {}", refused.why) };
        row("refused", format!("by {} {}{why}", refused.by, view.ago(refused.at)));
    }
    if operation.waived {
        row("approved", "by NOBODY, although somebody would have had to: the glass was broken".to_owned());
    }
    if let Some(error) = &operation.error {
        let causes = error.causes.iter().fold(String::new(), |all, cause| format!("{all}: {cause}"));
        row("last error", format!("{}{causes} ({})", error.message, error.code));
        row("", if operation.retryable { "trying again may help".into() } else { "trying again does not help".into() });
        error.hint.iter().for_each(|hint| row("hint", hint.clone()));
    }
    row("next", next(operation, view));
    if let Some(back) = &operation.back {
        row("data", facet("back", &back.data, view));
        row("connection", facet("works", &back.connectivity, view));
        row("behaviour", facet("as it should be", &back.behaviour, view));
    }
    text
}

/// Each of the three on its own: none follows from another.
fn facet(well: &str, facet: &FacetView, view: &View) -> String {
    let since = facet.since.map_or(String::new(), |since| format!(" since {}", view.short_with_zone(since)));
    let step = facet.step.as_deref().unwrap_or_default();
    match facet.state {
        FacetState::Well => format!("✓ {well}{since} (step {step})"),
        FacetState::NotChecked => "nothing looks at it".to_owned(),
        FacetState::Waiting => format!("not yet: step {step}"),
        FacetState::Checking => format!("being looked at{since} (step {step})"),
        FacetState::Failed => format!("✗ step {step} failed"),
        FacetState::TakenBack => format!("taken back{since} (step {step})"),
    }
}

/// What happens by itself, or what a person can do.
fn next(operation: &Operation, view: &View) -> String {
    let id = &operation.id;
    match operation.status {
        OperationStatus::Planned => "nothing was asked for yet".to_owned(),
        OperationStatus::AwaitingApproval => {
            let missing = operation.approvals_needed as usize - operation.approvals.len();
            format!(
                "{missing} more must approve, not {}: rekindle ops plan {id} · rekindle approve {id} · rekindle refuse {id}",
                operation.asked_by
            )
        }
        OperationStatus::Waiting => {
            let when =
                operation.next_try.map_or("at once".to_owned(), |at| format!("at {}", restore::exactly(at, view)));
            format!("begins {when} · not at all: rekindle ops cancel {id}")
        }
        OperationStatus::Running => format!("it goes on · stop it and go back: rekindle ops cancel {id}"),
        OperationStatus::Retrying => {
            let when = operation.next_try.map_or("at once".to_owned(), |at| format!("at {}", view.short_with_zone(at)));
            format!("tries again {when} · now: rekindle ops retry {id} · go back: rekindle ops cancel {id}")
        }
        OperationStatus::Paused => {
            format!("waits for a person: rekindle ops resume {id} · go back: rekindle ops cancel {id}")
        }
        OperationStatus::Unwinding => "takes back what it did".to_owned(),
        OperationStatus::Stuck => {
            let back = operation.way_back.clone().unwrap_or(format!("rekindle ops retry {id}"));
            format!("put it right, then this leads back: {back} · give it up as it stands: rekindle ops abandon {id}")
        }
        OperationStatus::Succeeded | OperationStatus::Failed | OperationStatus::Cancelled => {
            operation.ended.map_or("it is over".to_owned(), |ended| {
                format!("it is over since {}, took {}", view.short_with_zone(ended), took(operation, ended))
            })
        }
    }
}

pub fn log_line(line: &LogLine, view: &View) -> String {
    let level = if line.level == "info" { String::new() } else { format!("{}: ", line.level) };
    format!("{}  {:<12} {level}{}\n", view.short(line.at), line.step, line.text)
}

fn what(operation: &Operation) -> String {
    let kind = super::status::kind(operation);
    operation.source.as_ref().map_or(kind.clone(), |source| format!("{kind} of {source}"))
}

fn current(operation: &Operation) -> Option<(usize, &StepView)> {
    let in_work = |step: &&StepView| !matches!(step.status, StepStatus::Done | StepStatus::Undone);
    operation.steps.iter().enumerate().find(|(_, step)| in_work(step)).filter(|_| !operation.status.is_over())
}

fn took(operation: &Operation, ended: jiff::Timestamp) -> String {
    units::seconds(ended.duration_since(operation.started).as_secs_f64())
}

fn taken(step: &StepView) -> String {
    let seconds = step.began.zip(step.ended).map(|(began, ended)| ended.duration_since(began).as_secs_f64());
    let planned = step.seconds_planned.map(|seconds| format!("  about {}", units::seconds(seconds)));
    seconds.map(|seconds| format!("  {}", units::seconds(seconds))).or(planned).unwrap_or_default()
}

fn word(status: OperationStatus) -> &'static str {
    match status {
        OperationStatus::Planned => "planned",
        OperationStatus::AwaitingApproval => "awaiting approval",
        OperationStatus::Waiting => "waiting",
        OperationStatus::Running => "running",
        OperationStatus::Retrying => "retrying",
        OperationStatus::Paused => "paused",
        OperationStatus::Unwinding => "unwinding",
        OperationStatus::Succeeded => "succeeded",
        OperationStatus::Failed => "failed",
        OperationStatus::Cancelled => "cancelled",
        OperationStatus::Stuck => "stuck",
    }
}

fn mark(status: OperationStatus) -> char {
    match status {
        OperationStatus::Succeeded => '✓',
        OperationStatus::Failed | OperationStatus::Stuck => '✗',
        OperationStatus::Cancelled => '–',
        OperationStatus::Waiting => '·',
        OperationStatus::Paused | OperationStatus::AwaitingApproval | OperationStatus::Planned => '!',
        OperationStatus::Running | OperationStatus::Retrying | OperationStatus::Unwinding => '▶',
    }
}

fn step_mark(status: StepStatus) -> char {
    match status {
        StepStatus::Waiting => '·',
        StepStatus::InFlight => '▶',
        StepStatus::Unknown => '?',
        StepStatus::Done => '✓',
        StepStatus::Undoing => '◀',
        StepStatus::HalfUndone => '✗',
        StepStatus::Undone => '↶',
    }
}

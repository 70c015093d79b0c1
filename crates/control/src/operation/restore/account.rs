//! The account of a restore: what happened when, what was reached and what was lost, what is kept, what is left to do. Sealed into the
//! vault, so that it outlives the catalog.

use std::fmt::Write as _;

use api::{ApprovalView, PointedView, RunbookReport, RunbookStep};
use async_trait::async_trait;
use jiff::Timestamp;
use ops::{Found, Run};
use serde_json::Value;
use vault::format::sealed::Kind;
use vault::names::Name;

use super::source_of;
use super::swap::Swap;
use crate::error::Result;
use crate::operation::{At, Part};
use crate::report::list;
use crate::{kept, restored, views};

#[derive(Debug)]
pub(super) struct Account;

#[async_trait]
impl Part for Account {
    async fn act(&self, at: &At) -> Result<Value> {
        let report = account(at)?;
        restored::note(at, &report.backup, &report.asked).await?;
        at.daemon.vault.put_json(Kind::Report, &name(at)?, &report).await?;
        views::to_json(&report)
    }

    async fn look(&self, at: &At) -> Result<Found> {
        match at.daemon.vault.get_json::<RunbookReport>(Kind::Report, &name(at)?).await {
            Ok(report) => Ok(Found::Done(views::to_json(&report)?)),
            Err(vault::Error::NotFound(_)) => Ok(Found::NotDone),
            Err(error) => Err(error.into()),
        }
    }
}

pub(super) fn name(at: &At) -> Result<Name> {
    Ok(Name::Report(source_of(at).parse()?, at.id().to_owned()))
}

fn account(at: &At) -> Result<RunbookReport> {
    let (swap, run) = (at.input::<Swap>()?, &at.work.run);
    let beside = run.output("beside");
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let texts = |value: &Value| value.as_array().into_iter().flatten().filter_map(text).collect::<Vec<_>>();
    let ended = at.daemon.host.env.now();
    let mut report = RunbookReport {
        operation: at.id().to_owned(),
        stack: swap.stack.clone(),
        source: source_of(at).to_owned(),
        asked_by: run.head.asked_by.clone(),
        why: run.head.why.clone(),
        approvals: approvals(run),
        waived: run.plan().waived,
        began: run.head.created,
        ended,
        asked: swap.asked.clone(),
        reached: text(&beside["reached"]).unwrap_or_default(),
        reached_commit: swap.plan.last_commit,
        newest_commit: swap.plan.newest_commit,
        commits_lost: swap.plan.commits_after,
        // Another than planned, where that one was damaged.
        backup: text(&beside["backup"]).unwrap_or_else(|| swap.plan.backup.clone()),
        findings: texts(&beside["findings"]),
        snapshot: text(&run.output("snapshot")["id"]),
        no_snapshot: swap.no_snapshot.clone(),
        retired: text(&run.output("cut-over")["retired"]).unwrap_or_default(),
        unserved_seconds: unserved(run, "cut-over"),
        pointed: serde_json::from_value(run.output("point").clone()).unwrap_or_default(),
        steps: steps(run, at.work.step, ended),
        not_covered: texts(&beside["not_covered"])
            .into_iter()
            .filter(|note| !note.contains("listen_addresses"))
            .chain(kept::not_covered(&swap.outside))
            .collect(),
        follow_ups: Vec::new(),
        markdown: String::new(),
    };
    report.follow_ups = follow_ups(&report);
    let not_seen = texts(&run.output("consumers")["not_seen"]);
    report.follow_ups.extend(not_seen.iter().map(|who| format!("{who} was not seen at the new place yet")));
    report.markdown = markdown(&report);
    Ok(report)
}

pub(super) fn approvals(run: &Run) -> Vec<ApprovalView> {
    let view =
        |approval: &ops::Approval| ApprovalView { by: approval.by.clone(), why: approval.why.clone(), at: approval.at };
    run.state.approvals.iter().map(view).collect()
}

pub(super) fn steps(run: &Run, last: usize, now: Timestamp) -> Vec<RunbookStep> {
    let planned = run.plan().steps.iter().zip(&run.state.steps).take(last);
    let step = |(planned, state): (&ops::StepPlan, &ops::StepState)| RunbookStep {
        name: planned.name.clone(),
        what: planned.what.clone(),
        began: state.began.unwrap_or(now),
        ended: state.ended.unwrap_or(now),
        attempts: state.attempts,
    };
    planned.map(step).collect()
}

/// From the first service that was stopped to the end of the step by which the new one serves.
pub(super) fn unserved(run: &Run, served_again: &str) -> Option<f64> {
    let state = |name: &str| {
        let at = run.plan().steps.iter().position(|step| step.name == name)?;
        run.state.steps.get(at)
    };
    let (from, to) = (state("quiesce")?.began?, state(served_again)?.ended?);
    Some(to.duration_since(from).as_secs_f64())
}

/// What is still to be done, by whom it can be done.
fn follow_ups(report: &RunbookReport) -> Vec<String> {
    let mut out = vec![format!(
        "the old cluster is kept as {}: look for rows worth recovering, then let it go with `rekindle retire {}`",
        report.retired, report.operation
    )];
    if let (Some(reached), Some(newest)) = (report.reached_commit, report.newest_commit) {
        let lost = newest.duration_since(reached).as_secs_f64();
        if report.commits_lost > 0 {
            out.push(format!(
                "{} commits of {lost:.0} s are not in the restored cluster: `rekindle clone {} --to latest --timeline …` opens the state before",
                report.commits_lost, report.source
            ));
        }
    }
    out.extend(report.findings.iter().map(|finding| format!("look at: {finding}")));
    out
}

pub(super) fn markdown(report: &RunbookReport) -> String {
    let mut out = String::new();
    let time = |time: Option<Timestamp>| time.map_or_else(|| "not known".to_owned(), |time| time.to_string());
    let lost = report
        .newest_commit
        .zip(report.reached_commit)
        .map(|(newest, reached)| newest.duration_since(reached).as_secs_f64());
    let lost = match report.commits_lost {
        0 => "nothing".to_owned(),
        commits => format!("{} s, {commits} commits", lost.map_or_else(|| "?".to_owned(), |lost| format!("{lost:.3}"))),
    };
    let rows = [
        ("asked for", report.asked.clone()),
        ("asked by", format!("{} at {}{}", report.asked_by, report.began, because(&report.why))),
        ("approved by", approved(report)),
        ("reached", format!("LSN {}", report.reached)),
        ("last commit that is there", time(report.reached_commit)),
        ("newest commit before the restore", time(report.newest_commit)),
        ("lost", lost),
        ("from backup", report.backup.clone()),
        (
            "nobody could write for",
            report.unserved_seconds.map_or_else(|| "?".into(), |seconds| format!("{seconds:.1} s")),
        ),
        ("state before, in the vault", snapshot(report)),
        ("state before, on disk", report.retired.clone()),
        ("over", report.ended.to_string()),
    ];
    let _ = writeln!(
        out,
        "# Restore of {} in its place\n\nOperation {}.\n\n| | |\n|---|---|",
        report.source, report.operation
    );
    for (name, value) in rows {
        let _ = writeln!(out, "| {name} | {value} |");
    }
    let _ = writeln!(out, "\n## Steps\n\n| step | began | s | tries | |\n|---|---|---|---|---|");
    for step in &report.steps {
        let seconds = step.ended.duration_since(step.began).as_secs_f64();
        let _ = writeln!(out, "| {} | {} | {seconds:.2} | {} | {} |", step.name, step.began, step.attempts, step.what);
    }
    let pointed = |one: &PointedView| format!("{}: {} → {}", one.endpoint, one.from, one.to);
    list(&mut out, "Pointed", &report.pointed.iter().map(pointed).collect::<Vec<_>>());
    list(&mut out, "Follow-ups", &report.follow_ups);
    list(&mut out, "Not covered", &report.not_covered);
    out
}

fn approved(report: &RunbookReport) -> String {
    let people: Vec<String> = report.approvals.iter().map(|one| format!("{} at {}", one.by, one.at)).collect();
    match (people.is_empty(), report.waived) {
        (false, _) => people.join(", "),
        (true, true) => "NOBODY, although somebody would have had to: the glass was broken".to_owned(),
        (true, false) => "nobody had to".to_owned(),
    }
}

fn snapshot(report: &RunbookReport) -> String {
    match (&report.snapshot, &report.no_snapshot) {
        (Some(id), _) => id.clone(),
        (None, Some(why)) => format!("not backed up: {why}; its files only"),
        (None, None) => "its files only".to_owned(),
    }
}

fn because(why: &str) -> String {
    if why.is_empty() { String::new() } else { format!(": {why}") }
}

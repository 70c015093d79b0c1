//! The account of a restore: what happened when, what was reached and what was lost, what is kept, what is left to do. Sealed into the
//! vault, so that it outlives the catalog.

use api::{ApprovalView, ObjectivesView, RunbookReport, RunbookStep};
use async_trait::async_trait;
use jiff::Timestamp;
use ops::{Found, Run, Store};
use serde_json::Value;
use vault::backup::catalog::{self, BackupInfo};
use vault::format::sealed::Kind;
use vault::names::Name;

use super::swap::Swap;
use super::{lost, source_of};
use crate::daemon::Daemon;
use crate::error::{Error, Result};
use crate::operation::{At, Part};
use crate::policy::{Policy, Zone};
use crate::report::document::Document;
use crate::{kept, restored, stacks, views};

mod comms;
mod follow_ups;
mod pages;

#[derive(Debug)]
pub(super) struct Account;

#[async_trait]
impl Part for Account {
    async fn act(&self, at: &At) -> Result<Value> {
        let report = account(at).await?;
        restored::note(at, &report.backup, &report.asked).await?;
        at.effect("the restore is noted at its backup")?;
        at.daemon.vault.put_json(Kind::Report, &name(at)?, &report).await?;
        at.effect("the report is sealed in the vault")?;
        views::to_json(&report)
    }

    async fn look(&self, at: &At) -> Result<Found> {
        match at.daemon.vault.get_json::<RunbookReport>(Kind::Report, &name(at)?).await {
            Ok(report) => Ok(Found::Done(views::to_json(&report)?)),
            Err(vault::Error::NotFound(_)) => Ok(Found::Unknown),
            Err(error) => Err(error.into()),
        }
    }
}

pub(super) fn name(at: &At) -> Result<Name> {
    Ok(Name::Report(source_of(at).parse()?, at.id().to_owned()))
}

/// Of an operation that is over.
pub(crate) async fn report(daemon: &Daemon, id: &str) -> Result<RunbookReport> {
    let run = daemon.runs.run(id).await?;
    let run = run.ok_or_else(|| Error::Unknown { what: "operation", name: id.to_owned() })?;
    let (whole, part) = (run.output("report"), &run.output("report")["runbook"]);
    let told = [whole, part].into_iter().find(|report| report["markdown"].is_string() && report["steps"].is_array());
    let report = told.and_then(|report| serde_json::from_value(report.clone()).ok());
    report.ok_or_else(|| Error::Unknown { what: "report of operation", name: id.to_owned() })
}

pub(crate) fn document(report: &RunbookReport) -> Document {
    pages::document(report)
}

async fn account(at: &At) -> Result<RunbookReport> {
    let (swap, run) = (at.input::<Swap>()?, &at.work.run);
    let beside = run.output("beside");
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let policy = stacks::of_source(&at.daemon, source_of(at)).await?.map(|stack| stack.policy).unwrap_or_default();
    let plan = lost::at_the_end(at, &swap).await;
    let ended = at.daemon.host.env.now();
    // Another than planned, where that one was damaged.
    let backup = text(&beside["backup"]).unwrap_or_else(|| plan.backup.clone());
    let mut report = RunbookReport {
        operation: at.id().to_owned(),
        stack: swap.stack.clone(),
        source: source_of(at).to_owned(),
        asked_by: run.head.asked_by.clone(),
        why: run.head.why.clone(),
        approvals: approvals(run),
        waived: run.plan().waived,
        happened: swap.ask.happened,
        detected: swap.ask.detected,
        zone: policy.zone.to_string(),
        began: run.head.created,
        ended,
        asked: swap.asked.clone(),
        reached: text(&beside["reached"]).unwrap_or_default(),
        reached_commit: plan.last_commit,
        newest_commit: plan.newest_commit,
        commits_lost: plan.commits_after,
        rows_lost: plan.rows_lost,
        rows_lost_note: plan.rows_lost_note,
        backup_ended: swap.back_from.is_none().then(|| ended_of(beside).unwrap_or(plan.backup_ended)),
        evidence: evidence(at, &swap, &backup).await?,
        backup,
        findings: texts(&beside["findings"]),
        migrations: migrations(run),
        snapshot: text(&run.output("snapshot")["id"]),
        no_snapshot: swap.no_snapshot.clone(),
        retired: text(&run.output("cut-over")["retired"]).unwrap_or_default(),
        unserved_seconds: unserved(run, "cut-over"),
        unserved_seconds_planned: swap.plan.unserved_seconds,
        objectives: objectives(&policy),
        pointed: serde_json::from_value(run.output("point").clone()).unwrap_or_default(),
        steps: steps(run, at.work.step, ended),
        not_covered: texts(&beside["not_covered"])
            .into_iter()
            // Of a copy alone: here they are as they were.
            .filter(|note| !note.contains("listen_addresses") && !note.contains("outside the data directory"))
            .chain(kept::not_covered(&swap.outside))
            .collect(),
        follow_ups: Vec::new(),
        comms: api::CommsView::default(),
        markdown: String::new(),
    };
    report.follow_ups = follow_ups::follow_ups(&report, run.output("last-log"), swap.lived_on);
    let not_seen = texts(&run.output("consumers")["not_seen"]);
    report.follow_ups.extend(not_seen.iter().map(|who| format!("{who} was not seen at the new place yet")));
    report.comms = comms::comms(&report);
    report.markdown = document(&report).markdown();
    Ok(report)
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(|text| text.as_str().map(str::to_owned)).collect()
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
        seconds_planned: planned.about_ms.map(|about| about as f64 / 1000.0),
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

pub(super) fn objectives(policy: &Policy) -> ObjectivesView {
    let seconds = |length: jiff::SignedDuration| length.as_secs_f64();
    ObjectivesView { rpo_seconds: policy.objectives.rpo.map(seconds), rto_seconds: policy.objectives.rto.map(seconds) }
}

fn ended_of(beside: &Value) -> Option<Timestamp> {
    beside["backup_ended"].as_str()?.parse().ok()
}

/// What drills know of a backup.
pub(super) async fn proof(at: &At, backup: &str) -> Result<String> {
    let backups = catalog::backups(&at.daemon.vault, &source_of(at).parse()?).await?;
    Ok(match catalog::find(&backups, backup) {
        Some(one @ BackupInfo { failed: Some(failed), .. }) if one.has_failed() => {
            format!("the last drill of backup {backup} failed, {failed}")
        }
        Some(BackupInfo { proven: Some(proven), .. }) => format!("backup {backup} was proven by a drill, {proven}"),
        _ => format!("backup {backup} was never proven by a drill"),
    })
}

/// What was looked at, and when the backup was proven last.
async fn evidence(at: &At, swap: &Swap, backup: &str) -> Result<Vec<String>> {
    if swap.back_from.is_some() {
        return Ok(vec!["the cluster that came back is the one that was replaced, not a backup".to_owned()]);
    }
    let proven = proof(at, backup).await?;
    let beside = at.work.run.output("beside");
    let count = |name: &str| beside[name].as_u64().unwrap_or_default();
    let databases = beside["databases"].as_array().map_or(0, Vec::len);
    let looked = format!(
        "before the cut-over {databases} databases answered, with {} relations; {} pages were read, {} of them bad",
        count("relations"),
        count("pages_checked"),
        count("pages_bad"),
    );
    let reached = format!(
        "recovery ended at {}, which is where it was told to end",
        beside["reached"].as_str().unwrap_or("no known position")
    );
    Ok(vec![proven, reached, looked])
}

/// As they stood when nothing was left to migrate.
pub(super) fn migrations(run: &Run) -> Vec<api::MigrationView> {
    let found = ["migrate", "beside"].map(|step| &run.output(step)["migrations"]);
    let known = found.into_iter().find(|migrations| migrations.is_array());
    known.and_then(|known| serde_json::from_value(known.clone()).ok()).unwrap_or_default()
}

/// In which the stack's times are told.
fn zone(report: &RunbookReport) -> Zone {
    report.zone.parse().unwrap_or(Zone::UTC)
}

fn step<'a>(report: &'a RunbookReport, name: &str) -> Option<&'a RunbookStep> {
    report.steps.iter().find(|step| step.name == name)
}

#[cfg(test)]
mod tests;

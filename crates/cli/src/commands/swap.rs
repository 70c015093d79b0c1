//! `rekindle restore NAME --swap`: the cluster in the place of the live one. The plan first; then the operation; then its report.

use std::path::Path;

use api::{RestoreAsk, RestoreMode, RestorePlan, RunbookReport};

use super::restore::{absolute, moment, said, text};
use crate::args::{OpChangeArgs, OpReportArgs, ReportFormat, RestoreArgs, RollbackArgs, WhereArgs};
use crate::failure::{Failure, NOT_ALL_WELL, Outcome, WELL};
use crate::show::runbook;
use crate::surroundings::Surroundings;
use crate::terminal::{agree, note, print, print_json};
use crate::wait;

pub async fn run(args: &RestoreArgs, around: &Surroundings) -> Outcome {
    if let Some(into) = args.into.as_ref().filter(|_| !args.beside) {
        let what = format!("with --swap it goes to where the live cluster lies, not into {}", into.display());
        return Err(Failure::input(what, "leave out --into, or --swap"));
    }
    let client = super::client(around)?;
    let ask = RestoreAsk {
        mode: if args.beside { RestoreMode::Beside } else { RestoreMode::Swap },
        into: into(args)?,
        host: args.host.clone(),
        port: args.place.port,
        delta: args.place.delta,
        tablespaces: args.place.tablespaces.iter().map(|(oid, path)| (*oid, path.display().to_string())).collect(),
        owner: args.place.owner.clone(),
        no_start: args.place.no_start,
        open: args.open,
        copy: args.copy,
        limit: args.limit.unwrap_or(0),
        moment: moment(&args.target, &around.view().now)?,
        consent: super::consent::ask(&args.consent, &args.name, around)?,
        happened: said(args.incident.happened.as_deref(), &around.view().now)?,
        detected: said(args.incident.detected.as_deref(), &around.view().now)?,
    };
    let plan = client.restore_plan(&args.name, &ask).await?;
    let what = in_its_place(&plan);
    if let Some(shown) = agreed(&plan, &what, &args.place, false, around)? {
        return Ok(shown);
    }
    let begun = client.restore(&args.name, &ask).await?;
    if plan.begins.is_some() {
        return super::ops::shown(&begun, around);
    }
    let result = wait::until_over(around, &client, begun).await?;
    show(&wait::read(&result)?, args.place.report.as_deref(), around)
}

fn into(args: &RestoreArgs) -> Result<String, Failure> {
    args.into.as_deref().map_or(Ok(String::new()), |into| text(&absolute(into)?))
}

/// Shows the plan, and asks. An exit code where that was all; what blocks is refused by the daemon, with all of it.
pub(super) fn agreed(
    plan: &RestorePlan,
    what: &str,
    place: &WhereArgs,
    when_alone: bool,
    around: &Surroundings,
) -> Result<Option<u8>, Failure> {
    agreed_to(plan, what, (place.dry_run, place.yes), when_alone, around)
}

fn in_its_place(plan: &RestorePlan) -> String {
    format!("put {} in the place of the live cluster {}", plan.asked, plan.into)
}

fn agreed_to(
    plan: &RestorePlan,
    what: &str,
    (dry_run, yes): (bool, bool),
    when_alone: bool,
    around: &Surroundings,
) -> Result<Option<u8>, Failure> {
    match (around.global.json, dry_run) {
        (true, true) => print_json(plan)?,
        (true, false) => {}
        (false, true) => print(&runbook::plan(plan, &around.view())),
        (false, false) => note(&runbook::plan(plan, &around.view())),
    }
    let is_blocked = plan.findings.iter().any(|finding| finding.severity == "blocks");
    if dry_run {
        return Ok(Some(if is_blocked { NOT_ALL_WELL } else { WELL }));
    }
    if !is_blocked {
        agree(around, what, yes, when_alone)?;
    }
    Ok(None)
}

pub async fn retired(around: &Surroundings) -> Outcome {
    let found = super::client(around)?.retired().await?;
    match around.global.json {
        true => print_json(&found)?,
        false => print(&runbook::retired(&found, &around.view())),
    }
    Ok(WELL)
}

pub async fn retire(args: &OpChangeArgs, around: &Surroundings) -> Outcome {
    let client = super::client(around)?;
    let found = client.retired().await?;
    let kept = found.iter().find(|one| one.operation == args.id);
    if let Some(kept) = kept {
        note(&runbook::retired(std::slice::from_ref(kept), &around.view()));
        if args.dry_run {
            return Ok(WELL);
        }
        agree(around, &format!("remove {} for good", kept.path), args.yes, false)?;
    }
    client.retire(&args.id).await?;
    match around.global.json {
        true => print_json(&serde_json::json!({ "operation": args.id, "removed": true }))?,
        false => print("It is gone. What the vault has of it stays.\n"),
    }
    Ok(WELL)
}

pub async fn rollback(RollbackArgs { change: args, consent }: &RollbackArgs, around: &Surroundings) -> Outcome {
    let client = super::client(around)?;
    let source = client.operation(&args.id).await?.source.unwrap_or_default();
    let ask = super::consent::ask(consent, &source, around)?;
    let plan = client.rollback_plan(&args.id, &ask).await?;
    if let Some(shown) = agreed_to(&plan, &in_its_place(&plan), (args.dry_run, args.yes), false, around)? {
        return Ok(shown);
    }
    let begun = client.rollback(&args.id, &ask).await?;
    if plan.begins.is_some() {
        return super::ops::shown(&begun, around);
    }
    let result = wait::until_over(around, &client, begun).await?;
    show(&wait::read(&result)?, None, around)
}

/// `rekindle report`
pub async fn report(args: &OpReportArgs, around: &Surroundings) -> Outcome {
    let client = super::client(around)?;
    let written = args.format.or_else(|| by_ending(args.out.as_deref()?)).unwrap_or(ReportFormat::Markdown);
    if let Some(path) = &args.out {
        let text = written_as(&client.report(&args.id, written.name()).await?, written)?;
        std::fs::write(path, text).map_err(|error| Failure::file("write", path, error))?;
    }
    let shown = match (around.global.json, args.format) {
        (true, _) => ReportFormat::Json,
        (false, asked) => asked.unwrap_or(ReportFormat::Markdown),
    };
    print(&written_as(&client.report(&args.id, shown.name()).await?, shown)?);
    Ok(WELL)
}

fn by_ending(path: &Path) -> Option<ReportFormat> {
    match path.extension()?.to_str()? {
        "html" | "htm" => Some(ReportFormat::Html),
        "json" => Some(ReportFormat::Json),
        _ => None,
    }
}

/// JSON is written to be read by people too.
fn written_as(answer: &str, format: ReportFormat) -> Result<String, Failure> {
    if format != ReportFormat::Json {
        return Ok(answer.to_owned());
    }
    let wrong = |error| Failure::internal("cannot read the report", error);
    let report: RunbookReport = serde_json::from_str(answer).map_err(wrong)?;
    Ok(serde_json::to_string_pretty(&report).map_err(wrong)? + "\n")
}

fn show(report: &RunbookReport, out: Option<&Path>, around: &Surroundings) -> Outcome {
    if let Some(path) = out {
        let text = match path.extension().is_some_and(|ending| ending == "json") {
            true => {
                serde_json::to_string_pretty(report).map_err(|error| Failure::internal("cannot write JSON", error))?
            }
            false => report.markdown.clone(),
        };
        std::fs::write(path, text).map_err(|error| Failure::file("write", path, error))?;
    }
    match around.global.json {
        true => print_json(report)?,
        false => print(&report.markdown),
    }
    Ok(WELL)
}

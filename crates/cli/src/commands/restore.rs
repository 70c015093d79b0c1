//! `rekindle restore`: the plan, an agreement, the restore, the report. `recover` shares all but who does the work.

use std::path::{Path, PathBuf};

use api::{ConsentAsk, MomentAsk, RestoreAsk, RestoreMode, RestorePlan, RestoreReport, TargetAsk};
use jiff::{Timestamp, Zoned};

use crate::args::{RestoreArgs, TargetArgs, WhereArgs};
use crate::failure::{Failure, NOT_ALL_WELL, Outcome, WELL};
use crate::show::restore;
use crate::surroundings::Surroundings;
use crate::terminal::{agree, note, print, print_json};
use crate::{wait, when};

pub async fn run(args: &RestoreArgs, around: &Surroundings) -> Outcome {
    if super::extract::is_asked(&args.objects) {
        return super::extract::run(args, around).await;
    }
    if args.objects.swap || args.beside {
        return super::swap::run(args, around).await;
    }
    if args.copy || (args.limit.is_some() && !args.open) {
        let what = "--copy is for --swap and --beside, and --limit for what is opened";
        return Err(Failure::input(what, "leave it out, or add --open to --limit"));
    }
    let client = super::client(around)?;
    let asked = ask(&args.target, args.into.as_deref().unwrap_or(Path::new("")), &args.place, &around.view().now)?;
    let consent = super::consent::ask(&args.consent, &args.name, around)?;
    let now = around.view().now;
    let ask = RestoreAsk {
        open: args.open,
        limit: args.limit.unwrap_or(0),
        happened: said(args.incident.happened.as_deref(), &now)?,
        detected: said(args.incident.detected.as_deref(), &now)?,
        consent,
        ..asked
    };
    let plan = client.restore_plan(&args.name, &ask).await?;
    if !go_ahead(&plan, &args.place, around)? {
        return Ok(WELL);
    }
    let begun = client.restore(&args.name, &ask).await?;
    let result = wait::until_over(around, &client, begun).await?;
    finish(&wait::read(&result)?, &args.place, around)
}

pub fn ask(target: &TargetArgs, into: &Path, place: &WhereArgs, now: &Zoned) -> Result<RestoreAsk, Failure> {
    let tablespaces = place.tablespaces.iter().map(|(oid, path)| Ok((*oid, text(path)?)));
    Ok(RestoreAsk {
        moment: moment(target, now)?,
        into: text(&absolute(into)?)?,
        port: place.port,
        delta: place.delta,
        tablespaces: tablespaces.collect::<Result<_, Failure>>()?,
        owner: place.owner.clone(),
        no_start: place.no_start,
        open: false,
        copy: false,
        host: None,
        limit: 0,
        mode: RestoreMode::Into,
        consent: ConsentAsk::default(),
        happened: None,
        detected: None,
    })
}

/// A time that somebody says, where he does.
pub fn said(time: Option<&str>, now: &Zoned) -> Result<Option<Timestamp>, Failure> {
    time.map(|time| when::parse(time, now)).transpose()
}

pub fn moment(target: &TargetArgs, now: &Zoned) -> Result<MomentAsk, Failure> {
    let time = target.time.as_deref().map(|time| when::parse(time, now)).transpose()?.map(TargetAsk::Time);
    let lsn = target.lsn.clone().map(TargetAsk::Lsn);
    let xid = target.xid.map(TargetAsk::Xid);
    let name = target.restore_point.clone().map(TargetAsk::Name);
    let backup = target.backup.clone().map(TargetAsk::Backup);
    let asked = time.or(lsn).or(xid).or(name).or(backup).unwrap_or(TargetAsk::Latest);
    Ok(MomentAsk { target: asked, before: target.before, timeline: target.timeline })
}

/// Shows the plan. False when that was all that was asked for. Writing over a directory that is there needs a person's word.
pub fn go_ahead(plan: &RestorePlan, place: &WhereArgs, around: &Surroundings) -> Result<bool, Failure> {
    match (around.global.json, place.dry_run) {
        (true, true) => print_json(plan)?,
        (true, false) => {}
        (false, true) => print(&restore::plan(plan, &around.view())),
        (false, false) => note(&restore::plan(plan, &around.view())),
    }
    if place.dry_run {
        return Ok(false);
    }
    agree(around, &format!("restore {} into {}", plan.source, plan.into), place.yes, !place.delta)?;
    Ok(true)
}

pub fn finish(report: &RestoreReport, place: &WhereArgs, around: &Surroundings) -> Outcome {
    if let Some(path) = &place.report {
        write(path, report)?;
    }
    match around.global.json {
        true => print_json(report)?,
        false => print(&restore::report(report, &around.view())),
    }
    Ok(if restore::is_well(report) { WELL } else { NOT_ALL_WELL })
}

fn write(path: &Path, report: &RestoreReport) -> Result<(), Failure> {
    let text = match path.extension().is_some_and(|ending| ending == "json") {
        true => serde_json::to_string_pretty(report).map_err(|error| Failure::internal("cannot write JSON", error))?,
        false => report.markdown.clone(),
    };
    std::fs::write(path, text).map_err(|error| Failure::file("write", path, error))
}

/// The daemon stands elsewhere: a relative path means the reader's.
pub(super) fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path).map_err(|error| Failure::file("find", path, error))
}

pub(super) fn text(path: &Path) -> Result<String, Failure> {
    let wrong = || Failure::input(format!("{} is not valid UTF-8", path.display()), "choose another path");
    path.to_str().map(str::to_owned).ok_or_else(wrong)
}

//! Back to what a restore replaced: the same steps, with the cluster that was kept as the successor. What was written since is kept too.

use std::path::PathBuf;

use api::{ConsentAsk, MomentAsk, Operation, RestoreAsk, RestoreMode, RestorePlan, TargetAsk};
use engine::postgres::control_file::ControlFile;
use engine::postgres::opened::Opened;
use engine::postgres::successor::{Succession, read_control, read_fenced_control, same_place};
use engine::postgres::target::written_since;
use ops::Store;
use serde::Deserialize;
use vault::log::read::LogIndex;

use super::moved::Moved;
use super::preflight::{self, Trial};
use super::swap::{Swap, planned, steps, submit};
use super::{lost, pace, promise};
use crate::catalog::RetiredRow;
use crate::daemon::Daemon;
use crate::error::{Error, Result};
use crate::instances::{opened_as, serves::lying_at};
use crate::operation::{By, clone::short_id};
use crate::source::Source;
use crate::{retired, stacks};

/// Nothing is touched. What would be lost is what was written since.
pub(crate) async fn plan(daemon: &Daemon, operation: &str, ask: &ConsentAsk) -> Result<RestorePlan> {
    let (swap, source) = prepared(daemon, operation, ask).await?;
    let mut plan = swap.plan.clone();
    plan.findings = preflight::look(daemon, &source, &swap, None, Trial::Now).await.findings;
    Ok(plan)
}

pub(crate) async fn begin(daemon: &Daemon, operation: &str, ask: &ConsentAsk, by: By) -> Result<Operation> {
    let (mut swap, source) = prepared(daemon, operation, ask).await?;
    let seen = preflight::look(daemon, &source, &swap, None, preflight::trial(&swap)).await;
    seen.refuse()?;
    swap.plan.findings = seen.findings;
    submit(daemon, source.row.name.as_str(), &swap, by).await
}

/// The link by which the server knows its directory, where it is one.
fn called_by(source: &Source, places: &Succession) -> Option<PathBuf> {
    let called = &source.cluster.data_directory;
    let is_link = !places.is_elsewhere() && called != &places.live && same_place(called, &places.live);
    is_link.then(|| called.clone())
}

async fn prepared(daemon: &Daemon, operation: &str, consent: &ConsentAsk) -> Result<(Swap, Source)> {
    let row = retired::of(daemon, operation).await?;
    let source = daemon.source(&row.source)?;
    let in_no_stack = || Error::Ask(format!("{} is in no stack any more", row.source));
    let stack = stacks::of_source(daemon, &row.source).await?.ok_or_else(in_no_stack)?;
    let moved = moved_by(daemon, &row).await?;
    let mut places = places_of(&row, moved.as_ref(), &short_id(daemon));
    places.called = called_by(&source, &places).or(places.called);
    let comes_back = lying_at(daemon, &places.staged).await?;
    let control = match &comes_back {
        Some(name) => {
            let opened = opened_as(daemon, name).await?;
            places.made_in.clone_from(&opened.home);
            control_of_mount(&opened)?
        }
        None => read_fenced_control(&places.staged)?,
    };
    let index = LogIndex::load(&daemon.vault, &source.row.name.parse()?).await?;
    let replaced = read_control(&places.live)?;
    let (newest_commit, commits_after) = written_since(&index, &replaced).await?;
    let asked = format!("what was there before operation {operation}");
    let moment = MomentAsk { target: TargetAsk::Latest, before: false, timeline: None };
    let (mode, into, consent) = (RestoreMode::Swap, row.path.clone(), consent.clone());
    let ask = RestoreAsk { mode, into, consent, ..RestoreAsk::of(moment) };
    let mut plan = RestorePlan {
        source: row.source.clone(),
        asked: asked.clone(),
        backup: String::new(),
        backup_label: None,
        backup_ended: daemon.host.env.now(),
        timeline: control.checkpoint.timeline,
        reached: control.checkpoint_lsn.to_string(),
        last_commit: row.since.parse().ok(),
        newest_commit,
        commits_after,
        rows_lost: Vec::new(),
        rows_lost_note: None,
        bytes: 0,
        log_bytes: 0,
        major: control.major().unwrap_or_default(),
        into: places.place().display().to_string(),
        steps: Vec::new(),
        findings: Vec::new(),
        approvals: 0,
        waived: false,
        begins: None,
        seconds: None,
        unserved_seconds: None,
    };
    let no_snapshot = promise::consented(daemon, &stack, &row.source, &ask.consent, &mut plan).await?;
    let (back_from, gaps) = (Some(row.operation.clone()), daemon.catalog.gaps(&row.source).await?.len());
    let mut swap = Swap {
        stack: stack.name,
        outside: stack.outside,
        ask,
        asked,
        places,
        plan,
        moved,
        back_from,
        no_snapshot,
        gaps,
        lived_on: None,
        comes_back,
    };
    swap.plan.steps = steps(&swap, &row.source).into_iter().map(planned).collect();
    pace::fill(daemon, &row.source, false, &mut swap.plan).await?;
    lost::fill_since(&index, &source, &replaced, &mut swap.plan).await;
    Ok((swap, source))
}

/// What is kept takes the place of what serves now, or serves where it lies.
fn places_of(row: &RetiredRow, moved: Option<&Moved>, id: &str) -> Succession {
    match moved {
        None => Succession::back(row.live.as_ref(), row.path.as_ref(), id),
        Some(moved) => Succession::elsewhere(moved.from.data_directory.as_ref(), row.path.as_ref(), id),
    }
}

/// Of a mount, which need not be served for it: what is local of it tells. Unmounted it is an empty place where no server starts, and so it
/// may never have been fenced.
fn control_of_mount(opened: &Opened) -> Result<ControlFile> {
    let skeleton = opened.process().map(|process| process.skeleton());
    let files = skeleton.as_deref().unwrap_or(&opened.instance.data_directory);
    Ok(read_fenced_control(files).or_else(|_| read_control(files))?)
}

/// Of a restore to another place: the way back.
async fn moved_by(daemon: &Daemon, row: &RetiredRow) -> Result<Option<Moved>> {
    if row.path != row.live {
        return Ok(None);
    }
    let run = daemon.runs.run(&row.operation).await?;
    let run = run.ok_or_else(|| Error::Unknown { what: "operation", name: row.operation.clone() })?;
    let swap = Swap::deserialize(&run.head.plan.input);
    let moved = swap.ok().and_then(|swap| swap.moved);
    let there = moved.filter(|moved| moved.from.data_directory == row.path);
    Ok(Some(there.ok_or_else(|| Error::Ask(format!("operation {} did not move {}", row.operation, row.path)))?.back()))
}

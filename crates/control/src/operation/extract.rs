//! Single databases or tables of a moment, as an operation: the moment is opened, they are put beside the live ones, and on request in
//! their place.

use std::path::PathBuf;
use std::sync::Arc;

use api::{
    ExtractAsk, ExtractReport, InstanceKind, Operation, OperationKind, RestoreAsk, RestoreReport, RowsView, StepSeconds,
};
use async_trait::async_trait;
use engine::postgres::extract::{self, Extracted, Extraction, TableName};
use engine::postgres::target::Resolved;
use engine::postgres::wire::Conninfo;
use ops::Retry;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::clone::short_id;
use super::restore::{Restorer, resolved};
use super::{At, By, Part, Table, Watch, input, step, submit_with};
use crate::daemon::Daemon;
use crate::error::{Error, Result};
use crate::instances::{self, Wanted};
use crate::views;

const JOBS: usize = 4;

pub(super) fn table() -> Table {
    Table { kind: OperationKind::Extract, parts: vec![("extract", Arc::new(ExtractIt))] }
}

#[derive(Debug, Serialize, Deserialize)]
struct Input {
    wanted: Wanted,
    ask: ExtractAsk,
}

pub(crate) async fn begin(daemon: &Daemon, name: &str, ask: ExtractAsk, by: By) -> Result<Operation> {
    let source = daemon.source(name)?;
    tables(&ask)?;
    let waive = super::restore::waives(name, &ask.consent)?;
    let into = ask.into.clone().unwrap_or_else(|| format!("{}_restored", ask.database));
    if into == ask.database {
        return Err(Error::Ask(format!("{into} is the live one: name another with --into")));
    }
    let restore = RestoreAsk { owner: ask.owner.clone(), ..RestoreAsk::of(ask.moment.clone()) };
    let called = format!("extract-{}", short_id(daemon));
    let wanted = Wanted::below(daemon, &called, InstanceKind::Extract, &source.cluster.source, restore)?;
    let resolved = resolved(daemon, &wanted.source, &wanted.ask).await?;
    let wanted = Wanted { ask: instances::at_the_same_moment(&wanted.ask, &resolved), ..wanted };
    // Not tried again by itself: what a try has left in the live cluster is for a person to look at.
    let what = format!("open {}, and restore {into} from it beside the live one", resolved.asked);
    let steps = vec![ops::StepPlan { retry: Retry::ONCE, ..step("extract", &what) }];
    let input = input(&Input { wanted, ask: ExtractAsk { into: Some(into), ..ask } })?;
    let kind = OperationKind::Extract;
    submit_with(daemon, super::Wanted { kind, source: Some(name), alone: None, input, steps }, by, waive).await
}

fn tables(ask: &ExtractAsk) -> Result<Vec<TableName>> {
    Ok(ask.tables.iter().map(|name| TableName::parse(name)).collect::<engine::Result<Vec<_>>>()?)
}

/// What is there already under the new name is refused, also when an earlier try of this one has made it.
#[derive(Debug)]
struct ExtractIt;

#[async_trait]
impl Part for ExtractIt {
    async fn act(&self, at: &At) -> Result<Value> {
        let Input { wanted, ask } = at.input()?;
        let daemon = at.daemon.clone();
        let source = daemon.source(at.work.run.head.subject.as_deref().unwrap_or_default())?;
        let resolved = Restorer::of(&daemon).resolve(&wanted.source, &wanted.ask, None).await?;
        let (tables, into) = (tables(&ask)?, ask.into.clone().unwrap_or_default());
        let live = source.cluster.conninfo.clone();
        let work = Extract { daemon, wanted, resolved, live, ask, tables, into };
        views::to_json(&Box::pin(work.run(&at.watch)).await?)
    }
}

struct Extract {
    daemon: Daemon,
    wanted: Wanted,
    resolved: Resolved,
    live: Conninfo,
    ask: ExtractAsk,
    tables: Vec<TableName>,
    into: String,
}

impl Extract {
    async fn run(&self, watch: &Arc<Watch>) -> Result<ExtractReport> {
        let opened = Box::pin(instances::open(&self.daemon, &self.wanted, &self.resolved, watch)).await?;
        let extracted = self.extract(watch).await;
        watch.step("close");
        instances::remove(&self.daemon, &self.wanted.name).await?;
        let mut report = self.report(&opened, extracted?);
        if self.ask.swap {
            watch.step("swap");
            self.swap(&mut report).await?;
        }
        Ok(report)
    }

    async fn extract(&self, watch: &Watch) -> Result<Extracted> {
        let opened = instances::opened_as(&self.daemon, &self.wanted.name).await?;
        let steps = |step: &str| watch.step(step);
        let workdir = PathBuf::from(&self.wanted.ask.into).with_file_name("work");
        crate::init::make_folder(&workdir)?;
        let extraction = Extraction {
            instance: &opened.instance,
            live: &self.live,
            jobs: JOBS,
            workdir: &workdir,
            env: &self.daemon.host.env,
            progress: &watch.progress,
            steps: &steps,
        };
        Ok(match self.tables.is_empty() {
            true => extract::extract_database(&extraction, &self.ask.database, &self.into).await?,
            false => extract::extract_tables(&extraction, &self.ask.database, &self.tables, &self.into).await?,
        })
    }

    /// A swap that is refused leaves what was restored beside the live one.
    async fn swap(&self, report: &mut ExtractReport) -> Result<()> {
        let suffix = self.daemon.host.env.now().strftime("%Y%m%d%H%M%S").to_string();
        let database = &self.ask.database;
        if self.tables.is_empty() {
            let keep_as = format!("{database}_before_{suffix}");
            let swapped = extract::swap_database(&self.live, database, &self.into, &keep_as).await?;
            report.kept_as = Some(swapped.kept_as);
        } else {
            let swapped = extract::swap_tables(&self.live, database, &self.tables, &self.into, &suffix).await?;
            report.kept_as = Some(swapped.kept_in.join(", "));
            report.not_there = swapped.not_there;
        }
        Ok(())
    }

    fn report(&self, opened: &RestoreReport, extracted: Extracted) -> ExtractReport {
        let step = |(step, seconds): (String, f64)| StepSeconds { step, seconds };
        let opening = opened.durations.last().map_or(0.0, |total| total.seconds);
        let opening = StepSeconds { step: "opening".into(), seconds: opening };
        ExtractReport {
            source: self.wanted.source.to_string(),
            asked: self.resolved.asked.clone(),
            reached: opened.reached.clone(),
            reached_commit: opened.reached_commit,
            what: extracted.what,
            into: extracted.into,
            tables: extracted.tables.into_iter().map(|table| RowsView { name: table.name, rows: table.rows }).collect(),
            bytes: extracted.bytes,
            roles_created: extracted.roles_created,
            harmless: extracted.harmless,
            left_out: extracted.left_out,
            kept_as: None,
            not_there: Vec::new(),
            durations: std::iter::once(opening).chain(extracted.durations.0.into_iter().map(step)).collect(),
        }
    }
}

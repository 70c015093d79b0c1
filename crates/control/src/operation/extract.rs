//! Single databases or tables of a moment, put beside the live ones, as an operation. In the place of the live ones they go by
//! `restore::object`.

use std::path::PathBuf;
use std::sync::Arc;

use api::{
    ExtractAsk, ExtractReport, FindingView, InstanceKind, Operation, OperationKind, RestoreAsk, RestorePlan,
    RestoreReport, RowsView, StepSeconds,
};
use async_trait::async_trait;
use engine::postgres::extract::{self, Extracted, Extraction, Look, Made, PAST_EVENT_TRIGGERS, TableName};
use engine::postgres::quote::name_with;
use engine::postgres::target::Resolved;
use engine::postgres::wire::Conninfo;
use ops::{Retry, StepPlan};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::clone::short_id;
use super::restore::{Backups, object, planned, resolved};
use super::{At, By, Part, Table, Watch, input, step, submit_with};
use crate::daemon::Daemon;
use crate::error::{Error, Result};
use crate::instances::{self, Wanted};
use crate::{approvals, views};

const JOBS: usize = 4;

pub(super) fn table() -> Table {
    let beside: Arc<dyn Part> = Arc::new(ExtractIt);
    let parts = std::iter::once(("extract", beside)).chain(object::parts()).collect();
    Table { kind: OperationKind::Extract, parts }
}

#[derive(Debug, Serialize, Deserialize)]
struct Input {
    wanted: Wanted,
    ask: ExtractAsk,
}

/// Nothing is touched.
pub(crate) async fn plan(daemon: &Daemon, name: &str, ask: ExtractAsk) -> Result<RestorePlan> {
    if ask.swap {
        return object::plan(daemon, name, &ask).await;
    }
    let Prepared { input, resolved, waive, event_triggers } = prepared(daemon, name, ask).await?;
    let source = input.wanted.source.clone();
    let mut plan = views::plan(&source, &input.wanted.ask, &resolved);
    let needed = approvals::needed(daemon, OperationKind::Extract, Some(name)).await?;
    (plan.waived, plan.approvals) = if waive { (needed > 0, 0) } else { (false, needed) };
    plan.asked.clone_from(&resolved.asked);
    plan.into = format!("{} of the live server", input.ask.into.clone().unwrap_or_default());
    plan.steps = steps(&input, &resolved).into_iter().map(planned).collect();
    plan.findings = event_triggers.into_iter().map(|trigger| may_forbid(&trigger)).collect();
    Ok(plan)
}

pub(crate) async fn begin(daemon: &Daemon, name: &str, ask: ExtractAsk, by: By) -> Result<Operation> {
    if ask.swap {
        return object::begin(daemon, name, &ask, by).await;
    }
    let Prepared { input: asked, resolved, waive, .. } = prepared(daemon, name, ask).await?;
    let (steps, input) = (steps(&asked, &resolved), input(&asked)?);
    let kind = OperationKind::Extract;
    submit_with(daemon, super::Wanted { kind, source: Some(name), alone: None, input, steps }, by, waive).await
}

struct Prepared {
    input: Input,
    resolved: Resolved,
    waive: bool,
    /// Of the live database, which act on what is made in it.
    event_triggers: Vec<String>,
}

/// A warning of an event trigger.
pub(super) fn may_forbid(trigger: &str) -> FindingView {
    FindingView::of_host("warns", format!("{trigger} is enabled"), PAST_EVENT_TRIGGERS.to_owned(), None)
}

async fn prepared(daemon: &Daemon, name: &str, ask: ExtractAsk) -> Result<Prepared> {
    let source = daemon.source(name)?;
    tables(&ask)?;
    let waive = super::restore::waives(name, &ask.consent)?;
    let into = ask.into.clone().unwrap_or_else(|| name_with(&ask.database, "_restored"));
    let live = &source.cluster.conninfo;
    let look = match ask.tables.is_empty() {
        true if into == ask.database && extract::has_database(live, &into).await? => {
            return Err(Error::Ask(format!("{into} is the live one: name another with --into")));
        }
        true => Look::Database(&into),
        false => Look::Tables { database: &ask.database, schema: &into },
    };
    extract::check_rights(live, &ask.database, &ask.tables).await?;
    let event_triggers = extract::look_before(live, look).await?;
    let restore = RestoreAsk { owner: ask.owner.clone(), ..RestoreAsk::of(ask.moment.clone()) };
    let called = format!("extract-{}", short_id(daemon));
    let wanted = Wanted::below(daemon, &called, InstanceKind::Extract, &source.cluster.source, restore)?;
    let resolved = resolved(daemon, &wanted.source, &wanted.ask).await?;
    let wanted = Wanted { ask: instances::at_the_same_moment(&wanted.ask, &resolved), ..wanted };
    let input = Input { wanted, ask: ExtractAsk { into: Some(into), ..ask } };
    Ok(Prepared { input, resolved, waive, event_triggers })
}

/// Not tried again by itself: what a try has left in the live cluster is for a person to look at.
fn steps(asked: &Input, resolved: &Resolved) -> Vec<StepPlan> {
    let into = asked.ask.into.as_deref().unwrap_or_default();
    let what = format!("open {}, and restore {into} from it beside the live one", resolved.asked);
    vec![StepPlan { retry: Retry::ONCE, ..step("extract", &what) }]
}

pub(super) fn tables(ask: &ExtractAsk) -> Result<Vec<TableName>> {
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
        let (tables, into) = (tables(&ask)?, ask.into.clone().unwrap_or_default());
        let live = source.cluster.conninfo.clone();
        let mut backups = Backups::of(at, &wanted.source, &wanted.ask);
        let resolved = backups.next().await?;
        let mut work = Extract { daemon, resolved, wanted, live, ask, tables, into, takes_place: false };
        loop {
            match Box::pin(work.run(&at.watch)).await {
                Err(error) => backups.pass_over(&work.resolved, error)?,
                Ok((report, _)) => return views::to_json(&report),
            }
            work.resolved = backups.next().await?;
        }
    }
}

pub(super) struct Extract {
    pub(super) daemon: Daemon,
    pub(super) wanted: Wanted,
    pub(super) resolved: Resolved,
    pub(super) live: Conninfo,
    pub(super) ask: ExtractAsk,
    pub(super) tables: Vec<TableName>,
    pub(super) into: String,
    /// Whether it is to take the place of the live one.
    pub(super) takes_place: bool,
}

impl Extract {
    pub(super) async fn run(&self, watch: &Arc<Watch>) -> Result<(ExtractReport, Made)> {
        let opened = Box::pin(instances::open(&self.daemon, &self.wanted, &self.resolved, watch)).await?;
        let extracted = match Box::pin(self.extract(watch)).await {
            Err(error) => Err(self.blame(error).await),
            done => done,
        };
        watch.step("close");
        instances::remove(&self.daemon, &self.wanted.name).await?;
        let extracted = extracted?;
        let made = extracted.made.clone();
        Ok((self.report(&opened, extracted), made))
    }

    /// A server whose pages cannot be had says an I/O error; that it is the backup's is known to the mount.
    async fn blame(&self, error: Error) -> Error {
        let failures = instances::failures(&self.daemon, &self.wanted.name).await.unwrap_or(0);
        if failures == 0 {
            return error;
        }
        let what = format!("{failures} times a page could not be had from the vault: {}", error.body().told());
        engine::Error::Mount(engine::mount::Error::Damaged { home: self.wanted.ask.into.clone(), what }).into()
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
            takes_place: self.takes_place,
        };
        Ok(match self.tables.is_empty() {
            true => Box::pin(extract::extract_database(&extraction, &self.ask.database, &self.into)).await?,
            false => {
                Box::pin(extract::extract_tables(&extraction, &self.ask.database, &self.tables, &self.into)).await?
            }
        })
    }

    fn report(&self, opened: &RestoreReport, extracted: Extracted) -> ExtractReport {
        let step = |(step, seconds): (String, f64)| StepSeconds { step, seconds };
        let opening = opened.durations.last().map_or(0.0, |total| total.seconds);
        let opening = StepSeconds { step: "opening".into(), seconds: opening };
        ExtractReport {
            source: self.wanted.source.to_string(),
            asked: self.resolved.asked.clone(),
            backup: opened.backup.clone(),
            backup_ended: Some(opened.backup_ended),
            reached: opened.reached.clone(),
            reached_commit: opened.reached_commit,
            what: extracted.what,
            into: extracted.into,
            tables: extracted.tables.into_iter().map(|table| RowsView { name: table.name, rows: table.rows }).collect(),
            bytes: extracted.bytes,
            roles_created: extracted.roles_created,
            harmless: extracted.harmless,
            attention: extracted.attention,
            left_out: extracted.left_out,
            kept_as: None,
            not_there: Vec::new(),
            durations: std::iter::once(opening).chain(extracted.durations.0.into_iter().map(step)).collect(),
            runbook: None,
        }
    }
}

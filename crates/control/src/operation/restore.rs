//! A restore beside the live cluster, as an operation; and its plan.

use std::path::Path;
use std::sync::Arc;

use api::{InstanceKind, MomentAsk, Operation, OperationKind, RestoreAsk, RestorePlan, RestoreReport, TargetAsk};
use async_trait::async_trait;
use engine::postgres::opened::end_copy;
use engine::postgres::restore::is_complete;
use engine::postgres::restore::{Purpose, RestoreRequest, restore};
use engine::postgres::target::{Request, Resolved, Target, resolve};
use jiff::Timestamp;
use ops::Found;
use serde_json::Value;
use vault::Vault;
use vault::backup::catalog;
use vault::names::SourceName;

use super::{At, By, Part, Table, Watch, input, step, submit};
use crate::daemon::{Daemon, unknown};
use crate::error::{Error, Result};
use crate::host::Host;
use crate::instances::{self, Wanted};
use crate::{report, views};

/// What both the daemon and `recover` restore with.
#[derive(Debug, Clone)]
pub(crate) struct Restorer {
    pub(crate) vault: Vault,
    pub(crate) host: Host,
    pub(crate) workers: usize,
    pub(crate) server_programs: Vec<std::path::PathBuf>,
}

impl Restorer {
    pub(crate) fn of(daemon: &Daemon) -> Restorer {
        Restorer {
            vault: daemon.vault.clone(),
            host: daemon.host.clone(),
            workers: daemon.config.backup.workers,
            server_programs: daemon.config.server_programs.clone(),
        }
    }

    /// Resolves the target, or refuses; nothing is touched.
    pub(crate) async fn resolve(&self, source: &SourceName, ask: &RestoreAsk, live: Live) -> Result<Resolved> {
        let MomentAsk { target: asked, before, timeline } = &ask.moment;
        let request = Request { target: target(asked)?, exclusive: *before, timeline: *timeline, complete_at: live };
        Ok(resolve(&self.vault, source, &request).await?)
    }

    pub(crate) async fn run(
        &self,
        source: &SourceName,
        ask: &RestoreAsk,
        resolved: &Resolved,
        watch: &Arc<Watch>,
    ) -> Result<RestoreReport> {
        let request = request(ask, self)?;
        let steps = |step: &str| watch.step(step);
        let restored = restore(&self.vault, source, resolved, &request, &watch.progress, &steps).await?;
        Ok(report::of_restore(&restored, self.host.env.now()))
    }
}

/// What the live receiver knows beyond the vault's own words.
pub(crate) type Live = Option<(engine::postgres::Lsn, Timestamp)>;

/// Resolves what somebody asks the daemon for. A backup that is named and not there is refused with what became of it.
pub(crate) async fn resolved(daemon: &Daemon, source: &SourceName, ask: &RestoreAsk) -> Result<Resolved> {
    let resolved = Restorer::of(daemon).resolve(source, ask, live(daemon, source.as_str())).await;
    if let (Err(Error::Engine(engine::Error::Unreachable { .. })), TargetAsk::Backup(wanted)) =
        (&resolved, &ask.moment.target)
    {
        let why = super::backup::why_absent(daemon, source.as_str(), wanted).await?;
        if let Some(why) = why {
            return Err(Error::NotRestorable { backup: wanted.clone(), why });
        }
    }
    resolved
}

pub(crate) async fn plan(daemon: &Daemon, name: &str, ask: &RestoreAsk) -> Result<RestorePlan> {
    let source = known(daemon, name).await?;
    let resolved = resolved(daemon, &source, ask).await?;
    Ok(views::plan(&source, ask, &resolved))
}

pub(super) fn table() -> Table {
    Table { kind: OperationKind::Restore, parts: vec![("restore", Arc::new(Copy)), ("open", Arc::new(Open))] }
}

pub(crate) async fn begin(daemon: &Daemon, name: &str, ask: RestoreAsk, by: By) -> Result<Operation> {
    let source = known(daemon, name).await?;
    let restorer = Restorer::of(daemon);
    // Refused here, before there is an operation, when it cannot be reached.
    let resolved = resolved(daemon, &source, &ask).await?;
    request(&ask, &restorer)?;
    if ask.open {
        return open(daemon, source, ask, &resolved, by).await;
    }
    let ask = instances::at_the_same_moment(&ask, &resolved);
    let steps =
        vec![step("restore", &format!("copy {} into {}, replay its log, and verify it", resolved.asked, ask.into))];
    let (kind, alone) = (OperationKind::Restore, Some(format!("into {}", ask.into)));
    submit(daemon, super::Wanted { kind, source: Some(name), alone, input: input(&ask)?, steps }, by).await
}

/// Into a directory of its own. What a try has left half made there is used by the next; what was complete is never touched again.
#[derive(Debug)]
struct Copy;

/// What a restore came to, beside the files: should the daemon end before it could say so.
const REPORT: &str = "rekindle.report.json";

#[async_trait]
impl Part for Copy {
    async fn act(&self, at: &At) -> Result<Value> {
        let (restorer, mut ask) = (Restorer::of(&at.daemon), at.input::<RestoreAsk>()?);
        let source: SourceName = at.work.run.head.subject.as_deref().unwrap_or_default().parse()?;
        let resolved = restorer.resolve(&source, &ask, None).await?;
        let into = Path::new(&ask.into);
        if at.is_again() && is_complete(into) == Some(false) {
            end_copy(into).await?;
            ask.delta = true;
        }
        let report = views::to_json(&restorer.run(&source, &ask, &resolved, &at.watch).await?)?;
        let path = into.join(REPORT);
        std::fs::write(&path, report.to_string()).map_err(|e| Error::file("write", &path, e))?;
        Ok(report)
    }

    async fn look(&self, at: &At) -> Result<Found> {
        let ask: RestoreAsk = at.input()?;
        if is_complete(Path::new(&ask.into)) != Some(true) || ask.delta {
            return Ok(Found::NotDone);
        }
        let report = std::fs::read(Path::new(&ask.into).join(REPORT)).ok();
        Ok(Found::Done(report.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()))
    }
}

/// The same, usable at once: until all of it is fetched it is an instance that is looked after.
#[derive(Debug)]
struct Open;

#[async_trait]
impl Part for Open {
    async fn act(&self, at: &At) -> Result<Value> {
        let wanted: Wanted = at.input()?;
        let resolved = Restorer::of(&at.daemon).resolve(&wanted.source, &wanted.ask, None).await?;
        views::to_json(&Box::pin(instances::open(&at.daemon, &wanted, &resolved, &at.watch)).await?)
    }

    async fn look(&self, at: &At) -> Result<Found> {
        let wanted: Wanted = at.input()?;
        Ok(match instances::report_of(&at.daemon, &wanted.name).await? {
            Some(report) => Found::Done(report),
            None => Found::NotDone,
        })
    }
}

async fn open(daemon: &Daemon, source: SourceName, ask: RestoreAsk, resolved: &Resolved, by: By) -> Result<Operation> {
    if ask.no_start {
        return Err(Error::Ask("a restore that is opened at once has a server: leave out one of the two".into()));
    }
    let name = format!("restore-{}", super::clone::short_id(daemon));
    let (source_name, ask) = (source.to_string(), instances::at_the_same_moment(&ask, resolved));
    let steps = vec![step("open", &format!("open {} in {}, and fetch the rest behind", resolved.asked, ask.into))];
    let wanted = Wanted { name, kind: InstanceKind::Restore, source, ask, ttl_seconds: None, quota_bytes: None };
    let (kind, alone) = (OperationKind::Restore, Some(format!("into {}", wanted.ask.into)));
    let input = input(&wanted)?;
    submit(daemon, super::Wanted { kind, source: Some(&source_name), alone, input, steps }, by).await
}

/// What is not protected any more can be restored for as long as the vault holds it.
pub(crate) async fn known(daemon: &Daemon, name: &str) -> Result<SourceName> {
    let source: SourceName = name.parse()?;
    let known = daemon.has_source(name) || catalog::sources(&daemon.vault).await?.contains(&source);
    if known { Ok(source) } else { Err(unknown(name)) }
}

pub(crate) fn live(daemon: &Daemon, name: &str) -> Live {
    let state = daemon.source(name).ok()?.receiver.state();
    state.complete_at.map(|time| (state.durable, time))
}

fn target(ask: &TargetAsk) -> Result<Target> {
    Ok(match ask {
        TargetAsk::Latest => Target::Latest,
        TargetAsk::Time(time) => Target::Time(*time),
        TargetAsk::Lsn(text) => Target::Lsn(
            text.parse().map_err(|_| Error::Ask(format!("{text:?} is not a log position such as 16/B374D848")))?,
        ),
        TargetAsk::Xid(xid) => Target::Xid(*xid),
        TargetAsk::Name(name) => Target::Name(name.clone()),
        TargetAsk::Backup(id) => Target::Backup(id.clone()),
    })
}

pub(crate) fn request(ask: &RestoreAsk, restorer: &Restorer) -> Result<RestoreRequest> {
    let into = std::path::PathBuf::from(&ask.into);
    if !into.is_absolute() {
        return Err(Error::Ask(format!("{:?} is not an absolute path", ask.into)));
    }
    Ok(RestoreRequest {
        into,
        port: ask.port,
        delta: ask.delta,
        tablespaces: ask.tablespaces.iter().map(|(oid, path)| (*oid, path.into())).collect(),
        binaries: restorer.server_programs.clone(),
        owner: ask.owner.clone(),
        workers: restorer.workers,
        program: restorer.host.program.clone(),
        start: !ask.no_start,
        purpose: Purpose::Restore,
        mount: None,
    })
}

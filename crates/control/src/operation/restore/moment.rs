//! Which moment: what somebody asks for, resolved or refused before anything is touched.

use std::sync::Arc;

use api::{MomentAsk, RestoreAsk, RestoreReport, TargetAsk};
use engine::postgres::restore::{Purpose, RestoreRequest, restore};
use engine::postgres::target::{Complete, Request, Resolved, Target, resolve};
use vault::Vault;
use vault::backup::catalog;
use vault::backup::read::BackupReader;
use vault::names::SourceName;

use crate::Kind;
use crate::daemon::{Daemon, unknown};
use crate::error::{Error, Result};
use crate::host::Host;
use crate::operation::{At, Watch, backup};
use crate::report;

/// What fails with so many backups is not theirs.
const BACKUPS_TRIED: usize = 3;

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
        let request = Request { complete_at: live, ..target_of(ask)? };
        Ok(resolve(&self.vault, source, &request).await?)
    }

    pub(crate) async fn run(
        &self,
        source: &SourceName,
        ask: &RestoreAsk,
        resolved: &Resolved,
        operation: Option<&str>,
        watch: &Arc<Watch>,
    ) -> Result<RestoreReport> {
        let request = RestoreRequest { operation: operation.map(str::to_owned), ..request(ask, self)? };
        let steps = |step: &str| watch.step(step);
        let restored = restore(&self.vault, source, resolved, &request, &watch.progress, &steps).await?;
        Ok(report::of_restore(&restored, self.host.env.now()))
    }
}

/// The backups that lead to a moment, the best first. One that turns out to be damaged is no end: the log leads to the same moment from the
/// one before it.
#[derive(Debug)]
pub(in crate::operation) struct Backups<'a> {
    at: &'a At,
    source: SourceName,
    ask: RestoreAsk,
    passed_over: Vec<String>,
    first: Option<Error>,
}

impl<'a> Backups<'a> {
    pub(in crate::operation) fn of(at: &'a At, source: &SourceName, ask: &RestoreAsk) -> Backups<'a> {
        Backups { at, source: source.clone(), ask: ask.clone(), passed_over: Vec::new(), first: None }
    }

    /// The next that has all of its packs. Refuses with what was wrong with the first when there is none.
    pub(in crate::operation) async fn next(&mut self) -> Result<Resolved> {
        let vault = &self.at.daemon.vault;
        loop {
            let asked = target_of(&self.ask)?;
            let complete_at = live(&self.at.daemon, self.source.as_str(), &asked.target).await;
            let request = Request { except: self.passed_over.clone(), complete_at, ..asked };
            let resolved = match resolve(vault, &self.source, &request).await {
                Ok(resolved) => resolved,
                Err(error) => return Err(self.first.take().unwrap_or(error.into())),
            };
            let looked =
                async { BackupReader::open(vault, &self.source, &resolved.backup.id).await?.must_be_whole().await };
            match looked.await {
                Ok(()) => return Ok(resolved),
                Err(error) => self.pass_over(&resolved, error.into())?,
            }
        }
    }

    /// In the report of what was made of the last one: that it is not the best one, and why.
    pub(in crate::operation) fn told(&self, mut report: serde_json::Value) -> serde_json::Value {
        if let (Some(first), Some(findings)) = (&self.first, report["findings"].as_array_mut()) {
            let (ids, why) = (self.passed_over.join(", "), first.body().told());
            findings.push(format!("backup {ids} could not be used, and the one before it was: {why}").into());
        }
        report
    }

    /// It was tried, and could not be used. Any other failure than damage is not the backup's.
    pub(in crate::operation) fn pass_over(&mut self, resolved: &Resolved, error: Error) -> Result<()> {
        if error.kind() != Kind::Damaged || self.passed_over.len() + 1 >= BACKUPS_TRIED {
            return Err(self.first.take().unwrap_or(error));
        }
        let (id, told) = (resolved.backup.id.to_string(), error.body().told());
        self.at.work.warn(format!("backup {id} cannot be used, and the one before it is tried: {told}"));
        self.passed_over.push(id);
        self.first.get_or_insert(error);
        Ok(())
    }
}

/// What the live receiver knows beyond the vault's own words.
pub(crate) type Live = Option<Complete>;

/// Resolves what somebody asks the daemon for. A backup that is named and not there is refused with what became of it.
pub(crate) async fn resolved(daemon: &Daemon, source: &SourceName, ask: &RestoreAsk) -> Result<Resolved> {
    let live = live(daemon, source.as_str(), &target(&ask.moment.target)?).await;
    let resolved = Restorer::of(daemon).resolve(source, ask, live).await;
    if let (Err(Error::Engine(engine::Error::Unreachable { .. })), TargetAsk::Backup(wanted)) =
        (&resolved, &ask.moment.target)
    {
        let why = backup::why_absent(daemon, source.as_str(), wanted).await?;
        if let Some(why) = why {
            return Err(Error::NotRestorable { backup: wanted.clone(), why });
        }
    }
    resolved
}

/// What is not protected any more can be restored for as long as the vault holds it.
pub(crate) async fn known(daemon: &Daemon, name: &str) -> Result<SourceName> {
    let source: SourceName = name.parse()?;
    let known = daemon.has_source(name) || catalog::sources(&daemon.vault).await?.contains(&source);
    if known { Ok(source) } else { Err(unknown(name)) }
}

/// A server that is quiet is asked whether there is more when a time is wanted of which that is not known.
pub(crate) async fn live(daemon: &Daemon, name: &str, target: &Target) -> Live {
    let receiver = daemon.source(name).ok()?.receiver;
    if let Target::Time(time) = target
        && *time <= daemon.host.env.now()
    {
        receiver.hear_of(*time).await;
    }
    receiver.state().complete()
}

/// The same for what is asked for.
pub(crate) async fn live_for(daemon: &Daemon, source: &SourceName, ask: &RestoreAsk) -> Result<Live> {
    Ok(live(daemon, source.as_str(), &target(&ask.moment.target)?).await)
}

fn target_of(ask: &RestoreAsk) -> Result<Request> {
    let MomentAsk { target: asked, before, timeline } = &ask.moment;
    Ok(Request { exclusive: *before, timeline: *timeline, ..Request::new(target(asked)?) })
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
        operation: None,
        mount: None,
    })
}

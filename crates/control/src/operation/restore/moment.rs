//! Which moment: what somebody asks for, resolved or refused before anything is touched.

use std::sync::Arc;

use api::{MomentAsk, RestoreAsk, RestoreReport, TargetAsk};
use engine::postgres::restore::{Purpose, RestoreRequest, restore};
use engine::postgres::target::{Request, Resolved, Target, resolve};
use jiff::Timestamp;
use vault::Vault;
use vault::backup::catalog;
use vault::names::SourceName;

use crate::daemon::{Daemon, unknown};
use crate::error::{Error, Result};
use crate::host::Host;
use crate::operation::{Watch, backup};
use crate::report;

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

    /// The same moment, from none of these backups.
    pub(super) async fn resolve_without(
        &self,
        source: &SourceName,
        ask: &RestoreAsk,
        except: &[String],
    ) -> Result<Resolved> {
        let request = Request { except: except.to_vec(), ..target_of(ask)? };
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

pub(crate) fn live(daemon: &Daemon, name: &str) -> Live {
    let state = daemon.source(name).ok()?.receiver.state();
    state.complete_at.map(|time| (state.durable, time))
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
        mount: None,
    })
}

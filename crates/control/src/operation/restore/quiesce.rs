//! Services around a restore: stopped before, and exactly those started again that ran.

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use engine::postgres::successor::{Stand, is_served, same_place};
use engine::postgres::wire::{Connection, Mode};
use serde::Deserialize;
use serde_json::Value;

use super::around::Around;
use super::preflight::Was;
use super::swap::Swap;
use super::{cut_over, source_of};
use crate::driver::Trouble;
use crate::driver::service::Standing;
use crate::error::{Error, Result};
use crate::operation::{At, Part};
use crate::policy::outside::Service;

const ANSWER_PATIENCE: Duration = Duration::from_secs(300);
const LOOK_EVERY: Duration = Duration::from_millis(50);
const CHECKPOINT_PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(super) struct Quiesce;

#[async_trait]
impl Part for Quiesce {
    async fn act(&self, at: &At) -> Result<Value> {
        let swap: Swap = at.input()?;
        checkpoint(at).await;
        stop_users(at).await?;
        stop_server(at, &swap, &swap.places.live).await.map(|()| Value::Null)
    }

    /// What serves then is the old cluster: should the new one still be in its place, it is taken out of it first.
    async fn undo(&self, at: &At) -> Result<()> {
        let swap: Swap = at.input()?;
        let live = &swap.places.live;
        if swap.places.stand() != Stand::Before {
            cut_over::take_back(at, &swap).await?;
        }
        if ran(&was(at)?, server(at, &swap, live)?).is_some() {
            start_server(at, &swap, live).await?;
        }
        start_users(at).await
    }
}

/// While everybody is served still: what a server that is stopped would have to write then, it has written. Of one that does not answer, or
/// where it is not allowed, it takes longer, and no harm is done.
async fn checkpoint(at: &At) {
    let asked = async {
        let source = at.daemon.source(source_of(at))?;
        let mut sql = Connection::connect(&source.cluster.conninfo, Mode::Sql).await?;
        sql.query("CHECKPOINT").await?;
        sql.close().await;
        Ok::<(), Error>(())
    };
    match tokio::time::timeout(CHECKPOINT_PATIENCE, asked).await {
        Ok(Ok(())) => at.work.say("a checkpoint was made while everybody was served"),
        Ok(Err(error)) => at.work.say(format!("no checkpoint before it is stopped: {error}")),
        Err(_) => at.work.say("the checkpoint takes long, and is not waited for"),
    }
}

/// The same, and the server runs on.
#[derive(Debug)]
pub(super) struct QuiesceUsers;

#[async_trait]
impl Part for QuiesceUsers {
    async fn act(&self, at: &At) -> Result<Value> {
        stop_users(at).await.map(|()| Value::Null)
    }

    async fn undo(&self, at: &At) -> Result<()> {
        start_users(at).await
    }
}

async fn stop_users(at: &At) -> Result<()> {
    for service in at.input::<Around>()?.outside.users() {
        stop(at, service).await?;
    }
    Ok(())
}

/// All that can be started are, whatever is wrong with one of them.
async fn start_users(at: &At) -> Result<()> {
    let (was, mut first) = (was(at)?, Ok(()));
    for service in at.input::<Around>()?.outside.users().rev() {
        let started = start(at, service, &was).await;
        first = first.and(started);
    }
    first
}

#[derive(Debug)]
pub(super) struct Resume;

#[async_trait]
impl Part for Resume {
    async fn act(&self, at: &At) -> Result<Value> {
        start_users(at).await.map(|()| Value::Null)
    }

    async fn undo(&self, at: &At) -> Result<()> {
        stop_users(at).await
    }
}

fn was(at: &At) -> Result<Was> {
    let broken = |e: serde_json::Error| vault::Error::Internal(format!("what preflight left: {e}"));
    Ok(Was::deserialize(at.work.output("preflight")).map_err(broken)?)
}

/// What `start` needs; nothing of one that did not run.
fn ran<'a>(was: &'a Was, service: &Service) -> Option<&'a Value> {
    match was.services.get(&service.name) {
        Some(Standing::Runs { was }) => Some(was),
        _ => None,
    }
}

fn server<'a>(at: &At, swap: &'a Swap, directory: &Path) -> Result<&'a Service> {
    let missing = || Error::Ask(format!("nothing says how the server of {} is stopped and started", source_of(at)));
    swap.outside.server_of(source_of(at), directory).ok_or_else(missing)
}

/// What the server's service needs to bring it back.
pub(super) fn server_was(at: &At, swap: &Swap, directory: &Path) -> Result<Value> {
    Ok(ran(&was(at)?, server(at, swap, directory)?).cloned().unwrap_or_default())
}

fn of(service: &Service) -> impl Fn(Trouble) -> Error + '_ {
    move |trouble| trouble.of(&format!("service {}", service.name))
}

async fn stop(at: &At, service: &Service) -> Result<()> {
    let driver = service.spec.driver();
    if driver.standing(&at.daemon.host).await.map_err(of(service))? == Standing::Stopped {
        return Ok(());
    }
    at.watch.step(&format!("stop {}", service.name));
    driver.stop(&at.daemon.host).await.map_err(of(service))?;
    at.effect(format!("{} is stopped: {}", service.name, driver.what()))
}

async fn start(at: &At, service: &Service, was: &Was) -> Result<()> {
    let (driver, Some(was)) = (service.spec.driver(), ran(was, service)) else { return Ok(()) };
    at.watch.step(&format!("start {}", service.name));
    driver.start(&at.daemon.host, was).await.map_err(of(service))?;
    at.effect(format!("{} runs: {}", service.name, driver.what()))
}

/// Whatever the service says: no server may be left in the directory.
pub(super) async fn stop_server(at: &At, swap: &Swap, directory: &Path) -> Result<()> {
    let server = server(at, swap, directory)?;
    stop(at, server).await?;
    match is_served(directory) {
        false => Ok(()),
        true => {
            let what = format!("it says that it is stopped, and a server still runs in {}", directory.display());
            Err(of(server)(Trouble::refused(what).hint("is it the service of this cluster?")))
        }
    }
}

/// Returns when the directory's server answers where those who use it ask.
pub(super) async fn start_server(at: &At, swap: &Swap, directory: &Path) -> Result<()> {
    let service = server(at, swap, directory)?;
    at.watch.step(&format!("start {}", service.name));
    service.spec.driver().start(&at.daemon.host, &server_was(at, swap, directory)?).await.map_err(of(service))?;
    at.effect(format!("{} was started", service.name))?;
    let info = at.daemon.source(source_of(at))?.cluster.conninfo;
    let mut waited = Duration::ZERO;
    let mut sql = loop {
        match Connection::connect(&info, Mode::Sql).await {
            Ok(sql) => break sql,
            Err(error) if waited >= ANSWER_PATIENCE || !error.is_retriable() => return Err(error.into()),
            Err(_) => {
                at.unless_cancelled(tokio::time::sleep(LOOK_EVERY)).await?;
                waited += LOOK_EVERY;
            }
        }
    };
    let serves = sql.value("SELECT current_setting('data_directory')").await?.unwrap_or_default();
    sql.close().await;
    match same_place(Path::new(&serves), directory) {
        true => at.effect(format!("{} runs, and answers", service.name)),
        false => {
            let what = format!("what answers serves {serves}, and not {}", directory.display());
            Err(of(service)(Trouble::refused(what)))
        }
    }
}

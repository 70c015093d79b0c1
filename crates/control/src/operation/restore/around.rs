//! What people's own hooks do around a restore, and whether what uses the database is well after it.

use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;

use super::source_of;
use super::swap::Swap;
use crate::driver::health::until_well;
use crate::driver::hook::Told;
use crate::error::Result;
use crate::operation::{At, Part};
use crate::policy::outside::{Hook, When};

#[derive(Debug)]
pub(super) struct Announce;

#[async_trait]
impl Part for Announce {
    async fn act(&self, at: &At) -> Result<Value> {
        run_all(at, When::Announce).await
    }

    async fn undo(&self, at: &At) -> Result<()> {
        take_back_all(at).await
    }
}

#[derive(Debug)]
pub(super) struct AnnounceOff;

#[async_trait]
impl Part for AnnounceOff {
    async fn act(&self, at: &At) -> Result<Value> {
        take_back_all(at).await?;
        run_all(at, When::Done).await
    }
}

/// Of one moment.
#[derive(Debug)]
pub(super) struct Hooks(When);

impl Hooks {
    pub(super) const MIGRATE: Hooks = Hooks(When::Migrate);
    pub(super) const SMOKE: Hooks = Hooks(When::Smoke);
    pub(super) const RE_SYNC: Hooks = Hooks(When::ReSync);
}

#[async_trait]
impl Part for Hooks {
    async fn act(&self, at: &At) -> Result<Value> {
        run_all(at, self.0).await
    }
}

#[derive(Debug)]
pub(super) struct Healthy;

#[async_trait]
impl Part for Healthy {
    async fn act(&self, at: &At) -> Result<Value> {
        let swap: Swap = at.input()?;
        for health in &swap.outside.health {
            at.watch.step(&health.name);
            let (every, deadline) =
                (Duration::from_secs(health.every_seconds), Duration::from_secs(health.deadline_seconds));
            let say = |line: &str| at.work.say(format!("{}: {line}", health.name));
            let well = until_well(health.spec.driver(), &at.daemon.host, health.in_a_row, every, deadline, &say).await;
            well.map_err(|trouble| trouble.of(&format!("health {}", health.name)))?;
            at.work.say(format!("{} is well", health.name));
        }
        Ok(Value::Null)
    }
}

async fn run_all(at: &At, when: When) -> Result<Value> {
    let swap: Swap = at.input()?;
    for hook in swap.outside.hooks_at(when) {
        at.watch.step(&hook.name);
        let say = |line: &str| at.work.say(format!("{}: {line}", hook.name));
        let done = hook.spec.driver().run(&at.daemon.host, &told(at, &swap, hook), &say).await;
        done.map_err(|trouble| trouble.of(&format!("hook {}", hook.name)))?;
        at.work.say(format!("{} is done", hook.name));
    }
    Ok(Value::Null)
}

async fn take_back_all(at: &At) -> Result<()> {
    let swap: Swap = at.input()?;
    for hook in swap.outside.hooks_at(When::Announce) {
        let say = |line: &str| at.work.say(format!("{}: {line}", hook.name));
        let done = hook.spec.driver().take_back(&at.daemon.host, &told(at, &swap, hook), &say).await;
        done.map_err(|trouble| trouble.of(&format!("hook {}", hook.name)))?;
    }
    Ok(())
}

fn told(at: &At, swap: &Swap, hook: &Hook) -> Told {
    let source = source_of(at);
    let conninfo = at.daemon.source(source).map(|source| source.cluster.conninfo);
    let (host, port) =
        conninfo.map_or_else(|_| Default::default(), |info| (info.host.to_string(), info.port.to_string()));
    let pairs = [
        ("operation", at.id()),
        ("stack", &swap.stack),
        ("source", source),
        ("moment", &swap.asked),
        ("hook", &hook.name),
        ("host", &host),
        ("port", &port),
    ];
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

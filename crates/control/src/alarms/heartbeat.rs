//! The dead man's switch: an address outside that is called only while all is well in its scope. When the daemon, its host or its network
//! dies, nobody can send an alarm; that the calls stay away is one.

use std::collections::BTreeSet;
use std::time::Duration;

use api::ChannelTest;
use jiff::{SignedDuration, Timestamp};

use super::Memory;
use super::channel::{Undelivered, address, http_client, judged, least, shown};
use super::condition::Scope;
use super::tell::{note, outcome};
use crate::config::HeartbeatSettings;
use crate::daemon::Daemon;
use crate::stacks;

/// A look that is older than so many looks may take says nothing any more.
const LOOKS: u64 = 6;
const LOOK_AGE_MIN: u64 = 60;

/// Runs as long as the daemon.
pub(super) async fn beat(daemon: Daemon, settings: HeartbeatSettings) {
    let every = Duration::from_secs(settings.every_seconds);
    loop {
        if let Some(wrong) = not_well(&daemon, &settings).await {
            tracing::debug!(heartbeat = settings.name, wrong, "the heartbeat is left out");
        } else {
            let called = Box::pin(call(&daemon, &settings)).await;
            let error = called.err().map(|error| error.what);
            if let Some(error) = &error {
                tracing::warn!(heartbeat = settings.name, error, "the heartbeat could not be called");
            }
            note(&daemon, &settings.name, error.as_deref(), daemon.host.env.now());
        }
        tokio::time::sleep(every).await;
    }
}

async fn not_well(daemon: &Daemon, settings: &HeartbeatSettings) -> Option<String> {
    let sources = match scope(daemon, settings).await {
        Ok(sources) => sources,
        Err(wrong) => return Some(wrong),
    };
    let missing = sources.iter().flatten().find(|name| !daemon.has_source(name));
    if let Some(missing) = missing {
        return Some(format!("there is no source {missing}"));
    }
    let age_max = (daemon.config.alerts.look_seconds * LOOKS).max(LOOK_AGE_MIN);
    why_not(&daemon.alarms.memory(), sources.as_ref(), settings, age_max, daemon.host.env.now())
}

/// The sources that it is about; nothing for all.
async fn scope(daemon: &Daemon, settings: &HeartbeatSettings) -> Result<Option<BTreeSet<String>>, String> {
    if settings.sources.is_empty() && settings.stacks.is_empty() {
        return Ok(None);
    }
    let mut sources: BTreeSet<String> = settings.sources.iter().cloned().collect();
    let all = stacks::all(daemon).await.map_err(|error| error.to_string())?;
    for name in &settings.stacks {
        let stack = all.iter().find(|stack| stack.name == *name).ok_or_else(|| format!("there is no stack {name}"))?;
        sources.extend(stack.sources.iter().map(|source| source.name.clone()));
    }
    Ok(Some(sources))
}

/// What speaks against calling.
pub(super) fn why_not(
    memory: &Memory,
    sources: Option<&BTreeSet<String>>,
    settings: &HeartbeatSettings,
    age_max_seconds: u64,
    now: Timestamp,
) -> Option<String> {
    let age_max = SignedDuration::from_secs(i64::try_from(age_max_seconds).unwrap_or(i64::MAX));
    match memory.looked {
        None => return Some("it was not looked yet".to_owned()),
        Some(looked) if now.duration_since(looked) > age_max => {
            return Some(format!("nobody has looked since {looked}"));
        }
        Some(_) => {}
    }
    let concerns = |scope: &Scope| match (scope, sources) {
        // Else one that failed once would never be called again.
        (Scope::Heartbeat(_), _) => false,
        (_, None) | (Scope::Daemon | Scope::Vault, _) => true,
        (Scope::Source(name), Some(sources)) => sources.contains(name),
        _ => false,
    };
    let raised = memory.raised.iter().map(|alarm| &alarm.condition);
    let mut against = raised.filter(|is| concerns(&is.scope) && is.severity >= least(settings.severity));
    against.next().map(|is| format!("{} of {}", is.kind.name(), is.scope))
}

async fn call(daemon: &Daemon, settings: &HeartbeatSettings) -> Result<(), Undelivered> {
    let calling = async {
        let url = address(&daemon.host, &settings.url, settings.allow_http).await?;
        judged(http_client(settings.ca_file.as_deref())?.get(url).send().await).await
    };
    let limit = Duration::from_secs(settings.timeout_seconds);
    let late = || Undelivered::new(format!("no answer within {} s", settings.timeout_seconds));
    tokio::time::timeout(limit, Box::pin(calling)).await.unwrap_or_else(|_| Err(late()))
}

/// Looks whether it could be called, and calls it only when it would be.
pub(super) async fn test(daemon: &Daemon, settings: &HeartbeatSettings) -> ChannelTest {
    let begun = daemon.host.env.monotonic();
    let called = match not_well(daemon, settings).await {
        Some(wrong) => Err(Undelivered::new(format!("it is not called now: {wrong}"))),
        None => call(daemon, settings).await,
    };
    let seconds = daemon.host.env.monotonic().saturating_sub(begun).as_secs_f64();
    outcome(settings.name.clone(), "heartbeat".to_owned(), shown(&settings.url), seconds, called)
}

#[cfg(test)]
mod tests;

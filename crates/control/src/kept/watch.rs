//! Looks, again and again, whether what stacks keep still opens: the references where they point, and the copy in the vault. Their absence
//! is noticed before the day on which they are needed.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::{newest, read_all, seal_items};
use crate::Kind as Must;
use crate::alarms::condition::{Condition, Kind, Scope, Severity};
use crate::daemon::Daemon;
use crate::error::Result;
use crate::policy::Stack;
use crate::stacks;

/// Between looks for what is due; and what is wrong is looked at again so soon.
const LOOK_EVERY: Duration = Duration::from_secs(1);
const AGAIN_AFTER_SECONDS: u64 = 60;

/// What the last look at each stack came to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Memory {
    stacks: BTreeMap<String, Seen>,
}

#[derive(Debug, Clone)]
struct Seen {
    at: Timestamp,
    /// Since when, and what.
    wrong: Option<(Timestamp, String)>,
}

/// Runs as long as the daemon.
pub(crate) async fn keep(daemon: Daemon) {
    loop {
        if let Err(error) = look(&daemon).await {
            tracing::error!(%error, "what stacks keep could not be looked at");
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn look(daemon: &Daemon) -> Result<()> {
    let all = stacks::all(daemon).await?;
    let kept = |stack: &&Stack| !stack.outside.secrets.is_empty() || !stack.outside.files.is_empty();
    let names: Vec<&str> = all.iter().filter(kept).map(|stack| stack.name.as_str()).collect();
    daemon.alarms.memory().kept.stacks.retain(|name, _| names.contains(&name.as_str()));
    for stack in all.iter().filter(kept) {
        let now = daemon.host.env.now();
        let known = daemon.alarms.memory().kept.stacks.get(&stack.name).cloned();
        if known.as_ref().is_some_and(|seen| !is_due(daemon, seen, now)) {
            continue;
        }
        let wrong = look_at(daemon, stack).await.err();
        let since = known.and_then(|seen| seen.wrong).map_or(now, |(since, _)| since);
        let seen = Seen { at: now, wrong: wrong.map(|what| (since, what)) };
        daemon.alarms.memory().kept.stacks.insert(stack.name.clone(), seen);
    }
    Ok(())
}

fn is_due(daemon: &Daemon, seen: &Seen, now: Timestamp) -> bool {
    let usual = daemon.config.alerts.key_test_seconds;
    let wait = if seen.wrong.is_some() { usual.min(AGAIN_AFTER_SECONDS) } else { usual };
    now.duration_since(seen.at).as_secs() >= i64::try_from(wait).unwrap_or(i64::MAX)
}

/// What is wrong, in words.
async fn look_at(daemon: &Daemon, stack: &Stack) -> Result<(), String> {
    let (items, unread) = read_all(daemon, &stack.outside).await;
    if !unread.is_empty() {
        let all: Vec<String> = unread.iter().map(|(name, error)| format!("{name}: {error}")).collect();
        return Err(format!("what the stack keeps cannot be read: {}", all.join("; ")));
    }
    let told = |error: &crate::Error| {
        let body = error.body();
        body.told()
    };
    // That the vault does not answer is told of by an alarm of its own.
    let silent = |error: crate::Error| match error.kind() {
        Must::Unavailable => Ok(()),
        _ => Err(format!("the copy in the vault does not open: {}", told(&error))),
    };
    let name = stack.name.parse().map_err(|error: vault::Error| error.to_string())?;
    let newest = match newest(&daemon.vault, &name).await {
        Ok(newest) => newest,
        Err(error) => return silent(error),
    };
    match seal_items(daemon, &stack.name, &items, newest.as_ref()).await {
        Err(error) => return silent(error),
        Ok(true) => tracing::info!(stack = stack.name, "secrets and settings were sealed: they have changed"),
        Ok(false) => {}
    }
    Ok(())
}

pub(crate) fn conditions(memory: &Memory) -> Vec<Condition> {
    let wrong = memory.stacks.iter().filter_map(|(name, seen)| Some((name, seen.wrong.as_ref()?)));
    let condition = |(name, (since, what)): (&String, &(Timestamp, String))| Condition {
        kind: Kind::SecretsNotKept,
        scope: Scope::Stack(name.clone()),
        severity: Severity::Critical,
        since: Some(*since),
        text: what.clone(),
        advice: format!("without them its backups are worth little: put it right; rekindle secrets {name}"),
    };
    wrong.map(condition).collect()
}

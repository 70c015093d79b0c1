//! The one place where everything is looked at, again and again, and where what follows is recorded.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::condition::{Condition, Kind, Look, Scope, Severity};
use super::core::{Change, Timing, step};
use super::gather;
use super::source::{Facts, judge};
use super::{Disk, SourceMemory, house, tell};
use crate::catalog::{AlarmWrite, GapRow};
use crate::daemon::Daemon;
use crate::error::Result;
use crate::policy::Policy;
use crate::source::Source;
use crate::stacks::{self, Stacks};

/// Servers asked at a time.
const AT_A_TIME: usize = 16;
/// So many sources are looked at closely in each round; of more, a sixth. What a network is asked for, each once a minute.
const CLOSELY: usize = 50;
const ROUNDS: usize = 6;
const NETWORK_SECONDS: u64 = 60;
/// Kept beside the looks of the last close look.
const QUICK: [Kind; 3] = [Kind::LogLag, Kind::LogNotReceived, Kind::OverRpo];
const STARTS_KEPT: SignedDuration = SignedDuration::from_hours(24);

/// What an earlier daemon left: raised alarms go on, and this start is one more.
pub(super) async fn take_up(daemon: &Daemon) -> Result<()> {
    let raised = daemon.catalog.raised_alarms().await?;
    daemon.alarms.memory().raised = raised;
    tell::take_up(daemon).await?;
    let now = daemon.host.env.now();
    daemon.catalog.add_start(now, now - STARTS_KEPT).await
}

pub(super) async fn watch(daemon: Daemon) {
    let pause = Duration::from_secs(daemon.config.alerts.look_seconds);
    for round in 0usize.. {
        if let Err(error) = Box::pin(look_and_settle(&daemon, round)).await {
            tracing::error!(%error, "it could not be looked whether all is well");
        }
        tokio::time::sleep(pause).await;
    }
}

async fn look_and_settle(daemon: &Daemon, round: usize) -> Result<()> {
    let stacks = stacks::all(daemon).await?;
    let mut look = sources(daemon, &stacks, round).await;
    let now = daemon.host.env.now();
    let mut vault = daemon.alarms.memory().vault.clone();
    let of_vault = house::vault(daemon, &mut vault, now).await;
    daemon.alarms.memory().vault = vault;
    let seen = of_vault.map_err(|error| tracing::error!(%error, "the vault could not be looked at"));
    look.add(seen.unwrap_or_else(|()| unseen(daemon, |scope| *scope == Scope::Vault)));
    let seen = house::itself(daemon, now).await;
    let seen = seen.map_err(|error| tracing::error!(%error, "the operations could not be looked at"));
    let of_daemon = |scope: &Scope| matches!(scope, Scope::Daemon | Scope::Operation(_) | Scope::Instance(_));
    look.add(seen.unwrap_or_else(|()| unseen(daemon, of_daemon)));
    look.add(own(daemon));
    settle(daemon, &look).await?;
    let now = daemon.host.env.now();
    daemon.alarms.memory().looked = Some(now);
    Ok(())
}

/// What is raised of a part that could not be looked at stays as it is.
fn unseen(daemon: &Daemon, part: impl Fn(&Scope) -> bool) -> Look {
    let memory = daemon.alarms.memory();
    let of_part = memory.raised.iter().filter(|alarm| part(&alarm.condition.scope));
    Look { found: Vec::new(), blind: of_part.map(|alarm| alarm.condition.key()).collect() }
}

pub(super) fn policy_of<'a>(stacks: &'a Stacks, source: &str) -> Option<(&'a Policy, Timestamp)> {
    stacks.of_source(source).map(|(stack, applied)| (&stack.policy, *applied))
}

async fn sources(daemon: &Daemon, stacks: &Arc<Stacks>, round: usize) -> Look {
    let all = daemon.sources();
    let rounds = rounds(daemon, all.len());
    let room = Arc::new(Semaphore::new(AT_A_TIME));
    let (mut looks, mut look) = (JoinSet::new(), Look::default());
    for (nth, source) in all.iter().cloned().enumerate() {
        let known = daemon.alarms.memory().sources.get(&source.row.name).map(|memory| memory.look.clone());
        let (daemon, stacks, room) = (daemon.clone(), stacks.clone(), room.clone());
        let closely = known.is_none() || nth % rounds == round % rounds;
        looks.spawn(async move {
            let _turn = room.acquire().await;
            match known.filter(|_| !closely) {
                Some(known) => Ok(glance(&daemon, &source, &stacks, known)),
                None => Box::pin(close_look(&daemon, &source, &stacks)).await.map_err(|error| (source.row.name, error)),
            }
        });
    }
    while let Some(done) = looks.join_next().await {
        match done {
            Ok(Ok(of_one)) => look.add(of_one),
            Ok(Err((source, error))) => {
                tracing::error!(%error, source, "the source could not be looked at");
                look.blind.extend(Kind::ALL.iter().map(|kind| (*kind, Scope::source(&source))));
            }
            Err(error) => tracing::error!(%error, "a look at a source ended early"),
        }
    }
    daemon.alarms.memory().sources.retain(|name, _| all.iter().any(|source| source.row.name == *name));
    look
}

/// After so many rounds each source was looked at closely.
fn rounds(daemon: &Daemon, sources: usize) -> usize {
    let share = CLOSELY.max(sources.div_ceil(ROUNDS));
    let far = match daemon.vault.store().is_local() {
        true => 1,
        false => usize::try_from(NETWORK_SECONDS / daemon.config.alerts.look_seconds).unwrap_or(1),
    };
    sources.div_ceil(share).max(far).max(1)
}

/// Only what the receiver knows; all else as it was.
fn glance(daemon: &Daemon, source: &Source, stacks: &Stacks, known: Look) -> Look {
    let (log, disk) = (source.receiver.state(), Disk::NotSeen(String::new()));
    let facts = Facts {
        name: &source.row.name,
        slot: &source.row.slot,
        log: &log,
        gaps: &[],
        backups: None,
        policy: policy_of(stacks, &source.row.name),
        server: None,
        disk: &disk,
        work: None,
    };
    let quick = judge(&facts, &daemon.config, daemon.host.env.now());
    let is_quick = |kind: Kind| QUICK.contains(&kind);
    let mut look = known;
    look.found.retain(|condition| !is_quick(condition.kind));
    look.blind.retain(|(kind, _)| !is_quick(*kind));
    look.found.extend(quick.found.into_iter().filter(|condition| is_quick(condition.kind)));
    look.blind.extend(quick.blind.into_iter().filter(|(kind, _)| is_quick(*kind)));
    look
}

async fn close_look(daemon: &Daemon, source: &Source, stacks: &Stacks) -> Result<Look> {
    let (name, log) = (&source.row.name, source.receiver.state());
    note_gaps(daemon, source, &log).await?;
    let gaps = gather::gaps(daemon, name, &log).await?;
    let known = daemon.alarms.memory().sources.get(name).and_then(|memory| memory.backups.clone());
    let backups = gather::backups_since(daemon, source, known.clone());
    let (server, backups) = tokio::join!(gather::server(daemon, source), backups);
    let (disk, work) = (gather::disk(source).await, gather::work(daemon, name).await?);
    let policy = policy_of(stacks, name);
    let facts = Facts {
        name,
        slot: &source.row.slot,
        log: &log,
        gaps: &gaps,
        backups: backups.as_ref().map(|backups| &*backups.facts),
        policy,
        server: server.as_ref(),
        disk: &disk,
        work: Some(&work),
    };
    let look = judge(&facts, &daemon.config, daemon.host.env.now());
    let newest = backups.as_ref().and_then(|backups| backups.facts.last());
    let projected_rto = newest.and_then(|newest| work.projected_seconds(newest.bytes));
    let backups = backups.or(known);
    let now = SourceMemory { server, disk, work: Some(work), backups, projected_rto, look: look.clone() };
    daemon.alarms.memory().sources.insert(name.clone(), now);
    Ok(look)
}

async fn note_gaps(daemon: &Daemon, source: &Source, log: &engine::postgres::receive::LogState) -> Result<()> {
    for gap in &log.gaps {
        daemon
            .catalog
            .add_gap(&GapRow {
                source: source.row.name.clone(),
                timeline: i64::from(gap.timeline),
                position_from: gap.from.to_string(),
                position_to: gap.to.to_string(),
                noticed: gap.noticed.to_string(),
                why: gap.why.clone(),
            })
            .await?;
    }
    Ok(())
}

/// What the daemon knows of itself without looking.
fn own(daemon: &Daemon) -> Look {
    let memory = daemon.alarms.memory();
    let mut found = Vec::new();
    for (name, why) in memory.not_started.iter().filter(|(name, _)| !daemon.has_source(name)) {
        let text = format!("the source cannot be started, and its log is not received: {why}");
        let advice = "put it right, and restart the daemon";
        found.push(house::condition(Severity::Critical, Kind::SourceNotStarted, Scope::source(name), text, advice));
    }
    let beats = &daemon.config.alerts.heartbeat;
    for (name, channel) in memory.channels.iter().filter(|(_, channel)| channel.fails()) {
        let is = match beats.iter().any(|beat| beat.name == *name) {
            true => {
                let text = format!("the heartbeat cannot be called: {}", channel.error);
                let (kind, scope) = (Kind::HeartbeatFailing, Scope::Heartbeat(name.clone()));
                house::condition(
                    Severity::Warning,
                    kind,
                    scope,
                    text,
                    "who waits for it will sound an alarm of its own",
                )
            }
            false => {
                let text = format!("nobody can be told by this channel: {}", channel.error);
                let advice = format!("put it right, then: rekindle alert test {name}");
                let (kind, scope) = (Kind::ChannelFailing, Scope::Channel(name.clone()));
                house::condition(Severity::Critical, kind, scope, text, advice)
            }
        };
        found.push(Condition { since: channel.failing_since, ..is });
    }
    found.extend(crate::kept::conditions(&memory.kept));
    Look { found, blind: Vec::new() }
}

fn timing(daemon: &Daemon) -> Timing {
    let settings = &daemon.config.alerts;
    let seconds = |seconds: u64| SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX));
    Timing {
        hold_off: seconds(settings.hold_off_seconds),
        repeat_first: seconds(settings.repeat_first_seconds),
        repeat_then: seconds(settings.repeat_then_seconds),
    }
}

/// Records what follows of a look, with the messages, and says it in the log.
async fn settle(daemon: &Daemon, look: &Look) -> Result<()> {
    let now = daemon.host.env.now();
    let (raised, held) = {
        let memory = daemon.alarms.memory();
        (memory.raised.clone(), memory.held.clone())
    };
    let (changes, held) = step(&timing(daemon), &raised, &held, look, now);
    let mut writes = Vec::new();
    for change in &changes {
        let (alarm, event) = super::core::after(change, &raised, now);
        let Some(alarm) = alarm else { continue };
        let channels = tell::whom(daemon, change, &alarm).await?;
        let notices = tell::notices(daemon, event, channels, now);
        writes.push(AlarmWrite { alarm, event, notices });
    }
    let quiet = writes.is_empty();
    let recorded = if quiet { Vec::new() } else { daemon.catalog.record_alarms(writes, now).await? };
    for (alarm, change) in recorded.iter().zip(&changes) {
        tell::log(alarm, change);
    }
    let mut memory = daemon.alarms.memory();
    for alarm in recorded {
        memory.raised.retain(|known| known.n != alarm.n);
        if alarm.cleared.is_none() {
            memory.raised.push(alarm);
        }
    }
    memory.held = held;
    drop(memory);
    if changes.iter().any(|change| !matches!(change, Change::Seen { .. })) {
        daemon.alarms.told.notify_waiters();
    }
    Ok(())
}

//! What can be wrong with the vault, its key, and the daemon itself.

use std::time::Duration;

use futures::TryStreamExt;
use jiff::{SignedDuration, Timestamp};
use ops::{Filter, Status, Store};
use vault::Kind as Must;
use vault::backup::catalog;

use super::condition::{Condition, Kind, Look, Scope, Severity};
use super::gather::kind_of_work;
use super::space;
use crate::daemon::Daemon;
use crate::error::{Error, Result};
use crate::instances;
use crate::open::{VaultAsk, open_vault};
use crate::operation::way_back;

const STORE_LIMIT: Duration = Duration::from_secs(15);
const SAMPLE_EVERY: SignedDuration = SignedDuration::from_hours(1);
const LIST_AGAIN: SignedDuration = SignedDuration::from_secs(60);
const SAMPLES_KEPT: SignedDuration = SignedDuration::from_hours(7 * 24);
const FULL_WITHIN: SignedDuration = SignedDuration::from_hours(7 * 24);
const KEY_UNTESTED: SignedDuration = SignedDuration::from_hours(30 * 24);
/// A key that did not work is tried again so soon.
const KEY_AGAIN: SignedDuration = SignedDuration::from_secs(60);
const KEY_TEST: &str = "key test";
pub(crate) const VAULT_FREE: &str = "vault free";
pub(crate) const VAULT_SIZE: &str = "vault size";
/// So many starts within the time are a loop.
const STARTS: usize = 5;
const STARTS_WITHIN: SignedDuration = SignedDuration::from_secs(600);
const OPERATIONS_MAX: u32 = 1000;

/// What is known of the vault between looks.
#[derive(Debug, Clone, Default)]
pub(crate) struct VaultMemory {
    pub(crate) free: Option<u64>,
    pub(crate) key_tested: Option<Timestamp>,
    sampled: Option<Timestamp>,
    tried: Option<Timestamp>,
    pub(crate) key_wrong: Option<(Timestamp, String)>,
}

/// What the last listing of the vault came to.
#[derive(Debug, Clone, Default)]
pub(crate) struct SizeMemory {
    pub(crate) size: Option<u64>,
    pub(crate) objects: Option<u64>,
    /// When the newest object was put by the store's clock, and when it was listed by ours.
    newest: Option<(Timestamp, Timestamp)>,
    /// Why it cannot be listed.
    wrong: Option<String>,
}

pub(super) fn condition(
    severity: Severity,
    kind: Kind,
    scope: Scope,
    text: String,
    advice: impl Into<String>,
) -> Condition {
    Condition { kind, scope, severity, since: None, text, advice: advice.into() }
}

pub(super) async fn vault(daemon: &Daemon, memory: &mut VaultMemory, now: Timestamp) -> Result<Look> {
    let mut look = Look::default();
    let away = unreachable(daemon).await;
    let is_away = away.is_some();
    look.found.extend(away);
    if is_away {
        let blind = [Kind::VaultFilling, Kind::KeyNotWorking, Kind::KeyUntested, Kind::ClockSkew];
        look.blind.extend(blind.map(|kind| (kind, Scope::Vault)));
    } else {
        sample_free(daemon, memory, now).await?;
        look.found.extend(filling(daemon, now).await?);
        look.found.extend(store_clock(daemon));
        look.found.extend(key(daemon, memory, now).await?);
    }
    look.found.extend(check_failed(daemon).await?);
    Ok(look)
}

async fn unreachable(daemon: &Daemon) -> Option<Condition> {
    let asked = tokio::time::timeout(STORE_LIMIT, vault::exists(daemon.vault.store())).await;
    let what = match asked {
        Ok(Ok(true)) => format!("it cannot be listed: {}", daemon.alarms.memory().size.wrong.clone()?),
        Ok(Ok(false)) => "there is no vault any more at this place".to_owned(),
        Ok(Err(error)) => {
            let body = Error::from(error).body();
            body.told()
        }
        Err(_) => format!("it does not answer within {} s", STORE_LIMIT.as_secs()),
    };
    let text = format!("the vault {} cannot be reached: {what}", daemon.vault.store().location());
    let advice = "nothing can be backed up or restored, and the servers keep their log for us: bring it back";
    Some(condition(Severity::Critical, Kind::VaultUnreachable, Scope::Vault, text, advice))
}

fn folder(daemon: &Daemon) -> Option<&str> {
    daemon.vault.store().location().strip_prefix("file:")
}

/// Lists the vault once an hour: a great one takes a while, and the looks do not wait for it.
pub(super) async fn keep_size(daemon: Daemon) {
    loop {
        let listed = Box::pin(list(&daemon)).await;
        let wait = match listed {
            Ok(()) => SAMPLE_EVERY,
            Err(error) => {
                daemon.alarms.memory().size.wrong = Some(error.to_string());
                LIST_AGAIN
            }
        };
        tokio::time::sleep(wait.unsigned_abs()).await;
    }
}

async fn list(daemon: &Daemon) -> Result<()> {
    let (mut size, mut objects, mut newest) = (0u64, 0u64, None);
    let mut listing = daemon.vault.store().list("");
    while let Some(object) = listing.try_next().await? {
        (size, objects, newest) = (size + object.size, objects + 1, newest.max(Some(object.modified)));
    }
    let now = daemon.host.env.now();
    // An empty list is no vault.
    if objects > 0 {
        let newest = newest.map(|newest| (newest, now));
        daemon.alarms.memory().size = SizeMemory { size: Some(size), objects: Some(objects), newest, wrong: None };
        daemon.catalog.add_measure(VAULT_SIZE, now, size, now - SAMPLES_KEPT).await?;
    }
    Ok(())
}

/// How much room is left, and from time to time also for later.
async fn sample_free(daemon: &Daemon, memory: &mut VaultMemory, now: Timestamp) -> Result<()> {
    memory.free = folder(daemon).and_then(|path| space::of(path.as_ref()).ok()).map(|space| space.free);
    let due = memory.sampled.is_none_or(|at| now.duration_since(at) >= SAMPLE_EVERY);
    if let Some(free) = memory.free.filter(|_| due) {
        memory.sampled = Some(now);
        daemon.catalog.add_measure(VAULT_FREE, now, free, now - SAMPLES_KEPT).await?;
    }
    Ok(())
}

async fn filling(daemon: &Daemon, now: Timestamp) -> Result<Option<Condition>> {
    let Some(space) = folder(daemon).and_then(|path| space::of(path.as_ref()).ok()) else { return Ok(None) };
    let samples = daemon.catalog.measures(VAULT_FREE).await?;
    let full_after = space::full_after(&samples, space.free, now);
    let soon = full_after.filter(|after| *after < FULL_WITHIN);
    let by_growth = soon.map(|_| Severity::Warning);
    let Some(severity) = space::is_filling(&space, daemon.config.alerts.free_percent).max(by_growth) else {
        return Ok(None);
    };
    let (free, total) = (space::bytes(space.free), space::bytes(space.total));
    let when = soon
        .map_or(String::new(), |after| format!("; at the pace of the last days it is full in {} h", after.as_hours()));
    let size = daemon
        .alarms
        .memory()
        .size
        .size
        .map_or(String::new(), |size| format!("; the vault takes {}", space::bytes(size)));
    let text = format!("the vault's disk is filling: {free} of {total} are free{size}{when}");
    let advice = "make room, or keep less: rekindle expire, or the policy's `keep`";
    Ok(Some(condition(severity, Kind::VaultFilling, Scope::Vault, text, advice)))
}

/// A store that says of an object that it was put in the future has another clock than we. (Behind ours it may simply be old.)
fn store_clock(daemon: &Daemon) -> Option<Condition> {
    let (newest, seen) = daemon.alarms.memory().size.newest.filter(|_| folder(daemon).is_none())?;
    let ahead = newest.duration_since(seen);
    let limit = i64::try_from(daemon.config.alerts.clock_skew_seconds).unwrap_or(i64::MAX);
    let text = format!("the object store's clock is {} s ahead of this host's", ahead.as_secs());
    let advice = "let this host keep time by NTP: the store refuses requests of a clock that is far off";
    (ahead.as_secs() > limit).then(|| condition(Severity::Warning, Kind::ClockSkew, Scope::Vault, text, advice))
}

/// The key is of no use when it is found broken on the day it is needed.
async fn key(daemon: &Daemon, memory: &mut VaultMemory, now: Timestamp) -> Result<Option<Condition>> {
    if memory.key_tested.is_none() {
        let timers = daemon.catalog.timers().await?;
        memory.key_tested = timers.into_iter().find(|(name, _)| name == KEY_TEST).map(|(_, at)| at);
    }
    let usual = SignedDuration::from_secs(i64::try_from(daemon.config.alerts.key_test_seconds).unwrap_or(i64::MAX));
    let wait = if memory.key_wrong.is_some() { usual.min(KEY_AGAIN) } else { usual };
    if memory.tried.is_none_or(|tried| now.duration_since(tried) >= wait) {
        memory.tried = Some(now);
        try_key(daemon, memory, now).await?;
    }
    if let Some((since, what)) = &memory.key_wrong {
        let text = format!("the key {} does not open the vault: {what}", daemon.config.key_file.display());
        let advice = "put the right key back from its copy; without a key nothing can be restored";
        let wrong = condition(Severity::Critical, Kind::KeyNotWorking, Scope::Vault, text, advice);
        return Ok(Some(Condition { since: Some(*since), ..wrong }));
    }
    let old = memory.key_tested.filter(|tested| now.duration_since(*tested) > KEY_UNTESTED);
    Ok(old.map(|tested| {
        let text = format!("the key was last seen to open the vault on {tested}");
        condition(Severity::Warning, Kind::KeyUntested, Scope::Vault, text, "see why: rekindle vault key test")
    }))
}

async fn try_key(daemon: &Daemon, memory: &mut VaultMemory, now: Timestamp) -> Result<()> {
    match open_something(daemon).await {
        Ok(()) => {
            (memory.key_tested, memory.key_wrong) = (Some(now), None);
            daemon.catalog.set_timer(KEY_TEST, now).await
        }
        // That the store does not answer says nothing of the key.
        Err(error) if error.kind() == Must::Unavailable => Ok(()),
        Err(error) => {
            let body = error.body();
            let what = body.told();
            let since = memory.key_wrong.as_ref().map_or(now, |(since, _)| *since);
            memory.key_wrong = Some((since, what));
            Ok(())
        }
    }
}

/// As somebody would who has the key file and nothing else.
async fn open_something(daemon: &Daemon) -> Result<()> {
    let vault = open_vault(&VaultAsk::of(&daemon.config), &daemon.host).await?;
    for source in catalog::sources(&vault).await? {
        if !catalog::backups(&vault, &source).await?.is_empty() {
            break;
        }
    }
    Ok(())
}

async fn check_failed(daemon: &Daemon) -> Result<Option<Condition>> {
    let runs = daemon.runs.list(&Filter { kind: Some("check".into()), limit: 5, ..Filter::default() }).await?;
    let Some(last) = kind_of_work(&runs).last else { return Ok(None) };
    let advice = format!("rekindle ops show {}; what is damaged is named there with the backups it affects", last.id);
    let failed = |severity, text| {
        let is = condition(severity, Kind::CheckFailed, Scope::Vault, text, advice.clone());
        Some(Condition { since: Some(last.ended), ..is })
    };
    if let Some(failure) = &last.failure {
        let text = format!("the last check could not be done ({}): {}", failure.code, failure.message);
        return Ok(failed(Severity::Warning, text));
    }
    let run = runs.iter().find(|run| run.head.id == last.id);
    let report = run.and_then(|run| run.state.steps.first()).map(|step| &step.output);
    let findings = report.and_then(|report| report["findings"].as_array()).cloned().unwrap_or_default();
    let first = |severity: &str| findings.iter().find(|finding| finding["severity"] == severity);
    let count = |severity: &str| findings.iter().filter(|finding| finding["severity"] == severity).count();
    let what = |finding: &serde_json::Value| {
        format!("{}: {}", finding["object"].as_str().unwrap_or_default(), finding["what"].as_str().unwrap_or_default())
    };
    Ok(match (first("error"), first("warning")) {
        (Some(error), _) => {
            failed(Severity::Critical, format!("the last check found {} errors; {}", count("error"), what(error)))
        }
        (None, Some(warning)) => {
            failed(Severity::Warning, format!("the last check found {} warnings; {}", count("warning"), what(warning)))
        }
        _ => None,
    })
}

pub(super) async fn itself(daemon: &Daemon, now: Timestamp) -> Result<Look> {
    let mut found = Vec::new();
    found.extend(restart_loop(daemon, now).await?);
    found.extend(operations(daemon, now).await?);
    found.extend(super::waived::conditions(daemon, now).await?);
    found.extend(broken_instances(daemon).await?);
    Ok(Look { found, blind: Vec::new() })
}

async fn restart_loop(daemon: &Daemon, now: Timestamp) -> Result<Option<Condition>> {
    let starts = daemon.catalog.starts_since(now - STARTS_WITHIN).await?;
    let minutes = STARTS_WITHIN.as_secs() / 60;
    let text = format!("the daemon was started {} times within {minutes} min", starts.len());
    let advice = "its log says why it ended: journalctl -u rekindle";
    let is = condition(Severity::Critical, Kind::RestartLoop, Scope::Daemon, text, advice);
    Ok((starts.len() >= STARTS).then(|| Condition { since: starts.first().copied(), ..is }))
}

async fn operations(daemon: &Daemon, now: Timestamp) -> Result<Vec<Condition>> {
    let filter = Filter { unfinished: true, limit: OPERATIONS_MAX, ..Filter::default() };
    let limit = SignedDuration::from_secs(i64::try_from(daemon.config.alerts.waiting_seconds).unwrap_or(i64::MAX));
    let mut found = Vec::new();
    for run in daemon.runs.list(&filter).await? {
        let head = &run.head;
        let of = head.subject.as_deref().map_or(String::new(), |source| format!(" of {source}"));
        let waits = match run.state.status {
            Status::Stuck => {
                let why = run.state.failure.as_ref().map_or("nobody knows why", |failure| &failure.message);
                let text = format!("{}{of} can go neither forth nor back: {why}", head.kind);
                let back = way_back(&run).unwrap_or_default();
                let advice = format!(
                    "put it right, then this leads back: {back}; or give it up: rekindle ops abandon {}",
                    head.id
                );
                let scope = Scope::Operation(head.id.clone());
                found.push(condition(Severity::Critical, Kind::OperationStuck, scope, text, advice));
                continue;
            }
            Status::AwaitingApproval => "waits to be approved",
            Status::Paused => "is paused, and waits for a person",
            _ => continue,
        };
        // When it began to wait is the end of what was last done in it.
        let last = run.state.steps.iter().filter_map(|step| step.ended.or(step.began)).max();
        let since = last.unwrap_or(head.created).max(head.created);
        if now.duration_since(since) >= limit {
            let advice = format!("rekindle ops show {}", head.id);
            let scope = Scope::Operation(head.id.clone());
            let is =
                condition(Severity::Warning, Kind::OperationWaits, scope, format!("{}{of} {waits}", head.kind), advice);
            found.push(Condition { since: Some(since), ..is });
        }
    }
    Ok(found)
}

/// What brings itself up again is no alarm.
async fn broken_instances(daemon: &Daemon) -> Result<Vec<Condition>> {
    let mut found = Vec::new();
    for (name, conditions) in instances::troubles(daemon).await? {
        let critical = conditions.into_iter().find(|condition| condition.severity == "critical");
        found.extend(critical.map(|is| {
            let text = format!("{} ({})", is.text, is.kind);
            let scope = Scope::Instance(name);
            let made = condition(Severity::Critical, Kind::InstanceFailing, scope, text, is.advice);
            Condition { since: is.since, ..made }
        }));
    }
    Ok(found)
}

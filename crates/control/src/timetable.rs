//! The timetable: what policies want done by itself, begun when it is due. It only asks for operations; that asking twice for one slot
//! is asking once is the key's work, so a daemon that dies between asking and noting does no harm.
//!
//! ```text
//!   slot of a rule ──► put off by jitter ──► a window is open ──► operation `backup`, key = source, rule, slot
//!                                                                 whose last step is expiry by the policy
//! ```

use std::collections::HashMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::daemon::Daemon;
use crate::error::{Error, Result};
use crate::operation::{self, By};
use crate::policy::{BackupRule, Due, Policy, Stack};
use crate::stacks;

const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Who asks.
pub(crate) const TIMETABLE: &str = "timetable";
/// A rule that does not catch up leaves out what is later than this.
const LATE: SignedDuration = SignedDuration::from_secs(60);
/// Expiry runs by itself so often.
const EXPIRE_EVERY: SignedDuration = SignedDuration::from_hours(1);

/// Runs as long as the daemon.
pub(crate) async fn keep_time(daemon: Daemon) {
    let mut told = Told(HashMap::new());
    loop {
        if let Err(error) = look(&daemon, &mut told).await {
            tracing::error!(%error, "the timetable could not be looked at");
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn look(daemon: &Daemon, told: &mut Told) -> Result<()> {
    let now = daemon.host.env.now();
    let timers: HashMap<String, Timestamp> = daemon.catalog.timers().await?.into_iter().collect();
    for stack in stacks::all(daemon).await?.iter() {
        for source in stack.sources.iter().filter(|source| daemon.has_source(&source.name)) {
            for wanted in due(stack, &source.name, &timers, now) {
                match begin(daemon, &wanted).await {
                    Ok(()) => drop(told.0.remove(&wanted.timer)),
                    Err(error) if told.is_news(&wanted.timer, &error.to_string()) => say(&wanted, &error),
                    Err(_) => {}
                }
            }
        }
    }
    Ok(())
}

/// Why each timer's work could not be begun, so that one reason is said once.
struct Told(HashMap<String, String>);

impl Told {
    fn is_news(&mut self, timer: &str, why: &str) -> bool {
        self.0.insert(timer.to_owned(), why.to_owned()).as_deref() != Some(why)
    }
}

fn say(wanted: &Wanted, error: &Error) {
    let (source, timer) = (&wanted.source, &wanted.timer);
    match error {
        Error::Engine(engine::Error::Unreachable { .. }) => {
            tracing::info!(%error, source, timer, "waits for a moment that can be restored");
        }
        _ => tracing::error!(%error, source, timer, "what was due could not be begun"),
    }
}

/// Something that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Wanted {
    source: String,
    timer: String,
    slot: Timestamp,
    /// When it should begin: the slot, put off by jitter.
    due: Timestamp,
    work: Work,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Work {
    Backup { rule: String, missed: u32 },
    Drill { checks: Option<String> },
    Expire,
}

/// Pure: what of a source's timetable is due, by the slots that were served last.
fn due(stack: &Stack, source: &str, timers: &HashMap<String, Timestamp>, now: Timestamp) -> Vec<Wanted> {
    let policy = &stack.policy;
    let mut found = Vec::new();
    if policy.is_open(now) {
        found.extend(policy.backups.iter().filter_map(|rule| due_backup(rule, source, timers, now)));
        found.extend(due_drill(policy, source, timers, now));
    }
    found.extend(due_expiry(policy, source, timers, now));
    found
}

fn due_backup(rule: &BackupRule, source: &str, timers: &HashMap<String, Timestamp>, now: Timestamp) -> Option<Wanted> {
    let timer = format!("backup {source} {}", rule.name);
    match rule.due(timers.get(&timer).copied(), now, LATE) {
        Due::Now { of, missed } => {
            let (due, work) = (rule.begins(of, source), Work::Backup { rule: rule.name.clone(), missed });
            (now >= due).then(|| Wanted { source: source.to_owned(), timer, slot: of, due, work })
        }
        _ => None,
    }
}

fn due_drill(policy: &Policy, source: &str, timers: &HashMap<String, Timestamp>, now: Timestamp) -> Option<Wanted> {
    let (drill, timer) = (policy.drills.as_ref()?, format!("drill {source}"));
    match drill.schedule.due(timers.get(&timer).copied(), now) {
        Due::Now { of, .. } => Some(Wanted {
            source: source.to_owned(),
            timer,
            slot: of,
            due: of,
            work: Work::Drill { checks: drill.checks.clone() },
        }),
        Due::Nothing { .. } => None,
    }
}

/// Behind each backup of the timetable there is one anyway; this is for what people took by hand, and for quiet times.
fn due_expiry(policy: &Policy, source: &str, timers: &HashMap<String, Timestamp>, now: Timestamp) -> Option<Wanted> {
    if policy.backups.is_empty() && policy.manual.is_none() {
        return None;
    }
    let timer = format!("expire {source}");
    let long_ago = timers.get(&timer).is_none_or(|last| now.duration_since(*last) >= EXPIRE_EVERY);
    long_ago.then(|| Wanted { source: source.to_owned(), timer, slot: now, due: now, work: Work::Expire })
}

async fn begin(daemon: &Daemon, wanted: &Wanted) -> Result<()> {
    let key = format!("{} {}", wanted.timer, wanted.slot);
    let by = |why: String| By { name: TIMETABLE.to_owned(), why, key: Some(key.clone()) };
    let source = wanted.source.as_str();
    let begun = match &wanted.work {
        Work::Backup { rule, missed } => {
            let why = match missed {
                0 => format!("rule {rule}, slot {}, due {}", wanted.slot, wanted.due),
                _ => format!("rule {rule}, slot {}, due {}; {missed} before it were missed", wanted.slot, wanted.due),
            };
            operation::backup::begin_by_rule(daemon, source, rule, by(why)).await
        }
        Work::Drill { checks } => {
            operation::drill::begin_newest(daemon, source, checks.as_deref(), by("timetable".into())).await
        }
        Work::Expire => operation::expire::begin_by_policy(daemon, source, by("retention of the policy".into())).await,
    };
    match begun {
        Ok(operation) => tracing::debug!(operation = operation.id, timer = wanted.timer, "begun by the timetable"),
        // One of another rule, or somebody's: it does not serve this slot, which is asked for again when it is over.
        Err(Error::Busy { id, .. }) if is_of_another(daemon, &id, wanted).await? => return Ok(()),
        // One of them still runs: this slot is served by it.
        Err(Error::Busy { id, .. }) => {
            tracing::warn!(timer = wanted.timer, operation = id, "left out: the last one still runs");
        }
        Err(error) => return Err(error),
    }
    daemon.catalog.set_timer(&wanted.timer, wanted.slot).await
}

async fn is_of_another(daemon: &Daemon, id: &str, wanted: &Wanted) -> Result<bool> {
    let Work::Backup { rule, .. } = &wanted.work else { return Ok(false) };
    Ok(operation::backup::rule_of(daemon, id).await?.as_ref() != Some(rule))
}

#[cfg(test)]
mod tests;

//! Tells channels: who is told, with which words; and the sending, each channel at its own pace and in its order.
//!
//! A message waits in the catalog until it was delivered or was tried for about two hours. It can arrive twice, when a daemon ends between
//! sending and noting; its id is then the same.

use std::time::Duration;

use api::{AlarmMessage, ChannelTest};
use jiff::Timestamp;

use super::channel::{self, Undelivered};
use super::core::{Alarm, Change};
use super::{heartbeat, view};
use crate::catalog::{DELIVERED, GIVEN_UP, Notice, NoticeRow, WAITING, time};
use crate::config::ChannelSettings;
use crate::daemon::Daemon;
use crate::error::{Error, Result};

const TRIES: i64 = 20;
/// One that was understood and refused.
const TRIES_REFUSED: i64 = 3;
const AGAIN_MAX: Duration = Duration::from_secs(600);
const LOOK_EVERY: Duration = Duration::from_secs(2);
const NOT_NOTED_WAIT: Duration = Duration::from_secs(60);

/// How long to wait after so many failures in a row: 1 s, 2 s, 4 s …
pub(super) fn wait_after(failures: u32) -> Duration {
    if failures == 0 {
        return Duration::ZERO;
    }
    let doubled = 1u64.checked_shl(failures - 1).unwrap_or(u64::MAX);
    Duration::from_secs(doubled).min(AGAIN_MAX)
}

/// What channels know from before, and an end to what waits for those that are gone.
pub(super) async fn take_up(daemon: &Daemon) -> Result<()> {
    let settings = &daemon.config.alerts;
    for channel in daemon.catalog.waiting_channels().await? {
        if settings.channel.iter().all(|known| known.name != channel) {
            daemon.catalog.give_up_channel(&channel).await?;
        }
    }
    for channel in &settings.channel {
        let last = daemon.catalog.last_tried(&channel.name).await?;
        let failed = last.and_then(|last| Some((last.error?, last.tried?)));
        if let Some((error, tried)) = failed {
            let mut memory = daemon.alarms.memory();
            let known = memory.channels.entry(channel.name.clone()).or_default();
            (known.failures, known.failing_since, known.error) = (super::FAILURES_THAT_COUNT, Some(time(tried)), error);
        }
    }
    Ok(())
}

/// Names of those who are told of a change: who was told of the alarm is told of its end.
pub(super) async fn whom(daemon: &Daemon, change: &Change, alarm: &Alarm) -> Result<Vec<String>> {
    let channels = &daemon.config.alerts.channel;
    let told = match change {
        Change::Seen { .. } => return Ok(Vec::new()),
        Change::Clear { n } => Some(daemon.catalog.notices(*n).await?),
        _ => None,
    };
    let severity = alarm.condition.severity;
    let concerned = |channel: &&ChannelSettings| match &told {
        Some(told) => told.iter().any(|notice| notice.channel == channel.name),
        None => severity >= channel::least(channel.severity),
    };
    Ok(channels.iter().filter(concerned).map(|channel| channel.name.clone()).collect())
}

/// The messages, made when the alarm has its number.
pub(super) fn notices(
    daemon: &Daemon,
    event: Option<&'static str>,
    channels: Vec<String>,
    now: Timestamp,
) -> impl Fn(&Alarm) -> Vec<Notice> + use<> {
    let id = new_id(daemon);
    let vault = daemon.vault.store().location().to_owned();
    move |alarm| {
        let message = message(id.clone(), event.unwrap_or_default(), alarm, vault.clone(), now);
        let message = serde_json::to_string(&message).unwrap_or_default();
        channels.iter().map(|channel| Notice { channel: channel.clone(), message: message.clone() }).collect()
    }
}

fn new_id(daemon: &Daemon) -> String {
    vault::names::hex(&daemon.host.env.random::<8>())
}

fn message(id: String, event: &str, alarm: &Alarm, vault: String, at: Timestamp) -> AlarmMessage {
    let is = &alarm.condition;
    let severity = is.severity.name();
    let word = match event {
        "cleared" => "cleared".to_owned(),
        "worse" => format!("now {severity}"),
        "repeated" => format!("still {severity}"),
        _ => severity.to_owned(),
    };
    let over = event == "cleared";
    AlarmMessage {
        id,
        event: event.to_owned(),
        at,
        title: format!("Rekindle: {word} · {} · {}", is.kind.name(), is.scope),
        text: if over { format!("It is over. It was: {}", is.text) } else { is.text.clone() },
        advice: if over { String::new() } else { is.advice.clone() },
        severity: severity.to_owned(),
        vault,
        alarm: Some(view::alarm(alarm)),
    }
}

/// One line in the daemon's log for what is told.
pub(super) fn log(alarm: &Alarm, change: &Change) {
    let is = &alarm.condition;
    let (n, kind, scope, severity) = (alarm.n, is.kind.name(), is.scope.to_string(), is.severity.name());
    match change {
        Change::Seen { .. } => {}
        Change::Clear { .. } => tracing::info!(alarm = n, kind, scope, "cleared: {}", is.text),
        _ => tracing::warn!(alarm = n, kind, scope, severity, advice = is.advice, "{}", is.text),
    }
}

/// Sends what waits for a channel, the oldest first, as long as the daemon runs.
pub(super) async fn deliver(daemon: Daemon, channel: ChannelSettings) {
    loop {
        let told = daemon.alarms.told.notified();
        match daemon.catalog.next_notice(&channel.name).await {
            Ok(Some(notice)) => {
                let failures = Box::pin(send_one(&daemon, &channel, &notice)).await;
                pause(&daemon, &channel.name, wait_after(failures)).await;
            }
            Ok(None) => drop(tokio::time::timeout(LOOK_EVERY, told).await),
            Err(error) => {
                tracing::error!(%error, channel = channel.name, "what a channel is to be told cannot be read");
                tokio::time::sleep(LOOK_EVERY).await;
            }
        }
    }
}

/// A channel that was tested meanwhile, and does not fail any more, is not waited for.
async fn pause(daemon: &Daemon, channel: &str, wait: Duration) {
    let fails = || daemon.alarms.memory().channels.get(channel).is_some_and(|known| known.failures > 0);
    let until = daemon.host.env.monotonic().saturating_add(wait);
    while daemon.host.env.monotonic() < until && fails() {
        let left = until.saturating_sub(daemon.host.env.monotonic());
        tokio::time::sleep(left.min(LOOK_EVERY)).await;
    }
}

/// Gives how often the channel has failed in a row.
async fn send_one(daemon: &Daemon, channel: &ChannelSettings, notice: &NoticeRow) -> u32 {
    let sent = match serde_json::from_str::<AlarmMessage>(&notice.message) {
        Ok(message) => channel::send(&daemon.host, channel, &message).await,
        Err(error) => Err(Undelivered { refused: true, ..Undelivered::new(error.to_string()) }),
    };
    let now = daemon.host.env.now();
    let (outcome, error) = match &sent {
        Ok(()) => (DELIVERED, None),
        Err(error) => {
            let most = if error.refused { TRIES_REFUSED } else { TRIES };
            let outcome = if notice.tries + 1 >= most { GIVEN_UP } else { WAITING };
            tracing::warn!(
                channel = channel.name,
                notice = notice.n,
                outcome,
                error = error.what,
                "a channel was not told"
            );
            (outcome, Some(error.what.as_str()))
        }
    };
    let noted = daemon.catalog.tried(notice.n, outcome, error, now).await;
    note(daemon, &channel.name, error, now);
    if let Err(error) = noted {
        // It was told, and that cannot be noted: not so soon again.
        tracing::error!(%error, channel = channel.name, "what a channel was told cannot be noted");
        tokio::time::sleep(NOT_NOTED_WAIT).await;
    }
    daemon.alarms.memory().channels.get(&channel.name).map_or(0, |known| known.failures)
}

pub(super) fn note(daemon: &Daemon, channel: &str, error: Option<&str>, now: Timestamp) {
    daemon.alarms.memory().channels.entry(channel.to_owned()).or_default().note(error, now);
}

/// Sends a test to one channel or heartbeat, or to each, at once.
pub(crate) async fn test(daemon: &Daemon, asked: Option<&str>) -> Result<Vec<ChannelTest>> {
    let wanted = |name: &str| asked.is_none_or(|asked| asked == name);
    let settings = &daemon.config.alerts;
    let mut tests = Vec::new();
    for channel in settings.channel.iter().filter(|channel| wanted(&channel.name)) {
        tests.push(Box::pin(test_one(daemon, channel)).await?);
    }
    for beat in settings.heartbeat.iter().filter(|beat| wanted(&beat.name)) {
        tests.push(Box::pin(heartbeat::test(daemon, beat)).await);
    }
    match (asked, tests.is_empty()) {
        (Some(name), true) => Err(Error::Unknown { what: "channel", name: name.to_owned() }),
        _ => Ok(tests),
    }
}

async fn test_one(daemon: &Daemon, channel: &ChannelSettings) -> Result<ChannelTest> {
    let now = daemon.host.env.now();
    let message = AlarmMessage {
        id: new_id(daemon),
        event: "test".to_owned(),
        at: now,
        title: "Rekindle: a test · nothing is wrong".to_owned(),
        text: format!("This is how an alarm reaches the channel {}.", channel.name),
        advice: String::new(),
        severity: "warning".to_owned(),
        vault: daemon.vault.store().location().to_owned(),
        alarm: None,
    };
    let begun = daemon.host.env.monotonic();
    let sent = channel::send(&daemon.host, channel, &message).await;
    let seconds = daemon.host.env.monotonic().saturating_sub(begun).as_secs_f64();
    let error = sent.as_ref().err().map(|error| error.what.as_str());
    let text = serde_json::to_string(&message).unwrap_or_default();
    daemon.catalog.add_test(&Notice { channel: channel.name.clone(), message: text }, error, now).await?;
    note(daemon, &channel.name, error, now);
    let kind = channel::kind_name(channel.kind).to_owned();
    Ok(outcome(channel.name.clone(), kind, channel::destination(channel), seconds, sent))
}

pub(super) fn outcome(
    channel: String,
    kind: String,
    to: String,
    seconds: f64,
    sent: Result<(), Undelivered>,
) -> ChannelTest {
    let (error, hint) = sent.err().map_or((None, None), |error| (Some(error.what), error.hint));
    ChannelTest { channel, kind, to, delivered: error.is_none(), seconds, error, hint }
}

#[cfg(test)]
mod tests;

//! What is told of alarms.

use api::{AlarmDetail, AlarmView, NoticeView};

use super::condition::Scope;
use super::core::Alarm;
use crate::catalog::{AlarmFilter, NoticeRow, time};
use crate::daemon::Daemon;
use crate::error::{Error, Result};

pub(super) fn alarm(alarm: &Alarm) -> AlarmView {
    let is = &alarm.condition;
    AlarmView {
        n: alarm.n.unsigned_abs(),
        kind: is.kind.name().to_owned(),
        scope: is.scope.to_string(),
        source: match &is.scope {
            Scope::Source(name) => Some(name.clone()),
            _ => None,
        },
        severity: is.severity.name().to_owned(),
        since: alarm.since,
        raised: alarm.raised,
        last_seen: alarm.last_seen,
        cleared: alarm.cleared,
        times_told: alarm.times_told,
        text: is.text.clone(),
        advice: is.advice.clone(),
    }
}

fn notice(row: NoticeRow) -> NoticeView {
    NoticeView {
        n: row.n.unsigned_abs(),
        channel: row.channel,
        event: row.event,
        made: time(row.made),
        outcome: row.outcome,
        tries: u32::try_from(row.tries).unwrap_or(u32::MAX),
        tried: row.tried.map(time),
        error: row.error,
    }
}

pub(crate) async fn list(daemon: &Daemon, filter: &AlarmFilter) -> Result<Vec<AlarmView>> {
    Ok(daemon.catalog.alarms(filter).await?.iter().map(alarm).collect())
}

pub(crate) async fn show(daemon: &Daemon, n: u64) -> Result<AlarmDetail> {
    let unknown = || Error::Unknown { what: "alarm", name: n.to_string() };
    let number = i64::try_from(n).map_err(|_| unknown())?;
    let found = daemon.catalog.alarm(number).await?.ok_or_else(unknown)?;
    let notices = daemon.catalog.notices(number).await?.into_iter().map(notice).collect();
    Ok(AlarmDetail { alarm: alarm(&found), notices })
}

/// Raised ones that no source shows.
pub(crate) fn about_no_source(daemon: &Daemon) -> Vec<AlarmView> {
    let memory = daemon.alarms.memory();
    let others = memory.raised.iter().filter(|alarm| !matches!(alarm.condition.scope, Scope::Source(_)));
    others.map(alarm).collect()
}

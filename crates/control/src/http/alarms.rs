//! `/alarms`: what is wrong, what was, and tests of the channels.

use api::{AlarmDetail, AlarmTestAsk, AlarmView, ChannelTest};
use axum::Json;
use axum::extract::{Path, Query, State};
use jiff::Timestamp;
use serde::Deserialize;

use super::guard::Seen;
use super::sources::Body;
use crate::alarms;
use crate::catalog::AlarmFilter;
use crate::daemon::Daemon;
use crate::error::{Error, Result};

const LISTED: u32 = 100;
const LISTED_MAX: u32 = 1000;

/// `?all=true&since=2026-11-21T00:00:00Z&kind=log-gap&source=shop&severity=critical&before=31&limit=100`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Listed {
    /// Also those that are over.
    #[serde(default)]
    all: bool,
    /// All that were raised at some time since then.
    since: Option<Timestamp>,
    kind: Option<String>,
    source: Option<String>,
    severity: Option<String>,
    before: Option<i64>,
    limit: Option<u32>,
}

pub(super) async fn list(
    State(daemon): State<Daemon>,
    seen: Seen,
    asked: Result<Query<Listed>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<Vec<AlarmView>>> {
    let Query(asked) = asked.map_err(|e| Error::Ask(format!("the question is not understood: {e}")))?;
    let filter = AlarmFilter {
        raised_only: !asked.all && asked.since.is_none(),
        since: asked.since,
        kind: asked.kind,
        scope: asked.source.map(|source| format!("source {source}")),
        severity: asked.severity,
        before: asked.before,
        limit: asked.limit.unwrap_or(LISTED).min(LISTED_MAX),
    };
    let mut found = alarms::list(&daemon, &filter).await?;
    found.retain(|alarm| seen.source(alarm.source.as_deref()));
    Ok(Json(found))
}

pub(super) async fn show(State(daemon): State<Daemon>, seen: Seen, Path(n): Path<String>) -> Result<Json<AlarmDetail>> {
    let unknown = || Error::Unknown { what: "alarm", name: n.clone() };
    let found = alarms::show(&daemon, n.parse().map_err(|_| unknown())?).await?;
    if seen.source(found.alarm.source.as_deref()) { Ok(Json(found)) } else { Err(unknown()) }
}

pub(super) async fn test(
    State(daemon): State<Daemon>,
    Body(ask): Body<AlarmTestAsk>,
) -> Result<Json<Vec<ChannelTest>>> {
    alarms::test(&daemon, ask.channel.as_deref()).await.map(Json)
}

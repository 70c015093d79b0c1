//! `/status`, `/check` and `/operations`.

use api::{CheckAsk, LogLine, Operation, OperationAsk, RestorePlan, Status};
use axum::Json;
use axum::extract::{Path, Query, State};
use ops::{Event, Filter};
use serde::Deserialize;

use super::guard::Seen;
use super::sources::Body;
use crate::daemon::Daemon;
use crate::error::Result;
use crate::operation::By;
use crate::{operation, views};

pub(super) async fn status(State(daemon): State<Daemon>, seen: Seen) -> Result<Json<Status>> {
    let mut status = views::status(&daemon).await?;
    status.sources.retain(|source| seen.source(Some(&source.name)));
    status.instances.retain(|instance| seen.source(Some(&instance.source)));
    status.operations.retain(|operation| seen.source(operation.source.as_deref()));
    Ok(Json(status))
}

pub(super) async fn check(State(daemon): State<Daemon>, by: By, Body(ask): Body<CheckAsk>) -> Result<Json<Operation>> {
    operation::check::begin(&daemon, ask, by).await.map(Json)
}

/// `?kind=backup&source=shop&unfinished=true&before=ID&limit=50`: the newest first, older than `before`.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Listed {
    kind: Option<String>,
    source: Option<String>,
    #[serde(default)]
    unfinished: bool,
    before: Option<String>,
    #[serde(default)]
    limit: u32,
}

pub(super) async fn list(
    State(daemon): State<Daemon>,
    seen: Seen,
    Query(asked): Query<Listed>,
) -> Result<Json<Vec<Operation>>> {
    let Listed { kind, source: subject, unfinished, before, limit } = asked;
    let before = match before {
        Some(id) => Some(operation::place_of(&daemon, &id).await?),
        None => None,
    };
    let filter = Filter { kind, subject, unfinished, before, limit, ..Filter::default() };
    operation::list_seen(&daemon, filter, |operation| seen.source(operation.source.as_deref())).await.map(Json)
}

pub(super) async fn show(State(daemon): State<Daemon>, Path(id): Path<String>) -> Result<Json<Operation>> {
    operation::find(&daemon, &id).await.map(Json)
}

pub(super) async fn plan(State(daemon): State<Daemon>, Path(id): Path<String>) -> Result<Json<RestorePlan>> {
    operation::plan(&daemon, &id).await.map(Json)
}

/// `?after=12`: lines behind the twelfth.
#[derive(Debug, Default, Deserialize)]
pub(super) struct After {
    #[serde(default)]
    after: u64,
}

pub(super) async fn log(
    State(daemon): State<Daemon>,
    Path(id): Path<String>,
    Query(After { after }): Query<After>,
) -> Result<Json<Vec<LogLine>>> {
    operation::log(&daemon, &id, after).await.map(Json)
}

macro_rules! told {
    ($($name:ident => |$by:ident, $why:ident| $event:expr;)*) => {
        $(pub(super) async fn $name(
            State(daemon): State<Daemon>,
            Path(id): Path<String>,
            By { name: $by, .. }: By,
            Body(OperationAsk { why: $why }): Body<OperationAsk>,
        ) -> Result<Json<Operation>> {
            operation::tell(&daemon, &id, &$event).await.map(Json)
        })*
    };
}

told! {
    approve => |by, why| Event::Approved { by, why };
    refuse => |by, why| Event::Refused { by, why };
    pause => |by, _why| Event::PauseAsked { by };
    resume => |by, _why| Event::Resumed { by };
    cancel => |by, why| Event::CancelAsked { by, why };
    retry => |by, _why| Event::RetryAsked { by };
    abandon => |by, why| Event::Abandoned { by, why };
}

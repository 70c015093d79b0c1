//! `/sources`: protecting, looking, backing up, restoring, expiring.

use api::{
    BackupAsk, ConsentAsk, ConsumerView, ExpireAsk, ExpiryView, MomentView, Operation, OutlookView, PinAsk,
    ProtectAnswer, ProtectAsk, RestoreAsk, RestorePlan, RetiredView, SourceView, TimelineView, VolumeView,
};
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequest, Path, Query, Request, State};
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::guard::{Seen, Subject};
use crate::daemon::Daemon;
use crate::error::{Error, Result};
use crate::operation::By;
use crate::{consumers, moment, operation, outlook, overview, retired, source, views};

/// A JSON body whose mistakes are told in our own shape.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Body<T>> {
        let bytes = axum::body::Bytes::from_request(request, state).await;
        let bytes = bytes.map_err(|e| match e.status() {
            axum::http::StatusCode::PAYLOAD_TOO_LARGE => Error::TooLarge,
            _ => Error::Ask(format!("the request has no readable body: {e}")),
        })?;
        let bytes: &[u8] = if bytes.is_empty() { b"{}" } else { &bytes };
        serde_json::from_slice(bytes).map(Body).map_err(|e| Error::Ask(format!("the request is not understood: {e}")))
    }
}

pub(super) async fn protect(
    State(daemon): State<Daemon>,
    by: By,
    subject: Subject,
    Body(ask): Body<ProtectAsk>,
) -> Result<Json<ProtectAnswer>> {
    subject.is(&ask.name);
    source::protect(&daemon, &ask, by).await.map(Json)
}

pub(super) async fn unprotect(State(daemon): State<Daemon>, by: By, Path(name): Path<String>) -> Result<Json<()>> {
    source::unprotect(&daemon, &name, by).await.map(Json)
}

pub(super) async fn show(State(daemon): State<Daemon>, Path(name): Path<String>) -> Result<Json<SourceView>> {
    let unfinished = operation::unfinished(&daemon).await?;
    views::source(&daemon, &daemon.source(&name)?, &unfinished).await.map(Json)
}

pub(super) async fn timeline(State(daemon): State<Daemon>, Path(name): Path<String>) -> Result<Json<TimelineView>> {
    views::timeline(&daemon, &name).await.map(Json)
}

/// `?at=2026-11-21T02:57:00Z`
#[derive(Debug, Deserialize)]
pub(super) struct At {
    at: Timestamp,
}

pub(super) async fn moment(
    State(daemon): State<Daemon>,
    Path(name): Path<String>,
    asked: Result<Query<At>, QueryRejection>,
) -> Result<Json<MomentView>> {
    let Query(At { at }) = asked.map_err(|e| Error::Ask(format!("the question is not understood: {e}")))?;
    moment::look(&daemon, &name, at).await.map(Json)
}

pub(super) async fn volume(State(daemon): State<Daemon>, Path(name): Path<String>) -> Result<Json<Vec<VolumeView>>> {
    moment::volume(&daemon, &name).await.map(Json)
}

pub(super) async fn expiry(State(daemon): State<Daemon>, Path(name): Path<String>) -> Result<Json<ExpiryView>> {
    overview::expiry(&daemon, &name).await.map(Json)
}

pub(super) async fn outlook(State(daemon): State<Daemon>, Path(name): Path<String>) -> Result<Json<OutlookView>> {
    outlook::outlook(&daemon, &name).await.map(Json)
}

pub(super) async fn backup(
    State(daemon): State<Daemon>,
    Path(name): Path<String>,
    by: By,
    Body(ask): Body<BackupAsk>,
) -> Result<Json<Operation>> {
    operation::backup::begin(&daemon, &name, ask, by).await.map(Json)
}

pub(super) async fn restore(
    State(daemon): State<Daemon>,
    Path(name): Path<String>,
    by: By,
    Body(ask): Body<RestoreAsk>,
) -> Result<Json<Operation>> {
    operation::restore::begin(&daemon, &name, ask, by).await.map(Json)
}

pub(super) async fn plan(
    State(daemon): State<Daemon>,
    Path(name): Path<String>,
    Body(ask): Body<RestoreAsk>,
) -> Result<Json<RestorePlan>> {
    operation::restore::plan(&daemon, &name, &ask).await.map(Json)
}

pub(super) async fn consumers(
    State(daemon): State<Daemon>,
    Path(name): Path<String>,
) -> Result<Json<Vec<ConsumerView>>> {
    consumers::list(&daemon, &name).await.map(Json)
}

pub(super) async fn retired(State(daemon): State<Daemon>, seen: Seen) -> Result<Json<Vec<RetiredView>>> {
    let mut found = retired::list(&daemon).await?;
    found.retain(|one| seen.source(Some(&one.source)));
    Ok(Json(found))
}

pub(super) async fn retire(State(daemon): State<Daemon>, Path(id): Path<String>, by: By) -> Result<Json<()>> {
    operation::retire::retire(&daemon, &id, by).await.map(Json)
}

pub(super) async fn rollback(
    State(daemon): State<Daemon>,
    Path(id): Path<String>,
    by: By,
    Body(ask): Body<ConsentAsk>,
) -> Result<Json<Operation>> {
    operation::restore::rollback::begin(&daemon, &id, &ask, by).await.map(Json)
}

pub(super) async fn rollback_plan(
    State(daemon): State<Daemon>,
    Path(id): Path<String>,
    Body(ask): Body<ConsentAsk>,
) -> Result<Json<RestorePlan>> {
    operation::restore::rollback::plan(&daemon, &id, &ask).await.map(Json)
}

pub(super) async fn expire(
    State(daemon): State<Daemon>,
    Path(name): Path<String>,
    by: By,
    Body(ask): Body<ExpireAsk>,
) -> Result<Json<Operation>> {
    operation::expire::begin(&daemon, &name, ask, by).await.map(Json)
}

pub(super) async fn pin(
    State(daemon): State<Daemon>,
    Path((name, backup)): Path<(String, String)>,
    by: By,
    Body(ask): Body<PinAsk>,
) -> Result<Json<()>> {
    operation::pin::pin(&daemon, &name, &backup, ask, by).await.map(Json)
}

pub(super) async fn unpin(
    State(daemon): State<Daemon>,
    Path((name, backup)): Path<(String, String)>,
    by: By,
) -> Result<Json<()>> {
    operation::pin::unpin(&daemon, &name, &backup, by).await.map(Json)
}

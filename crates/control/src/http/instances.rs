//! `/instances`, and what is opened under `/sources`: clones, peeks, drills, extracts.

use api::{
    CloneAsk, DrillAsk, DrillReport, ExtractAsk, HydrationAsk, InstanceView, Operation, PeekAsk, RestorePlan,
    SqlAnswer, SqlAsk,
};
use axum::Json;
use axum::extract::{Path, State};

use super::guard::Seen;
use super::sources::Body;
use crate::daemon::Daemon;
use crate::error::Result;
use crate::operation::By;
use crate::{instances, operation};

pub(super) async fn list(State(daemon): State<Daemon>, seen: Seen) -> Result<Json<Vec<InstanceView>>> {
    let mut found = instances::all(&daemon).await?;
    found.retain(|instance| seen.source(Some(&instance.source)));
    Ok(Json(found))
}

pub(super) async fn show(State(daemon): State<Daemon>, Path(name): Path<String>) -> Result<Json<InstanceView>> {
    instances::one(&daemon, &name).await.map(Json)
}

pub(super) async fn remove(State(daemon): State<Daemon>, Path(name): Path<String>, by: By) -> Result<Json<()>> {
    operation::instance::remove(&daemon, &name, by).await.map(Json)
}

pub(super) async fn start(
    State(daemon): State<Daemon>,
    Path(name): Path<String>,
    by: By,
) -> Result<Json<InstanceView>> {
    operation::instance::start(&daemon, &name, by).await.map(Json)
}

pub(super) async fn stop(State(daemon): State<Daemon>, Path(name): Path<String>, by: By) -> Result<Json<InstanceView>> {
    operation::instance::stop(&daemon, &name, by).await.map(Json)
}

pub(super) async fn reset(State(daemon): State<Daemon>, Path(name): Path<String>, by: By) -> Result<Json<Operation>> {
    operation::clone::reset(&daemon, &name, by).await.map(Json)
}

pub(super) async fn detach(State(daemon): State<Daemon>, Path(name): Path<String>, by: By) -> Result<Json<()>> {
    operation::instance::detach(&daemon, &name, by).await.map(Json)
}

pub(super) async fn keep(State(daemon): State<Daemon>, Path(name): Path<String>) -> Result<Json<()>> {
    instances::keep(&daemon, &name, operation::clone::PEEK_SECONDS).await.map(Json)
}

pub(super) async fn hydration(
    State(daemon): State<Daemon>,
    Path(name): Path<String>,
    Body(ask): Body<HydrationAsk>,
) -> Result<Json<InstanceView>> {
    instances::hydration(&daemon, &name, ask).await.map(Json)
}

pub(super) async fn sql(
    State(daemon): State<Daemon>,
    Path(name): Path<String>,
    Body(ask): Body<SqlAsk>,
) -> Result<Json<Vec<SqlAnswer>>> {
    instances::sql(&daemon, &name, &ask).await.map(Json)
}

pub(super) async fn clone(
    State(daemon): State<Daemon>,
    Path(name): Path<String>,
    by: By,
    Body(ask): Body<CloneAsk>,
) -> Result<Json<Operation>> {
    operation::clone::begin(&daemon, &name, ask, by).await.map(Json)
}

pub(super) async fn peek(
    State(daemon): State<Daemon>,
    Path(name): Path<String>,
    by: By,
    Body(ask): Body<PeekAsk>,
) -> Result<Json<Operation>> {
    operation::clone::peek(&daemon, &name, ask, by).await.map(Json)
}

pub(super) async fn drill(
    State(daemon): State<Daemon>,
    Path(name): Path<String>,
    by: By,
    Body(ask): Body<DrillAsk>,
) -> Result<Json<Operation>> {
    operation::drill::begin(&daemon, &name, ask, by).await.map(Json)
}

pub(super) async fn evidence(
    State(daemon): State<Daemon>,
    Path((name, id)): Path<(String, String)>,
) -> Result<Json<DrillReport>> {
    operation::drill::evidence(&daemon, &name, &id).await.map(Json)
}

pub(super) async fn extract_plan(
    State(daemon): State<Daemon>,
    Path(name): Path<String>,
    Body(ask): Body<ExtractAsk>,
) -> Result<Json<RestorePlan>> {
    operation::extract::plan(&daemon, &name, ask).await.map(Json)
}

pub(super) async fn extract(
    State(daemon): State<Daemon>,
    Path(name): Path<String>,
    by: By,
    Body(ask): Body<ExtractAsk>,
) -> Result<Json<Operation>> {
    operation::extract::begin(&daemon, &name, ask, by).await.map(Json)
}

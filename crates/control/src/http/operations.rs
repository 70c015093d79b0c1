//! `/status`, `/check` and `/operations`.

use api::{CheckAsk, Operation, Status};
use axum::Json;
use axum::extract::{Path, State};

use super::sources::Body;
use crate::daemon::Daemon;
use crate::error::Result;
use crate::{operation, views};

pub(super) async fn status(State(daemon): State<Daemon>) -> Result<Json<Status>> {
    views::status(&daemon).await.map(Json)
}

pub(super) async fn check(State(daemon): State<Daemon>, Body(ask): Body<CheckAsk>) -> Result<Json<Operation>> {
    operation::check::begin(&daemon, ask).await.map(Json)
}

pub(super) async fn list(State(daemon): State<Daemon>) -> Result<Json<Vec<Operation>>> {
    operation::list(&daemon).await.map(Json)
}

pub(super) async fn show(State(daemon): State<Daemon>, Path(id): Path<String>) -> Result<Json<Operation>> {
    operation::find(&daemon, &id).await.map(Json)
}

pub(super) async fn cancel(State(daemon): State<Daemon>, Path(id): Path<String>) -> Result<Json<()>> {
    daemon.running.cancel(&id).map(Json)
}

//! `/users`: who there is, and with which rights.

use api::{PasswordAsk, RolesAsk, UserAsk, UserView};
use axum::Json;
use axum::extract::{Path, State};

use super::guard::Subject;
use super::sources::Body;
use crate::daemon::Daemon;
use crate::error::Result;
use crate::people::users;

pub(super) async fn list(State(daemon): State<Daemon>) -> Result<Json<Vec<UserView>>> {
    users::list(&daemon).await.map(Json)
}

pub(super) async fn show(State(daemon): State<Daemon>, Path(name): Path<String>) -> Result<Json<UserView>> {
    users::show(&daemon, &name).await.map(Json)
}

pub(super) async fn add(
    State(daemon): State<Daemon>,
    subject: Subject,
    Body(ask): Body<UserAsk>,
) -> Result<Json<UserView>> {
    let added = users::add(&daemon, &ask).await?;
    subject.is(&added.name);
    Ok(Json(added))
}

pub(super) async fn remove(State(daemon): State<Daemon>, Path(name): Path<String>) -> Result<Json<()>> {
    users::remove(&daemon, &name).await.map(Json)
}

pub(super) async fn roles(
    State(daemon): State<Daemon>,
    Path(name): Path<String>,
    Body(ask): Body<RolesAsk>,
) -> Result<Json<UserView>> {
    users::set_roles(&daemon, &name, &ask.grants).await.map(Json)
}

pub(super) async fn password(
    State(daemon): State<Daemon>,
    Path(name): Path<String>,
    Body(ask): Body<PasswordAsk>,
) -> Result<Json<()>> {
    users::set_password(&daemon, &name, &ask.password.0).await.map(Json)
}

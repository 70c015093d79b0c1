//! `/vault` and `/settings`: what they are, without anything secret.

use api::{SettingsView, VaultView};
use axum::Json;
use axum::extract::State;

use crate::daemon::Daemon;
use crate::error::Result;
use crate::overview;

pub(super) async fn show(State(daemon): State<Daemon>) -> Result<Json<VaultView>> {
    overview::vault(&daemon).await.map(Json)
}

pub(super) async fn settings(State(daemon): State<Daemon>) -> Json<SettingsView> {
    Json(overview::settings(&daemon))
}

//! `/audit`: what was asked to change, and whether the log of it is whole.

use api::{AuditRecord, AuditVerdict};
use axum::Json;
use axum::extract::{Query, State};
use serde::Deserialize;

use crate::audit;
use crate::daemon::Daemon;
use crate::error::Result;

const LISTED: u32 = 100;

/// `?before=120&limit=50`
#[derive(Debug, Default, Deserialize)]
pub(super) struct Listed {
    before: Option<u64>,
    limit: Option<u32>,
}

pub(super) async fn list(
    State(daemon): State<Daemon>,
    Query(Listed { before, limit }): Query<Listed>,
) -> Result<Json<Vec<AuditRecord>>> {
    audit::list(&daemon, before, limit.unwrap_or(LISTED)).await.map(Json)
}

pub(super) async fn verify(State(daemon): State<Daemon>) -> Result<Json<AuditVerdict>> {
    audit::verify(&daemon).await.map(Json)
}

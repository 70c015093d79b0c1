//! `/metrics`, `/healthz` and `/readyz`, at the root; and the counting of requests.

use std::time::Duration;

use api::Health;
use axum::Json;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::daemon::Daemon;
use crate::error::Result;
use crate::metrics;

const LIMIT: Duration = Duration::from_secs(10);

/// The process serves.
pub(super) async fn healthz() -> Json<Health> {
    Json(health(Vec::new()))
}

/// Catalog and vault answer.
pub(super) async fn readyz(State(daemon): State<Daemon>) -> Response {
    let vault = async {
        match tokio::time::timeout(LIMIT, vault::exists(daemon.vault.store())).await {
            Ok(Ok(true)) => None,
            Ok(Ok(false)) => Some("there is no vault at its place".to_owned()),
            Ok(Err(error)) => Some(format!("the vault does not answer: {error}")),
            Err(_) => Some("the vault does not answer in time".to_owned()),
        }
    };
    let catalog = async { daemon.catalog.answers().await.err().map(|error| error.to_string()) };
    let (vault, catalog) = tokio::join!(vault, catalog);
    let wrong: Vec<String> = catalog.into_iter().chain(vault).collect();
    let status = if wrong.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(health(wrong))).into_response()
}

fn health(wrong: Vec<String>) -> Health {
    Health { ok: wrong.is_empty(), version: env!("CARGO_PKG_VERSION").to_owned(), wrong }
}

pub(super) async fn metrics(State(daemon): State<Daemon>) -> Result<Response> {
    let text = metrics::scrape(&daemon).await?;
    Ok(([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response())
}

pub(super) async fn count(
    State(daemon): State<Daemon>,
    route: Option<MatchedPath>,
    request: Request,
    next: Next,
) -> Response {
    let method = request.method().as_str().to_owned();
    let response = next.run(request).await;
    let route = route.as_ref().map_or("none", MatchedPath::as_str);
    daemon.requests.count(&method, route, response.status().as_u16());
    response
}

//! The HTTP API: on the Unix socket, and in the network when the configuration says so. What there is stands in one table (`routes`); one
//! file per resource.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};

use crate::daemon::Daemon;
use crate::error::Error;

mod alarms;
mod audit;
mod dashboard;
mod events;
mod fleet;
mod guard;
mod health;
mod instances;
mod links;
mod login;
mod openapi;
mod operations;
mod reports;
mod request;
mod route;
mod routes;
mod serve;
mod sources;
mod stacks;
mod tls;
mod tokens;
mod users;
mod vault;
mod who;

pub use openapi::{openapi, roles_table};
pub(crate) use request::request_id;
pub(crate) use serve::{serve, stand_by};

/// Larger than any file of a stack or of checks.
const BODY_BYTES_MAX: usize = 2 << 20;

fn router(daemon: &Daemon) -> Router {
    let mut router = Router::new();
    for route in routes::table() {
        let (path, handler) = (route.full_path(), route.handler());
        let guard = Arc::new(guard::Guard { daemon: daemon.clone(), route });
        router = router.route(&path, handler.route_layer(from_fn_with_state(guard, guard::guard)));
    }
    let framed = daemon.clone();
    let frame = move |request, next| request::frame(framed.clone(), request, next);
    router
        .fallback(dashboard::serve)
        .layer(from_fn_with_state(daemon.clone(), health::count))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(from_fn(frame))
        .with_state(daemon.clone())
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut answer = (status, axum::Json(self.body())).into_response();
        answer.extensions_mut().insert(guard::Refusal(self.code()));
        answer
    }
}

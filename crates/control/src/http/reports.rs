//! `/operations/{id}/report`: the account of a restore in the place of a live cluster, in the form that is asked for.

use api::RunbookReport;
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use crate::daemon::Daemon;
use crate::error::{Error, Result};
use crate::operation::restore;

const ITS_STYLE_ONLY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// `?format=html`
#[derive(Debug, Default, Deserialize)]
pub(super) struct Form {
    #[serde(default)]
    format: String,
}

pub(super) async fn show(
    State(daemon): State<Daemon>,
    Path(id): Path<String>,
    Query(Form { format }): Query<Form>,
) -> Result<Response> {
    let report = restore::report(&daemon, &id).await?;
    Ok(match format.as_str() {
        "" | "json" => Json(report).into_response(),
        "markdown" => text("text/markdown; charset=utf-8", restore::document(&report).markdown()),
        "html" => page(&report),
        other => return Err(Error::Ask(format!("a report is json, markdown or html, and not {other:?}"))),
    })
}

pub(super) fn page(report: &RunbookReport) -> Response {
    let page = text("text/html; charset=utf-8", restore::document(report).html());
    ([(CONTENT_SECURITY_POLICY, ITS_STYLE_ONLY)], page).into_response()
}

fn text(media: &'static str, text: String) -> Response {
    ([(CONTENT_TYPE, media)], text).into_response()
}

//! `/stacks`: applying a file, and what was applied. A stack has an ETag, so that two people do not overwrite each other unseen.

use api::{ApplyAnswer, ApplyAsk, SecretAnswer, SecretsView, StackView};
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderName, header};
use serde::Deserialize;

use super::guard::{Seen, Subject};
use super::sources::Body;
use crate::daemon::Daemon;
use crate::error::Result;
use crate::operation::By;
use crate::{kept, stacks};

pub(super) async fn apply(
    State(daemon): State<Daemon>,
    by: By,
    subject: Subject,
    headers: HeaderMap,
    Body(ask): Body<ApplyAsk>,
) -> Result<Json<ApplyAnswer>> {
    let seen = headers.get(header::IF_MATCH).and_then(|tag| tag.to_str().ok());
    let answer = stacks::apply(&daemon, &ask, seen, &by.name).await?;
    subject.is(&answer.stack);
    Ok(Json(answer))
}

pub(super) async fn secrets(State(daemon): State<Daemon>, Path(name): Path<String>) -> Result<Json<SecretsView>> {
    kept::list(&daemon, &name).await.map(Json)
}

pub(super) async fn secret(
    State(daemon): State<Daemon>,
    Path((name, secret)): Path<(String, String)>,
) -> Result<Json<SecretAnswer>> {
    kept::get(&daemon, &name, &secret).await.map(Json)
}

/// `?after=NAME&limit=100`: by name, from behind this one.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Page {
    #[serde(default)]
    after: String,
    limit: Option<u32>,
}

type Tagged<T> = ([(HeaderName, String); 1], Json<T>);

pub(super) async fn list(
    State(daemon): State<Daemon>,
    seen: Seen,
    Query(page): Query<Page>,
) -> Result<Json<Vec<StackView>>> {
    let mut found = stacks::list(&daemon, &page.after, page.limit).await?;
    found.retain(|stack| seen.stack(&stack.name));
    Ok(Json(found))
}

pub(super) async fn show(State(daemon): State<Daemon>, Path(name): Path<String>) -> Result<Tagged<StackView>> {
    let stack = stacks::show(&daemon, &name).await?;
    Ok(([(header::ETAG, stack.etag.clone())], Json(stack)))
}

//! `/tokens`: what programs show.

use api::{NewToken, TokenAsk, TokenView};
use axum::Json;
use axum::extract::{Path, State};

use super::guard::Subject;
use super::sources::Body;
use crate::daemon::Daemon;
use crate::error::Result;
use crate::people::{Identity, tokens};

pub(super) async fn list(State(daemon): State<Daemon>, who: Identity) -> Result<Json<Vec<TokenView>>> {
    tokens::list(&daemon, &who).await.map(Json)
}

pub(super) async fn add(
    State(daemon): State<Daemon>,
    who: Identity,
    subject: Subject,
    Body(ask): Body<TokenAsk>,
) -> Result<Json<NewToken>> {
    let added = tokens::add(&daemon, &who, &ask).await?;
    subject.is(&format!("{} {}", added.view.id, added.view.name));
    Ok(Json(added))
}

pub(super) async fn revoke(State(daemon): State<Daemon>, who: Identity, Path(id): Path<String>) -> Result<Json<()>> {
    tokens::revoke(&daemon, &who, &id).await.map(Json)
}

//! `/login`, `/logout`, `/me`

use api::{LoginAsk, MeView, Password, SessionView};
use axum::Json;
use axum::extract::{Extension, State};
use axum::http::header::SET_COOKIE;
use axum::response::{IntoResponse, Response};

use super::guard::{COOKIE_NAME, Subject};
use super::serve::Peer;
use super::sources::Body;
use crate::daemon::Daemon;
use crate::error::Result;
use crate::people::{Identity, Via, sessions};

pub(super) async fn log_in(
    State(daemon): State<Daemon>,
    Extension(peer): Extension<Peer>,
    subject: Subject,
    Body(ask): Body<LoginAsk>,
) -> Result<Response> {
    let begun = sessions::log_in(&daemon, &ask, peer.address).await?;
    // Only now: what was typed as a name may have been a password.
    subject.is(&begun.view.name);
    let cookie = format!("{COOKIE_NAME}={}; Path=/; Secure; HttpOnly; SameSite=Strict", begun.secret);
    Ok(([(SET_COOKIE, cookie)], Json::<SessionView>(begun.view)).into_response())
}

pub(super) async fn log_out(State(daemon): State<Daemon>, who: Identity) -> Result<Response> {
    if let Via::Session { hash, .. } = &who.via {
        daemon.catalog.end_session(hash).await?;
    }
    let cookie = format!("{COOKIE_NAME}=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0");
    Ok(([(SET_COOKIE, cookie)], Json(())).into_response())
}

pub(super) async fn me(who: Identity) -> Json<MeView> {
    let csrf = match &who.via {
        Via::Session { csrf, .. } => Some(Password(csrf.clone())),
        _ => None,
    };
    Json(MeView { via: who.via.name().to_owned(), grants: who.grants(), name: who.name, csrf })
}

//! What every request goes through, whatever it asks: its id, its line in the log, strict headers, and one shape for all that goes wrong.

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tracing::Instrument;

use super::dashboard::FOR_EVER;
use super::serve::Peer;
use crate::daemon::Daemon;
use crate::error::Error;

const REQUEST_ID: &str = "x-request-id";
const ID_LENGTH_MAX: usize = 64;
const PLAIN_TEXT_MAX: usize = 4096;

tokio::task_local! {
    static CURRENT: String;
}

/// Of the request in which this is asked.
pub(crate) fn request_id() -> Option<String> {
    CURRENT.try_with(Clone::clone).ok()
}

pub(super) async fn frame(daemon: Daemon, request: Request, next: Next) -> Response {
    let id = given(request.headers()).unwrap_or_else(|| vault::names::hex(&daemon.host.env.random::<8>()));
    let encrypted = request.extensions().get::<Peer>().is_some_and(|peer| peer.encrypted);
    let span = tracing::info_span!("request", id, method = %request.method(), path = request.uri().path());
    let answering = async {
        let answer = in_our_shape(next.run(request).await).await;
        let status = answer.status().as_u16();
        match status {
            500.. => tracing::error!(status, "answered"),
            _ => tracing::debug!(status, "answered"),
        }
        answer
    };
    let mut answer = CURRENT.scope(id.clone(), answering).instrument(span).await;
    let headers = answer.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(HeaderName::from_static(REQUEST_ID), id);
    }
    strict(headers, encrypted);
    answer
}

/// One that we can write into a log as it is.
fn given(headers: &HeaderMap) -> Option<String> {
    let id = headers.get(REQUEST_ID)?.to_str().ok()?;
    let sane = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    ((1..=ID_LENGTH_MAX).contains(&id.len()) && id.bytes().all(sane)).then(|| id.to_owned())
}

const NOTHING_RUNS: &str = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

fn strict(headers: &mut HeaderMap, encrypted: bool) {
    let mut set = |name, value| drop(headers.insert(name, HeaderValue::from_static(value)));
    set(X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(X_FRAME_OPTIONS, "DENY");
    set(REFERRER_POLICY, "no-referrer");
    if encrypted {
        set(STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    }
    if headers.get(CACHE_CONTROL).is_none_or(|kept| kept != FOR_EVER) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    // A page of ours says what it needs.
    headers.entry(CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(NOTHING_RUNS));
}

/// What axum refuses by itself is said as everything is.
async fn in_our_shape(answer: Response) -> Response {
    let status = answer.status();
    let json = answer.headers().get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
    if json || !(status.is_client_error() || status.is_server_error()) {
        return answer;
    }
    let (parts, body) = answer.into_parts();
    let text = to_bytes(body, PLAIN_TEXT_MAX).await.unwrap_or_default();
    let text = String::from_utf8_lossy(&text).trim().to_owned();
    let error = match status {
        StatusCode::PAYLOAD_TOO_LARGE => Error::TooLarge,
        _ if text.is_empty() => Error::Ask(status.canonical_reason().unwrap_or("the request makes no sense").into()),
        _ => Error::Ask(text),
    };
    let body = error.into_response().into_body();
    let mut answer = (parts.status, [(CONTENT_TYPE, "application/json")], Body::new(body)).into_response();
    // Such as `Allow`, which says what would have been right.
    for (name, value) in parts.headers.iter().filter(|(name, _)| name.as_str() == "allow") {
        answer.headers_mut().insert(name, value.clone());
    }
    answer
}

//! The web dashboard: the files of `ui/dist`, which are part of the program. They hold nothing of anybody's, so they are open to
//! everybody; whatever a page shows comes from the API, which asks who it is.

use axum::extract::{Request, State};
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, VARY,
};
use axum::http::{HeaderMap, HeaderValue, Method};
use axum::response::{IntoResponse, Response};
use rust_embed::{EmbeddedFile, RustEmbed};
use vault::names::hex;

use crate::daemon::Daemon;
use crate::error::Error;

#[derive(RustEmbed)]
#[folder = "../../ui/dist"]
#[allow_missing = true]
struct Built;

/// The first part of the paths of pages; all else that is no file is no path of ours.
const PAGES: [&str; 16] = [
    "",
    "add",
    "alarms",
    "audit",
    "clones",
    "docs",
    "drills",
    "operations",
    "people",
    "reports",
    "restore",
    "settings",
    "sign-in",
    "sources",
    "stacks",
    "vault",
];
const INDEX: &str = "index.html";
/// In the page, where the number goes that lets its own styles in.
const NONCE: &str = "{{nonce}}";
/// Of files whose names change with what is in them; all else is kept by nobody.
pub(super) const FOR_EVER: &str = "public, max-age=31536000, immutable";
const ABSENT: &str = "This daemon was built without the dashboard.\n\nEverything else works: the command line, and the API below \
                      /api/v1. To have the dashboard, build it first:\n\n    cd ui && npm ci && npm run build\n    cargo build --release\n";

/// What no route of the table answers.
pub(super) async fn serve(State(daemon): State<Daemon>, request: Request) -> Response {
    let path = request.uri().path();
    let looks = matches!(*request.method(), Method::GET | Method::HEAD);
    match looks.then(|| find(&daemon, path, request.headers())).flatten() {
        Some(answer) => answer,
        None => Error::Unknown { what: "route", name: path.to_owned() }.into_response(),
    }
}

fn find(daemon: &Daemon, path: &str, headers: &HeaderMap) -> Option<Response> {
    let name = path.trim_start_matches('/');
    let first = name.split('/').next().unwrap_or_default();
    if PAGES.contains(&first) {
        return Some(page(daemon));
    }
    // The page itself is only served with a number of its own.
    Some(name).filter(|name| *name != INDEX).and_then(|name| file(name, headers))
}

fn page(daemon: &Daemon) -> Response {
    let Some(index) = Built::get(INDEX) else {
        return ([(CONTENT_TYPE, "text/plain; charset=utf-8")], ABSENT).into_response();
    };
    let nonce = hex(&daemon.host.env.random::<16>());
    let text = String::from_utf8_lossy(&index.data).replace(NONCE, &nonce);
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; img-src 'self' data:; font-src 'self'; \
         connect-src 'self'; manifest-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    );
    let mut answer = ([(CONTENT_TYPE, "text/html; charset=utf-8")], text).into_response();
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        answer.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    }
    answer
}

fn file(name: &str, headers: &HeaderMap) -> Option<Response> {
    if [".br", ".gz"].iter().any(|ending| name.ends_with(ending)) {
        return None;
    }
    let (found, encoding) = smallest(name, headers)?;
    let mut answer = found.data.into_owned().into_response();
    let mut set = |header, value| drop(answer.headers_mut().insert(header, HeaderValue::from_static(value)));
    set(CONTENT_TYPE, media(name));
    set(VARY, "accept-encoding");
    if let Some(encoding) = encoding {
        set(CONTENT_ENCODING, encoding);
    }
    if name.starts_with("assets/") {
        set(CACHE_CONTROL, FOR_EVER);
    }
    Some(answer)
}

/// As it was compressed when it was built, for who understands that.
fn smallest(name: &str, headers: &HeaderMap) -> Option<(EmbeddedFile, Option<&'static str>)> {
    let accepted = headers.get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let accepts = |encoding: &str| accepted.split(',').any(|one| one.trim().split(';').next() == Some(encoding));
    for (encoding, ending) in [("br", "br"), ("gzip", "gz")] {
        if accepts(encoding)
            && let Some(found) = Built::get(&format!("{name}.{ending}"))
        {
            return Some((found, Some(encoding)));
        }
    }
    Built::get(name).map(|found| (found, None))
}

fn media(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default() {
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "woff2" => "font/woff2",
        "json" => "application/json",
        "webmanifest" => "application/manifest+json",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests;

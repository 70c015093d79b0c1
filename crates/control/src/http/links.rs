//! Links to a report for people without an account: `POST /operations/{id}/report/links` makes one, `/shared/reports/{link}` is what
//! it leads to. A link is the operation, its end, and a seal over both; nothing is kept of it.

use api::{ReportLink, ReportLinkAsk};
use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use jiff::{SignedDuration, Timestamp};

use super::reports;
use super::sources::Body;
use crate::daemon::Daemon;
use crate::error::{Error, Result};
use crate::operation::restore;

const USUAL: u64 = 24 * 3600;
const LONGEST: u64 = 30 * 24 * 3600;
const CONTEXT: &str = "rekindle report link v1";

pub(super) async fn make(
    State(daemon): State<Daemon>,
    Path(id): Path<String>,
    Body(ask): Body<ReportLinkAsk>,
) -> Result<Json<ReportLink>> {
    let seconds = ask.ttl_seconds.unwrap_or(USUAL);
    if !(1..=LONGEST).contains(&seconds) {
        return Err(Error::Ask(format!("a link lasts for 1 to {LONGEST} seconds, and not for {seconds}")));
    }
    // There must be something to show, and its id is taken from it: an abbreviation would be sealed as it stands.
    let report = restore::report(&daemon, &id).await?;
    let wanted = SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX));
    let expires = daemon.host.env.now().saturating_add(wanted).unwrap_or(Timestamp::MAX);
    let expires = Timestamp::from_second(expires.as_second()).unwrap_or(expires);
    let link = link_of(&key(&daemon), &report.operation, expires);
    Ok(Json(ReportLink { path: format!("/shared/reports/{link}"), expires }))
}

pub(super) async fn show(State(daemon): State<Daemon>, Path(link): Path<String>) -> Result<Response> {
    let unknown = || Error::Unknown { what: "report behind this link; it may have expired", name: String::new() };
    let id = operation_of(&key(&daemon), &link, daemon.host.env.now()).ok_or_else(unknown)?;
    Ok(reports::page(&restore::report(&daemon, &id).await?))
}

/// Every daemon that has the vault opens the links of the others.
fn key(daemon: &Daemon) -> [u8; 32] {
    blake3::derive_key(CONTEXT, daemon.vault.keys().page_key())
}

fn link_of(key: &[u8; 32], operation: &str, expires: Timestamp) -> String {
    let what = format!("{operation}.{}", expires.as_second());
    let seal = blake3::keyed_hash(key, what.as_bytes());
    format!("{what}.{}", seal.to_hex())
}

/// Nothing for a link that is over, or that we did not make.
fn operation_of(key: &[u8; 32], link: &str, now: Timestamp) -> Option<String> {
    let (what, seal) = link.rsplit_once('.')?;
    let (operation, expires) = what.rsplit_once('.')?;
    // Compared in constant time.
    let genuine = blake3::Hash::from_hex(seal).ok()? == blake3::keyed_hash(key, what.as_bytes());
    let expires = Timestamp::from_second(expires.parse().ok()?).ok()?;
    (genuine && now < expires).then(|| operation.to_owned())
}

#[cfg(test)]
mod tests;

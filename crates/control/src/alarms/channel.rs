//! Those who are told: one file for each kind. What a channel is handed is the same message; what it makes of it is its own.

use std::path::Path;
use std::time::Duration;

use api::AlarmMessage;
use reqwest::{Certificate, Client, redirect};

use crate::config::{ChannelKind, ChannelSettings, LeastSeverity, address_is_wrong};
use crate::error::{Error, Result};
use crate::host::Host;
use crate::secret::{SecretRef, is_reference};

mod slack;
mod smtp;
mod webhook;

use super::condition::Severity;

/// Why a message did not get there. Never holds the address or anything secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Undelivered {
    pub(crate) what: String,
    pub(crate) hint: Option<String>,
    /// The other side understood and said no: trying for long is no use.
    pub(crate) refused: bool,
}

impl Undelivered {
    pub(super) fn new(what: impl Into<String>) -> Undelivered {
        Undelivered { what: what.into(), hint: None, refused: false }
    }

    fn hint(self, hint: &str) -> Undelivered {
        Undelivered { hint: Some(hint.to_owned()), ..self }
    }
}

impl From<Error> for Undelivered {
    fn from(error: Error) -> Undelivered {
        let body = error.body();
        let what = body.told();
        Undelivered { what, hint: body.hint, refused: false }
    }
}

pub(crate) fn kind_name(kind: ChannelKind) -> &'static str {
    match kind {
        ChannelKind::Webhook => "webhook",
        ChannelKind::Slack => "slack",
        ChannelKind::Smtp => "smtp",
    }
}

pub(crate) fn least(severity: LeastSeverity) -> Severity {
    match severity {
        LeastSeverity::Warning => Severity::Warning,
        LeastSeverity::Critical => Severity::Critical,
    }
}

/// Where a channel's messages go, as may be shown.
pub(crate) fn destination(channel: &ChannelSettings) -> String {
    match channel.kind {
        ChannelKind::Smtp => {
            format!("{} by {}", channel.to.join(", "), channel.host.as_deref().unwrap_or_default())
        }
        _ => shown(channel.url.as_deref().unwrap_or_default()),
    }
}

/// An address without its path and question, which may be secret; a reference as it is.
pub(crate) fn shown(url: &str) -> String {
    if is_reference(url) {
        return url.to_owned();
    }
    reqwest::Url::parse(url).map_or_else(|_| "no address".to_owned(), |url| url.origin().ascii_serialization())
}

/// Tells one channel one thing, within its time.
pub(crate) async fn send(host: &Host, channel: &ChannelSettings, message: &AlarmMessage) -> Result<(), Undelivered> {
    let limit = Duration::from_secs(channel.timeout_seconds);
    let sending = async {
        match channel.kind {
            ChannelKind::Webhook => webhook::send(host, channel, message).await,
            ChannelKind::Slack => slack::send(host, channel, message).await,
            ChannelKind::Smtp => smtp::send(host, channel, message).await,
        }
    };
    let late = || Undelivered::new(format!("no answer within {} s", channel.timeout_seconds));
    tokio::time::timeout(limit, Box::pin(sending)).await.unwrap_or_else(|_| Err(late()))
}

/// The address itself, out of a reference where it is one.
pub(super) async fn address(host: &Host, url: &str, allow_http: bool) -> Result<reqwest::Url, Undelivered> {
    let text = match SecretRef::try_from(url.to_owned()) {
        Ok(reference) => reference.read(host).await?.expose().to_owned(),
        Err(_) => url.to_owned(),
    };
    if let Some(wrong) = address_is_wrong(&text, allow_http) {
        return Err(Undelivered::new(wrong));
    }
    reqwest::Url::parse(&text).map_err(|_| Undelivered::new("the address is no URL"))
}

/// Goes by no proxy of the environment and follows nobody elsewhere: a signed message is for its address alone.
pub(super) fn http_client(ca_file: Option<&Path>) -> Result<Client, Undelivered> {
    let mut builder = Client::builder().no_proxy().redirect(redirect::Policy::none());
    if let Some(path) = ca_file {
        let pem = std::fs::read(path).map_err(|e| Error::file("read", path, e))?;
        let broken = |_| Undelivered::new(format!("{} holds no certificate", path.display()));
        builder = builder.tls_certs_merge(Certificate::from_pem_bundle(&pem).map_err(broken)?);
    }
    builder.build().map_err(|e| Undelivered::new(format!("no HTTP client: {}", innermost(&e))))
}

/// What an answer says. Its text may be anything, so little of it is kept, and none of the address.
pub(super) async fn judged(sent: reqwest::Result<reqwest::Response>) -> Result<(), Undelivered> {
    let response = sent.map_err(|e| Undelivered::new(innermost(&e.without_url())))?;
    let status = response.status();
    if status.is_success() {
        return Ok(());
    }
    let refused = status.is_client_error() && !matches!(status.as_u16(), 408 | 425 | 429);
    Err(Undelivered { refused, ..Undelivered::new(format!("it answered {status}")) }
        .hint("is the address right, and does the receiver take what is sent?"))
}

pub(super) fn innermost(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), innermost)
}

#[cfg(test)]
mod tests;

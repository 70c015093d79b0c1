//! HTTP requests as people write them in settings: a template that is filled with what is told and sent once. Headers and addresses may be
//! references to secrets; those appear in no error, and go in clear to nobody but this host.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, ETAG, HeaderName, HeaderValue};
use reqwest::{Certificate, Client, Method, Url, redirect};
use serde::{Deserialize, Serialize};

use super::{Outcome, Trouble, fill};
use crate::error::Error;
use crate::host::Host;
use crate::secret::{SecretRef, is_reference};

/// Of an answer; more than any that drivers need to read.
const ANSWER_BYTES_MAX: usize = 1 << 20;
const UNREACHED: &str = "does it run, is the address right, is a firewall between?";
/// Of an answer's text in an error.
const ANSWER_SHOWN: usize = 200;

/// A request as it is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Request {
    #[serde(default = "get")]
    pub(crate) method: String,
    /// Or a reference to it.
    pub(crate) url: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) body: Option<String>,
    /// A value, or the end of it behind one blank, may be a reference: `Bearer env:TOKEN`.
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
}

pub(crate) fn get() -> String {
    "GET".to_owned()
}

/// How it is sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Way<'a> {
    pub(crate) limit: Duration,
    pub(crate) ca_file: Option<&'a Path>,
    /// Whether secrets may go to another host in clear.
    pub(crate) allow_http: bool,
}

/// What came back.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) text: String,
    pub(crate) etag: Option<String>,
    /// `GET https://host:port`
    pub(crate) asked: String,
}

impl Answer {
    /// Whether it is one that was expected; none named means any 2xx.
    pub(crate) fn expected(&self, statuses: &[u16]) -> Outcome<()> {
        let fine =
            if statuses.is_empty() { (200..300).contains(&self.status) } else { statuses.contains(&self.status) };
        if fine {
            return Ok(());
        }
        let shown = self.shown();
        let said = if shown.is_empty() { String::new() } else { format!(": {shown}") };
        let passes = self.status >= 500 || matches!(self.status, 408 | 425 | 429);
        let what = format!("{} answered {}, {} expected{said}", self.asked, self.status, wanted(statuses));
        Err(Trouble { what, hint: hint(self.status).map(str::to_owned), passes })
    }

    /// The beginning of its text, on one line.
    pub(crate) fn shown(&self) -> String {
        let line = self.text.split_whitespace().collect::<Vec<_>>().join(" ");
        let mut shown: String = line.chars().filter(|character| !character.is_control()).take(ANSWER_SHOWN).collect();
        if line.chars().count() > ANSWER_SHOWN {
            shown.push('…');
        }
        shown
    }
}

fn wanted(statuses: &[u16]) -> String {
    match statuses {
        [] => "2xx".to_owned(),
        statuses => statuses.iter().map(u16::to_string).collect::<Vec<_>>().join(" or "),
    }
}

fn hint(status: u16) -> Option<&'static str> {
    Some(match status {
        300..=399 => "redirections are not followed: write the address it leads to",
        401 | 403 => "is the header with the token or password right?",
        404 | 405 => "are address and method right?",
        _ => return None,
    })
}

impl Request {
    /// What makes no sense about it, before anything is told.
    pub(crate) fn wrong(&self, known: &[&str], way: Way<'_>) -> Option<String> {
        if method(&self.method).is_none() {
            return Some(format!("method {:?} is none of HTTP", self.method));
        }
        let texts = [Some(&self.url), self.body.as_ref()].into_iter().flatten().chain(self.headers.values());
        if let Some(name) = texts.into_iter().find_map(|text| fill::unknown(text, known)) {
            return Some(format!("{{{name}}} is nothing that is told here"));
        }
        if let Some(name) = self.headers.keys().find(|name| HeaderName::from_bytes(name.as_bytes()).is_err()) {
            return Some(format!("{name:?} is no name of a header"));
        }
        if is_reference(&self.url) {
            return SecretRef::try_from(self.url.clone()).err();
        }
        let told = known.iter().map(|name| ((*name).to_owned(), "x".to_owned())).collect();
        match self.address(&self.url, &told) {
            Err(trouble) => Some(trouble.what),
            Ok(url) => self.in_clear(&url, way).or_else(|| self.filled_body(&told).err().map(|trouble| trouble.what)),
        }
    }

    /// Everything that is referred to can be read; nobody is asked.
    pub(crate) async fn unread(&self, host: &Host) -> Vec<Trouble> {
        let references =
            self.headers.values().filter_map(|value| split_reference(value)).map(|(_, reference)| reference);
        let mut troubles = Vec::new();
        for reference in references.chain(is_reference(&self.url).then_some(self.url.as_str())) {
            troubles.extend(read(reference, host).await.err());
        }
        troubles
    }

    /// Where it goes, as may be shown: without path and question, which may be secret.
    pub(crate) fn shown(&self) -> String {
        format!("{} {}", self.method, origin(&self.url))
    }

    pub(crate) async fn send(&self, host: &Host, told: &BTreeMap<String, String>, way: Way<'_>) -> Outcome<Answer> {
        self.send_if(host, told, way, None).await
    }

    /// Only where what stands there still has this tag, if the server goes by that.
    pub(crate) async fn send_if(
        &self,
        host: &Host,
        told: &BTreeMap<String, String>,
        way: Way<'_>,
        etag: Option<&str>,
    ) -> Outcome<Answer> {
        let mut secrets = Vec::new();
        let url = if is_reference(&self.url) { read(&self.url, host).await? } else { self.url.clone() };
        let address = self.address(&url, told)?;
        if let Some(wrong) = self.in_clear(&address, way) {
            return Err(Trouble::refused(wrong));
        }
        let asked = format!("{} {}", self.method, address.origin().ascii_serialization());
        let method = method(&self.method).unwrap_or(Method::GET);
        let mut request = client(way.ca_file)?.request(method, address).timeout(way.limit);
        for (name, value) in &self.headers {
            request = request.header(name, header(name, value, host, told, &mut secrets).await?);
        }
        if let Some(body) = self.filled_body(told)? {
            if self.content_type().is_none() {
                request = request.header(CONTENT_TYPE, "application/json");
            }
            request = request.body(body);
        }
        if let Some(etag) = etag {
            request = request.header("if-match", etag);
        }
        let request = request.header("user-agent", concat!("rekindle/", env!("CARGO_PKG_VERSION")));
        let whole = tokio::time::timeout(way.limit, Box::pin(answer(request, &asked, &secrets))).await;
        whole.unwrap_or_else(|_| Err(Trouble::away(format!("{asked} did not answer within {} s", way.limit.as_secs()))))
    }

    fn address(&self, url: &str, told: &BTreeMap<String, String>) -> Outcome<Url> {
        let filled = fill::fill(url, told, |value| Ok(percent(value)))?;
        let url = Url::parse(&filled).map_err(|_| Trouble::refused("the address is no URL"))?;
        if !url.username().is_empty() || url.password().is_some() {
            let what = "the address holds a user or a password: write a header with a reference in its place";
            return Err(Trouble::refused(what));
        }
        match url.scheme() {
            "http" | "https" => Ok(url),
            _ => Err(Trouble::refused("the address must begin with https:// or http://")),
        }
    }

    fn in_clear(&self, url: &Url, way: Way<'_>) -> Option<String> {
        let here = url.host_str().is_some_and(|host| matches!(host, "localhost" | "127.0.0.1" | "[::1]"));
        let secret = is_reference(&self.url) || self.headers.values().any(|value| split_reference(value).is_some());
        (url.scheme() == "http" && secret && !here && !way.allow_http)
            .then(|| "http sends the secret in clear: use https, or say allow_http = true".to_owned())
    }

    fn content_type(&self) -> Option<&str> {
        let mut all = self.headers.iter();
        all.find(|(name, _)| name.eq_ignore_ascii_case("content-type")).map(|(_, value)| value.as_str())
    }

    /// Values are written as the kind of body wants them.
    fn filled_body(&self, told: &BTreeMap<String, String>) -> Outcome<Option<String>> {
        let Some(body) = &self.body else { return Ok(None) };
        let kind = self.content_type().unwrap_or("application/json").to_ascii_lowercase();
        if kind.starts_with("application/x-www-form-urlencoded") {
            return fill::fill(body, told, |value| Ok(percent(value))).map(Some);
        }
        if !kind.contains("json") {
            return fill::fill(body, told, fill::plain).map(Some);
        }
        let filled = fill::fill(body, told, |value| Ok(json_inside(value)))?;
        match serde_json::from_str::<serde::de::IgnoredAny>(&filled) {
            Ok(_) => Ok(Some(filled)),
            Err(error) => Err(Trouble::refused(format!("the body is no JSON: {error}"))
                .hint("name another content-type in headers where something else is meant")),
        }
    }
}

async fn answer(request: reqwest::RequestBuilder, asked: &str, secrets: &[String]) -> Outcome<Answer> {
    let lost = |e: reqwest::Error| {
        Trouble::away(format!("{asked} did not answer: {}", innermost(&e.without_url()))).hint(UNREACHED)
    };
    let mut response = request.send().await.map_err(lost)?;
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(lost)? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > ANSWER_BYTES_MAX {
            return Err(Trouble::refused(format!("{asked} answered with more than {ANSWER_BYTES_MAX} bytes")));
        }
    }
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let text = secrets.iter().fold(text, |text, secret| text.replace(secret, "…"));
    let etag = response.headers().get(ETAG).and_then(|etag| etag.to_str().ok()).map(str::to_owned);
    Ok(Answer { status: response.status().as_u16(), text, etag, asked: asked.to_owned() })
}

async fn header(
    name: &str,
    value: &str,
    host: &Host,
    told: &BTreeMap<String, String>,
    secrets: &mut Vec<String>,
) -> Outcome<HeaderValue> {
    let unfit = |_| Trouble::refused(format!("header {name} has a value that no header may have"));
    let Some((before, reference)) = split_reference(value) else {
        return HeaderValue::from_str(&fill::fill(value, told, fill::plain)?).map_err(unfit);
    };
    let secret = read(reference, host).await?;
    let mut value = HeaderValue::from_str(&format!("{before}{secret}")).map_err(unfit)?;
    value.set_sensitive(true);
    secrets.push(secret);
    Ok(value)
}

/// `Bearer env:TOKEN` in its two parts.
fn split_reference(value: &str) -> Option<(&str, &str)> {
    let begins = if is_reference(value) { 0 } else { value.find(' ')? + 1 };
    let (before, rest) = value.split_at(begins);
    is_reference(rest).then_some((before, rest))
}

async fn read(reference: &str, host: &Host) -> Outcome<String> {
    let reference = SecretRef::try_from(reference.to_owned()).map_err(Trouble::refused)?;
    Ok(reference.read(host).await?.expose().to_owned())
}

/// Goes by no proxy of the environment and follows nobody elsewhere.
fn client(ca_file: Option<&Path>) -> Outcome<Client> {
    let mut builder = Client::builder().no_proxy().redirect(redirect::Policy::none());
    if let Some(path) = ca_file {
        builder = builder.tls_certs_merge(certificates(path)?);
    }
    builder.build().map_err(|e| Trouble::refused(format!("no HTTP client: {}", innermost(&e))))
}

fn certificates(path: &Path) -> Outcome<Vec<Certificate>> {
    let pem = std::fs::read(path).map_err(|e| Error::file("read", path, e))?;
    let broken = || Trouble::refused(format!("{} holds no certificate", path.display()));
    let found = Certificate::from_pem_bundle(&pem).map_err(|_| broken())?;
    if found.is_empty() { Err(broken()) } else { Ok(found) }
}

/// What is wrong with a file of certificates.
pub(crate) fn ca_trouble(ca_file: Option<&Path>) -> Option<Trouble> {
    ca_file.and_then(|path| certificates(path).err())
}

/// What makes no sense in how it is sent.
pub(crate) fn wrong_times_and_statuses(seconds: u64, statuses: &[u16], ca_file: Option<&Path>) -> Option<String> {
    if seconds == 0 {
        return Some("timeout_seconds must be 1 or more".to_owned());
    }
    if let Some(status) = statuses.iter().find(|status| !(100..600).contains(*status)) {
        return Some(format!("{status} is no status of HTTP"));
    }
    ca_file.filter(|path| !path.is_absolute()).map(|path| format!("ca_file {} is no absolute path", path.display()))
}

/// Whether anybody listens there at all; nothing is asked.
pub(crate) async fn unreachable(url: &str, host: &Host, way: Way<'_>) -> Option<Trouble> {
    let url = if is_reference(url) { read(url, host).await.ok()? } else { url.to_owned() };
    let origin = fill::names(&url).is_empty().then(|| Url::parse(&url).ok()).flatten()?;
    let address = (origin.host_str()?.trim_matches(['[', ']']).to_owned(), origin.port_or_known_default()?);
    let shown = origin.origin().ascii_serialization();
    let why = match tokio::time::timeout(way.limit, tokio::net::TcpStream::connect(address)).await {
        Ok(Ok(_)) => return None,
        Ok(Err(error)) => format!("{shown} cannot be reached: {error}"),
        Err(_) => format!("{shown} cannot be reached within {} s", way.limit.as_secs()),
    };
    Some(Trouble::away(why).hint(UNREACHED))
}

/// An address without its path and question, which may be secret; a reference as it is.
pub(crate) fn origin(url: &str) -> String {
    if is_reference(url) {
        return url.to_owned();
    }
    Url::parse(url).map_or_else(|_| "no address".to_owned(), |url| url.origin().ascii_serialization())
}

fn method(text: &str) -> Option<Method> {
    let known = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    known.contains(&text).then(|| Method::from_bytes(text.as_bytes()).ok()).flatten()
}

fn percent(value: &str) -> String {
    let kept = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    value.bytes().map(|byte| if kept(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// As it stands inside of a JSON text.
fn json_inside(value: &str) -> String {
    let quoted = serde_json::Value::from(value).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

fn innermost(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), innermost)
}

#[cfg(test)]
pub(crate) mod tests;

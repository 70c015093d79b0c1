//! Before a route: who asks, whether he may, whether he really meant it; and what the audit log says of it. What the route needs is in its
//! row of the table.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use api::Role;
use axum::extract::{FromRequestParts, RawPathParams, Request, State};
use axum::http::header::{AUTHORIZATION, COOKIE, HOST, ORIGIN};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::route::{Audited, Method, Needs, Of, Route};
use super::serve::Peer;
use crate::audit::{self, Said};
use crate::daemon::Daemon;
use crate::error::{Error, Result};
use crate::people::{Identity, Via, peers, role_name, sessions, tokens};
use crate::{operation, stacks};

pub(super) const COOKIE_NAME: &str = "__Host-rekindle";
const CSRF: &str = "x-rekindle-csrf";

/// What is usual, and what asks a server or reads much.
const PATIENCE: Duration = Duration::from_secs(120);
const PATIENCE_SLOW: Duration = Duration::from_secs(3600);

#[derive(Debug)]
pub(super) struct Guard {
    pub(super) daemon: Daemon,
    pub(super) route: Route,
}

/// What a handler adds to the subject of the audit's record: a name that is in the body.
#[derive(Debug, Clone, Default)]
pub(super) struct Subject(Arc<OnceLock<String>>);

impl Subject {
    pub(super) fn is(&self, name: &str) {
        let _ = self.0.set(name.to_owned());
    }
}

/// Which error an answer is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Refusal(pub(super) &'static str);

pub(super) async fn guard(
    State(guard): State<Arc<Guard>>,
    names: RawPathParams,
    mut request: Request,
    next: Next,
) -> Response {
    let names: Vec<(String, String)> = names.iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
    let (peer, headers) = (peer_of(request.extensions()), request.headers().clone());
    let who = guard.who(&peer, &headers).await;
    let mut said = guard.said(&who, &peer, &names);
    let allowed = match who {
        Ok(who) => guard.allow(who, &names, &headers).await,
        Err(error) => Err(error),
    };
    let subject = Subject::default();
    let who = match allowed {
        Ok(who) => who,
        Err(error) => return guard.refused(said, error).await,
    };
    if guard.route.audited == Audited::Yes {
        said.outcome = "asked".to_owned();
        if let Err(error) = audit::add(&guard.daemon, said.clone()).await {
            return error.into_response();
        }
    }
    request.extensions_mut().insert(subject.clone());
    if let Some(who) = who {
        request.extensions_mut().insert(who);
    }
    let patience = if guard.route.slow { PATIENCE_SLOW } else { PATIENCE };
    let answer = tokio::time::timeout(patience, next.run(request)).await;
    let answer = answer.unwrap_or_else(|_| Error::TooSlow(patience.as_secs()).into_response());
    let code = answer.extensions().get::<Refusal>().map(|refusal| refusal.0);
    guard.answered(said, &subject, code, answer.status()).await;
    answer
}

fn peer_of(extensions: &axum::http::Extensions) -> Peer {
    extensions.get::<Peer>().cloned().unwrap_or_default()
}

impl Guard {
    /// A token before a session before what the kernel says.
    async fn who(&self, peer: &Peer, headers: &HeaderMap) -> Result<Option<Identity>> {
        if let Some(given) = headers.get(AUTHORIZATION) {
            let token = given.to_str().ok().and_then(|given| given.strip_prefix("Bearer "));
            let known = match token {
                Some(token) => tokens::identity(&self.daemon, token.trim()).await?,
                None => None,
            };
            return known.map(Some).ok_or(Error::NotSignedIn);
        }
        if let Some(secret) = cookie(headers)
            && let Some(known) = sessions::identity(&self.daemon, &secret).await?
        {
            return Ok(Some(known));
        }
        Ok(peer.uid.and_then(|uid| peers::identity(&self.daemon.config, uid)))
    }

    async fn allow(
        &self,
        who: Option<Identity>,
        names: &[(String, String)],
        headers: &HeaderMap,
    ) -> Result<Option<Identity>> {
        let route = &self.route;
        let session = who.as_ref().is_some_and(|who| matches!(who.via, Via::Session { .. }));
        if route.method != Method::Get && (session || route.needs == Needs::Nothing) {
            refuse_other_pages(headers)?;
        }
        if route.method != Method::Get
            && route.needs != Needs::Nothing
            && let Some(Identity { via: Via::Session { csrf, .. }, .. }) = &who
        {
            refuse_without_word(headers, csrf)?;
        }
        match (route.needs, who) {
            (Needs::Nothing, who) => Ok(who),
            (_, None) => Err(Error::NotSignedIn),
            (Needs::SignedIn, who) => Ok(who),
            (Needs::Role(role, of), Some(who)) => match self.has(&who, role, of, names).await? {
                true => Ok(Some(who)),
                false => Err(Error::Forbidden(lacks(&who, role, of))),
            },
        }
    }

    async fn has(&self, who: &Identity, role: Role, of: Of, names: &[(String, String)]) -> Result<bool> {
        if who.may(role, None) {
            return Ok(true);
        }
        if of == Of::Everything || !who.may_somewhere(role) {
            return Ok(false);
        }
        if of == Of::Something {
            return Ok(true);
        }
        let name = names.iter().find(|(key, _)| key == "name" || key == "id").map_or("", |(_, name)| name.as_str());
        let stack = match of {
            Of::Stack => Some(name.to_owned()),
            Of::Source => stack_of_source(&self.daemon, Some(name)).await?,
            Of::Instance => {
                let found = self.daemon.catalog.instance(name).await?;
                stack_of_source(&self.daemon, found.as_ref().map(|row| row.source.as_str())).await?
            }
            Of::Operation => {
                let found = operation::find(&self.daemon, name).await.ok();
                stack_of_source(&self.daemon, found.as_ref().and_then(|found| found.source.as_deref())).await?
            }
            Of::Everything | Of::Something => None,
        };
        Ok(stack.is_some_and(|stack| who.may(role, Some(&stack))))
    }

    fn said(&self, who: &Result<Option<Identity>>, peer: &Peer, names: &[(String, String)]) -> Said {
        let known = who.as_ref().ok().and_then(Option::as_ref);
        Said {
            who: known.map_or("nobody".to_owned(), |who| who.name.clone()),
            via: known.map_or("none", |who| who.via.name()).to_owned(),
            from: peer.to_string(),
            action: self.route.action(),
            subject: names.iter().map(|(_, name)| name.as_str()).collect::<Vec<_>>().join("/"),
            outcome: String::new(),
            request_id: super::request_id().unwrap_or_default(),
        }
    }

    /// Who is nobody asks for nothing: else anybody could fill the log.
    async fn refused(&self, said: Said, error: Error) -> Response {
        let known = said.via != "none";
        if self.route.audited != Audited::No && known {
            let said = Said { outcome: format!("refused {}", error.code()), ..said };
            if let Err(error) = audit::add(&self.daemon, said).await {
                tracing::error!(%error, "a refusal could not be recorded");
            }
        }
        tracing::info!(code = error.code(), "refused");
        error.into_response()
    }

    async fn answered(&self, mut said: Said, subject: &Subject, code: Option<&'static str>, status: StatusCode) {
        if self.route.audited == Audited::No || code == Some(Error::TooManyTries.code()) {
            return;
        }
        if let Some(named) = subject.0.get() {
            named.clone_into(&mut said.subject);
        }
        said.outcome = match code {
            Some(code) => code.to_owned(),
            None if status.is_success() => "done".to_owned(),
            None => format!("HTTP {}", status.as_u16()),
        };
        if let Err(error) = audit::add(&self.daemon, said).await {
            tracing::error!(%error, "how a change was answered could not be recorded");
        }
    }
}

fn lacks(who: &Identity, role: Role, of: Of) -> String {
    let of = match of {
        Of::Everything => "for everything",
        Of::Something => "for some stack",
        Of::Source | Of::Stack | Of::Instance | Of::Operation => "for its stack",
    };
    format!("{} is not {} {of}", who.name, role_name(role))
}

async fn stack_of_source(daemon: &Daemon, source: Option<&str>) -> Result<Option<String>> {
    match source {
        Some(source) => Ok(stacks::of_source(daemon, source).await?.map(|stack| stack.name)),
        None => Ok(None),
    }
}

pub(super) fn cookie(headers: &HeaderMap) -> Option<String> {
    let all = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = all.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == COOKIE_NAME).map(|(_, value)| value.to_owned())
}

/// A browser says which page a request comes from.
fn refuse_other_pages(headers: &HeaderMap) -> Result<()> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let from = text(ORIGIN.as_str()).map(|origin| origin.split_once("://").map_or(origin, |(_, host)| host));
    let foreign = from.is_some_and(|from| Some(from) != text(HOST.as_str()));
    match foreign || text("sec-fetch-site").is_some_and(|site| !["same-origin", "none"].contains(&site)) {
        true => Err(Error::Forged("the request comes from another page")),
        false => Ok(()),
    }
}

fn refuse_without_word(headers: &HeaderMap, wanted: &str) -> Result<()> {
    let given = headers.get(CSRF).map(|value| value.as_bytes()).unwrap_or_default();
    // Compared in constant time.
    match blake3::hash(given) == blake3::hash(wanted.as_bytes()) {
        true => Ok(()),
        false => Err(Error::Forged("the request does not carry the session's word")),
    }
}

/// Who asks, for handlers of routes that need somebody.
impl<S: Send + Sync> FromRequestParts<S> for Identity {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Identity> {
        parts.extensions.get::<Identity>().cloned().ok_or(Error::NotSignedIn)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Subject {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> std::result::Result<Subject, StatusCode> {
        Ok(parts.extensions.get::<Subject>().cloned().unwrap_or_default())
    }
}

/// What who asks may see.
#[derive(Debug)]
pub(super) enum Seen {
    Everything,
    Of { stacks: BTreeSet<String>, sources: BTreeSet<String> },
}

impl Seen {
    pub(super) fn source(&self, name: Option<&str>) -> bool {
        match self {
            Seen::Everything => true,
            Seen::Of { sources, .. } => name.is_some_and(|name| sources.contains(name)),
        }
    }

    pub(super) fn stack(&self, name: &str) -> bool {
        match self {
            Seen::Everything => true,
            Seen::Of { stacks, .. } => stacks.contains(name),
        }
    }
}

impl FromRequestParts<Daemon> for Seen {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, daemon: &Daemon) -> Result<Seen> {
        let who = Identity::from_request_parts(parts, daemon).await?;
        if who.may(Role::Viewer, None) {
            return Ok(Seen::Everything);
        }
        let (mut stacks, mut sources) = (BTreeSet::new(), BTreeSet::new());
        let all = stacks::all(daemon).await?;
        for stack in all.iter().filter(|stack| who.may(Role::Viewer, Some(&stack.name))) {
            sources.extend(stack.sources.iter().map(|source| source.name.clone()));
            stacks.insert(stack.name.clone());
        }
        Ok(Seen::Of { stacks, sources })
    }
}

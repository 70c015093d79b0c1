//! Sessions: signing in with a password, and being known by a cookie after. Of the cookie's 256 random bits only a hash is kept; what
//! protects against forged requests follows from them, so it needs no keeping.

use std::net::IpAddr;

use api::{LoginAsk, Password, SessionView};
use jiff::{SignedDuration, Timestamp};
use vault::names::hex;

use super::{Identity, Via, hash_of, password, plus, time, users};
use crate::catalog::SessionRow;
use crate::daemon::Daemon;
use crate::error::{Error, Result};

const NOTED_EVERY_MAX: SignedDuration = SignedDuration::from_secs(60);

/// What signing in gives: what the cookie holds, and what is told.
pub(crate) struct Begun {
    pub(crate) secret: String,
    pub(crate) view: SessionView,
}

/// Wrong name and wrong password cannot be told apart: neither by what is said nor by how long it takes.
pub(crate) async fn log_in(daemon: &Daemon, ask: &LoginAsk, from: Option<IpAddr>) -> Result<Begun> {
    daemon.login_limits.take(&ask.name, from)?;
    let person = daemon.catalog.person(&ask.name).await?;
    let kept = person.as_ref().and_then(|person| person.password.as_deref());
    let right = password::is_right(&ask.password.0, kept).await?;
    let Some(person) = person.filter(|_| right) else { return Err(Error::WrongPassword) };
    let now = daemon.host.env.now();
    forget_old(daemon, now).await?;
    let secret = hex(&daemon.host.env.random::<32>());
    let text = stamp(now);
    let row =
        SessionRow { hash: hash_of(&secret), person: person.name.clone(), created: text.clone(), seen: text.clone() };
    daemon.catalog.add_session(&row).await?;
    daemon.catalog.set_last_login(&person.name, &text).await?;
    let csrf = Password(csrf_of(&secret));
    let (name, expires) = (person.name, plus(now, absolute(daemon)));
    let grants = super::read(&person.grants)?;
    Ok(Begun { secret, view: SessionView { name, grants, csrf, expires } })
}

/// `None` when it is not known, or over.
pub(crate) async fn identity(daemon: &Daemon, secret: &str) -> Result<Option<Identity>> {
    let hash = hash_of(secret);
    let Some(row) = daemon.catalog.session(&hash).await? else { return Ok(None) };
    let (now, created, seen) = (daemon.host.env.now(), time(&row.created)?, time(&row.seen)?);
    if now.duration_since(created) >= absolute(daemon) || now.duration_since(seen) >= idle(daemon) {
        daemon.catalog.end_session(&hash).await?;
        return Ok(None);
    }
    let Some(grants) = users::grants(daemon, &row.person).await? else { return Ok(None) };
    if now.duration_since(seen) >= noted_every(idle(daemon)) {
        daemon.catalog.set_session_seen(&hash, &stamp(now)).await?;
    }
    let via = Via::Session { hash, csrf: csrf_of(secret) };
    Ok(Some(Identity::new(row.person, via, grants)))
}

async fn forget_old(daemon: &Daemon, now: Timestamp) -> Result<()> {
    let (idle, absolute) = (plus(now, -idle(daemon)), plus(now, -absolute(daemon)));
    daemon.catalog.forget_sessions(&stamp(idle), &stamp(absolute)).await
}

fn csrf_of(secret: &str) -> String {
    hex(&blake3::derive_key("rekindle session csrf v1", secret.as_bytes()))
}

fn idle(daemon: &Daemon) -> SignedDuration {
    SignedDuration::from_mins(i64::from(daemon.config.sessions.idle_minutes))
}

/// How exact it is kept when somebody was last seen: enough for a session in use not to end.
fn noted_every(idle: SignedDuration) -> SignedDuration {
    (idle / 4).min(NOTED_EVERY_MAX)
}

fn absolute(daemon: &Daemon) -> SignedDuration {
    SignedDuration::from_hours(i64::from(daemon.config.sessions.hours))
}

/// Always as many digits, so that text compares as time does.
fn stamp(at: Timestamp) -> String {
    format!("{at:.3}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_in_use_does_not_end_however_short_it_may_idle() {
        assert_eq!(noted_every(SignedDuration::from_mins(30)), NOTED_EVERY_MAX);
        assert_eq!(noted_every(SignedDuration::from_mins(1)), SignedDuration::from_secs(15));
    }
}

//! Tokens: what programs show. Shown once, kept as a hash; they end by themselves, with their owner, or when they are revoked.

use api::{Grant, NewToken, Password, Role, TokenAsk, TokenView};
use jiff::SignedDuration;
use vault::names::hex;

use super::{Identity, Via, hash_of, plus, read, refuse_bad_name, refuse_unknown_stacks, time, users, written};
use crate::catalog::TokenRow;
use crate::daemon::Daemon;
use crate::error::{Error, Result};

pub(crate) const PREFIX: &str = "rk_";
const TTL_DEFAULT_SECONDS: u64 = 90 * 86_400;
const TTL_MAX_SECONDS: u64 = 400 * 86_400;
/// How exact it is kept when one was last used.
const USED_EVERY: SignedDuration = SignedDuration::from_secs(60);

pub(crate) async fn add(daemon: &Daemon, who: &Identity, ask: &TokenAsk) -> Result<NewToken> {
    if who.via == Via::Token {
        return Err(Error::Forbidden("a token makes no tokens".into()));
    }
    refuse_bad_name(&ask.name)?;
    refuse_unknown_stacks(daemon, &ask.grants).await?;
    refuse_more_than_own(who, &ask.grants)?;
    let ttl = ask.ttl_seconds.unwrap_or(TTL_DEFAULT_SECONDS);
    if !(1..=TTL_MAX_SECONDS).contains(&ttl) {
        return Err(Error::Ask(format!("a token lives 1 second to {} days", TTL_MAX_SECONDS / 86_400)));
    }
    let token = format!("{PREFIX}{}", hex(&daemon.host.env.random::<32>()));
    let now = daemon.host.env.now();
    let row = TokenRow {
        id: hex(&daemon.host.env.random::<6>()),
        hash: hash_of(&token),
        name: ask.name.clone(),
        owner: who.name.clone(),
        owner_is_person: i64::from(users::is_person(who)),
        grants: written(&ask.grants)?,
        created: now.to_string(),
        expires: plus(now, SignedDuration::from_secs(ttl.cast_signed())).to_string(),
        last_used: None,
    };
    daemon.catalog.add_token(&row).await?;
    Ok(NewToken { token: Password(token), view: view(&row)? })
}

fn refuse_more_than_own(who: &Identity, grants: &[Grant]) -> Result<()> {
    if grants.is_empty() {
        return Err(Error::Ask("a token needs a role".into()));
    }
    match grants.iter().find(|grant| !who.may(grant.role, grant.stack.as_deref())) {
        None => Ok(()),
        Some(_) => Err(Error::Forbidden("a token may at most what its owner may".into())),
    }
}

/// One's own; all of them for who is admin for everything.
pub(crate) async fn list(daemon: &Daemon, who: &Identity) -> Result<Vec<TokenView>> {
    let rows = daemon.catalog.tokens().await?;
    rows.iter().filter(|row| is_for(row, who)).map(view).collect()
}

/// To others a token that is not theirs is not there.
pub(crate) async fn revoke(daemon: &Daemon, who: &Identity, id: &str) -> Result<()> {
    let unknown = || Error::Unknown { what: "token", name: id.to_owned() };
    let rows = daemon.catalog.tokens().await?;
    let row = rows.iter().find(|row| row.id == id && is_for(row, who)).ok_or_else(unknown)?;
    match daemon.catalog.remove_token(&row.id).await? {
        true => Ok(()),
        false => Err(unknown()),
    }
}

fn is_for(row: &TokenRow, who: &Identity) -> bool {
    who.may(Role::Admin, None) || (row.owner == who.name && (row.owner_is_person == 1) == users::is_person(who))
}

/// `None` when it is not known, or over.
pub(crate) async fn identity(daemon: &Daemon, token: &str) -> Result<Option<Identity>> {
    let Some(row) = daemon.catalog.token_by_hash(&hash_of(token)).await? else { return Ok(None) };
    let now = daemon.host.env.now();
    if time(&row.expires)? <= now {
        return Ok(None);
    }
    let mut identity = Identity::new(row.owner.clone(), Via::Token, read(&row.grants)?);
    if row.owner_is_person == 1 {
        let Some(grants) = users::grants(daemon, &row.owner).await? else { return Ok(None) };
        identity = Identity::new(row.owner.clone(), Via::Token, grants).within(read(&row.grants)?);
    }
    let used = row.last_used.as_deref().map(time).transpose()?;
    if used.is_none_or(|used| now.duration_since(used) >= USED_EVERY) {
        daemon.catalog.set_token_used(&row.id, &now.to_string()).await?;
    }
    Ok(Some(identity))
}

fn view(row: &TokenRow) -> Result<TokenView> {
    Ok(TokenView {
        id: row.id.clone(),
        name: row.name.clone(),
        owner: row.owner.clone(),
        grants: read(&row.grants)?,
        created: time(&row.created)?,
        expires: time(&row.expires)?,
        last_used: row.last_used.as_deref().map(time).transpose()?,
    })
}

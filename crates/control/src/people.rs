//! People: who somebody is, and what he may do. How he shows it stands in the siblings: `sessions`, `tokens`, `peers` (the socket).
//!
//! A right is a role, for one stack or for everything. Operator and approver may also look; admin may do everything. A token may at most
//! what its owner may at that moment.

use api::{Grant, Role};

use crate::error::{Error, Result};

pub(crate) mod limits;
pub(crate) mod password;
pub(crate) mod peers;
pub(crate) mod sessions;
pub(crate) mod tokens;
pub(crate) mod users;

#[cfg(test)]
pub(crate) const ROLES: [Role; 4] = [Role::Viewer, Role::Operator, Role::Approver, Role::Admin];

pub(crate) fn role_name(role: Role) -> &'static str {
    match role {
        Role::Viewer => "viewer",
        Role::Operator => "operator",
        Role::Approver => "approver",
        Role::Admin => "admin",
    }
}

/// Whether who has a role may do what another is needed for.
pub(crate) fn includes(has: Role, needed: Role) -> bool {
    has == needed || has == Role::Admin || needed == Role::Viewer
}

/// How somebody showed who he is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Via {
    Socket { uid: u32 },
    Session { hash: String, csrf: String },
    Token,
}

impl Via {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Via::Socket { .. } => "socket",
            Via::Session { .. } => "session",
            Via::Token => "token",
        }
    }
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) name: String,
    pub(crate) via: Via,
    /// All of these must allow it: of a token its own and its owner's.
    rights: Vec<Vec<Grant>>,
}

impl Identity {
    pub(crate) fn new(name: String, via: Via, grants: Vec<Grant>) -> Identity {
        Identity { name, via, rights: vec![grants] }
    }

    /// May no more than these either.
    pub(crate) fn within(mut self, grants: Vec<Grant>) -> Identity {
        self.rights.push(grants);
        self
    }

    /// `None`: for everything.
    pub(crate) fn may(&self, needed: Role, stack: Option<&str>) -> bool {
        let covers = |grant: &Grant| grant.stack.is_none() || (stack.is_some() && grant.stack.as_deref() == stack);
        let allows = |grants: &Vec<Grant>| grants.iter().any(|grant| includes(grant.role, needed) && covers(grant));
        self.rights.iter().all(allows)
    }

    /// For everything, or for some stack.
    pub(crate) fn may_somewhere(&self, needed: Role) -> bool {
        let own = self.rights.first().map(Vec::as_slice).unwrap_or_default();
        let others = self.rights.iter().flatten().filter_map(|grant| grant.stack.as_deref());
        !own.is_empty() && (self.may(needed, None) || { others }.any(|stack| self.may(needed, Some(stack))))
    }

    pub(crate) fn grants(&self) -> Vec<Grant> {
        self.rights.last().cloned().unwrap_or_default()
    }
}

/// In the catalog they are JSON.
fn written(grants: &[Grant]) -> Result<String> {
    let mut sorted = grants.to_vec();
    sorted.sort();
    sorted.dedup();
    Ok(serde_json::to_string(&sorted).map_err(|e| vault::Error::Internal(e.to_string()))?)
}

fn read(text: &str) -> Result<Vec<Grant>> {
    Ok(serde_json::from_str(text).map_err(|e| vault::Error::Internal(format!("rights in the catalog: {e}")))?)
}

/// Of users and tokens: it stands in logs and in front of a colon.
fn refuse_bad_name(name: &str) -> Result<()> {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-@".contains(&byte);
    let good = (1..=64).contains(&name.len()) && name.bytes().all(fits) && name.as_bytes()[0].is_ascii_alphanumeric();
    match good {
        true => Ok(()),
        false => Err(Error::Ask(format!("{name:?} is not a name: use 1 to 64 of a-z, 0-9, ., _, - and @"))),
    }
}

/// A stack that is not there is a typing error; the right would wait for whoever makes it.
async fn refuse_unknown_stacks(daemon: &crate::daemon::Daemon, grants: &[Grant]) -> Result<()> {
    for stack in grants.iter().filter_map(|grant| grant.stack.as_deref()) {
        if daemon.catalog.stack(stack).await?.is_none() {
            return Err(Error::Unknown { what: "stack", name: stack.to_owned() });
        }
    }
    Ok(())
}

fn time(text: &str) -> Result<jiff::Timestamp> {
    Ok(text.parse().map_err(|_| vault::Error::Internal(format!("{text:?} in the catalog is not a time")))?)
}

/// Never beyond what a time can say.
fn plus(at: jiff::Timestamp, span: jiff::SignedDuration) -> jiff::Timestamp {
    at.checked_add(span).unwrap_or(jiff::Timestamp::MAX)
}

/// What a secret of 256 random bits is kept as. It needs no salt and no slowness: nobody can guess it.
fn hash_of(secret: &str) -> String {
    blake3::hash(secret.as_bytes()).to_hex().to_string()
}

#[cfg(test)]
mod tests;

//! Users: who there is, and with which rights.

use api::{Grant, Role, UserAsk, UserView};

use super::{Identity, includes, password, read, refuse_bad_name, refuse_unknown_stacks, time, written};
use crate::catalog::PersonRow;
use crate::daemon::Daemon;
use crate::error::{Error, Result};

pub(crate) async fn list(daemon: &Daemon) -> Result<Vec<UserView>> {
    daemon.catalog.people().await?.iter().map(view).collect()
}

pub(crate) async fn show(daemon: &Daemon, name: &str) -> Result<UserView> {
    view(&daemon.catalog.person(name).await?.ok_or_else(|| unknown(name))?)
}

pub(crate) async fn add(daemon: &Daemon, ask: &UserAsk) -> Result<UserView> {
    refuse_bad_name(&ask.name)?;
    refuse_unknown_stacks(daemon, &ask.grants).await?;
    let password = match &ask.password {
        Some(password) => {
            password::refuse_weak(&password.0)?;
            Some(password::hashed(&password.0, &daemon.host.env).await?)
        }
        None => None,
    };
    let created = daemon.host.env.now().to_string();
    let row = PersonRow { name: ask.name.clone(), grants: written(&ask.grants)?, password, created, last_login: None };
    daemon.catalog.add_person(&row).await?;
    view(&row)
}

pub(crate) async fn remove(daemon: &Daemon, name: &str) -> Result<()> {
    match daemon.catalog.remove_person(name).await? {
        true => Ok(()),
        false => Err(unknown(name)),
    }
}

pub(crate) async fn set_roles(daemon: &Daemon, name: &str, grants: &[Grant]) -> Result<UserView> {
    refuse_unknown_stacks(daemon, grants).await?;
    match daemon.catalog.set_grants(name, &written(grants)?).await? {
        true => show(daemon, name).await,
        false => Err(unknown(name)),
    }
}

/// Ends all sessions: who knew the old one is out.
pub(crate) async fn set_password(daemon: &Daemon, name: &str, new: &str) -> Result<()> {
    password::refuse_weak(new)?;
    if daemon.catalog.person(name).await?.is_none() {
        return Err(unknown(name));
    }
    let kept = password::hashed(new, &daemon.host.env).await?;
    daemon.catalog.set_password(name, &kept).await?;
    daemon.catalog.end_sessions_of(name).await
}

/// Without one nobody can sign in from afar.
pub(crate) async fn has_password(daemon: &Daemon) -> Result<bool> {
    Ok(daemon.catalog.people().await?.iter().any(|row| row.password.is_some()))
}

/// How many people may agree to something of a stack.
pub(crate) async fn approvers(daemon: &Daemon, stack: &str) -> Result<u32> {
    let mut found = 0;
    for row in daemon.catalog.people().await? {
        let may = |grant: &Grant| {
            includes(grant.role, Role::Approver) && grant.stack.as_deref().is_none_or(|only| only == stack)
        };
        found += u32::from(read(&row.grants)?.iter().any(may));
    }
    Ok(found)
}

/// What a user may at this moment; nothing when there is no such user any more.
pub(super) async fn grants(daemon: &Daemon, name: &str) -> Result<Option<Vec<Grant>>> {
    daemon.catalog.person(name).await?.map(|row| read(&row.grants)).transpose()
}

/// A user is told from a peer of the socket with the same name by how he came.
pub(super) fn is_person(identity: &Identity) -> bool {
    !matches!(identity.via, super::Via::Socket { .. })
}

fn view(row: &PersonRow) -> Result<UserView> {
    Ok(UserView {
        name: row.name.clone(),
        grants: read(&row.grants)?,
        has_password: row.password.is_some(),
        created: time(&row.created)?,
        last_login: row.last_login.as_deref().map(time).transpose()?,
    })
}

fn unknown(name: &str) -> Error {
    Error::Unknown { what: "user", name: name.to_owned() }
}

//! The step `connect`: whether one gets in with the credentials that are used today, and may write. That the data is back says nothing of it.

use async_trait::async_trait;
use engine::postgres::wire::{Connection, Conninfo, Mode};
use ops::Found;
use serde::Deserialize;
use serde_json::Value;

use super::around::Around;
use super::preflight::Was;
use super::source_of;
use crate::driver::Trouble;
use crate::error::Result;
use crate::operation::{At, Part};

/// As it was set for the database, the role or the server.
pub(super) async fn is_read_only_by_default(info: &Conninfo) -> Result<bool> {
    let mut sql = Connection::connect(info, Mode::Bare).await?;
    let set = sql.value("SELECT current_setting('default_transaction_read_only')").await?;
    sql.close().await;
    Ok(set.as_deref() == Some("on"))
}

/// Then it is so on purpose, and in the way of nothing. The settings of one database come from the moment with it.
fn was_read_only(at: &At, around: &Around) -> Result<bool> {
    if around.database().is_some() {
        return Ok(true);
    }
    let broken = |e: serde_json::Error| vault::Error::Internal(format!("what preflight left: {e}"));
    Ok(Was::deserialize(at.work.output("preflight")).map_err(broken)?.read_only)
}

#[derive(Debug)]
pub(super) struct Connect;

#[async_trait]
impl Part for Connect {
    async fn act(&self, at: &At) -> Result<Value> {
        let (around, source) = (at.input::<Around>()?, at.daemon.source(source_of(at))?);
        let info = match around.database() {
            Some(database) => source.cluster.conninfo.with_dbname(database),
            None => source.cluster.conninfo.clone(),
        };
        let mut sql = Connection::connect(&info, Mode::Sql).await?;
        let who = sql.value("SELECT current_user || ' in database ' || current_database()").await?.unwrap_or_default();
        // Our session says of itself that it is not read-only: what is left is whether the server takes writes.
        let writable = "SELECT NOT pg_is_in_recovery() AND current_setting('transaction_read_only') = 'off'";
        let writes = sql.value(writable).await?;
        sql.close().await;
        if writes.as_deref() != Some("t") {
            let hint = "look for standby.signal in its data directory, then `rekindle ops resume` it";
            return Err(Trouble::refused(format!("it lets {who} in, and takes no writes")).hint(hint).of("connect"));
        }
        if is_read_only_by_default(&info).await? {
            let what = format!("sessions of {who} are read-only by default: default_transaction_read_only is on");
            if !was_read_only(at, &around)? {
                let hint = "ALTER SYSTEM RESET default_transaction_read_only, reload, then `rekindle ops resume` it";
                let what = format!("it lets {who} in, and takes no writes: {what}, and was off before");
                return Err(Trouble::refused(what).hint(hint).of("connect"));
            }
            at.work.warn(what);
        }
        at.work.say(format!("it lets {who} in, and takes writes"));
        Ok(serde_json::json!({ "as": who }))
    }

    /// It changes nothing.
    async fn look(&self, _at: &At) -> Result<Found> {
        Ok(Found::NotDone)
    }
}

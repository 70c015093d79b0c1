//! The step `connect`: whether one gets in with the credentials that are used today, and may write. That the data is back says nothing of it.

use async_trait::async_trait;
use engine::postgres::wire::{Connection, Mode};
use ops::Found;
use serde_json::Value;

use super::around::Around;
use super::source_of;
use crate::driver::Trouble;
use crate::error::Result;
use crate::operation::{At, Part};

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
        let writable = "SELECT NOT pg_is_in_recovery() AND current_setting('transaction_read_only') = 'off'";
        let writes = sql.value(writable).await?;
        sql.close().await;
        if writes.as_deref() != Some("t") {
            let hint = "look for default_transaction_read_only and for standby.signal, then `rekindle ops resume` it";
            return Err(Trouble::refused(format!("it lets {who} in, and takes no writes")).hint(hint).of("connect"));
        }
        at.work.say(format!("it lets {who} in, and takes writes"));
        Ok(serde_json::json!({ "as": who }))
    }

    /// It changes nothing.
    async fn look(&self, _at: &At) -> Result<Found> {
        Ok(Found::NotDone)
    }
}

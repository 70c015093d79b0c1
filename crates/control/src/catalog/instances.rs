//! What was opened, as stored.

use ops::{on, read};

use super::Catalog;
use crate::error::{Error, Result};

#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct InstanceRow {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) source: String,
    pub(crate) phase: String,
    pub(crate) folder: String,
    pub(crate) ask: String,
    pub(crate) created: String,
    pub(crate) expires: Option<String>,
    pub(crate) quota_bytes: Option<i64>,
    pub(crate) backup: Option<String>,
    pub(crate) pin: Option<String>,
    pub(crate) opened: Option<String>,
    pub(crate) report: Option<String>,
    pub(crate) trouble: Option<String>,
    /// Where it is; empty where there is only this host.
    pub(crate) host: String,
    /// Of one that lies in the place of a live cluster: whose server it is, see `instances::serves`.
    pub(crate) serves: Option<String>,
}

impl Catalog {
    pub(crate) async fn instances(&self) -> Result<Vec<InstanceRow>> {
        const ALL: &str = "SELECT * FROM instance ORDER BY created, name";
        Ok(read!(&self.db, pool => sqlx::query_as(ALL).fetch_all(pool).await?))
    }

    pub(crate) async fn instance(&self, name: &str) -> Result<Option<InstanceRow>> {
        const ONE: &str = "SELECT * FROM instance WHERE name = $1";
        Ok(read!(&self.db, pool => sqlx::query_as(ONE).bind(name).fetch_optional(pool).await?))
    }

    /// A name that is taken is refused.
    pub(crate) async fn add_instance(&self, row: &InstanceRow) -> Result<()> {
        const ADD: &str = "INSERT INTO instance (name, kind, source, phase, folder, ask, created, expires, quota_bytes, host) \
                           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
        let added = on!(&self.db, pool => sqlx::query(ADD)
            .bind(&row.name).bind(&row.kind).bind(&row.source).bind(&row.phase).bind(&row.folder)
            .bind(&row.ask).bind(&row.created).bind(&row.expires).bind(row.quota_bytes).bind(&row.host)
            .execute(pool).await.map(drop));
        match added {
            Err(sqlx::Error::Database(error)) if error.is_unique_violation() => {
                Err(Error::TakenInstance(row.name.clone()))
            }
            other => Ok(other?),
        }
    }

    /// Everything that changes in an instance's life.
    pub(crate) async fn put_instance(&self, row: &InstanceRow) -> Result<()> {
        const PUT: &str = "UPDATE instance SET phase = $1, backup = $2, pin = $3, opened = $4, report = $5, trouble = $6, \
                           serves = $7 WHERE name = $8";
        on!(&self.db, pool => sqlx::query(PUT)
            .bind(&row.phase).bind(&row.backup).bind(&row.pin).bind(&row.opened).bind(&row.report)
            .bind(&row.trouble).bind(&row.serves).bind(&row.name)
            .execute(pool).await.map(drop)?);
        Ok(())
    }

    pub(crate) async fn set_expiry(&self, name: &str, expires: &str) -> Result<bool> {
        const SET: &str = "UPDATE instance SET expires = $1 WHERE name = $2";
        Ok(on!(&self.db, pool => sqlx::query(SET).bind(expires).bind(name).execute(pool).await?.rows_affected()) > 0)
    }

    pub(crate) async fn remove_instance(&self, name: &str) -> Result<()> {
        const REMOVE: &str = "DELETE FROM instance WHERE name = $1";
        on!(&self.db, pool => sqlx::query(REMOVE).bind(name).execute(pool).await.map(drop)?);
        Ok(())
    }
}

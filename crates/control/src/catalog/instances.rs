//! What was opened, as stored.

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
}

impl Catalog {
    pub(crate) async fn instances(&self) -> Result<Vec<InstanceRow>> {
        Ok(sqlx::query_as("SELECT * FROM instance ORDER BY created, name").fetch_all(&self.pool).await?)
    }

    pub(crate) async fn instance(&self, name: &str) -> Result<Option<InstanceRow>> {
        let found = sqlx::query_as("SELECT * FROM instance WHERE name = $1").bind(name);
        Ok(found.fetch_optional(&self.pool).await?)
    }

    /// A name that is taken is refused.
    pub(crate) async fn add_instance(&self, row: &InstanceRow) -> Result<()> {
        let added = sqlx::query(
            "INSERT INTO instance (name, kind, source, phase, folder, ask, created, expires, quota_bytes) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        );
        let added = added.bind(&row.name).bind(&row.kind).bind(&row.source).bind(&row.phase).bind(&row.folder);
        let added = added.bind(&row.ask).bind(&row.created).bind(&row.expires).bind(row.quota_bytes);
        match added.execute(&self.pool).await {
            Err(sqlx::Error::Database(error)) if error.is_unique_violation() => {
                Err(Error::TakenInstance(row.name.clone()))
            }
            other => Ok(other.map(drop)?),
        }
    }

    /// Everything that changes in an instance's life.
    pub(crate) async fn put_instance(&self, row: &InstanceRow) -> Result<()> {
        let put = sqlx::query(
            "UPDATE instance SET phase = $1, backup = $2, pin = $3, opened = $4, report = $5, trouble = $6 WHERE name = $7",
        );
        let put = put.bind(&row.phase).bind(&row.backup).bind(&row.pin).bind(&row.opened);
        Ok(put.bind(&row.report).bind(&row.trouble).bind(&row.name).execute(&self.pool).await.map(drop)?)
    }

    pub(crate) async fn set_expiry(&self, name: &str, expires: &str) -> Result<bool> {
        let set = sqlx::query("UPDATE instance SET expires = $1 WHERE name = $2").bind(expires).bind(name);
        Ok(set.execute(&self.pool).await?.rows_affected() > 0)
    }

    pub(crate) async fn remove_instance(&self, name: &str) -> Result<()> {
        Ok(sqlx::query("DELETE FROM instance WHERE name = $1").bind(name).execute(&self.pool).await.map(drop)?)
    }
}

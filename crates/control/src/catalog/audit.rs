//! The audit log's records, as stored. They are added and read, and nothing else.

use ops::{on, read};

use super::Catalog;
use crate::error::Result;

#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct AuditRow {
    pub(crate) n: i64,
    /// Its canonical bytes.
    pub(crate) record: String,
    pub(crate) hash: String,
}

impl Catalog {
    pub(crate) async fn last_audit(&self) -> Result<Option<AuditRow>> {
        const LAST: &str = "SELECT * FROM audit ORDER BY n DESC LIMIT 1";
        Ok(on!(&self.db, pool => sqlx::query_as(LAST).fetch_optional(pool).await?))
    }

    /// False when another has that number already.
    pub(crate) async fn add_audit(&self, row: &AuditRow) -> Result<bool> {
        const ADD: &str = "INSERT INTO audit (n, record, hash) VALUES ($1, $2, $3)";
        let added = on!(&self.db, pool => sqlx::query(ADD)
            .bind(row.n).bind(&row.record).bind(&row.hash)
            .execute(pool).await.map(drop));
        match added {
            Err(sqlx::Error::Database(error)) if error.is_unique_violation() => Ok(false),
            other => Ok(other.map(|()| true)?),
        }
    }

    /// Those from a number on, in order.
    pub(crate) async fn audit_from(&self, n: i64, limit: i64) -> Result<Vec<AuditRow>> {
        const FROM: &str = "SELECT * FROM audit WHERE n >= $1 ORDER BY n LIMIT $2";
        Ok(read!(&self.db, pool => sqlx::query_as(FROM).bind(n).bind(limit).fetch_all(pool).await?))
    }

    /// The newest first, older than a number.
    pub(crate) async fn audit_before(&self, n: i64, limit: i64) -> Result<Vec<AuditRow>> {
        const BEFORE: &str = "SELECT * FROM audit WHERE n < $1 ORDER BY n DESC LIMIT $2";
        Ok(read!(&self.db, pool => sqlx::query_as(BEFORE).bind(n).bind(limit).fetch_all(pool).await?))
    }
}

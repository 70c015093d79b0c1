//! What was replaced and is kept, until a person lets it go.

use ops::{on, read};

use super::Catalog;
use crate::error::Result;

#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct RetiredRow {
    pub(crate) path: String,
    pub(crate) operation: String,
    pub(crate) source: String,
    /// Where it lay.
    pub(crate) live: String,
    pub(crate) since: String,
    /// Where it is; empty where there is only this host.
    pub(crate) host: String,
}

impl Catalog {
    pub(crate) async fn retired(&self) -> Result<Vec<RetiredRow>> {
        const ALL: &str = "SELECT * FROM retired ORDER BY since, path";
        Ok(read!(&self.db, pool => sqlx::query_as(ALL).fetch_all(pool).await?))
    }

    /// What is known already stays as it was.
    pub(crate) async fn put_retired(&self, row: &RetiredRow) -> Result<()> {
        const PUT: &str = "INSERT INTO retired (path, operation, source, live, since, host) VALUES ($1, $2, $3, $4, $5, $6) \
                           ON CONFLICT (path) DO NOTHING";
        on!(&self.db, pool => sqlx::query(PUT)
            .bind(&row.path).bind(&row.operation).bind(&row.source).bind(&row.live).bind(&row.since).bind(&row.host)
            .execute(pool).await.map(drop)?);
        Ok(())
    }

    pub(crate) async fn forget_retired(&self, path: &str) -> Result<()> {
        const FORGET: &str = "DELETE FROM retired WHERE path = $1";
        on!(&self.db, pool => sqlx::query(FORGET).bind(path).execute(pool).await.map(drop)?);
        Ok(())
    }
}

//! Who uses a database, as stored.

use ops::{on, read};

use super::Catalog;
use crate::error::Result;

#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct ConsumerRow {
    pub(crate) source: String,
    /// Empty: by the server's own socket.
    pub(crate) address: String,
    pub(crate) application: String,
    pub(crate) role: String,
    pub(crate) database: String,
    pub(crate) first_seen: String,
    pub(crate) last_seen: String,
    /// Looks at which it was there.
    pub(crate) looks: i64,
    /// The most sessions that it had at one look.
    pub(crate) sessions_max: i64,
}

impl Catalog {
    /// One look: those that are known were there once more.
    pub(crate) async fn saw_consumer(&self, row: &ConsumerRow) -> Result<()> {
        const SAW: &str = "INSERT INTO consumer (source, address, application, role, database, first_seen, last_seen, looks, \
                           sessions_max) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
                           ON CONFLICT (source, address, application, role, database) DO UPDATE SET \
                           last_seen = excluded.last_seen, looks = consumer.looks + excluded.looks, sessions_max = \
                           CASE WHEN excluded.sessions_max > consumer.sessions_max THEN excluded.sessions_max \
                           ELSE consumer.sessions_max END";
        on!(&self.db, pool => sqlx::query(SAW)
            .bind(&row.source).bind(&row.address).bind(&row.application).bind(&row.role).bind(&row.database)
            .bind(&row.first_seen).bind(&row.last_seen).bind(row.looks).bind(row.sessions_max)
            .execute(pool).await.map(drop)?);
        Ok(())
    }

    pub(crate) async fn consumers(&self, source: &str) -> Result<Vec<ConsumerRow>> {
        const OF: &str = "SELECT * FROM consumer WHERE source = $1 ORDER BY last_seen DESC, application, role, address";
        Ok(read!(&self.db, pool => sqlx::query_as(OF).bind(source).fetch_all(pool).await?))
    }

    pub(crate) async fn forget_consumers(&self, source: &str, not_since: &str) -> Result<()> {
        const FORGET: &str = "DELETE FROM consumer WHERE source = $1 AND last_seen < $2";
        on!(&self.db, pool => sqlx::query(FORGET).bind(source).bind(not_since).execute(pool).await.map(drop)?);
        Ok(())
    }
}

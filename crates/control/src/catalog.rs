//! The daemon's memory: SQLite, one writer, WAL, synchronous FULL. Losing it loses nothing that a restore needs.

use std::path::Path;

use jiff::Timestamp;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};

use crate::error::{Error, Result};

mod instances;

pub(crate) use instances::InstanceRow;

/// Operations remembered.
const OPERATIONS_LISTED: i64 = 200;

#[derive(Debug, Clone)]
pub(crate) struct Catalog {
    pool: SqlitePool,
}

/// A protected source, as stored.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct SourceRow {
    pub(crate) name: String,
    pub(crate) url: String,
    pub(crate) slot: String,
    pub(crate) system_identifier: String,
    pub(crate) data_directory: String,
    pub(crate) created: String,
}

#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct OperationRow {
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) source: Option<String>,
    pub(crate) status: String,
    pub(crate) step: String,
    pub(crate) started: String,
    pub(crate) ended: Option<String>,
    pub(crate) error: Option<String>,
    pub(crate) result: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct GapRow {
    pub(crate) source: String,
    pub(crate) timeline: i64,
    pub(crate) position_from: String,
    pub(crate) position_to: String,
    pub(crate) noticed: String,
    pub(crate) why: String,
}

impl Catalog {
    pub(crate) async fn open(path: &Path) -> Result<Catalog> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true);
        // One connection: writers never meet.
        let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await?;
        sqlx::migrate!("migrations/sqlite").run(&pool).await?;
        Ok(Catalog { pool })
    }

    pub(crate) async fn close(&self) {
        self.pool.close().await;
    }

    pub(crate) async fn sources(&self) -> Result<Vec<SourceRow>> {
        Ok(sqlx::query_as("SELECT * FROM source ORDER BY name").fetch_all(&self.pool).await?)
    }

    pub(crate) async fn add_source(&self, row: &SourceRow) -> Result<()> {
        let added = sqlx::query(
            "INSERT INTO source (name, url, slot, system_identifier, data_directory, created) VALUES ($1, $2, $3, $4, $5, $6)",
        );
        let added = added.bind(&row.name).bind(&row.url).bind(&row.slot).bind(&row.system_identifier);
        let added = added.bind(&row.data_directory).bind(&row.created).execute(&self.pool).await;
        match added {
            Err(sqlx::Error::Database(error)) if error.is_unique_violation() => Err(Error::Taken(row.name.clone())),
            other => Ok(other.map(drop)?),
        }
    }

    pub(crate) async fn remove_source(&self, name: &str) -> Result<bool> {
        let removed = sqlx::query("DELETE FROM source WHERE name = $1").bind(name).execute(&self.pool).await?;
        Ok(removed.rows_affected() > 0)
    }

    pub(crate) async fn begin_operation(&self, row: &OperationRow) -> Result<()> {
        let begun = sqlx::query(
            "INSERT INTO operation (id, kind, source, status, step, started) VALUES ($1, $2, $3, $4, $5, $6)",
        );
        let begun = begun.bind(&row.id).bind(&row.kind).bind(&row.source).bind(&row.status).bind(&row.step);
        Ok(begun.bind(&row.started).execute(&self.pool).await.map(drop)?)
    }

    pub(crate) async fn end_operation(&self, row: &OperationRow) -> Result<()> {
        let ended = sqlx::query(
            "UPDATE operation SET status = $1, step = $2, ended = $3, error = $4, result = $5 WHERE id = $6",
        );
        let ended = ended.bind(&row.status).bind(&row.step).bind(&row.ended).bind(&row.error).bind(&row.result);
        Ok(ended.bind(&row.id).execute(&self.pool).await.map(drop)?)
    }

    /// What ran when the last daemon ended did not come to its end.
    pub(crate) async fn fail_unfinished(&self, now: Timestamp, error: &str) -> Result<u64> {
        let failed =
            sqlx::query("UPDATE operation SET status = 'failed', ended = $1, error = $2 WHERE status = 'running'");
        Ok(failed.bind(now.to_string()).bind(error).execute(&self.pool).await?.rows_affected())
    }

    /// The newest first.
    pub(crate) async fn operations(&self) -> Result<Vec<OperationRow>> {
        let rows = sqlx::query_as("SELECT * FROM operation ORDER BY started DESC, id DESC LIMIT $1");
        Ok(rows.bind(OPERATIONS_LISTED).fetch_all(&self.pool).await?)
    }

    pub(crate) async fn operation(&self, id: &str) -> Result<Option<OperationRow>> {
        Ok(sqlx::query_as("SELECT * FROM operation WHERE id = $1").bind(id).fetch_optional(&self.pool).await?)
    }

    pub(crate) async fn add_gap(&self, gap: &GapRow) -> Result<()> {
        let added = sqlx::query(
            "INSERT OR IGNORE INTO gap (source, timeline, position_from, position_to, noticed, why) VALUES ($1, $2, $3, $4, $5, $6)",
        );
        let added = added.bind(&gap.source).bind(gap.timeline).bind(&gap.position_from).bind(&gap.position_to);
        Ok(added.bind(&gap.noticed).bind(&gap.why).execute(&self.pool).await.map(drop)?)
    }

    pub(crate) async fn gaps(&self, source: &str) -> Result<Vec<GapRow>> {
        Ok(sqlx::query_as("SELECT * FROM gap WHERE source = $1 ORDER BY noticed")
            .bind(source)
            .fetch_all(&self.pool)
            .await?)
    }
}

#[cfg(test)]
mod tests;

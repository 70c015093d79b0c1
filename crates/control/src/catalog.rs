//! The daemon's memory, in the database that `ops::db` describes. Losing it loses nothing that a restore needs.

use ops::{Db, on, read};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

mod alarms;
mod audit;
mod consumers;
pub(crate) mod copy;
mod instances;
mod people;
mod retired;
mod stacks;

pub(crate) use alarms::{AlarmFilter, AlarmWrite, DELIVERED, GIVEN_UP, Notice, NoticeRow, WAITING, time};
pub(crate) use audit::AuditRow;
pub(crate) use consumers::ConsumerRow;
pub(crate) use instances::InstanceRow;
pub(crate) use people::{PersonRow, SessionRow, TokenRow};
pub(crate) use retired::RetiredRow;
pub(crate) use stacks::StackRow;

#[derive(Debug, Clone)]
pub(crate) struct Catalog {
    db: Db,
}

/// A protected source, as stored.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow, Serialize, Deserialize)]
pub(crate) struct SourceRow {
    pub(crate) name: String,
    pub(crate) url: String,
    pub(crate) slot: String,
    pub(crate) system_identifier: String,
    pub(crate) data_directory: String,
    pub(crate) created: String,
    /// Where a restore has moved it to, whatever its connection string says.
    #[serde(default)]
    pub(crate) host: Option<String>,
    #[serde(default)]
    pub(crate) port: Option<i64>,
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
    pub(crate) async fn open(db: Db) -> Result<Catalog> {
        db.migrate(sqlx::migrate!("migrations/sqlite"), sqlx::migrate!("migrations/postgres")).await?;
        Ok(Catalog { db })
    }

    pub(crate) async fn close(&self) {
        self.db.close().await;
    }

    pub(crate) async fn sources(&self) -> Result<Vec<SourceRow>> {
        Ok(read!(&self.db, pool => sqlx::query_as("SELECT * FROM source ORDER BY name").fetch_all(pool).await?))
    }

    pub(crate) async fn add_source(&self, row: &SourceRow) -> Result<()> {
        const ADD: &str = "INSERT INTO source (name, url, slot, system_identifier, data_directory, created) \
                           VALUES ($1, $2, $3, $4, $5, $6)";
        let added = on!(&self.db, pool => sqlx::query(ADD)
            .bind(&row.name).bind(&row.url).bind(&row.slot).bind(&row.system_identifier)
            .bind(&row.data_directory).bind(&row.created)
            .execute(pool).await.map(drop));
        match added {
            Err(sqlx::Error::Database(error)) if error.is_unique_violation() => Err(Error::Taken(row.name.clone())),
            other => Ok(other?),
        }
    }

    /// Where it is from now on.
    pub(crate) async fn move_source(&self, row: &SourceRow) -> Result<()> {
        const MOVE: &str = "UPDATE source SET host = $1, port = $2, data_directory = $3 WHERE name = $4";
        on!(&self.db, pool => sqlx::query(MOVE)
            .bind(&row.host).bind(row.port).bind(&row.data_directory).bind(&row.name)
            .execute(pool).await.map(drop)?);
        Ok(())
    }

    pub(crate) async fn remove_source(&self, name: &str) -> Result<bool> {
        const REMOVE: &str = "DELETE FROM source WHERE name = $1";
        Ok(on!(&self.db, pool => sqlx::query(REMOVE).bind(name).execute(pool).await?.rows_affected()) > 0)
    }

    pub(crate) async fn add_gap(&self, gap: &GapRow) -> Result<()> {
        const ADD: &str = "INSERT INTO gap (source, timeline, position_from, position_to, noticed, why) \
                           VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING";
        on!(&self.db, pool => sqlx::query(ADD)
            .bind(&gap.source).bind(gap.timeline).bind(&gap.position_from).bind(&gap.position_to)
            .bind(&gap.noticed).bind(&gap.why)
            .execute(pool).await.map(drop)?);
        Ok(())
    }

    pub(crate) async fn gaps(&self, source: &str) -> Result<Vec<GapRow>> {
        const GAPS: &str = "SELECT * FROM gap WHERE source = $1 ORDER BY noticed";
        Ok(read!(&self.db, pool => sqlx::query_as(GAPS).bind(source).fetch_all(pool).await?))
    }
}

#[cfg(test)]
mod tests;

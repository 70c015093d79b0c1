//! Stacks as they were applied, and how far their timetables are.

use jiff::Timestamp;
use ops::{on, read};

use super::Catalog;
use crate::error::Result;

#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct StackRow {
    pub(crate) name: String,
    pub(crate) file: String,
    pub(crate) applied: String,
    pub(crate) applied_by: String,
}

const CHANGED: &str = "stacks changed";

impl Catalog {
    pub(crate) async fn stacks(&self) -> Result<Vec<StackRow>> {
        Ok(read!(&self.db, pool => sqlx::query_as("SELECT * FROM stack ORDER BY name").fetch_all(pool).await?))
    }

    pub(crate) async fn stacks_after(&self, after: &str, limit: Option<u32>) -> Result<Vec<StackRow>> {
        const PAGE: &str = "SELECT * FROM stack WHERE name > $1 ORDER BY name LIMIT $2";
        let limit = limit.map_or(i64::MAX, i64::from);
        Ok(read!(&self.db, pool => sqlx::query_as(PAGE).bind(after).bind(limit).fetch_all(pool).await?))
    }

    pub(crate) async fn stack(&self, name: &str) -> Result<Option<StackRow>> {
        const ONE: &str = "SELECT * FROM stack WHERE name = $1";
        Ok(read!(&self.db, pool => sqlx::query_as(ONE).bind(name).fetch_optional(pool).await?))
    }

    pub(crate) async fn put_stack(&self, row: &StackRow) -> Result<()> {
        const PUT: &str = "INSERT INTO stack (name, file, applied, applied_by) VALUES ($1, $2, $3, $4) \
                           ON CONFLICT (name) DO UPDATE SET file = excluded.file, applied = excluded.applied, \
                           applied_by = excluded.applied_by";
        on!(&self.db, pool => sqlx::query(PUT)
            .bind(&row.name).bind(&row.file).bind(&row.applied).bind(&row.applied_by)
            .execute(pool).await.map(drop)?);
        self.set_timer(CHANGED, row.applied.parse().unwrap_or(Timestamp::UNIX_EPOCH)).await
    }

    /// When any of them was last put. Who reads them asks before, so that he never takes old ones for new.
    pub(crate) async fn stacks_changed(&self) -> Result<Option<Timestamp>> {
        const ONE: &str = "SELECT slot FROM timer WHERE name = $1";
        let slot: Option<String> =
            read!(&self.db, pool => sqlx::query_scalar(ONE).bind(CHANGED).fetch_optional(pool).await?);
        Ok(slot.and_then(|slot| slot.parse().ok()))
    }

    /// Slots served last, by timer.
    pub(crate) async fn timers(&self) -> Result<Vec<(String, Timestamp)>> {
        let rows: Vec<(String, String)> =
            read!(&self.db, pool => sqlx::query_as("SELECT name, slot FROM timer").fetch_all(pool).await?);
        Ok(rows.into_iter().filter_map(|(name, slot)| Some((name, slot.parse().ok()?))).collect())
    }

    pub(crate) async fn timer(&self, name: &str) -> Result<Option<Timestamp>> {
        const ONE: &str = "SELECT slot FROM timer WHERE name = $1";
        let slot: Option<String> =
            read!(&self.db, pool => sqlx::query_scalar(ONE).bind(name).fetch_optional(pool).await?);
        Ok(slot.and_then(|slot| slot.parse().ok()))
    }

    pub(crate) async fn set_timer(&self, name: &str, slot: Timestamp) -> Result<()> {
        const PUT: &str = "INSERT INTO timer (name, slot) VALUES ($1, $2) \
                           ON CONFLICT (name) DO UPDATE SET slot = excluded.slot";
        on!(&self.db, pool => sqlx::query(PUT).bind(name).bind(slot.to_string()).execute(pool).await.map(drop)?);
        Ok(())
    }
}

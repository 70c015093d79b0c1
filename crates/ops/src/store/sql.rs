//! The store on SQL, one text for both databases. A run's row carries its state as it is after the last event, and what it is found
//! by; the events beside it are the record of how it came there.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::AssertSqlSafe;

use super::{Claim, Error, Filter, LISTED_MAX, Lease, Recorded, Result, Said, Store, due, go_on, take_over};
use crate::db::Db;
use crate::moves::Event;
use crate::run::{Head, Run, State, Status};
use crate::step::Line;
use crate::{on, read};

#[derive(Debug, Clone)]
pub struct SqlStore {
    db: Db,
}

/// What a run's row is read as.
#[derive(Debug, sqlx::FromRow)]
struct Row {
    id: String,
    lease_epoch: i64,
    head: String,
    state: String,
}

impl SqlStore {
    /// Makes its tables where they are not there yet.
    pub async fn open(db: Db) -> Result<SqlStore> {
        // One text for both databases.
        db.migrate(sqlx::migrate!("./migrations"), sqlx::migrate!("./migrations")).await?;
        Ok(SqlStore { db })
    }

    /// Ends all leases. Only for who knows that nobody else works on this catalog: then what an earlier process held is free at once.
    pub async fn end_leases(&self) -> Result<()> {
        const END: &str = "UPDATE run SET lease_until = NULL WHERE lease_until IS NOT NULL";
        on!(&self.db, pool => sqlx::query(END).execute(pool).await.map(drop)?);
        Ok(())
    }

    /// Lets this host do what was bound to another. Only for who knows that the other does not come back.
    pub async fn end_places(&self) -> Result<()> {
        const END: &str = "UPDATE run SET place = NULL WHERE place IS NOT NULL AND ended IS NULL";
        on!(&self.db, pool => sqlx::query(END).execute(pool).await.map(drop)?);
        Ok(())
    }

    /// Runs there are, of any kind.
    pub async fn count(&self) -> Result<u64> {
        const COUNT: &str = "SELECT count(*) FROM run";
        let count: i64 = read!(&self.db, pool => sqlx::query_scalar(COUNT).fetch_one(pool).await?);
        Ok(u64::try_from(count).unwrap_or_default())
    }

    pub fn db(&self) -> &Db {
        &self.db
    }
}

impl Row {
    fn run(&self) -> Result<Run> {
        let damaged = |error: serde_json::Error| Error::Damaged { run: self.id.clone(), what: error.to_string() };
        Ok(Run {
            head: serde_json::from_str::<Head>(&self.head).map_err(damaged)?,
            state: serde_json::from_str::<State>(&self.state).map_err(damaged)?,
        })
    }
}

fn micros(at: Timestamp) -> i64 {
    at.as_microsecond()
}

fn after(now: Timestamp, ttl: Duration) -> i64 {
    micros(now).saturating_add(i64::try_from(ttl.as_micros()).unwrap_or(i64::MAX))
}

fn time(run: &str, micros: i64) -> Result<Timestamp> {
    Timestamp::from_microsecond(micros).map_err(|e| Error::Damaged { run: run.to_owned(), what: e.to_string() })
}

fn text(run: &str, value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|e| Error::Damaged { run: run.to_owned(), what: e.to_string() })
}

fn parsed<T: DeserializeOwned>(run: &str, text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|e| Error::Damaged { run: run.to_owned(), what: e.to_string() })
}

/// The question, and what is bound from its fourth place on. Only what is asked for: a condition that may be left out keeps both databases
/// from their indexes.
fn list(filter: &Filter) -> (String, Vec<&str>) {
    let mut sql = "SELECT id, lease_epoch, head, state FROM run WHERE (created, id) < ($1, $2)".to_owned();
    let mut wanted = Vec::new();
    let status = filter.status.map(Status::name);
    for (column, value) in
        [("kind", filter.kind.as_deref()), ("subject", filter.subject.as_deref()), ("status", status)]
    {
        if let Some(value) = value {
            wanted.push(value);
            sql.push_str(&format!(" AND {column} = ${}", wanted.len() + 3));
        }
    }
    sql.push_str(if filter.unfinished { " AND ended IS NULL" } else { "" });
    sql.push_str(" ORDER BY created DESC, id DESC LIMIT $3");
    (sql, wanted)
}

/// Both databases lock the row until the end of the transaction when it is written, changed or not.
const TAKE: &str = "UPDATE run SET lease_epoch = lease_epoch WHERE id = $1 RETURNING id, lease_epoch, head, state";
const TAKE_MINE: &str = "UPDATE run SET lease_epoch = lease_epoch WHERE id = $1 AND lease_epoch = $2 AND lease_owner IS NOT NULL \
                         RETURNING id, lease_epoch, head, state";
const PUT_STATE: &str = "UPDATE run SET state = $1, status = $2, due = $3, ended = $4 WHERE id = $5";
const PUT_EVENT: &str = "INSERT INTO run_event (run, n, at, epoch, event) VALUES ($1, $2, $3, $4, $5)";
const PUT_LINE: &str = "INSERT INTO run_line (run, n, at, step, level, text) \
                        SELECT $1, COALESCE(MAX(n), 0) + 1, $2, $3, $4, $5 FROM run_line WHERE run = $1";
const CLAIM: &str = "UPDATE run SET lease_owner = $1, lease_epoch = lease_epoch + 1, lease_until = $2 WHERE id = $3 \
                     RETURNING id, lease_epoch, head, state";
const SQLITE_DUE: &str = "SELECT id FROM run WHERE due IS NOT NULL AND due <= $1 \
                          AND (lease_until IS NULL OR lease_until < $1) AND (place IS NULL OR place = $2) \
                          AND kind NOT IN (SELECT value FROM json_each($3)) ORDER BY due LIMIT 1";
const POSTGRES_DUE: &str = "SELECT id FROM run WHERE due IS NOT NULL AND due <= $1 \
                            AND (lease_until IS NULL OR lease_until < $1) AND (place IS NULL OR place = $2) \
                            AND kind NOT IN (SELECT json_array_elements_text($3::json)) \
                            ORDER BY due LIMIT 1 FOR UPDATE SKIP LOCKED";

macro_rules! put_state {
    ($tx:expr, $run:expr, $now:expr) => {{
        let (run, now): (&Run, Timestamp) = ($run, $now);
        let id = &run.head.id;
        sqlx::query(PUT_STATE)
            .bind(text(id, &run.state)?)
            .bind(run.state.status.name())
            .bind(due(run, now).map(micros))
            .bind(run.state.ended.map(micros))
            .bind(id)
            .execute(&mut *$tx)
            .await?;
    }};
}

/// The last of a run's events, which were just applied.
macro_rules! put_events {
    ($tx:expr, $run:expr, $now:expr, $epoch:expr, $events:expr) => {{
        let (run, events): (&Run, &[Event]) = ($run, $events);
        for (event, n) in events.iter().rev().zip((1..=run.state.events).rev()) {
            sqlx::query(PUT_EVENT)
                .bind(&run.head.id)
                .bind(i64::try_from(n).unwrap_or(i64::MAX))
                .bind(micros($now))
                .bind($epoch)
                .bind(text(&run.head.id, event)?)
                .execute(&mut *$tx)
                .await?;
        }
    }};
}

macro_rules! put_lines {
    ($tx:expr, $run:expr, $now:expr, $lines:expr) => {{
        for line in $lines {
            sqlx::query(PUT_LINE)
                .bind($run)
                .bind(micros($now))
                .bind(i64::try_from(line.step).unwrap_or(i64::MAX))
                .bind(line.level.name())
                .bind(&line.text)
                .execute(&mut *$tx)
                .await?;
        }
    }};
}

#[async_trait]
impl Store for SqlStore {
    async fn now(&self) -> Result<Timestamp> {
        Ok(self.db.now().await?)
    }

    async fn add(&self, head: &Head, key: Option<&str>) -> Result<Run> {
        let run = Run::new(head.clone());
        let (head_text, state) = (text(&head.id, head)?, text(&head.id, &run.state)?);
        const ADD: &str = "INSERT INTO run (id, kind, subject, lane, place, request_key, status, created, head, state) \
                           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
        let added = on!(&self.db, pool => sqlx::query(ADD)
            .bind(&head.id).bind(&head.kind).bind(&head.subject).bind(&head.lane).bind(&head.place).bind(key)
            .bind(run.state.status.name()).bind(micros(head.created)).bind(head_text).bind(state)
            .execute(pool).await.map(drop));
        match added {
            Ok(()) => Ok(run),
            Err(sqlx::Error::Database(error)) if error.is_unique_violation() => self.there_already(head, key).await,
            Err(error) => Err(error.into()),
        }
    }

    async fn ask(&self, run: &str, event: &Event) -> Result<Run> {
        let now = self.now().await?;
        on!(&self.db, pool => {
            let mut tx = pool.begin_with(self.db.begin()).await?;
            let row: Option<Row> = sqlx::query_as(TAKE).bind(run).fetch_optional(&mut *tx).await?;
            let row = row.ok_or_else(|| Error::Unknown(run.to_owned()))?;
            let mut asked = row.run()?;
            if let Err(illegal) = asked.apply(now, event) {
                // A transaction that is dropped keeps the row for a moment more, and a claim would pass it over.
                tx.rollback().await?;
                return Err(illegal.into());
            }
            put_events!(tx, &asked, now, row.lease_epoch, std::slice::from_ref(event));
            put_state!(tx, &asked, now);
            tx.commit().await?;
            Ok(asked)
        })
    }

    async fn claim(&self, claim: &Claim) -> Result<Option<(Lease, Run)>> {
        let now = self.now().await?;
        let wanted = match &self.db {
            Db::Sqlite { .. } => SQLITE_DUE,
            Db::Postgres(_) => POSTGRES_DUE,
        };
        // Most looks find nothing, and need not keep others from writing.
        if matches!(self.db, Db::Sqlite { .. }) && self.nothing_due(claim, now).await? {
            return Ok(None);
        }
        on!(&self.db, pool => {
            let mut tx = pool.begin_with(self.db.begin()).await?;
            let found: Option<String> =
                sqlx::query_scalar(wanted).bind(micros(now)).bind(&claim.place).bind(not(claim)).fetch_optional(&mut *tx).await?;
            let Some(found) = found else { return Ok(None) };
            let row: Row = sqlx::query_as(CLAIM).bind(&claim.owner).bind(after(now, claim.ttl)).bind(&found)
                .fetch_one(&mut *tx).await?;
            let mut run = row.run()?;
            let events = take_over(&mut run, now)?;
            put_events!(tx, &run, now, row.lease_epoch, &events);
            put_state!(tx, &run, now);
            tx.commit().await?;
            Ok(Some((Lease { run: row.id, epoch: row.lease_epoch }, run)))
        })
    }

    async fn renew(&self, leases: &[Lease], ttl: Duration) -> Result<Vec<Lease>> {
        let until = after(self.now().await?, ttl);
        const RENEW: &str =
            "UPDATE run SET lease_until = $1 WHERE id = $2 AND lease_epoch = $3 AND lease_owner IS NOT NULL";
        on!(&self.db, pool => {
            let mut tx = pool.begin_with(self.db.begin()).await?;
            let mut lost = Vec::new();
            for lease in leases {
                let renewed = sqlx::query(RENEW).bind(until).bind(&lease.run).bind(lease.epoch).execute(&mut *tx).await?;
                if renewed.rows_affected() == 0 {
                    lost.push(lease.clone());
                }
            }
            tx.commit().await?;
            Ok(lost)
        })
    }

    async fn record(&self, lease: &Lease, event: &Event, lines: &[Line]) -> Result<Run> {
        let now = self.now().await?;
        on!(&self.db, pool => {
            let mut tx = pool.begin_with(self.db.begin()).await?;
            let row: Option<Row> = sqlx::query_as(TAKE_MINE).bind(&lease.run).bind(lease.epoch).fetch_optional(&mut *tx).await?;
            let mut run = row.ok_or_else(|| lost(lease))?.run()?;
            put_lines!(tx, &lease.run, now, lines);
            let events = go_on(&mut run, now, event)?;
            put_events!(tx, &run, now, lease.epoch, &events);
            put_state!(tx, &run, now);
            tx.commit().await?;
            Ok(run)
        })
    }

    async fn say(&self, lease: &Lease, lines: &[Line]) -> Result<()> {
        let now = self.now().await?;
        on!(&self.db, pool => {
            let mut tx = pool.begin_with(self.db.begin()).await?;
            let row: Option<Row> = sqlx::query_as(TAKE_MINE).bind(&lease.run).bind(lease.epoch).fetch_optional(&mut *tx).await?;
            row.ok_or_else(|| lost(lease))?;
            put_lines!(tx, &lease.run, now, lines);
            tx.commit().await?;
            Ok(())
        })
    }

    async fn release(&self, lease: &Lease) -> Result<()> {
        const RELEASE: &str =
            "UPDATE run SET lease_owner = NULL, lease_until = NULL WHERE id = $1 AND lease_epoch = $2";
        on!(&self.db, pool => sqlx::query(RELEASE).bind(&lease.run).bind(lease.epoch).execute(pool).await.map(drop)?);
        Ok(())
    }

    async fn run(&self, id: &str) -> Result<Option<Run>> {
        const ONE: &str = "SELECT id, lease_epoch, head, state FROM run WHERE id = $1";
        let row: Option<Row> = read!(&self.db, pool => sqlx::query_as(ONE).bind(id).fetch_optional(pool).await?);
        row.map(|row| row.run()).transpose()
    }

    async fn list(&self, filter: &Filter) -> Result<Vec<Run>> {
        let (before, id) = filter.before.clone().map_or((i64::MAX, String::new()), |(at, id)| (micros(at), id));
        let limit = i64::from(filter.limit.clamp(1, LISTED_MAX));
        let (sql, wanted) = list(filter);
        let rows: Vec<Row> = read!(&self.db, pool => {
            let asked = sqlx::query_as(AssertSqlSafe(sql)).bind(before).bind(id).bind(limit);
            wanted.iter().fold(asked, |asked, value| asked.bind(*value)).fetch_all(pool).await?
        });
        rows.iter().map(Row::run).collect()
    }

    async fn events(&self, run: &str, after: u64) -> Result<Vec<Recorded>> {
        const EVENTS: &str = "SELECT n, at, epoch, event FROM run_event WHERE run = $1 AND n > $2 ORDER BY n";
        let after = i64::try_from(after).unwrap_or(i64::MAX);
        let rows: Vec<(i64, i64, i64, String)> =
            read!(&self.db, pool => sqlx::query_as(EVENTS).bind(run).bind(after).fetch_all(pool).await?);
        let recorded = |(n, at, epoch, event): (i64, i64, i64, String)| {
            Ok(Recorded { n: n.unsigned_abs(), at: time(run, at)?, epoch, event: parsed(run, &event)? })
        };
        rows.into_iter().map(recorded).collect()
    }

    async fn lines(&self, run: &str, after: u64, limit: u32) -> Result<Vec<Said>> {
        const LINES: &str =
            "SELECT n, at, step, level, text FROM run_line WHERE run = $1 AND n > $2 ORDER BY n LIMIT $3";
        let after = i64::try_from(after).unwrap_or(i64::MAX);
        let rows: Vec<(i64, i64, i64, String, String)> = read!(&self.db, pool => sqlx::query_as(LINES)
            .bind(run).bind(after).bind(i64::from(limit)).fetch_all(pool).await?);
        let said = |(n, at, step, level, text): (i64, i64, i64, String, String)| {
            let step = usize::try_from(step).unwrap_or_default();
            Ok(Said { n: n.unsigned_abs(), at: time(run, at)?, step, level, text })
        };
        rows.into_iter().map(said).collect()
    }

    async fn forget(&self, ended_before: Timestamp) -> Result<u64> {
        const FORGET: &str = "DELETE FROM run WHERE ended IS NOT NULL AND ended < $1";
        let before = micros(ended_before);
        Ok(on!(&self.db, pool => sqlx::query(FORGET).bind(before).execute(pool).await?.rows_affected()))
    }
}

impl SqlStore {
    /// The run that stands where a new one wanted to.
    async fn there_already(&self, head: &Head, key: Option<&str>) -> Result<Run> {
        const KEYED: &str = "SELECT id, lease_epoch, head, state FROM run WHERE request_key = $1";
        const IN_LANE: &str = "SELECT id, lease_epoch, head, state FROM run WHERE lane = $1 AND ended IS NULL";
        let keyed: Option<Row> = match key {
            Some(key) => on!(&self.db, pool => sqlx::query_as(KEYED).bind(key).fetch_optional(pool).await?),
            None => None,
        };
        if let Some(row) = keyed {
            return row.run();
        }
        let lane: Option<Row> =
            on!(&self.db, pool => sqlx::query_as(IN_LANE).bind(&head.lane).fetch_optional(pool).await?);
        Err(Error::Busy(lane.map_or_else(|| head.id.clone(), |row| row.id)))
    }

    async fn nothing_due(&self, claim: &Claim, now: Timestamp) -> Result<bool> {
        let found: Option<String> = read!(&self.db, pool => {
            let asked = sqlx::query_scalar(SQLITE_DUE).bind(micros(now)).bind(&claim.place).bind(not(claim));
            asked.fetch_optional(pool).await?
        });
        Ok(found.is_none())
    }
}

/// As both databases read a list: JSON.
fn not(claim: &Claim) -> String {
    serde_json::Value::from(claim.not.clone()).to_string()
}

fn lost(lease: &Lease) -> Error {
    Error::Lost { run: lease.run.clone(), epoch: lease.epoch }
}

#[cfg(test)]
mod tests;

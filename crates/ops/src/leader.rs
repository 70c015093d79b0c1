//! Which of several daemons on one PostgreSQL catalog serves: one at a time, by a lease on a single row and by that server's clock.
//!
//! ```text
//!   stand ──(free, or run out)──► leader of epoch + 1 ──renew──► … ──leave──► free
//! ```
//! Every table is fenced: a statement that writes must come from a connection of the present epoch, and holds that epoch until it
//! commits. So a daemon that was thought dead and is not can write nothing any more, and who takes over waits for what was half written.
//! SQLite needs none of this: its file lies in a folder that is locked.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::raw_sql;

use crate::db::{Db, ours};

/// Two that come first at the same time must not make it both.
const MAKE: &str = "BEGIN; SELECT pg_advisory_xact_lock(7311530110467894901); \
    CREATE TABLE IF NOT EXISTS leader (epoch BIGINT PRIMARY KEY, name TEXT NOT NULL, until TIMESTAMPTZ NOT NULL); \
    INSERT INTO leader SELECT 0, '', clock_timestamp() WHERE NOT EXISTS (SELECT FROM leader); COMMIT";
/// The key changes, so this waits for every transaction that holds the epoch before.
const TAKE: &str = "UPDATE leader SET epoch = epoch + 1, name = $1, until = clock_timestamp() + $2 * interval '1 millisecond' \
                    WHERE until <= clock_timestamp() RETURNING epoch";
const RENEW: &str = "UPDATE leader SET until = clock_timestamp() + $2 * interval '1 millisecond' WHERE epoch = $1";
const LEAVE: &str = "UPDATE leader SET until = clock_timestamp() WHERE epoch = $1";
const WHO: &str = "SELECT name FROM leader";

const FENCE: &str = "CREATE OR REPLACE FUNCTION rekindle_fence() RETURNS trigger LANGUAGE plpgsql AS $fence$ BEGIN \
        PERFORM FROM leader WHERE epoch = nullif(current_setting('rekindle.epoch', true), '')::bigint FOR KEY SHARE; \
        IF NOT FOUND THEN RAISE EXCEPTION 'another daemon serves this catalog now' USING ERRCODE = 'RK001'; END IF; \
        RETURN NULL; \
    END $fence$; \
    DO $fences$ DECLARE name text; BEGIN \
        FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = current_schema() AND tablename <> 'leader' \
            AND tablename NOT LIKE '\\_sqlx%' AND NOT EXISTS (SELECT FROM pg_trigger \
                WHERE tgrelid = format('%I.%I', schemaname, tablename)::regclass AND tgname = 'rekindle_fence') \
        LOOP EXECUTE format('CREATE TRIGGER rekindle_fence BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON %I \
                             FOR EACH STATEMENT EXECUTE FUNCTION rekindle_fence()', name); \
        END LOOP; \
    END $fences$";

/// One of those that may lead.
#[derive(Debug, Clone)]
pub struct Candidate {
    pool: PgPool,
    options: PgConnectOptions,
    name: String,
    ttl: Duration,
}

/// The one that does, until it does not renew in time.
#[derive(Debug, Clone)]
pub struct Leader {
    of: Candidate,
    epoch: i64,
}

impl Candidate {
    pub async fn new(options: PgConnectOptions, name: &str, ttl: Duration) -> sqlx::Result<Candidate> {
        let options = ours(options);
        let pool = pool(options.clone(), ttl).await?;
        raw_sql(MAKE).execute(&pool).await?;
        Ok(Candidate { pool, options, name: name.to_owned(), ttl })
    }

    /// Takes the lead where nobody has it.
    pub async fn stand(&self) -> sqlx::Result<Option<Leader>> {
        let taken = sqlx::query_scalar(TAKE).bind(&self.name).bind(self.ttl_ms()).fetch_optional(&self.pool).await?;
        Ok(taken.map(|epoch| Leader { of: self.clone(), epoch }))
    }

    /// Who has it, or had it last.
    pub async fn who(&self) -> sqlx::Result<String> {
        sqlx::query_scalar(WHO).fetch_one(&self.pool).await
    }

    fn ttl_ms(&self) -> f64 {
        self.ttl.as_secs_f64() * 1000.0
    }
}

/// Who leads, or did last; nobody where nobody ever did. Only looks.
pub async fn who(options: PgConnectOptions, patience: Duration) -> sqlx::Result<Option<String>> {
    const UNDEFINED_TABLE: &str = "42P01";
    let pool = pool(ours(options), patience).await?;
    match sqlx::query_scalar(WHO).fetch_one(&pool).await {
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(UNDEFINED_TABLE) => Ok(None),
        found => found.map(|name: String| Some(name).filter(|name| !name.is_empty())),
    }
}

/// Nothing here waits for a disk: the lead is only worth something together with what is written under it, and that flushes the log of
/// the catalog's server through the taking of the lead.
async fn pool(options: PgConnectOptions, patience: Duration) -> sqlx::Result<PgPool> {
    let options = options.options([("synchronous_commit", "off")]);
    PgPoolOptions::new().max_connections(1).acquire_timeout(patience).connect_with(options).await
}

impl Leader {
    /// The catalog, with connections that may write as long as this one leads.
    pub async fn db(&self) -> sqlx::Result<Db> {
        Db::connect(self.of.options.clone().options([("rekindle.epoch", self.epoch)])).await
    }

    /// Fences the tables that are there. After the migrations, so that new ones are among them.
    pub async fn fence(&self) -> sqlx::Result<()> {
        raw_sql(FENCE).execute(&self.of.pool).await.map(drop)
    }

    /// Whether it still leads.
    pub async fn renew(&self) -> sqlx::Result<bool> {
        let renewed = sqlx::query(RENEW).bind(self.epoch).bind(self.of.ttl_ms()).execute(&self.of.pool).await?;
        Ok(renewed.rows_affected() > 0)
    }

    /// The next one needs not wait.
    pub async fn leave(&self) -> sqlx::Result<()> {
        sqlx::query(LEAVE).bind(self.epoch).execute(&self.of.pool).await.map(drop)
    }

    pub fn ttl(&self) -> Duration {
        self.of.ttl
    }
}

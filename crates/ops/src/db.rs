//! The catalog's database: SQLite by default, PostgreSQL where several daemons share one. One SQL text for both wherever they agree.
//!
//! SQLite: one writer connection, so writers never meet; WAL and `synchronous = FULL`, so what was committed survives a power cut;
//! readers beside it. PostgreSQL: its own locks, and its own clock, so that daemons whose clocks differ agree on leases.

use std::fmt::Debug;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use sqlx::Connection;
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};

mod dump;

pub use dump::{Pick, Rows};

const READERS: u32 = 4;
const CONNECTIONS: u32 = 8;
const BUSY: Duration = Duration::from_secs(10);
const CACHE_KIB: &str = "-8000";

pub trait Clock: Debug + Send + Sync {
    fn now(&self) -> Timestamp;
}

#[derive(Debug, Clone)]
pub enum Db {
    Sqlite { writer: SqlitePool, readers: SqlitePool, clock: Arc<dyn Clock> },
    Postgres(PgPool),
}

/// Runs the same expression on whichever database it is: `on!(db, pool => sqlx::query(…).fetch_all(pool).await)`.
#[macro_export]
macro_rules! on {
    ($db:expr, $pool:ident => $body:expr) => {
        match $db {
            $crate::db::Db::Sqlite { writer: $pool, .. } => $body,
            $crate::db::Db::Postgres($pool) => $body,
        }
    };
}

/// The same for what only reads.
#[macro_export]
macro_rules! read {
    ($db:expr, $pool:ident => $body:expr) => {
        match $db {
            $crate::db::Db::Sqlite { readers: $pool, .. } => $body,
            $crate::db::Db::Postgres($pool) => $body,
        }
    };
}

impl Db {
    pub async fn sqlite(path: &Path, clock: Arc<dyn Clock>) -> sqlx::Result<Db> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY)
            .pragma("cache_size", CACHE_KIB)
            .foreign_keys(true);
        let writer =
            SqlitePoolOptions::new().max_connections(1).after_release(|connection, _| Box::pin(is_usable(connection)));
        let writer = writer.connect_with(options.clone()).await?;
        let readers = SqlitePoolOptions::new().max_connections(READERS).connect_lazy_with(options.read_only(true));
        Ok(Db::Sqlite { writer, readers, clock })
    }

    pub async fn postgres(url: &str) -> sqlx::Result<Db> {
        Db::connect(ours(url.parse()?)).await
    }

    pub(crate) async fn connect(options: PgConnectOptions) -> sqlx::Result<Db> {
        Ok(Db::Postgres(PgPoolOptions::new().max_connections(CONNECTIONS).connect_with(options).await?))
    }

    /// Each crate brings its own tables and knows nothing of the others'; their versions do not meet.
    pub async fn migrate(&self, sqlite: Migrator, postgres: Migrator) -> Result<(), sqlx::migrate::MigrateError> {
        let run = |mut migrator: Migrator| {
            migrator.set_ignore_missing(true);
            migrator
        };
        match self {
            Db::Sqlite { writer, .. } => run(sqlite).run(writer).await,
            Db::Postgres(pool) => run(postgres).run(pool).await,
        }
    }

    /// By the clock that all who share this agree on.
    pub async fn now(&self) -> sqlx::Result<Timestamp> {
        match self {
            Db::Sqlite { clock, .. } => Ok(in_micros(clock.now())),
            Db::Postgres(pool) => {
                let asked = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint";
                let micros: i64 = sqlx::query_scalar(asked).fetch_one(pool).await?;
                Timestamp::from_microsecond(micros).map_err(|error| sqlx::Error::Decode(error.into()))
            }
        }
    }

    /// How a transaction that writes begins.
    pub fn begin(&self) -> &'static str {
        match self {
            Db::Sqlite { .. } => "BEGIN IMMEDIATE",
            Db::Postgres(_) => "BEGIN",
        }
    }

    pub async fn close(&self) {
        match self {
            Db::Sqlite { writer, readers, .. } => {
                readers.close().await;
                writer.close().await;
            }
            Db::Postgres(pool) => pool.close().await,
        }
    }
}

pub(crate) fn ours(options: PgConnectOptions) -> PgConnectOptions {
    options.application_name("rekindle").options([("synchronous_commit", "on"), ("client_min_messages", "warning")])
}

/// SQLite takes back a transaction whose commit fails (a full disk, a failed fsync) by itself; the driver's own rollback fails then, and
/// it takes itself to be in that transaction for ever (sqlx 0.9). Such a connection is closed, and a new one made.
async fn is_usable(connection: &mut SqliteConnection) -> sqlx::Result<bool> {
    connection.ping().await?;
    Ok(!connection.is_in_transaction())
}

/// As exact as it is kept, so that what is replayed is what was.
pub(crate) fn in_micros(at: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at)
}

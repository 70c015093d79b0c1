//! Rows in and out as JSON, of any table, so that what is kept elsewhere does not depend on the database it came from.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use sqlx::{AssertSqlSafe, Connection, Postgres, Sqlite};

use super::Db;

/// By table.
pub type Rows = BTreeMap<String, Vec<Value>>;

/// Rows of a table. The condition is SQL of ours that both databases know; nobody else's words go into it.
#[derive(Debug, Clone)]
pub struct Pick {
    pub table: String,
    pub only: Option<String>,
}

const TABLES_SQLITE: &str = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE '_sqlx_%' ORDER BY 1";
const TABLES_POSTGRES: &str = "SELECT tablename::text FROM pg_tables WHERE schemaname = current_schema() \
                               AND tablename NOT LIKE '_sqlx_%' AND tablename <> 'leader' ORDER BY 1";
const COLUMNS: &str = "SELECT name FROM pragma_table_info($1)";

impl Db {
    pub async fn tables(&self) -> sqlx::Result<Vec<String>> {
        match self {
            Db::Sqlite { readers, .. } => sqlx::query_scalar(TABLES_SQLITE).fetch_all(readers).await,
            Db::Postgres(pool) => sqlx::query_scalar(TABLES_POSTGRES).fetch_all(pool).await,
        }
    }

    /// All from one moment.
    pub async fn dump(&self, picks: &[Pick]) -> sqlx::Result<Rows> {
        match self {
            Db::Sqlite { readers, .. } => {
                let mut reading = readers.begin().await?;
                let mut rows = Rows::new();
                for pick in picks {
                    rows.insert(pick.table.clone(), rows_sqlite(&mut reading, pick).await?);
                }
                Ok(rows)
            }
            Db::Postgres(pool) => {
                let mut connection = pool.acquire().await?;
                let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
                let mut reading = connection.begin_with(begin).await?;
                let mut rows = Rows::new();
                for pick in picks {
                    rows.insert(pick.table.clone(), rows_postgres(&mut reading, pick).await?);
                }
                Ok(rows)
            }
        }
    }

    /// Puts rows in that are not there yet, all or none. Columns that a table does not have any more are left out, and new ones get
    /// their default. Only into SQLite: a catalog on PostgreSQL has its own backups.
    pub async fn load(&self, rows: &Rows) -> sqlx::Result<()> {
        let Db::Sqlite { writer, .. } = self else {
            return Err(sqlx::Error::Configuration("only a catalog in a file is filled from a copy".into()));
        };
        let mut connection = writer.acquire().await?;
        let mut writing = connection.begin_with(self.begin()).await?;
        sqlx::query("PRAGMA defer_foreign_keys = ON").execute(&mut *writing).await?;
        for (table, rows) in rows {
            let known: Vec<String> = sqlx::query_scalar(COLUMNS).bind(table).fetch_all(&mut *writing).await?;
            for row in rows.iter().filter_map(Value::as_object).filter(|_| !known.is_empty()) {
                put(&mut writing, table, &known, row).await?;
            }
        }
        writing.commit().await
    }
}

async fn rows_sqlite(reading: &mut sqlx::Transaction<'_, Sqlite>, pick: &Pick) -> sqlx::Result<Vec<Value>> {
    let columns: Vec<String> = sqlx::query_scalar(COLUMNS).bind(&pick.table).fetch_all(&mut **reading).await?;
    let pairs: Vec<String> = columns.iter().map(|column| format!("'{column}', \"{column}\"")).collect();
    let sql = format!("SELECT json_object({}) FROM \"{}\"{}", pairs.join(", "), pick.table, condition(pick));
    let texts: Vec<String> = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(&mut **reading).await?;
    parsed(&texts)
}

async fn rows_postgres(reading: &mut sqlx::Transaction<'_, Postgres>, pick: &Pick) -> sqlx::Result<Vec<Value>> {
    let sql = format!("SELECT row_to_json(t)::text FROM \"{}\" t{}", pick.table, condition(pick));
    let texts: Vec<String> = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(&mut **reading).await?;
    parsed(&texts)
}

fn condition(pick: &Pick) -> String {
    pick.only.as_ref().map_or(String::new(), |only| format!(" WHERE {only}"))
}

fn parsed(texts: &[String]) -> sqlx::Result<Vec<Value>> {
    texts.iter().map(|text| serde_json::from_str(text).map_err(|e| sqlx::Error::Decode(e.into()))).collect()
}

async fn put(
    writing: &mut sqlx::Transaction<'_, Sqlite>,
    table: &str,
    known: &[String],
    row: &Map<String, Value>,
) -> sqlx::Result<()> {
    let columns: Vec<&String> = known.iter().filter(|column| row.contains_key(*column)).collect();
    let quoted: Vec<String> = columns.iter().map(|column| format!("\"{column}\"")).collect();
    let values: Vec<String> = columns.iter().map(|column| format!("json_extract($1, '$.\"{column}\"')")).collect();
    let sql = format!(
        "INSERT INTO \"{table}\" ({}) SELECT {} WHERE true ON CONFLICT DO NOTHING",
        quoted.join(", "),
        values.join(", ")
    );
    sqlx::query(AssertSqlSafe(sql)).bind(Value::Object(row.clone()).to_string()).execute(&mut **writing).await?;
    Ok(())
}

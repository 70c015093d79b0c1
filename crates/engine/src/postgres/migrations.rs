//! What tools for migrations have noted in a database: the newest version, how many were applied, and whether one was left half done.
//! Each is recognised by the name and the columns of its table.

use serde::{Deserialize, Serialize};

use super::maintenance::CONNECTABLE;
use super::quote;
use super::wire::{Connection, Conninfo, Mode};
use crate::error::Result;

/// A database with more such tables has them one for each tenant.
const TABLES_MAX: usize = 50;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Migrations {
    pub database: String,
    pub tool: String,
    /// `schema.table`
    pub table: String,
    pub newest: Option<String>,
    pub count: u64,
    /// What a person must look at.
    pub wrong: Option<String>,
}

/// A tool: its table, columns that it must have, and what is asked of it.
struct Tool {
    name: &'static str,
    table: &'static str,
    columns: &'static [&'static str],
    /// One row: `newest`, `count`, and `wrong` where something is.
    asks: &'static str,
}

/// Where two have a table of one name, the one with more columns comes first.
const TOOLS: [Tool; 11] = [
    Tool {
        name: "entity-framework",
        table: "__EFMigrationsHistory",
        columns: &["MigrationId"],
        asks: "SELECT max(\"MigrationId\") AS newest, count(*) AS count, NULL AS wrong FROM {}",
    },
    Tool {
        name: "entity-framework",
        table: "__ef_migrations_history",
        columns: &["migration_id"],
        asks: "SELECT max(migration_id) AS newest, count(*) AS count, NULL AS wrong FROM {}",
    },
    Tool {
        name: "flyway",
        table: "flyway_schema_history",
        columns: &["installed_rank", "version", "success"],
        asks: "SELECT (SELECT version FROM {} WHERE success AND version IS NOT NULL ORDER BY installed_rank DESC LIMIT 1) AS newest, \
               count(*) FILTER (WHERE success) AS count, \
               'version ' || min(coalesce(version, description)) FILTER (WHERE NOT success) || ' failed' AS wrong FROM {}",
    },
    Tool {
        name: "liquibase",
        table: "databasechangelog",
        columns: &["id", "orderexecuted", "exectype"],
        asks: "SELECT (SELECT id FROM {} WHERE exectype <> 'FAILED' ORDER BY dateexecuted DESC, orderexecuted DESC LIMIT 1) AS newest, \
               count(*) FILTER (WHERE exectype <> 'FAILED') AS count, \
               'change ' || min(id) FILTER (WHERE exectype = 'FAILED') || ' failed' AS wrong FROM {}",
    },
    Tool {
        name: "django",
        table: "django_migrations",
        columns: &["id", "app", "name"],
        asks: "SELECT (SELECT app || '.' || name FROM {} ORDER BY id DESC LIMIT 1) AS newest, count(*) AS count, NULL AS wrong FROM {}",
    },
    Tool {
        name: "prisma",
        table: "_prisma_migrations",
        columns: &["migration_name", "finished_at", "rolled_back_at"],
        asks: "SELECT max(migration_name) FILTER (WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL) AS newest, \
               count(*) FILTER (WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL) AS count, \
               min(migration_name) FILTER (WHERE finished_at IS NULL AND rolled_back_at IS NULL) || ' failed' AS wrong FROM {}",
    },
    Tool {
        name: "sqlx",
        table: "_sqlx_migrations",
        columns: &["version", "success"],
        asks: "SELECT max(version) FILTER (WHERE success) AS newest, count(*) FILTER (WHERE success) AS count, \
               'version ' || min(version) FILTER (WHERE NOT success) || ' failed' AS wrong FROM {}",
    },
    Tool {
        name: "golang-migrate",
        table: "schema_migrations",
        columns: &["version", "dirty"],
        asks: "SELECT max(version) AS newest, count(*) AS count, \
               'version ' || max(version) FILTER (WHERE dirty) || ' was left half done (dirty)' AS wrong FROM {}",
    },
    Tool {
        name: "ecto",
        table: "schema_migrations",
        columns: &["version", "inserted_at"],
        asks: "SELECT max(version) AS newest, count(*) AS count, NULL AS wrong FROM {}",
    },
    Tool {
        name: "rails",
        table: "schema_migrations",
        columns: &["version"],
        asks: "SELECT (SELECT version FROM {} ORDER BY length(version::text) DESC, version::text DESC LIMIT 1) AS newest, \
               count(*) AS count, NULL AS wrong FROM {}",
    },
    Tool {
        name: "knex",
        table: "knex_migrations",
        columns: &["id", "name", "batch"],
        asks: "SELECT (SELECT name FROM {} ORDER BY id DESC LIMIT 1) AS newest, count(*) AS count, NULL AS wrong FROM {}",
    },
];

/// Of every database of a cluster that lets us in.
pub async fn of_cluster(info: &Conninfo) -> Result<Vec<Migrations>> {
    let mut sql = Connection::connect(info, Mode::Sql).await?;
    let rows = sql
        .rows(&format!("SELECT datname FROM pg_database WHERE {CONNECTABLE} AND NOT datistemplate ORDER BY 1"))
        .await?;
    sql.close().await;
    let mut found = Vec::new();
    for row in 0..rows.rows.len() {
        let Some(name) = rows.get(row, "datname") else { continue };
        match Connection::connect(&info.with_dbname(name), Mode::Sql).await {
            Ok(mut sql) => {
                sql.query("SET statement_timeout = '10s'; SET default_transaction_read_only = on").await?;
                found.extend(of_database(&mut sql, name).await?);
                sql.close().await;
            }
            Err(error) => tracing::warn!(database = name, %error, "its migrations are not looked at"),
        }
    }
    Ok(found)
}

async fn of_database(sql: &mut Connection, database: &str) -> Result<Vec<Migrations>> {
    let names: Vec<String> = TOOLS.iter().map(|tool| quote::literal(tool.table)).collect();
    let rows = sql
        .rows(&format!(
            "SELECT n.nspname, c.relname, (SELECT string_agg(a.attname, ',') FROM pg_attribute a \
             WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns \
             FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p') \
             AND c.relpersistence <> 't' AND c.relname IN ({}) ORDER BY 1, 2 LIMIT {TABLES_MAX}",
            names.join(",")
        ))
        .await?;
    let mut found = Vec::new();
    for row in 0..rows.rows.len() {
        let cell = |column| rows.get(row, column).unwrap_or_default();
        let (schema, table) = (cell("nspname"), cell("relname"));
        let Some(tool) = recognised(table, cell("columns")) else { continue };
        found.push(ask(sql, database, schema, tool).await);
    }
    Ok(found)
}

fn recognised(table: &str, columns: &str) -> Option<&'static Tool> {
    let has: Vec<&str> = columns.split(',').collect();
    TOOLS.iter().find(|tool| tool.table == table && tool.columns.iter().all(|column| has.contains(column)))
}

/// What cannot be read is said of it: it may be what is broken.
async fn ask(sql: &mut Connection, database: &str, schema: &str, tool: &Tool) -> Migrations {
    let (name, place) = (tool.name.to_owned(), format!("{}.{}", quote::ident(schema), quote::ident(tool.table)));
    let table = format!("{schema}.{}", tool.table);
    let blank = Migrations { database: database.to_owned(), tool: name, table, newest: None, count: 0, wrong: None };
    match sql.rows(&tool.asks.replace("{}", &place)).await {
        Ok(rows) => {
            let cell = |column| rows.get(0, column).map(str::to_owned);
            let count = cell("count").and_then(|count| count.parse().ok()).unwrap_or(0);
            Migrations { newest: cell("newest"), count, wrong: cell("wrong"), ..blank }
        }
        Err(error) => Migrations { wrong: Some(format!("its table cannot be read: {error}")), ..blank },
    }
}

#[cfg(test)]
mod tests;

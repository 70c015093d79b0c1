//! Looks through all B-tree indexes and tables with the server's own extension amcheck (contrib/amcheck), which finds what a
//! checksum cannot: entries out of order, rows without an index entry, tuples that make no sense.

use serde::{Deserialize, Serialize};
use vault::backup::tree::Progress;

use crate::error::{Error, Result};
use crate::postgres::instance::Instance;
use crate::postgres::quote;
use crate::postgres::wire::Connection;

const FINDINGS_KEPT: usize = 50;
/// Findings asked for of one table; one that is broken may have one for each row.
const FINDINGS_OF_TABLE: u32 = 20;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AmcheckResult {
    pub indexes: u64,
    pub tables: u64,
    /// The first ones.
    pub findings: Vec<String>,
    pub findings_total: u64,
    /// What could not be looked at, and why.
    pub notes: Vec<String>,
}

impl AmcheckResult {
    pub fn is_sound(&self) -> bool {
        self.findings_total == 0
    }

    fn find(&mut self, finding: String) {
        self.findings_total += 1;
        if self.findings.len() < FINDINGS_KEPT {
            self.findings.push(finding);
        }
    }

    /// The same for every database is said once.
    fn note(&mut self, note: String) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }
}

/// What to call in one database.
#[derive(Debug, Default)]
struct Functions {
    /// Quoted.
    schema: String,
    /// Whether bt_index_check can also look for rows without an entry (amcheck 1.1).
    heapallindexed: bool,
    /// PostgreSQL 14.
    heap: bool,
}

#[derive(Debug)]
struct Relation {
    oid: String,
    /// For people.
    name: String,
    is_index: bool,
}

pub(super) async fn run(instance: &Instance, progress: &Progress) -> Result<AmcheckResult> {
    let mut sql = instance.wait_connectable(|| Ok(progress.check()?)).await?;
    let databases = sql.rows("SELECT datname FROM pg_database WHERE datallowconn ORDER BY oid").await?;
    sql.close().await;
    let mut result = AmcheckResult::default();
    for database in databases.rows.into_iter().flatten().flatten() {
        check_database(instance, &database, progress, &mut result).await?;
    }
    Ok(result)
}

async fn check_database(
    instance: &Instance,
    database: &str,
    progress: &Progress,
    result: &mut AmcheckResult,
) -> Result<()> {
    let mut sql = match instance.connect(database).await {
        Ok(sql) => sql,
        Err(Error::Server(error)) => {
            result.find(format!("database {database} cannot be opened: {}", error.message));
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    let functions = match provide(&mut sql, database).await? {
        Ok(functions) => functions,
        Err(note) => {
            result.note(note);
            sql.close().await;
            return Ok(());
        }
    };
    for relation in relations(&mut sql, functions.heap).await? {
        progress.check()?;
        match check_relation(&mut sql, &functions, &relation).await {
            Ok(findings) => findings.into_iter().for_each(|what| result.find(finding(database, &relation, &what))),
            Err(Error::Server(error)) => result.find(finding(database, &relation, &error.message)),
            Err(error) => {
                result.find(finding(database, &relation, &error.to_string()));
                // Damage may bring a backend down, and the whole server restarts with it.
                instance.wait_connectable(|| Ok(progress.check()?)).await?.close().await;
                sql = instance.connect(database).await?;
            }
        }
        *(if relation.is_index { &mut result.indexes } else { &mut result.tables }) += 1;
    }
    sql.close().await;
    Ok(())
}

fn finding(database: &str, relation: &Relation, what: &str) -> String {
    format!("{database}: {}: {what}", relation.name)
}

/// Makes the extension where it is missing. The inner error is a note.
async fn provide(sql: &mut Connection, database: &str) -> Result<Result<Functions, String>> {
    let known = sql
        .rows(
            "SELECT e.extname IS NOT NULL AS there, pg_is_in_recovery() AS recovering FROM pg_available_extensions a \
             LEFT JOIN pg_extension e ON e.extname = a.name WHERE a.name = 'amcheck'",
        )
        .await?;
    match (known.get(0, "there"), known.get(0, "recovering")) {
        (None, _) => return Ok(Err("amcheck is not installed for this server".into())),
        (Some("t"), _) => {}
        (_, Some("t")) => return Ok(Err("amcheck cannot be made in a server that is still recovering".into())),
        _ => match sql.query("CREATE EXTENSION amcheck").await {
            Ok(_) => {}
            Err(Error::Server(error)) => {
                return Ok(Err(format!("{database}: amcheck cannot be made: {}", error.message)));
            }
            Err(error) => return Err(error),
        },
    }
    functions(sql).await.map(Ok)
}

async fn functions(sql: &mut Connection) -> Result<Functions> {
    let found = sql
        .rows(
            "SELECT n.nspname, max(p.pronargs) FILTER (WHERE p.proname = 'bt_index_check') >= 2 AS heapallindexed, \
             count(*) FILTER (WHERE p.proname = 'verify_heapam') > 0 AS heap \
             FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace \
             JOIN pg_depend d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e' \
             JOIN pg_proc p ON d.classid = 'pg_proc'::regclass AND p.oid = d.objid \
             WHERE e.extname = 'amcheck' GROUP BY n.nspname",
        )
        .await?;
    Ok(Functions {
        schema: quote::ident(found.get(0, "nspname").unwrap_or("public")),
        heapallindexed: found.get(0, "heapallindexed") == Some("t"),
        heap: found.get(0, "heap") == Some("t"),
    })
}

/// Permanent ones only: others are empty after a recovery, or somebody else's.
async fn relations(sql: &mut Connection, heap: bool) -> Result<Vec<Relation>> {
    let kinds = if heap { "c.relkind IN ('r', 'm', 't') AND am.amname = 'heap'" } else { "false" };
    let rows = sql
        .rows(&format!(
            "SELECT c.oid, n.nspname || '.' || c.relname AS name, c.relkind = 'i' AS is_index FROM pg_class c \
             JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_am am ON am.oid = c.relam \
             LEFT JOIN pg_index i ON i.indexrelid = c.oid WHERE c.relpersistence = 'p' AND \
             ({kinds} OR c.relkind = 'i' AND am.amname = 'btree' AND i.indisvalid AND i.indisready) \
             ORDER BY c.relkind = 'i', c.oid"
        ))
        .await?;
    let text = |row, column| rows.get(row, column).unwrap_or_default().to_owned();
    let relation = |row| Relation {
        oid: text(row, "oid"),
        name: text(row, "name"),
        is_index: rows.get(row, "is_index") == Some("t"),
    };
    Ok((0..rows.rows.len()).map(relation).collect())
}

async fn check_relation(sql: &mut Connection, functions: &Functions, relation: &Relation) -> Result<Vec<String>> {
    let (schema, oid) = (&functions.schema, &relation.oid);
    if relation.is_index {
        let more = if functions.heapallindexed { ", true" } else { "" };
        sql.query(&format!("SELECT {schema}.bt_index_check({oid}{more})")).await?;
        return Ok(Vec::new());
    }
    let found = sql
        .rows(&format!(
            "SELECT format('block %s, row %s: %s', blkno, offnum, msg) FROM \
             {schema}.verify_heapam({oid}, check_toast => true) LIMIT {FINDINGS_OF_TABLE}"
        ))
        .await?;
    Ok(found.rows.into_iter().flatten().flatten().collect())
}

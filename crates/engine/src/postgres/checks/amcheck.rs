//! Looks through all B-tree indexes and tables with the server's own extension amcheck (contrib/amcheck), which finds what a
//! checksum cannot: entries out of order, rows without an index entry, tuples that make no sense.

use serde::{Deserialize, Serialize};
use vault::backup::tree::Progress;

use crate::error::{Error, Result};
use crate::postgres::instance::Instance;
use crate::postgres::maintenance::CONNECTABLE;
use crate::postgres::prepared::Prepared;
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
    /// What cannot be looked at with this server.
    pub notes: Vec<String>,
    /// What came to no answer, because of a limit or a lock.
    #[serde(default)]
    pub unproven: Vec<String>,
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

    fn leave(&mut self, what: String) {
        if self.unproven.len() < FINDINGS_KEPT {
            self.unproven.push(what);
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
    /// The table of an index, the relation itself otherwise.
    table: String,
}

pub(super) async fn run(instance: &Instance, prepared: &[Prepared], progress: &Progress) -> Result<AmcheckResult> {
    let mut sql = instance.wait_connectable(|| Ok(progress.check()?)).await?;
    let databases = sql.rows(&format!("SELECT datname FROM pg_database WHERE {CONNECTABLE} ORDER BY oid")).await?;
    sql.close().await;
    let mut result = AmcheckResult::default();
    for database in databases.rows.into_iter().flatten().flatten() {
        let in_doubt: Vec<&Prepared> = prepared.iter().filter(|one| one.database == database).collect();
        check_database(instance, &database, &in_doubt, progress, &mut result).await?;
    }
    Ok(result)
}

async fn check_database(
    instance: &Instance,
    database: &str,
    in_doubt: &[&Prepared],
    progress: &Progress,
    result: &mut AmcheckResult,
) -> Result<()> {
    let mut sql = match instance.connect(database).await {
        Ok(sql) => sql,
        Err(error) if error.is_of_the_session() => {
            result.leave(format!("database {database} was not opened: {error}"));
            return Ok(());
        }
        Err(Error::Server(error)) => {
            result.find(format!("database {database} cannot be opened: {}", error.message));
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    let functions = match provide(&mut sql, database).await? {
        Ok(functions) => functions,
        Err(missing) => {
            missing.tell(result);
            sql.close().await;
            return Ok(());
        }
    };
    for relation in relations(&mut sql, functions.heap).await? {
        progress.check()?;
        if let Some(holder) = in_doubt.iter().find(|one| one.keeps_readers_from(&relation.table)) {
            result.leave(finding(database, &relation, &holder.to_string()));
            continue;
        }
        match check_relation(&mut sql, &functions, &relation).await {
            Ok(findings) => findings.into_iter().for_each(|what| result.find(finding(database, &relation, &what))),
            Err(error) if error.is_of_the_session() => {
                let holders = in_doubt.iter().map(|one| format!("; {one}")).collect::<String>();
                let is_lock = error.sqlstate() == Some("55P03");
                let why = format!("{error}{}", if is_lock { holders } else { String::new() });
                result.leave(finding(database, &relation, &why));
                if matches!(error, Error::NotReady { .. }) {
                    sql = again(instance, database, progress).await?;
                }
                continue;
            }
            Err(Error::Server(error)) => result.find(finding(database, &relation, &error.message)),
            Err(error) => {
                result.find(finding(database, &relation, &error.to_string()));
                // Damage may bring a backend down, and the whole server restarts with it.
                sql = again(instance, database, progress).await?;
            }
        }
        *(if relation.is_index { &mut result.indexes } else { &mut result.tables }) += 1;
    }
    sql.close().await;
    Ok(())
}

async fn again(instance: &Instance, database: &str, progress: &Progress) -> Result<Connection> {
    instance.wait_connectable(|| Ok(progress.check()?)).await?.close().await;
    instance.connect(database).await
}

fn finding(database: &str, relation: &Relation, what: &str) -> String {
    format!("{database}: {}: {what}", relation.name)
}

/// Why there is no amcheck in a database.
enum Missing {
    /// The server does not come with it, or cannot make it now: told, and of no account.
    Here(String),
    /// It could be, and was not made.
    NotMade(String),
}

impl Missing {
    fn tell(self, result: &mut AmcheckResult) {
        match self {
            Missing::Here(note) => result.note(note),
            Missing::NotMade(why) => result.leave(why),
        }
    }
}

/// Makes the extension where it is missing.
async fn provide(sql: &mut Connection, database: &str) -> Result<Result<Functions, Missing>> {
    let known = sql
        .rows(
            "SELECT e.extname IS NOT NULL AS there, pg_is_in_recovery() AS recovering FROM pg_available_extensions a \
             LEFT JOIN pg_extension e ON e.extname = a.name WHERE a.name = 'amcheck'",
        )
        .await?;
    match (known.get(0, "there"), known.get(0, "recovering")) {
        (None, _) => return Ok(Err(Missing::Here("amcheck is not installed for this server".into()))),
        (Some("t"), _) => {}
        (_, Some("t")) => {
            return Ok(Err(Missing::Here("amcheck cannot be made in a server that is still recovering".into())));
        }
        _ => match make(sql).await {
            Ok(()) => {}
            Err(Error::Server(error)) => {
                return Ok(Err(Missing::NotMade(format!("{database}: amcheck cannot be made: {}", error.message))));
            }
            Err(error) => return Err(error),
        },
    }
    functions(sql).await.map(Ok)
}

/// Event triggers may forbid it. They sleep meanwhile and are as they were afterwards: nothing else sees them asleep, for it is one
/// transaction. In pg_catalog it is out of the way of the checks of users.
async fn make(sql: &mut Connection) -> Result<()> {
    let awake = sql.rows("SELECT evtname, evtenabled FROM pg_event_trigger WHERE evtenabled <> 'D'").await?;
    let of_each = |text: &dyn Fn(&str) -> String| -> Vec<String> {
        let statement = |row| {
            let name = quote::ident(awake.get(row, "evtname").unwrap_or_default());
            format!("ALTER EVENT TRIGGER {name} {}", text(awake.get(row, "evtenabled").unwrap_or_default()))
        };
        (0..awake.rows.len()).map(statement).collect()
    };
    let mut statements = of_each(&|_| "DISABLE".to_owned());
    statements.push("CREATE EXTENSION amcheck SCHEMA pg_catalog".to_owned());
    statements.extend(of_each(&|how| match how {
        "A" => "ENABLE ALWAYS".to_owned(),
        "R" => "ENABLE REPLICA".to_owned(),
        _ => "ENABLE".to_owned(),
    }));
    // Several statements in one message are one transaction.
    sql.query(&statements.join("; ")).await.map(drop)
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
            "SELECT c.oid, n.nspname || '.' || c.relname AS name, c.relkind = 'i' AS is_index, \
             coalesce(tn.nspname || '.' || t.relname, n.nspname || '.' || c.relname) AS table FROM pg_class c \
             JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_am am ON am.oid = c.relam \
             LEFT JOIN pg_index i ON i.indexrelid = c.oid LEFT JOIN pg_class t ON t.oid = i.indrelid \
             LEFT JOIN pg_namespace tn ON tn.oid = t.relnamespace WHERE c.relpersistence = 'p' AND \
             ({kinds} OR c.relkind = 'i' AND am.amname = 'btree' AND i.indisvalid AND i.indisready) \
             ORDER BY c.relkind = 'i', c.oid"
        ))
        .await?;
    let text = |row, column| rows.get(row, column).unwrap_or_default().to_owned();
    let relation = |row| Relation {
        oid: text(row, "oid"),
        name: text(row, "name"),
        is_index: rows.get(row, "is_index") == Some("t"),
        table: text(row, "table"),
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

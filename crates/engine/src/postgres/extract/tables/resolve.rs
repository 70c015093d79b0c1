//! From names of tables to the whole set that must move together: partitions and other descendants come along, and what cannot
//! stand alone is refused.

use super::TableName;
use crate::error::{Error, Result};
use crate::postgres::extract::session;
use crate::postgres::quote;
use crate::postgres::wire::Connection;

const NAMES_SHOWN: usize = 20;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::postgres::extract) struct Member {
    pub(in crate::postgres::extract) oid: u32,
    pub(in crate::postgres::extract) table: TableName,
}

/// Those of the tables named that there are, with their descendants, and the names of the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::postgres::extract) struct Present {
    pub(in crate::postgres::extract) members: Vec<Member>,
    pub(in crate::postgres::extract) absent: Vec<TableName>,
}

/// For `IN (…)`; no relation has the number 0.
pub(in crate::postgres::extract) fn oids(members: &[Member]) -> String {
    let numbers = members.iter().map(|member| member.oid);
    numbers.chain(members.is_empty().then_some(0)).map(|oid| oid.to_string()).collect::<Vec<_>>().join(", ")
}

/// All of them; one that is not there is refused.
pub(in crate::postgres::extract) async fn resolve(sql: &mut Connection, tables: &[TableName]) -> Result<Vec<Member>> {
    if tables.is_empty() {
        return Err(Error::declined("no table is named", "name one or more as schema.table"));
    }
    let Present { members, absent } = present(sql, tables).await?;
    match absent.first() {
        Some(table) => Err(Error::declined(
            format!("there is no table {table}"),
            format!("there are: {}", nearest(sql, table).await?.join(", ")),
        )),
        None => Ok(members),
    }
}

pub(in crate::postgres::extract) async fn present(sql: &mut Connection, tables: &[TableName]) -> Result<Present> {
    let (mut roots, mut absent) = (Vec::new(), Vec::new());
    for table in tables {
        match find(sql, table).await? {
            Some(member) => roots.push(member),
            None => absent.push(table.clone()),
        }
    }
    let members = descendants(sql, &roots).await?;
    refuse_parents_outside(sql, &members).await?;
    Ok(Present { members, absent })
}

async fn find(sql: &mut Connection, table: &TableName) -> Result<Option<Member>> {
    let rows = sql
        .rows(&format!(
            "SELECT c.oid, c.relkind, (SELECT e.extname FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid \
             WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e') AS extension \
             FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = {} AND c.relname = {}",
            quote::literal(&table.schema),
            quote::literal(&table.name)
        ))
        .await?;
    let Some(kind) = rows.get(0, "relkind") else { return Ok(None) };
    let refused = |what: &str, hint: &str| Err(Error::declined(format!("{table} is {what}"), hint));
    match kind {
        "r" | "p" => {}
        "v" => return refused("a view", "name the tables it reads; the view itself has no rows"),
        "m" => return refused("a materialized view", "name the tables it reads, and refresh it afterwards"),
        "f" => return refused("a foreign table", "its rows are on another server"),
        "S" => return refused("a sequence", "name the table it belongs to"),
        _ => return refused("no table", "name a table"),
    }
    if table.schema == "pg_catalog" || table.schema == "information_schema" || table.schema.starts_with("pg_toast") {
        return refused("part of the system catalog", "name a table of your own");
    }
    if let Some(extension) = rows.get(0, "extension") {
        return refused(
            &format!("part of the extension {extension}"),
            "restore the whole database beside the live one",
        );
    }
    Ok(Some(Member { oid: oid(rows.get(0, "oid"))?, table: table.clone() }))
}

/// Tables whose names are nearest to one that is not there.
pub(in crate::postgres::extract) async fn nearest(sql: &mut Connection, table: &TableName) -> Result<Vec<String>> {
    let known = format!(
        "SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema') \
         ORDER BY lower(c.relname) <> lower({}), n.nspname <> {}, 1 LIMIT {NAMES_SHOWN}",
        quote::literal(&table.name),
        quote::literal(&table.schema)
    );
    session::column(sql, &known).await
}

async fn descendants(sql: &mut Connection, roots: &[Member]) -> Result<Vec<Member>> {
    let rows = sql
        .rows(&format!(
            "WITH RECURSIVE own(oid) AS (SELECT oid FROM pg_class WHERE oid IN ({}) UNION SELECT i.inhrelid \
             FROM pg_inherits i JOIN own ON i.inhparent = own.oid) SELECT c.oid, n.nspname, c.relname, c.relkind \
             FROM own JOIN pg_class c ON c.oid = own.oid JOIN pg_namespace n ON n.oid = c.relnamespace ORDER BY c.oid",
            oids(roots)
        ))
        .await?;
    let mut members = Vec::new();
    for row in 0..rows.rows.len() {
        let text = |column| rows.get(row, column).unwrap_or_default().to_owned();
        let table = TableName { schema: text("nspname"), name: text("relname") };
        if text("relkind") == "f" {
            return Err(Error::declined(
                format!("{table} is a partition on another server"),
                "detach it, or restore the whole database",
            ));
        }
        members.push(Member { oid: oid(rows.get(row, "oid"))?, table });
    }
    Ok(members)
}

/// A partition or child alone would be tied to the live parent, whose rows would then show twice.
async fn refuse_parents_outside(sql: &mut Connection, members: &[Member]) -> Result<()> {
    let set = oids(members);
    let outside = format!(
        "SELECT inhrelid::regclass || ' is a part of ' || inhparent::regclass FROM pg_inherits \
         WHERE inhrelid IN ({set}) AND inhparent NOT IN ({set}) ORDER BY 1"
    );
    match session::column(sql, &outside).await?.first() {
        Some(what) => Err(Error::declined(what.clone(), "name the table it is a part of; its parts come along")),
        None => Ok(()),
    }
}

fn oid(cell: Option<&str>) -> Result<u32> {
    cell.and_then(|cell| cell.parse().ok()).ok_or_else(|| Error::protocol(format!("an oid is {cell:?}")))
}

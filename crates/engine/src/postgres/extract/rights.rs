//! What whoever restores beside the live data must be allowed, asked before a moment is opened for it.

use super::session;
use crate::error::{Error, Result};
use crate::postgres::quote;
use crate::postgres::wire::{Connection, Conninfo};

/// Owners of a database and of what is in it, but for the bootstrap superuser, whose objects are not noted (pg_shdepend). By the live
/// database: that of the moment is not open yet.
const OWNERS: &str = "SELECT r.rolname FROM pg_database d JOIN pg_roles r ON r.oid = d.datdba WHERE d.datname = {} \
     UNION SELECT r.rolname FROM pg_database d JOIN pg_shdepend s ON s.dbid = d.oid AND s.deptype = 'o' \
     AND s.refclassid = 'pg_authid'::regclass JOIN pg_roles r ON r.oid = s.refobjid WHERE d.datname = {}";
const TABLE_OWNERS: &str = "SELECT DISTINCT r.rolname FROM unnest(ARRAY[{}]) AS name \
     JOIN pg_class c ON c.oid = to_regclass(name) JOIN pg_roles r ON r.oid = c.relowner";

/// For a whole database, or for tables, which go into a new schema of it. A superuser may do all of it.
pub async fn check(live: &Conninfo, database: &str, tables: &[String]) -> Result<()> {
    let mut sql = match session::open(live, database).await {
        Ok(sql) => sql,
        // It is not there any more, or lets nobody in.
        Err(_) => session::maintenance(live, &[]).await?,
    };
    let lacks = lacking(&mut sql, database, tables).await;
    sql.close().await;
    let lacks = lacks?;
    if lacks.is_empty() {
        return Ok(());
    }
    let (what, statements): (Vec<String>, Vec<String>) = lacks.into_iter().unzip();
    let hint =
        format!("run as superuser: {}; or name a superuser in the source's connection string", statements.join("; "));
    Err(Error::declined(format!("{} {}", live.user, what.join(", and ")), hint))
}

/// What is lacking, and the statement that gives it.
async fn lacking(sql: &mut Connection, database: &str, tables: &[String]) -> Result<Vec<(String, String)>> {
    let rows = sql
        .rows("SELECT rolsuper, rolcreatedb, quote_ident(rolname) AS me FROM pg_roles WHERE rolname = current_user")
        .await?;
    if rows.get(0, "rolsuper") == Some("t") {
        return Ok(Vec::new());
    }
    let me = rows.get(0, "me").unwrap_or_default();
    let mut lacks = Vec::new();
    let name = quote::literal(database);
    if tables.is_empty() {
        if rows.get(0, "rolcreatedb") != Some("t") {
            lacks.push(("may not create a database".to_owned(), format!("ALTER ROLE {me} CREATEDB")));
        }
    } else {
        let may = format!("SELECT has_database_privilege(datname, 'CREATE') FROM pg_database WHERE datname = {name}");
        if sql.value(&may).await?.as_deref() == Some("f") {
            let grant = format!("GRANT CREATE ON DATABASE {} TO {me}", quote::ident(database));
            lacks.push((format!("may not create a schema in database {database}"), grant));
        }
    }
    // From 16 on a membership may be without the right to act as the role.
    let how = if sql.server_major()? < 16 { "MEMBER" } else { "SET" };
    let named: Vec<String> = tables.iter().map(|table| quote::literal(table)).collect();
    let owners = match named.is_empty() {
        true => OWNERS.replace("{}", &name),
        false => TABLE_OWNERS.replace("{}", &named.join(", ")),
    };
    let strangers = format!("SELECT rolname FROM ({owners}) o WHERE NOT pg_has_role(rolname, '{how}') ORDER BY 1");
    for owner in session::column(sql, &strangers).await? {
        lacks.push((format!("is no member of {owner}"), format!("GRANT {} TO {me}", quote::ident(&owner))));
    }
    Ok(lacks)
}

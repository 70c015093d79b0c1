//! Owner and rights of live tables, taken over by the tables that replace them: who may do what is decided by the present, not by
//! the moment that was restored.

use super::super::grants::{self, Grant};
use super::super::tables::{Member, oids};
use crate::error::Result;
use crate::postgres::quote;
use crate::postgres::wire::{Connection, Rows};

/// A table, or a sequence that belongs to one.
#[derive(Debug, PartialEq, Eq)]
struct Held {
    oid: String,
    name: String,
    /// `TABLE "s"."t"` or `SEQUENCE …`.
    on: String,
    owner: String,
    grants: Vec<Grant>,
    grantees: Vec<String>,
}

/// Statements that give each new table what the old one of the same name has, where it differs.
pub(super) async fn take_over(sql: &mut Connection, old: &[Member], new: &[Member]) -> Result<Vec<String>> {
    let (old, new) = (held(sql, old).await?, held(sql, new).await?);
    let mut statements = Vec::new();
    for (is, was) in new.iter().filter_map(|is| Some((is, old.iter().find(|was| was.name == is.name)?))) {
        if is.owner == was.owner && is.grants == was.grants {
            continue;
        }
        // A sequence that belongs to a column follows its table.
        if is.owner != was.owner && is.on.starts_with("TABLE ") {
            statements.push(format!("ALTER {} OWNER TO {}", is.on, quote::ident(&was.owner)));
        }
        let taken_from: Vec<String> = is.grantees.iter().chain([&was.owner]).cloned().collect();
        statements.extend(grants::statements(&is.on, &taken_from, &was.grants));
    }
    // Owners first: the rights of a sequence are given by its new owner.
    statements.sort_by_key(|statement| !statement.starts_with("ALTER "));
    Ok(statements)
}

async fn held(sql: &mut Connection, members: &[Member]) -> Result<Vec<Held>> {
    let set = oids(members);
    let rows = sql
        .rows(&format!(
            "SELECT c.oid, c.relname, CASE c.relkind WHEN 'S' THEN 'SEQUENCE ' ELSE 'TABLE ' END || \
             quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS \"on\", pg_get_userbyid(c.relowner) AS owner \
             FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid IN ({set}) OR c.relkind = 'S' \
             AND EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND \
             d.refclassid = 'pg_class'::regclass AND d.refobjid IN ({set}) AND d.deptype IN ('a', 'i')) ORDER BY c.relname"
        ))
        .await?;
    let mut all = Vec::new();
    for row in 0..rows.rows.len() {
        let text = |column| rows.get(row, column).unwrap_or_default().to_owned();
        let rights = rights_of(sql, &text("oid")).await?;
        let grantees = (0..rights.rows.len()).filter_map(|row| rights.get(row, "role").map(str::to_owned)).collect();
        let grants = Grant::read(&rights);
        let (oid, name, on, owner) = (text("oid"), text("relname"), text("on"), text("owner"));
        all.push(Held { oid, name, on, owner, grants, grantees });
    }
    Ok(all)
}

/// Of the relation and of its columns. Without a list it has the default one.
async fn rights_of(sql: &mut Connection, oid: &str) -> Result<Rows> {
    sql.rows(&format!(
        "SELECT r.rolname AS role, a.privilege_type AS right, a.is_grantable AS grantable, x.attname AS column FROM ( \
         SELECT coalesce(relacl, acldefault(CASE relkind WHEN 'S' THEN 's' ELSE 'r' END::\"char\", relowner)) AS acl, \
         NULL::name AS attname FROM pg_class WHERE oid = {oid} UNION ALL SELECT attacl, attname FROM pg_attribute \
         WHERE attrelid = {oid} AND attacl IS NOT NULL AND NOT attisdropped) x CROSS JOIN aclexplode(x.acl) a \
         LEFT JOIN pg_roles r ON r.oid = a.grantee ORDER BY 4 NULLS FIRST, 1, 2"
    ))
    .await
}

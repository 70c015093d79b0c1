//! Roles that own something or have rights in what is restored, and are no longer on the live server. They are made with what they
//! were, but without password and unable to log in, and without memberships: nobody gets a right by a restore that he lost since.

use super::count::Scope;
use super::session;
use crate::error::Result;
use crate::postgres::quote;
use crate::postgres::wire::{Connection, Rows};

#[derive(Debug, Default)]
pub(super) struct Roles {
    missing: Vec<(String, String)>,
    /// Memberships that the missing roles had, in words.
    pub(super) memberships: Vec<String>,
    pub(super) created: Vec<String>,
}

/// Looks which roles will be needed. `there` is a session in the database that is dumped.
pub(super) async fn plan(there: &mut Connection, live: &mut Connection, scope: &Scope) -> Result<Roles> {
    let needed = there.rows(&needed_roles(scope)).await?;
    let known = session::column(live, "SELECT rolname FROM pg_roles").await?;
    let mut roles = Roles::default();
    for row in 0..needed.rows.len() {
        let name = needed.get(row, "rolname").unwrap_or_default().to_owned();
        if known.contains(&name) {
            continue;
        }
        let of = quote::literal(&name);
        let memberships = format!(
            "SELECT 'role ' || quote_ident(m.rolname) || ' was a member of ' || quote_ident(g.rolname) \
             FROM pg_auth_members a JOIN pg_roles m ON m.oid = a.member JOIN pg_roles g ON g.oid = a.roleid \
             WHERE {of} IN (m.rolname, g.rolname) ORDER BY 1"
        );
        roles.memberships.extend(session::column(there, &memberships).await?);
        roles.missing.push((attributes(&needed, row), name));
    }
    roles.memberships.sort();
    roles.memberships.dedup();
    Ok(roles)
}

/// By pg_shdepend, which knows every owner and grantee save the one that initdb made.
fn needed_roles(scope: &Scope) -> String {
    let here = "(SELECT oid FROM pg_database WHERE datname = current_database())";
    let of = match scope {
        Scope::Database => format!(
            "s.dbid = {here} OR s.dbid = 0 AND s.classid = 'pg_database'::regclass AND s.objid = {here} \
             OR EXISTS (SELECT FROM pg_db_role_setting g WHERE g.setdatabase = {here} AND g.setrole = r.oid)"
        ),
        Scope::Schema(schema) => format!(
            "s.dbid = {here} AND (s.classid = 'pg_class'::regclass AND s.objid IN (SELECT c.oid FROM pg_class c \
             JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = {schema}) \
             OR s.classid = 'pg_policy'::regclass AND s.objid IN (SELECT p.oid FROM pg_policy p JOIN pg_class c \
             ON c.oid = p.polrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = {schema}))",
            schema = quote::literal(schema)
        ),
    };
    format!(
        "SELECT r.rolname, r.rolsuper, r.rolinherit, r.rolcreaterole, r.rolcreatedb, r.rolreplication, r.rolbypassrls, \
         r.rolconnlimit, r.rolvaliduntil FROM pg_roles r WHERE r.oid = 10 OR r.oid >= 16384 AND EXISTS (SELECT FROM \
         pg_shdepend s WHERE s.refclassid = 'pg_authid'::regclass AND s.refobjid = r.oid AND ({of})) ORDER BY r.rolname"
    )
}

fn attributes(rows: &Rows, row: usize) -> String {
    let flags = [
        ("rolsuper", "SUPERUSER"),
        ("rolinherit", "INHERIT"),
        ("rolcreaterole", "CREATEROLE"),
        ("rolcreatedb", "CREATEDB"),
        ("rolreplication", "REPLICATION"),
        ("rolbypassrls", "BYPASSRLS"),
    ];
    let mut words = vec!["NOLOGIN".to_owned()];
    for (column, word) in flags {
        let no = if rows.get(row, column) == Some("t") { "" } else { "NO" };
        words.push(format!("{no}{word}"));
    }
    words.extend(rows.get(row, "rolconnlimit").map(|limit| format!("CONNECTION LIMIT {limit}")));
    words.extend(rows.get(row, "rolvaliduntil").map(|until| format!("VALID UNTIL {}", quote::literal(until))));
    words.join(" ")
}

impl Roles {
    pub(super) async fn create(&mut self, live: &mut Connection) -> Result<()> {
        for (attributes, name) in &self.missing {
            live.query(&format!("CREATE ROLE {} {attributes}", quote::ident(name))).await?;
            self.created.push(name.clone());
        }
        Ok(())
    }

    /// Takes those back that were made.
    pub(super) async fn drop(&mut self, live: &mut Connection) -> Result<()> {
        while let Some(name) = self.created.pop() {
            live.query(&format!("DROP ROLE {}", quote::ident(&name))).await?;
        }
        Ok(())
    }
}

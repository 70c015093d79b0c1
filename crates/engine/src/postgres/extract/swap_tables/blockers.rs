//! What stands in the way of a swap: everything that refers to a live table and would stay with it. Found by pg_depend without a
//! list of kinds, so that a kind that nobody thought of blocks as well.

use super::super::session;
use super::super::tables::{Member, oids};
use crate::error::{Error, Result};
use crate::postgres::quote;
use crate::postgres::wire::Connection;

const SHOWN: usize = 20;

/// Refuses with the list. `secured` are those whose row security the new ones must have.
pub(super) async fn refuse(
    sql: &mut Connection,
    old: &[Member],
    secured: &[Member],
    new: &[Member],
    from: &str,
) -> Result<()> {
    let mut found = standing(sql, old).await?;
    found.extend(row_security(sql, secured, new).await?);
    if found.is_empty() {
        return Ok(());
    }
    let more = found.len().saturating_sub(SHOWN);
    found.truncate(SHOWN);
    found.extend((more > 0).then(|| format!("and {more} more")));
    Err(Error::declined(
        format!("these would stay with the old tables: {}", found.join(", ")),
        format!(
            "drop them, swap, and make them anew; or copy the rows you need from schema {from}, which stays as it is"
        ),
    ))
}

/// What refers to the live tables, whatever comes in their place.
pub(in crate::postgres::extract) async fn standing(sql: &mut Connection, old: &[Member]) -> Result<Vec<String>> {
    let mut found = session::column(sql, &dependents(&oids(old))).await?;
    found.extend(session::column(sql, &publications(&oids(old))).await?);
    Ok(found)
}

/// Those that a table is in at once when it is made in one of these schemas.
pub(super) async fn publications_of(sql: &mut Connection, schemas: &[String]) -> Result<Vec<String>> {
    let mut text = "SELECT 'publication ' || quote_ident(pubname) FROM pg_publication WHERE puballtables".to_owned();
    if sql.server_major()? >= 15 {
        let names: Vec<String> = schemas.iter().map(|schema| quote::literal(schema)).collect();
        text.push_str(&format!(
            " UNION SELECT 'publication ' || quote_ident(p.pubname) FROM pg_publication p \
             JOIN pg_publication_namespace s ON s.pnpubid = p.oid JOIN pg_namespace n ON n.oid = s.pnnspid \
             WHERE n.nspname IN ({})",
            names.join(", ")
        ));
    }
    session::column(sql, &text).await
}

/// Objects that depend on the tables, on what belongs to them (indexes, sequences), or on their row types, and are not theirs.
fn dependents(set: &str) -> String {
    format!(
        "WITH own AS (SELECT oid FROM pg_class WHERE oid IN ({set})), \
         mine AS (SELECT oid FROM own UNION SELECT i.indexrelid FROM pg_index i JOIN own ON i.indrelid = own.oid \
         UNION SELECT i.indexrelid FROM pg_index i JOIN pg_class c ON c.reltoastrelid = i.indrelid JOIN own ON own.oid = c.oid \
         UNION SELECT d.objid FROM pg_depend d JOIN own ON d.refobjid = own.oid WHERE d.deptype IN ('a', 'i') \
         AND d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass), \
         types AS (SELECT t.oid, t.typarray FROM pg_type t JOIN mine ON t.typrelid = mine.oid), \
         types_all AS (SELECT oid FROM types UNION SELECT typarray FROM types WHERE typarray <> 0) \
         SELECT DISTINCT CASE WHEN w.oid IS NULL THEN pg_describe_object(d.classid, d.objid, d.objsubid) \
         ELSE pg_describe_object('pg_class'::regclass, w.ev_class, 0) END \
         FROM pg_depend d \
         LEFT JOIN pg_rewrite w ON d.classid = 'pg_rewrite'::regclass AND w.oid = d.objid \
         LEFT JOIN pg_constraint k ON d.classid = 'pg_constraint'::regclass AND k.oid = d.objid \
         LEFT JOIN pg_trigger g ON d.classid = 'pg_trigger'::regclass AND g.oid = d.objid \
         LEFT JOIN pg_policy p ON d.classid = 'pg_policy'::regclass AND p.oid = d.objid \
         LEFT JOIN pg_attrdef a ON d.classid = 'pg_attrdef'::regclass AND a.oid = d.objid \
         LEFT JOIN pg_statistic_ext s ON d.classid = 'pg_statistic_ext'::regclass AND s.oid = d.objid \
         WHERE (d.refclassid = 'pg_class'::regclass AND d.refobjid IN (SELECT oid FROM mine) \
         OR d.refclassid = 'pg_type'::regclass AND d.refobjid IN (SELECT oid FROM types_all)) \
         AND d.classid <> 'pg_publication_rel'::regclass \
         AND NOT (d.classid = 'pg_class'::regclass AND d.objid IN (SELECT oid FROM mine)) \
         AND NOT (d.classid = 'pg_type'::regclass AND d.objid IN (SELECT oid FROM types_all)) \
         AND NOT coalesce(w.ev_class, k.conrelid, g.tgrelid, p.polrelid, a.adrelid, s.stxrelid, 0) \
         IN (SELECT oid FROM mine) ORDER BY 1"
    )
}

/// Also those that hold a table because they hold all tables or its schema. The view has no partitioned parents.
fn publications(set: &str) -> String {
    format!(
        "SELECT 'publication ' || quote_ident(t.pubname) || ' of ' || t.schemaname || '.' || t.tablename \
         FROM pg_publication_tables t JOIN pg_namespace n ON n.nspname = t.schemaname \
         JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = t.tablename WHERE c.oid IN ({set}) \
         UNION SELECT 'publication ' || quote_ident(p.pubname) || ' of ' || n.nspname || '.' || c.relname \
         FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid JOIN pg_class c ON c.oid = r.prrelid \
         JOIN pg_namespace n ON n.oid = c.relnamespace WHERE r.prrelid IN ({set}) ORDER BY 1"
    )
}

/// A table that has lost its row security shows everybody everything.
async fn row_security(sql: &mut Connection, old: &[Member], new: &[Member]) -> Result<Vec<String>> {
    let old = column_of(sql, old, SECURITY).await?;
    let new = column_of(sql, new, SECURITY).await?;
    let lost = old.into_iter().filter(|(_, security)| security != "false false []");
    let lost =
        lost.filter(|(name, security)| new.iter().find(|(of, _)| of == name).map(|(_, is)| is) != Some(security));
    Ok(lost.map(|(name, _)| format!("row security of {name}, which the restored table has not or otherwise")).collect())
}

const SECURITY: &str = "SELECT c.relname, c.relrowsecurity || ' ' || c.relforcerowsecurity || ' ' || \
     coalesce((SELECT json_agg(json_build_array(p.polname, p.polcmd, p.polpermissive, p.polroles, \
     pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)) ORDER BY p.polname)::text \
     FROM pg_policy p WHERE p.polrelid = c.oid), '[]') FROM pg_class c WHERE c.oid IN (SET) ORDER BY 1";

const BELONGINGS: &str = "SELECT c.relname, x.what FROM pg_class c CROSS JOIN LATERAL ( \
     SELECT 'ALTER TABLE ' || c.oid::regclass || ' ADD CONSTRAINT ' || quote_ident(k.conname) || ' ' || \
     pg_get_constraintdef(k.oid) AS what, 'c' || k.conname AS key FROM pg_constraint k \
     WHERE k.conrelid = c.oid AND k.contype IN ('f', 'c', 'u', 'p', 'x') AND k.conparentid = 0 \
     UNION ALL SELECT pg_get_triggerdef(g.oid), 't' || g.tgname FROM pg_trigger g \
     WHERE g.tgrelid = c.oid AND NOT g.tgisinternal \
     UNION ALL SELECT pg_get_ruledef(w.oid), 'r' || w.rulename FROM pg_rewrite w WHERE w.ev_class = c.oid \
     UNION ALL SELECT pg_get_indexdef(i.indexrelid), 'i' || n.relname FROM pg_index i \
     JOIN pg_class n ON n.oid = i.indexrelid WHERE i.indrelid = c.oid AND NOT EXISTS (SELECT FROM pg_constraint k \
     WHERE k.conindid = i.indexrelid AND k.conrelid = c.oid) \
     ) x WHERE c.oid IN (SET) AND NOT EXISTS (SELECT FROM pg_class o WHERE o.oid IN (OTHER) AND o.relname = c.relname \
     AND (EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = o.oid AND 'c' || k.conname = x.key) \
     OR EXISTS (SELECT FROM pg_trigger g WHERE g.tgrelid = o.oid AND 't' || g.tgname = x.key) \
     OR EXISTS (SELECT FROM pg_rewrite w WHERE w.ev_class = o.oid AND 'r' || w.rulename = x.key) \
     OR EXISTS (SELECT FROM pg_index i JOIN pg_class n ON n.oid = i.indexrelid \
     WHERE i.indrelid = o.oid AND 'i' || n.relname = x.key))) ORDER BY 1, 2";

/// Constraints, triggers, rules and indexes by name that only the old tables have, as statements that make them; and whole
/// partitions.
pub(super) async fn not_there(sql: &mut Connection, old: &[Member], new: &[Member]) -> Result<Vec<String>> {
    let text = BELONGINGS.replace("OTHER", &oids(new));
    let mut found: Vec<String> = column_of(sql, old, &text).await?.into_iter().map(|(_, what)| what).collect();
    let lacks = |name: &str| new.iter().all(|member| member.table.name != name);
    let partitions = old.iter().filter(|member| lacks(&member.table.name));
    found.extend(partitions.map(|member| format!("partition {}", quote::ident(&member.table.name))));
    Ok(found)
}

/// Pairs of a table's name and a text.
async fn column_of(sql: &mut Connection, members: &[Member], text: &str) -> Result<Vec<(String, String)>> {
    let rows = sql.rows(&text.replace("(SET)", &format!("({})", oids(members)))).await?.rows;
    let pair = |row: Vec<Option<String>>| {
        let mut cells = row.into_iter().map(Option::unwrap_or_default);
        Some((cells.next()?, cells.next()?))
    };
    Ok(rows.into_iter().filter_map(pair).collect())
}

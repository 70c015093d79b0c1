//! Some tables of a moment, restored into a schema of their own in the live database.
//!
//! pg_dump writes names as they are, so the tables are moved into that schema on the instance, dumped, and moved back. What would
//! tie the copy to live tables is left out and told: foreign keys to tables outside the set, memberships in publications, rules,
//! and triggers whose function the live database does not have.

mod resolve;

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::again::Again;
use super::count::Scope;
use super::dump::{Entry, Workshop};
use super::outcome::Outcome;
use super::roles::{self, Roles};
use super::{
    Extracted, Extraction, Made, MadeTable, check_majors, check_name, look, session, source_database, swap_tables,
    unlogged, verify,
};
use crate::error::{Error, Result};
use crate::postgres::quote;
use crate::postgres::stopwatch::Stopwatch;
use crate::postgres::wire::Connection;
pub(super) use resolve::{Member, Present, nearest, oids, present, resolve};

/// Where a schema of the same name is put on the instance meanwhile.
const ASIDE: &str = "rekindle_aside";
const HINT_NAME: &str =
    "write it as schema.table, with double quotes around a part that has capitals, points or blanks";

/// A table with its schema.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TableName {
    pub schema: String,
    pub name: String,
}

impl TableName {
    /// From `schema.table` as SQL writes it: bare words are folded to lower case. A schema must be said.
    pub fn parse(text: &str) -> Result<TableName> {
        let parts = quote::split(text, '.');
        match parts.as_deref() {
            Some([schema, name]) if !schema.is_empty() && !name.is_empty() => {
                check_name(schema)?;
                check_name(name)?;
                Ok(TableName { schema: schema.clone(), name: name.clone() })
            }
            _ => Err(Error::declined(format!("{text:?} does not name a table"), HINT_NAME)),
        }
    }

    pub(super) fn sql(&self) -> String {
        format!("{}.{}", quote::ident(&self.schema), quote::ident(&self.name))
    }

    pub(super) fn within(&self, schema: &str) -> TableName {
        TableName { schema: schema.to_owned(), name: self.name.clone() }
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.schema, self.name)
    }
}

/// What is not restored with the tables.
#[derive(Debug, Default)]
struct LeftOut {
    /// System catalog and oid.
    objects: BTreeSet<(u32, u32)>,
    /// How comments on them begin in a table of contents.
    comments: Vec<String>,
    told: Vec<String>,
}

struct Prepared {
    there: Connection,
    live: Connection,
    database: String,
    members: Vec<Member>,
    into: String,
    left_out: LeftOut,
    roles: Roles,
    shop: Workshop,
    /// Whether the schema is there on the live server already.
    schema_exists: bool,
    /// On the live server.
    made: Vec<String>,
    /// Enabled ones of the live database.
    event_triggers: Vec<String>,
}

/// Restores these tables, with their partitions, into `into_schema` of the live server's database of the same name.
pub async fn extract_tables(
    at: &Extraction<'_>,
    database: &str,
    tables: &[TableName],
    into_schema: &str,
) -> Result<Extracted> {
    let mut watch = Stopwatch::start(at.env, at.steps);
    watch.step("preflight");
    let mut prepared = prepare(at, database, tables, into_schema).await?;
    prepared.gather().await?;
    let done = copy(at, &mut prepared, &mut watch).await;
    if let Err(error) = prepared.scatter().await {
        tracing::warn!(%error, "the tables stay where they were moved on the instance");
    }
    let (mut extracted, outcome) = done?;
    let names: Vec<String> = tables.iter().map(TableName::to_string).collect();
    extracted.what = format!("tables {} of database {database}", names.join(", "));
    extracted.into = format!("schema {into_schema} of database {database}");
    extracted.made = Made { database: 0, tables: made(&mut prepared).await? };
    extracted.roles_created = prepared.roles.created;
    extracted.harmless = outcome.harmless;
    extracted.attention = outcome.attention;
    extracted.left_out = prepared.left_out.told;
    extracted.left_out.extend(prepared.roles.memberships);
    extracted.durations = watch.finish();
    Ok(extracted)
}

async fn prepare(at: &Extraction<'_>, database: &str, tables: &[TableName], into: &str) -> Result<Prepared> {
    check_name(into)?;
    source_database(at, database).await?;
    let mut live = match session::open(at.live, database).await {
        Err(error) if error.sqlstate() == Some("3D000") => {
            return Err(Error::declined(
                format!("the live server has no database {database}"),
                "restore the whole database",
            ));
        }
        other => other?,
    };
    check_majors(at, &live)?;
    let mut there = session::open(&at.instance.conninfo(database)?, database).await?;
    let members = resolve(&mut there, tables).await?;
    check_names(&members, into)?;
    let schema_exists = check_schema(&mut live, &members, into).await?;
    check_publications(&mut live, into).await?;
    let unlogged = unlogged::find_among(&mut there, &oids(&members)).await?;
    if at.takes_place {
        refuse_unlogged(&unlogged)?;
    }
    let mut left_out = leave_out(&mut there, &mut live, &oids(&members)).await?;
    left_out.told.extend(unlogged::told(&unlogged));
    if at.takes_place {
        left_out.told.extend(lost_with_them(&mut there, &mut live, &members).await?);
    }
    let (into, database, shop) = (into.to_owned(), database.to_owned(), Workshop::make(at)?);
    let (roles, made) = (Roles::default(), Vec::new());
    let event_triggers = look::event_triggers(&mut live, &database).await?;
    Ok(Prepared { there, live, database, members, into, left_out, roles, shop, schema_exists, made, event_triggers })
}

/// In the place of live rows there would be none.
fn refuse_unlogged(found: &[unlogged::Unlogged]) -> Result<()> {
    let refusals: Vec<String> = found.iter().filter_map(unlogged::Unlogged::refusal).collect();
    match refusals.is_empty() {
        true => Ok(()),
        false => Err(Error::declined(refusals.join("; "), "leave it out of the tables that are named")),
    }
}

/// What went with a table that was dropped with CASCADE: it referred to the table, and is no part of it.
async fn lost_with_them(there: &mut Connection, live: &mut Connection, members: &[Member]) -> Result<Vec<String>> {
    let names: Vec<TableName> = members.iter().map(|member| member.table.clone()).collect();
    let dropped = present(live, &names).await?.absent;
    let dropped: Vec<Member> = members.iter().filter(|member| dropped.contains(&member.table)).cloned().collect();
    let found = swap_tables::standing(there, &dropped).await?;
    // Memberships in publications are told of every table.
    let found = found.into_iter().filter(|what| !what.starts_with("publication "));
    Ok(found.map(|what| format!("{what} referred to what was dropped: it is not brought back")).collect())
}

/// The tables as they are on the live server now, with the names that they had.
async fn made(prepared: &mut Prepared) -> Result<Vec<MadeTable>> {
    let mut all = Vec::new();
    for member in &prepared.members {
        let name = quote::literal(&member.table.within(&prepared.into).sql());
        let oid = prepared.live.value(&format!("SELECT to_regclass({name})::oid")).await?;
        all.extend(oid.and_then(|oid| oid.parse().ok()).map(|oid| MadeTable { table: member.table.clone(), oid }));
    }
    Ok(all)
}

/// In one schema each name can stand once.
fn check_names(members: &[Member], into: &str) -> Result<()> {
    let mut seen = BTreeSet::new();
    for Member { table, .. } in members {
        if table.schema == into {
            return Err(Error::declined(
                format!("{table} already was in schema {into} at that moment"),
                "name another schema to restore into",
            ));
        }
        if !seen.insert(&table.name) {
            return Err(Error::declined(
                format!("two of the tables have the name {}", table.name),
                "restore them one after the other, into different schemas",
            ));
        }
    }
    Ok(())
}

async fn check_schema(live: &mut Connection, members: &[Member], into: &str) -> Result<bool> {
    let schema = quote::literal(into);
    let names: Vec<String> = members.iter().map(|member| quote::literal(&member.table.name)).collect();
    let taken = format!(
        "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE n.nspname = {schema} AND c.relname IN ({}) ORDER BY 1",
        names.join(", ")
    );
    let taken = session::column(live, &taken).await?;
    if !taken.is_empty() {
        return Err(Error::declined(
            format!("schema {into} of the live database already has {}", taken.join(", ")),
            "name another schema, or drop these when nobody needs them",
        ));
    }
    let exists = live.value(&format!("SELECT 1 FROM pg_namespace WHERE nspname = {schema}")).await?;
    Ok(exists.is_some())
}

/// A table is in such a publication from its first row on, and subscribers that do not know it stop with an error.
async fn check_publications(live: &mut Connection, into: &str) -> Result<()> {
    let mut found = session::column(live, "SELECT pubname FROM pg_publication WHERE puballtables").await?;
    if live.server_major()? >= 15 {
        let of_schema = format!(
            "SELECT p.pubname FROM pg_publication p JOIN pg_publication_namespace s ON s.pnpubid = p.oid \
             JOIN pg_namespace n ON n.oid = s.pnnspid WHERE n.nspname = {}",
            quote::literal(into)
        );
        found.extend(session::column(live, &of_schema).await?);
    }
    if found.is_empty() {
        return Ok(());
    }
    Err(Error::declined(
        format!("tables in schema {into} would at once be in the publications {}", found.join(", ")),
        "restore the whole database beside the live one, and copy from there",
    ))
}

/// Looks what must not come along. The oids are those of the system catalogs, as in a dump's table of contents.
async fn leave_out(there: &mut Connection, live: &mut Connection, set: &str) -> Result<LeftOut> {
    let mut out = LeftOut::default();
    let keys = format!(
        "SELECT 'pg_constraint'::regclass::oid, k.oid, 'CONSTRAINT', k.conname, 'foreign key: ALTER TABLE ' || \
         k.conrelid::regclass || ' ADD CONSTRAINT ' || quote_ident(k.conname) || ' ' || pg_get_constraintdef(k.oid) \
         FROM pg_constraint k WHERE k.contype = 'f' AND k.conrelid IN ({set}) AND k.confrelid NOT IN ({set}) \
         AND k.conparentid = 0 ORDER BY 5"
    );
    let rules = format!(
        "SELECT 'pg_rewrite'::regclass::oid, w.oid, 'RULE', w.rulename, 'rule: ' || pg_get_ruledef(w.oid) \
         FROM pg_rewrite w WHERE w.ev_class IN ({set}) ORDER BY 5"
    );
    let statistics = format!(
        "SELECT 'pg_statistic_ext'::regclass::oid, s.oid, 'STATISTICS', s.stxname, 'statistics: ' || \
         pg_get_statisticsobjdef(s.oid) FROM pg_statistic_ext s WHERE s.stxrelid IN ({set}) ORDER BY 5"
    );
    for text in [keys, rules, statistics] {
        out.add(there.rows(&text).await?.rows);
    }
    let triggers = format!(
        "SELECT 'pg_trigger'::regclass::oid, t.oid, 'TRIGGER', t.tgname, 'trigger, whose function is not there: ' || \
         pg_get_triggerdef(t.oid), quote_ident(n.nspname) || '.' || quote_ident(p.proname) || '()' \
         FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid JOIN pg_namespace n ON n.oid = p.pronamespace \
         WHERE t.tgrelid IN ({set}) AND NOT t.tgisinternal ORDER BY 5"
    );
    for mut row in there.rows(&triggers).await?.rows {
        let function = quote::literal(&row.pop().flatten().unwrap_or_default());
        if live.value(&format!("SELECT to_regprocedure({function})")).await?.is_none() {
            out.add(vec![row]);
        }
    }
    let publications = format!(
        "SELECT DISTINCT 'membership in publication ' || quote_ident(p.pubname) FROM pg_publication p \
         LEFT JOIN pg_publication_rel r ON r.prpubid = p.oid WHERE p.puballtables OR r.prrelid IN ({set}) ORDER BY 1"
    );
    out.told.extend(session::column(there, &publications).await?);
    Ok(out)
}

impl LeftOut {
    /// From rows of catalog, oid, kind, name, description.
    fn add(&mut self, rows: Vec<Vec<Option<String>>>) {
        for row in rows {
            let cells: Vec<String> = row.into_iter().map(Option::unwrap_or_default).collect();
            let [catalog, oid, kind, name, told] = cells.as_slice() else { continue };
            self.objects.extend(catalog.parse().ok().zip(oid.parse().ok()));
            self.comments.extend([name.clone(), quote::ident(name)].map(|name| format!("{kind} {name} ON ")));
            self.told.push(told.clone());
        }
    }

    fn keeps(&self, entry: &Entry) -> bool {
        !entry.is_left_out(&self.objects, &self.comments)
    }
}

impl Prepared {
    /// Moves the tables into one schema on the instance; a schema of that name steps aside.
    async fn gather(&mut self) -> Result<()> {
        let into = quote::ident(&self.into);
        let mut statements = Vec::new();
        if self.has_schema(&self.into.clone()).await? {
            statements.push(format!("ALTER SCHEMA {into} RENAME TO {ASIDE}"));
        }
        statements.push(format!("CREATE SCHEMA {into}"));
        let moves = self.members.iter().map(|member| format!("ALTER TABLE {} SET SCHEMA {into}", member.table.sql()));
        statements.extend(moves);
        session::transact(&mut self.there, &statements).await
    }

    /// Moves them back.
    async fn scatter(&mut self) -> Result<()> {
        let into = quote::ident(&self.into);
        let back = |member: &Member| {
            let (there, home) = (member.table.within(&self.into).sql(), quote::ident(&member.table.schema));
            format!("ALTER TABLE {there} SET SCHEMA {home}")
        };
        let mut statements: Vec<String> = self.members.iter().map(back).collect();
        statements.push(format!("DROP SCHEMA {into}"));
        if self.has_schema(ASIDE).await? {
            statements.push(format!("ALTER SCHEMA {ASIDE} RENAME TO {into}"));
        }
        session::transact(&mut self.there, &statements).await
    }

    async fn has_schema(&mut self, name: &str) -> Result<bool> {
        let exists = format!("SELECT 1 FROM pg_namespace WHERE nspname = {}", quote::literal(name));
        Ok(self.there.value(&exists).await?.is_some())
    }

    fn tables_there(&self) -> impl Iterator<Item = String> {
        self.members.iter().map(|member| member.table.within(&self.into).sql())
    }
}

async fn copy(at: &Extraction<'_>, prepared: &mut Prepared, watch: &mut Stopwatch<'_>) -> Result<(Extracted, Outcome)> {
    watch.step("dump");
    let scope = Scope::Schema(prepared.into.clone());
    prepared.roles = roles::plan(&mut prepared.there, &mut prepared.live, &scope).await?;
    // Quoted, a pattern of pg_dump is the name itself.
    let patterns: Vec<String> = prepared.tables_there().flat_map(|table| ["-t".into(), table]).collect();
    let bytes = prepared.shop.dump(at, &prepared.database, &patterns).await?;
    watch.step("create");
    let mut outcome = match fill(at, prepared, watch).await {
        Ok(outcome) => outcome,
        Err(error) => return Err(remove(at, prepared, error).await),
    };
    watch.step("verify");
    let tables: Vec<String> = prepared.tables_there().collect();
    if let Err(error) = prepared.live.query(&format!("ANALYZE {}", tables.join(", "))).await {
        outcome.attention.push(format!("ANALYZE: {error}"));
    }
    let tables = match verify(at, &prepared.database, &prepared.database, scope, &mut outcome).await {
        Err(Error::Incomplete { into, mut lost }) => {
            let may_be = |name: &String| format!("{name} is enabled: is it the cause? {}", look::PAST_EVENT_TRIGGERS);
            lost.extend(prepared.event_triggers.first().map(may_be));
            return Err(Error::Incomplete { into, lost });
        }
        other => other?,
    };
    Ok((Extracted { tables, bytes, ..Extracted::default() }, outcome))
}

async fn fill(at: &Extraction<'_>, prepared: &mut Prepared, watch: &mut Stopwatch<'_>) -> Result<Outcome> {
    let contents = prepared.shop.contents(at).await?;
    let kept: Vec<Entry> = contents.into_iter().filter(|entry| prepared.left_out.keeps(entry)).collect();
    prepared.roles.create(&mut prepared.live).await?;
    let into = quote::ident(&prepared.into);
    if !prepared.schema_exists {
        prepared.live.query(&format!("CREATE SCHEMA {into}")).await?;
        prepared.made.push(format!("DROP SCHEMA {into} CASCADE"));
    }
    let drops = drops(prepared).await?;
    prepared.made.extend(drops);
    watch.step("restore");
    let mut outcome = prepared.shop.restore(at, &prepared.database, Some(&kept)).await?;
    let (database, scope) = (prepared.database.as_str(), Scope::Schema(prepared.into.clone()));
    let again = Again { database, into: database, scope: &scope, entries: Some(kept) };
    again.run(at, &prepared.shop, &mut outcome).await?;
    Ok(outcome)
}

/// What takes back all that a restore may leave in a schema that others use as well.
async fn drops(prepared: &mut Prepared) -> Result<Vec<String>> {
    let schema = quote::literal(&prepared.into);
    let sequences = format!(
        "SELECT 'DROP SEQUENCE IF EXISTS ' || quote_ident(n.nspname) || '.' || quote_ident(c.relname) || ' CASCADE' \
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = {schema} AND c.relkind = 'S'"
    );
    let sequences = session::column(&mut prepared.there, &sequences).await?;
    let tables = prepared.tables_there().map(|table| format!("DROP TABLE IF EXISTS {table} CASCADE"));
    // Run backwards: tables before their sequences, the schema last.
    Ok(sequences.into_iter().chain(tables).collect())
}

async fn remove(at: &Extraction<'_>, prepared: &mut Prepared, error: Error) -> Error {
    let removed = async {
        prepared.live = session::open(at.live, &prepared.database).await?;
        while let Some(statement) = prepared.made.pop() {
            prepared.live.query(&statement).await?;
        }
        prepared.roles.drop(&mut prepared.live).await
    };
    match removed.await {
        Ok(()) => look::explained(error, &prepared.event_triggers),
        Err(second) => super::not_removed(&prepared.into, &error, &second),
    }
}

#[cfg(test)]
mod tests;

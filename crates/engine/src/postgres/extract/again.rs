//! What pg_restore could not make, tried once more under the search path that the database itself has.
//!
//! A dump sets an empty search path (CVE-2018-1058). An index, a check or a materialized view that calls a function whose body names
//! things without their schema works in the database, and not in its dump. What is missing is found by comparing both sides, because
//! pg_restore with several workers does not say which entry an error belongs to. Each entry is written out as a script of its own by
//! pg_restore, with its first statement about the search path replaced, and run by psql in one transaction.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::path::Path;

use super::count::Scope;
use super::dump::{Entry, Workshop};
use super::outcome::Outcome;
use super::{Extraction, session};
use crate::error::{Error, Result};
use crate::postgres::quote;
use crate::postgres::wire::Connection;

const EMPTY_PATH: &str = "SELECT pg_catalog.set_config('search_path', '', false);";
const PATHS_TRIED_MAX: usize = 4;
/// Each is a program of its own.
const ENTRIES_TRIED_MAX: usize = 500;
/// Data comes behind the triggers here, which pg_restore makes after it.
const AS_DATA: &str = "SET session_replication_role = replica";

/// From where, to where, and what may be tried.
#[derive(Debug)]
pub(super) struct Again<'a> {
    pub(super) database: &'a str,
    pub(super) into: &'a str,
    pub(super) scope: &'a Scope,
    /// Nothing means everything that was dumped.
    pub(super) entries: Option<Vec<Entry>>,
}

impl Again<'_> {
    /// Takes out of the outcome what could be made after all, and puts newer words for what could not.
    pub(super) async fn run(self, at: &Extraction<'_>, shop: &Workshop, outcome: &mut Outcome) -> Result<()> {
        if outcome.attention.is_empty() && outcome.lost.is_empty() || at.instance.binaries.program("psql").is_err() {
            return Ok(());
        }
        let mut there = session::open(&at.instance.conninfo(self.database)?, self.database).await?;
        let mut here = session::open(at.live, self.into).await?;
        let paths = search_paths(&mut there).await?;
        let missing = missing(&mut there, &mut here, self.scope).await?;
        let entries = match self.entries {
            Some(entries) => entries,
            None => shop.contents(at).await?,
        };
        let mut tried = 0;
        for entry in &entries {
            let is_data = match entry.table_of_data() {
                Some(oid) => lacks_its_rows(&mut there, &mut here, oid).await?,
                None => false,
            };
            if !is_data && !missing.contains(entry) || tried == ENTRIES_TRIED_MAX {
                continue;
            }
            tried += 1;
            one(at, shop, self.into, entry, &paths, is_data, outcome).await?;
        }
        there.close().await;
        here.close().await;
        Ok(())
    }
}

/// Tries one entry under each path until it succeeds.
async fn one(
    at: &Extraction<'_>,
    shop: &Workshop,
    into: &str,
    entry: &Entry,
    paths: &[String],
    is_data: bool,
    outcome: &mut Outcome,
) -> Result<()> {
    let Some(plain) = shop.script_of(at, entry).await? else { return Ok(()) };
    let mut said = None;
    for path in paths {
        let script = shop.path("again");
        let Some(statements) = with_path(&plain, &script, path)? else { return Ok(()) };
        shop.give(&script)?;
        said = shop.run_script(at, into, &script, is_data.then_some(AS_DATA)).await?;
        outcome.forget(&statements, entry);
        if said.is_none() {
            return Ok(());
        }
    }
    if let Some(said) = said {
        outcome.failed_again(&said, entry);
    }
    Ok(())
}

/// Copies the script with this path in place of the empty one. Gives its statements without data; nothing where there is no such line.
fn with_path(plain: &Path, script: &Path, path: &str) -> Result<Option<Vec<String>>> {
    let wrong = |e| Error::file("write", script, e);
    let mut from = BufReader::new(File::open(plain).map_err(wrong)?);
    let mut to = BufWriter::new(File::create(script).map_err(wrong)?);
    let (mut line, mut replaced, mut statements) = (Vec::new(), false, Vec::new());
    while from.read_until(b'\n', &mut line).map_err(wrong)? > 0 {
        let text = String::from_utf8_lossy(&line);
        let is_path = !replaced && text.trim_end() == EMPTY_PATH;
        if is_path {
            replaced = true;
            let set = format!("SELECT pg_catalog.set_config('search_path',{}, false);\n", quote::literal(path));
            to.write_all(set.as_bytes()).map_err(wrong)?;
        } else {
            to.write_all(&line).map_err(wrong)?;
        }
        if text.starts_with("COPY ") {
            std::io::copy(&mut from, &mut to).map_err(wrong)?;
        } else if replaced && !is_path && !text.starts_with("--") && !text.trim().is_empty() {
            statements.push(text.trim_end().to_owned());
        }
        line.clear();
    }
    to.flush().map_err(wrong)?;
    Ok(replaced.then_some(statements))
}

/// The paths that people work with in the database: its own, those of the roles that own something in it, and the server's. `$user` is
/// the role itself, or the owner of the database.
async fn search_paths(there: &mut Connection) -> Result<Vec<String>> {
    let rows = there
        .rows(
            "WITH d AS (SELECT oid, datdba FROM pg_database WHERE datname = current_database()) \
             SELECT substr(c.text, 13) AS path, pg_get_userbyid(CASE s.setrole WHEN 0 THEN d.datdba ELSE s.setrole END) AS owner, \
             (s.setdatabase = 0)::int * 2 + (s.setrole <> 0)::int AS rank FROM d, pg_db_role_setting s \
             CROSS JOIN unnest(s.setconfig) AS c(text) WHERE c.text LIKE 'search_path=%' AND s.setdatabase IN (0, d.oid) \
             AND (s.setrole IN (0, d.datdba) OR EXISTS (SELECT FROM pg_shdepend h WHERE h.dbid = d.oid \
             AND h.refclassid = 'pg_authid'::regclass AND h.refobjid = s.setrole AND h.deptype = 'o')) \
             UNION ALL SELECT reset_val, pg_get_userbyid(d.datdba), 4 FROM d, pg_settings WHERE name = 'search_path' \
             UNION ALL SELECT '\"$user\", public', pg_get_userbyid(d.datdba), 5 FROM d ORDER BY rank",
        )
        .await?;
    let mut paths = Vec::new();
    for row in 0..rows.rows.len() {
        let owner = rows.get(row, "owner").unwrap_or_default();
        let parts = quote::split(rows.get(row, "path").unwrap_or_default(), ',').unwrap_or_default();
        let names = parts.iter().filter(|part| !part.is_empty());
        let names = names.map(|part| quote::ident(if part == "$user" { owner } else { part }));
        let path = names.collect::<Vec<_>>().join(", ");
        if !path.is_empty() && !paths.contains(&path) {
            paths.push(path);
        }
    }
    paths.truncate(PATHS_TRIED_MAX);
    Ok(paths)
}

/// What one side has and the other has not.
#[derive(Debug, Default)]
struct Missing {
    objects: BTreeSet<(u32, u32)>,
    /// How the entries that attach a partition or its index begin.
    attached: Vec<String>,
}

impl Missing {
    fn contains(&self, entry: &Entry) -> bool {
        self.objects.contains(&entry.object) || self.attached.iter().any(|what| entry.what().starts_with(what.as_str()))
    }
}

async fn missing(there: &mut Connection, here: &mut Connection, scope: &Scope) -> Result<Missing> {
    let text = objects(scope);
    let known: BTreeSet<String> = session::column(here, &text).await?.into_iter().collect();
    let rows = there.rows(&text).await?;
    let mut missing = Missing::default();
    for row in (0..rows.rows.len()).filter(|row| !known.contains(rows.get(*row, "key").unwrap_or_default())) {
        let number = |column| rows.get(row, column).and_then(|cell| cell.parse().ok());
        missing.objects.extend(number("catalog").zip(number("oid")));
        let [schema, name] = ["nspname", "name"].map(|column| rows.get(row, column).unwrap_or_default());
        missing.attached.extend(["INDEX", "TABLE"].map(|kind| format!("{kind} ATTACH {schema} {name} ")));
    }
    Ok(missing)
}

/// Relations, constraints, defaults, and materialized views that are filled, with their oids as a table of contents has them.
fn objects(scope: &Scope) -> String {
    let of = scope.condition();
    let from = "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE";
    format!(
        "SELECT 'relation ' || n.nspname || '.' || c.relname AS key, 'pg_class'::regclass::oid AS catalog, c.oid, n.nspname, \
         c.relname AS name FROM pg_class c {from} {of} \
         UNION ALL SELECT 'constraint ' || k.conname || ' of ' || c.oid::regclass, 'pg_constraint'::regclass::oid, k.oid, n.nspname, \
         k.conname FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid {from} k.contype <> 'n' AND {of} \
         UNION ALL SELECT 'default of ' || c.oid::regclass || ' ' || a.adnum, 'pg_attrdef'::regclass::oid, a.oid, n.nspname, \
         c.relname FROM pg_attrdef a JOIN pg_class c ON c.oid = a.adrelid {from} {of} \
         UNION ALL SELECT 'filled ' || c.oid::regclass, 0::oid, c.oid, n.nspname, c.relname FROM pg_class c {from} \
         c.relkind = 'm' AND c.relispopulated AND {of}"
    )
}

/// Whether the table has rows there and none here. One with triggers that fire whatever the session says is left as it is: they
/// would fire for rows that are no news.
async fn lacks_its_rows(there: &mut Connection, here: &mut Connection, oid: u32) -> Result<bool> {
    let Some(name) =
        there.value(&format!("SELECT oid::regclass FROM pg_class WHERE oid = {oid} AND relkind = 'r'")).await?
    else {
        return Ok(false);
    };
    if there.value(&format!("SELECT 1 FROM ONLY {name} LIMIT 1")).await?.is_none() {
        return Ok(false);
    }
    let Some(oid) = here.value(&format!("SELECT to_regclass({})::oid", quote::literal(&name))).await? else {
        return Ok(true);
    };
    let fires = format!("SELECT 1 FROM pg_trigger WHERE tgrelid = {oid} AND tgenabled IN ('A', 'R') LIMIT 1");
    Ok(here.value(&format!("SELECT 1 FROM ONLY {name} LIMIT 1")).await?.is_none()
        && here.value(&fires).await?.is_none())
}

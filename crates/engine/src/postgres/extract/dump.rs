//! Runs pg_dump and pg_restore of the instance's own version, with a private folder for the dump. Passwords go by the
//! environment, which only the same user can read, never by the command line.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::outcome::{self, Outcome};
use super::{Extraction, session};
use crate::error::{Error, Result};
use crate::postgres::owner::User;
use crate::postgres::program::{Program, Ran};
use crate::postgres::quote;
use crate::postgres::wire::{Conninfo, Host, passfile};

/// pg_restore says a few lines for each error; beyond this the first ones are cut off, which counts as loss.
const OUTPUT_BYTES_MAX: usize = 8 << 20;
const DUMP: &str = "dump";
const LIST: &str = "list";

/// A private folder of the user that the programs run as; it goes with the value.
#[derive(Debug)]
pub(super) struct Workshop {
    folder: TempDir,
    run_as: Option<User>,
}

/// An entry of a dump's table of contents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// The system catalog it comes from, and its oid there.
    pub(super) object: (u32, u32),
    /// As pg_restore lists it and takes it back.
    pub(super) line: String,
}

impl Workshop {
    pub(super) fn make(at: &Extraction<'_>) -> Result<Workshop> {
        let run_as = at.instance.run_as;
        let folder = tempfile::Builder::new().prefix("rekindle-dump-").tempdir_in(at.workdir);
        let folder = folder.map_err(|e| Error::file("make a folder in", at.workdir, e))?;
        let shop = Workshop { folder, run_as };
        fs::set_permissions(shop.folder.path(), fs::Permissions::from_mode(0o700))
            .map_err(|e| Error::file("close", shop.folder.path(), e))?;
        shop.give(shop.folder.path())?;
        Ok(shop)
    }

    pub(super) fn give(&self, path: &Path) -> Result<()> {
        let Some(user) = self.run_as else { return Ok(()) };
        chown(path, Some(user.uid), Some(user.gid)).map_err(|e| Error::file("give away", path, e))
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Dumps into the folder; gives the dump's bytes.
    pub(super) async fn dump(&self, at: &Extraction<'_>, database: &str, more: &[String]) -> Result<u64> {
        let info = at.instance.conninfo(database)?;
        let mut arguments: Vec<String> =
            ["-Fd", "--compress=1", "--no-sync", "--no-tablespaces"].map(String::from).into();
        arguments.extend([format!("--jobs={}", at.jobs.max(1)), "-f".into(), self.path(DUMP).display().to_string()]);
        arguments.extend(more.iter().cloned());
        arguments.extend(["-d".into(), quote::dbname(database)]);
        let environment = self.environment(&info, false)?;
        let ran = self.run(at, "pg_dump", arguments, environment).await?;
        if !ran.succeeded() {
            return Err(failed("pg_dump", &ran));
        }
        bytes_in(&self.path(DUMP))
    }

    pub(super) async fn contents(&self, at: &Extraction<'_>) -> Result<Vec<Entry>> {
        let arguments = vec!["-l".into(), self.path(DUMP).display().to_string()];
        let ran = self.run(at, "pg_restore", arguments, Vec::new()).await?;
        if !ran.succeeded() || ran.stdout.is_cut {
            return Err(failed("pg_restore", &ran));
        }
        Ok(ran.stdout.text().lines().filter_map(Entry::parse).collect())
    }

    /// Restores into a database of the live server: everything, or the entries given. An error here means that the program was not
    /// able to try; what it could not bring back is in the outcome.
    pub(super) async fn restore(
        &self,
        at: &Extraction<'_>,
        database: &str,
        entries: Option<&[Entry]>,
    ) -> Result<Outcome> {
        let mut arguments: Vec<String> = vec!["--no-tablespaces".into(), format!("--jobs={}", at.jobs.max(1))];
        if let Some(entries) = entries {
            arguments.extend(["-L".into(), self.write_list(entries)?]);
        }
        arguments.extend(["-d".into(), quote::dbname(database), self.path(DUMP).display().to_string()]);
        let info = at.live.with_dbname(database);
        let environment = self.environment(&info, is_superuser(&info).await?)?;
        let ran = self.run(at, "pg_restore", arguments, environment).await?;
        let mut outcome = outcome::classify(&ran.stderr.text());
        if ran.stderr.is_cut {
            outcome.lost.push("pg_restore said more than can be kept".into());
        }
        match ran.status.and_then(|status| status.code()) {
            Some(0) => Ok(outcome),
            // It exits with 1 after errors that it passed over, and says how many.
            Some(1) if outcome.counted.is_some() => Ok(outcome),
            _ => Err(failed("pg_restore", &ran)),
        }
    }

    /// One entry as a script of SQL; nothing where pg_restore cannot write it.
    pub(super) async fn script_of(&self, at: &Extraction<'_>, entry: &Entry) -> Result<Option<PathBuf>> {
        let script = self.path("script");
        let mut arguments = vec!["--no-tablespaces".into(), "-L".into(), self.write_list(std::slice::from_ref(entry))?];
        arguments.extend(["-f".into(), script.display().to_string(), self.path(DUMP).display().to_string()]);
        let ran = self.run(at, "pg_restore", arguments, Vec::new()).await?;
        Ok(ran.succeeded().then_some(script))
    }

    /// Runs a script in one transaction, after a statement of ours. Gives what was said when it failed; then nothing of it is done.
    pub(super) async fn run_script(
        &self,
        at: &Extraction<'_>,
        database: &str,
        script: &Path,
        first: Option<&str>,
    ) -> Result<Option<String>> {
        let mut arguments: Vec<String> =
            ["-X", "-q", "-v", "ON_ERROR_STOP=1", "-1", "-o", "/dev/null"].map(String::from).into();
        arguments.extend(first.into_iter().flat_map(|text| ["-c".to_owned(), text.to_owned()]));
        arguments.extend(["-f".into(), script.display().to_string(), "-d".into(), quote::dbname(database)]);
        let info = at.live.with_dbname(database);
        let environment = self.environment(&info, is_superuser(&info).await?)?;
        let ran = self.run(at, "psql", arguments, environment).await?;
        Ok((!ran.succeeded()).then(|| ran.stderr.text()))
    }

    fn write_list(&self, entries: &[Entry]) -> Result<String> {
        let path = self.path(LIST);
        let text: String = entries.iter().map(|entry| format!("{}\n", entry.line)).collect();
        fs::write(&path, text).map_err(|e| Error::file("write", &path, e))?;
        self.give(&path)?;
        Ok(path.display().to_string())
    }

    async fn run(
        &self,
        at: &Extraction<'_>,
        program: &str,
        arguments: Vec<String>,
        environment: Vec<(String, String)>,
    ) -> Result<Ran> {
        let path = at.instance.binaries.program(program)?;
        let run_as = self.run_as;
        let program = Program { path, arguments, environment, run_as, limit: None, output_bytes_max: OUTPUT_BYTES_MAX };
        program.run(at.progress).await
    }

    /// What libpq is to know of a connection. The home is our folder, so that nobody's own files play a part.
    fn environment(&self, info: &Conninfo, in_english: bool) -> Result<Vec<(String, String)>> {
        let mut all = libpq_environment(info, in_english)?;
        all.push(("HOME".into(), self.folder.path().display().to_string()));
        all.push(("PGPASSFILE".into(), self.path("no passwords").display().to_string()));
        for (name, path) in
            [("PGSSLROOTCERT", &info.sslrootcert), ("PGSSLCERT", &info.sslcert), ("PGSSLKEY", &info.sslkey)]
        {
            if let Some(path) = path {
                all.push((name.into(), self.copy_in(name, path)?));
            }
        }
        Ok(all)
    }

    /// Certificates and keys that we may read, and the user of the programs perhaps not.
    fn copy_in(&self, name: &str, path: &Path) -> Result<String> {
        let copy = self.path(name);
        fs::copy(path, &copy).map_err(|e| Error::file("copy", path, e))?;
        fs::set_permissions(&copy, fs::Permissions::from_mode(0o600)).map_err(|e| Error::file("close", &copy, e))?;
        self.give(&copy)?;
        Ok(copy.display().to_string())
    }
}

/// In English, where we may ask for it, for its answers are read; only superusers may.
async fn is_superuser(info: &Conninfo) -> Result<bool> {
    let mut sql = session::open(info, info.database()).await?;
    let is = sql.value("SHOW is_superuser").await?;
    sql.close().await;
    Ok(is.as_deref() == Some("on"))
}

fn libpq_environment(info: &Conninfo, in_english: bool) -> Result<Vec<(String, String)>> {
    let (host, address) = match &info.host {
        Host::Unix(dir) => (dir.display().to_string(), None),
        Host::Tcp { name, addr } => (name.clone(), addr.map(|addr| addr.to_string())),
    };
    let password = match &info.password {
        Some(password) => Some(password.to_string()),
        None => passfile::password_for(info, false)?.map(|password| password.to_string()),
    };
    let english = in_english.then_some("-c lc_messages=C");
    let options: Vec<&str> = info.options.as_deref().into_iter().chain(english).collect();
    let all = [
        ("PGHOST", Some(host)),
        ("PGHOSTADDR", address),
        ("PGPORT", Some(info.port.to_string())),
        ("PGUSER", Some(info.user.clone())),
        ("PGPASSWORD", password),
        ("PGSSLMODE", Some(info.sslmode.name().to_owned())),
        ("PGCONNECT_TIMEOUT", info.connect_timeout.map(|time| time.as_secs().max(1).to_string())),
        ("PGAPPNAME", Some("rekindle".to_owned())),
        ("PGOPTIONS", (!options.is_empty()).then(|| options.join(" "))),
    ];
    Ok(all.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect())
}

impl Entry {
    /// `3306; 2606 16433 FK CONSTRAINT public orders orders_customer_fkey postgres`; other lines are comments.
    fn parse(line: &str) -> Option<Entry> {
        let (number, rest) = line.split_once("; ")?;
        number.parse::<u32>().ok()?;
        let mut words = rest.split(' ');
        let mut word = || words.next()?.parse().ok();
        Some(Entry { object: (word()?, word()?), line: line.to_owned() })
    }

    /// Its kind, schema, name and owner.
    pub(super) fn what(&self) -> &str {
        let (catalog, oid) = self.object;
        self.line.split_once(&format!("; {catalog} {oid} ")).map_or("", |(_, what)| what)
    }

    /// Of the table whose rows it brings. Nothing sets names off, so one with blanks may not be found.
    pub(super) fn name(&self) -> &str {
        let words = self.what().strip_prefix("TABLE DATA ").unwrap_or_default();
        words.split_once(' ').and_then(|(_, rest)| rest.rsplit_once(' ')).map_or("", |(name, _)| name)
    }

    /// The table whose rows it brings.
    pub(super) fn table_of_data(&self) -> Option<u32> {
        self.what().starts_with("TABLE DATA ").then_some(self.object.1)
    }

    /// Whether it is about one of these, or a publication.
    pub(super) fn is_left_out(&self, objects: &BTreeSet<(u32, u32)>, comments: &[String]) -> bool {
        let what = self.what();
        objects.contains(&self.object)
            || what.starts_with("PUBLICATION")
            || (what.starts_with("COMMENT ") && comments.iter().any(|comment| what.contains(comment.as_str())))
    }
}

fn failed(program: &str, ran: &Ran) -> Error {
    let said = ran.stderr.text();
    let how = ran.status.map_or_else(|| "it was ended".into(), |status| status.to_string());
    Error::Program { program: program.into(), what: if said.is_empty() { how } else { said } }
}

fn bytes_in(folder: &Path) -> Result<u64> {
    let wrong = |e| Error::file("read", folder, e);
    let mut bytes = 0;
    for entry in fs::read_dir(folder).map_err(wrong)? {
        bytes += entry.and_then(|entry| entry.metadata()).map_err(wrong)?.len();
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests;

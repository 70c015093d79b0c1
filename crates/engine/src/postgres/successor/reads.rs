//! The files that a live server reads as its configuration: what it says itself, and what its files include. Both are needed: a server that
//! does not run says nothing, and a file of comments alone appears in none of its views.
//!
//! Follows guc-file.l (`include`, `include_if_exists`, `include_dir`), hba.c (the same since version 16, and `@file`) of PostgreSQL.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::list;
use crate::error::Result;
use crate::postgres::wire::{Connection, Conninfo, Mode};

/// Of includes within includes; PostgreSQL gives up there as well.
const DEPTH_MAX: usize = 10;
/// Settings that name what the server writes.
const WRITTEN: &[&str] = &["data_directory", "external_pid_file", "log_directory", "stats_temp_directory"];
/// At the top of a data directory, and never configuration, whatever a setting's value happens to be.
const OWN: &[&str] = &[
    "PG_VERSION",
    "base",
    "global",
    "backup_label",
    "backup_manifest",
    "current_logfiles",
    "postmaster.opts",
    "postmaster.pid",
    "tablespace_map",
];

/// What a server says of its configuration while it runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// Settings whose values may be files, by name.
    settings: BTreeMap<String, String>,
    /// That its views name.
    files: BTreeSet<PathBuf>,
    /// Settings that wait for a restart: the successor starts with them.
    pub pending: Vec<String>,
}

impl Told {
    /// What this user may not see is found in the files.
    pub async fn by(info: &Conninfo) -> Result<Told> {
        let mut sql = Connection::connect(info, Mode::Sql).await?;
        let mut told = Told::default();
        let rows = sql.rows(SETTINGS).await?;
        for row in 0..rows.rows.len() {
            let text = |column| rows.get(row, column).unwrap_or_default().to_owned();
            if text("pending") == "t" {
                told.pending.push(text("name"));
            }
            if text("may_name_a_file") == "t" {
                told.settings.insert(text("name"), text("setting"));
            }
        }
        for ask in VIEWS {
            // A view that this version does not have, or that this user may not read.
            let Ok(rows) = sql.rows(ask).await else { continue };
            told.files.extend((0..rows.rows.len()).filter_map(|row| rows.get(row, "file")).map(PathBuf::from));
        }
        sql.close().await;
        Ok(told)
    }
}

const SETTINGS: &str = "SELECT name, setting, pending_restart AS pending, \
    vartype = 'string' AND context IN ('postmaster', 'sighup') AND setting <> '' AS may_name_a_file \
    FROM pg_catalog.pg_settings WHERE pending_restart OR vartype = 'string'";
const VIEWS: &[&str] = &[
    "SELECT DISTINCT sourcefile AS file FROM pg_catalog.pg_file_settings WHERE sourcefile IS NOT NULL",
    "SELECT DISTINCT file_name AS file FROM pg_catalog.pg_hba_file_rules WHERE file_name IS NOT NULL",
    "SELECT DISTINCT file_name AS file FROM pg_catalog.pg_ident_file_mappings WHERE file_name IS NOT NULL",
];

/// The configuration of one data directory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reads {
    /// In the data directory, relative to it.
    pub files: BTreeSet<PathBuf>,
    /// Folders of which every file counts, in the data directory.
    pub folders: BTreeSet<PathBuf>,
    /// They stay where they are.
    pub outside: BTreeSet<PathBuf>,
    /// The main file, where it is not `postgresql.conf` of the data directory.
    pub config_file: Option<PathBuf>,
    /// Files that are named and cannot be read.
    pub unreadable: Vec<String>,
}

/// What a server in `live` reads. Nothing is asked of it here, so it may be stopped.
pub fn reads(live: &Path, told: &Told) -> Reads {
    let mut walk = Walk { live, names: names_of(live), values: BTreeMap::new(), reads: Reads::default() };
    let main = told.settings.get("config_file").map(PathBuf::from).or_else(|| command_line(live, "config_file"));
    let main = main.unwrap_or_else(|| live.join("postgresql.conf"));
    walk.settings(&main, false, 0);
    walk.settings(&live.join("postgresql.auto.conf"), false, 0);
    // A value in the files may wait for a restart, and one that is told may come from the command line: both are looked at.
    for (name, default) in DEFAULTS {
        walk.values.entry((*name).to_owned()).or_insert_with(|| (*default).to_owned());
    }
    for values in [walk.values.clone(), told.settings.clone()] {
        walk.named(&values);
    }
    for file in &told.files {
        walk.add(file);
    }
    if walk.inside(&main) != Some(PathBuf::from("postgresql.conf")) {
        walk.reads.config_file = Some(main);
    }
    walk.reads
}

const DEFAULTS: &[(&str, &str)] = &[
    ("hba_file", "pg_hba.conf"),
    ("ident_file", "pg_ident.conf"),
    ("ssl_cert_file", "server.crt"),
    ("ssl_key_file", "server.key"),
];

struct Walk<'a> {
    live: &'a Path,
    /// By which the data directory is called.
    names: Vec<PathBuf>,
    values: BTreeMap<String, String>,
    reads: Reads,
}

impl Walk<'_> {
    /// Where it lies in the data directory, whatever that is called.
    fn inside(&self, path: &Path) -> Option<PathBuf> {
        let path = normal(path);
        if let Some(rest) = self.names.iter().find_map(|name| path.strip_prefix(name).ok()) {
            return Some(rest.to_owned());
        }
        // Its folder may be reached by a link; it may be a link itself, and is one of the data directory all the same.
        let folder = path.parent()?.canonicalize().ok()?;
        let rest = self.names.iter().find_map(|name| folder.strip_prefix(name).ok().map(Path::to_owned));
        Some(rest?.join(path.file_name()?))
    }

    fn add(&mut self, path: &Path) {
        match self.inside(path) {
            Some(rest) => drop(self.reads.files.insert(rest)),
            None => drop(self.reads.outside.insert(path.to_owned())),
        }
    }

    fn read(&mut self, path: &Path, is_needed: bool) -> Option<String> {
        match fs::read(path) {
            Ok(bytes) => {
                self.add(path);
                Some(String::from_utf8_lossy(&bytes).into_owned())
            }
            Err(error) => {
                if is_needed || error.kind() != std::io::ErrorKind::NotFound {
                    self.reads.unreadable.push(format!("{}: {error}", path.display()));
                }
                None
            }
        }
    }

    fn settings(&mut self, path: &Path, is_needed: bool, depth: usize) {
        let Some(text) = self.read(path, is_needed) else { return };
        for (name, value) in text.lines().filter_map(assignment) {
            match name.as_str() {
                _ if depth >= DEPTH_MAX => return,
                "include" => self.settings(&beside(path, &value), true, depth + 1),
                "include_if_exists" => self.settings(&beside(path, &value), false, depth + 1),
                "include_dir" => {
                    for file in self.folder(&beside(path, &value)) {
                        self.settings(&file, true, depth + 1);
                    }
                }
                _ => drop(self.values.insert(name, value)),
            }
        }
    }

    /// The files of a folder that is included, in the order of their names.
    fn folder(&mut self, folder: &Path) -> Vec<PathBuf> {
        let mut files = match list(folder) {
            Ok(files) => files,
            Err(error) => {
                self.reads.unreadable.push(error.to_string());
                return Vec::new();
            }
        };
        if let Some(rest) = self.inside(folder) {
            self.reads.folders.insert(rest);
        }
        files.retain(|file| is_included(file));
        files.sort();
        files
    }

    /// Files that are the values of settings, of whatever name: certificates, keys, lists, those of extensions.
    fn named(&mut self, values: &BTreeMap<String, String>) {
        for (name, value) in values {
            let path = self.live.join(value);
            match name.as_str() {
                _ if value.is_empty() || WRITTEN.contains(&name.as_str()) => {}
                "hba_file" | "ident_file" => self.access(&path, false, 0),
                "ssl_crl_dir" if path.is_dir() => {
                    list(&path).unwrap_or_default().iter().for_each(|file| self.add(file));
                    self.reads.folders.extend(self.inside(&path));
                }
                _ => {
                    let is_own = |rest: &PathBuf| rest.components().next().is_some_and(is_own);
                    if path.is_file() && !self.inside(&path).is_some_and(|rest| is_own(&rest)) {
                        self.add(&path);
                    }
                }
            }
        }
    }

    /// `pg_hba.conf`, `pg_ident.conf`, what they include, and lists of names that they take from files.
    fn access(&mut self, path: &Path, is_needed: bool, depth: usize) {
        let Some(text) = self.read(path, is_needed) else { return };
        for line in text.replace("\\\n", " ").lines() {
            let words = words(line);
            match (words.first().map(|word| word.text.as_str()), words.get(1)) {
                _ if depth >= DEPTH_MAX => return,
                (Some("include"), Some(file)) => self.access(&beside(path, &file.text), true, depth + 1),
                (Some("include_if_exists"), Some(file)) => self.access(&beside(path, &file.text), false, depth + 1),
                (Some("include_dir"), Some(folder)) => {
                    for file in self.folder(&beside(path, &folder.text)) {
                        self.access(&file, true, depth + 1);
                    }
                }
                _ => {
                    for word in words.iter().filter(|word| !word.is_quoted) {
                        if let Some(file) = word.text.strip_prefix('@').filter(|file| !file.is_empty()) {
                            self.access(&beside(path, file), true, depth + 1);
                        }
                    }
                }
            }
        }
    }
}

/// `live`, and what a link leads to or comes from.
fn names_of(live: &Path) -> Vec<PathBuf> {
    let mut names = vec![normal(live)];
    names.extend(live.canonicalize().ok());
    // As the server was told to call it.
    names.extend(
        postmaster_options(live).windows(2).filter(|pair| pair[0] == "-D").map(|pair| normal(pair[1].as_ref())),
    );
    names.extend(command_line(live, "data_directory"));
    names.retain(|name| super::same_place(name, live));
    names
}

/// Without `.` and `..`; links are not followed.
fn normal(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => drop(out.pop()),
            other => out.push(other),
        }
    }
    out
}

fn is_own(part: Component<'_>) -> bool {
    let name = part.as_os_str().to_string_lossy();
    let is_access = name == "pg_hba.conf" || name == "pg_ident.conf";
    OWN.contains(&&*name) || (name.starts_with("pg_") && !is_access)
}

/// guc.c takes files that end so, and none that begins with a dot.
fn is_included(file: &Path) -> bool {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    name.ends_with(".conf") && !name.starts_with('.') && file.is_file()
}

fn beside(file: &Path, named: &str) -> PathBuf {
    file.parent().unwrap_or(Path::new("/")).join(named)
}

/// With what it was started last.
fn postmaster_options(live: &Path) -> Vec<String> {
    let text = fs::read_to_string(live.join("postmaster.opts")).unwrap_or_default();
    words(text.trim()).into_iter().map(|word| word.text).collect()
}

/// Of `-c name=value`.
fn command_line(live: &Path, name: &str) -> Option<PathBuf> {
    let options = postmaster_options(live);
    let value = options.iter().rev().find_map(|option| {
        let (found, value) = option.trim_start_matches("--").split_once('=')?;
        (found.replace('-', "_") == name).then_some(value)
    });
    value.map(PathBuf::from).filter(|path| path.is_absolute())
}

/// `name = value`, `name value`, `name 'it''s'`; nothing of a comment or an empty line.
fn assignment(line: &str) -> Option<(String, String)> {
    let line = line.trim_start();
    let end = line.find(|c: char| c == '=' || c.is_whitespace()).unwrap_or(line.len());
    let (name, rest) = line.split_at(end);
    if name.is_empty() || name.starts_with('#') {
        return None;
    }
    let rest = rest.trim_start();
    let rest = rest.strip_prefix('=').unwrap_or(rest).trim_start();
    let value = match rest.strip_prefix('\'') {
        Some(quoted) => unquoted(quoted),
        None => rest.split(|c: char| c == '#' || c.is_whitespace()).next().unwrap_or_default().to_owned(),
    };
    Some((name.to_ascii_lowercase(), value))
}

/// To the quote that closes it: two are one, and a backslash takes the next as it is.
fn unquoted(text: &str) -> String {
    let (mut out, mut rest) = (String::new(), text.chars().peekable());
    while let Some(c) = rest.next() {
        match c {
            '\'' if rest.peek() == Some(&'\'') => out.extend(rest.next()),
            '\'' => break,
            '\\' => out.extend(rest.next()),
            c => out.push(c),
        }
    }
    out
}

#[derive(Debug, Default)]
struct Word {
    text: String,
    /// Its first letter was: an `@` then means nothing.
    is_quoted: bool,
}

/// As hba.c splits a line: at blanks and commas, with double quotes, up to a comment.
fn words(line: &str) -> Vec<Word> {
    let (mut words, mut word, mut is_in_quotes, mut is_open) = (Vec::new(), Word::default(), false, false);
    for c in line.chars() {
        match c {
            '"' => {
                word.is_quoted |= !is_open;
                is_in_quotes = !is_in_quotes;
                is_open = true;
            }
            '#' if !is_in_quotes => break,
            c if !is_in_quotes && (c == ',' || c.is_whitespace()) => {
                if std::mem::take(&mut is_open) {
                    words.push(std::mem::take(&mut word));
                }
            }
            c => {
                word.text.push(c);
                is_open = true;
            }
        }
    }
    if is_open {
        words.push(word);
    }
    words
}

#[cfg(test)]
mod tests;

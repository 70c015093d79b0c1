//! Goes through a data directory, each folder opened below the one before. No link is followed, so it ends, and nothing outside of the
//! directory and its tablespaces is ever listed. Follows `sendDir` in `basebackup.c`, save that links are stored as links.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{Dir, FileType, Mode, Stat};
use vault::backup::tree::{TreeEntry, TreeKind};
use vault::beneath;

use super::roots::{Roots, TABLESPACES, look, shown};
use super::{EMPTIED, kept_names};
use crate::postgres::checksum::PAGE_BYTES;
use crate::postgres::control_file;

/// The server's own files lie five deep. Each open folder costs a descriptor.
const DEPTH_MAX: usize = 32;
const NOT_UTF8: &str = "its name is not UTF-8";

/// Depth first; each folder's names are read and sorted when it is reached.
pub(super) struct Walk<'a> {
    root: &'a Path,
    roots: &'a Roots,
    open: Vec<Level>,
    started: bool,
}

struct Level {
    /// Of the folder, relative to the data directory.
    path: String,
    folder: Arc<OwnedFd>,
    names: std::vec::IntoIter<String>,
}

impl Iterator for Walk<'_> {
    type Item = vault::Result<TreeEntry>;

    fn next(&mut self) -> Option<Self::Item> {
        if !self.started {
            self.started = true;
            if let Err(error) = self.enter("", self.roots.data()) {
                return Some(Err(self.failed("", error)));
            }
        }
        loop {
            let level = self.open.last_mut()?;
            let Some(name) = level.names.next() else {
                self.open.pop();
                continue;
            };
            let path = join(&level.path, &name);
            let folder = level.folder.clone();
            match self.entry(&folder, &name, &path) {
                Ok(None) => {}
                Ok(Some(entry)) => return Some(Ok(entry)),
                // A database may be dropped while it is walked.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Some(Err(self.failed(&path, error))),
            }
        }
    }
}

impl<'a> Walk<'a> {
    pub(super) fn new(root: &'a Path, roots: &'a Roots) -> Walk<'a> {
        Walk { root, roots, open: Vec::new(), started: false }
    }

    fn failed(&self, path: &str, source: io::Error) -> vault::Error {
        vault::Error::File { action: "read", path: self.root.join(path).display().to_string(), source }
    }

    /// `None` for what is left out.
    fn entry(&mut self, folder: &OwnedFd, name: &str, path: &str) -> io::Result<Option<TreeEntry>> {
        let stat = look(folder, OsStr::new(name))?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => self.folder(folder, name, path, &stat),
            FileType::RegularFile => match self.roots.unreadable(&stat) {
                Some(why) => self.roots.leave_out(path, &why).map(|()| None),
                None => Ok(Some(entry(path, file(&stat), &stat))),
            },
            FileType::Symlink => self.link(folder, name, path, &stat),
            other => self.roots.leave_out(path, &format!("it is {}", named(other))).map(|()| None),
        }
    }

    fn folder(&mut self, folder: &OwnedFd, name: &str, path: &str, stat: &Stat) -> io::Result<Option<TreeEntry>> {
        let why = match beneath::open_in(folder, OsStr::new(name), beneath::FOLDER, Mode::empty()) {
            _ if self.open.len() >= DEPTH_MAX => "it is nested too deeply".to_owned(),
            Ok(opened) => match self.roots.unreadable(&rustix::fs::fstat(&opened)?) {
                Some(why) => why,
                None => {
                    self.enter(path, Arc::new(opened))?;
                    return Ok(Some(entry(path, TreeKind::Folder, stat)));
                }
            },
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied || beneath::is_led_away(&error) => {
                error.to_string()
            }
            Err(error) => return Err(error),
        };
        self.roots.leave_out(path, &why).map(|()| None)
    }

    fn link(&mut self, folder: &OwnedFd, name: &str, path: &str, stat: &Stat) -> io::Result<Option<TreeEntry>> {
        // What is emptied needs not be looked into, wherever it is: a folder takes its place, as in pg_basebackup.
        if EMPTIED.contains(&path) {
            return Ok(Some(TreeEntry { mode: 0o700, ..entry(path, TreeKind::Folder, stat) }));
        }
        if is_tablespace(path) {
            return match self.roots.tablespace(folder, name, path) {
                Ok(opened) => {
                    let stat = rustix::fs::fstat(&opened)?;
                    self.enter(path, opened)?;
                    Ok(Some(entry(path, TreeKind::Folder, &stat)))
                }
                // PostgreSQL warns of a link that leads nowhere, and goes on.
                Err(error) if error.kind() == io::ErrorKind::NotFound || beneath::is_led_away(&error) => {
                    self.roots.name(path, "it is a link that leads nowhere");
                    Ok(None)
                }
                Err(error) => Err(error),
            };
        }
        if super::roots::is_needed(path) {
            return self.roots.leave_out(path, "it is a link").map(|()| None);
        }
        let target = rustix::fs::readlinkat(folder, name, Vec::new())?;
        match target.into_string() {
            Ok(target) => Ok(Some(entry(path, TreeKind::Link { target }, stat))),
            Err(_) => self.roots.leave_out(path, "it is a link, and its target is not UTF-8").map(|()| None),
        }
    }

    fn enter(&mut self, path: &str, folder: Arc<OwnedFd>) -> io::Result<()> {
        let mut names = Vec::new();
        for found in Dir::read_from(&*folder)? {
            let name = OsString::from_vec(found?.file_name().to_bytes().to_vec());
            if name == "." || name == ".." {
                continue;
            }
            match name.into_string() {
                Ok(name) => names.push(name),
                Err(name) => self.roots.name(&join(path, &shown(name.as_bytes())), NOT_UTF8),
            }
        }
        if is_tablespace(path) {
            // Only folders of the server's own versions; others may lie beside them.
            names.retain(|name| is_version(name) || self.named_foreign(&join(path, name)));
        }
        let mut names = kept_names(path, names);
        names.retain(|name| join(path, name) != control_file::PATH);
        self.open.push(Level { path: path.to_owned(), folder, names: names.into_iter() });
        Ok(())
    }

    fn named_foreign(&self, path: &str) -> bool {
        self.roots.name(path, "it is in a tablespace's folder and not of the server");
        false
    }
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

fn is_tablespace(path: &str) -> bool {
    let oid = path.strip_prefix(TABLESPACES).and_then(|rest| rest.strip_prefix('/'));
    oid.is_some_and(|oid| !oid.is_empty() && oid.bytes().all(|byte| byte.is_ascii_digit()))
}

/// `PG_15_202209061`
fn is_version(name: &str) -> bool {
    let numbers = name.strip_prefix("PG_").and_then(|rest| rest.split_once('_'));
    numbers.is_some_and(|(major, catalog)| [major, catalog].iter().all(|number| number.parse::<u64>().is_ok()))
}

fn named(kind: FileType) -> &'static str {
    match kind {
        FileType::Socket => "a socket",
        FileType::Fifo => "a FIFO",
        FileType::CharacterDevice | FileType::BlockDevice => "a device",
        _ => "neither a file nor a folder",
    }
}

fn file(stat: &Stat) -> TreeKind {
    TreeKind::File { size: u64::try_from(stat.st_size).unwrap_or(0), page_size: PAGE_BYTES as u32 }
}

fn entry(path: &str, kind: TreeKind, stat: &Stat) -> TreeEntry {
    let modified = stat.st_mtime * 1_000_000 + i64::try_from(stat.st_mtime_nsec).unwrap_or(0) / 1000;
    TreeEntry { path: path.to_owned(), kind, mode: stat.st_mode & 0o7777, uid: stat.st_uid, gid: stat.st_gid, modified }
}

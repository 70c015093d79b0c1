//! The folders that a backup reads below, and who is asked whether a file may be read. We may be root, and whoever can write into the
//! data directory must not make us read for them what they cannot read themselves:
//! - Nothing is reached through a link, save a tablespace through its own link in `pg_tblspc`, as the server does. It is opened once.
//! - What the owner of the data directory may not read is left out. That is asked of the open file, whatever its name was before.
//! - What is left out is named. Where the server needs it, there is no backup.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};
use vault::beneath;

use crate::error::{Error, NEEDED, Result};
use crate::postgres::info::{LeftOut, LeftOutAll};
use crate::postgres::owner;

/// Named in a report; the others are counted.
const NAMED_MAX: usize = 100;
pub(super) const TABLESPACES: &str = "pg_tblspc";

#[derive(Debug)]
pub(super) struct Roots {
    data: Arc<OwnedFd>,
    /// By their path in the data directory.
    tablespaces: Mutex<BTreeMap<String, Arc<OwnedFd>>>,
    reader: Option<Reader>,
    left_out: Mutex<BTreeMap<String, String>>,
}

/// The owner of the data directory, when we are root and the kernel would let us read everything.
#[derive(Debug)]
struct Reader {
    uid: u32,
    groups: Vec<u32>,
}

impl Roots {
    pub(super) fn open(root: &Path) -> Result<Roots> {
        let data = beneath::root(root).map_err(|e| Error::file("open", root, e))?;
        let stat = rustix::fs::fstat(&data).map_err(|e| Error::file("look at", root, e.into()))?;
        let reader = owner::we_are_root().then(|| Reader::of(&stat));
        Ok(Roots { data: Arc::new(data), tablespaces: Mutex::default(), reader, left_out: Mutex::default() })
    }

    pub(super) fn data(&self) -> Arc<OwnedFd> {
        self.data.clone()
    }

    pub(super) fn left_out(&self) -> LeftOutAll {
        let found = self.left_out.lock().unwrap_or_else(PoisonError::into_inner);
        let named = found.iter().take(NAMED_MAX);
        let named = named.map(|(path, why)| LeftOut { path: path.clone(), why: why.clone() });
        LeftOutAll { total: found.len() as u64, first: named.collect() }
    }

    /// Names what is not stored, or fails where a cluster without it would not be whole.
    pub(super) fn leave_out(&self, path: &str, why: &str) -> io::Result<()> {
        if is_needed(path) {
            return Err(io::Error::other(format!("{why}, {NEEDED}")));
        }
        self.name(path, why);
        Ok(())
    }

    pub(super) fn name(&self, path: &str, why: &str) {
        let mut left_out = self.left_out.lock().unwrap_or_else(PoisonError::into_inner);
        left_out.entry(shown(path.as_bytes())).or_insert_with(|| why.to_owned());
    }

    /// Why whoever owns the data directory cannot read it; nothing when they can, or when the kernel has judged already.
    pub(super) fn unreadable(&self, stat: &Stat) -> Option<String> {
        let reader = self.reader.as_ref().filter(|reader| !reader.may_read(stat))?;
        Some(format!("it is of user {} and the server's user {} may not read it", stat.st_uid, reader.uid))
    }

    /// The folder that a link in `pg_tblspc` leads to.
    pub(super) fn tablespace(&self, folder: &OwnedFd, name: &str, path: &str) -> io::Result<Arc<OwnedFd>> {
        let opened = rustix::fs::openat(folder, name, beneath::FOLDER | OFlags::CLOEXEC, Mode::empty())?;
        let stat = rustix::fs::fstat(&opened)?;
        if let Some(reader) = self.reader.as_ref().filter(|reader| reader.uid != stat.st_uid) {
            let why = format!("it leads to a folder of user {}, and the server's is {}", stat.st_uid, reader.uid);
            return Err(io::Error::other(why));
        }
        let opened = Arc::new(opened);
        self.tablespaces.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_owned(), opened.clone());
        Ok(opened)
    }

    /// Opens a file that was listed. `None` when it has gone since, or is left out.
    pub(super) fn open_file(&self, path: &str) -> io::Result<Option<File>> {
        let (root, below) = self.root_of(path);
        let file = match beneath::open(&*root, Path::new(below), OFlags::RDONLY, Mode::empty()) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied || beneath::is_led_away(&error) => {
                return self.leave_out(path, &error.to_string()).map(|()| None);
            }
            Err(error) => return Err(error),
        };
        let stat = rustix::fs::fstat(&file)?;
        let is_file = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
        let why = if is_file { self.unreadable(&stat) } else { Some("it is not a regular file any more".to_owned()) };
        match why {
            Some(why) => self.leave_out(path, &why).map(|()| None),
            None => Ok(Some(File::from(file))),
        }
    }

    fn root_of<'p>(&self, path: &'p str) -> (Arc<OwnedFd>, &'p str) {
        let mut slashes = path.match_indices('/').map(|(at, _)| at);
        if let Some(end) = slashes.nth(1).filter(|_| path.starts_with(TABLESPACES)) {
            let tablespaces = self.tablespaces.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(root) = tablespaces.get(&path[..end]) {
                return (root.clone(), &path[end + 1..]);
            }
        }
        (self.data.clone(), path)
    }
}

impl Reader {
    fn of(data_directory: &Stat) -> Reader {
        let uid = data_directory.st_uid;
        // Groups beside the primary one: a key of the group ssl-cert, for instance.
        let asked = owner::name_of(uid).and_then(|name| Command::new("id").args(["-G", "--", &name]).output().ok());
        let answer = asked.map(|answer| String::from_utf8_lossy(&answer.stdout).into_owned()).unwrap_or_default();
        Reader { uid, groups: answer.split_whitespace().filter_map(|group| group.parse().ok()).collect() }
    }

    /// As the kernel judges without access lists; a folder must be entered as well.
    fn may_read(&self, stat: &Stat) -> bool {
        let mode = stat.st_mode;
        let wanted = if FileType::from_raw_mode(mode) == FileType::Directory { 0o5 } else { 0o4 };
        if self.uid == 0 {
            return true;
        }
        let granted = if stat.st_uid == self.uid {
            mode >> 6
        } else if self.groups.contains(&stat.st_gid) {
            mode >> 3
        } else {
            mode
        };
        granted & wanted == wanted
    }
}

/// What a name in an open folder is, a link being a link.
pub(super) fn look(folder: &OwnedFd, name: &OsStr) -> io::Result<Stat> {
    Ok(rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)?)
}

/// A name as it can be told: one line, and bytes that are no text escaped.
pub(super) fn shown(name: &[u8]) -> String {
    match std::str::from_utf8(name) {
        Ok(text) if !text.contains(char::is_control) => text.to_owned(),
        _ => name.escape_ascii().to_string(),
    }
}

const NEEDED_FOLDERS: &[&str] =
    &["base", "global", "pg_commit_ts", "pg_logical", "pg_multixact", "pg_tblspc", "pg_twophase", "pg_xact"];
const NEEDED_FILES: &[&str] = &["PG_VERSION", "pg_control", "pg_filenode.map"];

/// Whether the server cannot do without it: its own folders, and the names that it gives to files in them.
pub(super) fn is_needed(path: &str) -> bool {
    let (top, name) = (path.split('/').next().unwrap_or_default(), path.rsplit('/').next().unwrap_or_default());
    if top == path {
        return NEEDED_FOLDERS.contains(&top) || NEEDED_FILES.contains(&name);
    }
    let stem = name.split(['_', '.']).next().unwrap_or_default();
    let is_numbered = !stem.is_empty() && stem.bytes().all(|byte| byte.is_ascii_hexdigit());
    NEEDED_FOLDERS.contains(&top)
        && (is_numbered || NEEDED_FILES.contains(&name) || name.starts_with("PG_") || top.starts_with("pg_multixact"))
}

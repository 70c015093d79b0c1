//! A restored directory takes the place of the live one under its name, and can go back. Both servers are stopped.
//!
//! ```text
//!   before      LIVE = old          STAGED = new
//!   exchanged   LIVE = new          STAGED = old        one system call: at no moment is there nothing, or half of something, at LIVE
//!   after       LIVE = new          RETIRED = old       fenced: without pg_control no server starts there
//!   gone back   LIVE = old          UNDONE = new        fenced; what was written in it since is kept
//! ```
//! Which of them it is can be seen: the new one carries a mark with the word that the exchange was asked by. So each step can be done
//! again after a crash at any point.
//!
//! Or both stay where they are, *elsewhere*: `retired` is `live` itself, and `undone` is `staged`. Then one is fenced and the other is not.
//!
//! Either may be a mount of the vault. Then what changes places is its mount point, an empty folder, while nothing is mounted on it; which
//! folder that is, is known by its inode.

use std::fs::{self, File};
use std::os::unix::fs::{DirEntryExt, MetadataExt, chown};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use serde::{Deserialize, Serialize};

use super::control_file::{self, ControlFile, State};
use super::instance::server_in;
use super::lsn::Lsn;
use crate::error::{Error, Result};
use carry::carry;
use reads::{Told, reads};

mod carry;
pub mod links;
pub mod reads;
pub mod trial;

const MARK: &str = "rekindle.successor";
/// What pg_control is called in a directory that is fenced.
const FENCED: &str = "global/pg_control.retired";

/// The directories of one exchange, and the word that marks it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Succession {
    pub live: PathBuf,
    pub staged: PathBuf,
    pub retired: PathBuf,
    pub undone: PathBuf,
    pub word: String,
    /// Of the new one where it is a mount that was made before: what is local of it.
    #[serde(default)]
    pub made_in: Option<PathBuf>,
    /// What the server calls the live one, where that is a link to it: the link stays what it is, and leads to the new one then.
    #[serde(default)]
    pub called: Option<PathBuf>,
}

/// See the head of this file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stand {
    Before,
    Exchanged,
    After,
}

impl Succession {
    /// Beside the live directory, on its file system.
    pub fn beside(called: &Path, word: &str) -> Succession {
        let live = &called.canonicalize().unwrap_or_else(|_| called.to_owned());
        let named = |what: &str| PathBuf::from(format!("{}.{what}-{word}", live.display()));
        Succession {
            live: live.to_owned(),
            staged: named("restored"),
            retired: named("retired"),
            undone: named("undone"),
            word: word.to_owned(),
            made_in: None,
            called: (called != live).then(|| called.to_owned()),
        }
    }

    /// The new one in a place of its own.
    pub fn elsewhere(live: &Path, new: &Path, word: &str) -> Succession {
        let (live, new) = (live.to_owned(), new.to_owned());
        Succession {
            retired: live.clone(),
            undone: new.clone(),
            staged: new,
            live,
            word: word.to_owned(),
            made_in: None,
            called: None,
        }
    }

    pub fn is_elsewhere(&self) -> bool {
        self.retired == self.live
    }

    /// Where the new one serves.
    pub fn place(&self) -> &Path {
        if self.is_elsewhere() { &self.staged } else { &self.live }
    }

    /// Whether something is kept of one that was taken back.
    pub fn is_undone(&self) -> bool {
        if self.is_elsewhere() { is_fenced(&self.staged) } else { self.undone.exists() }
    }

    /// The other way: what was retired comes back, and what serves now goes aside.
    pub fn back(live: &Path, retired: &Path, word: &str) -> Succession {
        Succession { staged: retired.to_owned(), ..Succession::beside(live, word) }
    }

    /// Of the new one where it is a mount: what is local of it, see `mount::process`.
    pub fn home(&self) -> PathBuf {
        let made = || with_ending(&Succession::beside(&self.live, &self.word).staged, "rekindle");
        self.made_in.clone().unwrap_or_else(made)
    }

    /// What would forbid it, before anything is there; nothing stays of the trial. A live one that `is_ours` is a mount that can be put down.
    pub fn trial(&self, is_ours: bool) -> Result<()> {
        if self.is_elsewhere() {
            return Ok(());
        }
        let refused = |what: &str, hint: &str| Error::Occupied {
            path: self.live.display().to_string(),
            what: what.to_owned(),
            hint: hint.to_owned(),
        };
        let beside = "restore into a directory beside it with --into, and point those who use it there";
        let parent = parent(&self.live);
        let device =
            |path: &Path| fs::metadata(path).map(|meta| meta.dev()).map_err(|e| Error::file("look at", path, e));
        if !is_ours && device(&self.live)? != device(parent)? {
            return Err(refused("is a mount point, and cannot be renamed", beside));
        }
        for taken in [&self.retired, &self.undone] {
            if taken.symlink_metadata().is_ok() {
                return Err(refused(
                    &format!("cannot be kept as {}: that is there already", taken.display()),
                    "move it away",
                ));
            }
        }
        let (one, two) = (with_ending(&self.staged, "trial-1"), with_ending(&self.staged, "trial-2"));
        let tried = fs::create_dir(&one).and_then(|()| fs::create_dir(&two)).and_then(|()| exchange(&one, &two));
        let _ = (fs::remove_dir(&one), fs::remove_dir(&two));
        match tried {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                Err(Error::file("rename in", parent, error))
            }
            Err(error) => {
                Err(refused(&format!("lies on a file system that cannot exchange two directories: {error}"), beside))
            }
        }
    }

    pub fn stand(&self) -> Stand {
        if self.is_elsewhere() {
            return if is_fenced(&self.live) { Stand::After } else { Stand::Before };
        }
        match (self.is_new(&self.live), self.retired.exists()) {
            (true, true) => Stand::After,
            (true, false) => Stand::Exchanged,
            (false, _) => Stand::Before,
        }
    }

    fn is_new(&self, place: &Path) -> bool {
        let mount_point = fs::read_to_string(self.home().join(MARK)).ok();
        mount_point.is_some_and(|inode| inode_of(place).is_some_and(|found| found.to_string() == inode))
            || fs::read_to_string(place.join(MARK)).is_ok_and(|text| text == self.word)
    }

    /// The new one gets the settings of the old one as they are now, and its mark. Before the exchange, and while both can be read; can be
    /// repeated. `told` is what the old one said of itself while it ran.
    pub fn prepare(&self, told: &Told) -> Result<()> {
        if self.stand() != Stand::Before {
            return Ok(());
        }
        carry(&reads(&self.live, told), &self.live, &self.staged)?;
        let mark = self.staged.join(MARK);
        write_durably(&mark, &self.word)?;
        like(&mark, &self.staged)?;
        sync(&self.staged)?;
        let home = self.home();
        match home.exists() {
            true => {
                let inode = inode_of(&self.staged).unwrap_or_default();
                write_durably(&home.join(MARK), &inode.to_string())?;
                sync(&home)
            }
            false => Ok(()),
        }
    }

    /// The new one, which was prepared, comes to the live place, and the old one is fenced and kept. From wherever it stands. Nothing may be
    /// mounted on either.
    pub fn succeed(&self) -> Result<()> {
        if self.is_elsewhere() {
            if self.stand() == Stand::Before {
                self.must_be_stopped(&[&self.live, &self.staged])?;
            }
            fence(&self.live)?;
            return unfence(&self.staged);
        }
        if self.stand() == Stand::Before {
            self.must_be_stopped(&[&self.live, &self.staged])?;
            // One that comes back was fenced when it went.
            unfence(&self.staged)?;
            exchange(&self.live, &self.staged).map_err(|e| Error::file("exchange", &self.live, e))?;
            sync(parent(&self.live))?;
        }
        if self.stand() == Stand::Exchanged {
            rename(&self.staged, &self.retired)?;
        }
        self.settle(&self.live)?;
        self.settle(&self.retired)?;
        fence(&self.retired)
    }

    /// The old one comes back to the live place; the new one is kept with all that was written in it. From wherever it stands.
    pub fn go_back(&self) -> Result<()> {
        if self.is_elsewhere() {
            self.must_be_stopped(&[&self.staged])?;
            fence(&self.staged)?;
            return unfence(&self.live);
        }
        let stand = self.stand();
        if stand != Stand::Before {
            let old = if stand == Stand::After { &self.retired } else { &self.staged };
            self.must_be_stopped(&[&self.live])?;
            unfence(old)?;
            exchange(&self.live, old).map_err(|e| Error::file("exchange", &self.live, e))?;
            sync(parent(&self.live))?;
        }
        for place in [&self.retired, &self.staged] {
            // One that was marked may have served.
            if self.is_new(place) {
                rename(place, &self.undone)?;
            }
        }
        self.settle(&self.live)?;
        self.settle(&self.undone)?;
        fence(&self.undone)
    }

    /// The new one listens at a place of its own. What stands last in `postgresql.auto.conf` counts. Can be repeated.
    pub fn listen_at(&self, port: u16, host: Option<&str>) -> Result<()> {
        let path = self.staged.join("postgresql.auto.conf");
        let before = match fs::read_to_string(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            other => other.map_err(|e| Error::file("read", &path, e))?,
        };
        let is_other = |line: &&str| {
            let name = line.split(['=', ' ']).next().unwrap_or_default();
            name != "port" && (name != "listen_addresses" || host.is_none())
        };
        let mut text: String = before.lines().filter(is_other).map(|line| format!("{line}\n")).collect();
        text.push_str(&format!("port = '{port}'\n"));
        if let Some(host) = host {
            text.push_str(&format!("listen_addresses = '{}'\n", host.replace('\'', "''")));
        }
        write_durably(&path, &text)?;
        like(&path, &self.staged)
    }

    fn must_be_stopped(&self, places: &[&Path]) -> Result<()> {
        match places.iter().find(|place| is_served(place)) {
            None => Ok(()),
            Some(place) => Err(Error::Occupied {
                path: place.display().to_string(),
                what: "has a server that runs".to_owned(),
                hint: "stop it first".to_owned(),
            }),
        }
    }
}

/// Whether two names are of one place.
pub fn same_place(one: &Path, two: &Path) -> bool {
    one == two || one.canonicalize().ok().is_some_and(|one| two.canonicalize().is_ok_and(|two| one == two))
}

/// Whether a server runs in a directory, whoever started it.
pub fn is_served(directory: &Path) -> bool {
    server_in(directory, directory).is_some()
}

/// Where the log of a server ends that was stopped in order; nothing of one that was not.
pub fn end_of_log(directory: &Path) -> Result<Option<Lsn>> {
    let control = read_control(directory)?;
    Ok((control.state == State::ShutDown).then_some(control.checkpoint_lsn))
}

/// Of the directory at hand, whatever runs there.
pub fn read_control(directory: &Path) -> Result<ControlFile> {
    parse_control(&directory.join(control_file::PATH))
}

/// Of one that is fenced.
pub fn read_fenced_control(directory: &Path) -> Result<ControlFile> {
    parse_control(&directory.join(FENCED))
}

fn parse_control(path: &Path) -> Result<ControlFile> {
    ControlFile::parse(&fs::read(path).map_err(|e| Error::file("read", path, e))?)
}

/// As its parent has it, whatever is mounted there.
fn inode_of(place: &Path) -> Option<u64> {
    let entries = fs::read_dir(parent(place)).ok()?.flatten();
    entries.into_iter().find(|entry| Some(&*entry.file_name()) == place.file_name()).map(|entry| entry.ino())
}

fn write_durably(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).map_err(|e| Error::file("write", path, e))?;
    sync(path)
}

fn is_fenced(directory: &Path) -> bool {
    directory.join(FENCED).exists()
}

/// No server starts without pg_control, and nothing else of it is touched.
fn fence(directory: &Path) -> Result<()> {
    let control = directory.join(control_file::PATH);
    if control.exists() {
        rename(&control, &directory.join(FENCED))?;
    }
    Ok(())
}

fn unfence(directory: &Path) -> Result<()> {
    let fenced = directory.join(FENCED);
    if fenced.exists() {
        rename(&fenced, &directory.join(control_file::PATH))?;
    }
    Ok(())
}

fn exchange(one: &Path, two: &Path) -> std::io::Result<()> {
    Ok(renameat_with(CWD, one, CWD, two, RenameFlags::EXCHANGE)?)
}

fn rename(from: &Path, to: &Path) -> Result<()> {
    fs::rename(from, to).map_err(|e| Error::file("rename", from, e))?;
    sync(parent(to))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    if from.is_dir() {
        fs::create_dir_all(to).map_err(|e| Error::file("make", to, e))?;
        for entry in list(from)? {
            copy(&entry, &to.join(entry.file_name().unwrap_or_default()))?;
        }
    } else {
        remove(to)?;
        fs::copy(from, to).map_err(|e| Error::file("copy", from, e))?;
    }
    like(to, from)?;
    sync(to)
}

/// The owner of another; the mode came with the copy.
fn like(path: &Path, other: &Path) -> Result<()> {
    let meta = fs::metadata(other).map_err(|e| Error::file("look at", other, e))?;
    chown(path, Some(meta.uid()), Some(meta.gid())).map_err(|e| Error::file("give away", path, e))
}

fn list(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).and_then(Iterator::collect::<std::io::Result<Vec<_>>>);
    let entries = entries.map_err(|e| Error::file("list", folder, e))?;
    Ok(entries.into_iter().map(|entry| entry.path()).collect())
}

fn remove(path: &Path) -> Result<()> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::file("remove", path, error)),
        _ => Ok(()),
    }
}

fn sync(path: &Path) -> Result<()> {
    File::open(path).and_then(|file| file.sync_all()).map_err(|e| Error::file("sync", path, e))
}

fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("/"))
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    PathBuf::from(format!("{}.{ending}", path.display()))
}

#[cfg(test)]
mod tests;

//! The local folder of a mount: every folder, link and file of a backup, all of them sparse and of their right size.
//!
//! ```text
//!   HOME/skeleton/    the tree; becomes the plain directory when every page is present
//!   HOME/presence     which pages are
//!   HOME/complete     which backup; put last: without it the skeleton was half made, and is made anew
//! ```

use std::borrow::Cow;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, lchown, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::XattrFlags;
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;
use vault::backup::read::BackupReader;
use vault::format::files::{Content, FileEntry};

use crate::base::{Base, BaseFile, FileNumber};
use crate::error::{Error, Result};
use crate::fs::NUMBER_ATTRIBUTE;
use crate::presence::Presence;

/// Where the backup's files come to lie.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    /// User and group who get all files; that needs root. We keep them when not said.
    pub owner: Option<(u32, u32)>,
    /// Folders of the backup that get another place in the tree: (from, to), without slashes at the ends.
    pub moved: Vec<(String, String)>,
}

impl Layout {
    fn place<'p>(&self, path: &'p str) -> Cow<'p, str> {
        let moved = self.moved.iter().find_map(|(from, to)| {
            let rest = path.strip_prefix(from.as_str())?;
            (rest.is_empty() || rest.starts_with('/')).then(|| format!("{to}{rest}"))
        });
        moved.map_or(Cow::Borrowed(path), Cow::Owned)
    }
}

/// A skeleton that is there, and what it stands on.
#[derive(Debug)]
pub struct Skeleton {
    pub base: Base,
    pub presence: Presence,
    pub root: PathBuf,
    /// Not yet durable: who serves it makes it so, and says so, before anything in it is relied on.
    pub fresh: Option<Fresh>,
}

/// That a skeleton was made a moment ago. Until `finish` a crash means that it is made anew.
#[derive(Debug)]
#[must_use = "without its marker a skeleton is made anew"]
pub struct Fresh {
    home: PathBuf,
    id: [u8; 32],
}

impl Fresh {
    /// Everything that was made has reached the disk.
    pub fn finish(self) -> Result<()> {
        put_marker(&self.home, &self.id)
    }
}

impl Skeleton {
    /// Makes the skeleton in `home`, or takes up the one that was made there for this backup before, as it was laid out then. Blocks;
    /// not to be called on a thread of the runtime.
    pub fn open(reader: Arc<BackupReader>, home: &Path, layout: &Layout, runtime: &Handle) -> Result<Skeleton> {
        let id = identity(&reader);
        let marker = home.join("complete");
        match fs::read(&marker) {
            Ok(found) if found == id => take_up(reader, home, &id, runtime),
            Ok(_) => Err(Error::Foreign { path: home.display().to_string() }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => make(reader, home, &id, layout, runtime),
            Err(error) => Err(Error::file("read", &marker, error)),
        }
    }
}

fn identity(reader: &BackupReader) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&reader.vault().id());
    hasher.update(reader.source().as_str().as_bytes());
    hasher.update(b"\0");
    hasher.update(reader.id().as_str().as_bytes());
    hasher.finalize().into()
}

fn take_up(reader: Arc<BackupReader>, home: &Path, id: &[u8; 32], runtime: &Handle) -> Result<Skeleton> {
    let base = runtime.block_on(Base::load(reader, |_, _| Ok(())))?;
    let presence = Presence::open(&home.join("presence"), id, base.words())?;
    Ok(Skeleton { base, presence, root: home.join("skeleton"), fresh: None })
}

fn make(reader: Arc<BackupReader>, home: &Path, id: &[u8; 32], layout: &Layout, runtime: &Handle) -> Result<Skeleton> {
    let owner = layout.owner;
    let root = home.join("skeleton");
    if root.exists() {
        fs::remove_dir_all(&root).map_err(|e| Error::file("remove the half-made", &root, e))?;
    }
    make_folder(&root, 0o700, owner)?;
    let base = runtime.block_on(Base::load(reader, |entry, file| {
        let place = layout.place(&entry.path);
        let path = root.join(&*place);
        if let (Cow::Owned(_), Some(parent)) = (&place, path.parent().filter(|parent| !parent.exists())) {
            make_folder(parent, 0o700, owner)?;
        }
        make_entry(&path, entry, file, owner)
    }))?;
    let presence = Presence::create(&home.join("presence"), id, base.words())?;
    Ok(Skeleton { base, presence, root, fresh: Some(Fresh { home: home.to_owned(), id: *id }) })
}

fn make_entry(path: &Path, entry: &FileEntry, file: Option<&BaseFile>, owner: Option<(u32, u32)>) -> Result<()> {
    match &entry.content {
        Content::Folder => return make_folder(path, entry.mode, owner),
        Content::Link { target } => symlink(target, path).map_err(|e| Error::file("link", path, e))?,
        Content::File { size, .. } => {
            let made = OpenOptions::new().write(true).create_new(true).mode(entry.mode).open(path);
            let made = made.map_err(|e| Error::file("make", path, e))?;
            made.set_len(*size).map_err(|e| Error::file("size", path, e))?;
            made.set_permissions(fs::Permissions::from_mode(entry.mode))
                .map_err(|e| Error::file("set the mode of", path, e))?;
            if let Some(file) = file {
                put_number(&made, path, file.number)?;
            }
        }
    }
    give(path, owner)
}

fn put_number(file: &File, path: &Path, number: FileNumber) -> Result<()> {
    let put = rustix::fs::fsetxattr(file, NUMBER_ATTRIBUTE, &number.0.to_le_bytes(), XattrFlags::CREATE);
    put.map_err(|error| match error {
        rustix::io::Errno::OPNOTSUPP => {
            let what = "its file system has no extended attributes of users".to_owned();
            Error::Unsuitable { path: path.display().to_string(), what }
        }
        other => Error::file("number", path, other.into()),
    })
}

fn make_folder(path: &Path, mode: u32, owner: Option<(u32, u32)>) -> Result<()> {
    fs::create_dir(path).map_err(|e| Error::file("make", path, e))?;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(|e| Error::file("set the mode of", path, e))?;
    give(path, owner)
}

fn give(path: &Path, owner: Option<(u32, u32)>) -> Result<()> {
    let Some((uid, gid)) = owner else { return Ok(()) };
    lchown(path, Some(uid), Some(gid)).map_err(|e| Error::file("change the owner of", path, e))
}

fn put_marker(home: &Path, id: &[u8; 32]) -> Result<()> {
    let (part, whole) = (home.join("complete.part"), home.join("complete"));
    let put = || {
        let mut file = File::create(&part)?;
        file.write_all(id)?;
        file.sync_all()?;
        fs::rename(&part, &whole)?;
        File::open(home)?.sync_all()
    };
    put().map_err(|e| Error::file("write", &whole, e))
}

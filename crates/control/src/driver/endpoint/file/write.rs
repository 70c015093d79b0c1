//! Reading a file and putting another in its place at once: through a symbolic link to what it leads to, with the same mode, owner and
//! extended attributes, durable when it returns. A crash leaves the old file or the new one, and at worst `.NAME.rekindle-new` beside it, which
//! the next try removes.

use std::ffi::{CStr, CString};
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};

use crate::driver::{Outcome, Trouble};
use crate::error::Error;

const BYTES_MAX: u64 = 8 << 20;

/// A file as it was read.
#[derive(Debug)]
pub(super) struct Read {
    /// Where a link leads.
    place: PathBuf,
    pub(super) text: String,
    found: Metadata,
}

pub(super) fn read(path: &Path) -> Outcome<Read> {
    let failed = |action: &'static str| move |e: io::Error| Trouble::from(Error::file(action, path, e));
    let place = fs::canonicalize(path).map_err(failed("find"))?;
    let file = File::open(&place).map_err(failed("read"))?;
    let found = file.metadata().map_err(failed("read"))?;
    let refused = |why: &str| Trouble::refused(format!("{} {why}", path.display()));
    if !found.is_file() {
        return Err(refused("is no plain file"));
    }
    if found.nlink() > 1 {
        return Err(refused("has several names (hard links), and only one of them would be changed"));
    }
    let mut bytes = Vec::new();
    file.take(BYTES_MAX + 1).read_to_end(&mut bytes).map_err(failed("read"))?;
    if bytes.len() as u64 > BYTES_MAX {
        return Err(refused("is larger than any file of settings"));
    }
    let text = String::from_utf8(bytes).map_err(|_| refused("is no text in UTF-8"))?;
    Ok(Read { place, text, found })
}

impl Read {
    /// The new text is beside it first, then in its place; what somebody else has written meanwhile is not overwritten.
    pub(super) fn replace(&self, text: &str) -> Outcome<()> {
        let beside = self.beside();
        let made = self.make(&beside, text).and_then(|()| {
            let now = read(&self.place)?;
            if now.text != self.text || now.found.ino() != self.found.ino() {
                return Err(Trouble::away(format!("{} has been changed in this moment", self.place.display())));
            }
            fs::rename(&beside, &self.place).map_err(|e| self.failed("replace", e))
        });
        if made.is_err() {
            let _ = fs::remove_file(&beside);
        }
        made?;
        self.sync_folder()
    }

    /// It says already what it shall; a crash must not take that back.
    pub(super) fn keep(&self) -> Outcome<()> {
        let file = File::open(&self.place).map_err(|e| self.failed("read", e))?;
        file.sync_all().map_err(|e| self.failed("sync", e))?;
        self.sync_folder()
    }

    /// Whether a file could be made beside it; none is.
    pub(super) fn cannot_write(&self) -> Option<Trouble> {
        let folder = self.folder();
        let may = rustix::fs::access(folder, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK);
        may.err().map(|error| Trouble::from(Error::file("write into", folder, error.into())))
    }

    fn make(&self, beside: &Path, text: &str) -> Outcome<()> {
        match fs::remove_file(beside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(self.failed("write beside", error)),
            _ => {}
        }
        let making = || -> io::Result<()> {
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(beside)?;
            fchown(&file, Some(self.found.uid()), Some(self.found.gid()))?;
            copy_attributes(&self.place, &file)?;
            file.write_all(text.as_bytes())?;
            file.set_permissions(fs::Permissions::from_mode(self.found.mode() & 0o7777))?;
            file.sync_all()
        };
        making().map_err(|e| self.failed("write beside", e))
    }

    fn folder(&self) -> &Path {
        self.place.parent().unwrap_or(Path::new("/"))
    }

    fn beside(&self) -> PathBuf {
        let name = self.place.file_name().unwrap_or_default().to_string_lossy();
        self.folder().join(format!(".{name}.rekindle-new"))
    }

    fn sync_folder(&self) -> Outcome<()> {
        let synced = File::open(self.folder()).and_then(|folder| folder.sync_all());
        synced.map_err(|e| self.failed("sync the folder of", e))
    }

    fn failed(&self, action: &'static str, error: io::Error) -> Trouble {
        Error::file(action, &self.place, error).into()
    }
}

/// Access lists and the like. A file system that knows none has nothing to copy.
fn copy_attributes(from: &Path, to: &File) -> io::Result<()> {
    let mut names = vec![0_u8; 64 * 1024];
    let length = match rustix::fs::listxattr(from, &mut names[..]) {
        Err(rustix::io::Errno::NOTSUP) => return Ok(()),
        listed => listed?,
    };
    for name in names[..length].split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        let name = CString::new(name)?;
        let mut value = vec![0_u8; 64 * 1024];
        let length = rustix::fs::getxattr(from, name.as_c_str(), &mut value[..])?;
        value.truncate(length);
        let set = rustix::fs::fsetxattr(to, name.as_c_str(), &value, rustix::fs::XattrFlags::empty());
        // One that only the system may set is there already, or is lost.
        if let Err(error) = set.map_err(io::Error::from)
            && !has(to, &name, &value)
        {
            return Err(error);
        }
    }
    Ok(())
}

fn has(file: &File, name: &CStr, value: &[u8]) -> bool {
    let mut found = vec![0_u8; value.len() + 1];
    rustix::fs::fgetxattr(file, name, &mut found[..]).is_ok_and(|length| found[..length] == *value)
}

//! The configuration of one data directory is put into another, with the owners and modes that the files have.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Component, Path, PathBuf};

use super::reads::Reads;
use super::{copy, like, list, remove, sync};
use crate::error::{Error, Result};

/// What a restore has written into its directory, and what the live one may not have: where its configuration lies elsewhere nothing of it
/// may be read.
const RESTORED: &[&str] = &[
    "postgresql.conf",
    "postgresql.auto.conf",
    "pg_hba.conf",
    "pg_ident.conf",
    "rekindle.conf",
    "rekindle.recovery.conf",
    "rekindle.hba.conf",
];

/// Everything that `reads` found in `from` is in `to` afterwards, and nothing else is read there. Can be repeated.
pub(super) fn carry(reads: &Reads, from: &Path, to: &Path) -> Result<()> {
    for name in RESTORED {
        remove(&to.join(name))?;
    }
    for folder in &reads.folders {
        make_folders(folder, from, to)?;
        for file in list(&to.join(folder))? {
            if file.extension().is_some_and(|ending| ending == "conf") && !file.is_dir() {
                remove(&file)?;
            }
        }
    }
    for file in &reads.files {
        if let Some(folder) = file.parent() {
            make_folders(folder, from, to)?;
        }
        put(&from.join(file), &to.join(file), from)?;
    }
    sync(to)
}

/// A link out of the directory stays one; what it leads to is not touched.
fn put(from: &Path, to: &Path, root: &Path) -> Result<()> {
    let target = from.canonicalize().map_err(|e| Error::file("read", from, e))?;
    let root = root.canonicalize().map_err(|e| Error::file("look at", root, e))?;
    match from.is_symlink() && !target.starts_with(&root) {
        true => {
            remove(to)?;
            symlink(&target, to).map_err(|e| Error::file("link", to, e))
        }
        false => copy(from, to),
    }
}

/// Like those of `from`.
fn make_folders(folder: &Path, from: &Path, to: &Path) -> Result<()> {
    let mut below = PathBuf::new();
    for part in folder.components().filter(|part| matches!(part, Component::Normal(_))) {
        below.push(part);
        let (there, here) = (from.join(&below), to.join(&below));
        if !here.is_dir() {
            remove(&here)?;
            fs::create_dir(&here).map_err(|e| Error::file("make", &here, e))?;
        }
        let meta = fs::metadata(&there).map_err(|e| Error::file("look at", &there, e))?;
        fs::set_permissions(&here, meta.permissions()).map_err(|e| Error::file("set the mode of", &here, e))?;
        like(&here, &there)?;
    }
    Ok(())
}

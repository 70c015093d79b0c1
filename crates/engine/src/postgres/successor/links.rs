//! What of a cluster is a link out of its directory: `pg_wal`, tablespaces, and folders of the operator's own such as a log directory. The
//! successor has the same, on the same file systems, in folders of its own beside the old ones:
//!
//! ```text
//!   LIVE/pg_wal          -> /wal/main        SUCCESSOR/pg_wal          -> /wal/main.rekindle-WORD
//!   LIVE/pg_tblspc/16400 -> /ssd/hot         SUCCESSOR/pg_tblspc/16400 -> /ssd/hot.rekindle-WORD
//!   LIVE/log             -> /var/log/main    SUCCESSOR/log             -> /var/log/main
//! ```

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, lchown, symlink};
use std::path::{Path, PathBuf};

use super::{Succession, copy, list, parent, remove, sync};
use crate::error::{Error, Result};

const SUFFIX: &str = ".rekindle-";
/// Reads and enters.
const GROUP: u32 = 0o050;
const WAL: &str = "pg_wal";
const TABLESPACES: &str = "pg_tblspc";

/// A link of a live cluster out of its directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// `pg_wal`, `pg_tblspc/16400`, or another name in the data directory.
    pub name: String,
    pub leads_to: PathBuf,
    pub becomes: Becomes,
}

/// What it is in the successor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Becomes {
    /// A link to another folder of the same file system.
    Folder(PathBuf),
    /// The same link: what it leads to is no part of a cluster.
    Same,
    /// It cannot be a link: why.
    Inside(String),
}

impl Link {
    /// The number of the tablespace, where it is one.
    pub fn tablespace(&self) -> Option<u32> {
        self.name.strip_prefix("pg_tblspc/")?.parse().ok()
    }
}

impl Succession {
    /// Of the live directory as it is now.
    pub fn links(&self) -> Result<Vec<Link>> {
        let mut links = Vec::new();
        for (name, leads_to) in links_of(&self.live)? {
            let becomes = match name.as_str() {
                WAL => self.folder_for(&leads_to),
                name if name.starts_with(TABLESPACES) => self.folder_for(&leads_to),
                name if is_of_cluster(name) => Becomes::Inside("only pg_wal and tablespaces can be elsewhere".into()),
                _ => Becomes::Same,
            };
            links.push(Link { name, leads_to, becomes });
        }
        Ok(links)
    }

    fn folder_for(&self, leads_to: &Path) -> Becomes {
        let text = leads_to.display().to_string();
        // What an earlier restore has made is named after what was there before that.
        let base = text.rsplit_once(SUFFIX).map_or(text.as_str(), |(base, _)| base);
        let folder = PathBuf::from(format!("{base}{SUFFIX}{}", self.word));
        let device = |path: &Path| fs::metadata(path).map(|meta| meta.dev()).ok();
        if device(leads_to).is_none() || device(leads_to) != device(parent(&folder)) {
            return Becomes::Inside(format!(
                "{} is a mount point, and nothing can be made beside it",
                leads_to.display()
            ));
        }
        match rustix::fs::access(parent(&folder), rustix::fs::Access::WRITE_OK) {
            Ok(()) => Becomes::Folder(folder),
            Err(error) => Becomes::Inside(format!("{}: {error}", parent(&folder).display())),
        }
    }

    /// Where the tablespaces of the successor are restored to; those that are not named here lie beside it.
    pub fn tablespaces(&self) -> Result<BTreeMap<u32, PathBuf>> {
        let place = |link: &Link| match (link.tablespace(), &link.becomes) {
            (Some(oid), Becomes::Folder(folder)) => Some((oid, folder.clone())),
            _ => None,
        };
        Ok(self.links()?.iter().filter_map(place).collect())
    }

    /// The successor's log and foreign folders become links as the live one's are, and whoever may read the live one may read it. It was
    /// restored, and is stopped. Can be repeated.
    pub fn resemble(&self) -> Result<()> {
        self.let_group_in()?;
        for Link { name, leads_to, becomes } in self.links()? {
            let place = self.staged.join(&name);
            match becomes {
                Becomes::Folder(folder) if name == WAL => move_out(&place, &folder)?,
                Becomes::Same if fs::read_link(&place).ok().as_ref() != Some(&leads_to) => {
                    unlink(&place)?;
                    make_link(&leads_to, &place)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// A cluster that was made with `initdb -g` can be read by the group of its owner, whole.
    fn let_group_in(&self) -> Result<()> {
        let mode = fs::metadata(&self.live).map_err(|e| Error::file("look at", &self.live, e))?.mode();
        if mode & GROUP == 0 {
            return Ok(());
        }
        let tablespaces = list(&self.staged.join(TABLESPACES)).unwrap_or_default();
        let mut places: Vec<PathBuf> = tablespaces.iter().filter_map(|link| link.canonicalize().ok()).collect();
        places.push(self.staged.clone());
        while let Some(place) = places.pop() {
            let meta = fs::symlink_metadata(&place).map_err(|e| Error::file("look at", &place, e))?;
            if meta.is_symlink() {
                continue;
            }
            let as_owner = if meta.is_dir() { GROUP } else { (meta.mode() & 0o400) >> 3 };
            if meta.mode() & as_owner != as_owner {
                let wanted = fs::Permissions::from_mode(meta.mode() & 0o7777 | as_owner);
                fs::set_permissions(&place, wanted).map_err(|e| Error::file("set the mode of", &place, e))?;
            }
            if meta.is_dir() {
                places.extend(list(&place)?);
            }
        }
        Ok(())
    }

    /// Takes away what was made elsewhere for a successor that never served.
    pub fn unlink(&self) -> Result<()> {
        for link in self.links()? {
            if let Becomes::Folder(folder) = link.becomes {
                remove(&folder)?;
            }
        }
        Ok(())
    }

    /// Links of a directory into itself lead into itself, by whatever name of this exchange it was called before.
    pub(super) fn settle(&self, place: &Path) -> Result<()> {
        let mut names = vec![&self.live, &self.staged, &self.retired, &self.undone];
        names.extend(&self.called);
        let tablespaces = list(&place.join(TABLESPACES)).unwrap_or_default();
        for link in tablespaces.into_iter().chain([place.join(WAL)]) {
            let Ok(target) = fs::read_link(&link) else { continue };
            let rest = names.iter().find_map(|name| target.strip_prefix(name).ok());
            let Some(now) = rest.map(|rest| place.join(rest)).filter(|now| *now != target && now.exists()) else {
                continue;
            };
            unlink(&link)?;
            make_link(&now, &link)?;
        }
        Ok(())
    }
}

/// What a cluster that is kept has outside of its directory, and what its links share with others or with the operator.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Belongings {
    /// Its own: the log, and its files in tablespaces.
    pub own: Vec<PathBuf>,
    /// Links to what is not of a cluster, or which the live cluster uses as well.
    pub others: Vec<PathBuf>,
}

/// Of a cluster in `kept`; `live` is the one that serves in its place.
pub fn belongings(kept: &Path, live: &Path) -> Result<Belongings> {
    let version = fs::read_to_string(kept.join("PG_VERSION")).unwrap_or_default();
    let version = format!("PG_{}_", version.trim());
    let live_is = live.canonicalize().unwrap_or_else(|_| live.to_owned());
    let used: Vec<PathBuf> = links_of(live).unwrap_or_default().into_iter().map(|(_, leads_to)| leads_to).collect();
    let is_used = |place: &PathBuf| {
        let meets = |other: &PathBuf| place.starts_with(other) || other.starts_with(place);
        used.iter().any(meets) || meets(&live_is)
    };
    let mut found = Belongings::default();
    for (name, leads_to) in links_of(kept)? {
        match name.as_str() {
            _ if is_used(&leads_to) => found.others.push(leads_to),
            WAL => found.own.push(leads_to),
            name if name.starts_with(TABLESPACES) => {
                let is_its =
                    |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&version));
                found.own.extend(list(&leads_to)?.into_iter().filter(is_its));
            }
            _ => found.others.push(leads_to),
        }
    }
    Ok(found)
}

/// And the folder that held it, when nothing else is there and it was made for it.
pub fn remove_belonging(place: &Path) -> Result<()> {
    match fs::remove_dir_all(place) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        // A mount point cannot go; it is empty now.
        Err(_) if list(place).is_ok_and(|left| left.is_empty()) => {}
        Err(error) => return Err(Error::file("remove", place, error)),
    }
    let is_tablespace = place.file_name().is_some_and(|name| name.to_string_lossy().starts_with("PG_"));
    if is_tablespace {
        let folder = parent(place);
        let _ = fs::remove_dir(folder);
        if parent(folder).extension().is_some_and(|ending| ending == "tablespaces") {
            let _ = fs::remove_dir(parent(folder));
        }
    }
    Ok(())
}

/// Links out of a directory, by name; those that lead nowhere, or into it, are none.
fn links_of(directory: &Path) -> Result<Vec<(String, PathBuf)>> {
    let own = directory.canonicalize().map_err(|e| Error::file("look at", directory, e))?;
    let mut places = list(directory)?;
    places.extend(list(&directory.join(TABLESPACES)).unwrap_or_default());
    let mut links = Vec::new();
    for place in places.into_iter().filter(|place| place.is_symlink()) {
        let Ok(leads_to) = place.canonicalize() else { continue };
        let name = place.strip_prefix(directory).unwrap_or(&place).display().to_string();
        // A file is configuration, which `reads` finds, or nothing that a cluster needs.
        if leads_to.is_dir() && !leads_to.starts_with(&own) {
            links.push((name, leads_to));
        }
    }
    links.sort();
    Ok(links)
}

fn is_of_cluster(name: &str) -> bool {
    matches!(name, "base" | "global") || (name.starts_with("pg_") && name != "pg_log")
}

/// The folder's content goes to `to`, on whatever file system, and a link is in its place.
fn move_out(folder: &Path, to: &Path) -> Result<()> {
    if folder.is_symlink() {
        return Ok(());
    }
    remove(to)?;
    copy(folder, to)?;
    fs::remove_dir_all(folder).map_err(|e| Error::file("remove", folder, e))?;
    make_link(to, folder)
}

fn make_link(target: &Path, link: &Path) -> Result<()> {
    symlink(target, link).map_err(|e| Error::file("link", link, e))?;
    let meta = fs::metadata(parent(link)).map_err(|e| Error::file("look at", link, e))?;
    lchown(link, Some(meta.uid()), Some(meta.gid())).map_err(|e| Error::file("give away", link, e))?;
    sync(parent(link))
}

/// A link itself, or a folder with what is in it.
fn unlink(place: &Path) -> Result<()> {
    match place.is_symlink() {
        true => fs::remove_file(place).map_err(|e| Error::file("remove", place, e)),
        false => remove(place),
    }
}

#[cfg(test)]
mod tests;

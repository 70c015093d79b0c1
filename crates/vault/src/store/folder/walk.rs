//! Lists a folder's objects in byte order of their full names, holding one directory per level in memory and no more. Must not
//! know how objects are written.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use futures::stream::{self, Stream};
use jiff::Timestamp;

use super::super::{ObjectInfo, is_valid_name};
use super::store_error;
use crate::error::Result;

/// Objects handed over per trip to the blocking pool.
const PAGE: usize = 512;

/// The walk so far: directories begun and not finished, the innermost last.
struct Walk {
    top: PathBuf,
    prefix: String,
    after: String,
    begun: Vec<std::vec::IntoIter<String>>,
    started: bool,
}

pub(super) fn walk(
    top: PathBuf,
    prefix: String,
    after: String,
) -> impl Stream<Item = Result<ObjectInfo>> + Send + 'static {
    let walk = Walk { top, prefix, after, begun: Vec::new(), started: false };
    let pages = stream::unfold(Some(walk), |walk| async move {
        let walk = walk?;
        let prefix = walk.prefix.clone();
        match tokio::task::spawn_blocking(move || walk.page()).await {
            Ok(Ok((page, rest))) => Some((page.into_iter().map(Ok).collect::<Vec<_>>(), rest)),
            Ok(Err(error)) => Some((vec![Err(store_error("listing", &prefix, error))], None)),
            Err(error) => Some((vec![Err(crate::Error::Internal(format!("listing {prefix}: {error}")))], None)),
        }
    });
    futures::StreamExt::flat_map(pages, stream::iter)
}

impl Walk {
    /// The next objects, and the walk to go on with unless it is over.
    fn page(mut self) -> io::Result<(Vec<ObjectInfo>, Option<Walk>)> {
        if !self.started {
            self.started = true;
            let within = self.prefix.rfind('/').map_or("", |at| &self.prefix[..=at]).to_owned();
            let names = self.read(&within)?;
            self.begun.push(names);
        }
        let mut page = Vec::new();
        while let Some(innermost) = self.begun.last_mut() {
            match innermost.next() {
                None => {
                    self.begun.pop();
                }
                Some(name) if name.ends_with('/') => {
                    let names = self.read(&name)?;
                    self.begun.push(names);
                }
                Some(name) => page.extend(self.info(name)?),
            }
            if page.len() == PAGE {
                return Ok((page, Some(self)));
            }
        }
        Ok((page, None))
    }

    /// The names in a directory that are worth a look, sorted. A directory's name ends in `/`, and sorts so: `a-b` before
    /// `a/b` before `ab`, as the objects' full names do.
    fn read(&self, within: &str) -> io::Result<std::vec::IntoIter<String>> {
        let mut names = Vec::new();
        let entries = match fs::read_dir(self.top.join(within)) {
            Ok(entries) => entries,
            Err(error) if is_gone(&error) => return Ok(names.into_iter()),
            Err(error) => return Err(error),
        };
        for entry in entries {
            let entry = entry?;
            let Ok(own) = entry.file_name().into_string() else { continue };
            let mut name = format!("{within}{own}");
            if !is_valid_name(&name) {
                continue;
            }
            if is_directory(&entry)? {
                name.push('/');
            }
            if self.wants(&name) {
                names.push(name);
            }
        }
        names.sort_unstable();
        Ok(names.into_iter())
    }

    fn wants(&self, name: &str) -> bool {
        if name.ends_with('/') {
            let may_match = name.starts_with(&self.prefix) || self.prefix.starts_with(name);
            return may_match && (name > self.after.as_str() || self.after.starts_with(name));
        }
        name.starts_with(&self.prefix) && name > self.after.as_str()
    }

    /// `None` when the object was deleted since its directory was read.
    fn info(&self, name: String) -> io::Result<Option<ObjectInfo>> {
        let meta = match fs::metadata(self.top.join(&name)) {
            Ok(meta) => meta,
            Err(error) if is_gone(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        let modified = Timestamp::try_from(meta.modified()?).map_err(io::Error::other)?;
        Ok(meta.is_file().then_some(ObjectInfo { size: meta.len(), modified, name }))
    }
}

fn is_directory(entry: &fs::DirEntry) -> io::Result<bool> {
    let kind = entry.file_type()?;
    Ok(kind.is_dir() || (kind.is_symlink() && Path::is_dir(&entry.path())))
}

fn is_gone(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

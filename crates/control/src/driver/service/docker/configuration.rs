//! What a container is configured with: its environment, and files of this host that are mounted into it.

use std::fs;
use std::path::{Path, PathBuf};

use bollard::models::ContainerInspectResponse;

/// Larger files are data, not configuration.
const FILE_BYTES_MAX: u64 = 256 << 10;
/// So many files of a folder are read.
const FILES_MAX: usize = 200;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Configuration {
    environment: Vec<String>,
    mounted: Vec<PathBuf>,
}

impl Configuration {
    pub(super) fn of(answer: &ContainerInspectResponse) -> Configuration {
        let config = answer.config.as_ref();
        let sources = answer.mounts.iter().flatten().filter_map(|mount| mount.source.as_deref());
        Configuration {
            environment: config.and_then(|config| config.env.clone()).unwrap_or_default(),
            mounted: sources.filter(|source| source.starts_with('/')).map(PathBuf::from).collect(),
        }
    }

    /// Whether a name stands anywhere in it, whole. Reads files, so not in a task; one that cannot be read says nothing.
    pub(super) fn names(&self, name: &str) -> bool {
        self.is_fixed(name) || self.mounted.iter().any(|path| files(path).iter().any(|file| file_holds(file, name)))
    }

    /// Whether its environment names it, which nobody changes.
    pub(super) fn is_fixed(&self, name: &str) -> bool {
        self.environment.iter().any(|variable| holds(variable, name))
    }
}

/// A file itself, or those that lie in a folder.
fn files(path: &Path) -> Vec<PathBuf> {
    match fs::read_dir(path) {
        Ok(entries) => entries.flatten().take(FILES_MAX).map(|entry| entry.path()).collect(),
        Err(_) => vec![path.to_owned()],
    }
}

fn file_holds(path: &Path, name: &str) -> bool {
    let is_small = fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.len() <= FILE_BYTES_MAX);
    is_small && fs::read(path).is_ok_and(|bytes| holds(&String::from_utf8_lossy(&bytes), name))
}

/// `db1` does not stand in `db10`, nor in `db1.example`.
fn holds(text: &str, name: &str) -> bool {
    let goes_on = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    text.match_indices(name)
        .any(|(at, found)| !text[..at].ends_with(goes_on) && !text[at + found.len()..].starts_with(goes_on))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stands_whole_or_not_at_all() {
        for text in ["db1", "HOST=db1", "postgres://app@db1:5432/app", "a,db1,b", "db10 db1", "'db1'"] {
            assert!(holds(text, "db1"), "{text}");
        }
        for text in ["", "db10", "mydb1", "db1.example", "my-db1", "db1_old"] {
            assert!(!holds(text, "db1"), "{text}");
        }
    }
}

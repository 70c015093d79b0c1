//! Finds the server's own programs of one major version. A data directory can only be opened by its own major.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tokio::process::Command;

use crate::error::{Error, Result};

/// A folder with the programs of one major version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binaries {
    pub major: u32,
    pub dir: PathBuf,
    /// As `postgres --version` says it, such as `15.18`.
    pub version: String,
}

impl Binaries {
    /// Looks into `extra` first, then where packages put them. A folder named by the operator must fit; one of a package that
    /// does not is passed over.
    pub async fn find(major: u32, extra: &[PathBuf]) -> Result<Binaries> {
        let mut refused = None;
        let packaged = packaged_dirs(major);
        for dir in extra.iter().chain(&packaged) {
            if !dir.join("postgres").is_file() {
                continue;
            }
            match Binaries::probe(dir, major).await {
                Ok(found) => return Ok(found),
                Err(error) => refused = refused.or(Some(error)),
            }
        }
        let tried = extra.iter().chain(&packaged).map(|dir| dir.display().to_string()).collect();
        Err(refused.unwrap_or(Error::NoBinaries { major, tried }))
    }

    async fn probe(dir: &Path, major: u32) -> Result<Binaries> {
        let path = dir.join("postgres");
        let bad = |what: String| Error::Binary { path: path.display().to_string(), what };
        let output = Command::new(&path).arg("--version").kill_on_drop(true).output().await;
        let output = output.map_err(|error| bad(format!("it cannot be run: {error}")))?;
        let text = String::from_utf8_lossy(&output.stdout);
        if !output.status.success() {
            return Err(bad(String::from_utf8_lossy(&output.stderr).trim().to_string()));
        }
        let version = version_in(&text).ok_or_else(|| bad(format!("its version is {:?}", text.trim())))?;
        if major_of(version) != Some(major) {
            return Err(bad(format!("it is of version {version}, and {major} is needed")));
        }
        Ok(Binaries { major, dir: dir.to_path_buf(), version: version.into() })
    }

    /// Such as `pg_dump`; an error when the package has left it out.
    pub fn program(&self, name: &str) -> Result<PathBuf> {
        let path = self.dir.join(name);
        if path.is_file() {
            return Ok(path);
        }
        Err(Error::Binary { path: path.display().to_string(), what: "it is not installed".into() })
    }
}

/// Debian and Ubuntu, then Red Hat and its kin.
fn packaged_dirs(major: u32) -> [PathBuf; 2] {
    [PathBuf::from(format!("/usr/lib/postgresql/{major}/bin")), PathBuf::from(format!("/usr/pgsql-{major}/bin"))]
}

/// From `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`.
fn version_in(text: &str) -> Option<&str> {
    text.split_once("(PostgreSQL) ")?.1.split_whitespace().next()
}

/// Of `15.18`, `18beta1`, `19devel`.
fn major_of(version: &str) -> Option<u32> {
    version.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests;

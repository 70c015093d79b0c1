//! A value in a file of settings. Only its own bytes change; comments, order and all else stay. Who reads the file must read it again for
//! himself: restart him, or let a hook tell him.

use std::path::PathBuf;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use self::text::{Format, Found};
use super::{Endpoint, another};
use crate::driver::{Driver, Outcome, Trouble};
use crate::host::Host;

mod text;
mod write;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FileEndpoint {
    pub(crate) path: PathBuf,
    pub(crate) format: Format,
    /// Dotted: `database.host`; or, where names hold dots, `/database/host`. In an env file the name of the variable.
    pub(crate) key: String,
}

impl FileEndpoint {
    pub(crate) fn wrong(&self) -> Option<String> {
        if !self.path.is_absolute() {
            return Some(format!("path {} is not absolute", self.path.display()));
        }
        text::wrong_key(self.format, &self.key)
    }

    fn found(&self, file: &write::Read) -> Outcome<Found> {
        self.format.find(&file.text, &self.key).map_err(|why| {
            Trouble::refused(format!("{}: {why}", self.path.display())).hint(format!(
                "is key {:?} right for format {}?",
                self.key,
                self.format.name()
            ))
        })
    }

    fn changed(&self, file: &write::Read, found: &Found, to: &str) -> Outcome<String> {
        let refused = |why: String| Trouble::refused(format!("{}: {why}", self.path.display()));
        let written = self.format.write(found, to).map_err(refused)?;
        let changed = format!("{}{written}{}", &file.text[..found.span.start], &file.text[found.span.end..]);
        // What was written is read as it will be read, before anybody can.
        match self.format.find(&changed, &self.key) {
            Ok(again) if again.value == to => Ok(changed),
            _ => Err(refused(format!("{to:?} cannot be written at {} so that it is read again", self.key))),
        }
    }

    /// Waits for the disk, so not in a task.
    fn point_here(&self, from: &str, to: &str) -> Outcome<()> {
        let file = write::read(&self.path)?;
        let found = self.found(&file)?;
        if found.value == to {
            return file.keep();
        }
        if found.value != from {
            return Err(another(&self.what(), &found.value, from, to));
        }
        let changed = self.changed(&file, &found, to)?;
        file.replace(&changed)?;
        let after = self.found(&write::read(&self.path)?)?;
        if after.value == to { Ok(()) } else { Err(another(&self.what(), &after.value, from, to)) }
    }
}

async fn blocking<T: Send + 'static>(act: impl FnOnce() -> Outcome<T> + Send + 'static) -> Outcome<T> {
    tokio::task::spawn_blocking(act).await.map_err(|e| Trouble::away(e.to_string()))?
}

#[async_trait]
impl Driver for FileEndpoint {
    fn what(&self) -> String {
        format!("{} in {}", self.key, self.path.display())
    }

    async fn probe(&self, _host: &Host) -> Vec<Trouble> {
        let endpoint = self.clone();
        let looked = blocking(move || {
            let file = match write::read(&endpoint.path) {
                Ok(file) => file,
                Err(trouble) => return Ok(vec![trouble]),
            };
            Ok([endpoint.found(&file).err(), file.cannot_write()].into_iter().flatten().collect())
        });
        looked.await.unwrap_or_else(|trouble| vec![trouble])
    }
}

#[async_trait]
impl Endpoint for FileEndpoint {
    async fn current(&self, _host: &Host) -> Outcome<String> {
        let endpoint = self.clone();
        blocking(move || Ok(endpoint.found(&write::read(&endpoint.path)?)?.value)).await
    }

    async fn point(&self, _host: &Host, from: &str, to: &str) -> Outcome<()> {
        let (endpoint, from, to) = (self.clone(), from.to_owned(), to.to_owned());
        blocking(move || endpoint.point_here(&from, &to)).await
    }
}

#[cfg(test)]
mod tests;

//! A cluster of ours that is open for use: a server, and the mount it stands on when its files were not copied. It outlives the
//! process that opened it; what is needed to find it again stands here.
//!
//! ```text
//!   start    mount process ──► server           stop     server ──► mount process
//!   detach   server stopped, everything present ──► unmount ──► HOME/skeleton becomes the directory
//!   put down server stopped ──► unmount                         its mount point can be moved, and is then where it is mounted next
//!   close    stop, and everything local of the mount goes
//! ```

use std::fs;
use std::path::{Path, PathBuf};

use mount::process::{Ask, Order, Process, Status};
use serde::{Deserialize, Serialize};

use super::control_file::{self, ControlFile, State};
use super::instance::{Instance, kill_server, server_in, wait_gone};
use super::ports;
use crate::error::{Error, Result};

/// See the head of this file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    pub instance: Instance,
    /// Of its mount; nothing when the directory is plain.
    pub home: Option<PathBuf>,
}

/// How it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// The server runs.
    Serves,
    /// The server was stopped in order.
    Stopped,
    /// The server ended without having been stopped.
    Crashed,
    /// The mount's process is gone, whatever the server thinks.
    MountLost,
}

impl Opened {
    pub fn process(&self) -> Option<Process> {
        self.home.as_deref().map(Process::of)
    }

    /// The data directory's files as they lie locally, also when nothing is mounted.
    fn local(&self) -> PathBuf {
        self.process().map_or_else(|| self.instance.data_directory.clone(), |process| process.skeleton())
    }

    /// How much of the files is here; nothing for a plain directory.
    pub fn status(&self) -> Option<Status> {
        self.process()?.status().ok()
    }

    /// A detaching that did not come to its end: the files are in place, and something of the mount is left.
    pub fn is_half_detached(&self) -> bool {
        self.process().is_some_and(|process| !process.skeleton().exists())
    }

    /// A mount of which nothing is missing.
    pub fn is_whole(&self) -> bool {
        self.process().is_some_and(|process| process.is_whole())
    }

    pub fn standing(&self) -> Standing {
        let server_lives = self.instance.server_of(&self.local()).is_some();
        match self.process() {
            Some(process) if !process.is_alive() => match self.was_stopped() && !server_lives {
                true => Standing::Stopped,
                false => Standing::MountLost,
            },
            _ if server_lives => Standing::Serves,
            _ if self.was_stopped() => Standing::Stopped,
            _ => Standing::Crashed,
        }
    }

    fn was_stopped(&self) -> bool {
        let control = fs::read(self.local().join(control_file::PATH)).ok();
        let control = control.and_then(|bytes| ControlFile::parse(&bytes).ok());
        let ends = [State::ShutDown, State::ShutDownInRecovery];
        control.is_some_and(|control| ends.contains(&control.state))
    }

    /// Makes it serve, from wherever it stands. What a dead mount has left is taken away first. Returns when people can connect.
    pub async fn start(&self, program: &Path) -> Result<()> {
        self.end_stray_server().await?;
        self.mount(program).await?;
        if self.instance.server_of(&self.local()).is_none() {
            wait_gone(&self.local()).await;
            ports::must_be_free(self.instance.port)?;
            self.instance.start().await?;
        }
        self.instance.wait_connectable(|| Ok(())).await?.close().await;
        Ok(())
    }

    /// A server whose mount died cannot read or write anything, and must be gone before another starts.
    async fn end_stray_server(&self) -> Result<()> {
        let lost = self.process().is_some_and(|process| !process.is_alive());
        match self.instance.server_of(&self.local()) {
            Some(pid) if lost => kill_server(pid, &self.local(), &self.instance.data_directory).await,
            _ => Ok(()),
        }
    }

    /// Stops the server in order, then the mount.
    pub async fn stop(&self) -> Result<()> {
        self.end_stray_server().await?;
        if self.instance.server_of(&self.local()).is_some() {
            self.instance.stop().await?;
        }
        match self.process() {
            Some(process) => blocking(move || Ok(process.unmount()?)).await,
            None => Ok(()),
        }
    }

    /// Unmounts, so that its mount point can be moved. Its server must be stopped.
    pub async fn put_down(&self) -> Result<()> {
        let Some(process) = self.process() else { return Ok(()) };
        if self.instance.server_of(&self.local()).is_some() {
            return Err(self.refused("cannot be put down: its server still runs"));
        }
        blocking(move || Ok(process.unmount()?)).await
    }

    /// One that was put down and whose mount point was moved lies at `place` from now on.
    pub fn lies_at(&mut self, place: &Path) -> Result<()> {
        place.clone_into(&mut self.instance.data_directory);
        let Some(home) = &self.home else { return Ok(()) };
        let order = Order::read(home)?;
        Ok(Order { at: place.to_owned(), ..order }.write(home)?)
    }

    /// Mounts it, and starts no server.
    pub async fn mount(&self, program: &Path) -> Result<()> {
        match self.process().filter(|process| !process.is_alive()) {
            Some(process) => {
                let program = program.to_owned();
                blocking(move || Ok(process.start(&program, || true)?)).await
            }
            None => Ok(()),
        }
    }

    /// Pauses or limits what is fetched ahead.
    pub async fn tell(&self, ask: Ask) -> Result<()> {
        match self.process() {
            Some(process) => blocking(move || Ok(process.tell(&ask)?)).await,
            None => Ok(()),
        }
    }

    /// Turns the mount into the plain directory. The server must be stopped and everything present; after a crash it can be done again.
    pub async fn detach(&mut self) -> Result<()> {
        let Some(home) = self.home.clone() else { return Ok(()) };
        let (process, into) = (Process::of(&home), self.instance.data_directory.clone());
        let skeleton = process.skeleton();
        if skeleton.exists() {
            if !process.is_whole() {
                return Err(self.refused("cannot be detached: not everything of it is present yet"));
            }
            if self.instance.server_of(&skeleton).is_some() {
                return Err(self.refused("cannot be detached: its server still runs"));
            }
        }
        blocking(move || {
            match skeleton.exists() {
                true => process.unmount()?,
                false => mount::session::clear(&into)?,
            }
            // The folder under the mount is empty, so this is one step: before it nothing can be started there, after it everything.
            if skeleton.exists() {
                fs::rename(&skeleton, &into).map_err(|e| Error::file("put in place", &into, e))?;
                let parent = into.parent().unwrap_or(Path::new("/"));
                fs::File::open(parent)
                    .and_then(|folder| folder.sync_all())
                    .map_err(|e| Error::file("sync", parent, e))?;
            }
            match fs::remove_dir_all(&home) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::file("remove", &home, error)),
                _ => Ok(()),
            }
        })
        .await?;
        self.home = None;
        Ok(())
    }

    fn refused(&self, what: &str) -> Error {
        Error::Occupied {
            path: self.instance.data_directory.display().to_string(),
            what: what.to_owned(),
            hint: "`rekindle status` says how far it is".to_owned(),
        }
    }

    /// Stops it, and removes the mount and everything of it that is local. Files that were copied are left to the caller.
    pub async fn close(&self) -> Result<()> {
        let local = self.local();
        if let Some(pid) = self.instance.server_of(&local)
            && (self.end_stray_server().await.is_err() || self.instance.stop().await.is_err())
        {
            kill_server(pid, &local, &self.instance.data_directory).await?;
        }
        let (home, into) = (self.home.clone(), self.instance.data_directory.clone());
        blocking(move || home.map_or(Ok(()), |home| remove_mount(&home, &into))).await?;
        self.instance.remove_socket_folder();
        Ok(())
    }
}

/// Takes away what is left of a mount that was being opened when its maker died, and of which nothing is known but its name and where
/// it was to lie. What lies there and has another name is not touched: the maker had not come so far, and it is somebody else's.
pub async fn take_away(name: &str, into: &Path, home: &Path) -> Result<()> {
    if Order::read(home).map_or(true, |order| order.name != name) {
        return Ok(());
    }
    let local = Process::of(home).skeleton();
    if let Some(pid) = server_in(&local, into) {
        kill_server(pid, &local, into).await?;
    }
    let (into, home) = (into.to_owned(), home.to_owned());
    blocking(move || remove_mount(&home, &into)).await
}

/// Ends the server of a directory that was copied, in a folder of ours.
pub async fn end_copy(into: &Path) -> Result<()> {
    match server_in(into, into) {
        Some(pid) => kill_server(pid, into, into).await,
        None => Ok(()),
    }
}

fn remove_mount(home: &Path, into: &Path) -> Result<()> {
    if Order::read(home).is_ok() {
        Process::of(home).unmount()?;
    }
    mount::session::clear(into)?;
    match fs::remove_dir_all(home) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(Error::file("remove", home, error)),
        _ => {}
    }
    // Only where it is empty: it was the mount point.
    let _ = fs::remove_dir(into);
    Ok(())
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|e| vault::Error::Internal(e.to_string()))?
}

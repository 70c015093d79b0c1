//! A server of our own on a restored directory: started by its own programs as the owner of its files, never as root, in a
//! session of its own, so that it lives on without us.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};

use super::binaries::Binaries;
use super::owner::User;
use super::wire::{Connection, Conninfo, Defaults, Mode};
use crate::error::{Error, Result};

/// A socket's whole path may have 107 bytes.
const SOCKET_FOLDER_BYTES_MAX: usize = 85;
const SOCKET_FOLDER: &str = "rekindle-";
/// Every look starts a backend, so a long recovery is looked at less often than a short one.
const FIRST_LOOK: Duration = Duration::from_millis(10);
const LAST_LOOK: Duration = Duration::from_millis(200);
const LOG_LINES_SHOWN: usize = 15;
/// A server that was told to end at once gets two seconds.
const KILL_AFTER_LOOKS: u32 = 10;
const GIVE_UP_AFTER_LOOKS: u32 = 300;
const LOCK_FILE: &str = "postmaster.pid";
pub const LOG_FILE: &str = "rekindle.server.log";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    pub data_directory: PathBuf,
    pub binaries: Binaries,
    pub port: u16,
    /// The socket's folder; only the owner can enter it.
    pub socket_folder: PathBuf,
    /// The owner, when we are root and must become him.
    pub run_as: Option<User>,
    pub superuser: String,
}

impl Instance {
    /// A folder for the socket: the data directory itself, or, where its path is too long, a new private one.
    pub fn socket_folder_for(data_directory: &Path, run_as: Option<User>) -> Result<PathBuf> {
        if data_directory.as_os_str().len() <= SOCKET_FOLDER_BYTES_MAX {
            return Ok(data_directory.to_owned());
        }
        let folder = tempfile::Builder::new().prefix(SOCKET_FOLDER).tempdir();
        let folder = folder.map_err(|e| Error::file("make", Path::new("a folder for the socket"), e))?.keep();
        if let Some(user) = run_as {
            std::os::unix::fs::chown(&folder, Some(user.uid), Some(user.gid))
                .map_err(|e| Error::file("give away", &folder, e))?;
        }
        Ok(folder)
    }

    /// After the server is gone for good: the folder that was made for its socket.
    pub fn remove_socket_folder(&self) {
        let is_made = self.socket_folder.parent() == Some(&std::env::temp_dir())
            && self.socket_folder.file_name().is_some_and(|name| name.to_string_lossy().starts_with(SOCKET_FOLDER));
        if is_made && let Err(error) = std::fs::remove_dir_all(&self.socket_folder) {
            tracing::debug!(folder = %self.socket_folder.display(), %error, "the socket's folder was not removed");
        }
    }

    /// Starts the server and returns at once; `wait_connectable` sees it come up.
    pub async fn start(&self) -> Result<()> {
        let mut command = self.command("pg_ctl")?;
        command.arg("start").arg("--no-wait").arg("--silent");
        command.arg("--log").arg(self.data_directory.join(LOG_FILE));
        let done = run(command).await?;
        if done.success() { Ok(()) } else { Err(self.failed("did not start")) }
    }

    /// Stops it quickly and in order.
    pub async fn stop(&self) -> Result<()> {
        let server = self.server_of(&self.data_directory);
        let mut command = self.command("pg_ctl")?;
        command.arg("stop").arg("--mode").arg("fast").arg("--wait").arg("--silent");
        let done = run(command).await?;
        if !done.success() {
            return Err(self.failed("did not stop"));
        }
        // pg_ctl waits for the pid file to go; the process that removed it stands in the directory for a moment longer.
        if let Some(server) = server {
            wait_left(server).await;
        }
        Ok(())
    }

    /// A setting as the server would read it from its files now; it need not run. Nothing where its files cannot be read.
    pub async fn setting(&self, name: &str) -> Result<Option<String>> {
        let mut command = self.command("postgres")?;
        command.arg("-C").arg(name).stdout(Stdio::piped());
        let program = PathBuf::from(command.get_program());
        let done = tokio::task::spawn_blocking(move || command.output()).await;
        let done = done.map_err(|e| vault::Error::Internal(e.to_string()))?;
        let done = done.map_err(|e| Error::file("run", &program, e))?;
        Ok(done.status.success().then(|| String::from_utf8_lossy(&done.stdout).trim().to_owned()))
    }

    fn command(&self, program: &str) -> Result<Command> {
        let mut command = Command::new(self.binaries.program(program)?);
        command.arg("-D").arg(&self.data_directory);
        command
            .current_dir(&self.data_directory)
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("LC_ALL", "C.UTF-8");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if let Some(user) = self.run_as {
            command.uid(user.uid).gid(user.gid);
        }
        command.process_group(0);
        Ok(command)
    }

    /// Whether the server's process lives.
    pub fn is_running(&self) -> bool {
        self.server_of(&self.data_directory).is_some()
    }

    /// The server's process, if it lives. Its files lie in `local`: the data directory, or what it is a mount of.
    pub fn server_of(&self, local: &Path) -> Option<Pid> {
        server_in(local, &self.data_directory)
    }

    pub fn conninfo(&self, database: &str) -> Result<Conninfo> {
        let text = format!(
            "host='{}' port={} user='{}' dbname='{}' application_name=rekindle connect_timeout=5",
            quoted(&self.socket_folder.display().to_string()),
            self.port,
            quoted(&self.superuser),
            quoted(database)
        );
        let defaults =
            Defaults { user: self.superuser.clone(), socket_dir: self.socket_folder.clone(), ..Defaults::default() };
        Conninfo::parse(&text, &defaults)
    }

    pub async fn connect(&self, database: &str) -> Result<Connection> {
        Connection::connect(&self.conninfo(database)?, Mode::Sql).await
    }

    /// Waits until it answers; as long as it lives, recovery may take its time. `tick` is called between looks.
    pub async fn wait_connectable(&self, mut tick: impl FnMut() -> Result<()>) -> Result<Connection> {
        let mut seen = false;
        let mut missing = 0;
        let mut pause = FIRST_LOOK;
        loop {
            tick()?;
            match self.connect("postgres").await {
                Ok(connection) => return Ok(connection),
                Err(error) if error.is_retriable() => {}
                Err(error) => return Err(error),
            }
            match self.is_running() {
                true => (seen, missing) = (true, 0),
                false => missing += 1,
            }
            // The pid file appears a moment after the start.
            if missing > if seen { 3 } else { 40 } {
                return Err(self.failed("stopped by itself"));
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 5 / 4).min(LAST_LOOK);
        }
    }

    /// An error with the end of the server's own log, which says why.
    pub fn failed(&self, what: &str) -> Error {
        let log = vault::beneath::read(&self.data_directory, LOG_FILE).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        let from = lines.len().saturating_sub(LOG_LINES_SHOWN);
        let lines = &lines[from..];
        match lines.iter().rev().find_map(|line| missing_library(line)) {
            Some(library) => Error::Library { library: library.to_owned(), log: lines.join("\n") },
            None => Error::Instance { what: what.to_owned(), log: lines.join("\n") },
        }
    }
}

/// Of `FATAL:  could not access file "NAME": No such file or directory` (dfmgr.c), in which only the name is not translated.
fn missing_library(line: &str) -> Option<&str> {
    let (before, rest) =
        line.split_once("could not access file \"").or_else(|| line.split_once("could not load library \""))?;
    before.contains("FATAL").then(|| rest.split('"').next()).flatten()
}

/// The server of a data directory whose files lie in `local`, if it lives.
pub(super) fn server_in(local: &Path, data_directory: &Path) -> Option<Pid> {
    let pid = locked_by(local)?;
    // The number may be another process's by now.
    let words = std::fs::read(format!("/proc/{}/cmdline", pid.as_raw_nonzero())).ok()?;
    let own = data_directory.as_os_str().as_bytes();
    let is_named = || words.split(|byte| *byte == 0).any(|word| word == own);
    // It may have been started by another name of the directory; it stands in it.
    let stands_in = || {
        let place = std::fs::read_link(format!("/proc/{}/cwd", pid.as_raw_nonzero())).ok();
        place.is_some_and(|place| data_directory.canonicalize().is_ok_and(|own| own == place))
    };
    (is_named() || stands_in()).then_some(pid)
}

/// Ends a server, and its children with it. Returns when no process of it is left.
pub(super) async fn kill_server(server: Pid, local: &Path, data_directory: &Path) -> Result<()> {
    let _ = kill_process(server, Signal::QUIT);
    for look in 0.. {
        if server_in(local, data_directory).is_none() {
            break;
        }
        if look == KILL_AFTER_LOOKS {
            let children = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", server.as_raw_nonzero()));
            let children = children.unwrap_or_default();
            let children = children.split_whitespace().filter_map(|pid| Pid::from_raw(pid.parse().ok()?));
            for process in std::iter::once(server).chain(children) {
                let _ = kill_process(process, Signal::KILL);
            }
        }
        if look == GIVE_UP_AFTER_LOOKS {
            let what = format!("its process {} does not end", server.as_raw_nonzero());
            return Err(Error::Instance { what, log: String::new() });
        }
        tokio::time::sleep(LAST_LOOK).await;
    }
    Ok(())
}

/// Waits a while until the process that the lock names is out of the process table: as long as it is there, dead or not, no server
/// starts.
pub(super) async fn wait_gone(local: &Path) {
    let there = || {
        let pid = locked_by(local);
        pid.is_some_and(|pid| !matches!(rustix::process::test_kill_process(pid), Err(rustix::io::Errno::SRCH)))
    };
    for _ in 0..GIVE_UP_AFTER_LOOKS {
        if !there() {
            return;
        }
        tokio::time::sleep(LAST_LOOK).await;
    }
}

/// Waits a while until a process that ends stands in no directory any more.
async fn wait_left(pid: Pid) {
    let stands_in = format!("/proc/{}/cwd", pid.as_raw_nonzero());
    for _ in 0..GIVE_UP_AFTER_LOOKS {
        if std::fs::read_link(&stands_in).is_err() {
            return;
        }
        tokio::time::sleep(FIRST_LOOK).await;
    }
}

fn locked_by(local: &Path) -> Option<Pid> {
    let text = std::fs::read_to_string(local.join(LOCK_FILE)).ok()?;
    Pid::from_raw(text.lines().next()?.trim().parse().ok()?)
}

fn quoted(value: &str) -> String {
    value.replace('\\', "\\\\").replace('\'', "\\'")
}

async fn run(mut command: Command) -> Result<std::process::ExitStatus> {
    let program = PathBuf::from(command.get_program());
    let done = tokio::task::spawn_blocking(move || command.status()).await;
    let done = done.map_err(|e| vault::Error::Internal(e.to_string()))?;
    done.map_err(|e| Error::file("run", &program, e))
}

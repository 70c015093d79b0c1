//! Whether a server starts with the settings of now, found before anybody is stopped: they are tried on an empty cluster of the same
//! programs, which is made for it and removed again. The successor itself is not started with them: a library that is preloaded may act on
//! the data of the databases it finds (a scheduler runs its jobs), and here it finds none.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::carry::carry;
use super::reads::Reads;
use crate::error::{Error, Result};
use crate::postgres::binaries::Binaries;
use crate::postgres::control_file::ControlFile;
use crate::postgres::owner::{User, we_are_root};

const PATIENCE: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(20);
const LINES_SHOWN: usize = 6;
/// What it must not do, or need not: be found by others, speak to anybody, take the memory that the live server has.
const QUIET: &[(&str, &str)] = &[
    ("listen_addresses", ""),
    ("port", "5432"),
    ("external_pid_file", ""),
    ("archive_mode", "off"),
    ("max_logical_replication_workers", "0"),
    ("autovacuum", "off"),
    ("bonjour", "off"),
    ("fsync", "off"),
    ("shared_buffers", "16MB"),
    ("huge_pages", "off"),
    ("logging_collector", "off"),
    ("log_destination", "stderr"),
    ("log_line_prefix", ""),
    ("lc_messages", "C"),
];

/// The server's own words when it does not start; nothing when it does. `live` is not touched.
pub fn try_settings(live: &Path, reads: &Reads, control: &ControlFile, binaries: &Binaries) -> Result<Option<String>> {
    let folder = tempfile::Builder::new().prefix("rekindle-trial-").tempdir();
    let folder = folder.map_err(|e| Error::file("make", Path::new("a folder for a trial"), e))?;
    let trial = Trial { folder: folder.path(), data: folder.path().join("data"), owner: owner_of(live)?, binaries };
    if let Some(user) = trial.owner {
        chown(folder.path(), Some(user.uid), Some(user.gid)).map_err(|e| Error::file("give away", folder.path(), e))?;
    }
    trial.make(control)?;
    carry(reads, live, &trial.data)?;
    let (mut server, log) = (Server(trial.start(reads)?), folder.path().join("log"));
    for _ in 0..PATIENCE.as_millis() / LOOK_EVERY.as_millis() {
        if trial.is_ready() {
            return Ok(None);
        }
        if server.0.try_wait().map_err(|e| Error::file("wait for", &trial.data, e))?.is_some() {
            return Ok(Some(trial.said(&log, live)));
        }
        std::thread::sleep(LOOK_EVERY);
    }
    Ok(Some(format!("it is not ready after {} s", PATIENCE.as_secs())))
}

fn owner_of(live: &Path) -> Result<Option<User>> {
    let meta = fs::metadata(live).map_err(|e| Error::file("look at", live, e))?;
    Ok(we_are_root().then(|| User { uid: meta.uid(), gid: meta.gid() }))
}

struct Trial<'a> {
    folder: &'a Path,
    data: PathBuf,
    owner: Option<User>,
    binaries: &'a Binaries,
}

impl Trial<'_> {
    fn make(&self, control: &ControlFile) -> Result<()> {
        let mut command = self.command("initdb", "initdb.log")?;
        command.arg("-D").arg(&self.data).args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"]);
        command.arg(format!("--wal-segsize={}", control.wal_segment_bytes >> 20));
        let done = command.status().map_err(|e| Error::file("run", Path::new(command.get_program()), e))?;
        match done.success() {
            true => Ok(()),
            false => {
                let what = self.said(&self.folder.join("initdb.log"), &self.data);
                Err(Error::Program { program: "initdb".into(), what })
            }
        }
    }

    fn start(&self, reads: &Reads) -> Result<Child> {
        let mut command = self.command("postgres", "log")?;
        command.arg("-D").arg(&self.data);
        if let Some(file) = &reads.config_file {
            command.arg("-c").arg(format!("config_file={}", file.display()));
        }
        let own = [("data_directory", &self.data), ("unix_socket_directories", &self.folder.to_owned())]
            .map(|(name, path)| format!("{name}={}", path.display()));
        let quiet = QUIET.iter().map(|(name, value)| format!("{name}={value}"));
        for setting in own.into_iter().chain(quiet) {
            command.arg("-c").arg(setting);
        }
        command.spawn().map_err(|e| Error::file("run", Path::new(command.get_program()), e))
    }

    fn command(&self, program: &str, log: &str) -> Result<Command> {
        let path = self.folder.join(log);
        let failed = |e| Error::file("write", &path, e);
        let out = fs::File::create(&path).map_err(failed)?;
        let mut command = Command::new(self.binaries.program(program)?);
        command.current_dir(self.folder).env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").env("LC_ALL", "C");
        command.stdin(Stdio::null()).stderr(out.try_clone().map_err(failed)?).stdout(out);
        if let Some(user) = self.owner {
            command.uid(user.uid).gid(user.gid);
        }
        command.process_group(0);
        Ok(command)
    }

    /// The eighth line of its lock (pidfile.h) says so.
    fn is_ready(&self) -> bool {
        let lock = fs::read_to_string(self.data.join("postmaster.pid")).unwrap_or_default();
        lock.lines().nth(7).is_some_and(|state| state.trim() == "ready")
    }

    /// The end of a log, with the names that the files have in `live`.
    fn said(&self, log: &Path, live: &Path) -> String {
        let text = fs::read_to_string(log).unwrap_or_default();
        let text = text.replace(&self.data.display().to_string(), &live.display().to_string());
        let lines: Vec<&str> =
            text.lines().map(str::trim).filter(|line| !line.ends_with("system is shut down")).collect();
        lines[lines.len().saturating_sub(LINES_SHOWN)..].join("; ")
    }
}

/// Ends with the trial, and its folder after it.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(None)) {
            if let Some(pid) = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw) {
                let _ = kill_process(pid, Signal::QUIT);
            }
            let _ = self.0.wait();
        }
    }
}

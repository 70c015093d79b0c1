//! One mount, one process: what it is told to serve, how it serves it, and how others speak with it. It belongs to nobody: the
//! daemon that started it may end, and the next one finds it by its home.
//!
//! ```text
//!   HOME/mount.json   what to serve
//!   HOME/lock         held by the process for as long as it lives
//!   HOME/socket       one line of JSON asks, one answers; there when the tree is mounted
//!   HOME/log          what the process says
//!   HOME/whole        put when every page is present and durable: the skeleton is the plain directory
//!   HOME/skeleton …   see `skeleton`
//! ```
//! After a crash of the process or the host the same home is served again: `serve` takes away the dead mount and takes up the skeleton.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;
use vault::backup::read::BackupReader;
use vault::{Kind, Vault};

use crate::error::{Error, Result};
use crate::fs::{Fs, Way};
use crate::hydrate::{Hydration, hydrate};
use crate::session::{self, Session};
use crate::skeleton::{Fresh, Layout, Skeleton};

/// An answer that takes longer is none. Unmounting makes everything durable first.
const PATIENCE: Duration = Duration::from_secs(10);
const UNMOUNT_PATIENCE: Duration = Duration::from_secs(600);
const BUSY_LOOK_EVERY: Duration = Duration::from_millis(50);
const BUSY_LOOKS: u32 = 60;
const BEGINNING_LOOKS: u32 = 200;
/// How often a process that begins is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(2);
const LOG_BYTES_SHOWN: usize = 2000;
const WHOLE: &str = "whole";
/// Who looks whether a process lives has its lock for a moment.
const LOCK_TRIES: u32 = 100;
const LOCK_TRY_EVERY: Duration = Duration::from_millis(5);

/// What a process serves. `vault` says how to open the vault, in the words of whoever runs the process; no secret stands in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// Whose mount it is: only he may take it away.
    pub name: String,
    pub source: String,
    pub backup: String,
    /// The mount point: an empty folder.
    pub at: PathBuf,
    /// Whether what is fetched stays, and everything is fetched in the end.
    pub keep: bool,
    /// Bytes a second that are fetched ahead of use; 0 is no limit.
    pub limit: u64,
    pub layout: Layout,
    pub vault: serde_json::Value,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ask {
    Status,
    /// Whether to stop fetching ahead. A mount that was just made waits to be told to go on.
    Pause(bool),
    Limit(u64),
    /// Makes everything durable, unmounts, and ends the process. A tree in use stays.
    Unmount,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Answer {
    Status(Status),
    Done,
    Failed(String),
}

/// How a mount stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Bytes of all files of the backup.
    pub bytes_total: u64,
    /// Bytes of them that are in the skeleton.
    pub bytes_present: u64,
    /// What is synced in it outlives a crash. Before that it is made anew after one.
    pub durable: bool,
    /// Everything is present and durable.
    pub whole: bool,
    pub paused: bool,
    pub limit: u64,
    /// Fetched ahead so far, and for how many milliseconds.
    pub bytes_ahead: u64,
    pub milliseconds: u64,
    /// Pages that somebody wanted and the vault could not give.
    pub failures: u64,
    /// How long ago that was seen to happen last.
    pub milliseconds_since_failure: Option<u64>,
    /// Why fetching ahead has stopped.
    pub stalled: Option<String>,
}

impl Order {
    pub fn read(home: &Path) -> Result<Order> {
        let path = home.join("mount.json");
        let text = fs::read(&path).map_err(|e| Error::file("read", &path, e))?;
        serde_json::from_slice(&text).map_err(|e| Error::file("understand", &path, e.into()))
    }

    /// Readable by its owner only.
    pub fn write(&self, home: &Path) -> Result<()> {
        let path = home.join("mount.json");
        let new = home.join("mount.json.new");
        let write = || {
            let file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new);
            let mut file = file?;
            file.write_all(&serde_json::to_vec_pretty(self)?)?;
            file.sync_all()?;
            fs::rename(&new, &path)?;
            File::open(home)?.sync_all()
        };
        write().map_err(|e| Error::file("write", &path, e))
    }
}

/// The process of a home, whether it runs or not.
#[derive(Debug, Clone)]
pub struct Process {
    home: PathBuf,
}

impl Process {
    pub fn of(home: &Path) -> Process {
        Process { home: home.to_owned() }
    }

    /// Starts `program mount-serve HOME` in a session of its own and waits until its tree is there. `go_on` may give up, and then the
    /// process goes too. Blocks.
    pub fn start(&self, program: &Path, mut go_on: impl FnMut() -> bool) -> Result<()> {
        let mut child = self.spawn(program)?;
        loop {
            if self.ask(&Ask::Status).is_ok() {
                reap(child);
                return Ok(());
            }
            let ended = child.try_wait().map_err(|e| Error::file("wait for", program, e))?;
            if let Some(status) = ended {
                return Err(match (status.code() == Some(Kind::Damaged.exit_code().into()), self.failed()) {
                    (true, Error::Process { home, what }) => Error::Damaged { home, what },
                    (_, failed) => failed,
                });
            }
            if !go_on() {
                let _ = child.kill();
                reap(child);
                session::clear(&Order::read(&self.home)?.at)?;
                return Err(vault::Error::Cancelled.into());
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }

    fn spawn(&self, program: &Path) -> Result<Child> {
        let path = self.home.join("log");
        let log = fs::OpenOptions::new().create(true).append(true).mode(0o600).open(&path);
        let log = log.map_err(|e| Error::file("open", &path, e))?;
        let mut command = Command::new(program);
        command.arg("mount-serve").arg(&self.home).current_dir("/").process_group(0);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).envs(session::ENVIRONMENT);
        command.spawn().map_err(|e| Error::file("run", program, e))
    }

    /// The local tree; becomes the plain directory.
    pub fn skeleton(&self) -> PathBuf {
        self.home.join("skeleton")
    }

    /// Whether every page is present and durable.
    pub fn is_whole(&self) -> bool {
        self.home.join(WHOLE).exists()
    }

    /// Whether the process lives.
    pub fn is_alive(&self) -> bool {
        match File::open(self.home.join("lock")) {
            Ok(file) => matches!(file.try_lock(), Err(fs::TryLockError::WouldBlock)),
            Err(_) => false,
        }
    }

    pub fn status(&self) -> Result<Status> {
        match self.ask(&Ask::Status)? {
            Answer::Status(status) => Ok(status),
            _ => Err(self.failed()),
        }
    }

    /// Waits until what is synced outlives a crash. Blocks.
    pub fn wait_durable(&self) -> Result<()> {
        loop {
            let status = self.status()?;
            match status.stalled {
                _ if status.durable => return Ok(()),
                Some(what) => return Err(Error::Process { home: self.home.display().to_string(), what }),
                None => std::thread::sleep(LOOK_EVERY),
            }
        }
    }

    /// For all that have nothing to tell but that it is done.
    pub fn tell(&self, ask: &Ask) -> Result<()> {
        match self.ask(ask)? {
            Answer::Failed(what) => Err(Error::Process { home: self.home.display().to_string(), what }),
            _ => Ok(()),
        }
    }

    /// Unmounts and waits for the end of the process. A tree in use stays. One that nobody serves is cleared.
    pub fn unmount(&self) -> Result<()> {
        let mut looks = 0;
        while self.is_alive() {
            match self.tell(&Ask::Unmount) {
                // One that has just begun cannot be asked yet.
                Err(Error::File { .. }) if looks < BEGINNING_LOOKS => {
                    looks += 1;
                    std::thread::sleep(BUSY_LOOK_EVERY);
                }
                done => {
                    done?;
                    break;
                }
            }
        }
        while self.is_alive() {
            std::thread::sleep(LOOK_EVERY);
        }
        session::clear(&Order::read(&self.home)?.at)
    }

    fn ask(&self, ask: &Ask) -> Result<Answer> {
        let asked = || {
            let mut stream = UnixStream::connect(socket(&File::open(&self.home)?))?;
            stream.set_read_timeout(Some(if *ask == Ask::Unmount { UNMOUNT_PATIENCE } else { PATIENCE }))?;
            stream.write_all(format!("{}\n", serde_json::to_string(ask)?).as_bytes())?;
            let mut line = String::new();
            BufReader::new(stream).read_line(&mut line)?;
            Ok(serde_json::from_str(&line)?)
        };
        asked().map_err(|e| Error::file("ask the mount of", &self.home, e))
    }

    /// What the process said last.
    fn failed(&self) -> Error {
        let log = fs::read_to_string(self.home.join("log")).unwrap_or_default();
        let from = log.char_indices().rev().take(LOG_BYTES_SHOWN).last().map_or(0, |(at, _)| at);
        let lines = || log[from..].lines().rev();
        let last = lines().find_map(|line| line.strip_prefix("error: ")).or_else(|| lines().next());
        Error::Process { home: self.home.display().to_string(), what: last.unwrap_or("it said nothing").to_owned() }
    }
}

/// A child that ended stays in the process table until it is waited for.
fn reap(mut child: Child) {
    std::thread::spawn(move || child.wait());
}

/// The socket's path, short however deep the home lies.
fn socket(home: &File) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}/socket", home.as_raw_fd()))
}

/// Serves until it is asked to unmount, or the tree was unmounted by somebody else. Blocks; not to be called on a thread of the runtime.
pub fn serve(vault: &Vault, home: &Path, order: &Order, runtime: &Handle) -> Result<()> {
    let _lock = take_lock(home)?;
    // Modes are what those ask for who make something in the tree; the home is closed to others.
    rustix::process::umask(rustix::fs::Mode::empty());
    session::clear(&order.at)?;
    let folder = File::open(home).map_err(|e| Error::file("open", home, e))?;
    let _ = fs::remove_file(socket(&folder));
    let source = order.source.parse().map_err(Error::Vault)?;
    let backup = order.backup.parse().map_err(Error::Vault)?;
    let reader = Arc::new(runtime.block_on(BackupReader::open(vault, &source, &backup))?);
    let Skeleton { base, presence, root, fresh } = Skeleton::open(reader, home, &order.layout, runtime)?;
    let way = Way { keep: order.keep, direct: rustix::process::geteuid().is_root() };
    let fs = Fs::new(base, presence, &root, way).map_err(|e| Error::file("open", &root, e.into()))?;
    let serving = Arc::new(Serving::new(home, Arc::new(fs), order, vault));
    let mut session = Session::mount(serving.fs.clone(), &order.at)?;
    let listener = UnixListener::bind(socket(&folder)).map_err(|e| Error::file("listen in", home, e))?;
    fs::set_permissions(socket(&folder), fs::Permissions::from_mode(0o600))
        .map_err(|e| Error::file("set the mode of the socket in", home, e))?;
    runtime.spawn(unmount_when_told(home.to_owned()));
    // Who makes a mount says when there is time for the rest: until then whoever opens it has the machine.
    serving.hydration.paused.store(fresh.is_some(), Ordering::Relaxed);
    let at_work = serving.clone();
    let working = std::thread::spawn(move || at_work.work(fresh));
    tracing::info!(at = %order.at.display(), backup = order.backup, keep = order.keep, "mounted");
    serving.answer_all(&listener, &mut session);
    serving.hydration.stopped.store(true, Ordering::Relaxed);
    let _ = working.join();
    serving.fs.settle_all().map_err(|e| Error::file("make durable", home, e.into()))?;
    let _ = fs::remove_file(socket(&folder));
    tracing::info!(at = %order.at.display(), "unmounted");
    Ok(())
}

fn take_lock(home: &Path) -> Result<File> {
    let path = home.join("lock");
    let file = File::create(&path).map_err(|e| Error::file("make", &path, e))?;
    for _ in 0..LOCK_TRIES {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(fs::TryLockError::WouldBlock) => std::thread::sleep(LOCK_TRY_EVERY),
            Err(fs::TryLockError::Error(e)) => return Err(Error::file("lock", &path, e)),
        }
    }
    Err(Error::Served { home: home.display().to_string() })
}

/// The host goes down, or somebody ends us by hand: as if we were asked.
async fn unmount_when_told(home: PathBuf) {
    let Ok(mut told) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) else { return };
    while told.recv().await.is_some() {
        let process = Process::of(&home);
        let asked = tokio::task::spawn_blocking(move || process.tell(&Ask::Unmount)).await;
        if let Ok(Err(error)) = asked {
            tracing::warn!(%error, "told to end, and cannot");
        }
    }
}

/// A mounted tree and what is known of it.
struct Serving {
    home: PathBuf,
    at: PathBuf,
    fs: Arc<Fs>,
    hydration: Hydration,
    vault: Vault,
    begun: Duration,
    durable: AtomicBool,
    /// Failures as they were at the last look, and when they had grown.
    failed: Mutex<(u64, Option<Duration>)>,
    stalled: Mutex<Option<String>>,
}

impl Serving {
    fn new(home: &Path, fs: Arc<Fs>, order: &Order, vault: &Vault) -> Serving {
        let hydration = Hydration::default();
        hydration.limit.store(order.limit, Ordering::Relaxed);
        let (home, at, begun) = (home.to_owned(), order.at.clone(), vault.env().monotonic());
        let (vault, durable, failed, stalled) =
            (vault.clone(), AtomicBool::new(false), Mutex::default(), Mutex::default());
        Serving { home, at, fs, hydration, vault, begun, durable, failed, stalled }
    }

    fn is_whole(&self) -> bool {
        Process::of(&self.home).is_whole()
    }

    /// What is done beside: what was made becomes durable, then what is missing is brought in.
    fn work(&self, fresh: Option<Fresh>) {
        let settle = |fresh: Fresh| {
            self.fs.settle_all().map_err(|e| e.to_string())?;
            fresh.finish().map_err(|e| e.to_string())
        };
        match fresh.map_or(Ok(()), settle) {
            Ok(()) => self.durable.store(true, Ordering::Relaxed),
            Err(what) => return self.stall(what),
        }
        if self.fs.way().keep && !self.is_whole() {
            self.bring_in();
        }
    }

    fn stall(&self, what: String) {
        tracing::error!(what, "not everything could be fetched");
        *self.stalled.lock().unwrap_or_else(PoisonError::into_inner) = Some(what);
    }

    fn bring_in(&self) {
        let done = hydrate(&self.fs, &self.hydration, self.vault.env());
        let done = done.map_err(|e| e.to_string()).and_then(|whole| {
            let put = || File::create(self.home.join(WHOLE))?.sync_all().and(File::open(&self.home)?.sync_all());
            if whole { put().map_err(|e: std::io::Error| e.to_string()) } else { Ok(()) }
        });
        if let Err(what) = done {
            self.stall(what);
        }
    }

    fn answer_all(&self, listener: &UnixListener, session: &mut Session) {
        for stream in listener.incoming() {
            let Ok(stream) = stream else { continue };
            match self.answer(stream, session) {
                Ok(true) => return,
                Ok(false) if !session::is_mounted(&self.at) => return,
                Ok(false) => {}
                Err(error) => tracing::debug!(%error, "somebody asked and went away"),
            }
        }
    }

    /// Whether this was the end.
    fn answer(&self, mut stream: UnixStream, session: &mut Session) -> std::io::Result<bool> {
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut line = String::new();
        BufReader::new(stream.try_clone()?).read_line(&mut line)?;
        let (answer, over) = match serde_json::from_str(&line) {
            Ok(Ask::Status) => (Answer::Status(self.status()), false),
            Ok(Ask::Pause(paused)) => {
                self.hydration.paused.store(paused, Ordering::Relaxed);
                (Answer::Done, false)
            }
            Ok(Ask::Limit(limit)) => {
                self.hydration.limit.store(limit, Ordering::Relaxed);
                (Answer::Done, false)
            }
            Ok(Ask::Unmount) => match self.unmount(session) {
                Ok(()) => (Answer::Done, true),
                Err(what) => (Answer::Failed(what), false),
            },
            Err(error) => (Answer::Failed(format!("not understood: {error}")), false),
        };
        let answered = stream.write_all(format!("{}\n", serde_json::to_string(&answer)?).as_bytes());
        if over { Ok(true) } else { answered.map(|()| false) }
    }

    /// Durable first, so that a kill after the answer loses nothing.
    fn unmount(&self, session: &mut Session) -> Result<(), String> {
        self.fs.settle_all().map_err(|e| format!("it cannot be made durable: {e}"))?;
        let mut tries = 0;
        loop {
            match session.unmount() {
                Ok(()) => return Ok(()),
                // The last processes of a server that was stopped take a moment to go.
                Err(error) if error.is_busy() && tries < BUSY_LOOKS => {
                    tries += 1;
                    std::thread::sleep(BUSY_LOOK_EVERY);
                }
                Err(error) => {
                    let why = std::error::Error::source(&error).map_or(String::new(), |why| format!(": {why}"));
                    return Err(format!("{error}{why}"));
                }
            }
        }
    }

    fn milliseconds_since_failure(&self) -> Option<u64> {
        let (now, failures) = (self.vault.env().monotonic(), self.fs.failures());
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        if failures > failed.0 {
            *failed = (failures, Some(now));
        }
        failed.1.map(|at| now.saturating_sub(at).as_millis() as u64)
    }

    fn status(&self) -> Status {
        let mut status = Status {
            durable: self.durable.load(Ordering::Relaxed),
            whole: self.is_whole(),
            paused: self.hydration.paused.load(Ordering::Relaxed),
            limit: self.hydration.limit.load(Ordering::Relaxed),
            bytes_ahead: self.hydration.bytes(),
            milliseconds: self.vault.env().monotonic().saturating_sub(self.begun).as_millis() as u64,
            failures: self.fs.failures(),
            milliseconds_since_failure: self.milliseconds_since_failure(),
            stalled: self.stalled.lock().unwrap_or_else(PoisonError::into_inner).clone().or(self.hydration.trouble()),
            ..Status::default()
        };
        for file in self.fs.base().files() {
            status.bytes_total += file.size;
            let present = self.fs.presence().count(file.bits) * u64::from(file.page_size);
            status.bytes_present += present.min(file.size);
        }
        if status.whole {
            status.bytes_present = status.bytes_total;
        }
        status
    }
}

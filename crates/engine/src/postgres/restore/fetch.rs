//! Hands the log to a recovering server. This process fetches the next files ahead into a spool, so that replay and not fetching
//! is the limit. For each file the server runs a command that moves it out of the spool; only where it is not there yet, or at all,
//! it goes on to `rekindle wal-fetch SOCKET NAME DEST`, which asks this process and waits.
//!
//! A file that cannot be fetched is an error and not an end of the log: the server is told so in a way (exit code over 125) that
//! stops it instead of letting it come up with less.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use vault::Vault;
use vault::log::read::LogIndex;
use vault::names::{LogRange, SourceName};

use super::Prepared;
use crate::error::{Error, Result};
use crate::postgres::lineage::Lineage;
use crate::postgres::lsn::Lsn;
use crate::postgres::owner::User;
use crate::postgres::target::Resolved;
use crate::postgres::wal::names::{Segment, history_file_name, parse_history_file_name};

/// Log fetched ahead of the file asked for; it lies on disk. As much as a server keeps in pg_wal by itself.
const AHEAD_BYTES: u64 = 1 << 30;
/// Segments opened side by side, each in memory.
const AT_A_TIME: usize = 2;
const SPOOL: &str = "rekindle.spool.";
/// A file in the making has this name and gets its own when it is whole.
const SPOOL_PART: &str = "rekindle.spool-part.";
/// How often it is looked which files the server has moved away.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What is said to the asking side.
const OK: &str = "ok";
const ABSENT: &str = "absent";

/// The log on its way to a restored directory. Fetching ahead begins at once, beside the writing of the files.
#[derive(Debug)]
pub(super) struct Fetch {
    state: Arc<State>,
    answering: Option<[JoinHandle<()>; 2]>,
    socket: PathBuf,
}

#[derive(Debug)]
struct State {
    index: LogIndex,
    lineage: Lineage,
    segment_bytes: u64,
    /// Log behind this is not needed.
    end: Lsn,
    into: PathBuf,
    owner: Option<User>,
    at_a_time: Semaphore,
    /// Memory of segments that are written: fresh memory costs as much time as opening a segment.
    buffers: Mutex<Vec<Vec<u8>>>,
    ahead: tokio::sync::Mutex<BTreeMap<Segment, JoinHandle<Result<bool>>>>,
    failure: Mutex<Option<Error>>,
    spooled: Mutex<BTreeSet<Segment>>,
}

impl Fetch {
    pub(super) async fn begin(
        vault: &Vault,
        source: &SourceName,
        resolved: &Resolved,
        prepared: &Prepared,
    ) -> Result<Fetch> {
        remove_spool(&prepared.into);
        let state = Arc::new(State {
            index: LogIndex::load(vault, source).await?,
            lineage: resolved.lineage.clone(),
            segment_bytes: resolved.info.wal_segment_bytes,
            end: resolved.log_end,
            into: prepared.into.clone(),
            owner: prepared.owner,
            at_a_time: Semaphore::new(AT_A_TIME),
            buffers: Mutex::default(),
            ahead: tokio::sync::Mutex::default(),
            failure: Mutex::default(),
            spooled: Mutex::default(),
        });
        let first = Segment::at(resolved.backup.head.timeline, Lsn(resolved.backup.head.log_from), state.segment_bytes);
        state.begin_ahead(first).await;
        Ok(Fetch { state, answering: None, socket: prepared.fetch_socket.clone() })
    }

    /// Answers a recovering server from here on.
    pub(super) fn answer(&mut self) -> Result<()> {
        let _ = std::fs::remove_file(&self.socket);
        let listener = UnixListener::bind(&self.socket).map_err(|e| Error::file("listen at", &self.socket, e))?;
        if let Some(user) = self.state.owner {
            std::os::unix::fs::chown(&self.socket, Some(user.uid), Some(user.gid))
                .map_err(|e| Error::file("give away", &self.socket, e))?;
        }
        let serving = tokio::spawn(serve(listener, self.state.clone()));
        self.answering = Some([serving, tokio::spawn(top_up(self.state.clone()))]);
        Ok(())
    }

    /// Puts all the log that a target needs, and the histories of its timelines, into `pg_wal`.
    pub(super) async fn place_all(&self, resolved: &Resolved) -> Result<()> {
        let state = &self.state;
        let histories = state.index.timelines().filter(|timeline| state.lineage.contains(*timeline));
        for timeline in histories.filter(|timeline| state.index.has_history(*timeline)) {
            state.place(&history_file_name(timeline)).await?;
        }
        let (timeline, from) = (resolved.backup.head.timeline, Lsn(resolved.backup.head.log_from));
        let end = Lsn(resolved.log_end.0 + 1);
        for (timeline, from, to) in state.lineage.pieces(timeline, from, end) {
            let mut segment = Segment::at(timeline, from, state.segment_bytes);
            while segment.start(state.segment_bytes) < to {
                state.place(&segment.file_name(state.segment_bytes)).await?;
                segment = segment.next();
            }
        }
        Ok(())
    }

    /// What went wrong while fetching, once.
    pub(super) fn failure(&self) -> Option<Error> {
        lock(&self.state.failure).take()
    }

    pub(super) async fn stop(self) {
        if let Some(answering) = self.answering {
            answering.iter().for_each(JoinHandle::abort);
            let _ = std::fs::remove_file(&self.socket);
        }
        for task in std::mem::take(&mut *self.state.ahead.lock().await).into_values() {
            task.abort();
            let _ = task.await;
        }
        remove_spool(&self.state.into);
    }
}

/// Also what a restore left that was killed.
fn remove_spool(into: &Path) {
    let Ok(entries) = std::fs::read_dir(into) else { return };
    let ours = |name: &str| name.starts_with(SPOOL) || name.starts_with(SPOOL_PART);
    for entry in entries.flatten().filter(|entry| ours(&entry.file_name().to_string_lossy())) {
        let _ = std::fs::remove_file(entry.path());
    }
}

/// What the server runs for each file: `restore_command`. `%f` and `%p` are filled in by the server, which stands in `into`.
pub(super) fn restore_command(program: &Path, socket: &Path) -> String {
    let (program, socket) = (shell_quoted(program), shell_quoted(socket));
    format!("mv -f {SPOOL}%f %p 2>/dev/null || exec {program} wal-fetch {socket} %f %p")
}

/// For the shell that the server runs the command with, and for `%` in restore_command.
pub(super) fn shell_quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', "'\\''").replace('%', "%%"))
}

/// Goes on fetching as the server takes files out of the spool.
async fn top_up(state: Arc<State>) {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let mut ahead = state.ahead.lock().await;
        let taken = |(segment, task): (&Segment, &JoinHandle<_>)| {
            (task.is_finished() && !state.spool(*segment).exists()).then_some(*segment)
        };
        // A fetch that failed or found nothing leaves no file either: it stays until somebody asks for it.
        let newest = ahead.iter().filter_map(taken).filter(|segment| state.was_spooled(*segment)).max();
        let Some(newest) = newest else { continue };
        ahead.retain(|segment, task| *segment > newest || !task.is_finished());
        drop(ahead);
        state.begin_ahead(newest.next()).await;
    }
}

async fn serve(listener: UnixListener, state: Arc<State>) {
    while let Ok((stream, _)) = listener.accept().await {
        let state = state.clone();
        tokio::spawn(async move {
            if let Err(error) = answer(stream, &state).await {
                tracing::warn!(%error, "the recovering server was not answered");
            }
        });
    }
}

async fn answer(stream: UnixStream, state: &Arc<State>) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut line = String::new();
    BufReader::new(read.take(8192)).read_line(&mut line).await?;
    let mut words = line.trim_end_matches('\n').splitn(2, '\t');
    let (name, dest) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let reply = match state.deliver(name, Path::new(dest)).await {
        Ok(true) => OK.to_owned(),
        Ok(false) => ABSENT.to_owned(),
        Err(error) => {
            let text = format!("{error}").replace('\n', " ");
            tracing::error!(name, error = text, "a file of the log could not be fetched");
            lock(&state.failure).get_or_insert(error);
            text
        }
    };
    write.write_all(format!("{reply}\n").as_bytes()).await
}

impl State {
    async fn place(self: &Arc<State>, name: &str) -> Result<bool> {
        self.deliver(name, &Path::new("pg_wal").join(name)).await
    }

    /// Puts a file where the server wants it; false when the vault has none of that name.
    async fn deliver(self: &Arc<State>, name: &str, dest: &Path) -> Result<bool> {
        let dest = self.into.join(dest);
        if let Some(timeline) = parse_history_file_name(name) {
            if !self.index.has_history(timeline)
                || !self.lineage.contains(timeline) && timeline <= self.lineage.timeline()
            {
                return Ok(false);
            }
            let content = self.index.history(timeline).await?;
            return self.write(&dest, &content).map(|()| true);
        }
        let Some(segment) = Segment::parse(name, self.segment_bytes) else { return Ok(false) };
        let task = self.take_ahead(segment).await;
        let mut found = task.await.map_err(|e| vault::Error::Internal(e.to_string()))??;
        let spool = self.spool(segment);
        if found && !spool.exists() {
            // The server took it before and wants it again.
            found = self.clone().spool_segment(segment).await?;
        }
        if found {
            std::fs::rename(&spool, &dest).map_err(|e| Error::file("place", &dest, e))?;
        }
        Ok(found)
    }

    fn was_spooled(&self, segment: Segment) -> bool {
        lock(&self.spooled).contains(&segment)
    }

    async fn begin_ahead(self: &Arc<State>, first: Segment) {
        let mut ahead = self.ahead.lock().await;
        let mut segment = first;
        for _ in 0..=AHEAD_BYTES / self.segment_bytes {
            if segment.start(self.segment_bytes) < self.end {
                ahead.entry(segment).or_insert_with(|| tokio::spawn(self.clone().spool_segment(segment)));
            }
            segment = segment.next();
        }
    }

    async fn take_ahead(self: &Arc<State>, segment: Segment) -> JoinHandle<Result<bool>> {
        let task = self.ahead.lock().await.remove(&segment);
        let task = task.unwrap_or_else(|| tokio::spawn(self.clone().spool_segment(segment)));
        self.begin_ahead(segment.next()).await;
        task
    }

    fn part(&self, segment: Segment) -> PathBuf {
        self.into.join(format!("{SPOOL_PART}{}", segment.file_name(self.segment_bytes)))
    }

    fn spool(&self, segment: Segment) -> PathBuf {
        self.into.join(format!("{SPOOL}{}", segment.file_name(self.segment_bytes)))
    }

    /// Writes a segment into the spool: whole, or filled up with zeroes where the log needed ends in it.
    async fn spool_segment(self: Arc<State>, segment: Segment) -> Result<bool> {
        let (start, end) = (segment.start(self.segment_bytes), segment.end(self.segment_bytes));
        let stretches = self.index.stretches(segment.timeline);
        let Some(stretch) = stretches.iter().find(|stretch| stretch.from <= start.0 && start.0 < stretch.to) else {
            return Ok(false);
        };
        let to = end.0.min(stretch.to);
        let _turn = self.at_a_time.acquire().await.map_err(|e| vault::Error::Internal(e.to_string()))?;
        let mut bytes = lock(&self.buffers).pop().unwrap_or_default();
        self.index.read_into(LogRange { timeline: segment.timeline, from: start.0, to }, &mut bytes).await?;
        bytes.resize(self.segment_bytes as usize, 0);
        let (spool, part) = (self.spool(segment), self.part(segment));
        let state = self.clone();
        let written = tokio::task::spawn_blocking(move || {
            state.write(&part, &bytes)?;
            std::fs::rename(&part, &spool).map_err(|e| Error::file("place", &spool, e))?;
            lock(&state.spooled).insert(segment);
            lock(&state.buffers).push(bytes);
            Ok::<(), Error>(())
        });
        written.await.map_err(|e| vault::Error::Internal(e.to_string()))??;
        Ok(true)
    }

    /// Not made durable: a recovery that is cut short fetches it again.
    fn write(&self, path: &Path, bytes: &[u8]) -> Result<()> {
        std::fs::write(path, bytes).map_err(|e| Error::file("write", path, e))?;
        if let Some(user) = self.owner {
            std::os::unix::fs::chown(path, Some(user.uid), Some(user.gid))
                .map_err(|e| Error::file("give away", path, e))?;
        }
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))
            .map_err(|e| Error::file("set the mode of", path, e))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The asking side, run by the server as `restore_command`. Returns the exit code for it: 0 delivered, 1 there is no such file,
/// 255 something is wrong and the recovery must stop. Plain blocking calls: it lives for a millisecond.
pub fn ask(socket: &Path, name: &str, dest: &str) -> (u8, String) {
    use std::io::{BufRead, Write};
    let asked = std::os::unix::net::UnixStream::connect(socket).and_then(|mut stream| {
        stream.write_all(format!("{name}\t{dest}\n").as_bytes())?;
        let mut reply = String::new();
        std::io::BufReader::new(stream).read_line(&mut reply)?;
        Ok(reply.trim_end().to_owned())
    });
    match asked {
        Ok(reply) if reply == OK => (0, String::new()),
        Ok(reply) if reply == ABSENT => (1, String::new()),
        Ok(reply) => (255, reply),
        Err(error) => {
            (255, format!("the restore that should deliver {name} does not answer at {}: {error}", socket.display()))
        }
    }
}

//! Hands the log to a recovering server. This process fetches the next files ahead into a spool, so that replay and not fetching
//! is the limit. For each file the server runs a command that moves it out of the spool; only where it is not there yet, or at all,
//! it goes on to `rekindle wal-fetch SOCKET NAME DEST`, which asks this process and waits.
//!
//! A file that cannot be fetched is an error and not an end of the log: the server is told so in a way (exit code over 125) that
//! stops it instead of letting it come up with less.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinHandle;
use vault::log::read::LogIndex;

use super::Prepared;
use crate::error::{Error, Result};
use crate::postgres::lsn::Lsn;
use crate::postgres::owner::User;
use crate::postgres::target::Resolved;
use crate::postgres::wal::names::{Segment, history_file_name};

mod spool;

use spool::{Order, SPOOL, Spool};

/// As much as a server keeps in pg_wal by itself.
const AHEAD_BYTES: u64 = 1 << 30;
/// What is said to the asking side.
const OK: &str = "ok";
const ABSENT: &str = "absent";

/// The log on its way to a restored directory. Fetching ahead begins at once, beside the writing of the files.
#[derive(Debug)]
pub(super) struct Fetch {
    spool: Arc<Spool>,
    socket: PathBuf,
    owner: Option<User>,
    answering: Option<[JoinHandle<()>; 2]>,
    failure: Arc<Mutex<Option<Error>>>,
}

impl Fetch {
    pub(super) async fn begin(log: LogIndex, resolved: &Resolved, prepared: &Prepared) -> Fetch {
        let segment_bytes = resolved.info.wal_segment_bytes;
        let order = Order {
            lineage: resolved.lineage.clone(),
            segment_bytes,
            end: resolved.log_end,
            ahead_bytes: AHEAD_BYTES,
            into: prepared.into.clone(),
            owner: prepared.owner,
        };
        let spool = Spool::new(log, order);
        let first = Segment::at(resolved.backup.head.timeline, Lsn(resolved.backup.head.log_from), segment_bytes);
        spool.fetch_ahead(first).await;
        let (socket, owner) = (prepared.fetch_socket.clone(), prepared.owner);
        Fetch { spool, socket, owner, answering: None, failure: Arc::default() }
    }

    /// Answers a recovering server from here on.
    pub(super) fn answer(&mut self) -> Result<()> {
        let _ = std::fs::remove_file(&self.socket);
        let listener = UnixListener::bind(&self.socket).map_err(|e| Error::file("listen at", &self.socket, e))?;
        if let Some(user) = self.owner {
            std::os::unix::fs::chown(&self.socket, Some(user.uid), Some(user.gid))
                .map_err(|e| Error::file("give away", &self.socket, e))?;
        }
        let serving = tokio::spawn(serve(listener, self.spool.clone(), self.failure.clone()));
        self.answering = Some([serving, tokio::spawn(spool::top_up(self.spool.clone()))]);
        Ok(())
    }

    /// Puts all the log that a target needs, and the histories of its timelines, into `pg_wal`.
    pub(super) async fn place_all(&self, resolved: &Resolved) -> Result<()> {
        let place = |name: String| async move { self.spool.deliver(&name, &Path::new("pg_wal").join(&name)).await };
        for timeline in self.spool.histories() {
            place(history_file_name(timeline)).await?;
        }
        let (timeline, from) = (resolved.backup.head.timeline, Lsn(resolved.backup.head.log_from));
        let (end, segment_bytes) = (Lsn(resolved.log_end.0 + 1), resolved.info.wal_segment_bytes);
        for (timeline, from, to) in resolved.lineage.pieces(timeline, from, end) {
            let mut segment = Segment::at(timeline, from, segment_bytes);
            while segment.start(segment_bytes) < to {
                place(segment.file_name(segment_bytes)).await?;
                segment = segment.next();
            }
        }
        Ok(())
    }

    /// What went wrong while fetching, once.
    pub(super) fn failure(&self) -> Option<Error> {
        lock(&self.failure).take()
    }

    /// Leaves nothing of itself behind.
    pub(super) async fn stop(self) {
        if let Some(answering) = self.answering {
            answering.iter().for_each(JoinHandle::abort);
            let _ = std::fs::remove_file(&self.socket);
        }
        self.spool.close().await;
    }
}

/// What the server runs for each file: `restore_command`. `%f` and `%p` are filled in by the server, which stands in `into`.
pub(super) fn restore_command(program: &Path, socket: &Path) -> String {
    let (program, socket) = (shell_quoted(program), shell_quoted(socket));
    format!("mv -f {SPOOL}%f %p 2>/dev/null || exec {program} wal-fetch {socket} %f %p")
}

/// For the shell that the server runs the command with, and for `%` in restore_command.
fn shell_quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', "'\\''").replace('%', "%%"))
}

async fn serve(listener: UnixListener, spool: Arc<Spool>, failure: Arc<Mutex<Option<Error>>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (spool, failure) = (spool.clone(), failure.clone());
        tokio::spawn(async move {
            if let Err(error) = answer(stream, &spool, &failure).await {
                tracing::warn!(%error, "the recovering server was not answered");
            }
        });
    }
}

async fn answer(stream: UnixStream, spool: &Arc<Spool>, failure: &Mutex<Option<Error>>) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut line = String::new();
    BufReader::new(read.take(8192)).read_line(&mut line).await?;
    let mut words = line.trim_end_matches('\n').splitn(2, '\t');
    let (name, dest) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let reply = match spool.deliver(name, Path::new(dest)).await {
        Ok(true) => OK.to_owned(),
        Ok(false) => ABSENT.to_owned(),
        Err(error) => {
            let text = format!("{error}").replace('\n', " ");
            tracing::error!(name, error = text, "a file of the log could not be fetched");
            lock(failure).get_or_insert(error);
            text
        }
    };
    write.write_all(format!("{reply}\n").as_bytes()).await
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The asking side, `rekindle wal-fetch`, where `restore_command` found no file in the spool. Returns the exit code for it: 0 delivered, 1 there is no such file,
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

#[cfg(test)]
mod tests;

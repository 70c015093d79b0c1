//! Runs one program to its end as the owner of the server's files, never as root: clean environment, a process group of its own,
//! all of which is killed at the time limit, when the program itself has ended, and when nobody waits for it any more.

use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::Command;
use vault::backup::tree::Progress;

use super::cancel::cancelled;
use super::owner::{self, User};
use crate::error::{Error, Result};

const PATH: &str = "/usr/local/bin:/usr/bin:/bin";
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Without Debug: a password may stand in the environment.
pub(crate) struct Program {
    pub(crate) path: PathBuf,
    pub(crate) arguments: Vec<String>,
    pub(crate) environment: Vec<(String, String)>,
    /// Whom to become; none means to stay who we are, which must not be root.
    pub(crate) run_as: Option<User>,
    pub(crate) limit: Option<Duration>,
    /// How much of the end of each output is kept.
    pub(crate) output_bytes_max: usize,
}

#[derive(Debug)]
pub(crate) struct Ran {
    /// None when it was killed at the time limit.
    pub(crate) status: Option<ExitStatus>,
    pub(crate) stdout: Output,
    pub(crate) stderr: Output,
}

impl Ran {
    pub(crate) fn succeeded(&self) -> bool {
        self.status.is_some_and(|status| status.success())
    }
}

/// The end of what a program said.
#[derive(Debug, Default)]
pub(crate) struct Output {
    kept: Vec<u8>,
    /// Whether there was more before it.
    pub(crate) is_cut: bool,
}

impl Output {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.kept).trim().to_owned()
    }

    fn take(&mut self, bytes: &[u8], most: usize) {
        self.kept.extend_from_slice(bytes);
        if self.kept.len() > most {
            self.kept.drain(..self.kept.len() - most);
            self.is_cut = true;
        }
    }
}

/// Kills what is left of the group when it goes out of scope.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.0 {
            let _ = kill_process_group(leader, Signal::KILL);
        }
    }
}

impl Program {
    pub(crate) async fn run(&self, progress: &Progress) -> Result<Ran> {
        let mut child = self.command()?.spawn().map_err(|e| Error::file("run", &self.path, e))?;
        let group = Group(child.id().and_then(|id| Pid::from_raw(id.cast_signed())));
        let (mut out, mut err) = (child.stdout.take(), child.stderr.take());
        let (mut stdout, mut stderr) = (Output::default(), Output::default());
        let ended = async {
            let status = tokio::select! {
                status = child.wait() => status.map(Some).map_err(|e| Error::file("wait for", &self.path, e)),
                () = wait_limit(self.limit) => Ok(None),
                error = cancelled(progress) => Err(error),
            };
            // Others of the group hold the pipes open.
            drop(group);
            status
        };
        let most = self.output_bytes_max;
        let reading =
            async { tokio::join!(read_end(&mut out, &mut stdout, most), read_end(&mut err, &mut stderr, most)) };
        let status = end_and_last_words(ended, reading).await?;
        Ok(Ran { status, stdout, stderr })
    }

    fn command(&self) -> Result<Command> {
        self.refuse_root(owner::we_are_root())?;
        let mut command = Command::new(&self.path);
        command.args(&self.arguments).current_dir("/").env_clear().env("PATH", PATH).env("LC_ALL", "C.UTF-8");
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.process_group(0).kill_on_drop(true);
        if let Some(user) = self.run_as {
            command.uid(user.uid).gid(user.gid);
        }
        Ok(command)
    }

    fn refuse_root(&self, we_are_root: bool) -> Result<()> {
        let as_root = self.run_as.map_or(we_are_root, |user| user.uid == 0);
        match as_root {
            true => Err(Error::declined(
                format!("{} would run as root", self.path.display()),
                "let the instance's files belong to another user, such as postgres",
            )),
            false => Ok(()),
        }
    }
}

/// What is still in the pipes is read, but a daemon that left the group and keeps them open is not waited for.
async fn end_and_last_words<T>(ended: impl Future<Output = T>, reading: impl Future) -> T {
    let (mut ended, mut reading) = (std::pin::pin!(ended), std::pin::pin!(reading));
    tokio::select! {
        status = &mut ended => {
            let _ = tokio::time::timeout(LAST_WORDS, reading).await;
            status
        }
        _ = &mut reading => ended.await,
    }
}

async fn wait_limit(limit: Option<Duration>) {
    match limit {
        Some(limit) => tokio::time::sleep(limit).await,
        None => std::future::pending().await,
    }
}

async fn read_end(stream: &mut Option<impl AsyncRead + Unpin>, output: &mut Output, most: usize) {
    let Some(stream) = stream else { return };
    let mut block = vec![0; 16 * 1024];
    while let Ok(read @ 1..) = stream.read(&mut block).await {
        output.take(&block[..read], most);
    }
}

#[cfg(test)]
mod tests;

//! Programs that drivers run: as words, never through a shell of ours; in a process group of their own that is ended as a whole when the
//! time is up; what they say is kept to its end, and told line by line as they say it, without the secrets they were given.

use std::collections::BTreeMap;
use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

use self::lines::Lines;
use super::hook::Say;
use super::{Outcome, Trouble};
use crate::host::Host;
use crate::secret::{Secret, SecretRef, is_reference};

mod lines;

/// Of what a program says; the end of it tells why it failed.
const KEPT: usize = 64 * 1024;
/// What a program leaves running may hold its streams open: what it said itself is read by then.
const LINGERS: Duration = Duration::from_millis(500);
/// A shorter line of a secret says nothing, and hiding it would hide much else.
const SECRET_LINE_MIN: usize = 4;

/// A program, with what it is given.
#[derive(Debug, Clone, Default)]
pub(crate) struct Program<'a> {
    pub(crate) words: &'a [String],
    /// A value that is a reference is read, and what it leads to appears nowhere.
    pub(crate) variables: BTreeMap<String, String>,
    pub(crate) input: Option<&'a str>,
}

/// How it ended, and what it said: both streams, as they came, and the first alone.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) status: ExitStatus,
    pub(crate) output: String,
    pub(crate) stdout: String,
}

impl Ran {
    /// The last lines, for an error.
    pub(crate) fn tail(&self) -> String {
        let lines: Vec<&str> = self.output.lines().filter(|line| !line.trim().is_empty()).collect();
        lines[lines.len().saturating_sub(5)..].join("\n")
    }
}

impl Program<'_> {
    /// Its name as it is shown: the words without those behind the first, which may be long.
    pub(crate) fn name(&self) -> String {
        self.words.first().cloned().unwrap_or_default()
    }

    /// Runs it to its end; one that fails is no trouble here, but its status is told.
    pub(crate) async fn run(&self, host: &Host, limit: Duration) -> Outcome<Ran> {
        self.run_saying(host, limit, &|_| {}).await
    }

    /// The same, and each line is told as soon as it is said.
    pub(crate) async fn run_saying(&self, host: &Host, limit: Duration, say: Say<'_>) -> Outcome<Ran> {
        let Some(program) = self.words.first() else {
            return Err(Trouble::refused("there is no program to run"));
        };
        let (variables, secrets) = self.resolved(host).await?;
        let mut child = self.command(program, &variables).spawn().map_err(|e| {
            Trouble::refused(format!("{program} cannot be run: {e}"))
                .hint("is its path right, and may the daemon run it?")
        })?;
        let mut group = Group(child.id());
        let ended = tokio::time::timeout(limit, Box::pin(to_its_end(&mut child, self.input, &secrets, say))).await;
        let (status, kept) = match ended {
            Ok(ended) => ended.map_err(|e| Trouble::away(format!("{program}: {e}")))?,
            Err(_) => {
                drop(group);
                let _ = child.wait().await;
                return Err(Trouble::away(format!("{program} took longer than {} s, and was ended", limit.as_secs())));
            }
        };
        group.0 = None;
        let text = |bytes: &[u8]| hidden(&String::from_utf8_lossy(bytes), &secrets);
        Ok(Ran { status, output: text(&kept.both), stdout: text(&kept.stdout) })
    }

    fn command(&self, program: &str, variables: &BTreeMap<String, String>) -> Command {
        let mut command = Command::new(program);
        command.args(&self.words[1..]).envs(variables).process_group(0).kill_on_drop(true);
        command.stdin(if self.input.is_some() { Stdio::piped() } else { Stdio::null() });
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    async fn resolved(&self, host: &Host) -> Outcome<(BTreeMap<String, String>, Vec<Secret>)> {
        let (mut variables, mut secrets) = (BTreeMap::new(), Vec::new());
        for (name, value) in &self.variables {
            let value = match is_reference(value) {
                false => value.clone(),
                true => {
                    let reference: SecretRef = value.clone().try_into().map_err(Trouble::refused)?;
                    let secret = reference.read(host).await?;
                    let value = secret.expose().to_owned();
                    secrets.push(secret);
                    value
                }
            };
            variables.insert(name.clone(), value);
        }
        Ok((variables, secrets))
    }
}

/// What is kept of both streams.
#[derive(Default)]
struct Kept {
    both: Vec<u8>,
    stdout: Vec<u8>,
}

async fn to_its_end(
    child: &mut Child,
    input: Option<&str>,
    secrets: &[Secret],
    say: Say<'_>,
) -> std::io::Result<(ExitStatus, Kept)> {
    let (mut stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let write = async {
        if let (Some(stdin), Some(input)) = (stdin.as_mut(), input) {
            // One that does not listen may be right.
            let _ = stdin.write_all(input.as_bytes()).await;
        }
        drop(stdin);
    };
    let (mut first, mut second) = (Lines::default(), Lines::default());
    let tell = |line: &str| say(&lines::shown(&hidden(line, secrets)));
    let (ends, ended) = tokio::sync::oneshot::channel::<()>();
    let wait = async {
        let status = child.wait().await;
        drop(ends);
        status
    };
    let late = async {
        let _ = ended.await;
        tokio::time::sleep(LINGERS).await;
    };
    let read = read_both(stdout, stderr, late, |is_first, got| match is_first {
        true => first.take(got, &tell),
        false => second.take(got, &tell),
    });
    let ((), kept, status) = tokio::join!(write, read, wait);
    first.end(&tell);
    second.end(&tell);
    Ok((status?, kept?))
}

async fn read_both(
    mut stdout: Option<impl AsyncReadExt + Unpin>,
    mut stderr: Option<impl AsyncReadExt + Unpin>,
    late: impl Future<Output = ()>,
    mut took: impl FnMut(bool, &[u8]),
) -> std::io::Result<Kept> {
    let mut late = pin!(late);
    let (mut kept, mut one, mut two) = (Kept::default(), vec![0; 8192], vec![0; 8192]);
    while stdout.is_some() || stderr.is_some() {
        let (is_first, got) = tokio::select! {
            got = read_some(&mut stdout, &mut one), if stdout.is_some() => (true, &one[..got?]),
            got = read_some(&mut stderr, &mut two), if stderr.is_some() => (false, &two[..got?]),
            () = &mut late => break,
        };
        took(is_first, got);
        keep(&mut kept.both, got);
        if is_first {
            keep(&mut kept.stdout, got);
        }
    }
    Ok(kept)
}

fn keep(kept: &mut Vec<u8>, got: &[u8]) {
    kept.extend(got);
    let over = kept.len().saturating_sub(KEPT);
    kept.drain(..over);
}

/// Nothing more to read ends the stream.
async fn read_some(stream: &mut Option<impl AsyncReadExt + Unpin>, buffer: &mut [u8]) -> std::io::Result<usize> {
    let Some(open) = stream else { return Ok(0) };
    let got = open.read(buffer).await?;
    if got == 0 {
        *stream = None;
    }
    Ok(got)
}

/// Without the secrets, also where one of several lines is said line by line.
fn hidden(text: &str, secrets: &[Secret]) -> String {
    let mut text = text.to_owned();
    for secret in secrets {
        text = text.replace(secret.expose(), "…");
        for line in secret.expose().lines().map(str::trim).filter(|line| line.len() >= SECRET_LINE_MIN) {
            text = text.replace(line, "…");
        }
    }
    text
}

/// A process group, ended as a whole when it is dropped: also when nobody waits for it any more.
struct Group(Option<u32>);

impl Drop for Group {
    fn drop(&mut self) {
        let group = self.0.and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw);
        if let Some(group) = group {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
    }
}

#[cfg(test)]
mod tests;

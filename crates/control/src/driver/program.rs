//! Programs that drivers run: as words, never through a shell of ours; in a process group of their own that is ended as a whole when the
//! time is up; what they say is kept to its end, without the secrets they were given.

use std::collections::BTreeMap;
use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

use super::{Outcome, Trouble};
use crate::host::Host;
use crate::secret::{Secret, SecretRef, is_reference};

/// Of what a program says; the end of it tells why it failed.
const KEPT: usize = 64 * 1024;
/// What a program leaves running may hold its streams open: what it said itself is read by then.
const LINGERS: Duration = Duration::from_millis(500);

/// A program, with what it is given.
#[derive(Debug, Clone, Default)]
pub(crate) struct Program<'a> {
    pub(crate) words: &'a [String],
    /// A value that is a reference is read, and what it leads to appears nowhere.
    pub(crate) variables: BTreeMap<String, String>,
    pub(crate) input: Option<&'a str>,
}

/// How it ended, and what it said: both streams, as they came.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) status: ExitStatus,
    pub(crate) output: String,
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
        let Some((program, words)) = self.words.split_first() else {
            return Err(Trouble::refused("there is no program to run"));
        };
        let (variables, secrets) = self.resolved(host).await?;
        let mut command = Command::new(program);
        command.args(words).envs(&variables).process_group(0).kill_on_drop(true);
        command.stdin(if self.input.is_some() { Stdio::piped() } else { Stdio::null() });
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|e| {
            Trouble::refused(format!("{program} cannot be run: {e}"))
                .hint("is its path right, and may the daemon run it?")
        })?;
        let group = child.id();
        let ended = tokio::time::timeout(limit, Box::pin(to_its_end(&mut child, self.input))).await;
        let (status, output) = match ended {
            Ok(ended) => ended.map_err(|e| Trouble::away(format!("{program}: {e}")))?,
            Err(_) => {
                end(group);
                let _ = child.wait().await;
                return Err(Trouble::away(format!("{program} took longer than {} s, and was ended", limit.as_secs())));
            }
        };
        let output = secrets.iter().fold(output, |text, secret| text.replace(secret.expose(), "…"));
        Ok(Ran { status, output })
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

async fn to_its_end(child: &mut Child, input: Option<&str>) -> std::io::Result<(ExitStatus, String)> {
    let (mut stdin, mut stdout, mut stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let write = async {
        if let (Some(stdin), Some(input)) = (stdin.as_mut(), input) {
            // One that does not listen may be right.
            let _ = stdin.write_all(input.as_bytes()).await;
        }
        drop(stdin);
    };
    let (ends, ended) = tokio::sync::oneshot::channel::<()>();
    let wait = async {
        let status = child.wait().await;
        drop(ends);
        status
    };
    let read = async {
        let mut late = pin!(async {
            let _ = ended.await;
            tokio::time::sleep(LINGERS).await;
        });
        let (mut kept, mut one, mut two) = (Vec::new(), [0; 8192], [0; 8192]);
        while stdout.is_some() || stderr.is_some() {
            let got = tokio::select! {
                got = read_some(&mut stdout, &mut one), if stdout.is_some() => got.map(|n| one[..n].to_vec()),
                got = read_some(&mut stderr, &mut two), if stderr.is_some() => got.map(|n| two[..n].to_vec()),
                () = &mut late => break,
            }?;
            kept.extend(got);
            let over = kept.len().saturating_sub(KEPT);
            kept.drain(..over);
        }
        std::io::Result::Ok(kept)
    };
    let ((), kept, status) = tokio::join!(write, read, wait);
    Ok((status?, String::from_utf8_lossy(&kept?).into_owned()))
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

fn end(group: Option<u32>) {
    let group = group.and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw);
    if let Some(group) = group {
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
}

#[cfg(test)]
mod tests;

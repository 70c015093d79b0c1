//! References to secrets: `env:NAME`, `file:/path`, `command:LINE`. Only the reference is ever kept, shown or logged; what it leads to is
//! read when it is needed, hidden in `Debug`, and wiped after.

use std::fmt;
use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::error::{Error, Result};
use crate::host::Host;

/// A command that says nothing for so long is ended.
const COMMAND_LIMIT: Duration = Duration::from_secs(10);
const BYTES_MAX: u64 = 64 * 1024;

/// Where a secret is; never the secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SecretRef(String);

/// What a reference leads to.
pub struct Secret(Zeroizing<String>);

impl Secret {
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(hidden)")
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<SecretRef> for String {
    fn from(reference: SecretRef) -> String {
        reference.0
    }
}

impl TryFrom<String> for SecretRef {
    type Error = String;

    /// What is no reference may be the secret itself, so it is not repeated.
    fn try_from(text: String) -> Result<SecretRef, String> {
        let place = text.split_once(':').map(|(scheme, rest)| (scheme, rest.trim()));
        match place {
            Some(("env" | "command", rest)) if !rest.is_empty() => Ok(SecretRef(text)),
            Some(("file", path)) if path.starts_with('/') => Ok(SecretRef(text)),
            _ => Err("a secret does not stand here: write env:NAME, file:/path or command:PROGRAM".to_owned()),
        }
    }
}

/// Whether a text is a reference and not the thing itself.
pub(crate) fn is_reference(text: &str) -> bool {
    ["env:", "file:", "command:"].iter().any(|scheme| text.starts_with(scheme))
}

impl SecretRef {
    /// Reads it where it may block.
    pub(crate) async fn read(&self, host: &Host) -> Result<Secret> {
        let (reference, host) = (self.clone(), host.clone());
        let read = tokio::task::spawn_blocking(move || reference.read_here(&host)).await;
        read.map_err(|e| vault::Error::Internal(format!("{self}: {e}")))?
    }

    /// Blocks for as long as a command may take.
    pub fn read_here(&self, host: &Host) -> Result<Secret> {
        let unread = |what: String| Error::Secret { reference: self.0.clone(), what };
        let text = match self.0.split_once(':') {
            Some(("env", name)) => host.variable(name).map(str::to_owned).ok_or_else(|| unread("it is not set".into())),
            Some(("file", path)) => std::fs::read_to_string(path).map_err(|e| unread(e.to_string())),
            Some((_, line)) => output_of(line).map_err(unread),
            None => Err(unread("it is no reference".into())),
        }?;
        let text = Zeroizing::new(text);
        match text.trim() {
            "" => Err(unread("there is nothing in it".into())),
            secret => Ok(Secret(Zeroizing::new(secret.to_owned()))),
        }
    }
}

/// What a command prints. What it says of an error is not repeated: it may be the secret.
fn output_of(line: &str) -> Result<String, String> {
    let mut command = Command::new("sh");
    command.args(["-c", line]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(|e| format!("it cannot be run: {e}"))?;
    let output = child.stdout.take();
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut text = String::new();
        let read = output.map_or(Ok(0), |output| output.take(BYTES_MAX).read_to_string(&mut text));
        let _ = sender.send(read.map(|_| text));
    });
    let read = receiver.recv_timeout(COMMAND_LIMIT);
    if read.is_err() {
        let _ = child.kill();
    }
    let ended = child.wait().map_err(|e| e.to_string())?;
    match read {
        Err(_) => Err(format!("it said nothing for {} s", COMMAND_LIMIT.as_secs())),
        Ok(_) if !ended.success() => Err(format!("it ended with {ended}")),
        Ok(text) => text.map_err(|e| format!("what it prints is no text: {e}")),
    }
}

#[cfg(test)]
mod tests;

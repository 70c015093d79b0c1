//! A service on another host: its programs run there, by the system's own ssh with its configuration, agent and known hosts. Nobody is
//! asked for anything, and a host that is not known is not talked to.

use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::command::Command;
use super::programs::{LOOK, Place, Programs};
use super::settings::{wrong_name, wrong_path};
use super::systemd::Systemd;
use super::{Service, Standing};
use crate::driver::program::{Program, Ran};
use crate::driver::{Driver, Outcome, Trouble};
use crate::host::Host;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ssh {
    /// A name, an address, or a `Host` of ssh's configuration.
    pub(crate) host: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) user: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) port: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) identity_file: Option<PathBuf>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) known_hosts_file: Option<PathBuf>,
    pub(crate) service: There,
}

/// What can be moved by programs alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "driver", rename_all = "kebab-case")]
pub(crate) enum There {
    Command(Command),
    Systemd(Systemd),
}

/// Nobody is asked; no host is believed that is not known; one that does not answer is given up after 15 s.
const OPTIONS: [&str; 6] = [
    "BatchMode=yes",
    "StrictHostKeyChecking=yes",
    "ConnectTimeout=10",
    "ServerAliveInterval=5",
    "ServerAliveCountMax=3",
    // Greetings would stand between what programs say.
    "LogLevel=ERROR",
];

impl Ssh {
    pub(super) fn wrong(&self) -> Option<String> {
        let service = match &self.service {
            There::Command(service) => service.wrong(),
            There::Systemd(service) => service.wrong(),
        };
        wrong_name("host", &self.host, ".-_:")
            .or_else(|| self.user.as_ref().and_then(|user| wrong_name("user", user, "._-")))
            .or_else(|| self.port.filter(|port| *port == 0).map(|_| "port is 0".to_owned()))
            .or_else(|| wrong_path("identity_file", self.identity_file.as_deref()))
            .or_else(|| wrong_path("known_hosts_file", self.known_hosts_file.as_deref()))
            .or_else(|| service.map(|wrong| format!("service: {wrong}")))
    }

    fn programs(&self) -> &dyn Programs {
        match &self.service {
            There::Command(service) => service,
            There::Systemd(service) => service,
        }
    }

    fn place<'a>(&'a self, host: &'a Host) -> Place<'a> {
        Place { host, by: Some(self) }
    }

    /// As `Program::run`, there. What it prints is what the program there prints.
    pub(super) async fn run(&self, host: &Host, words: &[String], limit: Duration) -> Outcome<Ran> {
        let words = self.words(words);
        let ran = Program { words: &words, ..Program::default() }.run(host, limit).await?;
        // ssh's own word that it did not get through.
        if ran.status.code() == Some(255) { Err(unreached(&ran.tail())) } else { Ok(ran) }
    }

    fn words(&self, there: &[String]) -> Vec<String> {
        let mut words = vec!["ssh".to_owned(), "-T".to_owned()];
        let mut option = |flag: &str, value: String| words.extend([flag.to_owned(), value]);
        OPTIONS.iter().for_each(|value| option("-o", (*value).to_owned()));
        if let Some(user) = &self.user {
            option("-l", user.clone());
        }
        if let Some(port) = self.port {
            option("-p", port.to_string());
        }
        if let Some(path) = &self.identity_file {
            option("-o", "IdentitiesOnly=yes".to_owned());
            option("-i", path.display().to_string());
        }
        if let Some(path) = &self.known_hosts_file {
            option("-o", format!("UserKnownHostsFile=\"{}\"", path.display()));
        }
        let line: Vec<String> = there.iter().map(|word| quoted(word)).collect();
        words.extend(["--".to_owned(), self.host.clone(), line.join(" ")]);
        words
    }

    fn on<T>(&self, outcome: Outcome<T>) -> Outcome<T> {
        outcome.map_err(|trouble| self.told(trouble))
    }

    fn told(&self, trouble: Trouble) -> Trouble {
        Trouble { what: format!("on {}: {}", self.host, trouble.what), ..trouble }
    }
}

/// One word to the shell there, whatever is in it.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Why ssh did not get through, in its own words.
fn unreached(said: &str) -> Trouble {
    let told = format!("ssh did not get through: {said}");
    if said.contains("Host key verification failed") {
        let hint = "look at its key, and put it into the known_hosts file: `ssh-keyscan HOST`; another key than before may be another host";
        return Trouble::refused(told).hint(hint);
    }
    if said.contains("Permission denied") {
        let hint = "does that user there have this key in its authorized_keys? a key with a passphrase needs an agent";
        return Trouble::refused(told).hint(hint);
    }
    Trouble::away(told).hint("is the host up, is its name right, and does sshd listen there?")
}

#[async_trait]
impl Driver for Ssh {
    fn what(&self) -> String {
        format!("{} on {}", self.programs().moves(), self.host)
    }

    async fn probe(&self, host: &Host) -> Vec<Trouble> {
        let files = [&self.identity_file, &self.known_hosts_file];
        let unread = files.into_iter().flatten().filter_map(|path| {
            let error = std::fs::File::open(path).err()?;
            let trouble = Trouble::refused(format!("{} cannot be read: {error}", path.display()));
            Some(trouble.hint("it is read by the user that runs Rekindle"))
        });
        let mut troubles: Vec<Trouble> = unread.collect();
        match self.place(host).must(&["true".to_owned()], LOOK).await {
            Ok(_) => troubles.extend(self.programs().troubles(&self.place(host)).await),
            Err(trouble) => troubles.push(trouble),
        }
        troubles.into_iter().map(|trouble| self.told(trouble)).collect()
    }
}

#[async_trait]
impl Service for Ssh {
    async fn standing(&self, host: &Host) -> Outcome<Standing> {
        self.on(self.programs().stands(&self.place(host)).await)
    }

    async fn stop(&self, host: &Host) -> Outcome<()> {
        self.on(self.programs().end(&self.place(host)).await)
    }

    async fn start(&self, host: &Host, was: &Value) -> Outcome<()> {
        self.on(self.programs().begin(&self.place(host), was).await)
    }
}

#[cfg(test)]
mod tests;

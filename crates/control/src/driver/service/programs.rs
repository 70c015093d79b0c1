//! Services that programs move, and where these programs run: on this host, or on another one by ssh. What implements `Programs` is a
//! driver here, and may stand in the settings of `ssh`; it does not know which of both it is.

use std::collections::BTreeMap;
use std::process::ExitStatus;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;

use super::ssh::Ssh;
use super::{Service, Standing};
use crate::driver::program::{Program, Ran};
use crate::driver::{Driver, Outcome, Trouble};
use crate::host::Host;

/// For what only looks.
pub(super) const LOOK: Duration = Duration::from_secs(30);

/// What a user's own service manager is found by.
const OF_THE_USER: [&str; 2] = ["XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"];

/// As `Service`, at a place.
#[async_trait]
pub(super) trait Programs: std::fmt::Debug + Send + Sync {
    fn moves(&self) -> String;
    async fn troubles(&self, place: &Place<'_>) -> Vec<Trouble>;
    async fn stands(&self, place: &Place<'_>) -> Outcome<Standing>;
    async fn end(&self, place: &Place<'_>) -> Outcome<()>;
    async fn begin(&self, place: &Place<'_>, was: &Value) -> Outcome<()>;
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) host: &'a Host,
    /// None: here.
    pub(super) by: Option<&'a Ssh>,
}

impl Place<'_> {
    /// Runs a program to its end; one that fails is no trouble here.
    pub(super) async fn run(&self, words: &[String], limit: Duration) -> Outcome<Ran> {
        if let Some(ssh) = self.by {
            return ssh.run(self.host, words, limit).await;
        }
        let variables: BTreeMap<String, String> = OF_THE_USER
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), self.host.variable(name)?.to_owned())))
            .collect();
        Program { words, variables, input: None }.run(self.host, limit).await
    }

    /// Runs a program that must succeed.
    pub(super) async fn must(&self, words: &[String], limit: Duration) -> Outcome<Ran> {
        let ran = self.run(words, limit).await?;
        if ran.status.success() { Ok(ran) } else { Err(failed(words, &ran)) }
    }

    /// Whether there is a program of that name that may be run. The shell only looks it up; the name is a word to it.
    pub(super) async fn has(&self, program: &str) -> Outcome<()> {
        let words = ["sh", "-c", "command -v \"$1\"", "sh", program].map(str::to_owned);
        if self.run(&words, LOOK).await?.status.success() {
            return Ok(());
        }
        Err(Trouble::refused(format!("there is no program {program}"))
            .hint("is its path right, and may it be run by the user that looks for it?"))
    }
}

/// A program that ended as it should not have.
pub(super) fn failed(words: &[String], ran: &Ran) -> Trouble {
    let (line, tail) = (words.join(" "), ran.tail());
    let said = if tail.is_empty() { "; it said nothing".to_owned() } else { format!(": {tail}") };
    Trouble::refused(format!("`{line}` ended with {}{said}", ended(ran.status)))
        .hint("run it by hand as the same user; what it did is looked at when this is tried again")
}

pub(super) fn ended(status: ExitStatus) -> String {
    status.code().map_or_else(|| status.to_string(), |code| format!("exit code {code}"))
}

#[async_trait]
impl<Of: Programs> Driver for Of {
    fn what(&self) -> String {
        self.moves()
    }

    async fn probe(&self, host: &Host) -> Vec<Trouble> {
        self.troubles(&Place { host, by: None }).await
    }
}

#[async_trait]
impl<Of: Programs> Service for Of {
    async fn standing(&self, host: &Host) -> Outcome<Standing> {
        self.stands(&Place { host, by: None }).await
    }

    async fn stop(&self, host: &Host) -> Outcome<()> {
        self.end(&Place { host, by: None }).await
    }

    async fn start(&self, host: &Host, was: &Value) -> Outcome<()> {
        self.begin(&Place { host, by: None }, was).await
    }
}

//! A service that programs of the house start, stop and look at. Each is a list of words: no shell reads them.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Standing;
use super::deadline::{Deadline, Seen};
use super::programs::{Place, Programs, ended};
use super::settings::{wrong_seconds, wrong_words};
use crate::driver::{Outcome, Trouble};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Command {
    pub(crate) start: Vec<String>,
    pub(crate) stop: Vec<String>,
    /// Only looks. Ends with 0 when the service runs.
    pub(crate) status: Vec<String>,
    /// The exit codes of `status` that say that it is stopped. Any other says nothing, and nothing is not "stopped".
    #[serde(default = "stopped_codes")]
    pub(crate) stopped_codes: Vec<i32>,
    #[serde(default = "timeout_seconds")]
    pub(crate) timeout_seconds: u64,
}

/// What init scripts, `systemctl` and `pg_ctl` mean by 3, and `pgrep` by 1.
fn stopped_codes() -> Vec<i32> {
    vec![1, 3]
}

fn timeout_seconds() -> u64 {
    60
}

impl Command {
    pub(super) fn wrong(&self) -> Option<String> {
        wrong_words("start", &self.start)
            .or_else(|| wrong_words("stop", &self.stop))
            .or_else(|| wrong_words("status", &self.status))
            .or_else(|| self.wrong_codes())
            .or_else(|| wrong_seconds("timeout_seconds", self.timeout_seconds))
    }

    fn wrong_codes(&self) -> Option<String> {
        // From 126 on they are a shell's and ssh's own: the program was not found, was killed, the host was not reached.
        let fine = !self.stopped_codes.is_empty() && self.stopped_codes.iter().all(|code| (1..126).contains(code));
        (!fine).then(|| "stopped_codes holds exit codes between 1 and 125, and at least one".to_owned())
    }

    async fn look(&self, place: &Place<'_>, deadline: Deadline) -> Outcome<Standing> {
        let ran = place.run(&self.status, deadline.left()).await?;
        match ran.status.code() {
            Some(0) => Ok(Standing::Runs { was: Value::Null }),
            Some(code) if self.stopped_codes.contains(&code) => Ok(Standing::Stopped),
            _ => Err(self.unclear(&ran.tail(), &ended(ran.status))),
        }
    }

    fn unclear(&self, tail: &str, ended: &str) -> Trouble {
        let said = if tail.is_empty() { String::new() } else { format!(": {tail}") };
        let what = format!("`{}` does not say how it stands: it ended with {ended}{said}", self.status.join(" "));
        Trouble::refused(what).hint(format!("0 means that it runs, and {:?} that it is stopped", self.stopped_codes))
    }

    /// Looks, acts, and looks until it shows.
    async fn bring(&self, place: &Place<'_>, to_run: bool) -> Outcome<()> {
        let deadline = Deadline::in_seconds(self.timeout_seconds);
        let runs = |standing| matches!(standing, Standing::Runs { .. });
        if runs(self.look(place, deadline).await?) == to_run {
            return Ok(());
        }
        let (words, otherwise) = if to_run { (&self.start, "does not run") } else { (&self.stop, "still runs") };
        place.must(words, deadline.left()).await?;
        let otherwise = format!("`{}` ended well, and it {otherwise}", words.join(" "));
        let seen = || async {
            let standing = self.look(place, deadline).await?;
            Ok(if runs(standing) == to_run { Seen::AsWished } else { Seen::NotYet(otherwise.clone()) })
        };
        deadline.until(seen).await
    }
}

#[async_trait]
impl Programs for Command {
    fn moves(&self) -> String {
        format!("the service that `{}` starts", self.start.join(" "))
    }

    async fn troubles(&self, place: &Place<'_>) -> Vec<Trouble> {
        let mut troubles = Vec::new();
        for words in [&self.start, &self.stop] {
            if let Some(program) = words.first() {
                troubles.extend(place.has(program).await.err());
            }
        }
        troubles.extend(self.stands(place).await.err());
        troubles
    }

    async fn stands(&self, place: &Place<'_>) -> Outcome<Standing> {
        self.look(place, Deadline::in_seconds(self.timeout_seconds)).await
    }

    async fn end(&self, place: &Place<'_>) -> Outcome<()> {
        self.bring(place, false).await
    }

    async fn begin(&self, place: &Place<'_>, _was: &Value) -> Outcome<()> {
        self.bring(place, true).await
    }
}

#[cfg(test)]
mod tests;

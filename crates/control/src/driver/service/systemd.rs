//! Units of systemd, by `systemctl`: it is there wherever systemd is, also at the other end of ssh.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Standing;
use super::deadline::{Deadline, Seen};
use super::programs::{LOOK, Place, Programs, failed};
use super::settings::{Names, wrong_name, wrong_seconds};
use crate::driver::{Outcome, Trouble};

mod shown;

use shown::{Active, Unit};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Systemd {
    pub(crate) unit: Names,
    /// Units of the user that looks, not of the system.
    #[serde(default)]
    pub(crate) user: bool,
    #[serde(default = "timeout_seconds")]
    pub(crate) timeout_seconds: u64,
}

/// Longer than the 90 s that systemd itself gives a unit.
fn timeout_seconds() -> u64 {
    120
}

impl Systemd {
    pub(super) fn wrong(&self) -> Option<String> {
        if self.unit.0.is_empty() {
            return Some("unit names no unit".to_owned());
        }
        let wrong = self.unit.0.iter().find_map(|unit| wrong_name("unit", unit, "@.:_-\\"));
        wrong.or_else(|| wrong_seconds("timeout_seconds", self.timeout_seconds))
    }

    fn words(&self, verb: &[&str], units: &[String]) -> Vec<String> {
        let user = if self.user { &["--user"][..] } else { &[] };
        let fixed = ["systemctl", "--no-ask-password"].iter().chain(user).chain(verb).chain(&["--"]);
        fixed.map(|word| (*word).to_owned()).chain(units.iter().cloned()).collect()
    }

    async fn show(&self, place: &Place<'_>, units: &[String], limit: Duration) -> Outcome<Vec<Unit>> {
        let words = self.words(&["show", shown::PROPERTIES], units);
        let ran = place.run(&words, limit).await?;
        if !ran.status.success() {
            return Err(self.explained(failed(&words, &ran)));
        }
        shown::units(&ran.output, units)
    }

    /// Units that can be moved, each of them.
    async fn usable(&self, place: &Place<'_>, limit: Duration) -> Outcome<Vec<Unit>> {
        let units = self.show(place, &self.unit.0, limit).await?;
        match units.iter().find_map(Unit::unusable) {
            Some(trouble) => Err(trouble),
            None => Ok(units),
        }
    }

    async fn told(&self, place: &Place<'_>, verb: &str, units: &[String], deadline: Deadline) -> Outcome<()> {
        let told = place.must(&self.words(&[verb], units), deadline.left()).await;
        told.map(drop).map_err(|trouble| self.explained(trouble))
    }

    fn explained(&self, trouble: Trouble) -> Trouble {
        let bus = trouble.what.contains("Failed to connect to bus") || trouble.what.contains("Host is down");
        let hint = match (bus, self.user) {
            (true, true) => "does the user's systemd run? `loginctl enable-linger USER` keeps it running",
            (true, false) => "does systemd run there? units of a user need user = true",
            _ if trouble.what.contains("authentication required") => {
                "the user that asks may not: a rule of polkit can allow it"
            }
            _ => "`systemctl status` and `journalctl --unit` of it say more",
        };
        trouble.hint(hint)
    }

    /// What would start a unit again that was stopped: a socket, a timer, a path.
    async fn returns(&self, place: &Place<'_>, unit: &Unit) -> Vec<Trouble> {
        let others: Vec<String> =
            unit.triggered_by.iter().filter(|name| !self.unit.0.contains(name)).cloned().collect();
        if others.is_empty() {
            return Vec::new();
        }
        let triggers = match self.show(place, &others, LOOK).await {
            Ok(triggers) => triggers,
            Err(trouble) => return vec![trouble],
        };
        let active = triggers.iter().filter(|trigger| trigger.runs());
        let told = active.map(|trigger| {
            Trouble::refused(format!("unit {} is started again by {}, which is active", unit.name, trigger.name))
                .hint(format!("put {} into `unit` too: it is stopped and started with it", trigger.name))
        });
        told.collect()
    }
}

#[async_trait]
impl Programs for Systemd {
    fn moves(&self) -> String {
        let user = if self.user { "user " } else { "" };
        let units = if self.unit.0.len() == 1 { "unit" } else { "units" };
        format!("systemd {user}{units} {}", self.unit.0.join(", "))
    }

    async fn troubles(&self, place: &Place<'_>) -> Vec<Trouble> {
        let units = match self.show(place, &self.unit.0, LOOK).await {
            Ok(units) => units,
            Err(trouble) => return vec![trouble],
        };
        let mut troubles = Vec::new();
        for unit in &units {
            troubles.extend(unit.unusable());
            troubles.extend(self.returns(place, unit).await);
        }
        troubles
    }

    async fn stands(&self, place: &Place<'_>) -> Outcome<Standing> {
        let units = self.usable(place, LOOK).await?;
        let running: Vec<&str> = units.iter().filter(|unit| unit.runs()).map(|unit| unit.name.as_str()).collect();
        if running.is_empty() { Ok(Standing::Stopped) } else { Ok(Standing::Runs { was: running.into() }) }
    }

    async fn end(&self, place: &Place<'_>) -> Outcome<()> {
        let deadline = Deadline::in_seconds(self.timeout_seconds);
        if self.stands(place).await? == Standing::Stopped {
            return Ok(());
        }
        self.told(place, "stop", &self.unit.0, deadline).await?;
        let seen = || async {
            let units = self.usable(place, deadline.left()).await?;
            Ok(units.iter().find(|unit| unit.runs()).map_or(Seen::AsWished, |unit| Seen::NotYet(unit.told())))
        };
        deadline.until(seen).await
    }

    async fn begin(&self, place: &Place<'_>, was: &Value) -> Outcome<()> {
        let deadline = Deadline::in_seconds(self.timeout_seconds);
        let wanted = wanted(was, &self.unit.0)?;
        let units = self.usable(place, LOOK).await?;
        let is_missing = |unit: &&Unit| wanted.contains(&unit.name) && unit.active != Active::Runs;
        let missing: Vec<String> = units.iter().filter(is_missing).map(|unit| unit.name.clone()).collect();
        if missing.is_empty() {
            return Ok(());
        }
        // One that failed too often while the database was away is not started before this.
        if units.iter().filter(is_missing).any(Unit::failed) {
            self.told(place, "reset-failed", &missing, deadline).await?;
        }
        self.told(place, "start", &missing, deadline).await?;
        let seen = || async {
            let units = self.usable(place, deadline.left()).await?;
            let mut not_yet = units.iter().filter(|unit| wanted.contains(&unit.name) && unit.active != Active::Runs);
            match not_yet.next() {
                None => Ok(Seen::AsWished),
                Some(unit) if unit.failed() => {
                    Err(Trouble::refused(unit.told()).hint(format!("`journalctl --unit {}` says why", unit.name)))
                }
                Some(unit) => Ok(Seen::NotYet(unit.told())),
            }
        };
        deadline.until(seen).await
    }
}

/// Of a standing seen before; all units when nothing is known.
fn wanted(was: &Value, all: &[String]) -> Outcome<Vec<String>> {
    if was.is_null() {
        return Ok(all.to_vec());
    }
    let names: Option<Vec<String>> = serde_json::from_value(was.clone()).ok();
    let known = names.filter(|names| names.iter().all(|name| all.contains(name)));
    known.ok_or_else(|| {
        Trouble::refused(format!("{was} ran, and the units are now {}", all.join(", ")))
            .hint("the settings were changed in between: start by hand what ran")
    })
}

#[cfg(test)]
mod tests;

//! What `systemctl show` prints: a block of `Name=value` for each unit that was asked for, in that order. Pure.

use crate::driver::{Outcome, Trouble};

pub(super) const PROPERTIES: &str = "--property=LoadState,ActiveState,SubState,Result,TriggeredBy";

const READ: &str = "`systemctl show UNIT` prints what was read";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Active {
    Runs,
    /// On its way up or down: something of it may run.
    Between,
    Stopped,
    /// Stopped, and not because somebody wished it.
    Failed,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unit {
    /// As it was asked for.
    pub(super) name: String,
    pub(super) active: Active,
    pub(super) triggered_by: Vec<String>,
    load: String,
    state: String,
    sub: String,
    result: String,
}

impl Unit {
    /// Fails closed: what is between is not stopped.
    pub(super) fn runs(&self) -> bool {
        matches!(self.active, Active::Runs | Active::Between)
    }

    pub(super) fn failed(&self) -> bool {
        self.active == Active::Failed
    }

    /// `unit web is failed (exit-code)`.
    pub(super) fn told(&self) -> String {
        let more = if self.failed() { &self.result } else { &self.sub };
        format!("unit {} is {} ({more})", self.name, self.state)
    }

    /// It cannot be moved as it is.
    pub(super) fn unusable(&self) -> Option<Trouble> {
        let name = &self.name;
        match self.load.as_str() {
            "loaded" => None,
            "not-found" => Some(
                Trouble::refused(format!("there is no unit {name}"))
                    .hint("is its name right? `systemctl list-unit-files` shows all; units of a user need user = true"),
            ),
            "masked" => Some(
                Trouble::refused(format!("unit {name} is masked: it cannot be started"))
                    .hint(format!("`systemctl unmask {name}`, or take it out of the settings")),
            ),
            other => Some(
                Trouble::refused(format!("unit {name} cannot be loaded: {other}"))
                    .hint(format!("`systemctl status {name}` says what is wrong in its file")),
            ),
        }
    }
}

pub(super) fn units(output: &str, asked: &[String]) -> Outcome<Vec<Unit>> {
    let blocks: Vec<&str> = output.split("\n\n").filter(|block| block.contains("ActiveState=")).collect();
    if blocks.len() != asked.len() {
        let what = format!("systemctl told of {} units where {} were asked for", blocks.len(), asked.len());
        return Err(Trouble::refused(what).hint(READ));
    }
    blocks.into_iter().zip(asked).map(|(block, name)| unit(block, name)).collect()
}

fn unit(block: &str, name: &str) -> Outcome<Unit> {
    let value = |wanted: &str| {
        let mut lines = block.lines().filter_map(|line| line.split_once('='));
        lines.find(|(name, _)| *name == wanted).map(|(_, value)| value.trim().to_owned())
    };
    let state = value("ActiveState").unwrap_or_default();
    let active = match state.as_str() {
        "active" | "reloading" | "refreshing" => Active::Runs,
        "activating" | "deactivating" => Active::Between,
        "inactive" => Active::Stopped,
        "failed" => Active::Failed,
        _ => {
            let what = format!("systemctl does not say how unit {name} stands: {state:?}");
            return Err(Trouble::refused(what).hint(READ));
        }
    };
    let triggered_by = value("TriggeredBy").unwrap_or_default().split_whitespace().map(str::to_owned).collect();
    Ok(Unit {
        name: name.to_owned(),
        active,
        triggered_by,
        load: value("LoadState").unwrap_or_default(),
        sub: value("SubState").unwrap_or_default(),
        result: value("Result").unwrap_or_default(),
        state,
    })
}

//! One container as its engine describes it, and what that means for a service. Pure.

use std::collections::HashMap;

use bollard::models::ContainerInspectResponse;
use jiff::Timestamp;

use super::configuration::Configuration;
use crate::driver::{Outcome, Trouble};

/// Labels that other tools put on what they hold.
pub(super) const PROJECT: &str = "com.docker.compose.project";
const ONE_OFF: &str = "com.docker.compose.oneoff";
const SWARM: &str = "com.docker.swarm.service.name";
const UNIT: &str = "PODMAN_SYSTEMD_UNIT";

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Container {
    pub(super) name: String,
    state: String,
    exit_code: i64,
    pub(super) created: Option<Timestamp>,
    /// Its engine removes it when it ends.
    removed_at_end: bool,
    labels: HashMap<String, String>,
    pub(super) configuration: Configuration,
}

impl Container {
    pub(super) fn of(answer: ContainerInspectResponse) -> Outcome<Container> {
        let configuration = Configuration::of(&answer);
        let name = answer.name.unwrap_or_default().trim_start_matches('/').to_owned();
        let state = answer.state.unwrap_or_default();
        let status = state.status.map(|status| status.to_string()).unwrap_or_default();
        let container = Container {
            state: status,
            created: answer.created.and_then(|time| time.parse().ok()),
            exit_code: state.exit_code.unwrap_or_default(),
            removed_at_end: answer.host_config.and_then(|host| host.auto_remove).unwrap_or_default(),
            labels: answer.config.and_then(|config| config.labels).unwrap_or_default(),
            name,
            configuration,
        };
        if container.runs() || container.rests() {
            return Ok(container);
        }
        let what = format!("the engine does not say how container {} stands: {:?}", container.name, container.state);
        Err(Trouble::refused(what).hint(format!("`docker inspect {}` prints what was read", container.name)))
    }

    /// Something of it may run; fails closed.
    pub(super) fn runs(&self) -> bool {
        matches!(self.state.as_str(), "running" | "paused" | "restarting" | "stopping" | "removing")
    }

    pub(super) fn serves(&self) -> bool {
        self.state == "running"
    }

    fn rests(&self) -> bool {
        matches!(self.state.as_str(), "created" | "exited" | "dead" | "configured" | "initialized" | "stopped")
    }

    /// It ran, and ended.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.state.as_str(), "exited" | "dead" | "stopped")
    }

    /// `compose run` made it for one task.
    pub(super) fn is_for_a_moment(&self) -> bool {
        self.labels.get(ONE_OFF).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    pub(super) fn told(&self) -> String {
        let code = if self.state == "exited" { format!(" with code {}", self.exit_code) } else { String::new() };
        format!("container {} is {}{code}", self.name, self.state)
    }

    /// Why stopping it would not be what it seems.
    pub(super) fn unstoppable(&self) -> Vec<Trouble> {
        let name = &self.name;
        let mut troubles = Vec::new();
        if self.removed_at_end {
            let what = format!("container {name} was made with --rm: stopping it removes it");
            troubles.push(Trouble::refused(what).hint("make it again without --rm"));
        }
        if let Some(service) = self.labels.get(SWARM) {
            let what =
                format!("container {name} belongs to the swarm service {service}, which starts another in its place");
            troubles.push(Trouble::refused(what).hint("use the command driver with `docker service scale`"));
        }
        if let Some(unit) = self.labels.get(UNIT) {
            let what = format!("container {name} is held by the systemd unit {unit}, which starts it again");
            troubles.push(Trouble::refused(what).hint(format!("use the systemd driver with unit = {unit:?}")));
        }
        if self.state == "paused" {
            let what = format!("container {name} is paused, and cannot be asked to end");
            troubles.push(Trouble::refused(what).hint(format!("`docker unpause {name}`")));
        }
        troubles
    }
}

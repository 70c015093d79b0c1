//! Containers on Docker or podman, through the engine's own socket on this host. An engine on another host is not talked to: `ssh` with
//! a command or a unit there does it.
//!
//! A container that was stopped stays stopped under every restart policy until its engine restarts; then `always` brings it back, and
//! `unless-stopped` does not. What brings one back at once is refused: a swarm, or a unit of systemd that holds it.

use std::path::PathBuf;

use async_trait::async_trait;
use bollard::query_parameters::StopContainerOptionsBuilder;
use futures::future::try_join_all;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::deadline::{Deadline, Seen};
use super::settings::{Names, wrong_name, wrong_path, wrong_seconds};
use super::{Service, Standing};
use crate::driver::{Driver, Outcome, Trouble};
use crate::host::Host;

mod configuration;
mod container;
mod engine;
mod tied;

use container::Container;
use engine::Engine;

pub(crate) use tied::tied;

/// Exactly one of `container`, `label`, `project` and `naming` says which.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Docker {
    /// By name; started in this order and stopped in the other one, one after another. Others are stopped all at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) container: Option<Names>,
    /// `key=value`, or `key` with any value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) label: Option<String>,
    /// The name of a compose project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) project: Option<String>,
    /// Those with this in their environment, or in a file that is mounted into them: the name by which they find a database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) naming: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) socket: Option<PathBuf>,
    /// What a container has between being asked to end and being killed.
    #[serde(default = "grace_seconds")]
    pub(crate) grace_seconds: u64,
    /// For all of them together.
    #[serde(default = "timeout_seconds")]
    pub(crate) timeout_seconds: u64,
}

fn grace_seconds() -> u64 {
    30
}

fn timeout_seconds() -> u64 {
    120
}

impl Docker {
    pub(super) fn wrong(&self) -> Option<String> {
        let said = [self.container.is_some(), self.label.is_some(), self.project.is_some(), self.naming.is_some()];
        if said.iter().filter(|said| **said).count() != 1 {
            return Some("exactly one of container, label, project and naming says which containers".to_owned());
        }
        self.wrong_which()
            .or_else(|| wrong_path("socket", self.socket.as_deref()))
            .or_else(|| wrong_seconds("grace_seconds", self.grace_seconds))
            .or_else(|| wrong_seconds("timeout_seconds", self.timeout_seconds))
            .or_else(|| {
                (self.grace_seconds >= self.timeout_seconds)
                    .then(|| "grace_seconds is not shorter than timeout_seconds".to_owned())
            })
    }

    fn wrong_which(&self) -> Option<String> {
        if let Some(Names(names)) = &self.container {
            let empty = names.is_empty().then(|| "container names no container".to_owned());
            return empty.or_else(|| names.iter().find_map(|name| wrong_name("container", name, "_.-")));
        }
        if let Some(label) = &self.label {
            let key = label.split_once('=').map_or(label.as_str(), |(key, _)| key);
            return wrong_name("label", key, "_.-/");
        }
        if let Some(text) = &self.naming {
            return (text.trim().len() < 3).then(|| format!("naming: {text:?} is too short to be a database's name"));
        }
        self.project.as_ref().and_then(|project| wrong_name("project", project, "_-"))
    }

    /// All that are meant, whether they run or not; none is a trouble. In the order in which they are started.
    async fn containers(&self, engine: &Engine) -> Outcome<Vec<Container>> {
        if let Some(text) = &self.naming {
            let found = engine.naming(text).await?;
            let none = || Trouble::refused(format!("no container names {text}, running or not"));
            return if found.is_empty() { Err(none()) } else { Ok(found) };
        }
        let label = match (&self.container, &self.label, &self.project) {
            (Some(Names(names)), _, _) => return engine.named(names).await,
            (None, Some(label), _) => label.clone(),
            (None, None, project) => format!("{}={}", container::PROJECT, project.as_deref().unwrap_or_default()),
        };
        let containers = engine.labelled(&label).await?;
        if !containers.is_empty() {
            return Ok(containers);
        }
        let what = format!("no container has the label {label}, running or not");
        Err(Trouble::refused(what).hint(format!("`docker ps --all` shows all on {}", engine.socket())))
    }

    /// As they were stopped; otherwise all that are meant to stay, and not what once ran for a moment.
    fn wanted(&self, was: &Value, there: &[Container]) -> Outcome<Vec<String>> {
        if was.is_null() {
            return Ok(there.iter().filter(|one| !one.is_for_a_moment()).map(|one| one.name.clone()).collect());
        }
        let names: Vec<String> = serde_json::from_value(was.clone())
            .map_err(|_| Trouble::refused(format!("{was} is no list of containers")))?;
        match names.iter().find(|name| there.iter().all(|one| one.name != **name)) {
            None => Ok(names),
            Some(gone) => Err(Trouble::refused(format!("container {gone} ran, and is gone"))
                .hint("make it again as it was, and retry; nothing else was started")),
        }
    }

    async fn stop_all(&self, engine: &Engine, deadline: Deadline) -> Outcome<()> {
        let containers = self.containers(engine).await?;
        let running: Vec<&Container> = containers.iter().filter(|one| one.runs()).collect();
        if let Some(trouble) = running.iter().find_map(|one| one.unstoppable().into_iter().next()) {
            return Err(trouble);
        }
        let stops = running.into_iter().rev().map(|one| self.stop_one(engine, &one.name));
        if self.container.is_some() {
            for stop in stops {
                stop.await?;
            }
        } else {
            try_join_all(stops).await?;
        }
        let seen = || async {
            let containers = self.containers(engine).await?;
            let running = containers.iter().find(|one| one.runs());
            Ok(running.map_or(Seen::AsWished, |one| Seen::NotYet(one.told())))
        };
        deadline.until(seen).await
    }

    async fn stop_one(&self, engine: &Engine, name: &str) -> Outcome<()> {
        let grace = i32::try_from(self.grace_seconds).unwrap_or(i32::MAX);
        let options = StopContainerOptionsBuilder::new().t(grace).build();
        engine.said(name, engine.api.stop_container(name, Some(options)).await)
    }

    async fn start_all(&self, engine: &Engine, was: &Value, deadline: Deadline) -> Outcome<()> {
        // What names a database may name another by now.
        let named = serde_json::from_value::<Vec<String>>(was.clone()).ok().filter(|_| self.naming.is_some());
        let all = || async {
            match &named {
                Some(names) => engine.named(names).await,
                None => self.containers(engine).await,
            }
        };
        let containers = all().await?;
        let wanted = self.wanted(was, &containers)?;
        for one in containers.iter().filter(|one| wanted.contains(&one.name) && !one.runs()) {
            engine.said(&one.name, engine.api.start_container(&one.name, None).await)?;
        }
        let seen = || async {
            let containers = all().await?;
            let mut wanted = containers.iter().filter(|one| wanted.contains(&one.name) && !one.serves());
            match wanted.next() {
                None => Ok(Seen::AsWished),
                Some(one) if one.is_over() => {
                    Err(Trouble::refused(one.told()).hint(format!("`docker logs {}` says why", one.name)))
                }
                Some(one) => Ok(Seen::NotYet(one.told())),
            }
        };
        deadline.until(seen).await
    }
}

#[async_trait]
impl Driver for Docker {
    fn what(&self) -> String {
        if let Some(text) = &self.naming {
            return format!("containers that name {text}");
        }
        match (&self.container, &self.label, &self.project) {
            (Some(Names(names)), _, _) if names.len() == 1 => format!("container {}", names[0]),
            (Some(Names(names)), _, _) => format!("containers {}", names.join(", ")),
            (_, Some(label), _) => format!("containers with the label {label}"),
            (_, _, project) => format!("compose project {}", project.as_deref().unwrap_or_default()),
        }
    }

    async fn probe(&self, host: &Host) -> Vec<Trouble> {
        let deadline = Deadline::in_seconds(self.timeout_seconds);
        let looking = async {
            let engine = Engine::find(host, self.socket.as_deref(), self.timeout_seconds).await?;
            self.containers(&engine).await
        };
        match deadline.within("the container engine", looking).await {
            Ok(containers) => containers.iter().flat_map(Container::unstoppable).collect(),
            Err(trouble) => vec![trouble],
        }
    }
}

#[async_trait]
impl Service for Docker {
    async fn standing(&self, host: &Host) -> Outcome<Standing> {
        let deadline = Deadline::in_seconds(self.timeout_seconds);
        let looking = async {
            let engine = Engine::find(host, self.socket.as_deref(), self.timeout_seconds).await?;
            let containers = self.containers(&engine).await?;
            let running: Vec<&str> = containers.iter().filter(|one| one.runs()).map(|one| one.name.as_str()).collect();
            Ok(if running.is_empty() { Standing::Stopped } else { Standing::Runs { was: running.into() } })
        };
        deadline.within("the container engine", looking).await
    }

    async fn stop(&self, host: &Host) -> Outcome<()> {
        let deadline = Deadline::in_seconds(self.timeout_seconds);
        let stopping = async {
            let engine = Engine::find(host, self.socket.as_deref(), self.timeout_seconds).await?;
            self.stop_all(&engine, deadline).await
        };
        deadline.within("the container engine", stopping).await
    }

    async fn start(&self, host: &Host, was: &Value) -> Outcome<()> {
        let deadline = Deadline::in_seconds(self.timeout_seconds);
        let starting = async {
            let engine = Engine::find(host, self.socket.as_deref(), self.timeout_seconds).await?;
            self.start_all(&engine, was, deadline).await
        };
        deadline.within("the container engine", starting).await
    }
}

#[cfg(test)]
mod tests;

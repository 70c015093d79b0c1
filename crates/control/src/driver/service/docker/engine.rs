//! The engine's socket: found, and spoken with in the version that both know.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bollard::errors::Error;
use bollard::query_parameters::ListContainersOptionsBuilder;
use bollard::{API_DEFAULT_VERSION, ClientVersion, Docker as Api};
use reqwest::header::HeaderMap;

use super::container::Container;
use crate::driver::{Outcome, Trouble};
use crate::host::Host;

const PING: &str = "http://engine/_ping";
const PLACES: [&str; 2] = ["/var/run/docker.sock", "/run/podman/podman.sock"];

#[derive(Debug)]
pub(super) struct Engine {
    pub(super) api: Api,
    socket: PathBuf,
}

impl Engine {
    pub(super) async fn find(host: &Host, socket: Option<&Path>, limit_seconds: u64) -> Outcome<Engine> {
        let socket = found(host, socket)?;
        let pong = ping(&socket, Duration::from_secs(limit_seconds)).await.map_err(|e| unanswered(&socket, &e))?;
        let newest = version_in(&pong).ok_or_else(|| no_engine(&socket))?;
        let version = if newest < *API_DEFAULT_VERSION { &newest } else { API_DEFAULT_VERSION };
        let api = Api::connect_with_unix(&socket.display().to_string(), limit_seconds, version)
            .map_err(|e| unanswered(&socket, &e))?;
        Ok(Engine { api, socket })
    }

    pub(super) fn socket(&self) -> String {
        self.socket.display().to_string()
    }

    /// By their whole names: an engine would also take the beginning of an id.
    pub(super) async fn named(&self, names: &[String]) -> Outcome<Vec<Container>> {
        let mut found = Vec::new();
        for name in names {
            let there = self.inspect(name).await?.filter(|container| container.name == *name);
            found.push(there.ok_or_else(|| {
                Trouble::refused(format!("there is no container {name}"))
                    .hint(format!("`docker ps --all` shows all on {}", self.socket()))
            })?);
        }
        Ok(found)
    }

    /// The oldest first: what others need was made before them.
    pub(super) async fn labelled(&self, label: &str) -> Outcome<Vec<Container>> {
        self.listed(&HashMap::from([("label", vec![label])])).await
    }

    /// The same, of all that name something in what they are configured with.
    pub(super) async fn naming(&self, text: &str) -> Outcome<Vec<Container>> {
        let all = self.listed(&HashMap::new()).await?;
        let found = tokio::task::spawn_blocking({
            let text = text.to_owned();
            move || all.into_iter().filter(|one| one.configuration.names(&text)).collect()
        });
        found.await.map_err(|e| Trouble::refused(format!("the configuration of containers could not be read: {e}")))
    }

    async fn listed(&self, filters: &HashMap<&str, Vec<&str>>) -> Outcome<Vec<Container>> {
        let options = ListContainersOptionsBuilder::new().all(true).filters(filters).build();
        let list = self.api.list_containers(Some(options)).await.map_err(|e| unanswered(&self.socket, &e))?;
        let mut found = Vec::new();
        for id in list.into_iter().filter_map(|one| one.id) {
            // One that is gone meanwhile runs no more.
            found.extend(self.inspect(&id).await?);
        }
        found.sort_by(|one, other| (one.created, &one.name).cmp(&(other.created, &other.name)));
        Ok(found)
    }

    async fn inspect(&self, name: &str) -> Outcome<Option<Container>> {
        match self.api.inspect_container(name, None).await {
            Ok(answer) => Container::of(answer).map(Some),
            Err(Error::DockerResponseServerError { status_code: 404, .. }) => Ok(None),
            Err(error) => Err(self.said::<()>(name, Err(error)).expect_err("an error")),
        }
    }

    /// What the engine says of one container.
    pub(super) fn said<T>(&self, name: &str, answer: Result<T, Error>) -> Outcome<()> {
        match answer {
            // It is as it was to become.
            Ok(_) | Err(Error::DockerResponseServerError { status_code: 304, .. }) => Ok(()),
            Err(Error::DockerResponseServerError { status_code, message }) => {
                let what = format!("the engine said {status_code} of container {name}: {}", message.trim());
                let hint = format!("`docker inspect {name}` and `docker logs {name}` say more");
                // A server's own fault may pass: a port that is still taken, a disk that is busy.
                Err(Trouble { passes: status_code >= 500, ..Trouble::refused(what).hint(hint) })
            }
            Err(error) => Err(unanswered(&self.socket, &error)),
        }
    }
}

/// Where the settings say; else where the daemon's environment says; else where engines usually are.
fn found(host: &Host, socket: Option<&Path>) -> Outcome<PathBuf> {
    let said = host.variable("DOCKER_HOST");
    let of_the_user = host.variable("XDG_RUNTIME_DIR").map(|folder| format!("{folder}/podman/podman.sock"));
    let places: Vec<PathBuf> = match (socket, said) {
        (Some(socket), _) => vec![socket.to_owned()],
        (None, Some(said)) => match said.strip_prefix("unix://") {
            Some(path) => vec![path.into()],
            None => {
                return Err(Trouble::refused(format!("DOCKER_HOST is {said}, which is no socket on this host"))
                    .hint("name one with `socket`; on another host the ssh driver runs `docker stop` there"));
            }
        },
        (None, None) => PLACES.iter().map(PathBuf::from).chain(of_the_user.map(PathBuf::from)).collect(),
    };
    let there = places.iter().find(|place| place.exists()).cloned();
    let told: Vec<String> = places.iter().map(|place| place.display().to_string()).collect();
    there.ok_or_else(|| {
        Trouble::refused(format!("there is no container engine at {}", told.join(" or ")))
            .hint("is it installed, and does its socket listen? `systemctl start docker.socket` or `podman.socket`")
    })
}

/// The head of an engine's answer to a ping. Asked for `/version`, which says more, podman runs the package manager for each of its parts.
async fn ping(socket: &Path, limit: Duration) -> reqwest::Result<HeaderMap> {
    let client = reqwest::Client::builder().unix_socket(socket).timeout(limit).no_proxy().build()?;
    Ok(client.get(PING).send().await?.headers().clone())
}

/// The newest version of the API that the engine speaks.
fn version_in(pong: &HeaderMap) -> Option<ClientVersion> {
    let (major, minor) = pong.get("api-version")?.to_str().ok()?.split_once('.')?;
    Some(ClientVersion { major_version: major.parse().ok()?, minor_version: minor.parse().ok()? })
}

fn no_engine(socket: &Path) -> Trouble {
    Trouble::refused(format!("what listens at {} does not say which version of the API it speaks", socket.display()))
        .hint("is it the socket of Docker or Podman?")
}

fn unanswered(socket: &Path, error: &(dyn std::error::Error + 'static)) -> Trouble {
    let why = innermost(error);
    let what = format!("the container engine at {} does not answer: {why}", socket.display());
    if why.contains("Permission denied") {
        return Trouble::refused(what).hint("put the user that runs Rekindle into the group that may use the socket");
    }
    Trouble::away(what).hint("does it run? `docker info` asks it")
}

fn innermost(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), innermost)
}

#[cfg(test)]
mod tests;

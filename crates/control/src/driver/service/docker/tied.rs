//! Containers that are tied to a place by what they are configured with: those that would go on to it when the database has left it.

use std::collections::BTreeSet;

use super::engine::Engine;
use crate::driver::Outcome;
use crate::driver::service::ServiceSpec;
use crate::host::Host;

const TIMEOUT_SECONDS: u64 = 30;

/// A container that runs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Tied {
    pub(crate) name: String,
    /// Its environment says so, which stays as it is as long as the container lives; else a file does.
    pub(crate) for_good: bool,
}

/// On the engines that these services are on, or on this host's own, if it has one.
pub(crate) async fn tied<'a>(
    host: &Host,
    services: impl Iterator<Item = &'a ServiceSpec>,
    place: &str,
) -> Outcome<BTreeSet<Tied>> {
    let of_docker = |spec: &'a ServiceSpec| match spec {
        ServiceSpec::Docker(docker) => Some(docker.socket.as_deref()),
        _ => None,
    };
    let sockets: BTreeSet<_> = services.filter_map(of_docker).collect();
    let mut found = BTreeSet::new();
    if sockets.is_empty() {
        // Nobody said that there are containers.
        let Ok(engine) = Engine::find(host, None, TIMEOUT_SECONDS).await else { return Ok(found) };
        found.extend(on(&engine, place).await?);
    }
    for socket in sockets {
        found.extend(on(&Engine::find(host, socket, TIMEOUT_SECONDS).await?, place).await?);
    }
    Ok(found)
}

async fn on(engine: &Engine, place: &str) -> Outcome<Vec<Tied>> {
    let naming = engine.naming(place).await?.into_iter().filter(|one| one.runs());
    Ok(naming.map(|one| Tied { for_good: one.configuration.is_fixed(place), name: one.name }).collect())
}

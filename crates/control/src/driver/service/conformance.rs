//! What every service driver owes, tried on the real thing. A driver's test says how the world looks without it, and runs this.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{ServiceSpec, Standing};
use crate::driver::{Outcome, Trouble};
use crate::host::Host;

/// How the world looks to somebody who does not use the driver.
pub(super) struct World<'a> {
    pub(super) host: &'a Host,
    /// It must run when this begins.
    pub(super) service: &'a ServiceSpec,
    /// The same settings, naming what is not there.
    pub(super) missing: &'a ServiceSpec,
    /// The word by which one knows that it is told of what is missing.
    pub(super) missing_name: &'a str,
    /// What runs, such that another run of the same is told apart: ids of processes. None: nothing.
    pub(super) runs: &'a (dyn Fn() -> Option<String> + Sync),
}

/// Runs all of it, and leaves the service running.
pub(super) async fn holds(world: &World<'_>) {
    settings_are_kept(world);
    let was = looking_touches_nothing(world).await;
    stopped_twice_is_stopped(world).await;
    let (host, service) = (world.host, world.service.driver());
    started_twice_is_started(world, &was).await;
    assert_eq!(service.standing(host).await, Ok(Standing::Runs { was }), "the same as before");
    stopped_twice_is_stopped(world).await;
    started_twice_is_started(world, &Value::Null).await;
    what_is_missing_is_refused(world).await;
}

fn settings_are_kept(world: &World<'_>) {
    for spec in [world.service, world.missing] {
        assert_eq!(spec.wrong(), None);
        let text = toml::to_string(spec).unwrap();
        assert_eq!(toml::from_str::<ServiceSpec>(&text).unwrap(), *spec, "{text}");
        let json = serde_json::to_value(spec).unwrap();
        assert_eq!(serde_json::from_value::<ServiceSpec>(json).unwrap(), *spec);
    }
    let what = world.service.driver().what();
    assert!(!what.is_empty() && !what.contains('\n'), "{what:?}");
}

async fn looking_touches_nothing(world: &World<'_>) -> Value {
    let (host, service) = (world.host, world.service.driver());
    let before = (world.runs)();
    assert!(before.is_some(), "it must run before this begins");
    assert_eq!(service.probe(host).await, []);
    let Standing::Runs { was } = service.standing(host).await.unwrap() else { panic!("it runs") };
    assert_eq!((world.runs)(), before, "looking changed something");
    was
}

async fn stopped_twice_is_stopped(world: &World<'_>) {
    let (host, service) = (world.host, world.service.driver());
    for _ in 0..2 {
        service.stop(host).await.unwrap();
        assert_eq!((world.runs)(), None, "it returned, and something still runs");
        assert_eq!(service.standing(host).await, Ok(Standing::Stopped));
    }
    assert_eq!(service.probe(host).await, [], "what is stopped is in nobody's way");
    assert_eq!((world.runs)(), None, "looking started it");
}

async fn started_twice_is_started(world: &World<'_>, was: &Value) {
    let (host, service) = (world.host, world.service.driver());
    service.start(host, was).await.unwrap();
    let runs = (world.runs)();
    assert!(runs.is_some(), "it returned, and nothing runs");
    service.start(host, was).await.unwrap();
    assert_eq!((world.runs)(), runs, "the second start was another run");
}

async fn what_is_missing_is_refused(world: &World<'_>) {
    let (host, missing, before) = (world.host, world.missing.driver(), (world.runs)());
    let refused = |outcome: Outcome<()>| clear(&outcome.unwrap_err(), world.missing_name);
    refused(missing.standing(host).await.map(drop));
    refused(missing.stop(host).await);
    refused(missing.start(host, &Value::Null).await);
    let troubles = missing.probe(host).await;
    assert!(!troubles.is_empty(), "nothing was found");
    troubles.iter().for_each(|trouble| clear(trouble, world.missing_name));
    assert_eq!((world.runs)(), before, "something else was touched");
}

/// It says of what, that trying again is no use, and what would be.
fn clear(trouble: &Trouble, name: &str) {
    assert!(trouble.what.contains(name) && !trouble.passes && trouble.hint.is_some(), "{trouble:?}");
}

/// A host whose daemon has only these variables.
pub(super) fn host(variables: &[(&str, &str)]) -> Host {
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let variables: BTreeMap<String, String> = variables.collect();
    Host::system("tester".into(), "/nowhere".into(), "/nowhere/rekindle".into(), variables)
}

//! What every endpoint owes, asked of each with a real one behind it.

use super::{Endpoint, EndpointSpec};
use crate::host::Host;

/// The real thing, as it is seen without the driver.
pub(super) trait World {
    /// Everything that the driver could change.
    fn seen(&self) -> String;

    /// Takes away what the driver points.
    fn remove(&self);
}

/// `first` stands there; all three are values that can.
pub(super) async fn holds(spec: &EndpointSpec, host: &Host, world: &dyn World, [first, second, third]: [&str; 3]) {
    assert_eq!(spec.wrong(), None);
    let text = toml::to_string(spec).expect("settings can be written");
    assert_eq!(&toml::from_str::<EndpointSpec>(&text).expect("and read"), spec, "{text}");
    let endpoint = spec.driver();
    looking_changes_nothing(endpoint, host, world, first).await;
    twice_is_as_once(endpoint, host, world, [first, second, third]).await;
    what_is_not_there_is_refused(endpoint, host, world, [first, second]).await;
}

async fn looking_changes_nothing(endpoint: &dyn Endpoint, host: &Host, world: &dyn World, first: &str) {
    let before = world.seen();
    assert_eq!(endpoint.probe(host).await, []);
    assert_eq!(endpoint.current(host).await.as_deref(), Ok(first));
    assert_eq!(world.seen(), before, "a look has changed something");
}

async fn twice_is_as_once(endpoint: &dyn Endpoint, host: &Host, world: &dyn World, [first, second, third]: [&str; 3]) {
    let before = world.seen();
    for _ in 0..2 {
        assert_eq!(endpoint.point(host, first, second).await, Ok(()));
        assert_eq!(endpoint.current(host).await.as_deref(), Ok(second));
    }
    let after = world.seen();
    assert_ne!(after, before);
    let refused = endpoint.point(host, first, third).await.expect_err("something else stands there");
    let what = format!("{} says {second:?}, neither {first:?} nor {third:?}: somebody has changed it", endpoint.what());
    assert_eq!((refused.what.as_str(), refused.passes), (what.as_str(), false));
    assert_eq!(world.seen(), after, "a refusal has changed something");
    for _ in 0..2 {
        assert_eq!(endpoint.point(host, second, first).await, Ok(()));
    }
    assert_eq!(world.seen(), before, "it is not as it was");
}

async fn what_is_not_there_is_refused(
    endpoint: &dyn Endpoint,
    host: &Host,
    world: &dyn World,
    [first, second]: [&str; 2],
) {
    world.remove();
    let before = world.seen();
    let trouble = endpoint.current(host).await.expect_err("nothing stands there");
    assert!(!trouble.passes && trouble.what.len() > 10, "{trouble:?}");
    assert_eq!(endpoint.probe(host).await, std::slice::from_ref(&trouble));
    assert_eq!(endpoint.point(host, first, second).await, Err(trouble));
    assert_eq!(world.seen(), before, "a refusal has changed something");
}

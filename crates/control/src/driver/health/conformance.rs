//! What every look owes, asked of each with a real thing behind it.

use super::HealthSpec;
use crate::driver::Trouble;
use crate::host::Host;

/// The real thing, which can be made well and ill.
pub(super) trait World {
    fn make_ill(&mut self);
}

/// It is well at first. Gives back what is said when it is ill.
pub(super) async fn holds(spec: &HealthSpec, host: &Host, world: &mut dyn World) -> Trouble {
    assert_eq!(spec.wrong(), None);
    let text = toml::to_string(spec).expect("settings can be written");
    assert_eq!(&toml::from_str::<HealthSpec>(&text).expect("and read"), spec, "{text}");
    let health = spec.driver();
    assert_eq!(health.probe(host).await, []);
    for _ in 0..2 {
        assert_eq!(health.look(host).await, Ok(()));
    }
    world.make_ill();
    let trouble = health.look(host).await.expect_err("it is not well");
    assert_eq!(health.look(host).await.expect_err("it is not well"), trouble);
    // Before an operation something may be ill that shall be well after it.
    assert_eq!(health.probe(host).await, []);
    assert!(trouble.passes, "it may be well in a moment: {trouble:?}");
    trouble
}

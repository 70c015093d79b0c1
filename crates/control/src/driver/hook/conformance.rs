//! What every hook owes, asked of each with a real thing behind it.

use std::sync::Mutex;

use super::{HookSpec, Told};
use crate::host::Host;

/// The real thing, as it is seen without the driver.
pub(super) trait World {
    /// Everything that the hook could change.
    fn seen(&self) -> String;
}

pub(super) fn told() -> Told {
    let told = [("operation", "op1"), ("stack", "shop's"), ("moment", "2026-11-21T13:00:00Z"), ("phase", "announce")];
    told.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

/// Gives back what was said when it was run.
pub(super) async fn holds(spec: &HookSpec, host: &Host, world: &dyn World) -> Vec<String> {
    assert_eq!(spec.wrong(), None);
    let text = toml::to_string(spec).expect("settings can be written");
    assert_eq!(&toml::from_str::<HookSpec>(&text).expect("and read"), spec, "{text}");
    let (hook, said, before) = (spec.driver(), Mutex::new(Vec::new()), world.seen());
    let say = |line: &str| said.lock().expect("the lines").push(line.to_owned());
    assert_eq!(hook.probe(host).await, []);
    assert_eq!(world.seen(), before, "a look has changed something");
    assert_eq!(hook.run(host, &told(), &say).await, Ok(()));
    let after = world.seen();
    assert_ne!(after, before, "nothing was done");
    let first = said.lock().expect("the lines").clone();
    assert_eq!(hook.run(host, &told(), &say).await, Ok(()));
    assert_eq!(world.seen(), after, "twice is not as once");
    for _ in 0..2 {
        assert_eq!(hook.take_back(host, &told(), &say).await, Ok(()));
    }
    assert!(said.lock().expect("the lines").iter().all(|line| !line.contains("planted")), "a secret was said");
    first
}

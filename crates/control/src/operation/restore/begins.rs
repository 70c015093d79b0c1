//! When a restore begins that was asked for ahead: at a time, or in a maintenance window and never outside of one.

use api::BeginAsk;
use jiff::Timestamp;
use ops::Store;

use crate::daemon::Daemon;
use crate::error::{Error, Result};
use crate::policy::Policy;
use crate::stacks;

/// When that is, as things are; nothing where it is at once.
pub(super) fn planned(policy: &Policy, at: Option<BeginAsk>, now: Timestamp) -> Result<Option<Timestamp>> {
    let time = match at {
        None => return Ok(None),
        Some(BeginAsk::Time(time)) if time <= now => {
            return Err(Error::Ask(format!("{time} is over: leave out when it begins, and it begins at once")));
        }
        Some(BeginAsk::Time(time)) => time,
        Some(BeginAsk::NextWindow) => next_window(policy, now)?,
    };
    Ok((time > now).then_some(time))
}

/// Refused as long as its time has not come. The policy is the one that counts now.
pub(super) async fn wait(daemon: &Daemon, source: &str, at: Option<BeginAsk>) -> Result<()> {
    // By the clock that the wait is kept by.
    let now = daemon.runs.now().await?;
    let time = match at {
        None => now,
        Some(BeginAsk::Time(time)) => time,
        Some(BeginAsk::NextWindow) => {
            let stack = stacks::of_source(daemon, source).await?;
            next_window(&stack.map(|stack| stack.policy).unwrap_or_default(), now)?
        }
    };
    if time > now { Err(Error::NotYet(time)) } else { Ok(()) }
}

fn next_window(policy: &Policy, now: Timestamp) -> Result<Timestamp> {
    let none = || {
        Error::Ask("the stack's policy has no maintenance window that opens: see `windows` in docs/policies.md".into())
    };
    if policy.windows.is_empty() { Err(none()) } else { policy.next_open(now).ok_or_else(none) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn it_begins_in_a_window_or_at_a_time_to_come() {
        let now = at("2026-11-22T07:00:00Z");
        let nightly = Policy { windows: vec!["daily 22:00-06:00 UTC".parse().unwrap()], ..Policy::default() };
        let begins = |policy: &Policy, ask: BeginAsk, now: Timestamp| planned(policy, Some(ask), now);
        assert_eq!(planned(&nightly, None, now).unwrap(), None);
        assert_eq!(begins(&nightly, BeginAsk::NextWindow, now).unwrap(), Some(at("2026-11-22T22:00:00Z")));
        assert_eq!(begins(&nightly, BeginAsk::NextWindow, at("2026-11-22T23:00:00Z")).unwrap(), None, "it is open");
        assert_eq!(begins(&Policy::default(), BeginAsk::NextWindow, now).unwrap_err().code(), "RK-3013");
        let time = at("2026-11-22T08:00:00Z");
        assert_eq!(begins(&Policy::default(), BeginAsk::Time(time), now).unwrap(), Some(time));
        assert_eq!(begins(&nightly, BeginAsk::Time(now), now).unwrap_err().code(), "RK-3013");
    }
}

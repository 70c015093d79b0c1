//! Faults that the laws of operations are tested with; in builds for tests only. `REKINDLE_TEST_FAULT=backup/store/fails-after` breaks the first
//! try of that step in that way.

use std::sync::atomic::{AtomicBool, Ordering};

use ops::{Failure, Found, Work};
use serde_json::Value;

use super::{At, Part, failure};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    FailsBefore,
    FailsAfter,
    DiesBefore,
    DiesAfter,
    /// Nothing was done, and nothing will be, however often it is tried.
    Breaks,
    /// Nothing is done until it is told to stop.
    Hangs,
    /// Done, looked at, and done again unless the look says that it is done.
    Twice,
}

static IS_OVER: AtomicBool = AtomicBool::new(false);

/// What is to happen to this try, once in the life of a process.
pub(super) fn of(at: &At) -> Option<Fault> {
    let wanted = at.daemon.host.variable("REKINDLE_TEST_FAULT")?;
    let run = &at.work.run;
    let step = &run.plan().steps[at.work.step].name;
    let how = wanted.strip_prefix(&format!("{}/{step}/", run.head.kind))?;
    let fault = match how {
        "fails-before" => Fault::FailsBefore,
        "fails-after" => Fault::FailsAfter,
        "dies-before" => Fault::DiesBefore,
        "dies-after" => Fault::DiesAfter,
        "breaks" => return Some(Fault::Breaks),
        "hangs" => Fault::Hangs,
        "twice" => Fault::Twice,
        _ => return None,
    };
    (!at.is_again() && !IS_OVER.swap(true, Ordering::Relaxed)).then_some(fault)
}

/// The part's act, broken.
pub(super) async fn act(fault: Fault, part: &dyn Part, at: &At) -> Result<Value, Failure> {
    match fault {
        Fault::DiesBefore => std::process::abort(),
        Fault::FailsBefore => return Err(lost("nothing was done")),
        Fault::Breaks => return Err(Failure::clean("RK-1099", "a test breaks it", "")),
        Fault::Hangs => {
            at.work.stop.asked().await;
            return Err(lost("nothing was done"));
        }
        _ => {}
    }
    let done = part.act(at).await.map_err(|error| failure(&at.work, &error))?;
    match fault {
        Fault::DiesAfter => std::process::abort(),
        Fault::FailsAfter => Err(lost("it was done")),
        _ => again(part, at, &at.work).await.map(|again| again.unwrap_or(done)),
    }
}

async fn again(part: &dyn Part, at: &At, work: &Work) -> Result<Option<Value>, Failure> {
    match part.look(at).await.map_err(|error| failure(work, &error))? {
        Found::Done(seen) => Ok(Some(seen)),
        Found::NotDone => part.act(at).await.map(Some).map_err(|error| failure(work, &error)),
    }
}

fn lost(what: &str) -> Failure {
    Failure::clean("RK-1099", format!("a test lost the answer; {what}"), "").retryable().unknown()
}

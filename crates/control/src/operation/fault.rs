//! Faults that the laws of operations are tested with; in builds for tests only. What is to happen stands in `REKINDLE_TEST_FAULT`, or in the
//! file `test-fault` of the data folder, which can be changed while the daemon runs: `backup/store/fails-after`.
//!
//! ```text
//!   fails-before, fails-after, dies-before, dies-after, twice, hangs     the first try of the step, once
//!   breaks                                                               every try; nothing is done
//!   fails-at-N, dies-at-N       behind the Nth part of the step's effect, once; what failed is tried again
//!   breaks-at-N                 behind the Nth part, at every try; trying again does not help
//!   undo-…-at-N                 the same of its undo
//! ```
//! Of one in the file, `test-fault.struck` says that it came to it.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use ops::{Failure, Found, Phase, Work};
use serde_json::Value;

use super::{At, Part, failure};
use crate::driver::Trouble;
use crate::error::Result;

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

/// In the life of a process, of one in its environment.
static IS_OVER: AtomicBool = AtomicBool::new(false);

/// What is wanted of the step that is at work, and the file that says so.
fn wanted(at: &At) -> Option<(String, Option<PathBuf>)> {
    let file = at.daemon.config.data_folder.join("test-fault");
    let (text, file) = match at.daemon.host.variable("REKINDLE_TEST_FAULT") {
        Some(text) => (text.to_owned(), None),
        None => (std::fs::read_to_string(&file).ok()?, Some(file)),
    };
    let run = &at.work.run;
    let step = &run.plan().steps[at.work.step].name;
    Some((text.trim().strip_prefix(&format!("{}/{step}/", run.head.kind))?.to_owned(), file))
}

/// Whether it is the first time; nothing of one in a file is left then but the note that it struck.
fn once(file: Option<&PathBuf>) -> bool {
    match file {
        None => !IS_OVER.swap(true, Ordering::Relaxed),
        Some(file) => std::fs::rename(file, file.with_extension("struck")).is_ok(),
    }
}

/// What is to happen to this try.
pub(super) fn of(at: &At) -> Option<Fault> {
    let (how, file) = wanted(at)?;
    let fault = match how.as_str() {
        "fails-before" => Fault::FailsBefore,
        "fails-after" => Fault::FailsAfter,
        "dies-before" => Fault::DiesBefore,
        "dies-after" => Fault::DiesAfter,
        "breaks" => return Some(Fault::Breaks),
        "hangs" => Fault::Hangs,
        "twice" => Fault::Twice,
        _ => return None,
    };
    (!at.is_again() && once(file.as_ref())).then_some(fault)
}

/// What is to happen behind the part of the effect that was just done.
pub(super) fn at_effect(at: &At) -> Result<()> {
    let n = at.watch.effects.fetch_add(1, Ordering::Relaxed) + 1;
    let Some((how, file)) = wanted(at) else { return Ok(()) };
    let is_undo = at.work.run.state.steps[at.work.step].phase == Phase::Undoing;
    let how = match is_undo {
        true => how.strip_prefix("undo-"),
        false => Some(how.as_str()),
    };
    let Some(how) = how.and_then(|how| how.strip_suffix(&format!("-at-{n}"))) else { return Ok(()) };
    let trouble = match how {
        "breaks" => {
            if let Some(file) = file {
                let _ = std::fs::write(file.with_extension("struck"), "");
            }
            Trouble::refused(format!("a test breaks it behind part {n}"))
        }
        "fails" if once(file.as_ref()) => Trouble::away(format!("a test lets it fail behind part {n}")),
        "dies" if once(file.as_ref()) => std::process::abort(),
        _ => return Ok(()),
    };
    Err(trouble.of("the test"))
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
        Found::NotDone | Found::Unknown => part.act(at).await.map(Some).map_err(|error| failure(work, &error)),
    }
}

fn lost(what: &str) -> Failure {
    Failure::clean("RK-1099", format!("a test lost the answer; {what}"), "").retryable().unknown()
}

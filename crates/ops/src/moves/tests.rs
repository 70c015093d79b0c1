//! Every legal move, and that nothing else is one.
#![allow(clippy::needless_pass_by_value, reason = "events are made where they are applied")]

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::run::{Head, Plan, Retry, StepPlan};

fn step(name: &str, undo: bool, attempts: u32, then: Then) -> StepPlan {
    StepPlan {
        name: name.into(),
        what: format!("does {name}"),
        undo: undo.then(|| format!("takes {name} back")),
        retry: Retry { attempts, first_ms: 1000, most_ms: 3000, then },
        about_ms: None,
        timeout_ms: None,
    }
}

fn run(steps: Vec<StepPlan>, approvals: u32) -> Run {
    Run::new(Head {
        id: "7f3".into(),
        kind: "restore".into(),
        subject: Some("shop".into()),
        lane: None,
        place: None,
        asked_by: "ada".into(),
        why: String::new(),
        plan: Plan { input: Value::Null, steps, approvals, waived: false },
        created: Timestamp::UNIX_EPOCH,
    })
}

/// Two steps that can be undone and one that cannot, submitted.
fn begun() -> Run {
    let steps = vec![
        step("fence", true, 3, Then::Unwind),
        step("copy", false, 2, Then::Unwind),
        step("swap", true, 1, Then::Unwind),
    ];
    let mut run = run(steps, 0);
    ok(&mut run, Event::Submitted { by: "ada".into() });
    run
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds)
}

fn ok(run: &mut Run, event: Event) {
    run.apply(at(0), &event).unwrap_or_else(|illegal| panic!("{event:?}: {illegal}"));
}

fn no(run: &mut Run, event: Event) {
    let before = run.clone();
    assert!(run.apply(at(0), &event).is_err(), "{event:?} was legal from {:?}", before.state);
    assert_eq!(*run, before);
}

fn done(run: &mut Run, step: usize) {
    ok(run, Event::Began { step });
    ok(run, Event::Done { step, output: json!({ "of": step }) });
}

fn failure(outcome: Outcome, retryable: bool) -> Failure {
    Failure { outcome, retryable, ..Failure::clean("RK-0000", "it did not work", "try it otherwise") }
}

fn clean(step: usize) -> Event {
    Event::Failed { step, failure: failure(Outcome::Clean, true) }
}

fn cancel() -> Event {
    Event::CancelAsked { by: "bob".into(), why: String::new() }
}

#[test]
fn forth_to_the_end() {
    let mut run = begun();
    (0..3).for_each(|step| done(&mut run, step));
    assert_eq!((run.state.status, run.next(at(9))), (Status::Succeeded, Next::Nothing));
    assert_eq!(run.output("copy"), &json!({ "of": 1 }));
    no(&mut run, cancel());
    no(&mut run, Event::Began { step: 0 });
}

#[test]
fn a_plan_without_steps_is_done() {
    let mut run = run(vec![], 0);
    ok(&mut run, Event::Submitted { by: "ada".into() });
    assert_eq!(run.state.status, Status::Succeeded);
}

#[test]
fn a_step_is_tried_again_after_a_while_and_then_all_is_taken_back() {
    let mut run = begun();
    done(&mut run, 0);
    ok(&mut run, Event::Began { step: 1 });
    ok(&mut run, clean(1));
    assert_eq!((run.state.status, run.next(at(0))), (Status::Retrying, Next::Wait { until: at(1) }));
    assert_eq!(run.next(at(1)), Next::Act { step: 1 });
    ok(&mut run, Event::Began { step: 1 });
    assert_eq!(run.state.steps[1].attempts, 2);
    ok(&mut run, clean(1));
    assert_eq!((run.state.status, run.next(at(1))), (Status::Unwinding, Next::Undo { step: 0 }));
    ok(&mut run, Event::UndoBegan { step: 0 });
    ok(&mut run, Event::UndoDone { step: 0 });
    assert_eq!(run.state.status, Status::Failed);
    assert_eq!(run.state.failure.as_ref().unwrap().code, "RK-0000");
}

#[test]
fn what_does_not_help_is_not_tried_again() {
    let mut run = begun();
    ok(&mut run, Event::Began { step: 0 });
    ok(&mut run, Event::Failed { step: 0, failure: failure(Outcome::Clean, false) });
    assert_eq!(run.state.status, Status::Failed);
}

#[test]
fn the_unknown_is_looked_at_before_it_is_tried_again_or_undone() {
    let mut run = begun();
    ok(&mut run, Event::Began { step: 0 });
    ok(&mut run, Event::Failed { step: 0, failure: failure(Outcome::Unknown, true) });
    assert_eq!(run.next(at(0)), Next::Look { step: 0 });
    no(&mut run, Event::Began { step: 0 });
    let mut found = run.clone();
    ok(&mut found, Event::Done { step: 0, output: Value::Null });
    assert_eq!(found.next(at(0)), Next::Act { step: 1 });
    ok(&mut run, cancel());
    assert_eq!(run.next(at(0)), Next::Look { step: 0 });
    let mut absent = run.clone();
    ok(&mut absent, Event::NotDone { step: 0 });
    assert_eq!(absent.state.status, Status::Cancelled);
    ok(&mut run, Event::Done { step: 0, output: Value::Null });
    assert_eq!(run.next(at(0)), Next::Undo { step: 0 });
}

/// The law of what began.
#[test]
fn what_may_have_acted_is_undone_like_what_did() {
    let mut run = begun();
    done(&mut run, 0);
    done(&mut run, 1);
    ok(&mut run, Event::Began { step: 2 });
    ok(&mut run, Event::Failed { step: 2, failure: failure(Outcome::Unknown, false) });
    ok(&mut run, Event::MaybeDone { step: 2 });
    assert_eq!((run.state.status, run.next(at(0))), (Status::Unwinding, Next::Undo { step: 2 }));
    no(&mut run, Event::UndoBegan { step: 0 });
    ok(&mut run, Event::UndoBegan { step: 2 });
    ok(&mut run, Event::UndoDone { step: 2 });
    ok(&mut run, Event::UndoBegan { step: 0 });
    ok(&mut run, Event::UndoDone { step: 0 });
    assert_eq!(run.state.status, Status::Failed);
}

#[test]
fn what_is_partial_is_tried_again_and_no_clean_failure_makes_it_not_done() {
    let mut run = begun();
    ok(&mut run, Event::Began { step: 0 });
    ok(&mut run, Event::Lost);
    ok(&mut run, Event::MaybeDone { step: 0 });
    assert_eq!((run.state.status, run.next(at(0))), (Status::Retrying, Next::Act { step: 0 }));
    let mut cancelled = run.clone();
    ok(&mut cancelled, cancel());
    assert_eq!(cancelled.next(at(0)), Next::Undo { step: 0 }, "at once, without another look");
    ok(&mut run, Event::PauseAsked { by: "bob".into() });
    assert_eq!(run.state.status, Status::Paused);
    ok(&mut run, Event::Resumed { by: "bob".into() });
    ok(&mut run, Event::Began { step: 0 });
    ok(&mut run, clean(0));
    assert_eq!(run.state.steps[0].phase, Phase::Partial, "that try did nothing, and the one before may have");
    let mut seen = run.clone();
    ok(&mut run, cancel());
    assert_eq!(run.next(at(0)), Next::Undo { step: 0 });
    // A look that knows is the only way back to a step that was not done.
    ok(&mut seen, Event::Began { step: 0 });
    ok(&mut seen, Event::Lost);
    ok(&mut seen, Event::NotDone { step: 0 });
    ok(&mut seen, cancel());
    assert_eq!((seen.state.status, seen.state.steps[0].phase), (Status::Cancelled, Phase::Waiting));
}

#[test]
fn what_is_partial_and_cannot_be_undone_is_no_reason_to_stay() {
    let mut run = begun();
    done(&mut run, 0);
    ok(&mut run, Event::Began { step: 1 });
    ok(&mut run, Event::Lost);
    ok(&mut run, Event::MaybeDone { step: 1 });
    ok(&mut run, cancel());
    assert_eq!(run.next(at(0)), Next::Undo { step: 0 });
}

#[test]
fn a_catalog_of_before_there_was_a_partial_step_is_read() {
    let old = json!({ "phase": "unknown", "attempts": 1, "failures": 1, "losses": 0, "blind_looks": 0,
        "began": null, "ended": null, "output": null });
    let state: StepState = serde_json::from_value(old.clone()).unwrap();
    assert!(state.phase == Phase::Unknown && !state.partial);
    assert_eq!(serde_json::to_value(&state).unwrap(), old, "and written so that it can still read it");
}

#[test]
fn a_look_that_cannot_tell_is_a_matter_for_a_person() {
    let mut run = begun();
    ok(&mut run, Event::Began { step: 0 });
    ok(&mut run, Event::Lost);
    for look in 1..=3 {
        ok(&mut run, Event::NotSeen { step: 0, failure: failure(Outcome::Clean, true) });
        assert_eq!(run.state.status, if look < 3 { Status::Retrying } else { Status::Stuck }, "look {look}");
        assert_eq!(run.state.steps[0].phase, Phase::Unknown);
    }
    // What cannot be looked at can be taken back: an undo does no harm where there is nothing.
    assert_eq!(run.way_back(), Some("cancel"));
    let mut back = run.clone();
    ok(&mut back, cancel());
    assert_eq!(back.next(at(0)), Next::Undo { step: 0 });
    ok(&mut back, Event::UndoBegan { step: 0 });
    ok(&mut back, Event::UndoDone { step: 0 });
    assert_eq!(back.state.status, Status::Cancelled);
    ok(&mut run, Event::RetryAsked { by: "bob".into() });
    assert_eq!(run.next(at(0)), Next::Look { step: 0 });
}

#[test]
fn a_try_that_was_cut_short_is_no_failure() {
    let mut run = begun();
    for _ in 0..5 {
        ok(&mut run, Event::Began { step: 0 });
        ok(&mut run, Event::Lost);
        ok(&mut run, Event::NotDone { step: 0 });
    }
    assert_eq!((run.state.steps[0].failures, run.state.steps[0].attempts), (0, 5));
    assert_eq!(run.next(at(0)), Next::Act { step: 0 });
}

#[test]
fn but_not_for_ever() {
    let mut run = begun();
    done(&mut run, 0);
    for _ in 0..LOSSES_MAX {
        ok(&mut run, Event::Began { step: 1 });
        ok(&mut run, Event::Lost);
        ok(&mut run, Event::NotDone { step: 1 });
    }
    assert_eq!(run.state.status, Status::Unwinding);
    for _ in 0..LOSSES_MAX {
        ok(&mut run, Event::UndoBegan { step: 0 });
        ok(&mut run, Event::Lost);
    }
    assert_eq!(run.state.status, Status::Stuck);
}

#[test]
fn an_undo_that_fails_is_a_matter_for_a_person() {
    let mut run = begun();
    (0..2).for_each(|step| done(&mut run, step));
    ok(&mut run, cancel());
    for _ in 0..3 {
        assert_eq!(run.next(at(99)), Next::Undo { step: 0 });
        ok(&mut run, Event::UndoBegan { step: 0 });
        ok(&mut run, Event::UndoFailed { step: 0, failure: failure(Outcome::Unknown, true) });
    }
    assert_eq!((run.state.status, run.next(at(99))), (Status::Stuck, Next::Nothing));
    assert_eq!(run.way_back(), Some("retry"));
    let refused = run.clone().apply(at(0), &cancel()).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "an operation that is stuck cannot be cancelled: what it did is being taken back already"
    );
    let mut abandoned = run.clone();
    ok(&mut abandoned, Event::Abandoned { by: "bob".into(), why: "put right by hand".into() });
    assert_eq!(abandoned.state.status, Status::Failed);
    ok(&mut run, Event::RetryAsked { by: "bob".into() });
    ok(&mut run, Event::UndoBegan { step: 0 });
    ok(&mut run, Event::UndoDone { step: 0 });
    assert_eq!(run.state.status, Status::Cancelled);
}

#[test]
fn undone_from_the_last_to_the_first_and_only_what_can_be() {
    let mut run = begun();
    (0..2).for_each(|step| done(&mut run, step));
    ok(&mut run, Event::Began { step: 2 });
    ok(&mut run, clean(2));
    no(&mut run, Event::UndoBegan { step: 1 });
    no(&mut run, Event::UndoBegan { step: 2 });
    ok(&mut run, Event::UndoBegan { step: 0 });
    ok(&mut run, Event::UndoDone { step: 0 });
    assert_eq!(run.state.status, Status::Failed);
    assert_eq!(
        run.state.steps.iter().map(|step| step.phase).collect::<Vec<_>>(),
        [Phase::Undone, Phase::Done, Phase::Waiting]
    );
}

#[test]
fn pause_resume_cancel() {
    let mut run = begun();
    ok(&mut run, Event::PauseAsked { by: "bob".into() });
    assert_eq!((run.state.status, run.next(at(0))), (Status::Paused, Next::Nothing));
    ok(&mut run, Event::Resumed { by: "bob".into() });
    ok(&mut run, Event::Began { step: 0 });
    ok(&mut run, Event::PauseAsked { by: "bob".into() });
    assert_eq!(run.state.status, Status::Running);
    let mut kept = run.clone();
    ok(&mut kept, Event::Resumed { by: "bob".into() });
    ok(&mut kept, Event::Done { step: 0, output: Value::Null });
    assert_eq!(kept.state.status, Status::Running);
    ok(&mut run, Event::Done { step: 0, output: Value::Null });
    assert_eq!(run.state.status, Status::Paused);
    ok(&mut run, cancel());
    assert_eq!(run.next(at(0)), Next::Undo { step: 0 });
}

#[test]
fn cancelled_in_the_middle_it_ends_and_goes_back() {
    let mut run = begun();
    ok(&mut run, Event::Began { step: 0 });
    ok(&mut run, cancel());
    assert_eq!(run.state.status, Status::Running);
    let mut failed = run.clone();
    ok(&mut failed, clean(0));
    assert_eq!(failed.state.status, Status::Cancelled);
    ok(&mut run, Event::Done { step: 0, output: Value::Null });
    assert_eq!(run.state.status, Status::Unwinding);
}

#[test]
fn a_step_may_wait_for_a_person() {
    let mut run = run(vec![step("migrate", false, 1, Then::Pause)], 0);
    ok(&mut run, Event::Submitted { by: "ada".into() });
    ok(&mut run, Event::Began { step: 0 });
    ok(&mut run, clean(0));
    assert_eq!(run.state.status, Status::Paused);
    ok(&mut run, Event::RetryAsked { by: "bob".into() });
    done(&mut run, 0);
    assert_eq!(run.state.status, Status::Succeeded);
}

#[test]
fn approved_by_as_many_as_it_takes_and_never_by_the_asker() {
    let mut run = run(vec![step("fence", true, 1, Then::Unwind)], 2);
    let approved = |by: &str| Event::Approved { by: by.into(), why: "yes".into() };
    ok(&mut run, Event::Submitted { by: "ada".into() });
    assert_eq!((run.state.status, run.next(at(0))), (Status::AwaitingApproval, Next::Nothing));
    no(&mut run, approved("ada"));
    ok(&mut run, approved("bob"));
    no(&mut run, approved("bob"));
    no(&mut run, Event::Began { step: 0 });
    let mut refused = run.clone();
    ok(&mut refused, Event::Refused { by: "eve".into(), why: "not now".into() });
    assert_eq!(refused.state.status, Status::Cancelled);
    assert_eq!(refused.state.refusal.map(|refusal| refusal.why), Some("not now".to_owned()));
    ok(&mut run, approved("eve"));
    assert_eq!(run.next(at(0)), Next::Act { step: 0 });
}

fn put_off(step: usize, until: i64) -> Event {
    let instead = Instead::Wait { until: at(until) };
    Event::Failed { step, failure: Failure::instead("RK-0000", "not yet", "wait", instead) }
}

#[test]
fn a_step_whose_time_has_not_come_waits_and_that_is_no_try() {
    let mut run = begun();
    ok(&mut run, Event::Began { step: 0 });
    ok(&mut run, put_off(0, 60));
    assert_eq!((run.state.status, run.next(at(59))), (Status::Waiting, Next::Wait { until: at(60) }));
    assert_eq!((run.state.steps[0].attempts, run.state.failure.as_ref()), (0, None));
    let mut cancelled = run.clone();
    ok(&mut cancelled, cancel());
    assert_eq!(cancelled.state.status, Status::Cancelled);
    let mut asked = run.clone();
    ok(&mut asked, Event::RetryAsked { by: "bob".into() });
    assert_eq!(asked.next(at(0)), Next::Act { step: 0 });
    assert_eq!(run.next(at(60)), Next::Act { step: 0 });
    (0..3).for_each(|step| done(&mut run, step));
    assert_eq!(run.state.status, Status::Succeeded);
}

#[test]
fn what_was_approved_and_is_not_so_any_more_is_approved_anew() {
    let mut run = run(vec![step("look", false, 1, Then::Unwind), step("fence", true, 1, Then::Unwind)], 1);
    let approved = |by: &str| Event::Approved { by: by.into(), why: "yes".into() };
    let now = Plan { steps: vec![step("look", false, 1, Then::Unwind)], input: json!("now"), ..run.head.plan.clone() };
    let changed = |step: usize, approvals: u32| {
        let plan = Box::new(Plan { approvals, ..now.clone() });
        let failure = Failure::instead("RK-0001", "another backup", "read it again", Instead::Approve { plan });
        Event::Failed { step, failure }
    };
    ok(&mut run, Event::Submitted { by: "ada".into() });
    ok(&mut run, approved("bob"));
    let mut late = run.clone();
    ok(&mut run, Event::Began { step: 0 });
    ok(&mut run, changed(0, 2));
    assert_eq!((run.state.status, run.state.approvals.len()), (Status::AwaitingApproval, 0));
    assert_eq!((run.plan().input.clone(), run.plan().steps.len(), run.state.submitted), (json!("now"), 1, Some(at(0))));
    assert_eq!(run.state.failure.as_ref().unwrap().code, "RK-0001");
    no(&mut run, approved("ada"));
    ok(&mut run, approved("bob"));
    assert_eq!(run.state.status, Status::AwaitingApproval, "two are needed now");
    ok(&mut run, approved("eve"));
    assert!(run.state.failure.is_none());
    done(&mut run, 0);
    assert_eq!(run.state.status, Status::Succeeded);
    // Behind the first step something may have been done: that is a failure like any other.
    done(&mut late, 0);
    ok(&mut late, Event::Began { step: 1 });
    ok(&mut late, changed(1, 1));
    assert_eq!(late.state.status, Status::Failed);
}

#[test]
fn what_nobody_approved_fails_when_it_is_not_so_any_more() {
    let mut run = begun();
    let plan = Box::new(Plan { approvals: 1, ..run.head.plan.clone() });
    ok(&mut run, Event::Began { step: 0 });
    let failure = Failure::instead("RK-0001", "another backup", "plan again", Instead::Approve { plan });
    ok(&mut run, Event::Failed { step: 0, failure });
    assert_eq!(run.state.status, Status::Failed);
}

#[test]
fn waits_double_up_to_a_limit() {
    let retry = Retry { attempts: 9, first_ms: 1000, most_ms: 5000, then: Then::Unwind };
    assert_eq!([1, 2, 3, 4, 200].map(|failures| retry.wait_ms(failures)), [1000, 2000, 4000, 5000, 5000]);
}

fn events(steps: usize) -> impl Strategy<Value = Event> {
    let by = || "bob".to_owned();
    let failures = (any::<bool>(), any::<bool>())
        .prop_map(|(unknown, retryable)| failure(if unknown { Outcome::Unknown } else { Outcome::Clean }, retryable));
    (0..20usize, 0..steps, failures).prop_map(move |(kind, step, failure)| match kind {
        0 => Event::PauseAsked { by: by() },
        1 => Event::Resumed { by: by() },
        2 => Event::CancelAsked { by: by(), why: String::new() },
        3 => Event::RetryAsked { by: by() },
        4 => Event::Abandoned { by: by(), why: String::new() },
        5 | 6 | 15 => Event::Began { step },
        7 | 8 | 16 => Event::Done { step, output: Value::Null },
        9 => Event::Failed { step, failure },
        10 => Event::NotDone { step },
        11 => Event::NotSeen { step, failure },
        12 | 17 => Event::UndoBegan { step },
        13 => Event::UndoDone { step },
        14 => Event::UndoFailed { step, failure },
        18 => put_off(step, 50),
        19 => Event::MaybeDone { step },
        _ => Event::Lost,
    })
}

proptest! {
    /// Whatever comes in whatever order: what is legal leaves a run of which all that must hold does, and there is always a way out.
    #[test]
    fn whatever_happens(events in proptest::collection::vec(events(3), 0..60), pause in any::<bool>()) {
        let then = if pause { Then::Pause } else { Then::Unwind };
        let steps = vec![step("a", true, 2, then), step("b", false, 2, then), step("c", true, 1, then)];
        let mut run = run(steps, 0);
        ok(&mut run, Event::Submitted { by: "ada".into() });
        let (mut replayed, mut applied) = (run.clone(), 0u64);
        for event in &events {
            let before = run.clone();
            match run.apply(at(5), event) {
                Err(_) => prop_assert_eq!(&run, &before),
                Ok(()) => {
                    applied += 1;
                    let text = serde_json::to_string(event).unwrap();
                    replayed.apply(at(5), &serde_json::from_str(&text).unwrap()).unwrap();
                    prop_assert!(!before.state.status.is_over(), "{:?} after the end", event);
                    holds(&run)?;
                }
            }
        }
        prop_assert_eq!(run.state.events, applied + 1);
        prop_assert_eq!(&run, &replayed);
        ends(run)?;
    }
}

fn holds(run: &Run) -> Result<(), TestCaseError> {
    let (state, steps) = (&run.state, &run.state.steps);
    let count = |phases: &[Phase]| steps.iter().filter(|step| phases.contains(&step.phase)).count();
    prop_assert!(count(&[Phase::InFlight, Phase::Unknown, Phase::Undoing, Phase::HalfUndone]) <= 1, "{:?}", steps);
    prop_assert!(
        steps
            .iter()
            .take(state.cursor)
            .all(|step| !matches!(step.phase, Phase::Waiting | Phase::InFlight | Phase::Unknown | Phase::Partial))
    );
    // The step in work may be partial, and then it is undone; those behind it never began.
    prop_assert!(steps.iter().skip(state.cursor).all(|step| step.phase != Phase::Done));
    prop_assert!(steps.iter().skip(state.cursor + 1).all(|step| step.phase == Phase::Waiting));
    prop_assert!(steps.iter().all(|step| !step.partial || step.phase != Phase::Waiting), "forgotten: {:?}", steps);
    let stays = |(at, step): (usize, &StepState)| {
        matches!(step.phase, Phase::Done | Phase::Partial | Phase::Unknown) && run.plan().steps[at].undo.is_some()
    };
    prop_assert_eq!(state.ended.is_some(), state.status.is_over());
    match state.status {
        Status::Succeeded => prop_assert_eq!(count(&[Phase::Done]), steps.len()),
        Status::Cancelled => prop_assert!(!steps.iter().enumerate().any(stays), "not undone: {:?}", steps),
        Status::Waiting | Status::Running | Status::Retrying | Status::Unwinding => {
            prop_assert!(run.next(at(1000)) != Next::Nothing, "{:?}", state);
        }
        _ => {}
    }
    Ok(())
}

/// From anywhere a person who retries and steps that work lead to an end.
fn ends(mut run: Run) -> Result<(), TestCaseError> {
    for _ in 0..40 {
        let event = match run.next(at(1000)) {
            _ if run.state.status.is_over() => return Ok(()),
            Next::Act { step } => Event::Began { step },
            Next::InFlight { step } => Event::Done { step, output: Value::Null },
            Next::Look { step } => Event::MaybeDone { step },
            Next::Undo { step } => Event::UndoBegan { step },
            Next::Undoing { step } => Event::UndoDone { step },
            Next::Nothing | Next::Wait { .. } => Event::RetryAsked { by: "bob".into() },
        };
        ok(&mut run, event);
    }
    Err(TestCaseError::fail(format!("no end from {:?}", run.state)))
}

//! The legal moves of a run: one function, used live and at replay. It is pure; who calls it makes the event durable before anything
//! is done because of it.
//!
//! ```text
//!   planned ─► awaiting-approval ◄─► running ◄─► retrying, waiting    paused ─► running (resume, retry)
//!      │               │              │  └────► paused ◄────────┘       └─────► unwinding (cancel)
//!      └── refused, ───┘              ├─► succeeded
//!          expired: cancelled         └─► unwinding ─► failed, cancelled
//!                                             └─► stuck ─► unwinding (retry; cancel where a look is what fails), failed (abandoned)
//!
//!   a step   waiting ─► in-flight ─► done ───► undoing ─► undone
//!               ▲         ▲  │ failed, lost     ▲ ▲  │ failed, lost
//!               │         │  ▼                  │ └──┴─ half-undone
//!               │         │ unknown             │
//!               │         │  │ looked           │
//!               │         │  ├─► done           │
//!               │         └──┼── partial ───────┘ when the run unwinds
//!               └────────────┘ a look knows that nothing of it is there
//! ```
//! The law of what began: *a step that began and failed may have acted, wholly or in part.* Only a look that knows that nothing of it is
//! there makes it a step that was not done; any other answer leaves it *partial*. Partial, it may be begun again, and when the run unwinds
//! it is undone like one that is done, before any step in front of it. So an undo takes back whatever part there is, and does no harm where
//! there is none; and a run that ends as failed or cancelled has undone every step that may have acted.
//!
//! A step that knows that nothing happened may say that its time has not come, or that what was approved is not so any more: then the
//! run waits, until that time or for people to approve what is so now.
//! What is unknown is looked at before it is tried again or undone. A step that failed clean stands where it stood before that try: waiting, or
//! partial.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::run::{Approval, Failure, Instead, Outcome, Phase, Plan, Run, Status, StepState, Then, Wish};

/// A step that is cut short so often brings the daemon down, or it is never given the time.
const LOSSES_MAX: u32 = 20;

/// What happened. Each is written once and never changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    Submitted {
        by: String,
    },
    Approved {
        by: String,
        why: String,
    },
    Refused {
        by: String,
        why: String,
    },
    /// Nobody approved it in time.
    Expired,
    PauseAsked {
        by: String,
    },
    Resumed {
        by: String,
    },
    CancelAsked {
        by: String,
        why: String,
    },
    RetryAsked {
        by: String,
    },
    /// A person has put it right by hand, or lives with it.
    Abandoned {
        by: String,
        why: String,
    },
    Began {
        step: usize,
    },
    Done {
        step: usize,
        output: Value,
    },
    Failed {
        step: usize,
        failure: Failure,
    },
    /// A look knows that nothing of it is there.
    NotDone {
        step: usize,
    },
    /// A look does not know how much of it is there, if anything.
    MaybeDone {
        step: usize,
    },
    /// A look could not tell.
    NotSeen {
        step: usize,
        failure: Failure,
    },
    UndoBegan {
        step: usize,
    },
    UndoDone {
        step: usize,
    },
    UndoFailed {
        step: usize,
        failure: Failure,
    },
    /// Who worked on it has lost it in the middle of a try.
    Lost,
}

/// What there is to do for who holds the lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// For a person, or for nobody.
    Nothing,
    Act {
        step: usize,
    },
    /// A try runs, or was cut short without a word.
    InFlight {
        step: usize,
    },
    Look {
        step: usize,
    },
    Undo {
        step: usize,
    },
    Undoing {
        step: usize,
    },
    Wait {
        until: Timestamp,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an operation that is {} cannot be {asked}: {why}", .status.name())]
pub struct Illegal {
    pub run: String,
    pub status: Status,
    pub asked: &'static str,
    pub why: String,
}

impl Run {
    /// Applies what happened, or says why it cannot have; then nothing has changed.
    pub fn apply(&mut self, at: Timestamp, event: &Event) -> Result<(), Illegal> {
        let before = self.state.clone();
        let applied = self.applied(at, event);
        match applied {
            Ok(()) => self.state.events += 1,
            Err(_) => self.state = before,
        }
        applied
    }

    fn applied(&mut self, at: Timestamp, event: &Event) -> Result<(), Illegal> {
        use Status::{AwaitingApproval, Paused, Planned, Retrying, Running, Stuck, Unwinding, Waiting};
        match (self.state.status, event) {
            (Planned, Event::Submitted { .. }) => self.submit(at),
            (AwaitingApproval, Event::Approved { by, why }) => self.approve(at, by, why)?,
            (Planned | AwaitingApproval, Event::Refused { by, why }) => {
                self.state.refusal = Some(Approval { by: by.clone(), why: why.clone(), at });
                self.end(at, Status::Cancelled);
            }
            (Planned | AwaitingApproval, Event::Expired | Event::CancelAsked { .. }) => {
                self.end(at, Status::Cancelled);
            }
            (Waiting | Running | Retrying, Event::PauseAsked { .. }) => self.pause(),
            (Paused, Event::Resumed { .. } | Event::RetryAsked { .. }) => self.go_on(),
            (Running, Event::Resumed { .. }) if self.state.wish == Some(Wish::Pause) => self.state.wish = None,
            (Waiting | Retrying, Event::RetryAsked { .. }) => self.state.wait_until = None,
            (Waiting | Running | Retrying | Paused, Event::CancelAsked { .. }) => self.cancel(at),
            (Stuck, Event::RetryAsked { .. }) => self.unstick(),
            (Stuck, Event::CancelAsked { .. }) if self.is_blind() => self.cancel_blind(at),
            (Stuck | Unwinding, Event::CancelAsked { .. }) => {
                return Err(self.illegal(event, "what it did is being taken back already"));
            }
            (Stuck, Event::Abandoned { .. }) => self.end(at, Status::Failed),
            (Waiting | Running | Retrying, Event::Began { step }) => self.begin(at, *step, event)?,
            (Running | Retrying, Event::Done { step, output }) => self.done(at, *step, output, event)?,
            (Running, Event::Failed { step, failure }) => self.failed(at, *step, failure, event)?,
            (Running | Retrying, Event::NotDone { step }) => self.looked(at, *step, Phase::Waiting, event)?,
            (Running | Retrying, Event::MaybeDone { step }) => self.looked(at, *step, Phase::Partial, event)?,
            (Running | Retrying, Event::NotSeen { step, failure }) => self.not_seen(at, *step, failure, event)?,
            (Unwinding, Event::UndoBegan { step }) => self.undo_began(at, *step, event)?,
            (Unwinding, Event::UndoDone { step }) => self.undo_done(at, *step, event)?,
            (Unwinding, Event::UndoFailed { step, failure }) => self.undo_failed(at, *step, failure, event)?,
            (Running | Unwinding, Event::Lost) => self.lost(event)?,
            (_, event) => return Err(self.illegal(event, "that is no move from there")),
        }
        Ok(())
    }

    /// What there is to do at a time.
    pub fn next(&self, now: Timestamp) -> Next {
        let state = &self.state;
        let waits = state.wait_until.filter(|until| *until > now).map(|until| Next::Wait { until });
        match state.status {
            Status::Waiting | Status::Running | Status::Retrying => {
                let step = state.cursor;
                match state.steps.get(step).map_or(Phase::Done, |step| step.phase) {
                    Phase::InFlight => Next::InFlight { step },
                    Phase::Unknown => waits.unwrap_or(Next::Look { step }),
                    Phase::Waiting | Phase::Partial => waits.unwrap_or(Next::Act { step }),
                    Phase::Done | Phase::Undoing | Phase::HalfUndone | Phase::Undone => Next::Nothing,
                }
            }
            Status::Unwinding => match self.to_undo() {
                Some(step) if state.steps[step].phase == Phase::Undoing => Next::Undoing { step },
                Some(step) => waits.unwrap_or(Next::Undo { step }),
                None => Next::Nothing,
            },
            _ => Next::Nothing,
        }
    }

    fn submit(&mut self, at: Timestamp) {
        match self.plan().approvals {
            0 => self.start(at),
            _ => self.await_approval(at),
        }
    }

    fn await_approval(&mut self, at: Timestamp) {
        (self.state.status, self.state.submitted) = (Status::AwaitingApproval, Some(at));
    }

    fn start(&mut self, at: Timestamp) {
        (self.state.status, self.state.began, self.state.failure) = (Status::Running, Some(at), None);
        if self.plan().steps.is_empty() {
            self.end(at, Status::Succeeded);
        }
    }

    /// Never by the asker, and by each person once.
    fn approve(&mut self, at: Timestamp, by: &str, why: &str) -> Result<(), Illegal> {
        let no = |why: &str| {
            let (run, status) = (self.head.id.clone(), self.state.status);
            Err(Illegal { run, status, asked: "approved", why: why.to_owned() })
        };
        if by == self.head.asked_by {
            return no("who asked for it does not approve it");
        }
        if self.state.approvals.iter().any(|approval| approval.by == by) {
            return no("this person has approved it already");
        }
        self.state.approvals.push(Approval { by: by.to_owned(), why: why.to_owned(), at });
        if self.state.approvals.len() >= self.plan().approvals as usize {
            self.start(at);
        }
        Ok(())
    }

    /// Between tries at once, in the middle of one behind it.
    fn pause(&mut self) {
        match self.current().map(|step| step.phase) {
            Some(Phase::Waiting | Phase::Partial) => self.state.status = Status::Paused,
            _ => self.state.wish = self.state.wish.or(Some(Wish::Pause)),
        }
    }

    fn go_on(&mut self) {
        (self.state.status, self.state.wait_until) = (Status::Running, None);
        if let Some(step) = self.current_mut() {
            step.failures = 0;
        }
    }

    fn cancel(&mut self, at: Timestamp) {
        self.state.wish = Some(Wish::Cancel);
        if self.current().is_none_or(|step| matches!(step.phase, Phase::Waiting | Phase::Partial)) {
            self.unwind(at);
        }
    }

    /// Nobody can tell how far it came, and an undo need not know.
    fn cancel_blind(&mut self, at: Timestamp) {
        self.state.wish = Some(Wish::Cancel);
        if let Some(step) = self.current_mut() {
            (step.phase, step.partial) = (Phase::Partial, true);
        }
        self.unwind(at);
    }

    /// Whether the last step that began cannot be looked at.
    fn is_blind(&self) -> bool {
        self.current().is_some_and(|step| step.phase == Phase::Unknown)
    }

    /// The word that leads one back which is stuck: told it, everything that may have acted is undone.
    pub fn way_back(&self) -> Option<&'static str> {
        let word = if self.is_blind() { "cancel" } else { "retry" };
        (self.state.status == Status::Stuck).then_some(word)
    }

    fn unstick(&mut self) {
        self.state.wait_until = None;
        self.state.status = if self.is_blind() { Status::Running } else { Status::Unwinding };
        for step in &mut self.state.steps {
            (step.failures, step.blind_looks) = (0, 0);
        }
    }

    fn begin(&mut self, at: Timestamp, step: usize, event: &Event) -> Result<(), Illegal> {
        let state = self.in_phase(step, &[Phase::Waiting, Phase::Partial], event)?;
        (state.phase, state.attempts) = (Phase::InFlight, state.attempts + 1);
        state.began.get_or_insert(at);
        (self.state.status, self.state.wait_until) = (Status::Running, None);
        Ok(())
    }

    fn done(&mut self, at: Timestamp, step: usize, output: &Value, event: &Event) -> Result<(), Illegal> {
        let state = self.in_phase(step, &[Phase::InFlight, Phase::Unknown], event)?;
        (state.phase, state.ended, state.output, state.partial) = (Phase::Done, Some(at), output.clone(), false);
        (self.state.failure, self.state.wait_until, self.state.status) = (None, None, Status::Running);
        self.state.cursor += 1;
        if self.state.cursor == self.state.steps.len() {
            // Who cancels now is too late: there is nothing left to stop.
            self.end(at, Status::Succeeded);
            return Ok(());
        }
        match self.state.wish {
            Some(Wish::Cancel) => self.unwind(at),
            Some(Wish::Pause) => (self.state.status, self.state.wish) = (Status::Paused, None),
            None => {}
        }
        Ok(())
    }

    fn failed(&mut self, at: Timestamp, step: usize, failure: &Failure, event: &Event) -> Result<(), Illegal> {
        self.in_phase(step, &[Phase::InFlight], event)?;
        match &failure.instead {
            Some(Instead::Wait { until }) if failure.outcome == Outcome::Clean => {
                self.put_off(at, step, *until);
                return Ok(());
            }
            Some(Instead::Approve { plan }) if self.is_approved_anew(step, failure, plan) => {
                self.approve_anew(at, failure, plan);
                return Ok(());
            }
            _ => {}
        }
        let state = self.in_phase(step, &[Phase::InFlight], event)?;
        state.failures += 1;
        state.phase = if failure.outcome == Outcome::Clean { state.between_tries() } else { Phase::Unknown };
        let unknown = state.phase == Phase::Unknown;
        self.state.failure = Some(failure.clone());
        if !unknown {
            self.after_failure(at, step);
        }
        Ok(())
    }

    /// The try does not count.
    fn put_off(&mut self, at: Timestamp, step: usize, until: Timestamp) {
        let state = &mut self.state.steps[step];
        (state.phase, state.attempts) = (state.between_tries(), state.attempts.saturating_sub(1));
        state.began = state.began.filter(|_| state.partial);
        match self.state.wish {
            Some(Wish::Cancel) => self.unwind(at),
            Some(Wish::Pause) => (self.state.status, self.state.wish) = (Status::Paused, None),
            None => (self.state.status, self.state.wait_until) = (Status::Waiting, Some(until)),
        }
    }

    /// Nothing was done, and people approved it.
    fn is_approved_anew(&self, step: usize, failure: &Failure, plan: &Plan) -> bool {
        let is_first = step == 0 && failure.outcome == Outcome::Clean && !self.state.steps[step].partial;
        is_first && self.plan().approvals > 0 && plan.approvals > 0 && self.state.wish != Some(Wish::Cancel)
    }

    /// What was said to the plan before counts no more.
    fn approve_anew(&mut self, at: Timestamp, failure: &Failure, plan: &Plan) {
        self.state.steps = vec![StepState::default(); plan.steps.len()];
        (self.state.plan, self.state.failure) = (Some(plan.clone()), Some(failure.clone()));
        (self.state.began, self.state.wish) = (None, None);
        self.state.approvals.clear();
        self.await_approval(at);
    }

    /// It is not done: nothing of it, or nobody knows how much.
    fn looked(&mut self, at: Timestamp, step: usize, found: Phase, event: &Event) -> Result<(), Illegal> {
        let state = self.in_phase(step, &[Phase::Unknown], event)?;
        (state.phase, state.partial, state.blind_looks) = (found, found == Phase::Partial, 0);
        self.state.wait_until = None;
        self.after_failure(at, step);
        Ok(())
    }

    /// A try did not do it: again, later, or back.
    fn after_failure(&mut self, at: Timestamp, step: usize) {
        let (retry, state) = (self.plan().steps[step].retry, &self.state.steps[step]);
        // A try that was cut short has no failure of its own, and is made again.
        let retryable = self.state.failure.as_ref().is_none_or(|failure| failure.retryable);
        let left = state.failures < retry.attempts && state.losses < LOSSES_MAX;
        let wait = wait(at, retry.wait_ms(state.failures));
        match (self.state.wish, retryable && left) {
            (Some(Wish::Cancel), _) => self.unwind(at),
            (Some(Wish::Pause), true) => (self.state.status, self.state.wish) = (Status::Paused, None),
            (None, true) => (self.state.status, self.state.wait_until) = (Status::Retrying, wait),
            (_, false) if retry.then == Then::Pause => (self.state.status, self.state.wish) = (Status::Paused, None),
            (_, false) => self.unwind(at),
        }
    }

    fn not_seen(&mut self, at: Timestamp, step: usize, failure: &Failure, event: &Event) -> Result<(), Illegal> {
        let retry = self.plan().steps.get(step).map(|step| step.retry);
        let state = self.in_phase(step, &[Phase::Unknown], event)?;
        state.blind_looks += 1;
        let blind = state.blind_looks;
        self.state.failure = Some(failure.clone());
        match retry.filter(|retry| failure.retryable && blind < retry.attempts) {
            Some(retry) => {
                (self.state.status, self.state.wait_until) = (Status::Retrying, wait(at, retry.wait_ms(blind)));
            }
            None => self.state.status = Status::Stuck,
        }
        Ok(())
    }

    fn unwind(&mut self, at: Timestamp) {
        (self.state.status, self.state.wait_until) = (Status::Unwinding, None);
        self.end_when_unwound(at);
    }

    fn end_when_unwound(&mut self, at: Timestamp) {
        if self.to_undo().is_none() {
            let cancelled = self.state.wish == Some(Wish::Cancel);
            self.end(at, if cancelled { Status::Cancelled } else { Status::Failed });
        }
    }

    /// The last step that is done or partial and can be undone, or is being undone.
    fn to_undo(&self) -> Option<usize> {
        let there = |at: &usize| {
            let phase = self.state.steps[*at].phase;
            let undoable = self.plan().steps[*at].undo.is_some();
            matches!(phase, Phase::Undoing | Phase::HalfUndone)
                || matches!(phase, Phase::Done | Phase::Partial) && undoable
        };
        (0..self.state.steps.len()).rev().find(there)
    }

    fn undo_began(&mut self, at: Timestamp, step: usize, event: &Event) -> Result<(), Illegal> {
        if self.to_undo() != Some(step) {
            return Err(self.illegal(event, "another step is undone first"));
        }
        let state = self.in_phase(step, &[Phase::Done, Phase::Partial, Phase::HalfUndone], event)?;
        if state.phase != Phase::HalfUndone {
            let output = std::mem::take(&mut state.output);
            *state = StepState { began: state.began, ended: state.ended, output, ..StepState::default() };
        }
        (state.phase, state.attempts) = (Phase::Undoing, state.attempts + 1);
        state.began.get_or_insert(at);
        self.state.wait_until = None;
        Ok(())
    }

    fn undo_done(&mut self, at: Timestamp, step: usize, event: &Event) -> Result<(), Illegal> {
        let state = self.in_phase(step, &[Phase::Undoing], event)?;
        (state.phase, state.ended) = (Phase::Undone, Some(at));
        self.end_when_unwound(at);
        Ok(())
    }

    fn undo_failed(&mut self, at: Timestamp, step: usize, failure: &Failure, event: &Event) -> Result<(), Illegal> {
        let retry = self.plan().steps.get(step).map(|step| step.retry);
        let state = self.in_phase(step, &[Phase::Undoing], event)?;
        (state.phase, state.failures) = (Phase::HalfUndone, state.failures + 1);
        let failures = state.failures;
        self.state.failure = Some(failure.clone());
        match retry.filter(|retry| failure.retryable && failures < retry.attempts) {
            Some(retry) => self.state.wait_until = wait(at, retry.wait_ms(failures)),
            None => self.state.status = Status::Stuck,
        }
        Ok(())
    }

    fn lost(&mut self, event: &Event) -> Result<(), Illegal> {
        let in_work = |step: &&mut StepState| matches!(step.phase, Phase::InFlight | Phase::Undoing);
        let Some(step) = self.state.steps.iter_mut().find(in_work) else {
            return Err(self.illegal(event, "nothing is in the middle of a try"));
        };
        step.losses += 1;
        step.phase = if step.phase == Phase::InFlight { Phase::Unknown } else { Phase::HalfUndone };
        if step.phase == Phase::HalfUndone && step.losses >= LOSSES_MAX {
            self.state.status = Status::Stuck;
        }
        Ok(())
    }

    fn end(&mut self, at: Timestamp, status: Status) {
        (self.state.status, self.state.ended) = (status, Some(at));
        (self.state.wait_until, self.state.wish) = (None, None);
    }

    fn current(&self) -> Option<&StepState> {
        self.state.steps.get(self.state.cursor)
    }

    fn current_mut(&mut self) -> Option<&mut StepState> {
        self.state.steps.get_mut(self.state.cursor)
    }

    fn in_phase(&mut self, step: usize, phases: &[Phase], event: &Event) -> Result<&mut StepState, Illegal> {
        let forth = !matches!(event, Event::UndoBegan { .. } | Event::UndoDone { .. } | Event::UndoFailed { .. });
        let right = self.state.steps.get(step).is_some_and(|state| phases.contains(&state.phase));
        if !right || forth && step != self.state.cursor {
            return Err(self.illegal(event, "its step is not there"));
        }
        Ok(&mut self.state.steps[step])
    }

    fn illegal(&self, event: &Event, why: &str) -> Illegal {
        let (run, status) = (self.head.id.clone(), self.state.status);
        Illegal { run, status, asked: event.asked(), why: why.to_owned() }
    }
}

fn wait(at: Timestamp, ms: u64) -> Option<Timestamp> {
    let wait = SignedDuration::from_millis(i64::try_from(ms).unwrap_or(i64::MAX));
    (ms > 0).then(|| at.checked_add(wait).unwrap_or(Timestamp::MAX))
}

impl Event {
    /// What is said of it where it is refused: "cannot be …".
    fn asked(&self) -> &'static str {
        match self {
            Event::Submitted { .. } => "submitted",
            Event::Approved { .. } => "approved",
            Event::Refused { .. } => "refused",
            Event::Expired => "expired",
            Event::PauseAsked { .. } => "paused",
            Event::Resumed { .. } => "resumed",
            Event::CancelAsked { .. } => "cancelled",
            Event::RetryAsked { .. } => "retried",
            Event::Abandoned { .. } => "abandoned",
            Event::Began { .. } => "begun",
            Event::Done { .. } => "done",
            Event::Failed { .. } => "failed",
            Event::NotDone { .. } => "found not done",
            Event::MaybeDone { .. } => "found done in part",
            Event::NotSeen { .. } => "looked at in vain",
            Event::UndoBegan { .. } => "undone",
            Event::UndoDone { .. } => "undone to the end",
            Event::UndoFailed { .. } => "left half undone",
            Event::Lost => "lost",
        }
    }

    /// Of a person, and not of who works on it.
    pub fn by(&self) -> Option<&str> {
        match self {
            Event::Submitted { by }
            | Event::Approved { by, .. }
            | Event::Refused { by, .. }
            | Event::PauseAsked { by }
            | Event::Resumed { by }
            | Event::CancelAsked { by, .. }
            | Event::RetryAsked { by }
            | Event::Abandoned { by, .. } => Some(by),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;

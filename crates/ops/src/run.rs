//! A run: one operation as it stands. What it is made of, not how it moves: that is `moves`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What is to be done, as data: a newer program goes on with it, and people read it before it begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// What the operation was asked to do; every step can read it.
    pub input: Value,
    pub steps: Vec<StepPlan>,
    /// People who must approve; the asker does not count.
    #[serde(default)]
    pub approvals: u32,
    /// Somebody would have to approve, and who asked said in so many words that nobody shall.
    #[serde(default)]
    pub waived: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepPlan {
    /// Of the step in its operation's table.
    pub name: String,
    /// What it does, for people.
    pub what: String,
    /// How it is undone, for people. Without it there is nothing to undo.
    pub undo: Option<String>,
    pub retry: Retry,
    /// How long it takes, by what was measured before.
    #[serde(default)]
    pub about_ms: Option<u64>,
    /// A try that takes longer is cut short; what came of it is then looked at.
    #[serde(default)]
    pub timeout_ms: Option<u64>,
}

/// What becomes of a step that fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retry {
    /// Tries in all, the first among them. Tries that were cut short by the end of a daemon do not count.
    pub attempts: u32,
    /// Wait before the second try; each wait doubles the one before, up to `most_ms`.
    pub first_ms: u64,
    pub most_ms: u64,
    pub then: Then,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Then {
    Unwind,
    /// Wait for a person, who retries or cancels.
    Pause,
}

impl Retry {
    pub const ONCE: Retry = Retry { attempts: 1, first_ms: 0, most_ms: 0, then: Then::Unwind };
    pub const USUAL: Retry = Retry { attempts: 4, first_ms: 1_000, most_ms: 60_000, then: Then::Unwind };

    /// Milliseconds to wait after so many failures; a try that was cut short is none.
    pub fn wait_ms(&self, failures: u32) -> u64 {
        if failures == 0 {
            return 0;
        }
        let doubled = self.first_ms.saturating_mul(1u64.checked_shl(failures - 1).unwrap_or(u64::MAX));
        doubled.min(self.most_ms)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Shown, not yet asked for.
    Planned,
    AwaitingApproval,
    /// Begun, and its time has not come.
    Waiting,
    Running,
    /// Waits before the next try of a step.
    Retrying,
    /// A person said so, or is needed.
    Paused,
    Unwinding,
    Succeeded,
    Failed,
    Cancelled,
    /// Neither forth nor back without a person.
    Stuck,
}

impl Status {
    pub const ALL: [Status; 11] = [
        Status::Planned,
        Status::AwaitingApproval,
        Status::Waiting,
        Status::Running,
        Status::Retrying,
        Status::Paused,
        Status::Unwinding,
        Status::Succeeded,
        Status::Failed,
        Status::Cancelled,
        Status::Stuck,
    ];

    pub fn is_over(self) -> bool {
        matches!(self, Status::Succeeded | Status::Failed | Status::Cancelled)
    }

    /// As it stands in the catalog and is said to people.
    pub fn name(self) -> &'static str {
        match self {
            Status::Planned => "planned",
            Status::AwaitingApproval => "awaiting-approval",
            Status::Waiting => "waiting",
            Status::Running => "running",
            Status::Retrying => "retrying",
            Status::Paused => "paused",
            Status::Unwinding => "unwinding",
            Status::Succeeded => "succeeded",
            Status::Failed => "failed",
            Status::Cancelled => "cancelled",
            Status::Stuck => "stuck",
        }
    }
}

/// How a step stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    #[default]
    Waiting,
    InFlight,
    /// Nobody knows whether the last try did it: it is looked at before anything else.
    Unknown,
    /// It began, and was looked at: nobody knows how much of it is there, if anything. It may be begun again, and is undone when the run unwinds.
    Partial,
    Done,
    Undoing,
    /// An undo that failed, or was cut short.
    HalfUndone,
    Undone,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepState {
    pub phase: Phase,
    /// Tries begun in this direction.
    pub attempts: u32,
    /// Tries in this direction that failed.
    pub failures: u32,
    /// Tries in this direction that were cut short.
    pub losses: u32,
    /// Looks in a row that could not tell.
    pub blind_looks: u32,
    pub began: Option<Timestamp>,
    pub ended: Option<Timestamp>,
    /// What it leaves to the steps behind it and to the report.
    pub output: Value,
    /// An earlier try may have left something, whatever the next one says of itself.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub partial: bool,
}

impl StepState {
    /// Where it stands while nobody is at it and it is not done.
    pub(crate) fn between_tries(&self) -> Phase {
        if self.partial { Phase::Partial } else { Phase::Waiting }
    }
}

/// Why a try failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Whether it is known that nothing happened. A step must not say so unless it knows.
    pub outcome: Outcome,
    pub retryable: bool,
    pub code: String,
    pub message: String,
    pub hint: String,
    #[serde(default)]
    pub causes: Vec<String>,
    /// What becomes of the run, where that is no failure. Only of one that is clean.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instead: Option<Instead>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    Clean,
    Unknown,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Instead {
    /// The step is not begun before this.
    Wait { until: Timestamp },
    /// What was approved is not so any more: this is what must be approved now. Of a run that nobody approved it is a failure.
    Approve { plan: Box<Plan> },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    pub by: String,
    pub why: String,
    pub at: Timestamp,
}

/// What a person wants of a run that is in the middle of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wish {
    Pause,
    Cancel,
}

/// What is said when a run is made; it never changes. Its plan may be replaced by another (`Run::plan`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    pub id: String,
    pub kind: String,
    /// The stack or source that it is about.
    pub subject: Option<String>,
    /// Who works only alone: of those with one lane no two are unfinished.
    pub lane: Option<String>,
    /// The host that must do it; any when not said.
    pub place: Option<String>,
    pub asked_by: String,
    pub why: String,
    pub plan: Plan,
    pub created: Timestamp,
}

/// What changes, by `moves` alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    pub status: Status,
    /// In the place of the head's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Plan>,
    /// When it was to be approved last.
    #[serde(default)]
    pub submitted: Option<Timestamp>,
    /// The step that is next, or in work.
    pub cursor: usize,
    pub steps: Vec<StepState>,
    pub wish: Option<Wish>,
    pub wait_until: Option<Timestamp>,
    pub approvals: Vec<Approval>,
    /// Who did not approve it.
    #[serde(default)]
    pub refusal: Option<Approval>,
    /// The last one, until a step succeeds after it.
    pub failure: Option<Failure>,
    pub began: Option<Timestamp>,
    pub ended: Option<Timestamp>,
    /// Events until now.
    pub events: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    pub head: Head,
    pub state: State,
}

impl Run {
    pub fn new(head: Head) -> Run {
        let steps = vec![StepState::default(); head.plan.steps.len()];
        let state = State {
            status: Status::Planned,
            plan: None,
            submitted: None,
            cursor: 0,
            steps,
            wish: None,
            wait_until: None,
            approvals: Vec::new(),
            refusal: None,
            failure: None,
            began: None,
            ended: None,
            events: 0,
        };
        Run { head, state }
    }

    /// As it stands now.
    pub fn plan(&self) -> &Plan {
        self.state.plan.as_ref().unwrap_or(&self.head.plan)
    }

    pub fn step(&self) -> Option<&StepPlan> {
        self.plan().steps.get(self.state.cursor)
    }

    /// What a step left, by its name.
    pub fn output(&self, step: &str) -> &Value {
        let at = self.plan().steps.iter().position(|planned| planned.name == step);
        at.and_then(|at| self.state.steps.get(at)).map_or(&Value::Null, |state| &state.output)
    }
}

//! Operations: what Rekindle does to the world, in steps that survive the daemon.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ErrorBody;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OperationKind {
    Backup,
    Restore,
    Check,
    Expire,
    Clone,
    Peek,
    Drill,
    Extract,
    Protect,
    Unprotect,
    Pin,
    Unpin,
    /// Of an instance, as the next three.
    Start,
    Stop,
    Detach,
    Remove,
    /// What a restore replaced goes for good.
    Retire,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OperationStatus {
    /// Shown, not yet asked for.
    Planned,
    AwaitingApproval,
    /// Its time has not come; `next_try` says when that is.
    Waiting,
    Running,
    /// Waits before the next try of a step.
    Retrying,
    /// Until a person resumes, retries or cancels.
    Paused,
    Unwinding,
    Succeeded,
    Failed,
    Cancelled,
    /// Neither forth nor back without a person.
    Stuck,
}

impl OperationStatus {
    pub fn is_over(self) -> bool {
        matches!(self, OperationStatus::Succeeded | OperationStatus::Failed | OperationStatus::Cancelled)
    }

    /// Whether it goes on by itself.
    pub fn is_moving(self) -> bool {
        matches!(self, OperationStatus::Running | OperationStatus::Retrying | OperationStatus::Unwinding)
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Progress {
    /// 0 when not known.
    pub bytes_total: u64,
    pub bytes_done: u64,
    /// Into or out of the vault.
    pub bytes_moved: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StepStatus {
    Waiting,
    InFlight,
    /// It began, and nobody knows how much of it was done, if anything: it is looked at, and then tried again or taken back.
    Unknown,
    Done,
    Undoing,
    HalfUndone,
    Undone,
}

/// A step of an operation's plan, and how it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StepView {
    pub name: String,
    pub what: String,
    /// How it is taken back; nothing when there is nothing to take back.
    pub undo: Option<String>,
    pub status: StepStatus,
    /// Tries begun, of how many.
    pub attempt: u32,
    pub attempts: u32,
    pub began: Option<Timestamp>,
    pub ended: Option<Timestamp>,
    /// How long it takes by what was measured before; nothing where it never was.
    #[serde(default)]
    pub seconds_planned: Option<f64>,
}

/// What of a restore is back. None of the three follows from another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BackView {
    /// The data of the moment is where it was asked to be.
    pub data: FacetView,
    /// One gets in with the credentials that are used today, and may write.
    pub connectivity: FacetView,
    /// The stack's health checks and smoke tests are well.
    pub behaviour: FacetView,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FacetView {
    pub state: FacetState,
    /// Which looks at it; none where nothing does.
    pub step: Option<String>,
    /// Since when it is so.
    pub since: Option<Timestamp>,
}

/// The better comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FacetState {
    /// Nothing looks at it.
    NotChecked,
    Well,
    Waiting,
    Checking,
    Failed,
    TakenBack,
}

/// A restore that is under way in the place of a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RestoringView {
    pub operation: String,
    pub status: OperationStatus,
    pub step: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ApprovalView {
    pub by: String,
    pub why: String,
    pub at: Timestamp,
}

/// `GET /api/v1/operations/{id}`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Operation {
    pub id: String,
    pub kind: OperationKind,
    pub source: Option<String>,
    pub status: OperationStatus,
    /// What it is doing, or will do next: `files`, `replay`, …
    pub step: String,
    pub progress: Progress,
    pub asked_by: String,
    pub why: String,
    pub steps: Vec<StepView>,
    /// Of a restore: what is back, and whether it works.
    #[serde(default)]
    pub back: Option<BackView>,
    /// Whether trying the last failure again may help.
    pub retryable: bool,
    /// When it is tried again by itself, or begins.
    pub next_try: Option<Timestamp>,
    pub approvals: Vec<ApprovalView>,
    pub approvals_needed: u32,
    /// Who refused it, and why.
    #[serde(default)]
    pub refused: Option<ApprovalView>,
    /// Nobody need approve it although somebody would have to: who asked broke the glass.
    #[serde(default)]
    pub waived: bool,
    pub started: Timestamp,
    pub ended: Option<Timestamp>,
    /// Of one that is stuck: the one command that leads back.
    #[serde(default)]
    pub way_back: Option<String>,
    /// The last failure, until a step succeeds after it.
    pub error: Option<ErrorBody>,
    /// When it succeeded: a `BackupView`, a `RestoreReport`, an `ExtractReport`, a check report or an expiry plan, by kind.
    pub result: Option<serde_json::Value>,
}

/// Event `progress` of `GET /api/v1/operations/{id}/events`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OperationProgress {
    pub step: String,
    pub progress: Progress,
}

/// `POST /api/v1/operations/{id}/{approve,refuse,pause,resume,cancel,retry,abandon}`
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OperationAsk {
    #[serde(default)]
    pub why: String,
}

/// A line of an operation's log: `GET /api/v1/operations/{id}/log`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogLine {
    pub n: u64,
    pub at: Timestamp,
    pub step: String,
    pub level: String,
    pub text: String,
}

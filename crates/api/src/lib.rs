//! The wire: what goes over the HTTP API, and nothing else. Plain data; times are RFC 3339 in UTC, sizes are bytes, durations
//! are seconds, positions in a log are text as the database writes them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

mod account;
mod alarm;
mod audit;
mod drill;
mod fleet;
mod instance;
mod moment;
mod operation;
mod people;
mod restore;
mod source;
mod stack;
mod vault;

pub use account::{CommsView, MigrationView, ObjectivesView, RowsLost};
pub use alarm::{AlarmDetail, AlarmMessage, AlarmTestAsk, AlarmView, ChannelTest, Health, NoticeView};
pub use audit::{AuditBreak, AuditRecord, AuditVerdict};
pub use drill::{CheckView, DrillAsk, DrillReport, ExtractAsk, ExtractReport, RowsView};
pub use fleet::{FleetRow, FleetState, FleetView};
pub use instance::{
    CloneAsk, HydrationAsk, InstanceKind, InstancePhase, InstanceView, MountView, PeekAsk, SqlAnswer, SqlAsk,
};
pub use moment::{ExpiryDecision, ExpiryView, HeldView, MomentView, OutlookView, PaceView, ReachedView, VolumeView};
pub use operation::{
    ApprovalView, BackView, FacetState, FacetView, LogLine, Operation, OperationAsk, OperationKind, OperationProgress,
    OperationStatus, Progress, RestoringView, StepStatus, StepView,
};
pub use people::{
    Grant, LoginAsk, MeView, NewToken, Password, PasswordAsk, Role, RolesAsk, SessionView, TokenAsk, TokenView,
    UserAsk, UserView,
};
pub use restore::{
    BeginAsk, ConsentAsk, MomentAsk, PlannedStep, PointedView, RestoreAsk, RestoreMode, RestorePlan, RestoreReport,
    RetiredView, RunbookReport, RunbookStep, StepSeconds, TargetAsk,
};
pub use source::{
    BackupAsk, BackupView, ConditionView, ConsumerView, ExpireAsk, FindingView, GapView, KeepView, LogView, PinAsk,
    ProtectAnswer, ProtectAsk, SourceView, TimelineView, WindowView,
};
pub use stack::{ApplyAnswer, ApplyAsk, KeptView, SecretAnswer, SecretsView, StackView};
pub use vault::{ChannelView, ReportLink, ReportLinkAsk, SettingsView, SizeAt, VaultKey, VaultShare, VaultView};

/// Every error, in one shape.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErrorBody {
    /// `RK-1104`; stable, listed in docs/errors.md.
    pub code: String,
    /// What the reader must do: input, not found, refused, unavailable, damaged, key, internal.
    pub kind: String,
    pub message: String,
    /// Why, innermost last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The exit code that the command line ends with.
    pub exit_code: u8,
    /// Of the request that failed, as in the daemon's log and in the audit log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

impl ErrorBody {
    /// In one line: what, and why.
    pub fn told(&self) -> String {
        let all: Vec<&str> = std::iter::once(&self.message).chain(&self.causes).map(String::as_str).collect();
        all.join(": ")
    }
}

/// `GET /api/v1/status`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Status {
    pub version: String,
    pub now: Timestamp,
    pub vault: String,
    pub sources: Vec<SourceView>,
    /// What is open and looked after.
    #[serde(default)]
    pub instances: Vec<InstanceView>,
    /// Operations that run now.
    pub operations: Vec<Operation>,
    /// Raised alarms that are about no source.
    #[serde(default)]
    pub alarms: Vec<AlarmView>,
}

/// `POST /api/v1/check`
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CheckAsk {
    /// Only these; all when empty.
    #[serde(default)]
    pub sources: Vec<String>,
    /// Opens this share of all extents and compares page hashes.
    #[serde(default)]
    pub read_data_percent: Option<u8>,
}

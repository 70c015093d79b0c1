//! Restores: what is asked, what is planned, what was reached.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{ApprovalView, CommsView, FindingView, MigrationView, ObjectivesView, RowsLost};

/// Which moment. Exactly one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TargetAsk {
    Latest,
    Time(Timestamp),
    /// `16/B374D848`
    Lsn(String),
    Xid(u32),
    Name(String),
    /// Id or label of a backup: its end.
    Backup(String),
}

/// A moment, as everything asks for one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MomentAsk {
    pub target: TargetAsk,
    /// Stop before the target.
    #[serde(default)]
    pub before: bool,
    /// When not said, the one that the server was on at that moment.
    #[serde(default)]
    pub timeline: Option<u32>,
}

/// Where a restored cluster goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RestoreMode {
    /// Into a directory of its own, beside the live cluster.
    #[default]
    Into,
    /// In the place of the live cluster, which is kept.
    Swap,
    /// In a place of its own, to which those who use the live cluster are pointed; that one is stopped, and kept where it is.
    Beside,
}

/// `POST /api/v1/sources/{name}/restores`, and `…/restores/plan` for the plan alone
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RestoreAsk {
    #[serde(flatten)]
    pub moment: MomentAsk,
    #[serde(default)]
    pub mode: RestoreMode,
    /// Absolute path of the new data directory; with `swap` it is known already.
    #[serde(default)]
    pub into: String,
    #[serde(default)]
    pub port: Option<u16>,
    /// With `beside`: the address at which it listens and is found, when that is another than that of the live cluster.
    #[serde(default)]
    pub host: Option<String>,
    #[serde(default)]
    pub delta: bool,
    /// Tablespace oid → absolute path.
    #[serde(default)]
    pub tablespaces: BTreeMap<u32, String>,
    /// Only write the files and the log they need; start no server.
    #[serde(default)]
    pub no_start: bool,
    /// Operating system user that owns the files, when the daemon is root.
    #[serde(default)]
    pub owner: Option<String>,
    /// Usable at once: the files are fetched when they are touched, and all of them behind.
    #[serde(default)]
    pub open: bool,
    /// In the place of the live cluster: copy all files before it is used, also where they could be mounted.
    #[serde(default)]
    pub copy: bool,
    /// Bytes a second that are fetched behind; 0 is no limit.
    #[serde(default)]
    pub limit: u64,
    /// When what is to be undone happened; only the report uses it.
    #[serde(default)]
    pub happened: Option<Timestamp>,
    /// When somebody noticed.
    #[serde(default)]
    pub detected: Option<Timestamp>,
    #[serde(flatten)]
    pub consent: ConsentAsk,
}

/// What is asked of a restore beside the moment: when it begins, and what is done without. The phrases are typed out in full; any others
/// are refused.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConsentAsk {
    /// At once when not said.
    #[serde(default)]
    pub at: Option<BeginAsk>,
    /// `restore NAME without approval`: nobody else need agree. It is recorded, and raised as an alarm.
    #[serde(default)]
    pub break_glass: Option<String>,
    /// `restore NAME without a snapshot`: the present state is not backed up before.
    #[serde(default)]
    pub no_snapshot: Option<String>,
}

/// When something that was asked for begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BeginAsk {
    /// When a maintenance window of the stack's policy is open.
    NextWindow,
    Time(Timestamp),
}

impl RestoreAsk {
    /// A moment, and everything else as usual.
    pub fn of(moment: MomentAsk) -> RestoreAsk {
        RestoreAsk {
            moment,
            mode: RestoreMode::Into,
            into: String::new(),
            port: None,
            host: None,
            delta: false,
            tablespaces: BTreeMap::new(),
            no_start: false,
            owner: None,
            open: false,
            copy: false,
            limit: 0,
            consent: ConsentAsk::default(),
            happened: None,
            detected: None,
        }
    }
}

/// What was replaced and is kept: `GET /api/v1/retired`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RetiredView {
    /// Of the operation that replaced it.
    pub operation: String,
    pub source: String,
    pub path: String,
    /// Where it lay.
    pub live: String,
    pub since: Timestamp,
    /// What it takes on the disk; nothing where it lies on another host.
    pub bytes: Option<u64>,
    /// Of several hosts, the one where it lies.
    pub host: String,
}

/// What a restore would do. Nothing has been touched.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RestorePlan {
    pub source: String,
    pub asked: String,
    pub backup: String,
    pub backup_label: Option<String>,
    pub backup_ended: Timestamp,
    pub timeline: u32,
    /// Where recovery will stop.
    pub reached: String,
    /// The last commit that will be there.
    pub last_commit: Option<Timestamp>,
    /// The newest commit that the vault knows; what lies between will not be in the restored cluster.
    pub newest_commit: Option<Timestamp>,
    pub commits_after: u64,
    /// Where the log tells: rows written behind the moment, by table, the most first.
    #[serde(default)]
    pub rows_lost: Vec<RowsLost>,
    /// Why there may be more than that.
    #[serde(default)]
    pub rows_lost_note: Option<String>,
    pub bytes: u64,
    pub log_bytes: u64,
    pub major: u32,
    pub into: String,
    /// What is done, in this order; for `into` it is one step.
    #[serde(default)]
    pub steps: Vec<PlannedStep>,
    /// What was seen that matters; one that `blocks` must be put right first.
    #[serde(default)]
    pub findings: Vec<FindingView>,
    /// People who must approve.
    #[serde(default)]
    pub approvals: u32,
    /// Nobody need approve it although somebody would have to: who asks broke the glass.
    #[serde(default)]
    pub waived: bool,
    /// When it begins, where that is not at once.
    #[serde(default)]
    pub begins: Option<Timestamp>,
    /// How long all steps take, by what was measured; nothing where one of them never was.
    #[serde(default)]
    pub seconds: Option<f64>,
    /// For how long nobody can write, in the same way.
    #[serde(default)]
    pub unserved_seconds: Option<f64>,
}

/// A step of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PlannedStep {
    pub name: String,
    pub what: String,
    /// How it is taken back.
    pub undo: Option<String>,
    /// Whether a person decides when it fails; otherwise everything is taken back.
    pub pauses: bool,
    /// How long it takes, by what was measured of the same step before; nothing where it never was.
    #[serde(default)]
    pub seconds: Option<f64>,
}

/// The account of a restore in the place of a live cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RunbookReport {
    pub operation: String,
    pub stack: String,
    pub source: String,
    pub asked_by: String,
    pub why: String,
    pub approvals: Vec<ApprovalView>,
    /// Nobody approved it although somebody would have to: who asked broke the glass.
    #[serde(default)]
    pub waived: bool,
    /// When what was undone happened, and when somebody noticed, as far as people said.
    #[serde(default)]
    pub happened: Option<Timestamp>,
    #[serde(default)]
    pub detected: Option<Timestamp>,
    /// In which the stack's times are told.
    #[serde(default)]
    pub zone: String,
    pub began: Timestamp,
    pub ended: Timestamp,
    pub asked: String,
    pub reached: String,
    pub reached_commit: Option<Timestamp>,
    pub newest_commit: Option<Timestamp>,
    pub commits_lost: u64,
    #[serde(default)]
    pub rows_lost: Vec<RowsLost>,
    #[serde(default)]
    pub rows_lost_note: Option<String>,
    pub backup: String,
    #[serde(default)]
    pub backup_ended: Option<Timestamp>,
    /// What speaks for the backup and for what was restored of it.
    #[serde(default)]
    pub evidence: Vec<String>,
    pub findings: Vec<String>,
    #[serde(default)]
    pub migrations: Vec<MigrationView>,
    /// The backup of the state before; nothing where the server did not answer any more, or none was wanted.
    pub snapshot: Option<String>,
    /// Why none was wanted.
    #[serde(default)]
    pub no_snapshot: Option<String>,
    /// Where the old cluster is kept.
    pub retired: String,
    /// From the first service that was stopped to the first answer of the new cluster.
    pub unserved_seconds: Option<f64>,
    /// Of a restore beside: where those who use it were pointed from and to.
    #[serde(default)]
    pub pointed: Vec<PointedView>,
    #[serde(default)]
    pub unserved_seconds_planned: Option<f64>,
    #[serde(default)]
    pub objectives: ObjectivesView,
    pub steps: Vec<RunbookStep>,
    pub not_covered: Vec<String>,
    pub follow_ups: Vec<String>,
    #[serde(default)]
    pub comms: CommsView,
    /// The same for people.
    pub markdown: String,
}

/// An endpoint, and what stands there before and after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PointedView {
    pub endpoint: String,
    pub from: String,
    pub to: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RunbookStep {
    pub name: String,
    pub what: String,
    pub began: Timestamp,
    pub ended: Timestamp,
    pub attempts: u32,
    #[serde(default)]
    pub seconds_planned: Option<f64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StepSeconds {
    pub step: String,
    pub seconds: f64,
}

/// The report of a restore.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RestoreReport {
    pub source: String,
    pub asked: String,
    pub backup: String,
    pub backup_ended: Timestamp,
    pub timeline: u32,
    pub reached: String,
    pub reached_commit: Option<Timestamp>,
    pub newest_commit: Option<Timestamp>,
    /// Seconds between the last commit that is there and the newest that the vault knows.
    pub loss_seconds: Option<f64>,
    pub commits_lost: u64,
    pub into: String,
    pub port: u16,
    pub socket_folder: String,
    pub superuser: String,
    pub major: u32,
    pub files: u64,
    pub bytes: u64,
    pub pages_written: u64,
    pub bytes_fetched: u64,
    pub databases: Vec<String>,
    pub relations: u64,
    pub pages_checked: u64,
    pub pages_bad: u64,
    pub findings: Vec<String>,
    #[serde(default)]
    pub migrations: Vec<MigrationView>,
    pub promoted: bool,
    pub not_covered: Vec<String>,
    /// The name under which it is looked after until everything is fetched.
    #[serde(default)]
    pub instance: Option<String>,
    /// In order; the last is the total.
    pub durations: Vec<StepSeconds>,
    /// The same for people.
    pub markdown: String,
}

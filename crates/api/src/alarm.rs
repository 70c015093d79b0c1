//! Alarms: what is wrong, since when, and who was told.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One alarm. A `cleared` one is history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AlarmView {
    pub n: u64,
    /// Stable, listed in docs/alarms.md: `log-gap`, `backup-overdue`, …
    pub kind: String,
    /// `source shop`, `vault`, `daemon`, `channel NAME`, `heartbeat NAME`, `instance NAME`, `operation ID`
    pub scope: String,
    /// The source, when it is about one.
    pub source: Option<String>,
    /// `warning` or `critical`.
    pub severity: String,
    pub since: Timestamp,
    pub raised: Timestamp,
    pub last_seen: Timestamp,
    pub cleared: Option<Timestamp>,
    pub times_told: u32,
    pub text: String,
    pub advice: String,
}

/// What a channel was, or will be, told of an alarm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NoticeView {
    pub n: u64,
    pub channel: String,
    /// `raised`, `worse`, `repeated`, `cleared`
    pub event: String,
    pub made: Timestamp,
    /// `waiting`, `delivered`, `given-up`
    pub outcome: String,
    pub tries: u32,
    /// The last time.
    pub tried: Option<Timestamp>,
    /// Of the last try, when it failed.
    pub error: Option<String>,
}

/// `GET /api/v1/alarms/{n}`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AlarmDetail {
    #[serde(flatten)]
    pub alarm: AlarmView,
    pub notices: Vec<NoticeView>,
}

/// `POST /api/v1/alarms/test`
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AlarmTestAsk {
    /// All when not said.
    #[serde(default)]
    pub channel: Option<String>,
}

/// What became of a test message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ChannelTest {
    pub channel: String,
    /// `webhook`, `slack`, `smtp` or `heartbeat`
    pub kind: String,
    /// Where it goes, without anything secret.
    pub to: String,
    pub delivered: bool,
    pub seconds: f64,
    pub error: Option<String>,
    pub hint: Option<String>,
}

/// The body of a webhook, and what is kept of everything that was told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AlarmMessage {
    /// The same whenever the same message is sent again.
    pub id: String,
    /// `raised`, `worse`, `repeated`, `cleared`, `test`
    pub event: String,
    pub at: Timestamp,
    /// One line.
    pub title: String,
    pub text: String,
    pub advice: String,
    /// `warning` or `critical`
    pub severity: String,
    /// The vault of the daemon that speaks, as it is called there.
    pub vault: String,
    /// Nothing in a test.
    pub alarm: Option<AlarmView>,
}

/// `GET /healthz` and `GET /readyz`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Health {
    pub ok: bool,
    pub version: String,
    /// What does not answer.
    pub wrong: Vec<String>,
}

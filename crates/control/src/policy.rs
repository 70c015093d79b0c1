//! A stack's policy: when it is backed up and drilled, how long what is kept, what is promised, who must agree, and what people
//! may do themselves. Pure: no clock, no file, no network; times are handed in, and the texts of files as well.
//!
//! ```text
//!   text of a file ──file──► Stack ──diff──► changes in words
//!         ▲                    │ schedule: is it due?   window: may it begin?   retain: what goes?
//!         └───────file─────────┘
//! ```
//! What is read is printed again in one canonical shape, and reading that gives the same.

use jiff::{SignedDuration, Timestamp};

pub(crate) mod diff;
pub(crate) mod duration;
pub(crate) mod file;
pub(crate) mod invalid;
pub(crate) mod keep;
pub(crate) mod outlook;
pub(crate) mod outside;
pub(crate) mod restored;
pub(crate) mod retain;
pub(crate) mod schedule;
mod url;
pub(crate) mod weekdays;
pub(crate) mod window;
pub(crate) mod zone;

pub(crate) use keep::Keep;
pub(crate) use outside::Outside;
pub(crate) use restored::Restored;
pub(crate) use schedule::{Due, Schedule};
pub(crate) use url::SourceUrl;
pub(crate) use window::MaintenanceWindow;
pub(crate) use zone::Zone;

/// What `apply` takes and `export` prints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stack {
    pub(crate) name: String,
    pub(crate) sources: Vec<StackSource>,
    pub(crate) policy: Policy,
    pub(crate) outside: Outside,
    /// What it was restored from, when it was.
    pub(crate) restored: Option<Restored>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StackSource {
    pub(crate) name: String,
    pub(crate) url: SourceUrl,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Policy {
    /// With names of their own.
    pub(crate) backups: Vec<BackupRule>,
    pub(crate) log: LogRule,
    pub(crate) drills: Option<DrillRule>,
    pub(crate) objectives: Objectives,
    pub(crate) approvals: Approvals,
    pub(crate) entitlements: Entitlements,
    /// Work of the timetable begins within one of these; at any time when there is none.
    pub(crate) windows: Vec<MaintenanceWindow>,
    /// Whether the state before a restore in its place is backed up.
    pub(crate) safety_snapshot: bool,
    /// How long manual backups are kept; until they are removed by hand when this is not said.
    pub(crate) manual: Option<Keep>,
    /// Whose hours, days and weeks retention counts.
    pub(crate) zone: Zone,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BackupRule {
    pub(crate) name: String,
    pub(crate) schedule: Schedule,
    /// A run is put off by up to this, so that not all sources begin together.
    pub(crate) jitter: SignedDuration,
    pub(crate) keep: Keep,
    /// Whether there is one run after downtime for all that were missed.
    pub(crate) catch_up: bool,
}

/// Any moment of the last `keep` can be restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogRule {
    pub(crate) keep: SignedDuration,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DrillRule {
    pub(crate) schedule: Schedule,
    /// The file of questions that a drill asks, as the operator wrote its path.
    pub(crate) checks: Option<String>,
}

/// What is promised; a promise that is not held is an alarm.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Objectives {
    /// The most that may be lost.
    pub(crate) rpo: Option<SignedDuration>,
    /// The longest that a restore may take.
    pub(crate) rto: Option<SignedDuration>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Approvals {
    /// How many people must agree to a restore.
    pub(crate) restore: u32,
    /// After this an approval counts no more.
    pub(crate) expires_after: SignedDuration,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entitlements {
    pub(crate) manual_backups: Allowance,
    pub(crate) clones: Allowance,
}

/// How many people may have of something at one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Allowance {
    No,
    UpTo(u32),
    Unlimited,
}

impl Allowance {
    /// Whether there may be one more beside `present`.
    pub(crate) fn allows_one_more(self, present: u32) -> bool {
        match self {
            Allowance::No => false,
            Allowance::UpTo(limit) => present < limit,
            Allowance::Unlimited => true,
        }
    }
}

impl Default for LogRule {
    fn default() -> LogRule {
        LogRule { keep: SignedDuration::from_hours(7 * 24) }
    }
}

impl Default for Approvals {
    fn default() -> Approvals {
        Approvals { restore: 0, expires_after: SignedDuration::from_hours(4) }
    }
}

impl Default for Entitlements {
    fn default() -> Entitlements {
        Entitlements { manual_backups: Allowance::Unlimited, clones: Allowance::Unlimited }
    }
}

impl Default for Policy {
    /// Nothing by itself: the log of a week, and what people ask for.
    fn default() -> Policy {
        Policy {
            backups: Vec::new(),
            log: LogRule::default(),
            drills: None,
            objectives: Objectives::default(),
            approvals: Approvals::default(),
            entitlements: Entitlements::default(),
            windows: Vec::new(),
            safety_snapshot: true,
            manual: None,
            zone: Zone::UTC,
        }
    }
}

impl Stack {
    /// Of a source that nobody put into one.
    pub(crate) fn none() -> Stack {
        let (policy, outside) = (Policy::default(), Outside::default());
        Stack { name: String::new(), sources: Vec::new(), policy, outside, restored: None }
    }
}

impl Policy {
    pub(crate) fn retention(&self) -> retain::Retention {
        retain::Retention {
            rules: self.backups.iter().map(|rule| (rule.name.clone(), rule.keep.clone())).collect(),
            manual: self.manual.clone(),
            log: self.log.keep,
            zone: self.zone.clone(),
        }
    }

    /// Whether work of the timetable may begin.
    pub(crate) fn is_open(&self, now: Timestamp) -> bool {
        self.windows.is_empty() || self.windows.iter().any(|window| window.is_open(now))
    }

    /// Now, or when the first window opens.
    pub(crate) fn next_open(&self, now: Timestamp) -> Option<Timestamp> {
        match self.windows.is_empty() {
            true => Some(now),
            false => self.windows.iter().filter_map(|window| window.next_open(now)).min(),
        }
    }
}

impl BackupRule {
    /// As `Schedule::due`. Without catching up, what was missed by more than `late`, and the
    /// jitter, is left out, and the next slot is waited for.
    pub(crate) fn due(&self, last: Option<Timestamp>, now: Timestamp, late: SignedDuration) -> Due {
        match self.schedule.due(last, now) {
            Due::Now { of, .. }
                if !self.catch_up && last.is_some() && now.duration_since(of) > late.saturating_add(self.jitter) =>
            {
                Due::Nothing { next: self.schedule.next_after(now) }
            }
            due => due,
        }
    }

    /// When the run for a slot begins. `source` and the rule's own name make it differ from others.
    pub(crate) fn begins(&self, slot: Timestamp, source: &str) -> Timestamp {
        self.schedule.jittered(slot, self.jitter, &format!("{source}/{}", self.name))
    }
}

#[cfg(test)]
mod tests;

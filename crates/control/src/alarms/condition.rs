//! What can be wrong, in words that never change: a kind, whom it is about, how bad. Pure data; `core` makes alarms of it.

use std::fmt;

use jiff::Timestamp;

/// In order of weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Severity {
    /// A person is needed, soon.
    Warning,
    /// Data may be lost, or could not be brought back.
    Critical,
}

impl Severity {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Severity::Warning => "warning",
            Severity::Critical => "critical",
        }
    }

    pub(crate) fn of(name: &str) -> Option<Severity> {
        [Severity::Warning, Severity::Critical].into_iter().find(|severity| severity.name() == name)
    }
}

macro_rules! kinds {
    ($($kind:ident $name:literal $(flaps $flaps:tt)?;)*) => {
        /// Stable: programs and docs/alarms.md go by the names.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub(crate) enum Kind { $($kind,)* }

        impl Kind {
            pub(crate) const ALL: &[Kind] = &[$(Kind::$kind,)*];

            pub(crate) fn name(self) -> &'static str {
                match self { $(Kind::$kind => $name,)* }
            }

            /// Whether it comes and goes by nature, so that it is held off before it is raised or cleared.
            pub(crate) fn flaps(self) -> bool {
                match self { $(Kind::$kind => kinds!(@ $($flaps)?),)* }
            }
        }
    };
    (@) => { false };
    (@ yes) => { true };
}

kinds! {
    BackupFailing "backup-failing";
    BackupOverdue "backup-overdue";
    BreakGlass "break-glass";
    ChannelFailing "channel-failing";
    CheckFailed "check-failed";
    ClockSkew "clock-skew" flaps yes;
    DiskFilling "disk-filling" flaps yes;
    DrillFailed "drill-failed";
    DrillOverdue "drill-overdue";
    HeartbeatFailing "heartbeat-failing" flaps yes;
    InstanceFailing "instance-failing" flaps yes;
    KeyNotWorking "key-not-working";
    KeyUntested "key-untested";
    LogGap "log-gap";
    LogLag "log-lag" flaps yes;
    LogNotReceived "log-not-received" flaps yes;
    NoBackup "no-backup" flaps yes;
    OperationStuck "operation-stuck";
    OperationWaits "operation-waits";
    OverRpo "over-rpo" flaps yes;
    OverRto "over-rto";
    RestartLoop "restart-loop";
    SecretsNotKept "secrets-not-kept";
    SlotAtRisk "slot-at-risk" flaps yes;
    SourceNotStarted "source-not-started";
    VaultFilling "vault-filling" flaps yes;
    VaultUnreachable "vault-unreachable" flaps yes;
}

impl Kind {
    pub(crate) fn of(name: &str) -> Option<Kind> {
        Kind::ALL.iter().copied().find(|kind| kind.name() == name)
    }
}

/// Whom a condition is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Scope {
    Daemon,
    Vault,
    Source(String),
    Channel(String),
    Heartbeat(String),
    Instance(String),
    Operation(String),
    Stack(String),
}

impl Scope {
    pub(crate) fn source(name: &str) -> Scope {
        Scope::Source(name.to_owned())
    }

    fn parts(&self) -> (&'static str, &str) {
        match self {
            Scope::Daemon => ("daemon", ""),
            Scope::Vault => ("vault", ""),
            Scope::Source(name) => ("source", name),
            Scope::Channel(name) => ("channel", name),
            Scope::Heartbeat(name) => ("heartbeat", name),
            Scope::Instance(name) => ("instance", name),
            Scope::Operation(id) => ("operation", id),
            Scope::Stack(name) => ("stack", name),
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Scope> {
        let (what, name) = text.split_once(' ').unwrap_or((text, ""));
        let name = name.to_owned();
        Some(match what {
            "daemon" => Scope::Daemon,
            "vault" => Scope::Vault,
            "source" => Scope::Source(name),
            "channel" => Scope::Channel(name),
            "heartbeat" => Scope::Heartbeat(name),
            "instance" => Scope::Instance(name),
            "operation" => Scope::Operation(name),
            "stack" => Scope::Stack(name),
            _ => return None,
        })
    }
}

/// `source shop`, `vault`; `parse` reads it again.
impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.parts() {
            (what, "") => f.write_str(what),
            (what, name) => write!(f, "{what} {name}"),
        }
    }
}

pub(crate) type Key = (Kind, Scope);

/// Something that is wrong now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Condition {
    pub(crate) kind: Kind,
    pub(crate) scope: Scope,
    pub(crate) severity: Severity,
    /// Since when, where that is known; else since it was first seen.
    pub(crate) since: Option<Timestamp>,
    pub(crate) text: String,
    pub(crate) advice: String,
}

impl Condition {
    pub(crate) fn key(&self) -> Key {
        (self.kind, self.scope.clone())
    }

    pub(crate) fn view(&self) -> api::ConditionView {
        api::ConditionView {
            severity: self.severity.name().to_owned(),
            kind: self.kind.name().to_owned(),
            since: self.since,
            text: self.text.clone(),
            advice: self.advice.clone(),
        }
    }
}

/// What one look came to. What could not be looked at is neither there nor gone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Look {
    pub(crate) found: Vec<Condition>,
    pub(crate) blind: Vec<Key>,
}

impl Look {
    pub(crate) fn add(&mut self, other: Look) {
        self.found.extend(other.found);
        self.blind.extend(other.blind);
    }
}

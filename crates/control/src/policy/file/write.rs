//! A stack as the text of its file, in one canonical shape: the order below, and texts as their types print them. What is not
//! said and what is as usual is left out only where it would be noise.

use serde::Serialize;

use crate::policy::{Allowance, BackupRule, DrillRule, Outside, Policy, Restored, Stack, duration};

#[derive(Serialize)]
struct StackFile {
    stack: Head,
    source: Vec<Source>,
    policy: PolicyTable,
    #[serde(skip_serializing_if = "Option::is_none")]
    restored: Option<RestoredTable>,
    #[serde(flatten)]
    outside: Outside,
}

#[derive(Serialize)]
struct RestoredTable {
    operation: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    moment: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
}

#[derive(Serialize)]
struct Head {
    name: String,
}

#[derive(Serialize)]
struct Source {
    name: String,
    url: String,
}

#[derive(Serialize)]
struct PolicyTable {
    zone: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    manual: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    windows: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    safety_snapshot: Option<bool>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    backup: Vec<Backup>,
    log: Log,
    #[serde(skip_serializing_if = "Option::is_none")]
    drill: Option<Drill>,
    #[serde(skip_serializing_if = "Objectives::is_empty")]
    objectives: Objectives,
    approvals: Approvals,
    entitlements: Entitlements,
}

#[derive(Serialize)]
struct Backup {
    name: String,
    schedule: String,
    keep: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    jitter: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    catch_up: Option<bool>,
}

#[derive(Serialize)]
struct Log {
    keep: String,
}

#[derive(Serialize)]
struct Drill {
    schedule: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    checks: Option<String>,
}

#[derive(Serialize)]
struct Objectives {
    #[serde(skip_serializing_if = "Option::is_none")]
    rpo: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rto: Option<String>,
}

impl Objectives {
    fn is_empty(&self) -> bool {
        self.rpo.is_none() && self.rto.is_none()
    }
}

#[derive(Serialize)]
struct Approvals {
    restore: u32,
    expires: String,
}

#[derive(Serialize)]
struct Entitlements {
    manual_backups: AllowanceText,
    clones: AllowanceText,
}

#[derive(Serialize)]
#[serde(untagged)]
enum AllowanceText {
    Count(u32),
    Word(&'static str),
}

/// The inverse of `parse`.
pub(crate) fn export(stack: &Stack) -> Result<String, toml::ser::Error> {
    let sources = stack.sources.iter();
    let file = StackFile {
        stack: Head { name: stack.name.clone() },
        source: sources.map(|source| Source { name: source.name.clone(), url: source.url.to_string() }).collect(),
        policy: policy_table(&stack.policy),
        restored: stack.restored.clone().map(restored),
        outside: stack.outside.clone(),
    };
    toml::to_string(&file)
}

fn restored(Restored { operation, from, moment, at }: Restored) -> RestoredTable {
    RestoredTable { operation, from, moment, at: at.map(|at| at.to_string()) }
}

fn policy_table(policy: &Policy) -> PolicyTable {
    let Policy { objectives, approvals, entitlements, .. } = policy;
    PolicyTable {
        zone: policy.zone.to_string(),
        manual: policy.manual.as_ref().map(ToString::to_string),
        windows: policy.windows.iter().map(ToString::to_string).collect(),
        safety_snapshot: (!policy.safety_snapshot).then_some(false),
        backup: policy.backups.iter().map(backup).collect(),
        log: Log { keep: duration::print(policy.log.keep) },
        drill: policy.drills.as_ref().map(drill),
        objectives: Objectives { rpo: objectives.rpo.map(duration::print), rto: objectives.rto.map(duration::print) },
        approvals: Approvals { restore: approvals.restore, expires: duration::print(approvals.expires_after) },
        entitlements: Entitlements {
            manual_backups: allowance(entitlements.manual_backups),
            clones: allowance(entitlements.clones),
        },
    }
}

fn backup(rule: &BackupRule) -> Backup {
    Backup {
        name: rule.name.clone(),
        schedule: rule.schedule.to_string(),
        keep: rule.keep.to_string(),
        jitter: (!rule.jitter.is_zero()).then(|| duration::print(rule.jitter)),
        catch_up: (!rule.catch_up).then_some(false),
    }
}

fn drill(rule: &DrillRule) -> Drill {
    Drill { schedule: rule.schedule.to_string(), checks: rule.checks.clone() }
}

fn allowance(allowance: Allowance) -> AllowanceText {
    match allowance {
        Allowance::No => AllowanceText::Word("no"),
        Allowance::UpTo(limit) => AllowanceText::Count(limit),
        Allowance::Unlimited => AllowanceText::Word("unlimited"),
    }
}

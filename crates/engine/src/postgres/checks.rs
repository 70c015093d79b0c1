//! What a drill asks of a restore point: a throw-away instance that was recovered there and promoted is read in full (`verify`),
//! its indexes and tables are looked through (`amcheck`), and it answers the checks that its people wrote (`file`, `ask`).
//!
//! What is found is a result. An error means only that it could not be found out: the instance is gone, or somebody cancelled.

mod amcheck;
mod ask;
mod file;

use serde::{Deserialize, Serialize};
use vault::Env;
use vault::backup::tree::Progress;

pub use amcheck::AmcheckResult;
pub use file::{Check, ChecksFile, Question};

use super::cancel::unless_cancelled;
use super::info::ClusterInfo;
use super::instance::Instance;
use super::prepared;
use super::verify::{self, Verified};
use crate::error::Result;

/// How a check of the people ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckOutcome {
    pub name: String,
    pub passed: bool,
    /// What it answered, or why it failed.
    pub detail: String,
    /// It came to no answer, because of a limit or a lock: that says nothing about the data.
    #[serde(default)]
    pub unproven: bool,
    pub seconds: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Checked {
    pub verified: Verified,
    pub amcheck: AmcheckResult,
    pub checks: Vec<CheckOutcome>,
}

impl Checked {
    /// No bad page, no finding of amcheck, nothing left unproven, and every check of the people passed. That amcheck is not installed,
    /// or that a database differs from the backup's record, is told and does not count.
    pub fn passed(&self) -> bool {
        self.verified.is_sound()
            && self.amcheck.is_sound()
            && self.amcheck.unproven.is_empty()
            && self.checks.iter().all(|check| check.passed)
    }

    /// What came to no answer, with the reason.
    pub fn unproven(&self) -> Vec<String> {
        let checks = self.checks.iter().filter(|check| check.unproven);
        let checks = checks.map(|check| format!("check {}: {}", check.name, check.detail));
        self.amcheck.unproven.iter().cloned().chain(checks).collect()
    }
}

/// Runs everything. `info` is the record of the backup that the instance came from. The instance is changed: it gets the
/// extension amcheck where it is missing.
pub async fn run(
    instance: &Instance,
    info: &ClusterInfo,
    file: &ChecksFile,
    env: &Env,
    progress: &Progress,
) -> Result<Checked> {
    unless_cancelled(progress, look(instance, info, file, env, progress)).await
}

async fn look(
    instance: &Instance,
    info: &ClusterInfo,
    file: &ChecksFile,
    env: &Env,
    progress: &Progress,
) -> Result<Checked> {
    let mut sql = instance.wait_connectable(|| Ok(progress.check()?)).await?;
    let mut verified = verify::verify(&mut sql, instance, info).await?;
    let prepared = prepared::list(&mut sql).await?;
    verified.tell(&prepared);
    sql.close().await;
    let amcheck = amcheck::run(instance, &prepared, progress).await?;
    let mut checks = Vec::with_capacity(file.checks.len());
    for check in &file.checks {
        progress.check()?;
        checks.push(ask::ask(instance, check, &prepared, env, progress).await?);
    }
    Ok(Checked { verified, amcheck, checks })
}

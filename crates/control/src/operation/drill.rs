//! A drill, as an operation: a restore point is opened, recovered and looked at in full, and closed; what was found is sealed into the
//! vault as evidence. That makes a backup proven.

use api::{
    CheckView, DrillAsk, DrillReport, InstanceKind, Operation, OperationKind, RestoreAsk, RestoreReport, StepSeconds,
};
use engine::postgres::checks::{self, Checked, ChecksFile};
use engine::postgres::checksum::PAGE_BYTES;
use engine::postgres::target::Resolved;
use jiff::Timestamp;
use vault::backup::catalog::{self, Proof};
use vault::format::sealed::Kind;
use vault::names::{Name, SourceName};

use super::Watch;
use super::clone::{at, short_id};
use super::restore::{Restorer, known, live};
use crate::daemon::Daemon;
use crate::error::{Error, Result};
use crate::instances::{self, Wanted};
use crate::views;

pub(crate) async fn begin(daemon: &Daemon, name: &str, ask: DrillAsk) -> Result<Operation> {
    let source = known(daemon, name).await?;
    let checks = ChecksFile::parse(ask.checks.as_deref().unwrap_or_default())?;
    let restore = RestoreAsk { owner: ask.owner, ..at(ask.moment) };
    let wanted = Wanted::below(daemon, &format!("drill-{}", short_id(daemon)), InstanceKind::Drill, &source, restore)?;
    let resolved = Restorer::of(daemon).resolve(&source, &wanted.ask, live(daemon, name)).await?;
    super::begin(daemon, OperationKind::Drill, Some(name), |daemon, watch| async move {
        let drill = Drill { daemon, wanted, resolved, checks };
        views::to_json(&Box::pin(drill.run(&watch)).await?)
    })
    .await
}

struct Drill {
    daemon: Daemon,
    wanted: Wanted,
    resolved: Resolved,
    checks: ChecksFile,
}

impl Drill {
    async fn run(&self, watch: &std::sync::Arc<Watch>) -> Result<DrillReport> {
        let (env, source) = (&self.daemon.host.env, &self.wanted.source);
        let mut report = self.blank(env.now());
        let looked = self.open_and_look(watch, &mut report).await;
        report.ended = env.now();
        match looked {
            // Somebody did not want it any more: that says nothing about the backup.
            Err(error) if error.code() == "RK-1040" => return Err(error),
            Err(error) => report.error = Some(error.body()),
            Ok(()) => {}
        }
        watch.step("evidence");
        seal(&self.daemon, source, &self.resolved, &report).await?;
        if !report.passed {
            tracing::error!(source = source.as_str(), backup = report.backup, evidence = report.id, "the drill failed");
        }
        Ok(report)
    }

    /// What is said of a drill that came to nothing.
    fn blank(&self, now: Timestamp) -> DrillReport {
        DrillReport {
            id: vault::names::hex(&self.daemon.host.env.random::<8>()),
            source: self.wanted.source.to_string(),
            passed: false,
            error: None,
            began: now,
            ended: now,
            asked: self.resolved.asked.clone(),
            backup: self.resolved.backup.id.to_string(),
            backup_ended: self.resolved.backup.head.ended,
            timeline: self.resolved.timeline,
            reached: self.resolved.reached.to_string(),
            reached_commit: None,
            durations: Vec::new(),
            bytes_per_second: None,
            databases: Vec::new(),
            relations: 0,
            pages_checked: 0,
            pages_bad: 0,
            findings: Vec::new(),
            indexes_checked: 0,
            tables_checked: 0,
            amcheck_findings: Vec::new(),
            notes: Vec::new(),
            checks: Vec::new(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }

    async fn open_and_look(&self, watch: &std::sync::Arc<Watch>, report: &mut DrillReport) -> Result<()> {
        let opened = Box::pin(instances::open(&self.daemon, &self.wanted, &self.resolved, watch)).await?;
        note_opening(report, &opened);
        watch.step("look");
        let begun = self.daemon.host.env.monotonic();
        let looked = self.look(watch).await;
        let seconds = self.daemon.host.env.monotonic().saturating_sub(begun).as_secs_f64();
        watch.step("close");
        instances::remove(&self.daemon, &self.wanted.name).await?;
        note_looking(report, &looked?, seconds);
        Ok(())
    }

    async fn look(&self, watch: &Watch) -> Result<Checked> {
        let opened = instances::opened_as(&self.daemon, &self.wanted.name).await?;
        let (info, env) = (&self.resolved.info, &self.daemon.host.env);
        Ok(checks::run(&opened.instance, info, &self.checks, env, &watch.progress).await?)
    }
}

fn note_opening(report: &mut DrillReport, opened: &RestoreReport) {
    report.reached.clone_from(&opened.reached);
    report.reached_commit = opened.reached_commit;
    report.durations.clone_from(&opened.durations);
    report.notes.extend(opened.not_covered.iter().filter(|note| note.contains("were copied")).cloned());
}

fn note_looking(report: &mut DrillReport, checked: &Checked, seconds: f64) {
    let Checked { verified, amcheck, checks } = checked;
    report.passed = checked.passed();
    let before = report.durations.pop().map_or(0.0, |total| total.seconds);
    let step = |step: &str, seconds| StepSeconds { step: step.to_owned(), seconds };
    report.durations.extend([step("look", seconds), step("total", before + seconds)]);
    let bytes = verified.pages_checked as f64 * PAGE_BYTES as f64;
    report.bytes_per_second = (seconds > 0.0 && bytes > 0.0).then(|| bytes / seconds);
    report.databases.clone_from(&verified.databases);
    report.relations = verified.relations;
    (report.pages_checked, report.pages_bad) = (verified.pages_checked, verified.pages_bad);
    report.findings.clone_from(&verified.findings);
    (report.indexes_checked, report.tables_checked) = (amcheck.indexes, amcheck.tables);
    report.amcheck_findings.clone_from(&amcheck.findings);
    report.notes.extend(amcheck.notes.iter().cloned());
    let view = |check: &checks::CheckOutcome| CheckView {
        name: check.name.clone(),
        passed: check.passed,
        detail: check.detail.clone(),
        seconds: check.seconds,
    };
    report.checks = checks.iter().map(view).collect();
}

/// The report first, then the proof that names it.
async fn seal(daemon: &Daemon, source: &SourceName, resolved: &Resolved, report: &DrillReport) -> Result<()> {
    daemon.vault.put_json(Kind::Report, &Name::Report(source.clone(), report.id.clone()), report).await?;
    let evidence = serde_json::json!({ "report": report.id, "reached": report.reached });
    let proof = Proof { at: report.ended, passed: report.passed, evidence };
    Ok(catalog::prove(&daemon.vault, source, &resolved.backup.id, &proof).await?)
}

/// The evidence of a drill, out of the vault.
pub(crate) async fn evidence(daemon: &Daemon, name: &str, id: &str) -> Result<DrillReport> {
    let source: SourceName = name.parse()?;
    let plain = id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let found = match plain {
        true => daemon.vault.get_json(Kind::Report, &Name::Report(source, id.to_owned())).await,
        false => Err(vault::Error::NotFound(id.to_owned())),
    };
    found.map_err(|error| match error {
        vault::Error::NotFound(_) => Error::Unknown { what: "evidence", name: id.to_owned() },
        other => other.into(),
    })
}

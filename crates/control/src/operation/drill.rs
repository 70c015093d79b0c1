//! A drill, as an operation: a restore point is opened, recovered and looked at in full, and closed; what was found is sealed into the
//! vault as evidence. That makes a backup proven.

use std::path::Path;
use std::sync::Arc;

use api::{
    CheckView, DrillAsk, DrillReport, InstanceKind, MomentAsk, Operation, OperationKind, RestoreAsk, RestoreReport,
    StepSeconds, TargetAsk,
};
use async_trait::async_trait;
use engine::postgres::checks::{self, Checked, ChecksFile};
use engine::postgres::checksum::PAGE_BYTES;
use engine::postgres::target::Resolved;
use jiff::Timestamp;
use ops::Found;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use vault::backup::catalog::{self, Proof};
use vault::format::sealed::Kind;
use vault::names::{Name, SourceName};

use super::clone::short_id;
use super::restore::{Restorer, known, live_for, resolved};
use super::{At, By, Part, Table, Watch, input, step, submit};
use crate::daemon::Daemon;
use crate::error::{Error, Result};
use crate::instances::{self, Wanted};
use crate::views;

pub(super) fn table() -> Table {
    Table { kind: OperationKind::Drill, parts: vec![("prove", Arc::new(Prove))] }
}

/// What is drilled: the instance, the checks, and the name under which the evidence will be sealed.
#[derive(Debug, Serialize, Deserialize)]
struct Input {
    wanted: Wanted,
    checks: String,
    evidence: String,
}

pub(crate) async fn begin(daemon: &Daemon, name: &str, ask: DrillAsk, by: By) -> Result<Operation> {
    let source = known(daemon, name).await?;
    let checks = ask.checks.unwrap_or_default();
    ChecksFile::parse(&checks)?;
    let restore = RestoreAsk { owner: ask.owner, ..RestoreAsk::of(ask.moment) };
    let wanted = Wanted::below(daemon, &format!("drill-{}", short_id(daemon)), InstanceKind::Drill, &source, restore)?;
    let resolved = resolved(daemon, &source, &wanted.ask).await?;
    let wanted = Wanted { ask: instances::at_the_same_moment(&wanted.ask, &resolved), ..wanted };
    let evidence = vault::names::hex(&daemon.host.env.random::<8>());
    let steps =
        vec![step("prove", &format!("open {}, look at all of it, close it, and seal the evidence", resolved.asked))];
    let (kind, input) = (OperationKind::Drill, input(&Input { wanted, checks, evidence })?);
    submit(daemon, super::Wanted { kind, source: Some(name), alone: None, input, steps }, by).await
}

/// The newest moment, as a timetable wants it. `checks` is the path of a file.
pub(crate) async fn begin_newest(daemon: &Daemon, name: &str, checks: Option<&str>, by: By) -> Result<Operation> {
    let read = |path: &str| std::fs::read_to_string(path).map_err(|e| Error::file("read", Path::new(path), e));
    let checks = checks.map(read).transpose()?;
    let moment = MomentAsk { target: TargetAsk::Latest, before: false, timeline: None };
    begin(daemon, name, DrillAsk { moment, checks, owner: None }, by).await
}

/// The evidence is sealed under a name that is known before, so it is there once.
#[derive(Debug)]
struct Prove;

#[async_trait]
impl Part for Prove {
    async fn act(&self, at: &At) -> Result<Value> {
        let Input { wanted, checks, evidence } = at.input()?;
        let resolved = Restorer::of(&at.daemon)
            .resolve(&wanted.source, &wanted.ask, live_for(&at.daemon, &wanted.source, &wanted.ask).await?)
            .await?;
        let drill =
            Drill { daemon: at.daemon.clone(), wanted, resolved, checks: ChecksFile::parse(&checks)?, evidence };
        views::to_json(&Box::pin(drill.run(&at.watch)).await?)
    }

    async fn look(&self, at: &At) -> Result<Found> {
        let Input { wanted, evidence: id, .. } = at.input()?;
        match evidence(&at.daemon, wanted.source.as_str(), &id).await {
            Ok(report) => {
                prove(&at.daemon, &wanted.source, &report).await?;
                Ok(Found::Done(views::to_json(&report)?))
            }
            Err(Error::Unknown { .. }) => Ok(Found::Unknown),
            Err(error) => Err(error),
        }
    }
}

struct Drill {
    daemon: Daemon,
    wanted: Wanted,
    resolved: Resolved,
    checks: ChecksFile,
    evidence: String,
}

impl Drill {
    async fn run(&self, watch: &Arc<Watch>) -> Result<DrillReport> {
        let (env, source) = (&self.daemon.host.env, &self.wanted.source);
        let mut report = self.blank(env.now());
        let looked = Box::pin(self.open_and_look(watch, &mut report)).await;
        report.ended = env.now();
        match looked {
            // Somebody did not want it any more: that says nothing about the backup.
            Err(error) if error.code() == "RK-1040" => return Err(error),
            // Nor does what is in the way here: a lock, a limit, a server that is shut down.
            Err(error) if says_nothing(&error) => return Err(error),
            Err(error) => report.error = Some(error.body()),
            Ok(()) => {}
        }
        watch.step("evidence");
        seal(&self.daemon, source, &report).await?;
        if !report.passed {
            tracing::error!(source = source.as_str(), backup = report.backup, evidence = report.id, "the drill failed");
        }
        Ok(report)
    }

    /// What is said of a drill that came to nothing.
    fn blank(&self, now: Timestamp) -> DrillReport {
        DrillReport {
            id: self.evidence.clone(),
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
            unproven: Vec::new(),
            checks: Vec::new(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }

    async fn open_and_look(&self, watch: &Arc<Watch>, report: &mut DrillReport) -> Result<()> {
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
    let wrong = verified.migrations.iter().filter_map(|one| Some((one, one.wrong.as_ref()?)));
    report.findings.extend(wrong.map(|(one, wrong)| format!("migrations of {} ({}): {wrong}", one.database, one.tool)));
    (report.indexes_checked, report.tables_checked) = (amcheck.indexes, amcheck.tables);
    report.amcheck_findings.clone_from(&amcheck.findings);
    report.notes.extend(amcheck.notes.iter().chain(&verified.unlogged).cloned());
    report.unproven = checked.unproven();
    let view = |check: &checks::CheckOutcome| CheckView {
        name: check.name.clone(),
        passed: check.passed,
        detail: check.detail.clone(),
        unproven: check.unproven,
        seconds: check.seconds,
    };
    report.checks = checks.iter().map(view).collect();
}

/// The report first, then the proof that names it.
async fn seal(daemon: &Daemon, source: &SourceName, report: &DrillReport) -> Result<()> {
    daemon.vault.put_json(Kind::Report, &Name::Report(source.clone(), report.id.clone()), report).await?;
    prove(daemon, source, report).await
}

/// Whether it speaks of what is around the drill, and not of the backup.
fn says_nothing(error: &Error) -> bool {
    use engine::Error::{Binary, NoBinaries, NoRoom};
    match error {
        Error::Engine(error) => {
            error.is_of_the_session() || matches!(error, NoBinaries { .. } | Binary { .. } | NoRoom { .. })
        }
        Error::Vault(error) => error.is_retriable(),
        _ => true,
    }
}

/// Whether it speaks against the backup.
fn is_at_fault(report: &DrillReport) -> bool {
    let failed = report.checks.iter().any(|check| !check.passed && !check.unproven);
    report.error.is_some() || report.pages_bad > 0 || !report.amcheck_findings.is_empty() || failed
}

/// Once: a report that was proven already is left. What came to no answer speaks neither for the backup nor against it.
async fn prove(daemon: &Daemon, source: &SourceName, report: &DrillReport) -> Result<()> {
    if !report.passed && !is_at_fault(report) {
        return Ok(());
    }
    let id = report.backup.parse()?;
    let backups = catalog::backups(&daemon.vault, source).await?;
    let at = Some(report.ended);
    if backups.iter().any(|backup| backup.id == id && (backup.proven >= at || backup.failed >= at)) {
        return Ok(());
    }
    let evidence = serde_json::json!({ "report": report.id, "reached": report.reached });
    let proof = Proof { at: report.ended, passed: report.passed, evidence };
    Ok(catalog::prove(&daemon.vault, source, &id, &proof).await?)
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

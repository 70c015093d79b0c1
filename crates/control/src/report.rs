//! The report of a restore: for programs, and in Markdown for people.

use std::fmt::Write as _;

use api::{MigrationView, RestoreReport, StepSeconds};
use engine::postgres::migrations::Migrations;
use engine::postgres::restore::Restored;
use jiff::Timestamp;

pub(crate) mod document;
pub(crate) mod spoken;

pub(crate) fn of_restore(restored: &Restored, now: Timestamp) -> RestoreReport {
    let loss = restored
        .newest_commit
        .zip(restored.reached_commit)
        .map(|(newest, reached)| newest.duration_since(reached).as_secs_f64().max(0.0));
    let mut report = RestoreReport {
        source: restored.source.clone(),
        asked: restored.asked.clone(),
        backup: restored.backup.clone(),
        backup_ended: restored.backup_ended,
        timeline: restored.timeline,
        reached: restored.reached.to_string(),
        reached_commit: restored.reached_commit,
        newest_commit: restored.newest_commit.max(restored.reached_commit),
        loss_seconds: if restored.commits_after == 0 { Some(0.0) } else { loss },
        commits_lost: restored.commits_after,
        into: restored.into.clone(),
        port: restored.port,
        socket_folder: restored.socket_folder.clone(),
        superuser: restored.superuser.clone(),
        major: restored.major,
        files: restored.files,
        bytes: restored.bytes,
        pages_written: restored.pages_written,
        bytes_fetched: restored.bytes_fetched,
        databases: restored.verified.databases.clone(),
        relations: restored.verified.relations,
        pages_checked: restored.verified.pages_checked,
        pages_bad: restored.verified.pages_bad,
        findings: restored.verified.findings.clone(),
        migrations: restored.verified.migrations.iter().map(migration).collect(),
        promoted: restored.promoted,
        not_covered: restored.not_covered.clone(),
        instance: None,
        durations: restored
            .durations
            .0
            .iter()
            .map(|(step, seconds)| StepSeconds { step: step.clone(), seconds: *seconds })
            .collect(),
        markdown: String::new(),
    };
    report.markdown = markdown(&report, now);
    report
}

fn markdown(report: &RestoreReport, now: Timestamp) -> String {
    let mut out = String::new();
    let time = |time: Option<Timestamp>| time.map_or_else(|| "not known".to_owned(), |time| time.to_string());
    let verdict = match (report.pages_bad, report.findings.len()) {
        (0, 0) => "everything that was looked at is as the backup recorded it".to_owned(),
        (0, findings) => format!("no bad page; {findings} things differ from the backup's record, see below"),
        (bad, _) => format!("**{bad} pages do not match their checksum**, see below"),
    };
    let loss = report.loss_seconds.map_or_else(|| "not known".to_owned(), |seconds| format!("{seconds:.3} s"));
    let rows = [
        ("asked for", report.asked.clone()),
        ("reached", format!("LSN {}, timeline {}", report.reached, report.timeline)),
        ("last commit that is there", time(report.reached_commit)),
        ("newest commit in the vault", time(report.newest_commit)),
        ("data-loss window", format!("{loss}, {} commits", report.commits_lost)),
        ("from backup", format!("{} of {}", report.backup, report.backup_ended)),
        ("into", report.into.clone()),
        ("server", format!("PostgreSQL {}, port {}", report.major, report.port)),
        (
            "files",
            format!(
                "{}, {:.1} MB, {:.1} MB fetched from the vault",
                report.files,
                mb(report.bytes),
                mb(report.bytes_fetched)
            ),
        ),
        (
            "looked at",
            format!(
                "{} databases, {} relations, {} pages",
                report.databases.len(),
                report.relations,
                report.pages_checked
            ),
        ),
        ("verdict", verdict),
    ];
    let _ = writeln!(out, "# Restore of {}\n\nWritten {now}.\n\n| | |\n|---|---|", report.source);
    for (name, value) in rows {
        let _ = writeln!(out, "| {name} | {value} |");
    }
    list(&mut out, "Findings", &report.findings);
    list(&mut out, "Migrations", &report.migrations.iter().map(migrated).collect::<Vec<_>>());
    list(&mut out, "Not covered", &report.not_covered);
    let _ = writeln!(out, "\n## Durations\n\n| step | s |\n|---|---|");
    for step in &report.durations {
        let _ = writeln!(out, "| {} | {:.2} |", step.step, step.seconds);
    }
    out
}

pub(crate) fn migration(one: &Migrations) -> MigrationView {
    MigrationView {
        database: one.database.clone(),
        tool: one.tool.clone(),
        table: one.table.clone(),
        newest: one.newest.clone(),
        count: one.count,
        wrong: one.wrong.clone(),
        expects: None,
    }
}

fn migrated(one: &MigrationView) -> String {
    let newest = one.newest.as_deref().unwrap_or("nothing");
    let wrong = one.wrong.as_ref().map_or_else(String::new, |wrong| format!("; **{wrong}**"));
    format!("{}: {} is at {newest}, {} applied{wrong}", one.database, one.tool, one.count)
}

/// A section, where there is something in it.
fn list(out: &mut String, title: &str, lines: &[String]) {
    if !lines.is_empty() {
        let _ = writeln!(out, "\n## {title}\n");
        for line in lines {
            let _ = writeln!(out, "- {line}");
        }
    }
}

fn mb(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

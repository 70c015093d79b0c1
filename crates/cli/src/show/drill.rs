//! What a drill found.

use api::DrillReport;

use super::{View, units};

const SHOWN: usize = 10;

pub fn report(report: &DrillReport, view: &View) -> String {
    let (mark, verdict) = if report.passed { ('✓', "proven") } else { ('✗', "NOT PROVEN") };
    let total = report.durations.last().map_or(0.0, |total| total.seconds);
    let mut text = format!("{mark} {} {verdict} in {}\n\n", report.source, units::seconds(total));
    let mut row = |name: &str, value: String| text.push_str(&format!(" {name:<9} {value}\n"));
    row("backup", format!("{} of {}", report.backup, view.short_with_zone(report.backup_ended)));
    let commit = report.reached_commit.map_or(String::new(), |at| format!("{} · ", view.short_with_zone(at)));
    row("reached", format!("{commit}LSN {}", report.reached));
    if let Some(error) = &report.error {
        row("failed", format!("{} ({})", error.message, error.code));
        error.causes.iter().for_each(|cause| row("", cause.clone()));
    } else {
        row("read", read(report));
        row("amcheck", amcheck(report));
    }
    for finding in report.findings.iter().chain(&report.amcheck_findings).take(SHOWN) {
        row("!", finding.clone());
    }
    for what in &report.unproven {
        row("unproven", what.clone());
    }
    for note in &report.notes {
        row("note", note.clone());
    }
    for check in &report.checks {
        let mark = if check.passed {
            '✓'
        } else if check.unproven {
            '?'
        } else {
            '✗'
        };
        row("check", format!("{mark} {} · {} · {}", check.name, check.detail.trim(), units::seconds(check.seconds)));
    }
    let times = report.durations.iter().map(|step| format!("{} {}", step.step, units::seconds(step.seconds)));
    row("time", times.collect::<Vec<_>>().join(" · "));
    row("evidence", format!("{} in the vault: rekindle drill {} --evidence {}", report.id, report.source, report.id));
    text
}

fn read(report: &DrillReport) -> String {
    let pages = units::counted(report.pages_checked, "page", "pages");
    let bad = if report.pages_bad == 0 { "none bad".to_owned() } else { format!("{} BAD", report.pages_bad) };
    let rate = report.bytes_per_second.map_or(String::new(), |rate| format!(", {}/s", units::bytes(rate as u64)));
    let databases = units::counted(report.databases.len() as u64, "database", "databases");
    format!("{pages}, {bad}{rate} · {} in {databases}", units::counted(report.relations, "relation", "relations"))
}

fn amcheck(report: &DrillReport) -> String {
    let indexes = units::counted(report.indexes_checked, "index", "indexes");
    let tables = units::counted(report.tables_checked, "table", "tables");
    let found = match report.amcheck_findings.len() {
        0 => "nothing found".to_owned(),
        found => format!("{} FOUND", units::counted(found as u64, "fault", "faults")),
    };
    format!("{indexes}, {tables}, {found}")
}

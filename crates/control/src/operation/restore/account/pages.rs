//! The account as a document for people.

use api::{PointedView, RowsLost, RunbookReport, RunbookStep};
use jiff::Timestamp;

use super::zone;
use crate::operation::restore::lost::seconds_between;
use crate::report::document::{Document, Part};
use crate::report::spoken;

pub(super) fn document(report: &RunbookReport) -> Document {
    let zone = zone(report);
    let intro = format!("Operation {} of stack {}. Times are those of {zone}.", report.operation, report.stack);
    let title = format!("Restore of {} in its place", report.source);
    let mut document = Document { title, intro, parts: vec![Part::Facts(facts(report))] };
    document.table("Timeline", &["when", "what"], timeline(report));
    let head = &["step", "began", "s", "planned s", "tries", ""];
    document.table("Steps", head, report.steps.iter().map(|one| step(one, report)).collect());
    let rows = report.rows_lost.iter().map(row).collect();
    document.table("Rows that are not there any more", &["database", "table", "inserted", "updated", "deleted"], rows);
    if let Some(note) = &report.rows_lost_note {
        document.parts.push(Part::Text(format!("There may be more: {note}.")));
    }
    if report.rows_lost.iter().any(|row| row.new_file) {
        document.parts.push(Part::Text(format!("{NEW_FILE}.")));
    }
    let pointed = |one: &PointedView| vec![one.endpoint.clone(), one.from.clone(), one.to.clone()];
    document.table("Pointed", &["endpoint", "from", "to"], report.pointed.iter().map(pointed).collect());
    document.list("Evidence", &report.evidence);
    document.table("Migrations", &["database", "tool", "newest", "applied", "expected", "wrong"], migrations(report));
    document.list("Follow-ups", &report.follow_ups);
    document.list("Not covered", &report.not_covered);
    if !report.comms.after.is_empty() {
        let comms = &report.comms;
        document.parts.extend([
            Part::Heading("Words for those who use it"),
            Part::Quote("Before", comms.before.clone()),
            Part::Quote("During", comms.during.clone()),
            Part::Quote("After", comms.after.clone()),
        ]);
    }
    document
}

const NEW_FILE: &str =
    "A table with a star was made or written anew after the moment: rows that it had before count as inserted too";

fn told(report: &RunbookReport, time: Option<Timestamp>) -> String {
    time.map_or_else(|| "not known".to_owned(), |time| spoken::moment(time, &zone(report)))
}

fn facts(report: &RunbookReport) -> Vec<(&'static str, String)> {
    let because = if report.why.is_empty() { String::new() } else { format!(": {}", report.why) };
    let lost = match report.commits_lost {
        0 => "nothing".to_owned(),
        commits => {
            let span = seconds_between(report.reached_commit, report.newest_commit);
            format!("{} s, {commits} commits", span.map_or_else(|| "?".to_owned(), |lost| format!("{lost:.3}")))
        }
    };
    let seconds = |seconds: Option<f64>| seconds.map_or_else(|| "?".to_owned(), |seconds| format!("{seconds:.1} s"));
    let asked = report.asked.parse().map_or_else(|_| report.asked.clone(), |time| told(report, Some(time)));
    vec![
        ("asked for", asked),
        ("asked by", format!("{}{because}", report.asked_by)),
        ("approved by", approved(report)),
        ("reached", format!("LSN {}", report.reached)),
        ("last commit that is there", told(report, report.reached_commit)),
        ("newest commit before the restore", told(report, report.newest_commit)),
        ("lost", lost),
        ("from backup", backup(report)),
        (
            "nobody could write for",
            format!("{}, planned {}", seconds(report.unserved_seconds), seconds(report.unserved_seconds_planned)),
        ),
        ("state before, in the vault", snapshot(report)),
        ("state before, on disk", report.retired.clone()),
    ]
}

fn approved(report: &RunbookReport) -> String {
    let people: Vec<&str> = report.approvals.iter().map(|one| one.by.as_str()).collect();
    match (people.is_empty(), report.waived) {
        (false, _) => people.join(", "),
        (true, true) => "NOBODY, although somebody would have had to: the glass was broken".to_owned(),
        (true, false) => "nobody had to".to_owned(),
    }
}

fn snapshot(report: &RunbookReport) -> String {
    match (&report.snapshot, &report.no_snapshot) {
        (Some(id), _) => id.clone(),
        (None, Some(why)) => format!("not backed up: {why}; its files only"),
        (None, None) => "its files only".to_owned(),
    }
}

fn backup(report: &RunbookReport) -> String {
    match report.backup_ended {
        Some(ended) => format!("{} of {}", report.backup, told(report, Some(ended))),
        None => "none: what was replaced before came back".to_owned(),
    }
}

/// In the order of their times, whatever people said of theirs.
fn timeline(report: &RunbookReport) -> Vec<Vec<String>> {
    let mut events: Vec<(Timestamp, String)> = Vec::new();
    let mut note = |time: Option<Timestamp>, what: String| events.extend(time.map(|time| (time, what)));
    note(report.backup_ended, format!("backup {} ended", report.backup));
    note(report.reached_commit, "last commit that is there".to_owned());
    note(report.happened, "it happened".to_owned());
    note(report.detected, "it was noticed".to_owned());
    note(Some(report.began), format!("{} asked for the restore", report.asked_by));
    for approval in &report.approvals {
        let why = if approval.why.is_empty() { String::new() } else { format!(": {}", approval.why) };
        note(Some(approval.at), format!("{} approved{why}", approval.by));
    }
    note(report.newest_commit, "newest commit before the restore".to_owned());
    for step in &report.steps {
        let tries = if step.attempts > 1 { format!(", at the {}. try", step.attempts) } else { String::new() };
        note(Some(step.ended), format!("{} done{tries}", step.name));
    }
    note(Some(report.ended), "over".to_owned());
    events.sort_by_key(|(time, _)| *time);
    events.into_iter().map(|(time, what)| vec![told(report, Some(time)), what]).collect()
}

fn step(step: &RunbookStep, report: &RunbookReport) -> Vec<String> {
    let seconds = step.ended.duration_since(step.began).as_secs_f64();
    let planned = step.seconds_planned.map_or_else(|| "–".to_owned(), |seconds| format!("{seconds:.2}"));
    let began = zone(report).at(step.began).strftime("%H:%M:%S").to_string();
    vec![step.name.clone(), began, format!("{seconds:.2}"), planned, step.attempts.to_string(), step.what.clone()]
}

fn row(row: &RowsLost) -> Vec<String> {
    let star = if row.new_file { "*" } else { "" };
    let counts = [row.inserted, row.updated, row.deleted].map(|count| count.to_string());
    [row.database.clone(), format!("{}{star}", row.table)].into_iter().chain(counts).collect()
}

fn migrations(report: &RunbookReport) -> Vec<Vec<String>> {
    let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "–".to_owned());
    let row = |one: &api::MigrationView| {
        let (newest, expects, wrong) = (or_none(&one.newest), or_none(&one.expects), or_none(&one.wrong));
        vec![one.database.clone(), one.tool.clone(), newest, one.count.to_string(), expects, wrong]
    };
    report.migrations.iter().map(row).collect()
}

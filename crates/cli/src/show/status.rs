//! How everything stands: one line per source, what somebody should know below it.

use api::{Operation, SourceView, Status};

use super::{View, backup, instance, progress, units};

pub fn all(status: &Status, view: &View) -> String {
    let mut text = format!("Rekindle {} · vault {}\n\n", status.version, status.vault);
    if status.sources.is_empty() {
        text.push_str("Nothing is protected yet.\n    rekindle protect postgres:///DATABASE --name NAME\n");
    }
    for alarm in &status.alarms {
        text.push_str(&condition_lines(
            &alarm.severity,
            &format!("{}: {}", alarm.scope, alarm.text),
            Some(alarm.since),
            &alarm.advice,
            view,
        ));
    }
    let width = status.sources.iter().map(|source| source.name.chars().count()).max().unwrap_or(0);
    for source in &status.sources {
        text.push_str(&line(source, width, view));
    }
    if !status.instances.is_empty() {
        let width = status.instances.iter().map(|one| one.name.chars().count()).max().unwrap_or(0);
        text.push('\n');
        status.instances.iter().for_each(|one| text.push_str(&instance::line(one, width, view)));
    }
    for operation in &status.operations {
        text.push_str(&running(operation, view));
    }
    text
}

/// One source, with more about its log.
pub fn one(source: &SourceView, view: &View) -> String {
    let log = &source.log;
    let mut text = line(source, source.name.chars().count(), view);
    let mut row = |name: &str, value: String| text.push_str(&format!("    {name:<9} {value}\n"));
    row("server", format!("{} · system {}", source.url, source.system_identifier));
    let commits = if log.synchronous { " · commits wait for the vault" } else { "" };
    // What the server has written since it was heard last, nobody knows.
    let lag = match log.phase.as_str() {
        "streaming" => format!("{} behind", units::bytes(log.lag_bytes)),
        _ => "how far the server is ahead is not known".to_owned(),
    };
    row("log", format!("timeline {} · durable to {} · {lag}{commits}", log.timeline, log.durable));
    let contact = log.last_contact.map_or("never".to_owned(), |at| view.ago(at));
    row("slot", format!("{} · last contact {contact}", source.slot));
    if let Some(failure) = &log.failure {
        let since = log.failing_since.map_or(String::new(), |since| format!(" since {}", view.short_with_zone(since)));
        let code = log.failure_code.as_deref().map_or(String::new(), |code| format!(" ({code})"));
        row("failing", format!("{failure}{code}{since}"));
    }
    source.not_watched.iter().for_each(|what| row("unseen", what.clone()));
    text
}

fn line(source: &SourceView, width: usize, view: &View) -> String {
    let log = &source.log;
    let mut parts = match &source.restoring {
        Some(one) => {
            vec![format!("RESTORING, step {} (rekindle ops show {})", one.step, one.operation), log.phase.clone()]
        }
        None => vec![log.phase.clone()],
    };
    parts.push(match log.complete_at {
        Some(at) if source.backups == 0 => {
            format!("the log is complete up to {} ({})", view.short_with_zone(at), view.ago(at))
        }
        Some(at) => format!("any moment up to {} can be restored ({})", view.short_with_zone(at), view.ago(at)),
        None => "no moment is known to be complete yet".to_owned(),
    });
    parts.push(match &source.newest_backup {
        Some(newest) => format!(
            "{}, newest {} {}",
            units::counted(source.backups as u64, "backup", "backups"),
            backup::name(newest),
            view.ago(newest.ended)
        ),
        None => "no backup".to_owned(),
    });
    let mut text = format!("{} {:<width$}  {}\n", mark(source), source.name, parts.join(" · "));
    for condition in &source.conditions {
        text.push_str(&indented(&condition_lines(
            &condition.severity,
            &condition.text,
            condition.since,
            &condition.advice,
            view,
        )));
    }
    text
}

fn condition_lines(severity: &str, what: &str, since: Option<jiff::Timestamp>, advice: &str, view: &View) -> String {
    let mark = if severity == "critical" { '✗' } else { '!' };
    let since = since.map_or(String::new(), |at| format!(" (since {})", view.short_with_zone(at)));
    let advice = if advice.is_empty() { String::new() } else { format!("  {advice}\n") };
    format!("{mark} {what}{since}\n{advice}")
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("    {line}\n")).collect()
}

/// The worst of what is known: ✗ when data may be lost, ! when a person is needed.
fn mark(source: &SourceView) -> char {
    let is_critical = source.conditions.iter().any(|condition| condition.severity == "critical");
    match (is_critical, source.conditions.is_empty()) {
        (true, _) => '✗',
        (false, false) => '!',
        (false, true) => '✓',
    }
}

fn running(operation: &Operation, view: &View) -> String {
    let kind = kind(operation);
    let name = operation.source.as_deref().map_or(kind.clone(), |source| format!("{kind} of {source}"));
    let line = progress::plain(&name, &operation.step, &operation.progress);
    format!("▶ {line}  began {} · operation {}\n", view.ago(operation.started), operation.id)
}

pub fn kind(operation: &Operation) -> String {
    format!("{:?}", operation.kind).to_lowercase()
}

//! What is still to be done, by whom it can be done; and whether what was promised was held.

use api::{RunbookReport, RunbookStep};
use serde_json::Value;

use crate::operation::restore::lost::seconds_between;
use crate::report::spoken::length;

/// `lived_on` is the timeline that the replaced cluster was on.
pub(super) fn follow_ups(report: &RunbookReport, last_log: &Value, lived_on: Option<u32>) -> Vec<String> {
    let mut out = vec![format!(
        "the old cluster is kept as {}: look for rows worth recovering, then let it go with `rekindle retire {}`",
        report.retired, report.operation
    )];
    let lost = seconds_between(report.reached_commit, report.newest_commit);
    if let Some(lost) = lost.filter(|_| report.commits_lost > 0) {
        let before = lived_on.map_or_else(String::new, |timeline| {
            format!(": `rekindle clone {} --to latest --timeline {timeline}` opens the state before", report.source)
        });
        out.push(format!("{} commits of {lost:.0} s are not in the restored cluster{before}", report.commits_lost));
    }
    if let Some((happened, detected)) = report.happened.zip(report.detected) {
        let unseen = length(detected.duration_since(happened).as_secs_f64());
        out.push(format!("{unseen} passed until somebody noticed: what would have told sooner?"));
    }
    out.push(loss(report, last_log));
    out.push(frequency(report));
    out.extend(report.migrations.iter().filter_map(|one| {
        let wrong = one.wrong.as_ref()?;
        Some(format!("look at the migrations of {} ({}): {wrong}", one.database, one.tool))
    }));
    out.extend(report.findings.iter().map(|finding| format!("look at: {finding}")));
    out
}

/// The loss against the RPO. With a log that is whole it was chosen with the moment, and no backup would have made it smaller.
fn loss(report: &RunbookReport, last_log: &Value) -> String {
    let lost = match report.commits_lost {
        0 => Some(0.0),
        _ => seconds_between(report.reached_commit, report.newest_commit),
    };
    let said = lost.map_or_else(|| "a time that is not known".to_owned(), length);
    let verdict = match (lost, report.objectives.rpo_seconds) {
        (_, None) => "the stack has no objective for it: set rpo in [policy.objectives]".to_owned(),
        (None, Some(rpo)) => format!("whether the objective of {} was held is not known", length(rpo)),
        (Some(lost), Some(rpo)) if lost <= rpo => format!("within the objective of {}", length(rpo)),
        (Some(_), Some(rpo)) => format!("MORE than the objective of {}", length(rpo)),
    };
    let log = match (last_log["end"].as_str(), last_log["durable"].as_str()) {
        (Some(end), Some(durable)) if end == durable => {
            "; the log was in the vault to the server's last record, so the moment was free to choose, and noticing sooner is what \
             makes the loss smaller, not more backups"
                .to_owned()
        }
        (Some(end), Some(durable)) => {
            format!("; the vault had the log to {durable} of {end} only: see why with `rekindle alerts`")
        }
        _ => "; the server was not stopped in order, so its last records may not be in the vault".to_owned(),
    };
    format!("loss: commits of {said}, {verdict}{log}")
}

/// Whether the last backup was frequent enough: its age decides how much log is replayed, and so how long a restore takes.
fn frequency(report: &RunbookReport) -> String {
    let took = report.ended.duration_since(report.began).as_secs_f64();
    let age = seconds_between(report.backup_ended, report.reached_commit);
    let age = age.map_or_else(String::new, |age| format!("the backup was {} older than the moment; ", length(age)));
    let longest = report.steps.iter().max_by(|one, other| taken(one).total_cmp(&taken(other)));
    let longest =
        longest.map_or_else(String::new, |step| format!(", the longest step {} {}", step.name, length(taken(step))));
    let agreed = report.approvals.iter().map(|one| one.at).max();
    let waited = seconds_between(Some(report.began), agreed)
        .map_or_else(String::new, |waited| format!(" ({} of it until all had agreed)", length(waited)));
    let verdict = match report.objectives.rto_seconds {
        None => "the stack has no objective for it: set rto in [policy.objectives]".to_owned(),
        Some(rto) if took <= rto => format!("within the objective of {}: backups are frequent enough", length(rto)),
        Some(rto) => format!(
            "MORE than the objective of {}: where it was the replay of log, back up more often; where it was waiting, look at the approvals",
            length(rto)
        ),
    };
    format!(
        "was the last backup frequent enough? {age}from asked to over it took {}{waited}{longest}: {verdict}",
        length(took)
    )
}

fn taken(step: &RunbookStep) -> f64 {
    step.ended.duration_since(step.began).as_secs_f64()
}

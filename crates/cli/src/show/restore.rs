//! What a restore would do, and what it did.

use api::{RestorePlan, RestoreReport, StepSeconds};
use jiff::Timestamp;

use super::{View, units};

pub fn plan(plan: &RestorePlan, view: &View) -> String {
    let backup = plan.backup_label.as_deref().unwrap_or(&plan.backup);
    let asked = asked(&plan.asked, view);
    let mut text = format!("Restore {} to {asked}          nothing has been touched yet\n\n", plan.source);
    let ended = view.short_with_zone(plan.backup_ended);
    let replay = replay(plan);
    row(&mut text, "from", &format!("backup {backup} of {ended}{replay}"));
    row(&mut text, "reached", &reached(&plan.reached, plan.last_commit, view));
    row(&mut text, "lost", &loss(plan.last_commit, plan.newest_commit, plan.commits_after));
    let sizes = format!("{} of data, {} of log to replay", units::bytes(plan.bytes), units::bytes(plan.log_bytes));
    row(&mut text, "size", &sizes);
    row(&mut text, "into", &format!("{} · PostgreSQL {} · timeline {}", plan.into, plan.major, plan.timeline));
    text
}

pub fn report(report: &RestoreReport, view: &View) -> String {
    let mark = if is_well(report) { '✓' } else { '!' };
    let took = report.durations.last().map_or(String::new(), |total| format!(" in {}", units::seconds(total.seconds)));
    let mut text = format!("{mark} {} restored into {}{took}\n\n", report.source, report.into);
    row(&mut text, "asked", &asked(&report.asked, view));
    row(&mut text, "reached", &reached(&report.reached, report.reached_commit, view));
    row(&mut text, "lost", &loss(report.reached_commit, report.newest_commit, report.commits_lost));
    row(&mut text, "checked", &checked(report));
    for finding in &report.findings {
        row(&mut text, "!", finding);
    }
    for one in &report.migrations {
        let newest = one.newest.as_deref().unwrap_or("nothing");
        row(&mut text, "migrated", &format!("{}: {} is at {newest}, {} applied", one.database, one.tool, one.count));
        if let Some(wrong) = &one.wrong {
            row(&mut text, "!", &format!("{}: {}: {wrong}", one.database, one.tool));
        }
    }
    let moved = format!("{} from the vault for {}", units::bytes(report.bytes_fetched), units::bytes(report.bytes));
    row(&mut text, "moved", &moved);
    row(&mut text, "time", &times(&report.durations));
    for missing in &report.not_covered {
        row(&mut text, "left out", missing);
    }
    if let Some(name) = &report.instance {
        row(
            &mut text,
            "files",
            &format!("fetched as they are touched, and all of them behind: rekindle clones {name}"),
        );
    }
    row(&mut text, "server", &server(report));
    let (socket, port, user) = (&report.socket_folder, report.port, &report.superuser);
    row(&mut text, "connect", &format!("psql -h {socket} -p {port} -U {user} postgres"));
    text
}

/// Nothing was found that a person should look at.
pub fn is_well(report: &RestoreReport) -> bool {
    report.pages_bad == 0
}

fn row(text: &mut String, name: &str, value: &str) {
    text.push_str(&format!(" {name:<9} {value}\n"));
}

fn replay(plan: &RestorePlan) -> String {
    let Some(commit) = plan.last_commit else { return String::new() };
    let seconds = commit.duration_since(plan.backup_ended).as_secs_f64();
    if seconds < 1.0 {
        return String::new();
    }
    format!(" + {} of log", units::seconds(seconds.round()))
}

/// A time as people read it; anything else as the daemon says it.
fn asked(asked: &str, view: &View) -> String {
    let (before, moment) = asked.strip_prefix("before ").map_or(("", asked), |moment| ("before ", moment));
    match moment.parse::<Timestamp>() {
        Ok(moment) => format!("{before}{}", exactly(moment, view)),
        Err(_) => asked.to_owned(),
    }
}

pub(super) fn exactly(moment: Timestamp, view: &View) -> String {
    view.zoned(moment).strftime("%a %-d %b %Y %H:%M:%S%.3f %Z").to_string().replace(".000 ", " ")
}

fn reached(position: &str, commit: Option<Timestamp>, view: &View) -> String {
    match commit {
        Some(commit) => format!("{}, the last commit that is there · {position}", exactly(commit, view)),
        None => format!("{position}; the log holds no commit up to there"),
    }
}

fn loss(reached: Option<Timestamp>, newest: Option<Timestamp>, commits: u64) -> String {
    if commits == 0 {
        return "nothing: no commit in the vault is newer".to_owned();
    }
    let commits = units::counted(commits, "commit", "commits");
    match (reached, newest) {
        (Some(reached), Some(newest)) => {
            let span = units::seconds(newest.duration_since(reached).as_secs_f64());
            format!("{span} of writes: {commits} after this moment")
        }
        _ => format!("{commits} after this moment"),
    }
}

fn checked(report: &RestoreReport) -> String {
    let relations = units::counted(report.relations, "relation", "relations");
    let databases = units::counted(report.databases.len() as u64, "database", "databases");
    let pages = units::counted(report.pages_checked, "page", "pages");
    let bad = match report.pages_bad {
        0 => "none bad".to_owned(),
        bad => format!("{} BAD", units::count(bad)),
    };
    format!("{relations} in {databases} · {pages}, {bad}")
}

fn server(report: &RestoreReport) -> String {
    let state = if report.promoted { "accepts writes" } else { "still in recovery: reads only" };
    let (major, port, timeline) = (report.major, report.port, report.timeline);
    format!("PostgreSQL {major} runs on port {port}, timeline {timeline}, {state}")
}

fn times(durations: &[StepSeconds]) -> String {
    let steps = durations.iter().map(|step| format!("{} {}", step.step, units::seconds(step.seconds)));
    steps.collect::<Vec<_>>().join(" · ")
}

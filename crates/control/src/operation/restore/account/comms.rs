//! What is sent to those who use the database, before, during and after: plain words, ready as they stand.

use api::{CommsView, RunbookReport};
use jiff::Timestamp;

use super::{step, zone};
use crate::operation::restore::lost::seconds_between;
use crate::report::spoken;

pub(super) fn comms(report: &RunbookReport) -> CommsView {
    let stopped = step(report, "quiesce").map_or(report.began, |step| step.began);
    let serves = step(report, "resume").or_else(|| step(report, "cut-over")).map_or(report.ended, |step| step.ended);
    CommsView {
        before: before(report, stopped),
        during: during(report, stopped),
        after: after(report, stopped, serves),
    }
}

fn told(report: &RunbookReport, time: Timestamp) -> String {
    spoken::moment(time, &zone(report))
}

/// The state to which it goes, as those know it who use it.
fn state(report: &RunbookReport) -> String {
    match report.reached_commit {
        Some(commit) => format!("its state of {}", told(report, commit)),
        None => "an earlier state".to_owned(),
    }
}

fn before(report: &RunbookReport, stopped: Timestamp) -> String {
    let noticed = report.detected.map(|time| format!("On {} we noticed a problem with our data. ", told(report, time)));
    let about = report.unserved_seconds_planned.map_or_else(
        || "We will write as soon as it is back.".to_owned(),
        |seconds| format!("We expect that to take about {}.", spoken::length(seconds)),
    );
    format!(
        "{}We will put the database of {} back to {}. From {} on it cannot be used for a while. {about} \
         Please finish what you are doing before then: what is entered after that state will not be there any more.",
        noticed.unwrap_or_default(),
        report.stack,
        state(report),
        told(report, stopped)
    )
}

fn during(report: &RunbookReport, stopped: Timestamp) -> String {
    let about = report.unserved_seconds_planned.map(|seconds| {
        let back = stopped + jiff::SignedDuration::try_from_secs_f64(seconds).unwrap_or_default();
        format!(" We expect it back at about {}.", told(report, back))
    });
    format!(
        "Since {} the database of {} is being put back to {}, and it cannot be used.{} Nothing that you enter now is kept. \
         We will write when it is over.",
        told(report, stopped),
        report.stack,
        state(report),
        about.unwrap_or_default()
    )
}

fn after(report: &RunbookReport, stopped: Timestamp, serves: Timestamp) -> String {
    let missing = match (report.commits_lost, report.reached_commit, report.newest_commit) {
        (0, ..) => "Nothing that was entered is missing.".to_owned(),
        (_, Some(reached), Some(newest)) => format!(
            "What was entered between {} and {} ({}) is not there any more: please look at what you did in that time, and enter \
             it again where it is missing. We keep the state before, and can look things up in it.",
            told(report, reached),
            told(report, newest),
            spoken::length(seconds_between(Some(reached), Some(newest)).unwrap_or_default())
        ),
        _ => "What was entered after that state is not there any more.".to_owned(),
    };
    format!(
        "The database of {} is back since {}, with {}. It could not be used for {}. {missing}",
        report.stack,
        told(report, serves),
        state(report),
        spoken::length(serves.duration_since(stopped).as_secs_f64())
    )
}

//! `rekindle doctor`: what would be in the way of a restore tonight; ends with 1 when something is.

use api::{FindingView, Status};

use crate::failure::{NOT_ALL_WELL, Outcome, WELL};
use crate::show::protect::findings;
use crate::surroundings::Surroundings;
use crate::terminal::{print, print_json};

pub async fn run(around: &Surroundings) -> Outcome {
    let mut found = control::doctor(&around.config(), &around.host()?).await;
    found.extend(daemon(around).await);
    let is_well = found.iter().all(|finding| finding.severity != "blocks");
    match around.global.json {
        true => print_json(&found)?,
        false => print(&format!("{}{}\n", findings(&found), verdict(&found))),
    }
    Ok(if is_well { WELL } else { NOT_ALL_WELL })
}

fn verdict(found: &[FindingView]) -> String {
    let count = |severity: &str| found.iter().filter(|finding| finding.severity == severity).count();
    match (count("blocks"), count("warns")) {
        (0, 0) => "All is well.".to_owned(),
        (0, warns) => format!("Nothing is in the way; {warns} to think about."),
        (blocks, _) => format!("{blocks} in the way of a restore: see what is marked ✗."),
    }
}

async fn daemon(around: &Surroundings) -> Vec<FindingView> {
    let asked = match super::client(around) {
        Ok(client) => client.status().await,
        Err(error) => Err(error),
    };
    match asked {
        Ok(status) => of_status(&status),
        Err(error) => {
            let hint = error.body.hint.clone();
            vec![finding("blocks", error.body.message.clone(), error.body.causes.join(": "), hint)]
        }
    }
}

fn of_status(status: &Status) -> Vec<FindingView> {
    let ours = env!("CARGO_PKG_VERSION");
    let mut found = vec![match status.version == ours {
        true => finding("fine", format!("the daemon answers, version {ours}"), String::new(), None),
        false => {
            let title = format!("the daemon is of version {}, this program of {ours}", status.version);
            finding("warns", title, String::new(), Some("sudo systemctl restart rekindle".to_owned()))
        }
    }];
    for source in &status.sources {
        for condition in &source.conditions {
            let severity = if condition.severity == "critical" { "blocks" } else { "warns" };
            let title = format!("{}: {}", source.name, condition.text);
            found.push(finding(severity, title, condition.advice.clone(), None));
        }
    }
    found
}

fn finding(severity: &str, title: String, why: String, statement: Option<String>) -> FindingView {
    FindingView { severity: severity.to_owned(), title, why, statement, needs_restart: false }
}

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
            vec![FindingView::of_host("blocks", error.body.message.clone(), error.body.causes.join(": "), hint)]
        }
    }
}

fn of_status(status: &Status) -> Vec<FindingView> {
    let ours = env!("CARGO_PKG_VERSION");
    let mut found = vec![match status.version == ours {
        true => FindingView::of_host("fine", format!("the daemon answers, version {ours}"), String::new(), None),
        false => {
            let title = format!("the daemon is of version {}, this program of {ours}", status.version);
            FindingView::of_host("warns", title, String::new(), Some("sudo systemctl restart rekindle".to_owned()))
        }
    }];
    let graded = |severity: &str, about: &str, text: &str, advice: &str| {
        let severity = if severity == "critical" { "blocks" } else { "warns" };
        FindingView::of_host(severity, format!("{about}: {text}"), advice.to_owned(), None)
    };
    for source in &status.sources {
        let of_source = source.conditions.iter();
        found.extend(of_source.map(|one| graded(&one.severity, &source.name, &one.text, &one.advice)));
    }
    // Clocks, channels, the vault, the daemon itself.
    found.extend(status.alarms.iter().map(|alarm| graded(&alarm.severity, &alarm.scope, &alarm.text, &alarm.advice)));
    found
}

#[cfg(test)]
mod tests;

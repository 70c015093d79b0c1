//! `rekindle status`: ends with 1 when something is critical, so that a script can ask.

use api::SourceView;

use crate::args::StatusArgs;
use crate::failure::{NOT_ALL_WELL, Outcome, WELL};
use crate::show::status;
use crate::surroundings::Surroundings;
use crate::terminal::{print, print_json};

pub async fn run(args: &StatusArgs, around: &Surroundings) -> Outcome {
    let client = super::client(around)?;
    match &args.name {
        Some(name) => {
            let source = client.source(name).await?;
            let code = code(std::slice::from_ref(&source));
            if around.global.json {
                print_json(&source)?;
            } else {
                print(&status::one(&source, &around.view()));
            }
            Ok(code)
        }
        None => {
            let all = client.status().await?;
            if around.global.json {
                print_json(&all)?;
            } else {
                print(&status::all(&all, &around.view()));
            }
            let critical = all.alarms.iter().any(|alarm| alarm.severity == "critical");
            Ok(if critical { NOT_ALL_WELL } else { code(&all.sources) })
        }
    }
}

fn code(sources: &[SourceView]) -> u8 {
    let critical = |source: &SourceView| source.conditions.iter().any(|condition| condition.severity == "critical");
    if sources.iter().any(critical) { NOT_ALL_WELL } else { WELL }
}

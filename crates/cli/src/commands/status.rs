//! `rekindle status`

use crate::args::StatusArgs;
use crate::failure::{Outcome, WELL};
use crate::show::status;
use crate::surroundings::Surroundings;
use crate::terminal::{print, print_json};

pub async fn run(args: &StatusArgs, around: &Surroundings) -> Outcome {
    let client = super::client(around)?;
    match &args.name {
        Some(name) => {
            let source = client.source(name).await?;
            if around.global.json {
                print_json(&source)?;
            } else {
                print(&status::one(&source, &around.view()));
            }
        }
        None => {
            let all = client.status().await?;
            if around.global.json {
                print_json(&all)?;
            } else {
                print(&status::all(&all, &around.view()));
            }
        }
    }
    Ok(WELL)
}

//! `rekindle consumers`

use crate::args::ConsumersArgs;
use crate::failure::{Outcome, WELL};
use crate::show::consumers;
use crate::surroundings::Surroundings;
use crate::terminal::{print, print_json};

pub async fn run(args: &ConsumersArgs, around: &Surroundings) -> Outcome {
    let found = super::client(around)?.consumers(&args.name).await?;
    match around.global.json {
        true => print_json(&found)?,
        false => print(&consumers::list(&found, &around.view())),
    }
    Ok(WELL)
}

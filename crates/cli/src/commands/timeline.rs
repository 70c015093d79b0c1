//! `rekindle timeline`

use crate::args::TimelineArgs;
use crate::failure::{Outcome, WELL};
use crate::show::timeline;
use crate::surroundings::Surroundings;
use crate::terminal::{print, print_json};

pub async fn run(args: &TimelineArgs, around: &Surroundings) -> Outcome {
    let answer = super::client(around)?.timeline(&args.name).await?;
    match around.global.json {
        true => print_json(&answer)?,
        false => print(&timeline::drawing(&answer, &around.view())),
    }
    Ok(WELL)
}

//! `rekindle hydration`: how fast the files behind an opened restore are fetched.

use api::HydrationAsk;

use crate::args::HydrationArgs;
use crate::failure::{Outcome, WELL};
use crate::show::instance;
use crate::surroundings::Surroundings;
use crate::terminal::{print, print_json};

pub async fn run(args: &HydrationArgs, around: &Surroundings) -> Outcome {
    let client = super::client(around)?;
    let paused = (args.pause || args.resume).then_some(args.pause);
    let view = client.hydration(&args.name, &HydrationAsk { paused, limit: args.limit }).await?;
    match around.global.json {
        true => print_json(&view)?,
        false => print(&instance::one(&view, &around.view())),
    }
    Ok(WELL)
}

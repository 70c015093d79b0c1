//! `rekindle check`

use api::CheckAsk;

use crate::args::CheckArgs;
use crate::failure::{NOT_ALL_WELL, Outcome, WELL};
use crate::show::check;
use crate::surroundings::Surroundings;
use crate::terminal::{print, print_json};
use crate::wait;

pub async fn run(args: &CheckArgs, around: &Surroundings) -> Outcome {
    let client = super::client(around)?;
    let ask = CheckAsk { sources: args.names.clone(), read_data_percent: args.read_data };
    let begun = client.check(&ask).await?;
    let report = wait::until_over(around, &client, begun).await?;
    match around.global.json {
        true => print_json(&report)?,
        false => print(&check::report(&report)),
    }
    Ok(if check::is_well(&report) { WELL } else { NOT_ALL_WELL })
}

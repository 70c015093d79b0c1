//! `rekindle backup`

use api::{BackupAsk, BackupView};

use crate::args::BackupArgs;
use crate::failure::{NOT_ALL_WELL, Outcome, WELL};
use crate::show::backup;
use crate::surroundings::Surroundings;
use crate::terminal::{print, print_json};
use crate::wait;

pub async fn run(args: &BackupArgs, around: &Surroundings) -> Outcome {
    let client = super::client(around)?;
    let ask = BackupAsk { label: args.label.clone(), full: args.full };
    let begun = client.backup(&args.name, &ask).await?;
    let result = wait::until_over(around, &client, begun).await?;
    let done: BackupView = wait::read(&result)?;
    match around.global.json {
        true => print_json(&result)?,
        false => print(&backup::line(&done, &around.view())),
    }
    Ok(if done.damaged_pages == 0 { WELL } else { NOT_ALL_WELL })
}

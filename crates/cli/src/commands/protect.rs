//! `rekindle protect`

use api::ProtectAsk;

use crate::args::ProtectArgs;
use crate::failure::{NOT_ALL_WELL, Outcome, WELL};
use crate::show::protect;
use crate::surroundings::Surroundings;
use crate::terminal::{print, print_json};

pub async fn run(args: &ProtectArgs, around: &Surroundings) -> Outcome {
    let (name, url, slot) = (args.name.clone(), args.url.clone(), args.slot.clone());
    let ask = ProtectAsk { name, url, slot, dry_run: args.dry_run };
    let answer = super::client(around)?.protect(&ask).await?;
    match around.global.json {
        true => print_json(&answer)?,
        false => print(&protect::answer(&answer, args.dry_run)),
    }
    let blocked = answer.findings.iter().any(|finding| finding.severity == "blocks");
    let well = answer.registered || (args.dry_run && !blocked);
    Ok(if well { WELL } else { NOT_ALL_WELL })
}

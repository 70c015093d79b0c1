//! `rekindle unprotect`

use crate::args::UnprotectArgs;
use crate::failure::{Outcome, WELL};
use crate::surroundings::Surroundings;
use crate::terminal::{agree, note, print};

pub async fn run(args: &UnprotectArgs, around: &Surroundings) -> Outcome {
    let name = &args.name;
    if around.asks && !args.yes {
        note(&format!("The log of {name} will no longer be received: from now on no new moment can be restored."));
    }
    agree(around, &format!("unprotect {name}"), args.yes, false)?;
    super::client(around)?.unprotect(name).await?;
    if !around.global.json {
        print(&format!("✓ {name} is no longer protected; its backups stay in the vault\n"));
    }
    Ok(WELL)
}

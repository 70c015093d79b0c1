//! `rekindle pin` and `rekindle unpin`

use api::PinAsk;

use crate::args::{PinArgs, UnpinArgs};
use crate::failure::{Outcome, WELL};
use crate::surroundings::Surroundings;
use crate::terminal::print;

pub async fn pin(args: &PinArgs, around: &Surroundings) -> Outcome {
    super::client(around)?.pin(&args.name, &args.backup, &PinAsk { why: args.why.clone() }).await?;
    if !around.global.json {
        print(&format!("✓ {} is pinned: no rule expires it\n", args.backup));
    }
    Ok(WELL)
}

pub async fn unpin(args: &UnpinArgs, around: &Surroundings) -> Outcome {
    super::client(around)?.unpin(&args.name, &args.backup).await?;
    if !around.global.json {
        print(&format!("✓ {} is no longer pinned: the rules decide\n", args.backup));
    }
    Ok(WELL)
}

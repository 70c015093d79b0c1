//! `rekindle vault dump`

use super::unlock;
use crate::args::DumpArgs;
use crate::failure::{Outcome, WELL};
use crate::surroundings::Surroundings;
use crate::terminal::print;

pub async fn run(args: &DumpArgs, around: &Surroundings) -> Outcome {
    let vault = unlock::vault(&args.place, around)?;
    let text = control::dump(&vault, &args.name, &around.host()?).await?;
    print(text.trim_end());
    print("\n");
    Ok(WELL)
}

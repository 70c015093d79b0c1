//! `rekindle mount-serve`: the process of one mount. What it says goes into the log of the mount's home.

use crate::args::{LogFormat, MountServeArgs};
use crate::failure::{Outcome, WELL};
use crate::logging;
use crate::surroundings::Surroundings;

pub async fn run(args: &MountServeArgs, around: &Surroundings) -> Outcome {
    logging::begin("info", LogFormat::Text)?;
    control::mount_serve(&args.home, &around.host()?).await?;
    Ok(WELL)
}

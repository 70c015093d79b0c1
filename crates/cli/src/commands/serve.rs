//! `rekindle serve`: the daemon, until SIGTERM or SIGINT.

use tokio::signal::unix::{SignalKind, signal};

use crate::args::ServeArgs;
use crate::failure::{Failure, Outcome, WELL};
use crate::logging;
use crate::surroundings::Surroundings;

pub async fn run(args: &ServeArgs, around: &Surroundings) -> Outcome {
    logging::begin(&args.log, args.log_format)?;
    let listen = |kind| signal(kind).map_err(|error| Failure::internal("signals cannot be received", error));
    let (mut terminate, mut interrupt) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    let shutdown = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    Box::pin(control::serve(&around.config(), around.host()?, shutdown)).await?;
    Ok(WELL)
}

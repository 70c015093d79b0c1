//! `rekindle detach`: a restore that was opened at once becomes a plain directory, with no Rekindle underneath.

use crate::args::DetachArgs;
use crate::failure::{Failure, Outcome, WELL};
use crate::surroundings::Surroundings;
use crate::terminal::{agree, print};

pub async fn run(args: &DetachArgs, around: &Surroundings) -> Outcome {
    let client = super::client(around)?;
    let views = client.instances().await?;
    let is_it = |view: &&api::InstanceView| {
        view.name == args.name || view.data_directory.as_deref() == Some(args.name.trim_end_matches('/'))
    };
    let view = views.iter().find(is_it).ok_or_else(|| {
        let hint = "see `rekindle status`; what is not listed there is plain already";
        Failure::input(format!("no opened restore is called {}", args.name), hint)
    })?;
    if view.standing == "serves" {
        agree(around, &format!("restart the server of {} for a moment", view.name), args.yes, false)?;
    }
    client.detach_instance(&view.name).await?;
    let directory = view.data_directory.as_deref().unwrap_or_default();
    if !around.global.json {
        print(&format!("✓ {directory} is a plain directory now; Rekindle is no longer underneath\n"));
    }
    Ok(WELL)
}

//! `rekindle clone` and `rekindle clones`: writable servers at a moment, beside the original.

use api::{CloneAsk, InstanceView};

use crate::args::{CloneArgs, CloneCommand, ClonesArgs, NewCloneArgs};
use crate::client::Client;
use crate::failure::{NOT_ALL_WELL, Outcome, WELL};
use crate::show::instance;
use crate::surroundings::Surroundings;
use crate::terminal::{agree, print, print_json};
use crate::{wait, when};

pub async fn run(args: &CloneArgs, around: &Surroundings) -> Outcome {
    let client = super::client(around)?;
    match &args.command {
        Some(CloneCommand::Start(args)) => show(&client.start_instance(&args.name).await?, around),
        Some(CloneCommand::Stop(args)) => show(&client.stop_instance(&args.name).await?, around),
        Some(CloneCommand::Reset(args)) => {
            agree(around, &format!("throw away what was written in {}", args.name), args.yes, false)?;
            let result = wait::until_over(around, &client, client.reset_instance(&args.name).await?).await?;
            show(&wait::read(&result)?, around)
        }
        Some(CloneCommand::Rm(args)) => {
            agree(around, &format!("remove {} and what was written in it", args.name), args.yes, false)?;
            client.remove_instance(&args.name).await?;
            if !around.global.json {
                print(&format!("✓ {} is removed\n", args.name));
            }
            Ok(WELL)
        }
        None => open(&client, &args.new, around).await,
    }
}

async fn open(client: &Client, args: &NewCloneArgs, around: &Surroundings) -> Outcome {
    let source = args.source.as_deref().unwrap_or_default();
    let ttl_seconds = args.ttl.as_deref().map(|span| when::span_seconds(span, &around.view().now)).transpose()?;
    let ask = CloneAsk {
        moment: super::restore::moment(&args.target, &around.view().now)?,
        name: args.name.clone(),
        port: args.port,
        ttl_seconds,
        quota_bytes: args.quota,
        owner: args.owner.clone(),
    };
    let begun = client.clone_source(source, &ask).await?;
    let result = wait::until_over(around, client, begun).await?;
    show(&wait::read(&result)?, around)
}

fn show(view: &InstanceView, around: &Surroundings) -> Outcome {
    if around.global.json {
        print_json(view)?;
    } else {
        print(&instance::one(view, &around.view()));
    }
    Ok(WELL)
}

/// Ends with 1 when something is critical.
pub async fn list(args: &ClonesArgs, around: &Surroundings) -> Outcome {
    let client = super::client(around)?;
    let views = match &args.name {
        Some(name) => vec![client.instance(name).await?],
        None => client.instances().await?,
    };
    match (&args.name, views.first()) {
        (Some(_), Some(view)) => drop(show(view, around)?),
        _ if around.global.json => print_json(&views)?,
        _ => print(&instance::all(&views, &around.view())),
    }
    let critical = |view: &InstanceView| view.conditions.iter().any(|condition| condition.severity == "critical");
    Ok(if views.iter().any(critical) { NOT_ALL_WELL } else { WELL })
}

//! `rekindle ops`, `rekindle approve`, `rekindle refuse`

use std::time::Duration;

use api::{Operation, OperationAsk};

use crate::args::{OpLogsArgs, OpWhyArgs, OpsArgs, OpsCommand, OpsListArgs};
use crate::client::Client;
use crate::failure::{Outcome, WELL};
use crate::show::{operation, runbook};
use crate::surroundings::Surroundings;
use crate::terminal::{print, print_json};

const LOOK_EVERY: Duration = Duration::from_millis(500);

pub async fn run(args: &OpsArgs, around: &Surroundings) -> Outcome {
    let client = super::client(around)?;
    match &args.command {
        None => list(&client, &args.list, around).await,
        Some(OpsCommand::Show(args)) => shown(&client.operation(&args.id).await?, around),
        Some(OpsCommand::Plan(args)) => plan(&client, &args.id, around).await,
        Some(OpsCommand::Logs(args)) => logs(&client, args, around).await,
        Some(OpsCommand::Retry(args)) => tell(&client, &args.id, "retry", "", around).await,
        Some(OpsCommand::Pause(args)) => tell(&client, &args.id, "pause", "", around).await,
        Some(OpsCommand::Resume(args)) => tell(&client, &args.id, "resume", "", around).await,
        Some(OpsCommand::Cancel(args)) => tell(&client, &args.id, "cancel", &args.why, around).await,
        Some(OpsCommand::Abandon(args)) => tell(&client, &args.id, "abandon", &args.why, around).await,
    }
}

pub async fn approve(args: &OpWhyArgs, around: &Surroundings) -> Outcome {
    tell(&super::client(around)?, &args.id, "approve", &args.why, around).await
}

pub async fn refuse(args: &OpWhyArgs, around: &Surroundings) -> Outcome {
    tell(&super::client(around)?, &args.id, "refuse", &args.why, around).await
}

async fn list(client: &Client, args: &OpsListArgs, around: &Surroundings) -> Outcome {
    let operations =
        client.operations(args.source.as_deref(), args.kind.as_deref(), args.unfinished, args.last).await?;
    if around.global.json {
        print_json(&operations)?;
    } else {
        print(&operation::list(&operations, &around.view()));
    }
    Ok(WELL)
}

async fn tell(client: &Client, id: &str, word: &str, why: &str, around: &Surroundings) -> Outcome {
    shown(&client.tell_operation(id, word, &OperationAsk { why: why.to_owned() }).await?, around)
}

async fn plan(client: &Client, id: &str, around: &Surroundings) -> Outcome {
    let plan = client.operation_plan(id).await?;
    match around.global.json {
        true => print_json(&plan)?,
        false => print(&runbook::plan(&plan, &around.view())),
    }
    Ok(WELL)
}

pub(super) fn shown(one: &Operation, around: &Surroundings) -> Outcome {
    if around.global.json {
        print_json(one)?;
    } else {
        print(&operation::one(one, &around.view()));
    }
    Ok(WELL)
}

async fn logs(client: &Client, args: &OpLogsArgs, around: &Surroundings) -> Outcome {
    let mut after = 0;
    loop {
        let over = client.operation(&args.id).await?.status.is_over();
        let lines = client.operation_log(&args.id, after).await?;
        after = lines.last().map_or(after, |line| line.n);
        if around.global.json {
            lines.iter().try_for_each(print_json)?;
        } else {
            lines.iter().for_each(|line| print(&operation::log_line(line, &around.view())));
        }
        if lines.is_empty() && (over || !args.follow) {
            return Ok(WELL);
        }
        if lines.is_empty() {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

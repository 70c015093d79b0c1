//! `rekindle alerts`, `rekindle alert test`. `alerts` ends with 1 while something critical is raised, `alert test` when somebody could not
//! be told.

use api::{AlarmTestAsk, AlarmView};

use crate::args::{AlertCommand, AlertsArgs, AlertsCommand, AlertsListArgs};
use crate::client::Client;
use crate::failure::{NOT_ALL_WELL, Outcome, WELL};
use crate::show::alarm;
use crate::surroundings::Surroundings;
use crate::terminal::{print, print_json};
use crate::when;

pub async fn run(args: &AlertsArgs, around: &Surroundings) -> Outcome {
    let client = super::client(around)?;
    match &args.command {
        None => list(&client, &args.list, around).await,
        Some(AlertsCommand::Show(args)) => {
            let found = client.alarm(args.n).await?;
            if around.global.json {
                print_json(&found)?;
            } else {
                print(&alarm::one(&found, &around.view()));
            }
            Ok(WELL)
        }
    }
}

async fn list(client: &Client, args: &AlertsListArgs, around: &Surroundings) -> Outcome {
    let view = around.view();
    let since = args.since.as_deref().map(|text| when::parse(text, &view.now)).transpose()?;
    let (since, before) = (since.map(|at| at.to_string()), args.before.map(|n| n.to_string()));
    let (all, limit) = (args.all.to_string(), args.last.to_string());
    let mut query = vec![("all", all.as_str()), ("limit", &limit)];
    query.extend(since.as_deref().map(|since| ("since", since)));
    query.extend(before.as_deref().map(|before| ("before", before)));
    query.extend(args.source.as_deref().map(|source| ("source", source)));
    query.extend(args.kind.as_deref().map(|kind| ("kind", kind)));
    let alarms = client.alarms(&query).await?;
    if around.global.json {
        print_json(&alarms)?;
    } else {
        let with_past = args.all || args.since.is_some();
        let seen = if alarms.is_empty() && !with_past { seen(client, args).await? } else { Vec::new() };
        print(&alarm::list(&alarms, with_past, &seen, &view));
    }
    let critical = |alarm: &AlarmView| alarm.cleared.is_none() && alarm.severity == "critical";
    Ok(if alarms.iter().any(critical) { NOT_ALL_WELL } else { WELL })
}

/// What `status` shows: conditions are seen before they are alarms.
async fn seen(client: &Client, args: &AlertsListArgs) -> Result<Vec<String>, crate::failure::Failure> {
    let status = client.status().await?;
    let wanted = |name: &str| args.source.as_deref().is_none_or(|source| source == name);
    let sources = status.sources.iter().filter(|source| wanted(&source.name));
    let of = sources.flat_map(|source| source.conditions.iter().map(move |condition| (source, condition)));
    let of_kind = of.filter(|(_, condition)| args.kind.as_deref().is_none_or(|kind| kind == condition.kind));
    Ok(of_kind.map(|(source, condition)| format!("{}: {}", source.name, condition.text)).collect())
}

pub async fn alert(command: &AlertCommand, around: &Surroundings) -> Outcome {
    let AlertCommand::Test(args) = command;
    let tests = super::client(around)?.test_channels(&AlarmTestAsk { channel: args.channel.clone() }).await?;
    if around.global.json {
        print_json(&tests)?;
    } else {
        print(&alarm::tests(&tests));
    }
    Ok(if tests.iter().all(|test| test.delivered) { WELL } else { NOT_ALL_WELL })
}

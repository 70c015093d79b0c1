//! `rekindle expire`: the plan first; with `--apply` it is agreed to and carried out.

use api::{ExpireAsk, KeepView};
use jiff::Zoned;
use serde_json::Value;

use crate::args::ExpireArgs;
use crate::client::Client;
use crate::failure::{Failure, Outcome, WELL};
use crate::show::{View, expire};
use crate::surroundings::Surroundings;
use crate::terminal::{agree, print, print_json};
use crate::{wait, when};

pub async fn run(args: &ExpireArgs, around: &Surroundings) -> Outcome {
    let (client, view) = (super::client(around)?, around.view());
    let keep = keep(args, &view.now)?;
    let plan = ask(args, around, &client, &keep, false).await?;
    if args.plan {
        return show(&plan, around, &view);
    }
    if !around.global.json {
        print(&expire::plan(&plan, &view));
    }
    let gone = expire::expired(&plan);
    agree(around, &format!("expire {gone} of the backups of {}", args.name), args.yes || gone == 0, false)?;
    let applied = ask(args, around, &client, &keep, true).await?;
    if around.global.json {
        return show(&applied, around, &view);
    }
    // The plan stands above already.
    print(&format!("✓ {}\n", expire::plan(&applied, &view).lines().last().unwrap_or("done")));
    Ok(WELL)
}

async fn ask(
    args: &ExpireArgs,
    around: &Surroundings,
    client: &Client,
    keep: &KeepView,
    apply: bool,
) -> Result<Value, Failure> {
    let begun = client.expire(&args.name, &ExpireAsk { keep: keep.clone(), apply }).await?;
    wait::until_over(around, client, begun).await
}

fn show(result: &Value, around: &Surroundings, view: &View) -> Outcome {
    match around.global.json {
        true => print_json(result)?,
        false => print(&expire::plan(result, view)),
    }
    Ok(WELL)
}

fn keep(args: &ExpireArgs, now: &Zoned) -> Result<KeepView, Failure> {
    let seconds = |span: &Option<String>| span.as_deref().map(|span| when::span_seconds(span, now)).transpose();
    let keep = &args.keep;
    Ok(KeepView {
        last: keep.keep_last,
        within_seconds: seconds(&keep.keep_within)?,
        hourly: keep.keep_hourly,
        daily: keep.keep_daily,
        weekly: keep.keep_weekly,
        monthly: keep.keep_monthly,
        yearly: keep.keep_yearly,
        grace_seconds: seconds(&args.grace)?,
        time_zone: now.time_zone().iana_name().map(str::to_owned),
    })
}

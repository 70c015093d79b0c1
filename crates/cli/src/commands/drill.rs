//! `rekindle drill`: proves a moment. Ends with 1 when it did not pass.

use api::{DrillAsk, DrillReport};

use crate::args::DrillArgs;
use crate::failure::{Failure, NOT_ALL_WELL, Outcome, WELL};
use crate::show::drill;
use crate::surroundings::Surroundings;
use crate::terminal::{print, print_json};
use crate::wait;

pub async fn run(args: &DrillArgs, around: &Surroundings) -> Outcome {
    let client = super::client(around)?;
    if let Some(id) = &args.evidence {
        return show(&client.evidence(&args.name, id).await?, around);
    }
    let read = |path: &std::path::PathBuf| std::fs::read_to_string(path).map_err(|e| Failure::file("read", path, e));
    let ask = DrillAsk {
        moment: super::restore::moment(&args.target, &around.view().now)?,
        checks: args.checks.as_ref().map(read).transpose()?,
        owner: args.owner.clone(),
    };
    let begun = client.drill(&args.name, &ask).await?;
    let result = wait::until_over(around, &client, begun).await?;
    show(&wait::read(&result)?, around)
}

fn show(report: &DrillReport, around: &Surroundings) -> Outcome {
    match around.global.json {
        true => print_json(report)?,
        false => print(&drill::report(report, &around.view())),
    }
    Ok(if report.passed { WELL } else { NOT_ALL_WELL })
}

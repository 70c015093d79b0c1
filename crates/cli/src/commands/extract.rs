//! `rekindle restore --database …`: single databases or tables of a moment, beside the live ones or in their place.

use api::{ExtractAsk, ExtractReport};

use super::restore::moment;
use crate::args::{ObjectArgs, RestoreArgs};
use crate::failure::{Failure, NOT_ALL_WELL, Outcome, WELL};
use crate::show::extract;
use crate::surroundings::Surroundings;
use crate::terminal::{print, print_json};
use crate::wait;

/// Whether only a part was asked for.
pub fn is_asked(objects: &ObjectArgs) -> bool {
    objects.database.is_some()
}

pub async fn run(args: &RestoreArgs, around: &Surroundings) -> Outcome {
    let client = super::client(around)?;
    let into = args.into.as_deref().map(|into| {
        let name = into.to_str().filter(|name| !name.contains('/'));
        let hint = "with --database, --into names a database or schema on the live server";
        name.map(str::to_owned).ok_or_else(|| Failure::input(format!("{} is not a name", into.display()), hint))
    });
    let objects = &args.objects;
    let ask = ExtractAsk {
        moment: moment(&args.target, &around.view().now)?,
        database: objects.database.clone().unwrap_or_default(),
        tables: objects.tables.clone(),
        into: into.transpose()?,
        swap: objects.swap,
        keep_serving: objects.keep_serving,
        owner: args.place.owner.clone(),
        consent: super::consent::ask(&args.consent, &args.name, around)?,
    };
    let plan = client.extract_plan(&args.name, &ask).await?;
    let what = extract::intent(&ask, &args.name);
    if let Some(shown) = super::swap::agreed(&plan, &what, &args.place, !objects.swap, around)? {
        return Ok(shown);
    }
    let begun = client.extract(&args.name, &ask).await?;
    if plan.begins.is_some() {
        return super::ops::shown(&begun, around);
    }
    let result = wait::until_over(around, &client, begun).await?;
    let report: ExtractReport = wait::read(&result)?;
    match around.global.json {
        true => print_json(&report)?,
        false => print(&extract::report(&report, &around.view())),
    }
    Ok(if report.attention.is_empty() { WELL } else { NOT_ALL_WELL })
}

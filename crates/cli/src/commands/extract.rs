//! `rekindle restore --database …`: single databases or tables of a moment, beside the live ones or in their place.

use api::{ExtractAsk, ExtractReport};

use super::restore::moment;
use crate::args::{ObjectArgs, RestoreArgs};
use crate::failure::{Failure, Outcome, WELL};
use crate::show::extract;
use crate::surroundings::Surroundings;
use crate::terminal::{agree, note, print, print_json};
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
        owner: args.place.owner.clone(),
        consent: super::consent::ask(&args.consent, &args.name, around)?,
    };
    let what = extract::intent(&ask, &args.name);
    if args.place.dry_run {
        print(&format!("{what}\nNothing was touched.\n"));
        return Ok(WELL);
    }
    if !around.global.json {
        note(&what);
    }
    agree(around, "restore", args.place.yes, !objects.swap)?;
    let begun = client.extract(&args.name, &ask).await?;
    let result = wait::until_over(around, &client, begun).await?;
    let report: ExtractReport = wait::read(&result)?;
    match around.global.json {
        true => print_json(&report)?,
        false => print(&extract::report(&report, &around.view())),
    }
    Ok(WELL)
}

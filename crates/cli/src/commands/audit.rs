//! `rekindle audit [list]`, `rekindle audit verify`

use crate::args::{AuditArgs, AuditCommand, AuditListArgs};
use crate::failure::{NOT_ALL_WELL, Outcome, WELL};
use crate::show::audit;
use crate::surroundings::Surroundings;
use crate::terminal::{print, print_json};

pub async fn run(args: &AuditArgs, around: &Surroundings) -> Outcome {
    match &args.command {
        None => list(&args.list, around).await,
        Some(AuditCommand::List(args)) => list(args, around).await,
        Some(AuditCommand::Verify) => verify(around).await,
    }
}

async fn list(args: &AuditListArgs, around: &Surroundings) -> Outcome {
    let records = super::client(around)?.audit(args.last).await?;
    match around.global.json {
        true => print_json(&records)?,
        false => print(&audit::list(&records, &around.view())),
    }
    Ok(WELL)
}

async fn verify(around: &Surroundings) -> Outcome {
    let verdict = super::client(around)?.verify_audit().await?;
    match around.global.json {
        true => print_json(&verdict)?,
        false => print(&audit::verdict(&verdict)),
    }
    Ok(if verdict.whole { WELL } else { NOT_ALL_WELL })
}

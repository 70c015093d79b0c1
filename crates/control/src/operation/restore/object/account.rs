//! The account of a database or table that was put in the place of the live one. Sealed into the vault, so that it outlives the catalog.

use api::{ExtractReport, RunbookReport};
use async_trait::async_trait;
use engine::postgres::extract::Subscription;
use engine::postgres::quote;
use ops::Found;
use serde::Deserialize;
use serde_json::Value;
use vault::format::sealed::Kind;

use super::Object;
use super::exchange::Exchanged;
use crate::error::Result;
use crate::operation::restore::account::{approvals, document, migrations, name, objectives, proof, steps, unserved};
use crate::operation::restore::source_of;
use crate::operation::{At, Part};
use crate::{kept, restored, stacks, views};

#[derive(Debug)]
pub(super) struct Account;

#[async_trait]
impl Part for Account {
    async fn act(&self, at: &At) -> Result<Value> {
        let report = account(at).await?;
        if let Some(runbook) = &report.runbook {
            restored::note(at, &runbook.backup, &runbook.asked).await?;
        }
        at.daemon.vault.put_json(Kind::Report, &name(at)?, &report.runbook).await?;
        views::to_json(&report)
    }

    async fn look(&self, at: &At) -> Result<Found> {
        match at.daemon.vault.get_json::<RunbookReport>(Kind::Report, &name(at)?).await {
            Ok(runbook) => {
                Ok(Found::Done(views::to_json(&ExtractReport { runbook: Some(runbook), ..account(at).await? })?))
            }
            Err(vault::Error::NotFound(_)) => Ok(Found::Unknown),
            Err(error) => Err(error.into()),
        }
    }
}

async fn account(at: &At) -> Result<ExtractReport> {
    let (object, run) = (at.input::<Object>()?, &at.work.run);
    let broken = |e: serde_json::Error| vault::Error::Internal(format!("what a step left: {e}"));
    let restored = ExtractReport::deserialize(run.output("beside")).map_err(broken)?;
    let exchanged = Exchanged::deserialize(run.output("exchange")).map_err(broken)?;
    let policy = stacks::of_source(&at.daemon, source_of(at)).await?.map(|stack| stack.policy).unwrap_or_default();
    let ended = at.daemon.host.env.now();
    let mut runbook = RunbookReport {
        operation: at.id().to_owned(),
        stack: object.stack.clone(),
        source: source_of(at).to_owned(),
        asked_by: run.head.asked_by.clone(),
        why: run.head.why.clone(),
        approvals: approvals(run),
        waived: run.plan().waived,
        happened: object.wanted.ask.happened,
        detected: object.wanted.ask.detected,
        zone: policy.zone.to_string(),
        began: run.head.created,
        ended,
        asked: format!("{}, {}", object.what(), object.asked),
        reached: restored.reached.clone(),
        reached_commit: restored.reached_commit,
        newest_commit: object.plan.newest_commit,
        commits_lost: object.plan.commits_after,
        rows_lost: Vec::new(),
        rows_lost_note: None,
        backup: restored.backup.clone(),
        backup_ended: restored.backup_ended,
        evidence: evidence(at, &restored).await?,
        migrations: migrations(run),
        findings: Vec::new(),
        snapshot: run.output("snapshot")["id"].as_str().map(str::to_owned),
        no_snapshot: object.no_snapshot.clone(),
        retired: match exchanged.kept_as.as_str() {
            "" => "nothing: it was not there".to_owned(),
            kept_as => kept_as.to_owned(),
        },
        unserved_seconds: unserved(run, "exchange"),
        pointed: Vec::new(),
        unserved_seconds_planned: None,
        objectives: objectives(&policy),
        steps: steps(run, at.work.step, ended),
        not_covered: not_covered(&restored, &exchanged).into_iter().chain(kept::not_covered(&object.outside)).collect(),
        follow_ups: follow_ups(&object, &exchanged),
        comms: api::CommsView::default(),
        markdown: String::new(),
    };
    runbook.markdown = document(&runbook).markdown();
    Ok(ExtractReport {
        into: object.what(),
        kept_as: Some(exchanged.kept_as).filter(|kept_as| !kept_as.is_empty()),
        not_there: exchanged.not_there,
        runbook: Some(runbook),
        ..restored
    })
}

/// What was counted on both sides, and when the backup was proven last.
async fn evidence(at: &At, restored: &ExtractReport) -> Result<Vec<String>> {
    let rows: u64 = restored.tables.iter().map(|table| table.rows).sum();
    let counted =
        format!("{} tables were counted at the moment and as restored: {rows} rows in both", restored.tables.len());
    let reached = format!("recovery ended at {}, which is where it was told to end", restored.reached);
    Ok(vec![proof(at, &restored.backup).await?, reached, counted])
}

fn not_covered(restored: &ExtractReport, exchanged: &Exchanged) -> Vec<String> {
    let roles = restored.roles_created.iter().map(|role| format!("role {role} was missing: it has no password now"));
    let only_old = exchanged.not_there.iter().map(|what| format!("only the old one has: {what}"));
    let schemas = exchanged.schemas_made.iter().map(|name| {
        format!("schema {name} was gone, and was made: the rights that others had in it are to be granted by hand")
    });
    restored.left_out.iter().cloned().chain(roles).chain(only_old).chain(schemas).collect()
}

fn follow_ups(object: &Object, exchanged: &Exchanged) -> Vec<String> {
    let drop = if object.ask.tables.is_empty() { "DROP DATABASE" } else { "DROP SCHEMA … CASCADE" };
    let kept = (!exchanged.kept_as.is_empty()).then(|| {
        format!(
            "the old one is kept as {}, and lets only superusers in where it is a database: look for rows worth recovering, then {drop}",
            exchanged.kept_as
        )
    });
    let counted = "commits are counted of the whole cluster: its other databases lost none of them".to_owned();
    let receives = exchanged.disabled.iter().map(|one| receives_again(object, exchanged, one));
    kept.into_iter().chain(receives).chain([counted]).collect()
}

/// The slot belongs to the old database until it is given to the new one.
fn receives_again(object: &Object, exchanged: &Exchanged, one: &Subscription) -> String {
    let (name, database, old) = (quote::ident(&one.name), &object.ask.database, &exchanged.kept_as);
    let Some(slot) = &one.slot else {
        return format!("subscription {name} of {old} is disabled; it has no slot");
    };
    format!(
        "subscription {name} is disabled in both databases. To let the new one receive, in {old}: ALTER SUBSCRIPTION {name} SET \
         (slot_name = NONE); in {database}: ALTER SUBSCRIPTION {name} SET (slot_name = {}); ALTER SUBSCRIPTION {name} ENABLE. \
         The slot goes on from now: what the publisher sent between the moment and the exchange is not sent again",
        quote::ident(slot)
    )
}

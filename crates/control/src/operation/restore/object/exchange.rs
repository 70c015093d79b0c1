//! The database or the tables of the moment: restored beside the live ones, and then in their place. What was live is kept.

use api::{ExtractAsk, ExtractReport};
use async_trait::async_trait;
use engine::postgres::extract::{
    has_database, has_schema, remove_database, remove_empty_schema, remove_schema, reopen_database, swap_database,
    swap_tables, take_tables_back,
};
use engine::postgres::target::Resolved;
use engine::postgres::wire::Conninfo;
use ops::Found;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Object;
use crate::error::{Error, Result};
use crate::instances;
use crate::operation::extract::{self, Extract};
use crate::operation::restore::moment::Backups;
use crate::operation::restore::source_of;
use crate::operation::{At, Part};
use crate::views;

#[derive(Debug)]
pub(super) struct Beside;

#[async_trait]
impl Part for Beside {
    /// What a try has left half made is made anew.
    async fn act(&self, at: &At) -> Result<Value> {
        let object: Object = at.input()?;
        let mut backups = Backups::of(at, &object.wanted.source, &object.wanted.ask);
        loop {
            let resolved = backups.next().await?;
            take_away(at).await?;
            let error = match restore(at, &object, resolved.clone()).await {
                Ok(report) if report.attention.is_empty() => return views::to_json(&report),
                // Nobody is there to judge it.
                Ok(report) => Error::InTheWay(report.attention),
                Err(Error::Engine(engine::Error::Incomplete { lost, .. })) => Error::InTheWay(lost),
                Err(error) => error,
            };
            take_away(at).await?;
            backups.pass_over(&resolved, error)?;
        }
    }

    async fn undo(&self, at: &At) -> Result<()> {
        take_away(at).await
    }
}

async fn restore(at: &At, object: &Object, resolved: Resolved) -> Result<ExtractReport> {
    let daemon = at.daemon.clone();
    let source = daemon.source(source_of(at))?;
    let (wanted, ask) = (object.wanted.clone(), ExtractAsk { swap: false, ..object.ask.clone() });
    let (tables, live) = (extract::tables(&ask)?, source.cluster.conninfo.clone());
    let work = Extract { daemon, wanted, resolved, live, ask, tables, into: object.staged.clone() };
    Box::pin(work.run(&at.watch)).await
}

/// What lies under the name that nobody else has, and the moment that was opened. Once it has taken the live one's place there is none.
pub(super) async fn take_away(at: &At) -> Result<()> {
    let object: Object = at.input()?;
    let live = live(at)?;
    match object.ask.tables.is_empty() {
        true => remove_database(&live, &object.staged).await?,
        false => remove_schema(&live, &object.ask.database, &object.staged).await?,
    }
    if at.daemon.catalog.instance(&object.wanted.name).await?.is_some() {
        instances::remove(&at.daemon, &object.wanted.name).await?;
    }
    Ok(())
}

fn live(at: &At) -> Result<Conninfo> {
    Ok(at.daemon.source(source_of(at))?.cluster.conninfo.clone())
}

/// What the exchange leaves to the report.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Exchanged {
    pub(super) kept_as: String,
    /// What only the old one has, as statements.
    pub(super) not_there: Vec<String>,
}

#[derive(Debug)]
pub(super) struct Exchange;

#[async_trait]
impl Part for Exchange {
    async fn act(&self, at: &At) -> Result<Value> {
        let (object, live) = (at.input::<Object>()?, live(at)?);
        let exchanged = match object.ask.tables.is_empty() {
            true => exchange_database(&object, &live).await?,
            false => exchange_tables(&object, &live).await?,
        };
        at.effect(format!("what was live is kept as {}", exchanged.kept_as))?;
        views::to_json(&exchanged)
    }

    async fn look(&self, at: &At) -> Result<Found> {
        let (object, live) = (at.input::<Object>()?, live(at)?);
        Ok(match is_exchanged(&object, &live).await? {
            Some(kept_as) => Found::Done(views::to_json(&Exchanged { kept_as, ..Exchanged::default() })?),
            None => Found::Unknown,
        })
    }

    async fn undo(&self, at: &At) -> Result<()> {
        let (object, live) = (at.input::<Object>()?, live(at)?);
        let (database, word) = (object.ask.database.as_str(), object.word.as_str());
        let Some(kept_as) = is_exchanged(&object, &live).await? else {
            return reopen(&object, &live).await;
        };
        let aside = match object.ask.tables.is_empty() {
            true => swap_database(&live, database, &kept_as, &format!("{database}_undone_{word}")).await?.kept_as,
            false => {
                let tables = extract::tables(&object.ask)?;
                let back = take_tables_back(&live, database, &tables, word, &format!("undone_{word}")).await?;
                back.into_iter().flat_map(|swapped| swapped.kept_in).collect::<Vec<_>>().join(", ")
            }
        };
        at.work.warn(format!("what was restored is kept as {aside}, with all that was written in it"));
        Ok(())
    }
}

/// A daemon that died between closing the live database and renaming it has left it closed. It was open when this began.
async fn reopen(object: &Object, live: &Conninfo) -> Result<()> {
    let database = object.ask.database.as_str();
    if object.ask.tables.is_empty() && has_database(live, database).await? {
        reopen_database(live, database).await?;
    }
    Ok(())
}

/// The old one's new name says that it was done: both were given in one transaction.
async fn is_exchanged(object: &Object, live: &Conninfo) -> Result<Option<String>> {
    let database = object.ask.database.as_str();
    if object.ask.tables.is_empty() {
        let kept_as = object.kept_as();
        return Ok(has_database(live, &kept_as).await?.then_some(kept_as));
    }
    let mut kept = Vec::new();
    for schema in kept_schemas(object)? {
        if has_schema(live, database, &schema).await? {
            kept.push(schema);
        }
    }
    Ok((!kept.is_empty()).then(|| kept.join(", ")))
}

fn kept_schemas(object: &Object) -> Result<Vec<String>> {
    let tables = extract::tables(&object.ask)?;
    let mut schemas: Vec<String> =
        tables.iter().map(|table| format!("{}_before_{}", table.schema, object.word)).collect();
    schemas.sort();
    schemas.dedup();
    Ok(schemas)
}

async fn exchange_database(object: &Object, live: &Conninfo) -> Result<Exchanged> {
    let swapped = swap_database(live, &object.ask.database, &object.staged, &object.kept_as()).await?;
    Ok(Exchanged { kept_as: swapped.kept_as, not_there: Vec::new() })
}

async fn exchange_tables(object: &Object, live: &Conninfo) -> Result<Exchanged> {
    let (database, tables) = (object.ask.database.as_str(), extract::tables(&object.ask)?);
    let swapped = swap_tables(live, database, &tables, &object.staged, &object.word).await?;
    remove_empty_schema(live, database, &object.staged).await?;
    Ok(Exchanged { kept_as: swapped.kept_in.join(", "), not_there: swapped.not_there })
}

//! The database or the tables of the moment: restored beside the live ones, and then in their place. What was live is kept.

use api::{ExtractAsk, ExtractReport};
use async_trait::async_trait;
use engine::postgres::extract::{
    Made, Subscription, TableSwap, database_oid, enable_subscriptions, enabled_subscriptions, has_database, has_schema,
    keeper, placed, remove_database, remove_empty_schema, remove_schema, rename_database, reopen_database,
    swap_database, swap_tables, take_tables_back,
};
use engine::postgres::quote::name_with;
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
                Ok((report, made)) if report.attention.is_empty() => return staged(at, &object, &report, made).await,
                // Nobody is there to judge it.
                Ok((report, _)) => Error::InTheWay(report.attention),
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

/// The report, with what the exchange and its undo must know: which of what is there is ours, and what received before.
#[derive(Debug, Default, Deserialize)]
struct Staged {
    #[serde(default)]
    made: Made,
    #[serde(default)]
    subscriptions: Vec<Subscription>,
}

async fn staged(at: &At, object: &Object, report: &ExtractReport, made: Made) -> Result<Value> {
    let is_swapped = object.ask.tables.is_empty() && has_database(&live(at)?, &object.ask.database).await?;
    let subscriptions = match is_swapped {
        true => enabled_subscriptions(&live(at)?, &object.ask.database).await?,
        false => Vec::new(),
    };
    let mut output = views::to_json(report)?;
    output["made"] = views::to_json(&made)?;
    output["subscriptions"] = views::to_json(&subscriptions)?;
    Ok(output)
}

fn staged_by(at: &At) -> Staged {
    Staged::deserialize(at.work.run.output("beside")).unwrap_or_default()
}

async fn restore(at: &At, object: &Object, resolved: Resolved) -> Result<(ExtractReport, Made)> {
    let daemon = at.daemon.clone();
    let source = daemon.source(source_of(at))?;
    let (wanted, ask) = (object.wanted.clone(), ExtractAsk { swap: false, ..object.ask.clone() });
    let (tables, live) = (extract::tables(&ask)?, source.cluster.conninfo.clone());
    let work = Extract { daemon, wanted, resolved, live, ask, tables, into: object.staged.clone(), takes_place: true };
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

/// What the exchange leaves to the report and to its undo.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Exchanged {
    /// Empty where nothing was there.
    pub(super) kept_as: String,
    /// What only the old one has, as statements.
    pub(super) not_there: Vec<String>,
    /// Subscriptions of the old database that were enabled, and are not any more.
    #[serde(default)]
    pub(super) disabled: Vec<Subscription>,
    /// Schemas that were gone, and were made for the tables.
    #[serde(default)]
    pub(super) schemas_made: Vec<String>,
}

#[derive(Debug)]
pub(super) struct Exchange;

#[async_trait]
impl Part for Exchange {
    async fn act(&self, at: &At) -> Result<Value> {
        let (object, live) = (at.input::<Object>()?, live(at)?);
        let exchanged = match object.ask.tables.is_empty() {
            true => exchange_database(at, &object, &live).await?,
            false => exchange_tables(at, &object, &live).await?,
        };
        at.effect(match exchanged.kept_as.as_str() {
            "" => "there was nothing to swap with: it is put in its place".to_owned(),
            kept_as => format!("what was live is kept as {kept_as}"),
        })?;
        views::to_json(&exchanged)
    }

    async fn look(&self, at: &At) -> Result<Found> {
        let (object, live) = (at.input::<Object>()?, live(at)?);
        Ok(match is_exchanged(at, &object, &live).await? {
            Some(kept_as) => {
                let disabled = staged_by(at).subscriptions;
                Found::Done(views::to_json(&Exchanged { kept_as, disabled, ..Exchanged::default() })?)
            }
            None => Found::Unknown,
        })
    }

    async fn undo(&self, at: &At) -> Result<()> {
        let (object, live) = (at.input::<Object>()?, live(at)?);
        let Some(kept_as) = is_exchanged(at, &object, &live).await? else {
            return reopen(&object, &live).await;
        };
        let aside = match object.ask.tables.is_empty() {
            true => database_back(at, &object, &live, &kept_as).await?,
            false => tables_back(at, &object, &live).await?,
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

/// Gives under which name the restored one is kept.
async fn database_back(at: &At, object: &Object, live: &Conninfo, kept_as: &str) -> Result<String> {
    let (database, staged) = (object.ask.database.as_str(), staged_by(at));
    let aside = name_with(database, &format!("_undone_{}", object.word));
    if kept_as.is_empty() {
        rename_database(live, staged.made.database, database, &aside, true).await?;
        return Ok(aside);
    }
    let swapped = swap_database(live, database, kept_as, &aside).await?;
    let done = Exchanged::deserialize(at.work.run.output("exchange")).map(|exchanged| exchanged.disabled);
    enable_subscriptions(live, database, &done.unwrap_or(staged.subscriptions)).await?;
    Ok(swapped.kept_as)
}

/// Gives in which schemas the restored ones are kept.
async fn tables_back(at: &At, object: &Object, live: &Conninfo) -> Result<String> {
    let (database, tables) = (object.ask.database.as_str(), extract::tables(&object.ask)?);
    let (word, made) = (object.word.as_str(), staged_by(at).made);
    let back = take_tables_back(live, database, &tables, &made.tables, word, &format!("undone_{word}")).await?;
    let done = Exchanged::deserialize(at.work.run.output("exchange")).unwrap_or_default();
    for schema in done.schemas_made {
        remove_empty_schema(live, database, &schema).await?;
    }
    Ok(back.into_iter().flat_map(|swapped| swapped.kept_in).collect::<Vec<_>>().join(", "))
}

/// The old one's new name says that it was done: both were given in one transaction. Where nothing was there, it is what has the name
/// now that says so. Gives how the old one is kept; nothing is kept where nothing was.
async fn is_exchanged(at: &At, object: &Object, live: &Conninfo) -> Result<Option<String>> {
    let (database, made) = (object.ask.database.as_str(), staged_by(at).made);
    if object.ask.tables.is_empty() {
        let kept_as = object.kept_as();
        if has_database(live, &kept_as).await? {
            return Ok(Some(kept_as));
        }
        let is_ours = made.database != 0 && database_oid(live, database).await? == Some(made.database);
        return Ok(is_ours.then(String::new));
    }
    if !has_database(live, database).await? {
        return Ok(None);
    }
    let mut kept = Vec::new();
    for schema in kept_schemas(object)? {
        if has_schema(live, database, &schema).await? {
            kept.push(schema);
        }
    }
    let is_placed = !placed(live, database, &extract::tables(&object.ask)?, &made.tables).await?.is_empty();
    Ok((!kept.is_empty() || is_placed).then(|| kept.join(", ")))
}

fn kept_schemas(object: &Object) -> Result<Vec<String>> {
    let tables = extract::tables(&object.ask)?;
    let mut schemas: Vec<String> = tables.iter().map(|table| keeper(&table.schema, &object.word)).collect();
    schemas.sort();
    schemas.dedup();
    Ok(schemas)
}

async fn exchange_database(at: &At, object: &Object, live: &Conninfo) -> Result<Exchanged> {
    let database = object.ask.database.as_str();
    if !has_database(live, database).await? {
        let oid = staged_by(at).made.database;
        return match rename_database(live, oid, &object.staged, database, false).await? {
            true => Ok(Exchanged::default()),
            false => Err(Error::InTheWay(vec![format!("{} is not what was restored", object.staged)])),
        };
    }
    let swapped = swap_database(live, database, &object.staged, &object.kept_as()).await?;
    Ok(Exchanged { kept_as: swapped.kept_as, disabled: swapped.disabled, ..Exchanged::default() })
}

async fn exchange_tables(at: &At, object: &Object, live: &Conninfo) -> Result<Exchanged> {
    let (database, tables) = (object.ask.database.as_str(), extract::tables(&object.ask)?);
    let (made, tables) = (staged_by(at).made, tables.as_slice());
    let (from, suffix) = (object.staged.as_str(), object.word.as_str());
    let what = TableSwap { database, tables, from, suffix, made: &made.tables, takes_back: false };
    let swapped = swap_tables(live, &what).await?;
    remove_empty_schema(live, database, &object.staged).await?;
    let (kept_as, not_there, schemas_made) = (swapped.kept_in.join(", "), swapped.not_there, swapped.schemas_made);
    Ok(Exchanged { kept_as, not_there, schemas_made, ..Exchanged::default() })
}

//! Everything that could be in the way of a database or table in the place of the live one. All of it is said at once.

use std::path::Path;

use async_trait::async_trait;
use engine::postgres::binaries::Binaries;
use engine::postgres::extract::{
    Look, SwapOutlook, TableName, check_rights, has_database, look_before, swap_outlook, unlogged_in,
};
use engine::postgres::target::Resolved;
use engine::postgres::wire::{Connection, Mode};
use ops::Found;
use serde_json::Value;

use super::exchange::take_away;
use super::{Object, steps};
use crate::daemon::Daemon;
use crate::error::{Error, Result};
use crate::operation::restore::moment::{Restorer, live_for};
use crate::operation::restore::preflight::{Seen, look_at_consent, look_at_kept, look_at_outside, look_at_proof};
use crate::operation::restore::{begins, in_doubt, migrations, promise, source_of};
use crate::operation::{At, Part, extract, input};
use crate::source::Source;
use crate::views;

const ROOM_TO_SPARE_BYTES: u64 = 256 << 20;

#[derive(Debug)]
pub(super) struct Preflight;

#[async_trait]
impl Part for Preflight {
    async fn act(&self, at: &At) -> Result<Value> {
        let object: Object = at.input()?;
        begins::wait(&at.daemon, source_of(at), object.wanted.ask.consent.at).await?;
        let source = at.daemon.source(source_of(at))?;
        let live = live_for(&at.daemon, &object.wanted.source, &object.wanted.ask).await?;
        let resolved = Restorer::of(&at.daemon).resolve(&object.wanted.source, &object.wanted.ask, live).await?;
        // As it would be planned now: what was planned then may not be so any more.
        let mut now = object.anew(&at.daemon, source_of(at), &resolved).await?;
        let seen = look(&at.daemon, &source, &now, &resolved).await;
        seen.say(at);
        seen.refuse()?;
        now.plan.findings = seen.findings;
        promise::keep(object.promised(), now.promised(), input(&now)?, steps(&now, source_of(at)))?;
        views::to_json(&seen.was)
    }

    /// It changes nothing. What its undo takes away is of the steps behind it.
    async fn look(&self, _at: &At) -> Result<Found> {
        Ok(Found::NotDone)
    }

    async fn undo(&self, at: &At) -> Result<()> {
        take_away(at).await
    }
}

pub(super) async fn look(daemon: &Daemon, source: &Source, object: &Object, resolved: &Resolved) -> Seen {
    let mut seen = Seen::default();
    if let Err(error) = look_at_live(&mut seen, source, object, resolved).await {
        seen.error(&format!("the live server of {}", source.row.name), &error);
    }
    if let Err(error) = Binaries::find(resolved.info.major, &daemon.config.server_programs).await {
        seen.error("programs", &error.into());
    }
    look_at_proof(&mut seen, resolved);
    look_at_outside(&mut seen, daemon, &object.outside).await;
    look_at_kept(&mut seen, daemon, &object.stack, &object.outside).await;
    look_at_consent(&mut seen, object.plan.waived, object.no_snapshot.as_deref());
    migrations::look_at(&mut seen, source, &object.outside, Some(&object.ask.database)).await;
    seen
}

async fn look_at_live(seen: &mut Seen, source: &Source, object: &Object, resolved: &Resolved) -> Result<()> {
    let (live, database) = (&source.cluster.conninfo, object.ask.database.as_str());
    let tables = extract::tables(&object.ask)?;
    if !has_database(live, database).await? {
        return look_at_gone(seen, source, object, resolved, &tables).await;
    }
    if let Err(error) = check_rights(live, database, &object.ask.tables).await {
        seen.error("rights", &error.into());
    }
    in_doubt::look_at_database(seen, live, database, object.ask.tables.is_empty()).await?;
    look_at_room(seen, source, database).await?;
    if tables.is_empty() {
        if let Err(error) = look_before(live, Look::Database(&object.staged)).await {
            seen.error("the role of the live server", &error.into());
        }
        for what in unlogged_in(live, database).await? {
            let why = format!("a backup holds nothing of it: what it has now stays in {}", object.kept_as());
            seen.note("warns", format!("not in the new one: {what}"), why);
        }
        return Ok(());
    }
    let triggers = look_before(live, Look::Tables { database, schema: &object.staged }).await?;
    seen.findings.extend(triggers.into_iter().map(|trigger| extract::may_forbid(&trigger)));
    match swap_outlook(live, database, &tables).await {
        Ok(SwapOutlook { blockers, absent }) => {
            blockers.into_iter().for_each(|(what, why)| seen.note("blocks", what, why));
            for (table, nearest) in absent {
                let title = format!("there is nothing to swap with: {table} is not there now, and is put in its place");
                let nearest = if nearest.is_empty() { "none".to_owned() } else { nearest.join(", ") };
                seen.note("warns", title, format!("the moment must have it; the live tables nearest to it: {nearest}"));
            }
        }
        Err(error) => seen.error("tables", &error.into()),
    }
    Ok(())
}

/// A database that was dropped is put in its place.
async fn look_at_gone(
    seen: &mut Seen,
    source: &Source,
    object: &Object,
    resolved: &Resolved,
    tables: &[TableName],
) -> Result<()> {
    let database = object.ask.database.as_str();
    if !tables.is_empty() {
        let why = "restore the whole database: leave out --table";
        seen.note("blocks", format!("the live server has no database {database}"), why);
        return Ok(());
    }
    let title = format!("there is nothing to swap with: database {database} is not there now, and is put in its place");
    let known: Vec<&str> = resolved.info.databases.iter().map(|one| one.name.as_str()).collect();
    seen.note("warns", title, format!("the moment must have it; the backup before it has: {}", known.join(", ")));
    if let Err(error) = look_before(&source.cluster.conninfo, Look::Database(&object.staged)).await {
        seen.error("the role of the live server", &error.into());
    }
    Ok(())
}

/// There must be room for both, as large as it is now.
async fn look_at_room(seen: &mut Seen, source: &Source, database: &str) -> Result<()> {
    let mut sql = Connection::connect(&source.cluster.conninfo.with_dbname(database), Mode::Sql).await?;
    let bytes = sql.value("SELECT pg_database_size(current_database())").await?;
    sql.close().await;
    let bytes: u64 = bytes.and_then(|bytes| bytes.parse().ok()).unwrap_or_default();
    let needed = bytes + ROOM_TO_SPARE_BYTES;
    let folder: &Path = source.cluster.data_directory.as_path();
    match rustix::fs::statvfs(folder) {
        Ok(found) => {
            let free = found.f_bavail * found.f_frsize;
            let text = format!("{}: {} MB free, {} MB needed", folder.display(), free >> 20, needed >> 20);
            let severity = if free < needed { "blocks" } else { "fine" };
            seen.note(severity, text, "the old one is kept, so there must be room for both");
        }
        Err(error) => {
            let why = "the server's disk cannot be looked at from here";
            seen.note("warns", format!("{}: {error}", folder.display()), why);
        }
    }
    if bytes == 0 { Err(Error::Ask(format!("how large {database} is could not be asked"))) } else { Ok(()) }
}

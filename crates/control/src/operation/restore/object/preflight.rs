//! Everything that could be in the way of a database or table in the place of the live one. All of it is said at once.

use std::path::Path;

use async_trait::async_trait;
use engine::postgres::binaries::Binaries;
use engine::postgres::extract::{has_database, swap_blockers};
use engine::postgres::target::Resolved;
use engine::postgres::wire::{Connection, Mode};
use serde_json::Value;

use super::exchange::take_away;
use super::{Object, steps};
use crate::daemon::Daemon;
use crate::error::{Error, Result};
use crate::operation::restore::moment::{Restorer, live_for};
use crate::operation::restore::preflight::{Seen, look_at_consent, look_at_kept, look_at_outside, look_at_proof};
use crate::operation::restore::{begins, migrations, promise, source_of};
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

    async fn undo(&self, at: &At) -> Result<()> {
        take_away(at).await
    }
}

pub(super) async fn look(daemon: &Daemon, source: &Source, object: &Object, resolved: &Resolved) -> Seen {
    let mut seen = Seen::default();
    if let Err(error) = look_at_live(&mut seen, source, object).await {
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

async fn look_at_live(seen: &mut Seen, source: &Source, object: &Object) -> Result<()> {
    let (live, database) = (&source.cluster.conninfo, object.ask.database.as_str());
    if !has_database(live, database).await? {
        let why = "without --swap it is restored under a name of its own, which can then be changed";
        seen.note("blocks", format!("the live server has no database {database}: nothing could be replaced"), why);
        return Ok(());
    }
    look_at_room(seen, source, database).await?;
    let tables = extract::tables(&object.ask)?;
    if tables.is_empty() {
        return Ok(());
    }
    match swap_blockers(live, database, &tables).await {
        Ok(found) => {
            let why = "drop them and make them anew afterwards, or restore without --swap and copy the rows you need";
            found.iter().for_each(|what| seen.note("blocks", format!("{what} would stay with the old table"), why));
        }
        Err(error) => seen.error("tables", &error.into()),
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

//! Transactions that are prepared at the live server and not decided, in the plan. Those of the moment itself are known when it is opened: the
//! report tells them.

use engine::postgres::prepared::{self, Prepared};
use engine::postgres::wire::{Connection, Conninfo, Mode};

use super::preflight::Seen;
use crate::error::Result;

/// In the place of a whole cluster comes what was prepared at the moment, and what is prepared now stays behind.
pub(super) async fn look_at_cluster(seen: &mut Seen, live: &Conninfo) {
    // One that does not answer is told elsewhere.
    let Ok(prepared) = ask(live).await else { return };
    for one in prepared {
        let why = format!("it stays behind in the old cluster; decide it first: {}", one.statements());
        seen.note("warns", format!("at the live server {one}"), why);
    }
}

/// PostgreSQL renames no database that a prepared transaction is in, and moves no table that one has locked.
pub(super) async fn look_at_database(seen: &mut Seen, live: &Conninfo, database: &str, whole: bool) -> Result<()> {
    for one in ask(live).await?.iter().filter(|one| one.database == database) {
        let severity = if whole || !one.locks.is_empty() { "blocks" } else { "warns" };
        seen.note(severity, format!("at the live server {one}"), format!("decide it first: {}", one.statements()));
    }
    Ok(())
}

async fn ask(live: &Conninfo) -> Result<Vec<Prepared>> {
    let mut sql = Connection::connect(live, Mode::Sql).await?;
    let prepared = prepared::list(&mut sql).await;
    sql.close().await;
    Ok(prepared?)
}

//! Transactions that were prepared for a two-phase commit (PREPARE TRANSACTION) and are in doubt: they outlive every restart and every
//! restore, and hold their locks and the horizon of VACUUM until somebody decides.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::quote;
use super::wire::{Connection, Conninfo, Mode};
use crate::error::Result;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prepared {
    /// The name that was given to it.
    pub gid: String,
    pub owner: String,
    pub database: String,
    pub at: String,
    pub locks: Vec<Lock>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lock {
    /// `schema.table`, or the oid where it cannot be asked.
    pub relation: String,
    /// As the server calls it, such as `AccessExclusiveLock`.
    pub mode: String,
}

impl fmt::Display for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Prepared { gid, owner, database, at, locks } = self;
        write!(f, "transaction {gid:?} of {owner} in database {database} has been prepared since {at}")?;
        for (number, lock) in locks.iter().enumerate() {
            let before = if number == 0 { "; it holds" } else { "," };
            write!(f, "{before} {} on {}", lock.mode, lock.relation)?;
        }
        Ok(())
    }
}

impl Prepared {
    /// Whether it holds the one lock that also a reader waits for.
    pub(crate) fn keeps_readers_from(&self, table: &str) -> bool {
        self.locks.iter().any(|lock| lock.relation == table && lock.mode == "AccessExclusiveLock")
    }

    /// What ends it.
    pub fn statements(&self) -> String {
        let gid = quote::literal(&self.gid);
        format!("in database {}: COMMIT PREPARED {gid} or ROLLBACK PREPARED {gid}", self.database)
    }
}

/// All of a server, which must have ended its recovery: a standby does not tell them.
pub async fn list(sql: &mut Connection) -> Result<Vec<Prepared>> {
    let rows =
        sql.rows("SELECT gid, owner, database, prepared, transaction FROM pg_prepared_xacts ORDER BY prepared").await?;
    let mut locks: BTreeMap<String, BTreeMap<String, Vec<Lock>>> = BTreeMap::new();
    let mut found = Vec::new();
    for row in 0..rows.rows.len() {
        let text = |column| rows.get(row, column).unwrap_or_default().to_owned();
        let (database, transaction) = (text("database"), text("transaction"));
        if !locks.contains_key(&database) {
            locks.insert(database.clone(), locks_in(sql.info(), &database).await);
        }
        let locks = locks.get_mut(&database).and_then(|of_it| of_it.remove(&transaction)).unwrap_or_default();
        found.push(Prepared { gid: text("gid"), owner: text("owner"), database, at: text("prepared"), locks });
    }
    Ok(found)
}

/// By transaction. Names are known only within the database; where that lets nobody in the locks are not told.
async fn locks_in(info: &Conninfo, database: &str) -> BTreeMap<String, Vec<Lock>> {
    match ask_locks(&info.with_dbname(database)).await {
        Ok(locks) => locks,
        Err(error) => {
            tracing::warn!(database, %error, "the locks of its prepared transactions are not known");
            BTreeMap::new()
        }
    }
}

/// A prepared transaction has no process. It is found by the lock on its own number: the documented way, a virtual transaction of
/// `-1/<number>`, is true only after a restart; until then it has that of the session that prepared it (MarkAsPreparingGuts in
/// twophase.c).
async fn ask_locks(info: &Conninfo) -> Result<BTreeMap<String, Vec<Lock>>> {
    let mut sql = Connection::connect(info, Mode::Sql).await?;
    let rows = sql
        .rows(
            "SELECT p.transaction, l.mode, coalesce(n.nspname || '.' || c.relname, l.relation::text) AS relation \
             FROM pg_prepared_xacts p JOIN pg_locks own ON own.locktype = 'transactionid' \
             AND own.transactionid = p.transaction AND own.pid IS NULL \
             JOIN pg_locks l ON l.virtualtransaction = own.virtualtransaction AND l.pid IS NULL \
             JOIN pg_database d ON d.datname = current_database() AND l.database = d.oid \
             LEFT JOIN pg_class c ON c.oid = l.relation LEFT JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE l.relation IS NOT NULL AND p.database = current_database() ORDER BY l.relation, l.mode",
        )
        .await?;
    sql.close().await;
    let mut locks: BTreeMap<String, Vec<Lock>> = BTreeMap::new();
    for row in 0..rows.rows.len() {
        let text = |column| rows.get(row, column).unwrap_or_default().to_owned();
        let lock = Lock { relation: text("relation"), mode: text("mode") };
        locks.entry(text("transaction")).or_default().push(lock);
    }
    Ok(locks)
}

/// Ends those of one database of a server that is thrown away, so that nothing waits for their locks: what they did was never visible,
/// so what is read is the same. Gives a word for each.
pub(crate) async fn roll_back(info: &Conninfo, database: &str) -> Result<Vec<String>> {
    let mut sql = Connection::connect(&info.with_dbname(database), Mode::Sql).await?;
    let mut told = Vec::new();
    for one in list(&mut sql).await?.into_iter().filter(|one| one.database == database) {
        sql.query(&format!("ROLLBACK PREPARED {}", quote::literal(&one.gid))).await?;
        told.push(format!("{one}; it was not decided at that moment, so nothing that it did is here"));
    }
    sql.close().await;
    Ok(told)
}

//! PostgreSQL as drivers ask it: connections by a reference or in clear without a password, statements within a time limit that also the
//! server holds, and texts that are filled safely.

use std::collections::BTreeMap;
use std::time::Duration;

use engine::postgres::wire::{Connection, Conninfo, Defaults, Mode, Rows};

use super::{Outcome, Trouble};
use crate::host::Host;
use crate::secret::{SecretRef, is_reference};

mod statement;

pub(crate) use statement::{fill, ident, literal, table, wrong_statement};

/// Shown to the server as who asks.
const APPLICATION: &str = "rekindle";

/// A session, and where it goes.
#[derive(Debug)]
pub(crate) struct Database {
    connection: Connection,
    pub(crate) target: String,
    limit: Duration,
}

/// What is wrong with a connection string, without repeating it.
pub(crate) fn wrong_connection(text: &str) -> Option<String> {
    if is_reference(text) {
        return SecretRef::try_from(text.to_owned()).err();
    }
    let defaults = Defaults { user: "anybody".into(), ..Defaults::default() };
    match Conninfo::parse(text, &defaults) {
        Err(error) => Some(error.to_string()),
        Ok(info) if info.password.is_some() => Some(
            "the connection string holds a password: write a reference such as env:NAME in its place, or put the password into the daemon's password file"
                .to_owned(),
        ),
        Ok(_) => None,
    }
}

/// Where a connection goes, as may be shown.
pub(crate) fn shown(connection: &str) -> String {
    if is_reference(connection) {
        return connection.to_owned();
    }
    let defaults = Defaults { user: "anybody".into(), ..Defaults::default() };
    Conninfo::parse(connection, &defaults).map_or_else(|_| "no connection".to_owned(), |info| info.target())
}

impl Database {
    /// What cannot be reached, or let in, is a trouble; the limit is also that of each statement.
    pub(crate) async fn open(connection: &str, host: &Host, limit: Duration) -> Outcome<Database> {
        Database::at(&conninfo(connection, host).await?, limit).await
    }

    pub(crate) async fn at(info: &Conninfo, limit: Duration) -> Outcome<Database> {
        let target = info.target();
        let opening = async {
            let mut connection = Connection::connect(info, Mode::Bare).await?;
            let limit = limit.as_millis().min(i32::MAX as u128);
            let settings = format!("set statement_timeout = {limit}; set standard_conforming_strings = on");
            connection.query(&settings).await.map(|_| connection)
        };
        match tokio::time::timeout(limit, Box::pin(opening)).await {
            Ok(Ok(connection)) => Ok(Database { connection, target, limit }),
            Ok(Err(error)) => Err(trouble(error)),
            Err(_) => Err(late(&target, limit)),
        }
    }

    /// Runs statements and gives the result of each; several are one transaction unless they say otherwise.
    pub(crate) async fn query(&mut self, sql: &str) -> Outcome<Vec<Rows>> {
        let (limit, cancel) = (self.limit, self.connection.cancel_token());
        match tokio::time::timeout(limit, self.connection.query(sql)).await {
            Ok(Ok(rows)) => Ok(rows),
            // 57014: its own limit for statements was reached first.
            Ok(Err(error)) if error.sqlstate() == Some("57014") => Err(late(&self.target, limit)),
            Ok(Err(error)) => Err(of(&self.target, trouble(error))),
            Err(_) => {
                if let Some(cancel) = cancel {
                    let _ = tokio::time::timeout(limit, cancel.cancel()).await;
                }
                Err(late(&self.target, limit))
            }
        }
    }

    /// The rows of the last statement.
    pub(crate) async fn rows(&mut self, sql: &str) -> Outcome<Rows> {
        Ok(self.query(sql).await?.pop().unwrap_or_default())
    }

    /// What the server said beside the results.
    pub(crate) fn notices(&mut self) -> Vec<String> {
        let notices = self.connection.take_notices().into_iter();
        notices.map(|notice| format!("{}: {}", notice.severity, notice.message)).collect()
    }

    pub(crate) async fn close(self) {
        let _ = tokio::time::timeout(self.limit, self.connection.close()).await;
    }
}

async fn conninfo(connection: &str, host: &Host) -> Outcome<Conninfo> {
    let defaults = host.connection_defaults(APPLICATION);
    if !is_reference(connection) {
        return Conninfo::parse(connection, &defaults).map_err(trouble);
    }
    let reference = SecretRef::try_from(connection.to_owned()).map_err(Trouble::refused)?;
    let secret = reference.read(host).await?;
    // Why it is none is not said: that might repeat a part of it.
    Conninfo::parse(secret.expose(), &defaults).map_err(|_| {
        Trouble::refused(format!("what {reference} leads to is no connection string"))
            .hint("write it as libpq does, such as postgres://user:password@host:5432/db")
    })
}

/// What of a connection can be seen without asking the server.
pub(crate) async fn unread(connection: &str, host: &Host) -> Option<Trouble> {
    conninfo(connection, host).await.err()
}

fn trouble(error: engine::Error) -> Trouble {
    crate::error::Error::from(error).into()
}

fn of(target: &str, trouble: Trouble) -> Trouble {
    Trouble { what: format!("{target}: {}", trouble.what), ..trouble }
}

fn late(target: &str, limit: Duration) -> Trouble {
    Trouble::away(format!("{target} did not answer within {} s", limit.as_secs()))
}

/// `a = 'x' and b = 'y'`
pub(crate) fn condition(row: &BTreeMap<String, String>) -> String {
    let parts = row.iter().map(|(column, value)| format!("{} = {}", ident(column), literal(value)));
    parts.collect::<Vec<_>>().join(" and ")
}

#[cfg(test)]
mod tests;

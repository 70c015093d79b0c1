//! Asks one check of the people: a statement in a read-only transaction, or a program beside the instance. Whatever goes wrong
//! with the check itself is its outcome.

use std::time::Duration;

use vault::Env;
use vault::backup::tree::Progress;

use super::CheckOutcome;
use super::file::{Check, Question};
use crate::error::{Error, Result};
use crate::postgres::instance::Instance;
use crate::postgres::prepared::Prepared;
use crate::postgres::program::Program;
use crate::postgres::wire::{Connection, Rows};

const OUTPUT_BYTES_MAX: usize = 4096;
/// The server ends a statement at its timeout by itself; it is given this much longer before it is left alone.
const GRACE: Duration = Duration::from_secs(5);

/// What came of it, and what is to be said of it.
type Answer = (Came, String);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Came {
    True,
    False,
    /// To no answer.
    ToNothing,
}

pub(super) async fn ask(
    instance: &Instance,
    check: &Check,
    in_doubt: &[Prepared],
    env: &Env,
    progress: &Progress,
) -> Result<CheckOutcome> {
    // A check before this one may have brought a server down that is damaged; it comes back by itself or not at all.
    let sql = instance.wait_connectable(|| Ok(progress.check()?)).await?;
    let database = check.database.clone().unwrap_or_else(|| sql.info().database().to_owned());
    sql.close().await;
    let begun = env.monotonic();
    let (came, detail) = match &check.question {
        Question::Sql { text, expect } => {
            let of_it: Vec<&Prepared> = in_doubt.iter().filter(|one| one.database == database).collect();
            ask_server(instance, check, &database, &of_it, text, expect.as_deref()).await
        }
        Question::Command(command) => ask_program(instance, check, &database, command, progress).await?,
    };
    let seconds = env.monotonic().saturating_sub(begun).as_secs_f64();
    let (passed, unproven) = (came == Came::True, came == Came::ToNothing);
    Ok(CheckOutcome { name: check.name.clone(), passed, detail, unproven, seconds })
}

async fn ask_server(
    instance: &Instance,
    check: &Check,
    database: &str,
    in_doubt: &[&Prepared],
    text: &str,
    expect: Option<&str>,
) -> Answer {
    match query(instance, check, database, text).await {
        Ok(rows) => {
            let (passed, detail) = judge(&rows, expect);
            (if passed { Came::True } else { Came::False }, detail)
        }
        Err(error) if error.sqlstate() == Some("57014") => late(check),
        Err(error) if error.sqlstate() == Some("55P03") => {
            let holders = in_doubt.iter().map(|one| format!("; {one}")).collect::<String>();
            (Came::ToNothing, format!("database {database}: {error}{holders}"))
        }
        // A check that is wrong itself, a right that it lacks or a write that it tries, is for its author.
        Err(error @ Error::Right(_)) => (Came::False, error.to_string()),
        Err(error) if error.is_of_the_session() && error.sqlstate() != Some("25006") => {
            (Came::ToNothing, format!("database {database}: {error}"))
        }
        Err(Error::Server(error)) => (Came::False, error.message),
        Err(error) => (Came::False, error.to_string()),
    }
}

/// The results of all statements in the text; a check has one.
async fn query(instance: &Instance, check: &Check, database: &str, text: &str) -> Result<Vec<Rows>> {
    let mut sql = instance.connect_for_users(Some(database)).await?;
    // The second line holds where a text ends the transaction to begin another.
    sql.query(&format!(
        "SET statement_timeout = {}; SET default_transaction_read_only = on; SET application_name = 'rekindle check'",
        check.timeout.as_millis()
    ))
    .await?;
    sql.query("BEGIN READ ONLY").await?;
    let cancel = sql.cancel_token();
    let answer = tokio::time::timeout(check.timeout + GRACE, sql.query(text)).await;
    let Ok(answer) = answer else {
        if let Some(cancel) = cancel {
            let _ = cancel.cancel().await;
        }
        return Err(Error::Timeout { target: format!("check {:?}", check.name), seconds: check.timeout.as_secs() });
    };
    end(sql).await;
    answer
}

async fn end(mut sql: Connection) {
    let _ = sql.query("ROLLBACK").await;
    sql.close().await;
}

fn judge(results: &[Rows], expect: Option<&str>) -> (bool, String) {
    let [rows] = results else {
        return (false, format!("the check has {} statements, and one is asked for", results.len()));
    };
    let [row] = rows.rows.as_slice() else {
        return (false, format!("it returned {} rows, and one is asked for", rows.rows.len()));
    };
    let [cell] = row.as_slice() else {
        return (false, format!("it returned {} columns, and one is asked for", row.len()));
    };
    let Some(cell) = cell else {
        return (false, "it returned null".into());
    };
    match expect {
        Some(expect) if cell == expect => (true, format!("it returned {cell:?}")),
        Some(expect) => (false, format!("it returned {cell:?}, and {expect:?} is expected")),
        None if cell == "t" => (true, "it is true".into()),
        None if cell == "f" => (false, "it is false".into()),
        None => (false, format!("it returned {cell:?}, which is neither true nor false; give expect to compare")),
    }
}

async fn ask_program(
    instance: &Instance,
    check: &Check,
    database: &str,
    command: &[String],
    progress: &Progress,
) -> Result<Answer> {
    let Some((path, arguments)) = command.split_first() else {
        return Ok((Came::False, "there is no command".into()));
    };
    let environment = [
        ("PGHOST", instance.socket_folder.display().to_string()),
        ("PGPORT", instance.port.to_string()),
        ("PGUSER", instance.superuser.clone()),
        ("PGDATABASE", database.to_owned()),
    ];
    let program = Program {
        path: path.into(),
        arguments: arguments.to_vec(),
        environment: environment.map(|(name, value)| (name.to_owned(), value)).into(),
        run_as: instance.run_as,
        limit: Some(check.timeout),
        output_bytes_max: OUTPUT_BYTES_MAX,
    };
    let ran = match program.run(progress).await {
        Ok(ran) => ran,
        Err(Error::File { source, .. }) => return Ok((Came::False, format!("{path} cannot be run: {source}"))),
        Err(error) => return Err(error),
    };
    let said: Vec<String> = [&ran.stdout, &ran.stderr].map(|output| output.text()).into();
    let said = said.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n");
    Ok(match ran.status {
        None => (Came::ToNothing, [late(check).1, said].join("\n").trim_end().to_owned()),
        Some(status) if status.success() => (Came::True, said),
        Some(status) => (Came::False, format!("{status}\n{said}").trim_end().to_owned()),
    })
}

fn late(check: &Check) -> Answer {
    (Came::ToNothing, format!("it did not end within {:?}", check.timeout))
}

#[cfg(test)]
mod tests;

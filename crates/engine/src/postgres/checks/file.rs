//! The file of checks that people write: `[[check]]` tables in TOML. Unknown keys are refused, and every refusal names its line or
//! its check.

use std::time::Duration;

use serde::Deserialize;

use crate::error::{Error, Result};

const TIMEOUT: Duration = Duration::from_secs(5 * 60);
const TIMEOUT_MAX: Duration = Duration::from_secs(24 * 3600);
const HINT: &str =
    "each [[check]] has a name and either sql or command; database, timeout and (with sql) expect may follow";

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChecksFile {
    pub checks: Vec<Check>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    pub name: String,
    /// None is one where any will do: `postgres`, where there is one.
    pub database: Option<String>,
    pub timeout: Duration,
    pub question: Question,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// Passes with one row of one column that is `expect` as text, or true when nothing is expected.
    Sql { text: String, expect: Option<String> },
    /// A program and its arguments; passes when it exits with 0.
    Command(Vec<String>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    check: Vec<WrittenCheck>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenCheck {
    name: String,
    database: Option<String>,
    sql: Option<String>,
    expect: Option<String>,
    command: Option<Vec<String>>,
    timeout: Option<String>,
}

impl ChecksFile {
    pub fn parse(text: &str) -> Result<ChecksFile> {
        let written: Written = toml::from_str(text).map_err(|error| unreadable(text, &error))?;
        let mut file = ChecksFile::default();
        for check in written.check {
            let check = checked(check)?;
            if file.checks.iter().any(|other| other.name == check.name) {
                return Err(invalid(format!("two checks have the name {:?}", check.name)));
            }
            file.checks.push(check);
        }
        Ok(file)
    }
}

fn checked(written: WrittenCheck) -> Result<Check> {
    let name = written.name.trim().to_owned();
    if name.is_empty() {
        return Err(invalid("a check has an empty name"));
    }
    let wrong = |what: &str| invalid(format!("check {name:?}: {what}"));
    let question = match (written.sql, written.command, written.expect) {
        (Some(_), Some(_), _) => return Err(wrong("both sql and command are given")),
        (None, None, _) => return Err(wrong("neither sql nor command is given")),
        (None, Some(_), Some(_)) => return Err(wrong("expect is for sql only, a command passes when it exits with 0")),
        (Some(sql), None, _) if sql.trim().is_empty() => return Err(wrong("sql is empty")),
        (None, Some(command), _) if command.first().is_none_or(String::is_empty) => {
            return Err(wrong("command is empty"));
        }
        (Some(text), None, expect) => Question::Sql { text, expect },
        (None, Some(command), None) => Question::Command(command),
    };
    let timeout = match &written.timeout {
        Some(text) => timeout(text).ok_or_else(|| {
            wrong(&format!("timeout {text:?} is not a time between 1ms and 24h, such as \"30s\" or \"5m\""))
        })?,
        None => TIMEOUT,
    };
    Ok(Check { name, database: written.database, timeout, question })
}

fn timeout(text: &str) -> Option<Duration> {
    let parsed: jiff::SignedDuration = text.trim().parse().ok()?;
    let timeout = Duration::try_from(parsed).ok()?;
    (Duration::from_millis(1)..=TIMEOUT_MAX).contains(&timeout).then_some(timeout)
}

fn unreadable(text: &str, error: &toml::de::Error) -> Error {
    let before = error.span().and_then(|span| text.get(..span.start));
    match before {
        Some(before) => invalid(format!("line {}: {}", before.matches('\n').count() + 1, error.message())),
        None => invalid(error.message()),
    }
}

fn invalid(what: impl Into<String>) -> Error {
    Error::Checks { what: what.into(), hint: HINT.into() }
}

#[cfg(test)]
mod tests;

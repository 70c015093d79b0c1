//! Where a source is, as the file says it: a connection string without a password, or a reference to where it is written.

use std::fmt;
use std::str::FromStr;

use super::invalid::Invalid;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SourceUrl {
    Plain(String),
    /// A variable of the daemon's environment.
    Env(String),
    /// A file that holds it.
    File(String),
    /// A program that prints it.
    Command(String),
}

const SHAPES: &str =
    "use `postgres://user@host/database`, `host=… user=…`, `env:NAME`, `file:/path` or `command:PROGRAM`";

impl FromStr for SourceUrl {
    type Err = Invalid;

    /// What is refused is not repeated when it may hold a password.
    fn from_str(text: &str) -> Result<SourceUrl, Invalid> {
        match text.split_once(':') {
            Some(("env", name)) if is_variable(name) => Ok(SourceUrl::Env(name.into())),
            Some(("env", name)) => Err(Invalid::new(format!("{name:?} is not the name of a variable")).hint(SHAPES)),
            Some(("file", path)) if path.starts_with('/') => Ok(SourceUrl::File(path.into())),
            Some(("file", path)) => Err(Invalid::new(format!("{path:?} is not an absolute path")).hint(SHAPES)),
            Some(("command", line)) if !line.trim().is_empty() => Ok(SourceUrl::Command(line.into())),
            Some(("command", _)) => Err(Invalid::new("a command is missing").hint(SHAPES)),
            _ if has_password(text) => {
                let hint = "leave it to the daemon's password file, or give a reference: env:NAME, file:/path, command:PROGRAM";
                Err(Invalid::new("the address holds a password, and this file is no place for one").hint(hint))
            }
            _ if is_address(text) => Ok(SourceUrl::Plain(text.into())),
            _ => Err(Invalid::new("this is not the address of a database").hint(SHAPES)),
        }
    }
}

fn is_variable(name: &str) -> bool {
    let shaped = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    shaped && !name.is_empty() && !name.starts_with(|first: char| first.is_ascii_digit())
}

fn is_address(text: &str) -> bool {
    match text.split_once("://") {
        Some((scheme, rest)) => {
            ["postgres", "postgresql", "mariadb", "mysql"].contains(&scheme) && !rest.trim().is_empty()
        }
        None => text.split_once('=').is_some_and(|(key, _)| key.trim().bytes().all(|byte| byte.is_ascii_lowercase())),
    }
}

/// `user:secret@`, or a setting whose name ends in `password`.
fn has_password(text: &str) -> bool {
    let authority = text.split_once("://").map_or("", |(_, rest)| rest);
    let authority = authority.split(['/', '?', '#']).next().unwrap_or_default();
    let user = authority.rsplit_once('@').map_or("", |(user, _)| user);
    let as_setting =
        text.match_indices("password").any(|(at, word)| text[at + word.len()..].trim_start().starts_with('='));
    as_setting || user.split_once(':').is_some_and(|(_, secret)| !secret.is_empty())
}

impl fmt::Display for SourceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SourceUrl::Plain(address) => f.write_str(address),
            SourceUrl::Env(name) => write!(f, "env:{name}"),
            SourceUrl::File(path) => write!(f, "file:{path}"),
            SourceUrl::Command(line) => write!(f, "command:{line}"),
        }
    }
}

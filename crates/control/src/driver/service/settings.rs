//! What settings of services are made of, and what is refused in them. Pure.

use std::path::Path;

use serde::{Deserialize, Serialize};

/// One name or several: `"web"` or `["web", "worker"]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "OneOrMore", into = "Vec<String>")]
pub(crate) struct Names(pub(super) Vec<String>);

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl From<OneOrMore> for Names {
    fn from(names: OneOrMore) -> Names {
        match names {
            OneOrMore::One(name) => Names(vec![name]),
            OneOrMore::More(names) => Names(names),
        }
    }
}

impl From<Names> for Vec<String> {
    fn from(names: Names) -> Vec<String> {
        names.0
    }
}

/// A program with its words. What a control character does in another host's shell nobody wants to know.
pub(super) fn wrong_words(setting: &str, words: &[String]) -> Option<String> {
    match words.first() {
        None => Some(format!("{setting} is empty: it is a program and its words, as [\"/usr/bin/program\", \"word\"]")),
        Some(program) if program.trim().is_empty() || program.starts_with('-') => {
            Some(format!("{setting} does not begin with a program"))
        }
        Some(_) if words.iter().any(|word| word.contains(char::is_control)) => {
            Some(format!("{setting} has a control character in a word"))
        }
        Some(_) => None,
    }
}

/// A name that is put into a request or behind a program's options.
pub(super) fn wrong_name(setting: &str, name: &str, also: &str) -> Option<String> {
    let begins = name.starts_with(|c: char| c.is_ascii_alphanumeric() || (c == '@' && also.contains('@')));
    let goes_on = name.chars().all(|c| c.is_ascii_alphanumeric() || also.contains(c));
    (!begins || !goes_on).then(|| format!("{setting}: {name:?} is no name: letters, digits and any of {also}"))
}

pub(super) fn wrong_path(setting: &str, path: Option<&Path>) -> Option<String> {
    let path = path.filter(|path| !path.is_absolute())?;
    Some(format!("{setting}: {} is not absolute", path.display()))
}

pub(super) fn wrong_seconds(setting: &str, seconds: u64) -> Option<String> {
    (!(1..=86_400).contains(&seconds)).then(|| format!("{setting} is {seconds}: it is between 1 and 86400"))
}

#[cfg(test)]
mod tests;

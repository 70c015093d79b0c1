//! `{name}` in settings, filled with what is told. Must not know what the text is for: how a value is written there is handed in.
//!
//! A placeholder is a name of small letters and underscores in braces, and nothing else is, so that JSON and the like can be written as they
//! are; `{{name}}` stands for `{name}` itself. What is not told is refused, never left empty.

use std::collections::BTreeMap;

use super::{Outcome, Trouble};

/// What stands in braces, and where: `whole` with the braces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Placeholder<'a> {
    pub(crate) at: usize,
    pub(crate) whole: &'a str,
    pub(crate) name: &'a str,
    /// `{{name}}`
    pub(crate) literal: bool,
}

/// The first placeholder from a byte on.
pub(crate) fn next(text: &str, from: usize) -> Option<Placeholder<'_>> {
    let mut start = from;
    while let Some(open) = text[start..].find('{') {
        let at = start + open;
        if let Some(found) = placeholder(text, at) {
            return Some(found);
        }
        start = at + 1;
    }
    None
}

fn placeholder(text: &str, at: usize) -> Option<Placeholder<'_>> {
    let literal = text[at..].starts_with("{{");
    let (open, close) = if literal { ("{{", "}}") } else { ("{", "}") };
    let inner = &text[at + open.len()..];
    let length = inner.find(|c: char| !c.is_ascii_lowercase() && c != '_').filter(|length| *length > 0)?;
    inner[length..].starts_with(close).then(|| {
        let end = at + open.len() + length + close.len();
        Placeholder { at, whole: &text[at..end], name: &inner[..length], literal }
    })
}

/// The names that a text wants to be told.
pub(crate) fn names(text: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut from = 0;
    while let Some(found) = next(text, from) {
        from = found.at + found.whole.len();
        if !found.literal {
            names.push(found.name);
        }
    }
    names
}

/// The text with each value as `write` writes it.
pub(crate) fn fill(
    text: &str,
    told: &BTreeMap<String, String>,
    write: impl Fn(&str) -> Outcome<String>,
) -> Outcome<String> {
    let (mut filled, mut from) = (String::with_capacity(text.len()), 0);
    while let Some(found) = next(text, from) {
        filled.push_str(&text[from..found.at]);
        match found.literal {
            true => filled.push_str(&found.whole[1..found.whole.len() - 1]),
            false => filled.push_str(&write(value(told, found.name)?)?),
        }
        from = found.at + found.whole.len();
    }
    filled.push_str(&text[from..]);
    Ok(filled)
}

/// As it is.
pub(crate) fn plain(value: &str) -> Outcome<String> {
    Ok(value.to_owned())
}

pub(crate) fn value<'a>(told: &'a BTreeMap<String, String>, name: &str) -> Outcome<&'a str> {
    told.get(name).map(String::as_str).ok_or_else(|| {
        let known: Vec<String> = told.keys().map(|name| format!("{{{name}}}")).collect();
        Trouble::refused(format!("nothing is told here for {{{name}}}")).hint(format!(
            "what is told: {}; write {{{{{name}}}}} when the braces themselves are meant",
            known.join(", ")
        ))
    })
}

/// A name that is never told, if a text has one.
pub(crate) fn unknown<'a>(text: &'a str, known: &[&str]) -> Option<&'a str> {
    names(text).into_iter().find(|name| !known.contains(name))
}

#[cfg(test)]
mod tests;

//! A value in a text of settings: finding its bytes, and writing another there in the same manner. Each format has its own file; none changes
//! anything but the value, and what could be read in two ways is refused.

use std::ops::Range;

use serde::{Deserialize, Serialize};

mod env;
mod ini;
mod json;
mod toml;
mod yaml;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    Env,
    Ini,
    Json,
    Yaml,
    Toml,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quotes {
    None,
    Single,
    Double,
}

/// A value, and where it stands, quotes included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) span: Range<usize>,
    pub(super) value: String,
    pub(super) quotes: Quotes,
}

impl Format {
    pub(super) fn name(self) -> &'static str {
        match self {
            Format::Env => "env",
            Format::Ini => "ini",
            Format::Json => "json",
            Format::Yaml => "yaml",
            Format::Toml => "toml",
        }
    }

    pub(super) fn find(self, text: &str, key: &str) -> Result<Found, String> {
        match self {
            Format::Env => env::find(text, key),
            Format::Ini => ini::find(text, key),
            Format::Json => json::find(text, &parts(key)),
            Format::Yaml => yaml::find(text, &parts(key)),
            Format::Toml => toml::find(text, &parts(key)),
        }
        .map_err(|why| format!("{key}: {why}"))
    }

    /// The value as it stands there with its quotes.
    pub(super) fn write(self, found: &Found, to: &str) -> Result<String, String> {
        if to.contains(['\n', '\r', '\0']) {
            return Err("a value of several lines cannot be written".to_owned());
        }
        match self {
            Format::Env => env::write(found, to),
            Format::Ini => ini::write(found, to),
            Format::Json => json::write(found, to),
            Format::Yaml => yaml::write(found, to),
            Format::Toml => toml::write(found, to),
        }
    }
}

pub(super) fn wrong_key(format: Format, key: &str) -> Option<String> {
    let fine = match format {
        Format::Env => env::is_name(key),
        Format::Ini => !key.trim().is_empty() && key.trim() == key && !key.contains(['\n', '=', '[', ']']),
        _ => !key.is_empty() && parts(key).iter().all(|part| !part.is_empty()),
    };
    (!fine).then(|| format!("key {key:?} is none of format {}", format.name()))
}

/// `a.b.0`, or `/a/b/0` as a JSON pointer.
fn parts(key: &str) -> Vec<String> {
    match key.strip_prefix('/') {
        Some(pointer) => pointer.split('/').map(|part| part.replace("~1", "/").replace("~0", "~")).collect(),
        None => key.split('.').map(str::to_owned).collect(),
    }
}

/// Each line and where it begins, without its end.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    text.split_inclusive('\n').map(move |line| {
        let begins = at;
        at += line.len();
        (begins, line.strip_suffix('\n').map_or(line, |line| line.strip_suffix('\r').unwrap_or(line)))
    })
}

/// The only one there is.
fn only(mut found: Vec<Found>) -> Result<Found, String> {
    match found.len() {
        0 => Err("it is not there".to_owned()),
        1 => Ok(found.remove(0)),
        many => Err(format!("it is there {many} times, and programs differ in which one counts")),
    }
}

/// A number where one stands, so that the kind of the value stays.
fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') && text.parse::<f64>().is_ok()
}

#[cfg(test)]
mod tests;

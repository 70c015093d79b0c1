//! Reads one table of a TOML file key by key, and remembers what is wrong instead of stopping at it. Must not know what the
//! keys mean.

use std::fmt;
use std::str::FromStr;

use toml::{Table, Value};

use crate::policy::invalid::Invalid;

/// Something wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    /// Of the key, from the top of the file; or the line, where it is not TOML at all.
    pub(crate) path: String,
    pub(crate) what: String,
    pub(crate) hint: Option<String>,
}

impl Finding {
    pub(super) fn new(path: &str, invalid: Invalid) -> Finding {
        Finding { path: path.to_owned(), what: invalid.what, hint: invalid.hint }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.what)?;
        match &self.hint {
            Some(hint) => write!(f, "; hint: {hint}"),
            None => Ok(()),
        }
    }
}

/// A table whose keys are taken out as they are read; `end` reports what is left.
pub(super) struct Section {
    path: String,
    table: Table,
    known: Vec<&'static str>,
}

impl Section {
    pub(super) fn top(table: Table) -> Section {
        Section::at(String::new(), table)
    }

    fn at(path: String, table: Table) -> Section {
        Section { path, table, known: Vec::new() }
    }

    /// Nothing when it is absent, or wrong, which is a finding.
    pub(super) fn optional<T>(
        &mut self,
        key: &'static str,
        found: &mut Vec<Finding>,
        read: impl FnOnce(&Value) -> Result<T, Invalid>,
    ) -> Option<T> {
        let value = self.take(key)?;
        read(&value).map_err(|invalid| found.push(Finding::new(&self.path_of(key), invalid))).ok()
    }

    pub(super) fn required<T>(
        &mut self,
        key: &'static str,
        found: &mut Vec<Finding>,
        read: impl FnOnce(&Value) -> Result<T, Invalid>,
    ) -> Option<T> {
        if !self.table.contains_key(key) {
            found.push(Finding::new(&self.path_of(key), Invalid::new("is missing")));
        }
        self.optional(key, found, read)
    }

    /// Absent is empty.
    pub(super) fn list<T>(
        &mut self,
        key: &'static str,
        found: &mut Vec<Finding>,
        read: impl Fn(&Value) -> Result<T, Invalid>,
    ) -> Vec<T> {
        let mut list = Vec::new();
        for (at, value) in self.values(key, "a list", found).iter().enumerate() {
            match read(value) {
                Ok(item) => list.push(item),
                Err(invalid) => found.push(Finding::new(&format!("{}[{at}]", self.path_of(key)), invalid)),
            }
        }
        list
    }

    pub(super) fn section(&mut self, key: &'static str, found: &mut Vec<Finding>) -> Option<Section> {
        let path = self.path_of(key);
        match self.take(key)? {
            Value::Table(table) => Some(Section::at(path, table)),
            other => {
                found.push(Finding::new(&path, is_not(&other, &format!("a table `[{path}]`"))));
                None
            }
        }
    }

    /// An empty one when it is absent, so that what it must hold is reported.
    pub(super) fn required_section(&mut self, key: &'static str, found: &mut Vec<Finding>) -> Section {
        let path = self.path_of(key);
        self.section(key, found).unwrap_or_else(|| Section::at(path, Table::new()))
    }

    /// At least one.
    pub(super) fn required_sections(&mut self, key: &'static str, found: &mut Vec<Finding>) -> Vec<Section> {
        if self.table.get(key).is_none_or(|value| value.as_array().is_some_and(Vec::is_empty)) {
            let path = self.path_of(key);
            let hint = format!("at least one `[[{path}]]` is needed");
            found.push(Finding::new(&path, Invalid::new("is missing").hint(hint)));
        }
        self.sections(key, found)
    }

    pub(super) fn sections(&mut self, key: &'static str, found: &mut Vec<Finding>) -> Vec<Section> {
        let list = self.path_of(key);
        let mut sections = Vec::new();
        for (at, value) in self.values(key, &format!("a list of tables `[[{list}]]`"), found).into_iter().enumerate() {
            let path = format!("{list}[{at}]");
            match value {
                Value::Table(table) => sections.push(Section::at(path, table)),
                other => found.push(Finding::new(&path, is_not(&other, &format!("a table `[[{list}]]`")))),
            }
        }
        sections
    }

    /// All of it, to be read by somebody else; with its path.
    pub(super) fn whole(self) -> (String, Table) {
        (self.path, self.table)
    }

    pub(super) fn end(self, found: &mut Vec<Finding>) {
        for key in self.table.keys() {
            let hint = format!("known here: {}", self.known.join(", "));
            found.push(Finding::new(&self.path_of(key), Invalid::new("is not a setting").hint(hint)));
        }
    }

    fn values(&mut self, key: &'static str, wanted: &str, found: &mut Vec<Finding>) -> Vec<Value> {
        match self.take(key) {
            None => Vec::new(),
            Some(Value::Array(values)) => values,
            Some(other) => {
                found.push(Finding::new(&self.path_of(key), is_not(&other, wanted)));
                Vec::new()
            }
        }
    }

    fn take(&mut self, key: &'static str) -> Option<Value> {
        self.known.push(key);
        self.table.remove(key)
    }

    fn path_of(&self, key: &str) -> String {
        match self.path.is_empty() {
            true => key.to_owned(),
            false => format!("{}.{key}", self.path),
        }
    }
}

pub(super) fn text(value: &Value) -> Result<String, Invalid> {
    value.as_str().map(str::to_owned).ok_or_else(|| is_not(value, "a text in quotes"))
}

pub(super) fn parsed<T: FromStr<Err = Invalid>>(value: &Value) -> Result<T, Invalid> {
    text(value)?.parse()
}

pub(super) fn flag(value: &Value) -> Result<bool, Invalid> {
    value.as_bool().ok_or_else(|| is_not(value, "true or false"))
}

/// Nought or more.
pub(super) fn count(value: &Value) -> Result<u32, Invalid> {
    let number = value.as_integer().and_then(|number| u32::try_from(number).ok());
    number.ok_or_else(|| is_not(value, "a number from 0 on"))
}

fn is_not(value: &Value, wanted: &str) -> Invalid {
    Invalid::new(format!("{} is not {wanted}", shown(value)))
}

/// A simple value as it was written; of others what they are.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::Table(_) => "a table".into(),
        Value::Array(_) => "a list".into(),
        simple => simple.to_string(),
    }
}

//! What a check found. The same finding about several backups is one finding that affects several.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

/// In order of weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Something cannot be restored as it was.
    Error,
    /// Nothing is lost, but a person should look.
    Warning,
    /// Worth knowing.
    Note,
}

impl Severity {
    pub fn name(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    pub severity: Severity,
    /// Stable, for programs: `pack-missing`, `page-changed` …
    pub code: &'static str,
    /// The object it is about, or what of it.
    pub object: String,
    pub what: String,
    /// Backups that cannot be restored whole because of it, as `source/backup`.
    pub affects: Vec<String>,
}

#[derive(Debug, Default)]
pub(super) struct Findings {
    found: BTreeMap<(Severity, &'static str, String, String), BTreeSet<String>>,
}

impl Findings {
    pub(super) fn error(&mut self, code: &'static str, object: &str, what: String, affects: &[String]) {
        self.add(Severity::Error, code, object, what, affects);
    }

    pub(super) fn warning(&mut self, code: &'static str, object: &str, what: String, affects: &[String]) {
        self.add(Severity::Warning, code, object, what, affects);
    }

    pub(super) fn note(&mut self, code: &'static str, object: &str, what: String) {
        self.add(Severity::Note, code, object, what, &[]);
    }

    fn add(&mut self, severity: Severity, code: &'static str, object: &str, what: String, affects: &[String]) {
        let affected = self.found.entry((severity, code, object.to_owned(), what)).or_default();
        affected.extend(affects.iter().cloned());
    }

    pub(super) fn into_sorted(self) -> Vec<Finding> {
        let finding = |((severity, code, object, what), affects): (
            (Severity, &'static str, String, String),
            BTreeSet<String>,
        )| { Finding { severity, code, object, what, affects: affects.into_iter().collect() } };
        self.found.into_iter().map(finding).collect()
    }
}

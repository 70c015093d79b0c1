//! The audit log, the newest last, and whether it is whole.

use std::collections::HashMap;

use api::{AuditRecord, AuditVerdict};

use super::{View, table};

/// A change that was asked for and answered is one line.
pub fn list(records: &[AuditRecord], view: &View) -> String {
    if records.is_empty() {
        return "Nothing was asked to change yet.\n".to_owned();
    }
    let heads = ["N", "WHEN", "WHO", "FROM", "WHAT", "SUBJECT", "OUTCOME", "REQUEST"].map(str::to_owned);
    let mut answered: HashMap<&str, &AuditRecord> = HashMap::new();
    let mut rows = Vec::new();
    for record in records {
        if record.outcome != "asked" {
            answered.insert(&record.request_id, record);
        }
        let end = answered.get(record.request_id.as_str()).copied();
        let shown = match (record.outcome.as_str(), end) {
            ("asked", Some(end)) if end.action == record.action => end,
            ("asked", _) => record,
            _ if has_asked(records, record) => continue,
            _ => record,
        };
        let who = format!("{} ({})", record.who, record.via);
        let (n, when) = (record.n.to_string(), view.short_with_zone(record.at));
        let (from, what, subject) = (record.from.clone(), record.action.clone(), shown.subject.clone());
        rows.push([n, when, who, from, what, subject, shown.outcome.clone(), record.request_id.clone()]);
    }
    rows.push(heads);
    rows.reverse();
    table::aligned(&rows)
}

fn has_asked(records: &[AuditRecord], of: &AuditRecord) -> bool {
    let asked = |record: &AuditRecord| record.outcome == "asked" && record.action == of.action;
    records.iter().any(|record| record.request_id == of.request_id && record.n < of.n && asked(record))
}

pub fn verdict(verdict: &AuditVerdict) -> String {
    let AuditVerdict { records, mirrored, head, .. } = verdict;
    let others = match verdict.other_logs {
        0 => String::new(),
        1 => "! another log lies in the vault: of another catalog, or of one that was here before\n".to_owned(),
        n => format!("! {n} other logs lie in the vault: of other catalogs, or of those that were here before\n"),
    };
    others
        + &match &verdict.broken {
            None => format!(
                "✓ the audit log is whole: {records} records, {mirrored} of them in the vault as well\n  head {head}\n"
            ),
            Some(broken) => format!(
                "✗ the audit log is broken at record {}: {}\n  {records} records before it are whole; {mirrored} lie in the vault\n",
                broken.n, broken.what
            ),
        }
}

#[cfg(test)]
mod tests;

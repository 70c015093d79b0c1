//! Records and how they hang together; pure. A record's canonical bytes are its JSON in this order of fields, without spaces; its hash is
//! `blake3::derive_key("rekindle audit v1", bytes)`, and the next record holds it as `before`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use vault::names::{hex, unhex};

use super::Said;
use crate::catalog::AuditRow;
use crate::error::Result;

const VERSION: u32 = 1;
const CONTEXT: &str = "rekindle audit v1";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    v: u32,
    /// Random, of the first record: two catalogs have two chains.
    chain: String,
    n: i64,
    pub(super) at: Timestamp,
    who: String,
    via: String,
    from: String,
    action: String,
    subject: String,
    outcome: String,
    request_id: String,
    before: String,
}

pub(super) fn hash(record: &str) -> String {
    hex(&blake3::derive_key(CONTEXT, record.as_bytes()))
}

impl Entry {
    pub(super) fn first(chain: [u8; 16], said: Said, at: Timestamp) -> Entry {
        Entry::new(hex(&chain), 1, String::new(), said, at)
    }

    pub(super) fn after(before: &Entry, hash: &str, said: Said, at: Timestamp) -> Entry {
        Entry::new(before.chain.clone(), before.n + 1, hash.to_owned(), said, at)
    }

    fn new(chain: String, n: i64, before: String, said: Said, at: Timestamp) -> Entry {
        let Said { who, via, from, action, subject, outcome, request_id } = said;
        Entry { v: VERSION, chain, n, at, who, via, from, action, subject, outcome, request_id, before }
    }

    pub(super) fn read(row: &AuditRow) -> Result<Entry, String> {
        serde_json::from_str(&row.record).map_err(|e| format!("record {} cannot be read: {e}", row.n))
    }

    pub(super) fn row(&self) -> Result<AuditRow> {
        let record = serde_json::to_string(self).map_err(|e| vault::Error::Internal(e.to_string()))?;
        Ok(AuditRow { n: self.n, hash: hash(&record), record })
    }

    pub(super) fn said(&self) -> Said {
        Said {
            who: self.who.clone(),
            via: self.via.clone(),
            from: self.from.clone(),
            action: self.action.clone(),
            subject: self.subject.clone(),
            outcome: self.outcome.clone(),
            request_id: self.request_id.clone(),
        }
    }

    pub(super) fn chain(&self) -> Option<[u8; 16]> {
        unhex(&self.chain)
    }
}

/// Whether a record is the one behind another, or the first one.
pub(super) fn follows(before: Option<&AuditRow>, row: &AuditRow) -> bool {
    let (n, hash) = before.map_or((0, ""), |before| (before.n, before.hash.as_str()));
    row.n == n + 1 && Entry::read(row).is_ok_and(|entry| entry.n == row.n && entry.before == hash)
}

/// Follows a chain, record by record.
#[derive(Debug, Default)]
pub(super) struct Follower {
    pub(super) records: i64,
    pub(super) head: String,
    chain: Option<String>,
}

impl Follower {
    /// The number of the first record that is wrong, and what is wrong with it.
    pub(super) fn follow(&mut self, row: &AuditRow) -> Result<(), (i64, String)> {
        let wanted = self.records + 1;
        let wrong = |what: &str| Err((wanted, what.to_owned()));
        if row.n != wanted {
            return wrong("it is missing");
        }
        if hash(&row.record) != row.hash {
            return wrong("its text is not the one that was recorded");
        }
        let entry = Entry::read(row).map_err(|what| (wanted, what))?;
        if entry.n != row.n {
            return wrong("it was recorded under another number");
        }
        if entry.before != self.head {
            return wrong("it does not follow the record before it");
        }
        if self.chain.as_ref().is_some_and(|chain| *chain != entry.chain) {
            return wrong("it is of another log");
        }
        (self.records, self.head, self.chain) = (wanted, row.hash.clone(), Some(entry.chain));
        Ok(())
    }
}

#[cfg(test)]
mod tests;

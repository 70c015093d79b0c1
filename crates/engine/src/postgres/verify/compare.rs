//! What a restored cluster has against what its backup recorded. Pure. A difference is not always wrong: the log up to the target may have
//! made it on purpose.

use crate::postgres::backup::census::NAMES_KEPT;
use crate::postgres::info::{ClusterInfo, Database};

/// A row estimate may differ by this factor before it is worth a word; the log moved on since the backup.
const ROWS_FACTOR: f64 = 2.0;
const ROWS_LEAST: i64 = 1000;
const DROPPED: &str = "of the backup is not there: was it dropped before the target?";

pub(super) fn compare(recorded: &ClusterInfo, there: &[Database], roles: &[String]) -> Vec<String> {
    let mut found: Vec<String> = missing(&recorded.roles, roles).map(|role| format!("role {role} {DROPPED}")).collect();
    for database in &recorded.databases {
        match there.iter().find(|now| now.oid == database.oid) {
            None => found.push(format!("database {} {DROPPED}", database.name)),
            Some(now) => of_database(database, now, &mut found),
        }
    }
    found
}

fn of_database(recorded: &Database, now: &Database, found: &mut Vec<String>) {
    let name = &recorded.name;
    if let (Some(then), Some(here)) = (&recorded.collation_version, &now.collation_version)
        && then != here
    {
        found.push(format!(
            "text of database {name} is sorted by version {here} of its collation here, and was by {then}: indexes over text may \
             be out of order, REINDEX them"
        ));
    }
    found.extend(missing(&recorded.schemas, &now.schemas).map(|schema| format!("schema {name}.{schema} {DROPPED}")));
    extensions(recorded, now, found);
    relations(recorded, now, found);
    sequences(recorded, now, found);
}

/// A list that may have been cut says nothing of what it lacks.
fn missing<'a>(recorded: &'a [String], now: &'a [String]) -> impl Iterator<Item = &'a String> {
    recorded.iter().filter(move |name| now.len() < NAMES_KEPT && !now.contains(name))
}

fn extensions(recorded: &Database, now: &Database, found: &mut Vec<String>) {
    for extension in &recorded.extensions {
        let name = format!("extension {} of database {}", extension.name, recorded.name);
        match now.extensions.iter().find(|other| other.name == extension.name) {
            None => found.push(format!("{name} {DROPPED}")),
            Some(other) if other.version != extension.version => {
                found.push(format!("{name} has version {}, the backup had {}", other.version, extension.version));
            }
            Some(_) => {}
        }
    }
}

fn relations(recorded: &Database, now: &Database, found: &mut Vec<String>) {
    for relation in &recorded.relations {
        let other = now.relations.iter().find(|r| r.schema == relation.schema && r.name == relation.name);
        let name = format!("{}.{}.{}", recorded.name, relation.schema, relation.name);
        match other {
            // Only the largest are listed, so a missing small one says nothing when the list is full.
            None if now.relations.len() as u64 == now.relations_total => found.push(format!("{name} {DROPPED}")),
            Some(other) if differs(relation.rows, other.rows) => {
                found.push(format!("{name} has about {} rows, the backup had about {}", other.rows, relation.rows));
            }
            _ => {}
        }
    }
}

fn differs(before: i64, now: i64) -> bool {
    let (least, most) = (before.min(now), before.max(now));
    least >= 0 && most >= ROWS_LEAST && most as f64 > least.max(1) as f64 * ROWS_FACTOR
}

/// A sequence that stands before where it stood gives numbers again that are taken.
fn sequences(recorded: &Database, now: &Database, found: &mut Vec<String>) {
    for sequence in &recorded.sequences {
        let Some(other) = now.sequences.iter().find(|other| other.name == sequence.name) else { continue };
        let went_back = if sequence.step < 0 { other.last > sequence.last } else { other.last < sequence.last };
        if went_back {
            found.push(format!(
                "sequence {}.{} stands at {}, the backup had it at {}: was it set back before the target?",
                recorded.name, sequence.name, other.last, sequence.last
            ));
        }
    }
}

#[cfg(test)]
mod tests;

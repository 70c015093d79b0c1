//! Tells what pg_restore could not do by how much it matters. Pure text; first match of the tables below counts. The words that are harmless
//! are a closed list, and an error that nobody knows needs attention at least.

use super::dump::Entry;

/// What an error says of the server, and its entry of the dump or its statement, `*` meaning any words.
const HARMLESS: &[(&str, &str)] = &[
    ("extension \"*\" already exists", "*"),
    ("schema \"public\" already exists", "*"),
    // The comment comes with the extension itself.
    ("must be owner of extension *", "* COMMENT - EXTENSION *"),
    ("must be owner of extension *", "COMMENT ON EXTENSION *"),
    // A newer pg_restore says it to every server; it only switches a limit off.
    ("unrecognized configuration parameter \"transaction_timeout\"", "*"),
];
/// Statements and entries that bring rows, large objects or where sequences stand.
const BRINGS_DATA: &[&str] = &[
    "SELECT pg_catalog.setval(*",
    "SELECT pg_catalog.lo_*",
    "ALTER LARGE OBJECT *",
    "CREATE TABLE *",
    "CREATE UNLOGGED TABLE *",
    "CREATE SEQUENCE *",
    "* TABLE DATA *",
    "* SEQUENCE SET *",
    "* BLOB *",
    "* BLOBS *",
];
const PREFIX: &str = "pg_restore: ";
const QUERY: &str = "error: could not execute query: ERROR:";
const TEXT_CHARS_MAX: usize = 300;

/// Each names its object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) harmless: Vec<String>,
    /// No row is missing for it; but something is not as it was.
    pub(super) attention: Vec<String>,
    /// Data.
    pub(super) lost: Vec<String>,
    /// How many errors pg_restore itself says it passed over.
    pub(super) counted: Option<usize>,
}

pub(super) fn classify(stderr: &str) -> Outcome {
    let mut outcome = Outcome::default();
    let mut entry = String::new();
    let mut seen = 0;
    for message in messages(stderr) {
        let text = message.strip_prefix(PREFIX).unwrap_or(&message);
        if text.starts_with("while ") {
            continue;
        } else if let Some(from) = text.strip_prefix("from TOC entry ") {
            from.clone_into(&mut entry);
        } else if let Some(count) = text.strip_prefix("warning: errors ignored on restore: ") {
            outcome.counted = count.trim().parse().ok();
        } else if text.starts_with("WARNING:  ") || text.starts_with("NOTICE:  ") {
            // The server's own; up to PostgreSQL 14 they are shown. The statement was done.
            outcome.harmless.push(shortened(text.lines().next().unwrap_or_default()));
        } else {
            seen += 1;
            judge(text, &entry, &mut outcome);
        }
    }
    // With several workers the count is too high: one that met an error reports it again with each entry that it restores later.
    if seen == 0 && outcome.counted.is_some_and(|counted| counted > 0) {
        outcome.lost.push("pg_restore counted errors and told of none".into());
    }
    outcome
}

impl Outcome {
    /// What was said of an entry that was tried again with these statements counts no more. Of a statement only the beginning of its
    /// first line is known (DB_MAX_ERR_STMT in pg_backup_db.c).
    pub(super) fn forget(&mut self, statements: &[String], entry: &Entry) {
        let copy = entry.table_of_data().map(|_| entry.name()).map(|name| format!("COPY failed for table \"{name}\""));
        let is_of_it = |told: &String| {
            let object = told.rsplit_once(" [").map_or("", |(_, object)| object.trim_end_matches(']'));
            let begin = object.trim_end_matches("...");
            object == entry.line
                || copy.as_ref().is_some_and(|copy| told.contains(copy))
                || !begin.is_empty() && statements.iter().any(|statement| statement.starts_with(begin))
        };
        self.attention.retain(|told| !is_of_it(told));
        self.lost.retain(|told| !is_of_it(told));
    }

    /// What psql said of an entry: `psql:FILE:LINE: ERROR:  …`.
    pub(super) fn failed_again(&mut self, said: &str, entry: &Entry) {
        let said = said.split_once("ERROR:").map_or(said, |(_, said)| said).trim();
        let told = shortened(&format!("{} [{}]", said.lines().next().unwrap_or_default(), entry.what()));
        let data = BRINGS_DATA.iter().any(|of| fits(of, &entry.line));
        let of_a_table = entry.what().starts_with("TABLE ") || entry.what().starts_with("SEQUENCE ");
        if data || of_a_table { self.lost.push(told) } else { self.attention.push(told) }
    }
}

/// Each begins with the program's name; what follows up to the next belongs to it.
fn messages(stderr: &str) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for line in stderr.lines() {
        match all.last_mut() {
            Some(last) if !line.starts_with(PREFIX) => {
                last.push('\n');
                last.push_str(line);
            }
            _ if line.trim().is_empty() => {}
            _ => all.push(line.to_owned()),
        }
    }
    all
}

fn judge(text: &str, entry: &str, outcome: &mut Outcome) {
    // Only the first line is the server's; what follows may quote anything. The last `Command was` is pg_restore's own.
    let first = text.lines().next().unwrap_or_default();
    let command = text.lines().find_map(|line| line.strip_prefix("Command was: ")).unwrap_or_default();
    let object = if entry.is_empty() { command } else { entry };
    let told = shortened(&match object {
        "" => first.to_owned(),
        object => format!("{first} [{object}]"),
    });
    let Some(said) = first.strip_prefix(QUERY).map(str::trim) else {
        // A COPY that failed, or the program itself.
        return outcome.lost.push(told);
    };
    let is_harmless = |(words, of): &(&str, &str)| fits(words, said) && fits(of, object);
    if HARMLESS.iter().any(is_harmless) {
        outcome.harmless.push(told);
    } else if object.is_empty() || BRINGS_DATA.iter().any(|of| fits(of, object)) {
        outcome.lost.push(told);
    } else {
        outcome.attention.push(told);
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(TEXT_CHARS_MAX).collect()
}

/// Whether the text is the pattern, in which each `*` stands for any characters.
fn fits(pattern: &str, text: &str) -> bool {
    let Some((before, after)) = pattern.split_once('*') else { return pattern == text };
    let Some(rest) = text.strip_prefix(before) else { return false };
    (0..=rest.len()).any(|at| rest.get(at..).is_some_and(|rest| fits(after, rest)))
}

#[cfg(test)]
mod tests;

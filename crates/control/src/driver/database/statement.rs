//! Texts of SQL: values are filled in as literals, and only where a literal may stand. A placeholder inside of quotes or a comment is refused,
//! as a quoted value would end the quotes there. The server is set to `standard_conforming_strings`, so this reads the text as it does
//! (src/backend/parser/scan.l).

use std::collections::BTreeMap;

use crate::driver::{Outcome, Trouble, fill as placeholders};

/// An identifier, always in quotes.
pub(crate) fn ident(name: &str) -> String {
    engine::postgres::quote::ident(name)
}

pub(crate) fn literal(text: &str) -> String {
    engine::postgres::quote::literal(text)
}

/// `schema.table`, each part quoted.
pub(crate) fn table(name: &str) -> Option<String> {
    let parts = engine::postgres::quote::split(name, '.')?;
    let fine = matches!(parts.len(), 1 | 2) && parts.iter().all(|part| !part.is_empty());
    fine.then(|| parts.iter().map(|part| ident(part)).collect::<Vec<_>>().join("."))
}

/// Why a statement cannot be filled, before anything is told.
pub(crate) fn wrong_statement(text: &str, known: &[&str]) -> Option<String> {
    if text.trim().is_empty() {
        return Some("the statement is empty".to_owned());
    }
    if let Some(name) = placeholders::unknown(text, known) {
        return Some(format!("{{{name}}} is nothing that is told here"));
    }
    inside_quotes(text).map(|trouble| trouble.what)
}

/// The statement with each value as a literal.
pub(crate) fn fill(text: &str, told: &BTreeMap<String, String>) -> Outcome<String> {
    if let Some(trouble) = inside_quotes(text) {
        return Err(trouble);
    }
    placeholders::fill(text, told, |value| match value.contains('\0') {
        true => Err(Trouble::refused("a value holds a zero byte, which no text of PostgreSQL may")),
        false => Ok(literal(value)),
    })
}

fn inside_quotes(text: &str) -> Option<Trouble> {
    let covered = covered(text);
    let mut from = 0;
    while let Some(found) = placeholders::next(text, from) {
        from = found.at + found.whole.len();
        if !found.literal && covered.iter().any(|range| range.contains(&found.at)) {
            let what = format!("{} stands inside of quotes or a comment", found.whole);
            return Some(Trouble::refused(what).hint("write it bare: it is quoted when it is filled in"));
        }
    }
    None
}

/// The parts of a text that are quoted or commented.
fn covered(text: &str) -> Vec<std::ops::Range<usize>> {
    let (mut found, mut at) = (Vec::new(), 0);
    while at < text.len() {
        let length = covered_here(text, at);
        if length > 0 {
            found.push(at..at + length);
        }
        at += length.max(1);
        while !text.is_char_boundary(at) {
            at += 1;
        }
    }
    found
}

/// How long a quoted or commented part that begins here is; one that is not closed goes to the end.
fn covered_here(text: &str, at: usize) -> usize {
    let rest = &text[at..];
    let before = text[..at].chars().next_back();
    let in_word = before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '$');
    if rest.starts_with('\'') {
        return quoted(rest, '\'', escapes(&text[..at]));
    }
    if rest.starts_with('"') {
        return quoted(rest, '"', false);
    }
    if rest.starts_with("--") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return comment(rest);
    }
    if rest.starts_with('$') && !in_word { dollar(rest) } else { 0 }
}

/// Whether the quote that follows is of an `E'…'`.
fn escapes(before: &str) -> bool {
    let mut back = before.chars().rev();
    let is_e = back.next().is_some_and(|c| c.eq_ignore_ascii_case(&'e'));
    is_e && back.next().is_none_or(|c| !c.is_alphanumeric() && c != '_' && c != '$')
}

/// A doubled quote is one inside.
fn quoted(rest: &str, quote: char, escapes: bool) -> usize {
    let mut chars = rest.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        let doubled = c == quote && rest[at + 1..].starts_with(quote);
        if doubled || (escapes && c == '\\') {
            chars.next();
        } else if c == quote {
            return at + 1;
        }
    }
    rest.len()
}

/// They nest.
fn comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        let here = &rest.as_bytes()[at..];
        if here.starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if here.starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

/// `$tag$ … $tag$`; anything else with a dollar is none.
fn dollar(rest: &str) -> usize {
    let Some(end) = rest[1..].find('$') else { return 0 };
    let tag = &rest[..end + 2];
    let name = &tag[1..tag.len() - 1];
    let is_name = name.chars().all(|c| c.is_alphanumeric() || c == '_') && !name.starts_with(|c: char| c.is_numeric());
    if !is_name {
        return 0;
    }
    rest[tag.len()..].find(tag).map_or(rest.len(), |close| tag.len() + close + tag.len())
}

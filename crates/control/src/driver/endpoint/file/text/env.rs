//! `NAME=value` lines, as shells, systemd, Docker and dotenv read them; only what all of them read alike is changed.

use super::{Found, Quotes, lines, only};

/// Shells take them for their own outside of quotes.
const SHELL: &[char] = &['&', ';', '|', '<', '>', '(', ')', '*', '?', '[', ']', '{', '}', '~', '!'];

pub(super) fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.' || c == '-')
}

pub(super) fn find(text: &str, key: &str) -> Result<Found, String> {
    let (mut found, mut open) = (Vec::new(), None);
    for (begins, line) in lines(text) {
        // Lines of a quoted value that goes over several are no assignments.
        if let Some(quote) = open {
            open = (!closes(line, quote)).then_some(quote);
            continue;
        }
        let Some((name, value_at)) = assignment(line) else { continue };
        let value = &line[value_at..];
        let unclosed = value.chars().next().filter(|quote| matches!(quote, '"' | '\''));
        open = unclosed.filter(|quote| !closes(&value[1..], *quote));
        if name == key {
            if open.is_some() {
                return Err("its quotes go over several lines".to_owned());
            }
            found.push(value_in(value, begins + value_at)?);
        }
    }
    only(found)
}

/// The name, and where the value begins.
fn assignment(line: &str) -> Option<(&str, usize)> {
    let begins = line.len() - line.trim_start().len();
    let bare = &line[begins..];
    let after = bare.strip_prefix("export").filter(|rest| rest.starts_with([' ', '\t']));
    let begins = after.map_or(begins, |after| line.len() - after.trim_start().len());
    let equals = begins + line[begins..].find('=')?;
    let name = line[begins..equals].trim_end();
    let value = &line[equals + 1..];
    is_name(name).then(|| (name, equals + 1 + value.len() - value.trim_start().len()))
}

fn closes(rest: &str, quote: char) -> bool {
    end_of(rest, quote).is_some()
}

fn end_of(rest: &str, quote: char) -> Option<usize> {
    let mut chars = rest.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' if quote == '"' => drop(chars.next()),
            c if c == quote => return Some(at),
            _ => {}
        }
    }
    None
}

fn value_in(value: &str, at: usize) -> Result<Found, String> {
    let Some(quote) = value.chars().next().filter(|quote| matches!(quote, '"' | '\'')) else {
        return bare(value, at);
    };
    let inside = &value[1..];
    let end = end_of(inside, quote).ok_or("its quotes are not closed")?;
    let after = inside[end + 1..].trim();
    if !after.is_empty() && !after.starts_with('#') {
        return Err("something stands behind its quotes".to_owned());
    }
    let inside = &inside[..end];
    if quote == '"' && inside.contains(['\\', '$', '`']) {
        return Err("its value has escapes or is put together from others".to_owned());
    }
    let quotes = if quote == '"' { Quotes::Double } else { Quotes::Single };
    Ok(Found { span: at..at + end + 2, value: inside.to_owned(), quotes })
}

/// Up to a comment, which begins behind a blank.
fn bare(value: &str, at: usize) -> Result<Found, String> {
    let end = value.char_indices().find(|(i, c)| *c == '#' && (*i == 0 || value[..*i].ends_with([' ', '\t'])));
    let value = value[..end.map_or(value.len(), |(end, _)| end)].trim_end();
    if value.contains(['"', '\'', '\\', '$', '`']) {
        return Err("its value has escapes or is put together from others".to_owned());
    }
    Ok(Found { span: at..at + value.len(), value: value.to_owned(), quotes: Quotes::None })
}

pub(super) fn write(found: &Found, to: &str) -> Result<String, String> {
    let refused = |what: &str| Err(format!("{to:?} cannot be written {what}: put other quotes around the value first"));
    match found.quotes {
        Quotes::Double if to.contains(['"', '\\', '$', '`']) => refused("into double quotes"),
        Quotes::Double => Ok(format!("\"{to}\"")),
        Quotes::Single if to.contains('\'') => refused("into single quotes"),
        Quotes::Single => Ok(format!("'{to}'")),
        Quotes::None if to.contains(|c: char| c.is_whitespace() || "#\"'\\$`".contains(c)) || to.is_empty() => {
            refused("without quotes")
        }
        // Where one such stands already, no shell reads the file.
        Quotes::None if to.contains(SHELL) && !found.value.contains(SHELL) => refused("without quotes"),
        Quotes::None => Ok(to.to_owned()),
    }
}

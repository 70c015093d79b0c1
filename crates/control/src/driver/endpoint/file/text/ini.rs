//! `[section]` and `key = value`, as configparser, PHP, my.cnf and their like read them; only what all of them read alike is changed.

use super::{Found, Quotes, lines, only};

pub(super) fn find(text: &str, key: &str) -> Result<Found, String> {
    let (mut found, mut section, mut last) = (Vec::new(), "", false);
    for (begins, line) in lines(text) {
        let bare = line.trim();
        if bare.is_empty() || bare.starts_with([';', '#']) {
            last = false;
            continue;
        }
        if last && line.starts_with([' ', '\t']) {
            return Err("its value may go on in the line below, which is indented".to_owned());
        }
        last = false;
        if let Some(name) = bare.strip_prefix('[') {
            let end = name.find(']').ok_or_else(|| format!("the line {bare:?} is no section"))?;
            section = name[..end].trim();
            continue;
        }
        let Some(separator) = line.find(['=', ':']) else { continue };
        if is_key(section, line[..separator].trim(), key) {
            let after = &line[separator + 1..];
            let at = begins + separator + 1 + (after.len() - after.trim_start().len());
            found.push(value_in(after.trim(), at)?);
            last = true;
        }
    }
    only(found)
}

/// Names of both may hold dots.
fn is_key(section: &str, name: &str, key: &str) -> bool {
    match section {
        "" => name == key,
        section => key.strip_prefix(section).and_then(|rest| rest.strip_prefix('.')) == Some(name),
    }
}

fn value_in(value: &str, at: usize) -> Result<Found, String> {
    let Some(quote) = value.chars().next().filter(|quote| matches!(quote, '"' | '\'')) else {
        let end = value
            .char_indices()
            .find(|(i, c)| matches!(c, ';' | '#') && (*i == 0 || value[..*i].ends_with([' ', '\t'])));
        let value = value[..end.map_or(value.len(), |(end, _)| end)].trim_end();
        if value.contains(['"', '\\', '%', '$']) {
            return Err("its value has escapes or is put together from others".to_owned());
        }
        return Ok(Found { span: at..at + value.len(), value: value.to_owned(), quotes: Quotes::None });
    };
    let inside = &value[1..];
    let end = inside.find(quote).ok_or("its quotes are not closed")?;
    let after = inside[end + 1..].trim();
    if !after.is_empty() && !after.starts_with([';', '#']) {
        return Err("something stands behind its quotes".to_owned());
    }
    if inside[..end].contains(['\\', '%', '$']) {
        return Err("its value has escapes or is put together from others".to_owned());
    }
    let quotes = if quote == '"' { Quotes::Double } else { Quotes::Single };
    Ok(Found { span: at..at + end + 2, value: inside[..end].to_owned(), quotes })
}

pub(super) fn write(found: &Found, to: &str) -> Result<String, String> {
    let refused = |what: &str| Err(format!("{to:?} cannot be written {what}"));
    if to.contains(['\\', '%', '$']) {
        return refused("into an ini file");
    }
    match found.quotes {
        Quotes::Double if to.contains('"') => refused("into double quotes"),
        Quotes::Double => Ok(format!("\"{to}\"")),
        Quotes::Single if to.contains('\'') => refused("into single quotes"),
        Quotes::Single => Ok(format!("'{to}'")),
        Quotes::None if to.is_empty() || to.trim() != to || to.contains(['"', '\'', ';', '#']) => {
            refused("without quotes: put quotes around the value first")
        }
        Quotes::None => Ok(to.to_owned()),
    }
}

//! TOML, read by toml_edit, which says where each value stands.

use toml_edit::{Document, Item, TableLike, Value};

use super::{Found, Quotes, is_number};

pub(super) fn find(text: &str, path: &[String]) -> Result<Found, String> {
    let document = Document::parse(text).map_err(|e| format!("the file is no TOML: {}", e.message()))?;
    let (mut item, mut gone) = (document.as_item(), "at the top".to_owned());
    for part in path {
        item = child(item, part).ok_or_else(|| format!("there is no {part:?} {gone}"))?;
        gone = format!("in {part:?}");
    }
    let (value, quotes) = match item.as_value() {
        Some(Value::String(text)) => (text.value().clone(), Quotes::Double),
        Some(Value::Integer(number)) => (number.value().to_string(), Quotes::None),
        Some(other) => return Err(format!("it is of type {}, neither a text nor a whole number", other.type_name())),
        None => return Err("it holds others, and is no value".to_owned()),
    };
    let span = item.span().ok_or("it has no place in the file")?;
    let raw = &text[span.clone()];
    let quotes = match raw.as_bytes().first() {
        _ if raw.starts_with("\"\"\"") || raw.starts_with("'''") => return Err("it goes over several lines".to_owned()),
        Some(b'\'') => Quotes::Single,
        Some(b'"') => Quotes::Double,
        _ if quotes == Quotes::None && raw == value && is_number(raw) => Quotes::None,
        _ => return Err(format!("the number {raw} is written in a way that would be lost")),
    };
    Ok(Found { span, value, quotes })
}

fn child<'a>(item: &'a Item, part: &str) -> Option<&'a Item> {
    if let Some(table) = item.as_table_like() {
        return TableLike::get(table, part);
    }
    let number: usize = part.parse().ok()?;
    item.get(number)
}

pub(super) fn write(found: &Found, to: &str) -> Result<String, String> {
    match found.quotes {
        Quotes::None if to.parse::<i64>().is_ok_and(|number| number.to_string() == to) => Ok(to.to_owned()),
        Quotes::None => Err(format!("a number stands there, and {to:?} is none")),
        Quotes::Single if !to.contains(|c: char| c == '\'' || c.is_control()) => Ok(format!("'{to}'")),
        _ => Ok(basic(to)),
    }
}

/// A basic string.
fn basic(text: &str) -> String {
    let mut written = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => written.push_str("\\\""),
            '\\' => written.push_str("\\\\"),
            other if other.is_control() => written.push_str(&format!("\\u{:04X}", u32::from(other))),
            other => written.push(other),
        }
    }
    written.push('"');
    written
}

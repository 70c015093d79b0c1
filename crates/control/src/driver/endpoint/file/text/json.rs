//! JSON. The text is read as a whole first, so the walk to the value may trust that it is JSON.

use super::{Found, Quotes, is_number};

pub(super) fn find(text: &str, path: &[String]) -> Result<Found, String> {
    serde_json::from_str::<serde::de::IgnoredAny>(text).map_err(|e| format!("the file is no JSON: {e}"))?;
    let (mut at, mut gone) = (blanks(text, 0), String::new());
    for part in path {
        let not_there =
            || format!("there is no {part:?} {}", if gone.is_empty() { "at the top" } else { gone.as_str() });
        at = match text.as_bytes()[at] {
            b'{' => member(text, at, part)?.ok_or_else(not_there)?,
            b'[' => element(text, at, part).ok_or_else(not_there)?,
            _ => return Err(not_there()),
        };
        gone = format!("in {part:?}");
    }
    let end = end_of(text, at);
    let raw = &text[at..end];
    let quotes = match raw.as_bytes()[0] {
        b'"' => Quotes::Double,
        b'{' | b'[' => return Err("it holds others, and is no value".to_owned()),
        _ if is_number(raw) => Quotes::None,
        _ => return Err(format!("it is {raw}, neither a text nor a number")),
    };
    let value = if quotes == Quotes::None { Ok(raw.to_owned()) } else { serde_json::from_str(raw) };
    Ok(Found { span: at..end, value: value.map_err(|e| e.to_string())?, quotes })
}

pub(super) fn write(found: &Found, to: &str) -> Result<String, String> {
    match found.quotes {
        Quotes::None if serde_json::from_str::<serde_json::Number>(to).is_ok() => Ok(to.to_owned()),
        Quotes::None => Err(format!("a number stands there, and {to:?} is none")),
        _ => Ok(serde_json::Value::from(to).to_string()),
    }
}

fn blanks(text: &str, at: usize) -> usize {
    at + text[at..].len() - text[at..].trim_start_matches([' ', '\t', '\n', '\r']).len()
}

/// Where the value of a name in an object begins.
fn member(text: &str, object: usize, name: &str) -> Result<Option<usize>, String> {
    let (mut at, mut found) = (blanks(text, object + 1), None);
    while text.as_bytes()[at] != b'}' {
        let end = end_of(text, at);
        let is_it = serde_json::from_str::<String>(&text[at..end]).is_ok_and(|key| key == name);
        let colon = blanks(text, end);
        let value = blanks(text, colon + 1);
        if is_it && found.replace(value).is_some() {
            return Err(format!("{name:?} is there twice, and programs differ in which one counts"));
        }
        at = after_comma(text, end_of(text, value));
    }
    Ok(found)
}

fn element(text: &str, array: usize, number: &str) -> Option<usize> {
    let number: usize = number.parse().ok()?;
    let (mut at, mut here) = (blanks(text, array + 1), 0);
    while text.as_bytes()[at] != b']' {
        if here == number {
            return Some(at);
        }
        at = after_comma(text, end_of(text, at));
        here += 1;
    }
    None
}

fn after_comma(text: &str, end: usize) -> usize {
    let at = blanks(text, end);
    if text.as_bytes()[at] == b',' { blanks(text, at + 1) } else { at }
}

/// Behind the value that begins here.
fn end_of(text: &str, at: usize) -> usize {
    let bytes = text.as_bytes();
    match bytes[at] {
        b'"' => string_end(bytes, at),
        b'{' | b'[' => {
            let (mut depth, mut here) = (0_usize, at);
            loop {
                match bytes[here] {
                    b'"' => here = string_end(bytes, here) - 1,
                    b'{' | b'[' => depth += 1,
                    b'}' | b']' => depth -= 1,
                    _ => {}
                }
                here += 1;
                if depth == 0 {
                    return here;
                }
            }
        }
        _ => at + text[at..].find([',', '}', ']', ' ', '\t', '\n', '\r']).unwrap_or(text.len() - at),
    }
}

fn string_end(bytes: &[u8], at: usize) -> usize {
    let mut here = at + 1;
    while bytes[here] != b'"' {
        here += if bytes[here] == b'\\' { 2 } else { 1 };
    }
    here + 1
}

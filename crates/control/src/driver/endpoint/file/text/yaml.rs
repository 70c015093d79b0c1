//! YAML, read by saphyr-parser, which says where each scalar stands. A value that others take part in (anchors, aliases, tags), or that is
//! written over several lines, is refused.

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

use super::{Found, Quotes, is_number};

type Events<'a> = Vec<(Event<'a>, Span)>;

pub(super) fn find(text: &str, path: &[String]) -> Result<Found, String> {
    let events = read(text)?;
    let (mut at, mut gone) = (root(&events)?, "at the top".to_owned());
    for part in path {
        let found = match &events[at].0 {
            Event::MappingStart(..) => member(&events, at, part)?,
            Event::SequenceStart(..) => element(&events, at, part),
            Event::Alias(_) => return Err(format!("{gone} stands an alias: what it leads to is written elsewhere")),
            _ => None,
        };
        at = found.ok_or_else(|| format!("there is no {part:?} {gone}"))?;
        gone = format!("in {part:?}");
    }
    scalar(text, &events[at])
}

fn read(text: &str) -> Result<Events<'_>, String> {
    Parser::new_from_str(text).collect::<Result<_, _>>().map_err(|e| format!("the file is no YAML: {e}"))
}

/// The node of the only document.
fn root(events: &Events<'_>) -> Result<usize, String> {
    let mut documents = (0..events.len()).filter(|at| matches!(events[*at].0, Event::DocumentStart(_)));
    match (documents.next(), documents.next()) {
        (Some(only), None) => Ok(only + 1),
        (None, _) => Err("the file is empty".to_owned()),
        _ => Err("the file has several documents".to_owned()),
    }
}

/// Behind the node that begins here.
fn after(events: &Events<'_>, at: usize) -> usize {
    let (mut depth, mut here) = (0_usize, at);
    loop {
        match events[here].0 {
            Event::MappingStart(..) | Event::SequenceStart(..) => depth += 1,
            Event::MappingEnd | Event::SequenceEnd => depth -= 1,
            _ => {}
        }
        here += 1;
        if depth == 0 {
            return here;
        }
    }
}

fn member(events: &Events<'_>, mapping: usize, name: &str) -> Result<Option<usize>, String> {
    let (mut at, mut found) = (mapping + 1, None);
    while !matches!(events[at].0, Event::MappingEnd) {
        let value = after(events, at);
        let is_it = matches!(&events[at].0, Event::Scalar(key, ..) if key == name);
        if is_it && found.replace(value).is_some() {
            return Err(format!("{name:?} is there twice, and programs differ in which one counts"));
        }
        at = after(events, value);
    }
    Ok(found)
}

fn element(events: &Events<'_>, sequence: usize, number: &str) -> Option<usize> {
    let number: usize = number.parse().ok()?;
    let (mut at, mut here) = (sequence + 1, 0);
    while !matches!(events[at].0, Event::SequenceEnd) {
        if here == number {
            return Some(at);
        }
        at = after(events, at);
        here += 1;
    }
    None
}

fn scalar(text: &str, (event, span): &(Event<'_>, Span)) -> Result<Found, String> {
    let Event::Scalar(value, style, anchor, tag) = event else {
        let what = if matches!(event, Event::Alias(_)) { "is an alias" } else { "holds others" };
        return Err(format!("it {what}, and is no value of its own"));
    };
    if *anchor != 0 {
        return Err("it has an anchor: what else refers to it would change as well".to_owned());
    }
    if tag.is_some() {
        return Err("it has a tag, which says how it is to be read".to_owned());
    }
    let span = byte(text, span.start.index())..byte(text, span.end.index());
    let raw = &text[span.clone()];
    let (quotes, whole) = match style {
        ScalarStyle::Plain => (Quotes::None, raw == value.as_ref() && !raw.is_empty()),
        ScalarStyle::SingleQuoted => (Quotes::Single, is_within(raw, '\'')),
        ScalarStyle::DoubleQuoted => (Quotes::Double, is_within(raw, '"')),
        _ => (Quotes::None, false),
    };
    if !whole || raw.contains('\n') {
        return Err("it is empty, or goes over several lines".to_owned());
    }
    if quotes == Quotes::None && kind(raw) == Kind::Other {
        return Err(format!("it is {raw}, neither a text nor a number"));
    }
    Ok(Found { span, value: value.to_string(), quotes })
}

fn is_within(raw: &str, quote: char) -> bool {
    raw.len() >= 2 && raw.starts_with(quote) && raw.ends_with(quote)
}

/// The parser counts characters.
fn byte(text: &str, characters: usize) -> usize {
    text.char_indices().nth(characters).map_or(text.len(), |(at, _)| at)
}

pub(super) fn write(found: &Found, to: &str) -> Result<String, String> {
    let double = || serde_json::Value::from(to).to_string();
    match found.quotes {
        Quotes::Single if !to.contains(char::is_control) => Ok(format!("'{}'", to.replace('\'', "''"))),
        Quotes::Single | Quotes::Double => Ok(double()),
        Quotes::None => match (kind(&found.value), kind(to)) {
            (Kind::Number, Kind::Number) => Ok(to.to_owned()),
            (Kind::Number, _) => Err(format!("a number stands there, and {to:?} is none")),
            (_, Kind::Text) if is_plain(to) => Ok(to.to_owned()),
            _ => Ok(double()),
        },
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Number,
    /// Truth, nothing, or what some versions of YAML take for a time or a number of another kind.
    Other,
}

fn kind(plain: &str) -> Kind {
    let words =
        ["true", "false", "yes", "no", "on", "off", "y", "n", "null", "~", "", ".inf", ".nan", "-.inf", "+.inf", "<<"];
    let lower = plain.to_ascii_lowercase();
    if is_number(plain) {
        return Kind::Number;
    }
    let digits = |text: &str| text.strip_prefix(['-', '+']).unwrap_or(text).starts_with(|c: char| c.is_ascii_digit());
    let odd = digits(plain) && plain.chars().all(|c| c.is_ascii_hexdigit() || "xo:_+-TZ".contains(c));
    if words.contains(&lower.as_str()) || odd { Kind::Other } else { Kind::Text }
}

/// What can stand without quotes everywhere.
fn is_plain(text: &str) -> bool {
    let begins = text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '/' || c == '_');
    begins && !text.ends_with(':') && text.chars().all(|c| c.is_ascii_alphanumeric() || "_./:@%+=?&~-".contains(c))
}

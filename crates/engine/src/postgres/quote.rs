//! Names and texts as SQL and libpq write them. Pure text; knows no server.

/// The server cuts longer names without a word (NAMEDATALEN - 1).
pub(crate) const NAME_BYTES_MAX: usize = 63;

/// An identifier, always in quotes, so that no list of reserved words is needed.
pub fn ident(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A string constant. With a backslash it is an escape string, which means the same under every setting.
pub fn literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    if quoted.contains('\\') { format!(" E'{}'", quoted.replace('\\', "\\\\")) } else { format!("'{quoted}'") }
}

/// A stem with an ending as one name. Where both are longer than a name may be, the stem is cut behind a whole character.
pub fn name_with(stem: &str, ending: &str) -> String {
    let room = NAME_BYTES_MAX.saturating_sub(ending.len());
    format!("{}{ending}", &stem[..stem.floor_char_boundary(room)])
}

/// `dbname='…'` for the `-d` of the server's programs, which would take some names for whole connection strings.
pub(crate) fn dbname(name: &str) -> String {
    format!("dbname='{}'", name.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// Parts `a."B c".d` at a separator: bare words are folded to lower case as the server does, quoted ones are kept. None when a
/// quote is not closed or something stands beside a quoted part.
pub fn split(text: &str, separator: char) -> Option<Vec<String>> {
    let mut parts = Vec::new();
    let mut rest = text;
    loop {
        let (part, after) = first_part(rest.trim(), separator)?;
        parts.push(part);
        let after = after.trim_start();
        if after.is_empty() {
            return Some(parts);
        }
        rest = after.strip_prefix(separator)?;
    }
}

fn first_part(text: &str, separator: char) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(separator).unwrap_or(text.len());
        let word = text[..end].trim_end();
        return (!word.contains('"')).then(|| (word.to_lowercase(), &text[end..]));
    };
    let mut name = String::new();
    let mut chars = quoted.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' if chars.next_if(|(_, next)| *next == '"').is_some() => name.push('"'),
            '"' => return Some((name, &quoted[at + 1..])),
            c => name.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests;

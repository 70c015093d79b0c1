//! The password file, `hostname:port:database:username:password` a line (libpq's passwordFromFile in fe-connect.c).

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use zeroize::Zeroizing;

use super::conninfo::{Conninfo, Host};
use crate::error::{Error, Result};

/// The password for this connection, if the file has one. A file that is not there has none; replication connections look
/// for the database `replication`.
pub fn password_for(info: &Conninfo, replication: bool) -> Result<Option<Zeroizing<String>>> {
    let Some(path) = &info.passfile else { return Ok(None) };
    let Some(text) = read_private(path)? else { return Ok(None) };
    let database = if replication { "replication" } else { info.database() };
    Ok(find(&text, &host_of(info), info.port, database, &info.user))
}

/// A socket in the default place counts as localhost.
fn host_of(info: &Conninfo) -> String {
    match &info.host {
        Host::Tcp { name, .. } => name.clone(),
        Host::Unix(dir) if dir == Path::new("/var/run/postgresql") || dir == Path::new("/tmp") => "localhost".into(),
        Host::Unix(dir) => dir.display().to_string(),
    }
}

/// libpq ignores a file that others may read; we say so, for silence costs an operator an hour.
fn read_private(path: &Path) -> Result<Option<Zeroizing<String>>> {
    let Ok(meta) = fs::metadata(path) else { return Ok(None) };
    let refuse =
        |what: String, hint: &str| Error::Credential { path: path.display().to_string(), what, hint: hint.into() };
    if !meta.is_file() {
        return Err(refuse("it is not a plain file".into(), "name a plain file as passfile"));
    }
    let mode = meta.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        let hint = format!("chmod 0600 {}", path.display());
        return Err(refuse(format!("others may read it (mode {mode:04o})"), &hint));
    }
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(Zeroizing::new(text))),
        Err(error) => Err(refuse(error.to_string(), "make it readable for this user, in UTF-8")),
    }
}

fn find(text: &str, host: &str, port: u16, database: &str, user: &str) -> Option<Zeroizing<String>> {
    let port = port.to_string();
    let wanted = [host, &port, database, user];
    text.lines().filter(|line| !line.starts_with('#')).find_map(|line| {
        let (fields, password) = split_line(line)?;
        let matches = fields.iter().zip(wanted).all(|(field, want)| field.matches(want));
        matches.then_some(password)
    })
}

struct Field {
    text: String,
    /// A lone `*`; an escaped one is a plain star.
    any: bool,
}

impl Field {
    fn matches(&self, want: &str) -> bool {
        self.any || self.text == want
    }
}

/// Four fields up to their colons; the rest is the password, in which escapes count too.
fn split_line(line: &str) -> Option<(Vec<Field>, Zeroizing<String>)> {
    let mut fields = Vec::with_capacity(4);
    let mut rest = line;
    for _ in 0..4 {
        let (text, length) = unescape(rest, true)?;
        fields.push(Field { any: &rest[..length] == "*", text });
        rest = &rest[length + 1..];
    }
    let (password, _) = unescape(rest, false)?;
    Some((fields, Zeroizing::new(password)))
}

/// The text up to a bare colon (or the end), and its length in the source.
fn unescape(source: &str, to_colon: bool) -> Option<(String, usize)> {
    let mut text = String::new();
    let mut chars = source.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => text.extend(chars.next().map(|(_, c)| c)),
            ':' if to_colon => return Some((text, at)),
            c => text.push(c),
        }
    }
    (!to_colon).then_some((text, source.len()))
}

#[cfg(test)]
mod tests;

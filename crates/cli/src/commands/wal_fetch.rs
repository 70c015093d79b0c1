//! `rekindle wal-fetch SOCKET NAME DEST`: PostgreSQL's restore_command during a restore.

use std::ffi::OsString;
use std::path::Path;

use crate::terminal::note;

/// The exit code, if this is what the program was started for.
pub fn run_early(arguments: impl IntoIterator<Item = OsString>) -> Option<u8> {
    let arguments: Vec<OsString> = arguments.into_iter().skip(1).collect();
    match arguments.as_slice() {
        [command, socket, name, dest] if command == "wal-fetch" => {
            Some(run(Path::new(socket), name.to_str()?, dest.to_str()?))
        }
        _ => None,
    }
}

pub fn run(socket: &Path, name: &str, dest: &str) -> u8 {
    let (code, why) = control::wal_fetch(socket, name, dest);
    if !why.is_empty() {
        note(&format!("rekindle wal-fetch {name}: {why}"));
    }
    code
}

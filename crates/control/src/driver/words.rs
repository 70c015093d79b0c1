//! Programs as people write them in settings: words, the first of which is the program. What all drivers that run one check before.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::{Outcome, Trouble, fill};
use crate::host::Host;
use crate::secret::{SecretRef, is_reference};

const USUAL_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const VARIABLES: &str = "the name of a variable has letters, digits and underscores, and does not begin with REKINDLE_";

/// What makes no sense in them.
pub(crate) fn wrong(words: &[String], known: &[&str]) -> Option<String> {
    let Some(program) = words.first().filter(|program| !program.trim().is_empty()) else {
        return Some("there is no program to run".to_owned());
    };
    if !fill::names(program).is_empty() {
        return Some("the program itself cannot be filled in".to_owned());
    }
    if program.contains('/') && !program.starts_with('/') {
        return Some(format!("the program {program} must be a name or an absolute path"));
    }
    if words.iter().any(|word| word.contains('\0')) {
        return Some("a word holds a zero byte".to_owned());
    }
    let unknown = words.iter().find_map(|word| fill::unknown(word, known));
    unknown
        .map(|name| format!("{{{name}}} is nothing that is told here; {{{{{name}}}}} stands for the braces themselves"))
}

pub(crate) fn wrong_variables(variables: &BTreeMap<String, String>) -> Option<String> {
    let fine = |name: &str| {
        let mut characters = name.chars();
        characters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
            && characters.all(|other| other.is_ascii_alphanumeric() || other == '_')
            && !name.starts_with("REKINDLE_")
    };
    if let Some(name) = variables.keys().find(|name| !fine(name)) {
        return Some(format!("env {name:?}: {VARIABLES}"));
    }
    let mut references = variables.iter().filter(|(_, value)| is_reference(value));
    references
        .find_map(|(name, value)| SecretRef::try_from(value.clone()).err().map(|wrong| format!("env {name}: {wrong}")))
}

/// The words with what is told; a value stays one word, whatever it holds.
pub(crate) fn filled(words: &[String], told: &BTreeMap<String, String>) -> Outcome<Vec<String>> {
    words.iter().map(|word| fill::fill(word, told, fill::plain)).collect()
}

/// What would be in the way of running it; it is not run.
pub(crate) async fn troubles(words: &[String], variables: &BTreeMap<String, String>, host: &Host) -> Vec<Trouble> {
    let mut troubles: Vec<Trouble> = words.first().and_then(|program| cannot_run(program, host)).into_iter().collect();
    for value in variables.values().filter(|value| is_reference(value)) {
        let read = match SecretRef::try_from(value.clone()) {
            Ok(reference) => reference.read(host).await.map_err(Trouble::from),
            Err(wrong) => Err(Trouble::refused(wrong)),
        };
        troubles.extend(read.err());
    }
    troubles
}

fn cannot_run(program: &str, host: &Host) -> Option<Trouble> {
    let places = match program.starts_with('/') {
        true => vec![PathBuf::from(program)],
        false => {
            let path = host.variable("PATH").unwrap_or(USUAL_PATH);
            path.split(':').filter(|folder| !folder.is_empty()).map(|folder| Path::new(folder).join(program)).collect()
        }
    };
    if places.iter().any(|place| is_program(place)) {
        return None;
    }
    let what = match places.iter().find(|place| place.exists()) {
        Some(place) => format!("{} is no program that can be run", place.display()),
        None => format!("there is no program {program}"),
    };
    Some(Trouble::refused(what).hint("is its path right, and may the daemon run it?"))
}

fn is_program(place: &Path) -> bool {
    place.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests;

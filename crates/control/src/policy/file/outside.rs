//! The tables of what is outside: `[[service]]`, `[[hook]]`, `[[health]]`, `[[endpoint]]`, `[[secret]]`, `[[file]]`, `[[migration]]`. A table
//! is a few keys of ours, and those of the driver that it names; what neither knows is a finding.

use serde::Serialize;
use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::section::{Finding, Section, text};
use super::{name, refuse_twice};
use crate::policy::StackSource;
use crate::policy::invalid::Invalid;
use crate::policy::outside::{EndpointAt, Health, Hook, KeptFile, KeptSecret, Migration, Outside, Service};

pub(super) fn read(file: &mut Section, sources: &[StackSource], found: &mut Vec<Finding>) -> Outside {
    let services: Vec<Service> = items(file, "service", found, |one: &Service| one.spec.wrong());
    let hooks: Vec<Hook> = items(file, "hook", found, |one: &Hook| one.spec.wrong());
    let health: Vec<Health> = items(file, "health", found, |one: &Health| one.spec.wrong());
    let endpoints: Vec<EndpointAt> = items(file, "endpoint", found, EndpointAt::wrong);
    refuse_twice("endpoint", endpoints.iter().map(|one| Some(one.name.as_str())), found);
    for (at, endpoint) in endpoints.iter().enumerate().filter(|(_, one)| !has(sources, &one.of)) {
        let wrong = Invalid::new(format!("there is no source {:?} in this stack", endpoint.of));
        found.push(Finding::new(&format!("endpoint[{at}].of"), wrong));
    }
    let secrets: Vec<KeptSecret> = items(file, "secret", found, |_| None);
    let files: Vec<KeptFile> = items(file, "file", found, KeptFile::wrong);
    let kept = secrets.iter().map(|one| &one.name).chain(files.iter().map(|one| &one.name));
    refuse_twice("secret and file", kept.map(|name| Some(name.as_str())), found);
    refuse_twice("service", services.iter().map(|one| Some(one.name.as_str())), found);
    refuse_twice("hook", hooks.iter().map(|one| Some(one.name.as_str())), found);
    refuse_twice("health", health.iter().map(|one| Some(one.name.as_str())), found);
    for (at, service) in services.iter().enumerate() {
        let Some(of) = &service.server_of else { continue };
        let wrong = match (has(sources, of), first_like(&services, service) == Some(at)) {
            (false, _) => Invalid::new(format!("there is no source {of:?} in this stack")),
            (true, false) => Invalid::new(format!("another service is the server of {of:?} already")),
            (true, true) => continue,
        };
        found.push(Finding::new(&format!("service[{at}].server_of"), wrong));
    }
    let migrations = read_migrations(file, sources, found);
    Outside { services, hooks, health, endpoints, secrets, files, migrations }
}

fn read_migrations(file: &mut Section, sources: &[StackSource], found: &mut Vec<Finding>) -> Vec<Migration> {
    let mut migrations: Vec<Migration> = Vec::new();
    for (at, mut section) in file.sections("migration", found).into_iter().enumerate() {
        let source = section.required("source", found, text);
        let database = section.required("database", found, text);
        let expects = section.required("expects", found, text);
        section.end(found);
        let (Some(source), Some(database), Some(expects)) = (source, database, expects) else { continue };
        if sources.iter().all(|known| known.name != source) {
            let wrong = Invalid::new(format!("there is no source {source:?} in this stack"));
            found.push(Finding::new(&format!("migration[{at}].source"), wrong));
        }
        if migrations.iter().any(|other| other.source == source && other.database == database) {
            let wrong = Invalid::new(format!("what {database:?} of {source:?} is expected to be at is said already"));
            found.push(Finding::new(&format!("migration[{at}].database"), wrong));
        }
        migrations.push(Migration { source, database, expects });
    }
    migrations
}

fn has(sources: &[StackSource], name: &str) -> bool {
    sources.iter().any(|source| source.name == name)
}

/// The server of the same source in the same directory.
fn first_like(services: &[Service], one: &Service) -> Option<usize> {
    services.iter().position(|other| other.server_of == one.server_of && other.directory == one.directory)
}

fn items<T: DeserializeOwned + Serialize>(
    file: &mut Section,
    key: &'static str,
    found: &mut Vec<Finding>,
    wrong: impl Fn(&T) -> Option<String>,
) -> Vec<T> {
    let sections = file.sections(key, found);
    let read = |section: Section| {
        let (path, table) = section.whole();
        match item(&path, &table, found) {
            Some(item) => match wrong(&item) {
                None => Some(item),
                Some(what) => {
                    found.push(Finding::new(&path, Invalid::new(what)));
                    None
                }
            },
            None => None,
        }
    };
    sections.into_iter().filter_map(read).collect()
}

fn item<T: DeserializeOwned + Serialize>(path: &str, table: &Table, found: &mut Vec<Finding>) -> Option<T> {
    let before = found.len();
    match table.get("name").map(|text| text.as_str().map(str::to_owned).ok_or(()).map(name)) {
        None => found.push(Finding::new(&format!("{path}.name"), Invalid::new("is missing"))),
        Some(Ok(Err(invalid))) => found.push(Finding::new(&format!("{path}.name"), invalid)),
        Some(Err(()) | Ok(Ok(_))) => {}
    }
    let item = T::deserialize(Value::Table(table.clone()));
    let item = item.map_err(|e| found.push(Finding::new(path, Invalid::new(e.message().trim().to_owned())))).ok()?;
    // What was not taken would be left out without a word.
    let taken = Table::try_from(&item).unwrap_or_default();
    unknown(path, table, &taken, found);
    (found.len() == before).then_some(item)
}

fn unknown(path: &str, written: &Table, taken: &Table, found: &mut Vec<Finding>) {
    for (key, value) in written {
        let path = format!("{path}.{key}");
        match (value, taken.get(key)) {
            (_, None) => {
                let known: Vec<&str> = taken.keys().map(String::as_str).collect();
                let hint = format!("known here, among others: {}", known.join(", "));
                found.push(Finding::new(&path, Invalid::new("is not a setting").hint(hint)));
            }
            (Value::Table(written), Some(Value::Table(taken))) => unknown(&path, written, taken, found),
            _ => {}
        }
    }
}

//! What changes between two stacks, in words: `policy.backup "daily": keep 5 d -> 7 d`. The order of sources and of rules means
//! nothing, and is no change.

use std::fmt;

use super::{Allowance, Outside, Policy, Stack, duration};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    /// Which part of the stack.
    pub(crate) place: String,
    pub(crate) what: String,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

/// A part of a stack as words, each with what it is called; a word is absent where the file would leave it out.
struct Place {
    name: String,
    fields: Vec<(&'static str, Option<String>)>,
}

/// What is removed comes first, then what is new or different, in the order of the file.
pub(crate) fn diff(old: &Stack, new: &Stack) -> Vec<Change> {
    compare(&places(old), &places(new))
}

/// The same of what is around a stack alone.
pub(crate) fn outside(old: &Outside, new: &Outside) -> Vec<Change> {
    compare(&of_outside(old), &of_outside(new))
}

fn compare(before: &[Place], after: &[Place]) -> Vec<Change> {
    let removed = before.iter().filter(|place| named(after, &place.name).is_none());
    let removed = removed.map(|place| Change { place: place.name.clone(), what: "removed".into() });
    let changed = after.iter().flat_map(|place| match named(before, &place.name) {
        None => vec![Change { place: place.name.clone(), what: format!("added: {}", whole(place)) }],
        Some(old) => changes(old, place),
    });
    removed.chain(changed).collect()
}

fn named<'a>(places: &'a [Place], name: &str) -> Option<&'a Place> {
    places.iter().find(|place| place.name == name)
}

fn whole(place: &Place) -> String {
    let said = place.fields.iter().filter_map(|(field, value)| Some(format!("{field} {}", value.as_ref()?)));
    said.collect::<Vec<_>>().join(", ")
}

/// Places of one name have the same fields.
fn changes(old: &Place, new: &Place) -> Vec<Change> {
    let pairs = old.fields.iter().zip(&new.fields).filter(|(old, new)| old != new);
    let words = pairs
        .map(|((field, old), (_, new))| format!("{field} {} -> {}", or_none(old.as_deref()), or_none(new.as_deref())));
    words.map(|what| Change { place: new.name.clone(), what }).collect()
}

fn or_none(value: Option<&str>) -> &str {
    value.unwrap_or("none")
}

fn places(stack: &Stack) -> Vec<Place> {
    let mut places = vec![place("stack", [("name", Some(stack.name.clone()))])];
    for source in &stack.sources {
        places.push(place(&format!("source {:?}", source.name), [("url", Some(source.url.to_string()))]));
    }
    places.push(of_policy(&stack.policy));
    for rule in &stack.policy.backups {
        let fields = [
            ("schedule", Some(rule.schedule.to_string())),
            ("keep", Some(rule.keep.to_string())),
            ("jitter", Some(duration::print(rule.jitter)).filter(|_| !rule.jitter.is_zero())),
            ("catch_up", Some(rule.catch_up.to_string())),
        ];
        places.push(place(&format!("policy.backup {:?}", rule.name), fields));
    }
    places.extend(of_tables(&stack.policy));
    places.extend(of_outside(&stack.outside));
    places
}

fn of_policy(policy: &Policy) -> Place {
    let windows: Vec<String> = policy.windows.iter().map(|window| format!("{:?}", window.to_string())).collect();
    let fields = [
        ("zone", Some(policy.zone.to_string())),
        ("manual", policy.manual.as_ref().map(ToString::to_string)),
        ("windows", Some(windows.join(", ")).filter(|windows| !windows.is_empty())),
        ("safety_snapshot", (!policy.safety_snapshot).then(|| "false".to_owned())),
    ];
    place("policy", fields)
}

fn of_tables(policy: &Policy) -> Vec<Place> {
    let Policy { objectives, approvals, entitlements, .. } = policy;
    let mut places = vec![place("policy.log", [("keep", Some(duration::print(policy.log.keep)))])];
    if let Some(drill) = &policy.drills {
        let fields = [("schedule", Some(drill.schedule.to_string())), ("checks", drill.checks.clone())];
        places.push(place("policy.drill", fields));
    }
    let promised = [("rpo", objectives.rpo.map(duration::print)), ("rto", objectives.rto.map(duration::print))];
    places.push(place("policy.objectives", promised));
    let agreed =
        [("restore", Some(approvals.restore.to_string())), ("expires", Some(duration::print(approvals.expires_after)))];
    places.push(place("policy.approvals", agreed));
    let allowed = [
        ("manual_backups", Some(allowance(entitlements.manual_backups))),
        ("clones", Some(allowance(entitlements.clones))),
    ];
    places.push(place("policy.entitlements", allowed));
    places
}

/// A driver's settings are its own, and shown as they stand in the file.
fn of_outside(outside: &Outside) -> Vec<Place> {
    let services = outside.services.iter().map(|one| item("service", &one.name, one));
    let hooks = outside.hooks.iter().map(|one| item("hook", &one.name, one));
    let health = outside.health.iter().map(|one| item("health", &one.name, one));
    let endpoints = outside.endpoints.iter().map(|one| item("endpoint", &one.name, one));
    let secrets = outside.secrets.iter().map(|one| item("secret", &one.name, one));
    let files = outside.files.iter().map(|one| item("file", &one.name, one));
    let migrations = outside.migrations.iter();
    let migrations = migrations.map(|one| item("migration", &format!("{}/{}", one.source, one.database), one));
    services.chain(hooks).chain(health).chain(endpoints).chain(secrets).chain(files).chain(migrations).collect()
}

fn item(what: &str, name: &str, item: &impl serde::Serialize) -> Place {
    let table = toml::Table::try_from(item).unwrap_or_default();
    let settings = table.iter().filter(|(key, _)| *key != "name").map(|(key, value)| format!("{key} = {value}"));
    place(&format!("{what} {name:?}"), [("as", Some(settings.collect::<Vec<_>>().join(", ")))])
}

fn place<const N: usize>(name: &str, fields: [(&'static str, Option<String>); N]) -> Place {
    Place { name: name.to_owned(), fields: fields.into() }
}

fn allowance(allowance: Allowance) -> String {
    match allowance {
        Allowance::No => "no".into(),
        Allowance::UpTo(limit) => limit.to_string(),
        Allowance::Unlimited => "unlimited".into(),
    }
}

#[cfg(test)]
mod tests;

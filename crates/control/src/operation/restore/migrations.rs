//! The step `migrate`: hooks bring the schema forward; then the databases are asked where it stands. Where the stack says what it expects,
//! anything else waits for a person: the application would not work.

use api::MigrationView;
use async_trait::async_trait;
use engine::postgres::migrations::{Migrations, of_cluster};
use ops::StepPlan;
use serde_json::Value;

use super::around::{Around, run_all};
use super::preflight::Seen;
use super::source_of;
use super::swap::{by_hand, names};
use crate::driver::Trouble;
use crate::error::Result;
use crate::operation::{At, Part};
use crate::policy::Outside;
use crate::policy::outside::{Migration, When};
use crate::report::migration;
use crate::source::Source;

#[derive(Debug)]
pub(super) struct Migrate;

#[async_trait]
impl Part for Migrate {
    async fn act(&self, at: &At) -> Result<Value> {
        run_all(at, When::Migrate).await?;
        let (around, source) = (at.input::<Around>()?, at.daemon.source(source_of(at))?);
        at.watch.step("look");
        let database = around.database();
        let expected = expected(&around.outside, &source.row.name, database);
        let found = match (at.unless_cancelled(of_cluster(&source.cluster.conninfo)).await?, expected.is_empty()) {
            (Ok(found), _) => of_it(&found, database),
            (Err(error), true) => {
                at.work.warn(format!("the migrations are not looked at: {error}"));
                return Ok(Value::Null);
            }
            (Err(error), false) => return Err(error.into()),
        };
        say(at, &found);
        let wrong = differences(&found, &expected);
        if !wrong.is_empty() {
            let hint = "migrate by hand, or put the hook right, and `rekindle ops resume` it; or go back with `rekindle ops cancel`";
            return Err(Trouble::refused(wrong.join("; ")).hint(hint).of("migrations"));
        }
        Ok(serde_json::json!({ "migrations": views(&found, &expected) }))
    }
}

/// What the stack expects of a source, or of one database of it.
pub(super) fn expected<'a>(outside: &'a Outside, source: &str, database: Option<&str>) -> Vec<&'a Migration> {
    let is_meant = |one: &&Migration| one.source == source && database.is_none_or(|name| one.database == name);
    outside.migrations.iter().filter(is_meant).collect()
}

fn of_it(found: &[Migrations], database: Option<&str>) -> Vec<MigrationView> {
    found.iter().filter(|one| database.is_none_or(|name| one.database == name)).map(migration).collect()
}

/// The step of a plan, where there is something to do.
pub(super) fn step(outside: &Outside, source: &str, database: Option<&str>) -> Option<StepPlan> {
    let hooks = names(outside.hooks_at(When::Migrate).map(|hook| hook.name.as_str()));
    let run = (!hooks.is_empty()).then(|| format!("run {hooks}"));
    let wanted = expected(outside, source, database);
    let wanted: Vec<String> = wanted.iter().map(|one| format!("{} is at {}", one.database, one.expects)).collect();
    let look = (!wanted.is_empty()).then(|| format!("see that {}", wanted.join(", ")));
    let what: Vec<String> = run.into_iter().chain(look).collect();
    (!what.is_empty()).then(|| by_hand("migrate", &what.join(", then ")))
}

/// Where it is not as expected, in words; nothing where all is.
pub(super) fn differences(found: &[MigrationView], expected: &[&Migration]) -> Vec<String> {
    let differs = |wanted: &&Migration| {
        let of_it: Vec<&MigrationView> = found.iter().filter(|one| one.database == wanted.database).collect();
        if of_it.iter().any(|one| one.newest.as_deref() == Some(&wanted.expects)) {
            return None;
        }
        let has: Vec<String> = of_it.iter().map(|one| format!("{} is at {}", one.tool, newest(one))).collect();
        let has =
            if has.is_empty() { "there is no table of migrations that we know".to_owned() } else { has.join(", ") };
        Some(format!("{} is expected to be at {}: {has}", wanted.database, wanted.expects))
    };
    let broken = found.iter().filter(|one| expected.iter().any(|wanted| wanted.database == one.database));
    let broken = broken.filter_map(|one| Some(format!("{}: {}", one.database, one.wrong.as_ref()?)));
    expected.iter().filter_map(differs).chain(broken).collect()
}

/// Before anything is migrated: what differs then is told, and may be what the hooks are there for.
pub(super) async fn look_at(seen: &mut Seen, source: &Source, outside: &Outside, database: Option<&str>) {
    let expected = expected(outside, &source.row.name, database);
    if expected.is_empty() {
        return;
    }
    let told = match of_cluster(&source.cluster.conninfo).await {
        Ok(found) => differences(&of_it(&found, database), &expected),
        Err(error) => vec![format!("the migrations of the live server cannot be looked at: {error}")],
    };
    for difference in told {
        seen.note("warns", difference, "after the step migrate it must be as expected");
    }
}

/// What was found in the successor, into the log of the step.
pub(super) fn say(at: &At, found: &[MigrationView]) {
    for one in found {
        at.work.say(format!("{}: {} is at {}, {} applied", one.database, one.tool, newest(one), one.count));
        if let Some(wrong) = &one.wrong {
            at.work.warn(format!("{}: {}: {wrong}", one.database, one.tool));
        }
    }
}

fn newest(one: &MigrationView) -> &str {
    one.newest.as_deref().unwrap_or("nothing")
}

pub(super) fn views(found: &[MigrationView], expected: &[&Migration]) -> Vec<MigrationView> {
    let expects = |database: &str| expected.iter().find(|wanted| wanted.database == database);
    let view = |one: &MigrationView| MigrationView {
        expects: expects(&one.database).map(|wanted| wanted.expects.clone()),
        ..one.clone()
    };
    found.iter().map(view).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(database: &str, newest: Option<&str>, wrong: Option<&str>) -> MigrationView {
        MigrationView {
            database: database.into(),
            tool: "flyway".into(),
            table: "public.flyway_schema_history".into(),
            newest: newest.map(str::to_owned),
            count: 1,
            wrong: wrong.map(str::to_owned),
            expects: None,
        }
    }

    #[test]
    fn only_what_is_expected_is_compared() {
        let wanted = Migration { source: "shop".into(), database: "app".into(), expects: "41".into() };
        let told = |found: &[MigrationView]| differences(found, &[&wanted]);
        assert!(told(&[found("app", Some("41"), None), found("other", Some("7"), Some("failed"))]).is_empty());
        assert_eq!(told(&[found("app", Some("40"), None)]), ["app is expected to be at 41: flyway is at 40"]);
        assert_eq!(told(&[found("app", None, None)]), ["app is expected to be at 41: flyway is at nothing"]);
        assert_eq!(told(&[]), ["app is expected to be at 41: there is no table of migrations that we know"]);
        assert_eq!(told(&[found("app", Some("41"), Some("version 42 failed"))]), ["app: version 42 failed"]);
        assert!(differences(&[found("app", Some("40"), Some("failed"))], &[]).is_empty());
    }
}

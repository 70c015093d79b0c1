//! The file of `apply`, and what `export` prints. Everything that is wrong with a file is found in one reading, each with the
//! path of its key; items of a list are counted from 0, as in `policy.backup[1].schedule`.

use std::collections::HashSet;

use toml::{Table, Value};

use super::invalid::Invalid;
use super::{
    Allowance, Approvals, BackupRule, DrillRule, Entitlements, LogRule, Objectives, Policy, Restored, Schedule, Stack,
    StackSource, Zone, duration,
};

mod outside;
mod section;
mod write;

pub(crate) use section::Finding;
use section::{Section, count, flag, parsed, text};
pub(crate) use write::export;

/// The stack that the file describes, or all that is wrong with it.
pub(crate) fn parse(file: &str) -> Result<Stack, Vec<Finding>> {
    let table: Table = toml::from_str(file).map_err(|error| vec![not_toml(file, &error)])?;
    let mut found = Vec::new();
    let stack = read_stack(table, &mut found);
    match stack {
        Some(stack) if found.is_empty() => Ok(stack),
        _ => Err(found),
    }
}

fn not_toml(file: &str, error: &toml::de::Error) -> Finding {
    let before = error.span().and_then(|span| file.get(..span.start)).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let what = format!("not TOML: {}", error.message().trim().replace('\n', ", "));
    Finding { path: format!("line {line}"), what, hint: None }
}

/// Reads on where something is wrong. What comes back counts only when nothing was.
fn read_stack(table: Table, found: &mut Vec<Finding>) -> Option<Stack> {
    let mut file = Section::top(table);
    let mut head = file.required_section("stack", found);
    let name = head.required("name", found, |value| text(value).and_then(name));
    head.end(found);
    let sources: Vec<Option<StackSource>> =
        file.required_sections("source", found).into_iter().map(|section| read_source(section, found)).collect();
    refuse_twice("source", sources.iter().map(|source| source.as_ref().map(|source| source.name.as_str())), found);
    let policy = file.section("policy", found).map(|policy| read_policy(policy, found)).unwrap_or_default();
    let sources: Vec<StackSource> = sources.into_iter().flatten().collect();
    let outside = outside::read(&mut file, &sources, found);
    let restored = file.section("restored", found).and_then(|part| read_restored(part, found));
    file.end(found);
    Some(Stack { name: name?, sources, policy, outside, restored })
}

fn read_source(mut section: Section, found: &mut Vec<Finding>) -> Option<StackSource> {
    let name = section.required("name", found, |value| text(value).and_then(name));
    let url = section.required("url", found, parsed);
    section.end(found);
    Some(StackSource { name: name?, url: url? })
}

fn read_restored(mut section: Section, found: &mut Vec<Finding>) -> Option<Restored> {
    let operation = section.required("operation", found, text);
    let (from, moment) = (section.optional("from", found, text), section.optional("moment", found, text));
    let at = section.optional("at", found, |value| {
        let time = text(value)?;
        time.parse().map_err(|_| Invalid::new(format!("{time:?} is not a time such as 2026-11-22T08:00:00Z")))
    });
    section.end(found);
    Some(Restored { operation: operation?, from, moment, at })
}

fn read_policy(mut section: Section, found: &mut Vec<Finding>) -> Policy {
    let zone = section.optional("zone", found, parsed).unwrap_or(Zone::UTC);
    let manual = section.optional("manual", found, parsed);
    let windows = section.list("windows", found, parsed);
    let safety_snapshot = section.optional("safety_snapshot", found, flag).unwrap_or(true);
    let rules: Vec<Option<BackupRule>> =
        section.sections("backup", found).into_iter().map(|rule| read_rule(rule, found)).collect();
    refuse_twice("policy.backup", rules.iter().map(|rule| rule.as_ref().map(|rule| rule.name.as_str())), found);
    let log = section.section("log", found).map(|log| read_log(log, found)).unwrap_or_default();
    let drills = section.section("drill", found).map(|drill| read_drill(drill, found));
    let objectives = section.section("objectives", found).map(|part| read_objectives(part, found));
    let approvals = section.section("approvals", found).map(|part| read_approvals(part, found));
    let entitlements = section.section("entitlements", found).map(|part| read_entitlements(part, found));
    section.end(found);
    Policy {
        backups: rules.into_iter().flatten().collect(),
        log,
        drills: drills.flatten(),
        objectives: objectives.unwrap_or_default(),
        approvals: approvals.unwrap_or_default(),
        entitlements: entitlements.unwrap_or_default(),
        windows,
        safety_snapshot,
        manual,
        zone,
    }
}

fn read_rule(mut section: Section, found: &mut Vec<Finding>) -> Option<BackupRule> {
    let name = section.required("name", found, |value| text(value).and_then(rule_name));
    let schedule = section.required("schedule", found, parsed::<Schedule>);
    let keep = section.required("keep", found, parsed);
    let jitter = section.optional("jitter", found, |value| duration::parse(&text(value)?)).unwrap_or_default();
    let catch_up = section.optional("catch_up", found, flag).unwrap_or(true);
    section.end(found);
    Some(BackupRule { name: name?, schedule: schedule?, jitter, keep: keep?, catch_up })
}

fn read_log(mut section: Section, found: &mut Vec<Finding>) -> LogRule {
    let keep = section.optional("keep", found, length);
    section.end(found);
    keep.map(|keep| LogRule { keep }).unwrap_or_default()
}

fn read_drill(mut section: Section, found: &mut Vec<Finding>) -> Option<DrillRule> {
    let schedule = section.required("schedule", found, parsed::<Schedule>);
    let checks = section.optional("checks", found, text);
    section.end(found);
    Some(DrillRule { schedule: schedule?, checks })
}

fn read_objectives(mut section: Section, found: &mut Vec<Finding>) -> Objectives {
    let objectives =
        Objectives { rpo: section.optional("rpo", found, length), rto: section.optional("rto", found, length) };
    section.end(found);
    objectives
}

fn read_approvals(mut section: Section, found: &mut Vec<Finding>) -> Approvals {
    let usual = Approvals::default();
    let restore = section.optional("restore", found, count).unwrap_or(usual.restore);
    let expires_after = section.optional("expires", found, length).unwrap_or(usual.expires_after);
    section.end(found);
    Approvals { restore, expires_after }
}

fn read_entitlements(mut section: Section, found: &mut Vec<Finding>) -> Entitlements {
    let usual = Entitlements::default();
    let manual_backups = section.optional("manual_backups", found, allowance).unwrap_or(usual.manual_backups);
    let clones = section.optional("clones", found, allowance).unwrap_or(usual.clones);
    section.end(found);
    Entitlements { manual_backups, clones }
}

fn length(value: &Value) -> Result<jiff::SignedDuration, Invalid> {
    duration::parse_positive(&text(value)?)
}

fn allowance(value: &Value) -> Result<Allowance, Invalid> {
    match value {
        Value::Integer(0) => Ok(Allowance::No),
        Value::Integer(_) => count(value).map(Allowance::UpTo),
        Value::String(word) if word == "no" => Ok(Allowance::No),
        Value::String(word) if word == "unlimited" => Ok(Allowance::Unlimited),
        _ => {
            let what = format!("{} is not an allowance", section::shown(value));
            Err(Invalid::new(what).hint("use a number such as 10, or \"unlimited\", or \"no\""))
        }
    }
}

/// As the vault's names of sources.
fn name(text: String) -> Result<String, Invalid> {
    let shaped = text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'));
    match shaped && text.len() <= 63 && text.starts_with(|first: char| first.is_ascii_alphanumeric()) {
        true => Ok(text),
        false => {
            let hint = "use 1 to 63 of a-z, 0-9, _ and -, beginning with a letter or digit";
            Err(Invalid::new(format!("{text:?} is not a name")).hint(hint))
        }
    }
}

fn rule_name(text: String) -> Result<String, Invalid> {
    match text.as_str() {
        "manual" => Err(Invalid::new("\"manual\" is what backups by hand are called").hint("choose another name")),
        _ => name(text),
    }
}

/// A name is absent where its item could not be read.
fn refuse_twice<'a>(list: &str, names: impl Iterator<Item = Option<&'a str>>, found: &mut Vec<Finding>) {
    let mut seen = HashSet::new();
    for (at, name) in names.enumerate().filter_map(|(at, name)| Some((at, name?))) {
        if !seen.insert(name) {
            let twice = Invalid::new(format!("{name:?} is there already")).hint("each needs a name of its own");
            found.push(Finding::new(&format!("{list}[{at}].name"), twice));
        }
    }
}

#[cfg(test)]
mod tests;

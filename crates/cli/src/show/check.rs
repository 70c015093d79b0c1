//! The report of a check. It comes as JSON from the vault and is read leniently: a field that is not there is not shown.

use serde_json::Value;

use super::units;

pub fn report(report: &Value) -> String {
    let findings = findings(report);
    let mut text = String::new();
    for finding in findings {
        let mark = if severity(finding) == "error" { '✗' } else { '!' };
        text.push_str(&format!("{mark} {}  {}\n", word(finding, "object"), word(finding, "what")));
        let affects = affects(finding);
        if !affects.is_empty() {
            text.push_str(&format!("    affects {affects}\n"));
        }
        let code = word(finding, "code");
        if !code.is_empty() {
            text.push_str(&format!("    {code}\n"));
        }
    }
    text.push_str(&last_line(report));
    text
}

/// Whether nothing is broken. Warnings, such as packs that nothing needs, do not count.
pub fn is_well(report: &Value) -> bool {
    !findings(report).iter().any(|finding| severity(finding) == "error")
}

fn last_line(report: &Value) -> String {
    let findings = findings(report);
    let errors = findings.iter().filter(|finding| severity(finding) == "error").count() as u64;
    let warnings = findings.len() as u64 - errors;
    let looked = looked_at(report);
    let looked = if looked.is_empty() { "the vault was checked".to_owned() } else { format!("checked {looked}") };
    match (errors, warnings) {
        (0, 0) => format!("✓ {looked}: all is well\n"),
        (0, _) => format!("✓ {looked}: {}, no error\n", units::counted(warnings, "warning", "warnings")),
        (_, 0) => format!("✗ {looked}: {}\n", units::counted(errors, "error", "errors")),
        (_, _) => {
            let errors = units::counted(errors, "error", "errors");
            format!("✗ {looked}: {errors}, {}\n", units::counted(warnings, "warning", "warnings"))
        }
    }
}

/// Every number of the report, in words: `"bytes_read": 41…` is `41 MB read`.
fn looked_at(report: &Value) -> String {
    let Some(fields) = report.as_object() else { return String::new() };
    let numbers = fields.iter().filter_map(|(name, value)| Some((name.as_str(), value.as_u64()?)));
    let words = numbers.filter(|(_, number)| *number > 0).map(|(name, number)| match name.strip_prefix("bytes_") {
        Some(rest) => format!("{} {}", units::bytes(number), rest.replace('_', " ")),
        None => {
            let things = name.strip_suffix("_checked").unwrap_or(name).replace('_', " ");
            let things = if number == 1 { things.strip_suffix('s').unwrap_or(&things) } else { &things };
            format!("{} {things}", units::count(number))
        }
    });
    words.collect::<Vec<_>>().join(", ")
}

fn findings(report: &Value) -> &[Value] {
    report.get("findings").and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Anything that is not known to be harmless is an error.
fn severity(finding: &Value) -> &'static str {
    match word(finding, "severity").to_lowercase().as_str() {
        "warning" | "warn" | "warns" | "note" | "info" | "notice" => "warning",
        _ => "error",
    }
}

fn affects(finding: &Value) -> String {
    match finding.get("affects") {
        Some(Value::Array(items)) => items.iter().map(text_of).collect::<Vec<_>>().join(", "),
        Some(Value::Null) | None => String::new(),
        Some(other) => text_of(other),
    }
}

fn word(value: &Value, name: &str) -> String {
    value.get(name).map(text_of).unwrap_or_default()
}

fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

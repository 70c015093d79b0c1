//! An expiry plan. It comes as JSON from the vault, `{"plan": …, "applied": …}`, and is read leniently.

use jiff::Timestamp;
use serde_json::Value;

use super::{View, units};

struct Row {
    keep: bool,
    name: String,
    ended: Option<Timestamp>,
    why: String,
}

pub fn plan(result: &Value, view: &View) -> String {
    let plan = result.get("plan").unwrap_or(result);
    let applied = result.get("applied").is_some_and(|applied| !applied.is_null());
    let rows = rows(plan);
    let width = rows.iter().map(|row| row.name.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for row in &rows {
        let (mark, word) = if row.keep { ('✓', "keep") } else { ('✗', "expire") };
        let ended = row.ended.map_or(String::new(), |ended| view.short_with_zone(ended));
        let line = format!("{mark} {word:<6}  {:<width$}  {ended:<20}  {}", row.name, row.why);
        text.push_str(line.trim_end());
        text.push('\n');
    }
    let gone = rows.iter().filter(|row| !row.keep).count() as u64;
    let kept = rows.len() as u64 - gone;
    let (gone_text, verb) =
        (units::counted(gone, "backup", "backups"), if applied { "expired" } else { "would expire" });
    text.push_str(&format!("{gone_text} {verb}, {} kept{}\n", units::count(kept), freed(result)));
    text
}

/// How many backups the plan removes.
pub fn expired(result: &Value) -> usize {
    rows(result.get("plan").unwrap_or(result)).iter().filter(|row| !row.keep).count()
}

/// `kept` and `expired` lists, or one list `backups` with a verdict each.
fn rows(plan: &Value) -> Vec<Row> {
    let list = |name: &str| plan.get(name).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let mut rows: Vec<Row> = list("backups").iter().map(|entry| row(entry, is_kept(entry))).collect();
    for name in ["kept", "keep"] {
        rows.extend(list(name).iter().map(|entry| row(entry, true)));
    }
    for name in ["expired", "expire", "removed", "remove"] {
        rows.extend(list(name).iter().map(|entry| row(entry, false)));
    }
    rows.sort_by_key(|row| row.ended);
    rows
}

fn is_kept(entry: &Value) -> bool {
    let flag = ["keep", "kept"].iter().find_map(|name| entry.get(name));
    match flag {
        Some(Value::Bool(kept)) => *kept,
        Some(Value::Array(reasons)) => !reasons.is_empty(),
        Some(Value::Null) => false,
        Some(_) => true,
        None => {
            !["expire", "expired"].iter().any(|name| entry.get(name).is_some_and(|gone| gone != &Value::Bool(false)))
        }
    }
}

fn row(entry: &Value, keep: bool) -> Row {
    let first =
        |names: &[&str]| names.iter().find_map(|name| entry.get(name).and_then(Value::as_str)).map(str::to_owned);
    let whole = entry.as_str().map(str::to_owned);
    let name = first(&["label"]).or_else(|| first(&["id", "backup", "name"])).or(whole).unwrap_or_default();
    let ended = first(&["ended", "at", "time"]).and_then(|text| text.parse().ok());
    let names = ["reasons", "reason", "why", "kept", "keep", "expired", "expire"];
    let why = names.iter().filter_map(|name| entry.get(name)).map(reason).find(|why| !why.is_empty());
    Row { keep, name, ended, why: why.unwrap_or_default() }
}

fn reason(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(reason).collect::<Vec<_>>().join(", "),
        Value::Object(fields) => {
            let pairs = fields.iter().map(|(name, value)| format!("{} {}", name.replace('_', " "), reason(value)));
            pairs.collect::<Vec<_>>().join(", ").trim_end().to_owned()
        }
        Value::Number(number) => number.to_string(),
        Value::Bool(_) | Value::Null => String::new(),
    }
}

fn freed(result: &Value) -> String {
    let bytes = result.get("applied").and_then(|applied| applied.as_object()).and_then(|applied| {
        let named = applied.iter().find(|(name, _)| name.contains("bytes"));
        named.and_then(|(_, bytes)| bytes.as_u64())
    });
    bytes.map_or(String::new(), |bytes| format!(", {} freed", units::bytes(bytes)))
}

//! Alarms: what is wrong now, what was, and what became of a message.

use api::{AlarmDetail, AlarmView, ChannelTest, NoticeView};

use super::{View, units};

/// `seen` is what stands out and has not lasted long enough for an alarm, or was not looked at yet.
pub fn list(alarms: &[AlarmView], with_past: bool, seen: &[String], view: &View) -> String {
    if alarms.is_empty() && !seen.is_empty() {
        return format!("No alarm is raised yet; this is being watched:\n    {}\n", seen.join("\n    "));
    }
    if alarms.is_empty() {
        return if with_past { "Nothing was wrong.\n" } else { "Nothing is wrong.\n" }.to_owned();
    }
    let width = |of: fn(&AlarmView) -> usize| alarms.iter().map(of).max().unwrap_or(0);
    let number = width(|alarm| alarm.n.to_string().len());
    let scope = width(|alarm| alarm.scope.chars().count());
    let kind = width(|alarm| alarm.kind.len());
    let mut text = String::new();
    for alarm in alarms {
        let (n, about, is) = (alarm.n, &alarm.scope, &alarm.kind);
        text.push_str(&format!("{} {n:>number$}  {about:<scope$}  {is:<kind$}  {}\n", mark(alarm), times(alarm, view)));
        text.push_str(&format!("  {:number$}  {}\n", "", alarm.text));
        if alarm.cleared.is_none() && !alarm.advice.is_empty() {
            text.push_str(&format!("  {:number$}  → {}\n", "", alarm.advice));
        }
    }
    text
}

pub fn one(found: &AlarmDetail, view: &View) -> String {
    let alarm = &found.alarm;
    let standing = if alarm.cleared.is_some() { "over" } else { &alarm.severity };
    let mut text = format!("{} {}  {} · {}  {standing}\n", mark(alarm), alarm.n, alarm.scope, alarm.kind);
    let mut row = |name: &str, value: &str| text.push_str(&format!("    {name:<10} {value}\n"));
    row("what", &alarm.text);
    if !alarm.advice.is_empty() {
        row("to do", &alarm.advice);
    }
    row("since", &format!("{} ({})", view.short_with_zone(alarm.since), view.ago(alarm.since)));
    row("raised", &view.short_with_zone(alarm.raised));
    match alarm.cleared {
        Some(cleared) => row("cleared", &view.short_with_zone(cleared)),
        None => row("last seen", &view.ago(alarm.last_seen)),
    }
    if found.notices.is_empty() {
        row("told", "nobody: no channel is configured for it");
    }
    for notice in &found.notices {
        text.push_str(&format!("    {}\n", told(notice, view)));
    }
    text
}

pub fn tests(tests: &[ChannelTest]) -> String {
    if tests.is_empty() {
        return "No channel is configured: nobody is told of an alarm.\n    see [[alerts.channel]] in docs/alarms.md\n"
            .to_owned();
    }
    let width = tests.iter().map(|test| test.channel.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for test in tests {
        let (name, took) = (&test.channel, units::seconds(test.seconds));
        let mark = if test.delivered { '✓' } else { '✗' };
        let what = test.error.as_deref().unwrap_or("delivered");
        text.push_str(&format!("{mark} {name:<width$}  {} to {}: {what}, {took}\n", test.kind, test.to));
        if let Some(hint) = &test.hint {
            text.push_str(&format!("    {hint}\n"));
        }
    }
    text
}

fn mark(alarm: &AlarmView) -> char {
    match (alarm.cleared, alarm.severity.as_str()) {
        (Some(_), _) => '✓',
        (None, "critical") => '✗',
        (None, _) => '!',
    }
}

fn times(alarm: &AlarmView, view: &View) -> String {
    let since = view.short_with_zone(alarm.since);
    match alarm.cleared {
        None => format!("{}, since {since} ({})", alarm.severity, view.ago(alarm.since)),
        Some(cleared) => {
            let lasted = units::seconds(cleared.duration_since(alarm.since).as_secs_f64());
            format!("{}, {since} → {} ({lasted})", alarm.severity, view.short(cleared))
        }
    }
}

fn told(notice: &NoticeView, view: &View) -> String {
    let tries = units::counted(u64::from(notice.tries), "try", "tries");
    let when = notice.tried.map_or(String::new(), |at| format!(" {}", view.short_with_zone(at)));
    let why = notice.error.as_deref().map_or(String::new(), |error| format!(": {error}"));
    match notice.outcome.as_str() {
        "delivered" => format!("✓ {} told {}{when}", notice.channel, notice.event),
        "waiting" => format!("▶ {} waits to be told {} ({tries}{why})", notice.channel, notice.event),
        _ => format!("✗ {} not told {} ({tries}{why})", notice.channel, notice.event),
    }
}

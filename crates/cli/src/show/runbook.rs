//! A restore in the place of a live cluster, before it begins.

use api::{FindingView, PlannedStep, RestorePlan, RetiredView};

use super::{View, restore, units};

pub fn plan(plan: &RestorePlan, view: &View) -> String {
    let mut text = restore::plan(plan, view);
    let approvals = match plan.approvals {
        0 if plan.waived => "NOBODY, although somebody would have to: the glass is broken".to_owned(),
        0 => "nobody else".to_owned(),
        1 => "one person, not who asks".to_owned(),
        many => format!("{many} people, not who asks"),
    };
    text.push_str(&format!(" approve   {approvals}\n"));
    if let Some(begins) = plan.begins {
        text.push_str(&format!(" begins    {}\n", restore::exactly(begins, view)));
    }
    text.push('\n');
    for (at, step) in plan.steps.iter().enumerate() {
        text.push_str(&self::step(at + 1, step));
    }
    text.push('\n');
    plan.findings.iter().for_each(|finding| text.push_str(&self::finding(finding)));
    text
}

pub fn retired(found: &[RetiredView], view: &View) -> String {
    if found.is_empty() {
        return "Nothing is kept of restores.\n".to_owned();
    }
    found.iter().map(|one| kept(one, view)).collect()
}

fn kept(one: &RetiredView, view: &View) -> String {
    let size = one.bytes.map_or_else(|| format!("on {}", one.host), units::bytes);
    let since = view.short_with_zone(one.since);
    format!("{}  {} · {size} · until {since} it was {} of {}\n", one.operation, one.path, one.live, one.source)
}

fn step(number: usize, step: &PlannedStep) -> String {
    let mut text = format!(" {number:>2} {:<13} {}\n", step.name, step.what);
    if let Some(undo) = &step.undo {
        text.push_str(&format!("    {:<13} ↶ {undo}\n", ""));
    }
    if step.pauses {
        text.push_str(&format!("    {:<13} when it fails a person decides\n", ""));
    }
    text
}

fn finding(finding: &FindingView) -> String {
    let mark = match finding.severity.as_str() {
        "fine" => '✓',
        "blocks" => '✗',
        _ => '!',
    };
    let why = if finding.why.is_empty() || mark == '✓' { String::new() } else { format!("\n   {}", finding.why) };
    format!(" {mark} {}{why}\n", finding.title)
}

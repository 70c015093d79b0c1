//! A restore in the place of a live cluster, before it begins.

use api::{FindingView, PlannedStep, RestorePlan, RetiredView, RowsLost};

use super::{View, restore, units};

pub fn plan(plan: &RestorePlan, view: &View) -> String {
    let mut text = restore::plan(plan, view);
    let approvals = match plan.approvals {
        0 if plan.waived => "NOBODY, although somebody would have to: the glass is broken".to_owned(),
        0 => "nobody else".to_owned(),
        1 => "one person, not who asks".to_owned(),
        many => format!("{many} people, not who asks"),
    };
    text.push_str(&rows(plan));
    text.push_str(&format!(" takes     {}\n", takes(plan)));
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

/// Tables that are shown; the report has all of them.
const TABLES: usize = 10;

/// What of the loss the log tells by table.
fn rows(plan: &RestorePlan) -> String {
    let mut text = String::new();
    for lost in plan.rows_lost.iter().take(TABLES) {
        let star = if lost.new_file { "*" } else { "" };
        text.push_str(&format!("           {} {}{star}: {}\n", lost.database, lost.table, changes(lost)));
    }
    if let Some(more) = plan.rows_lost.len().checked_sub(TABLES).filter(|more| *more > 0) {
        text.push_str(&format!("           and {}\n", units::counted(more as u64, "more table", "more tables")));
    }
    if plan.rows_lost.iter().any(|lost| lost.new_file) {
        text.push_str("           * made or written anew since: rows of before count as inserted too\n");
    }
    if let Some(note) = &plan.rows_lost_note {
        text.push_str(&format!("           there may be more: {note}\n"));
    }
    text
}

fn changes(lost: &RowsLost) -> String {
    let counts = [(lost.inserted, "inserted"), (lost.updated, "updated"), (lost.deleted, "deleted")];
    let told = counts.iter().filter(|(count, _)| *count > 0);
    told.map(|(count, what)| format!("{} {what}", units::count(*count))).collect::<Vec<_>>().join(", ")
}

/// Nothing is said of a step that was never measured but that.
fn takes(plan: &RestorePlan) -> String {
    let known: f64 = plan.steps.iter().filter_map(|step| step.seconds).sum();
    let unknown: Vec<&str> =
        plan.steps.iter().filter(|step| step.seconds.is_none()).map(|step| step.name.as_str()).collect();
    let all = match (plan.seconds, unknown.len() == plan.steps.len()) {
        (Some(seconds), _) => format!("about {}", units::seconds(seconds)),
        (None, true) => return "not known: none of its steps was measured yet".to_owned(),
        (None, false) => {
            format!("about {}, and what was not measured yet: {}", units::seconds(known), unknown.join(", "))
        }
    };
    match plan.unserved_seconds {
        Some(seconds) => format!("{all}; nobody can write for about {}", units::seconds(seconds)),
        None => all,
    }
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
    let about = step.seconds.map_or_else(|| "–".to_owned(), units::seconds);
    let mut text = format!(" {number:>2} {:<13} {about:>8}  {}\n", step.name, step.what);
    if let Some(undo) = &step.undo {
        text.push_str(&format!("    {:<13} {:>8}  ↶ {undo}\n", "", ""));
    }
    if step.pauses {
        text.push_str(&format!("    {:<13} {:>8}  when it fails a person decides\n", "", ""));
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

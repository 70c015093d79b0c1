//! Single databases or tables that were put beside the live ones.

use api::{ExtractAsk, ExtractReport};

use super::{View, units};

/// What will be done, before it is.
pub fn intent(ask: &ExtractAsk, source: &str) -> String {
    let what = match ask.tables.as_slice() {
        [] => format!("database {} of {source}", ask.database),
        tables => format!("{} of database {} of {source}", tables.join(", "), ask.database),
    };
    if ask.swap {
        return format!("Restore {what}; then it takes the place of the live one, which is kept under another name");
    }
    // As long as a name may be.
    let stem = &ask.database[..ask.database.floor_char_boundary(63 - "_restored".len())];
    let into = ask.into.clone().unwrap_or_else(|| format!("{stem}_restored"));
    let kind = if ask.tables.is_empty() { "as database" } else { "into schema" };
    format!("Restore {what} {kind} {into}; the live one stays as it is")
}

pub fn report(report: &ExtractReport, view: &View) -> String {
    let total = report.durations.iter().filter(|step| step.step == "opening" || step.step == "total");
    let total: f64 = total.map(|step| step.seconds).sum();
    let mark = if report.attention.is_empty() { '✓' } else { '!' };
    let mut text = format!("{mark} {} restored as {} in {}\n\n", report.what, report.into, units::seconds(total));
    let mut row = |name: &str, value: String| text.push_str(&format!(" {name:<9} {value}\n"));
    let commit = report.reached_commit.map_or(String::new(), |at| format!("{} · ", view.short_with_zone(at)));
    row("reached", format!("{commit}LSN {}", report.reached));
    let rows: u64 = report.tables.iter().map(|table| table.rows).sum();
    let tables = units::counted(report.tables.len() as u64, "table", "tables");
    row("counted", format!("{} in {tables}, the same as at that moment", units::counted(rows, "row", "rows")));
    for role in &report.roles_created {
        row("role", format!("{role} was missing: made without password, it cannot log in"));
    }
    for left in &report.left_out {
        row("left out", left.clone());
    }
    for attention in &report.attention {
        row("!", attention.clone());
    }
    for harmless in &report.harmless {
        row("harmless", harmless.clone());
    }
    match (&report.kept_as, &report.runbook) {
        (Some(kept), _) => row("swapped", format!("the one before is kept as {kept}")),
        (None, Some(_)) => row("put back", "it was not there: there was nothing to swap with".to_owned()),
        (None, None) => {}
    }
    for missing in &report.not_there {
        row("only old", missing.clone());
    }
    text
}

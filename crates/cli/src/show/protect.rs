//! What was found on a server that somebody wants to protect.

use api::{FindingView, ProtectAnswer};

pub fn answer(answer: &ProtectAnswer, dry_run: bool) -> String {
    let mut text = findings(&answer.findings);
    let blocking = answer.findings.iter().filter(|finding| finding.severity == "blocks").collect::<Vec<_>>();
    text.push_str(&match (answer.registered, dry_run) {
        (true, _) => format!(
            "✓ {} is protected: its log is received through slot {}\n    rekindle backup {}   takes the first backup\n",
            answer.name, answer.slot, answer.name
        ),
        (false, true) if blocking.is_empty() => "Nothing was registered: this was a look only.\n".to_owned(),
        (false, _) => format!("Nothing was registered. {}\n", what_to_do(&blocking)),
    });
    text
}

pub fn findings(found: &[FindingView]) -> String {
    found.iter().map(finding).collect()
}

fn finding(finding: &FindingView) -> String {
    let mark = match finding.severity.as_str() {
        "fine" => '✓',
        "warns" => '!',
        _ => '✗',
    };
    let mut text = format!("{mark} {}\n", finding.title);
    if mark != '✓' && !finding.why.is_empty() && !finding.title.contains(&finding.why) {
        text.push_str(&format!("    {}\n", finding.why));
    }
    let restart = if finding.needs_restart { "     needs a restart" } else { "" };
    match &finding.statement {
        Some(statement) => text.push_str(&format!("    {statement}{restart}\n")),
        None if finding.needs_restart => text.push_str("    needs a restart\n"),
        None => {}
    }
    text
}

fn what_to_do(blocking: &[&FindingView]) -> String {
    let statements = blocking.iter().filter(|finding| finding.statement.is_some()).count();
    let run = match statements {
        0 => "Mend what is marked ✗".to_owned(),
        1 => "Run the statement".to_owned(),
        _ => "Run the statements".to_owned(),
    };
    let restart = blocking.iter().any(|finding| finding.needs_restart);
    if restart {
        format!("{run}, restart the server, and repeat this command.")
    } else {
        format!("{run} and repeat this command.")
    }
}

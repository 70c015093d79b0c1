//! What applying a file changes, or has changed.

use api::ApplyAnswer;

use super::protect;

pub fn applied(answer: &ApplyAnswer) -> String {
    let mut text = String::new();
    for change in &answer.changes {
        text.push_str(&format!("  {change}\n"));
    }
    for source in answer.sources.iter().filter(|source| source.findings.iter().any(|found| found.severity != "fine")) {
        text.push_str(&format!("{}:\n{}", source.name, protect::findings(&source.findings)));
    }
    for name in &answer.left_out {
        text.push_str(&format!(
            "! {name} is not in the file any more and stays protected: rekindle unprotect {name}\n"
        ));
    }
    let blocked = answer.sources.iter().any(|source| source.findings.iter().any(|found| found.severity == "blocks"));
    text + &match (answer.applied, blocked, answer.changes.is_empty()) {
        (true, _, true) => format!("✓ stack {} is as the file says already\n", answer.stack),
        (true, _, false) => format!("✓ stack {} is as the file says now\n", answer.stack),
        (false, true, _) => "Nothing was applied. Run the statements and repeat this command.\n".to_owned(),
        (false, false, true) => format!("stack {} is as the file says\n", answer.stack),
        (false, false, false) => "Nothing was changed; `rekindle apply` does it.\n".to_owned(),
    }
}

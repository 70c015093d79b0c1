//! One line for what was asked and answered; what was not answered is not hidden.

use super::*;
use api::AuditBreak;

fn record(n: u64, who: &str, outcome: &str, request: &str) -> AuditRecord {
    AuditRecord {
        n,
        at: "2026-11-21T03:00:00Z".parse().unwrap(),
        who: who.to_owned(),
        via: "token".to_owned(),
        from: "10.0.0.7".to_owned(),
        action: "POST /api/v1/sources".to_owned(),
        subject: if outcome == "asked" { String::new() } else { "shop".to_owned() },
        outcome: outcome.to_owned(),
        request_id: request.to_owned(),
        hash: String::new(),
    }
}

#[test]
fn asked_and_answered_is_one_line() {
    let now = "2026-11-21T04:00:00[UTC]".parse().unwrap();
    let newest_first = [
        record(5, "eve", "refused RK-3071", "c"),
        record(4, "bob", "asked", "b"),
        record(3, "ada", "RK-3014", "a"),
        record(1, "ada", "asked", "a"),
    ];
    let text = list(&newest_first, &View { now, width: 120 });
    let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines.len(), 4, "{text}");
    assert_eq!(lines[0][..3], ["N", "WHEN", "WHO"]);
    assert!(lines[1].starts_with(&["1"]) && text.contains("shop     RK-3014"), "{text}");
    assert!(lines[2].starts_with(&["4"]) && lines[2].contains(&"asked"), "{text}");
    assert!(lines[3].starts_with(&["5"]) && lines[3].contains(&"refused"), "{text}");
}

#[test]
fn what_is_broken_is_named() {
    let broken = Some(AuditBreak { n: 7, what: "it is missing".to_owned() });
    let told =
        verdict(&AuditVerdict { whole: false, records: 6, mirrored: 9, other_logs: 1, head: "ab".to_owned(), broken });
    assert!(told.contains("broken at record 7: it is missing") && told.contains("another log"), "{told}");
}

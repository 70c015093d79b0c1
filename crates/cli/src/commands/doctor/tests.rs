//! What the daemon knows to be wrong stands in the way, whatever it is about.

use api::AlarmView;

use super::*;

fn status(version: &str, alarms: Vec<AlarmView>) -> Status {
    let now = "2026-11-21T03:00:00Z".parse().unwrap();
    let (version, vault) = (version.to_owned(), "file:/vault".to_owned());
    Status { version, now, vault, sources: vec![], instances: vec![], operations: vec![], alarms }
}

fn alarm(severity: &str, scope: &str, text: &str) -> AlarmView {
    let at = "2026-11-21T02:00:00Z".parse().unwrap();
    AlarmView {
        n: 1,
        kind: "a-kind".to_owned(),
        scope: scope.to_owned(),
        source: None,
        severity: severity.to_owned(),
        since: at,
        raised: at,
        last_seen: at,
        cleared: None,
        times_told: 1,
        text: text.to_owned(),
        advice: "mend it".to_owned(),
    }
}

#[test]
fn clocks_channels_and_the_vault_count() {
    let alarms = vec![
        alarm("critical", "channel hook", "nobody can be told by this channel"),
        alarm("warning", "vault", "the object store's clock is 90 s ahead of this host's"),
    ];
    let found = of_status(&status(env!("CARGO_PKG_VERSION"), alarms));
    let told: Vec<(&str, &str)> =
        found.iter().map(|finding| (finding.severity.as_str(), finding.title.as_str())).collect();
    let daemon = format!("the daemon answers, version {}", env!("CARGO_PKG_VERSION"));
    let expected = [
        ("fine", daemon.as_str()),
        ("blocks", "channel hook: nobody can be told by this channel"),
        ("warns", "vault: the object store's clock is 90 s ahead of this host's"),
    ];
    assert_eq!(told, expected);
    assert_eq!(verdict(&found), "1 in the way of a restore: see what is marked ✗.");
}

#[test]
fn two_versions_are_said() {
    let found = of_status(&status("0.0.1", vec![]));
    assert_eq!(found[0].severity, "warns");
    assert!(found[0].title.contains("the daemon is of version 0.0.1"), "{}", found[0].title);
}

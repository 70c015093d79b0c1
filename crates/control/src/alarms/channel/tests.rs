//! Signatures that others can verify, and texts that carry nothing they should not.

use jiff::Timestamp;

use super::*;

fn message() -> AlarmMessage {
    AlarmMessage {
        id: "n7".into(),
        event: "raised".into(),
        at: Timestamp::UNIX_EPOCH,
        title: "critical: log-gap of source shop".into(),
        text: "a gap <!channel> & more".into(),
        advice: "take a backup".into(),
        severity: "critical".into(),
        vault: "file:/v".into(),
        alarm: None,
    }
}

/// The figures are those of Python: `hmac.new(b"key", b"1795000000.{}", "sha256").hexdigest()`.
#[test]
fn a_signature_is_what_others_compute() {
    let expected = "t=1795000000,v1=71f6cd81e7ac967a6bfd8d621347e9ee7792b1fde3a9a64c3161a631437c7fb6";
    assert_eq!(webhook::signature("key", 1_795_000_000, b"{}"), expected);
    assert_ne!(webhook::signature("kex", 1_795_000_000, b"{}"), expected);
    assert_ne!(webhook::signature("key", 1_795_000_001, b"{}")[13..], expected[13..]);
}

#[test]
fn slack_is_told_nothing_that_it_would_act_on() {
    let text = slack::text(&message());
    assert!(text.contains("&lt;!channel&gt; &amp; more") && text.ends_with("_take a backup_"), "{text}");
}

#[test]
fn a_mail_says_what_to_do() {
    assert_eq!(smtp::body(&message()), "a gap <!channel> & more\n\nWhat to do: take a backup\n\nVault file:/v\n");
}

#[test]
fn an_address_shows_no_more_than_its_host() {
    assert_eq!(shown("https://hooks.example:8443/services/planted?token=planted"), "https://hooks.example:8443");
    assert_eq!(shown("env:HOOK"), "env:HOOK");
}

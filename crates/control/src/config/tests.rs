//! Configurations that are accepted, and mistakes that are named.

use super::*;

const LEAST: &str = "vault = \"file:/v\"\nkey_file = \"/k\"\ndata_folder = \"/d\"\nsocket = \"/s\"\n";

#[test]
fn the_least_is_enough_and_survives_writing() {
    let config = Config::parse(LEAST).unwrap();
    assert_eq!((config.backup.workers, config.log.interval_ms), (2, 500));
    assert_eq!(Config::parse(&config.to_toml().unwrap()).unwrap(), config);
}

#[test]
fn a_typo_is_refused_by_name() {
    let error = Config::parse(&format!("{LEAST}[backup]\nworkerz = 3\n")).unwrap_err();
    assert!(error.contains("workerz"), "{error}");
}

#[test]
fn values_out_of_range_are_refused() {
    for line in ["[backup]\nworkers = 0", "[backup]\nzstd_level = 30", "[log]\ninterval_ms = 1"] {
        assert!(Config::parse(&format!("{LEAST}{line}\n")).is_err(), "{line}");
    }
    assert!(Config::parse(&LEAST.replace("/k", "k")).is_err());
}

fn alerts(lines: &str) -> Result<Config, String> {
    Config::parse(&format!("{LEAST}{lines}\n"))
}

const HOOK: &str =
    "[[alerts.channel]]\nname = \"hook\"\nkind = \"webhook\"\nurl = \"https://ops/hook\"\nsecret = \"env:HOOK\"\n";
const MAIL: &str = "[[alerts.channel]]\nname = \"mail\"\nkind = \"smtp\"\nhost = \"mx\"\nfrom = \"a@b.example\"\nto = [\"c@d.example\"]\n";
const BEAT: &str = "[[alerts.heartbeat]]\nname = \"beat\"\nurl = \"env:BEAT\"\nsources = [\"shop\"]\n";

#[test]
fn channels_and_heartbeats_are_read_and_survive_writing() {
    let config = alerts(&format!("[alerts]\nlook_seconds = 1\n{HOOK}{MAIL}{BEAT}")).unwrap();
    assert_eq!((config.alerts.channel.len(), config.alerts.heartbeat[0].every_seconds), (2, 60));
    assert_eq!(Config::parse(&config.to_toml().unwrap()).unwrap(), config);
}

#[test]
fn channels_that_make_no_sense_are_refused_by_name() {
    let cases = [
        (HOOK.replace("https:", "http:"), "allow_http"),
        (HOOK.replace("https://ops", "https://user:planted@ops"), "holds a password"),
        (HOOK.replace("env:HOOK", "planted"), "env:NAME"),
        (HOOK.replace("secret =", "secrets ="), "secrets"),
        (HOOK.replace("webhook", "slack"), "secret is for webhooks"),
        (HOOK.replace("webhook", "slack").replace("secret = \"env:HOOK\"", ""), "is a secret"),
        (HOOK.replace("\"hook\"", "\"Hook 1\""), "a name has"),
        (format!("{HOOK}{HOOK}"), "two of alerts"),
        (format!("{HOOK}host = \"mx\"\n"), "are of smtp"),
        (MAIL.replace("c@d.example", "nobody"), "to is missing"),
        (format!("{MAIL}username = \"u\"\n"), "belong together"),
        (format!("{MAIL}username = \"u\"\npassword = \"env:P\"\nsecurity = \"none\"\n"), "without encryption"),
        (format!("{MAIL}url = \"https://x\"\n"), "other kinds"),
        (BEAT.replace("env:BEAT", "ftp://x"), "https://"),
        (format!("{BEAT}every_seconds = 0\n"), "every_seconds"),
        ("[alerts]\nlook_seconds = 0\n".to_owned(), "look_seconds"),
    ];
    for (text, expected) in cases {
        let error = alerts(&text).unwrap_err();
        assert!(error.contains(expected), "{text}: {error}");
        assert!(!error.contains("planted"), "{error}");
    }
}

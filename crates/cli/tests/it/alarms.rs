//! Alarms, end to end: a real daemon and server, and receivers that verify what they are told.

use std::io::Write;
use std::time::Duration;

use serde_json::Value;
use testkit::postgres::wait_until;

use crate::house::{House, PATIENCE, server, text};
use crate::receivers::{Listener, Receiver};

const HOOK_SECRET: &str = "planted-hook-secret";
const MAIL_PASSWORD: &str = "planted-mail-password";
const PATH_SECRET: &str = "planted-path-of-slack";

/// A house that looks every second and repeats nothing, with what else stands in its `[alerts]`.
fn house(settings: &[(&str, &str)], channels: &str) -> House {
    let mut house = House::bare(server(15));
    house.variable("HOOK_SECRET", HOOK_SECRET);
    house.variable("MAIL_PASSWORD", MAIL_PASSWORD);
    house.init();
    house.configure("look_seconds = 10", "look_seconds = 1");
    house.configure("hold_off_seconds = 30", "hold_off_seconds = 1");
    for (old, new) in settings {
        house.configure(old, new);
    }
    append(&house, channels);
    house.start_daemon();
    house.protect();
    house
}

fn append(house: &House, text: &str) {
    let mut file = std::fs::File::options().append(true).open(house.path("rekindle.toml")).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

fn hook(port: u16) -> String {
    format!(
        "[[alerts.channel]]\nname = \"hook\"\nkind = \"webhook\"\nurl = \"http://127.0.0.1:{port}/alarms\"\nsecret = \"env:HOOK_SECRET\"\n"
    )
}

fn alarms(house: &House, words: &[&str]) -> Vec<Value> {
    let all = [&["alerts"], words].concat();
    let (code, found) = house.run(&all);
    assert!(code <= 1, "{found:#}");
    found.as_array().cloned().unwrap_or_default()
}

fn raised(house: &House, kind: &str) -> Option<Value> {
    alarms(house, &["--kind", kind]).into_iter().next()
}

/// Waits until it is raised.
fn comes(house: &House, kind: &str) -> Value {
    let mut found = None;
    let there = wait_until(PATIENCE, || {
        found = raised(house, kind);
        found.is_some()
    });
    assert!(there, "no {kind} among {:#?}\n{}", alarms(house, &[]), house.log());
    found.unwrap()
}

fn goes(house: &House, kind: &str) {
    let gone = wait_until(PATIENCE, || raised(house, kind).is_none());
    assert!(gone, "{kind} stays: {:#?}\n{}", alarms(house, &[]), house.log());
}

fn told(house: &House, receiver: &Receiver, kind: &str, expected: &[&str]) {
    let there = wait_until(PATIENCE, || receiver.events(kind).len() >= expected.len());
    assert!(there && receiver.events(kind) == expected, "{kind}: {:?}\n{}", receiver.events(kind), house.log());
}

#[test]
fn raised_once_cleared_once_also_across_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::webhook(folder.path(), HOOK_SECRET);
    let mut house = house(&[], &hook(receiver.port));
    comes(&house, "no-backup");
    told(&house, &receiver, "no-backup", &["raised"]);
    house.ok(&["backup", "shop"]);
    goes(&house, "no-backup");
    told(&house, &receiver, "no-backup", &["raised", "cleared"]);
    house.server.kill9();
    let alarm = comes(&house, "log-not-received");
    assert_eq!((alarm["severity"].as_str(), alarm["source"].as_str()), (Some("critical"), Some("shop")));
    assert_eq!(house.run(&["alerts"]).0, 1, "something critical is raised");
    told(&house, &receiver, "log-not-received", &["raised"]);
    house.kill_daemon();
    house.start_daemon();
    let looked = || metric(&house, "rekindle_last_look_timestamp_seconds").is_some();
    assert!(wait_until(PATIENCE, looked), "{}", house.log());
    assert_eq!(raised(&house, "log-not-received").unwrap()["n"], alarm["n"], "it is the same one");
    house.server.start();
    goes(&house, "log-not-received");
    told(&house, &receiver, "log-not-received", &["raised", "cleared"]);
    let shown = house.ok(&["alerts", "show", &alarm["n"].to_string()]);
    assert!(!shown["cleared"].is_null(), "{shown:#}");
    let notices = shown["notices"].as_array().unwrap();
    let delivered = |notice: &Value| notice["channel"] == "hook" && notice["outcome"] == "delivered";
    assert!(notices.len() == 2 && notices.iter().all(delivered), "{shown:#}");
    let history = alarms(&house, &["--since", "1 hour ago"]);
    let numbers: Vec<u64> = history.iter().filter_map(|alarm| alarm["n"].as_u64()).collect();
    assert!(numbers.len() >= 2 && numbers.windows(2).all(|pair| pair[0] > pair[1]), "the newest first: {numbers:?}");
    let page = alarms(&house, &["--all", "--before", &numbers[0].to_string(), "--last", "1"]);
    assert_eq!(page[0]["n"].as_u64(), Some(numbers[1]));
    assert_eq!(house.refused(&["alerts", "show", "999"]), (3, "RK-3010".into()));
}

/// The first sample of a metric.
fn metric(house: &House, name: &str) -> Option<f64> {
    let answer = house.ask("GET", "/metrics", "");
    let sample = answer.lines().find(|line| line.starts_with(name) && !line.starts_with('#'))?.to_owned();
    sample.rsplit(' ').next()?.parse().ok()
}

#[test]
fn a_vault_that_is_away_is_noticed_and_stops_the_heartbeat() {
    let beat = Listener::start();
    let heartbeat = format!(
        "[[alerts.heartbeat]]\nname = \"beat\"\nurl = \"http://127.0.0.1:{}/ping\"\nevery_seconds = 1\nsources = [\"shop\"]\n",
        beat.port
    );
    let house = house(&[], &heartbeat);
    comes(&house, "no-backup");
    let before = beat.count();
    house.ok(&["backup", "shop"]);
    goes(&house, "no-backup");
    assert!(wait_until(PATIENCE, || beat.count() > before + 1), "all is well, and nobody hears of it\n{}", house.log());
    assert!(beat.asked()[0].starts_with("GET /ping "));
    std::fs::rename(house.path("vault"), house.path("away")).unwrap();
    comes(&house, "vault-unreachable");
    // What was on its way when it was raised has arrived by the time the daemon has looked again.
    let at = metric(&house, "rekindle_last_look_timestamp_seconds").unwrap();
    assert!(wait_until(PATIENCE, || metric(&house, "rekindle_last_look_timestamp_seconds") > Some(at + 3.0)));
    let silent = beat.count();
    assert!(wait_until(PATIENCE, || metric(&house, "rekindle_last_look_timestamp_seconds") > Some(at + 7.0)));
    assert_eq!(beat.count(), silent, "it is called although the vault is away");
    assert!(raised(&house, "no-backup").is_none(), "nobody can say that there is none");
    let status = house.run(&["status"]);
    assert_eq!((status.0, status.1["sources"][0]["backups"].as_u64()), (1, Some(1)), "{:#}", status.1);
    assert!(status.1["alarms"].as_array().unwrap().iter().any(|alarm| alarm["kind"] == "vault-unreachable"));
    assert!(
        answer(&house, "/readyz").starts_with("HTTP/1.1 503") && answer(&house, "/healthz").starts_with("HTTP/1.1 200")
    );
    std::fs::rename(house.path("away"), house.path("vault")).unwrap();
    goes(&house, "vault-unreachable");
    assert!(wait_until(PATIENCE, || beat.count() > silent), "all is well again: {:#?}", alarms(&house, &[]));
    assert!(answer(&house, "/readyz").starts_with("HTTP/1.1 200"));
    house.caught_up();
    house.is_sound();
}

/// Whatever its status.
fn answer(house: &House, path: &str) -> String {
    use std::io::Read;
    let mut stream = std::os::unix::net::UnixStream::connect(house.path("socket")).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: rekindle\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_channel_that_fails_is_told_by_the_others_and_gets_what_it_missed() {
    let folder = tempfile::tempdir().unwrap();
    let (mut receiver, other) = (Receiver::webhook(folder.path(), HOOK_SECRET), Listener::start());
    let slack = format!(
        "[[alerts.channel]]\nname = \"team\"\nkind = \"slack\"\nurl = \"file:{}\"\nseverity = \"critical\"\n",
        folder.path().join("slack").display()
    );
    std::fs::write(folder.path().join("slack"), format!("http://127.0.0.1:{}/{PATH_SECRET}", other.port)).unwrap();
    receiver.end();
    let house = house(&[], &(hook(receiver.port) + &slack));
    let alarm = comes(&house, "channel-failing");
    assert_eq!(alarm["scope"], "channel hook");
    let heard = |word: &str| other.asked().iter().any(|asked| asked.contains(word));
    assert!(wait_until(PATIENCE, || heard("channel-failing")), "{:?}\n{}", other.asked(), house.log());
    assert!(
        heard(&format!("POST /{PATH_SECRET} ")) && !heard("no-backup"),
        "a warning is not for it: {:?}",
        other.asked()
    );
    assert_eq!(metric(&house, "rekindle_alert_channel_up{channel=\"hook\"}"), Some(0.0));
    receiver.begin();
    goes(&house, "channel-failing");
    told(&house, &receiver, "no-backup", &["raised"]);
    told(&house, &receiver, "channel-failing", &["raised", "cleared"]);
    // One that says no.
    other.answers(403);
    let (code, tests) = house.run(&["alert", "test"]);
    assert_eq!((code, tests.as_array().map(Vec::len)), (1, Some(2)));
    assert_eq!(
        (&tests[0]["delivered"], &tests[1]["delivered"]),
        (&Value::Bool(true), &Value::Bool(false)),
        "{tests:#}"
    );
    assert!(tests[1]["error"].as_str().unwrap().contains("403"), "{tests:#}");
    assert_eq!(house.run(&["alert", "test", "hook"]).0, 0);
    assert_eq!(house.refused(&["alert", "test", "nobody"]), (3, "RK-3010".into()));
    assert!(receiver.told().iter().any(|message| message["event"] == "test"));
    nothing_is_told(&house, &[&tests, &house.run(&["alerts", "--all"]).1]);
}

/// No secret stands anywhere but where it was put.
fn nothing_is_told(house: &House, answers: &[&Value]) {
    let said = answers.iter().map(ToString::to_string).collect::<String>();
    let metrics = house.ask("GET", "/metrics", "");
    let mut places = vec![("log".to_owned(), house.log().into_bytes()), ("answers".into(), said.into_bytes())];
    places.push(("metrics".into(), metrics.into_bytes()));
    for entry in std::fs::read_dir(house.path("data")).unwrap().flatten().filter(|entry| entry.path().is_file()) {
        places.push((entry.path().display().to_string(), std::fs::read(entry.path()).unwrap()));
    }
    for (place, bytes) in places {
        assert!(!bytes.windows(8).any(|window| window == b"planted-"), "a secret stands in {place}");
    }
}

#[test]
fn mail_goes_encrypted_and_only_with_the_password() {
    let folder = tempfile::tempdir().unwrap();
    testkit::certificates::make(folder.path());
    let receiver = Receiver::mail(folder.path(), "rekindle", MAIL_PASSWORD);
    std::fs::write(folder.path().join("wrong"), "planted-wrong-password").unwrap();
    let mail = |name: &str, password: &str, ca: &str| {
        format!(
            "[[alerts.channel]]\nname = \"{name}\"\nkind = \"smtp\"\nhost = \"localhost\"\nport = {}\nusername = \"rekindle\"\n\
             password = \"{password}\"\nfrom = \"Rekindle <rekindle@a.example>\"\nto = [\"oncall@b.example\"]\nca_file = {:?}\n",
            receiver.port,
            folder.path().join(ca)
        )
    };
    let wrong = format!("file:{}", folder.path().join("wrong").display());
    let channels = mail("mail", "env:MAIL_PASSWORD", "ca.crt")
        + &mail("stranger", "env:MAIL_PASSWORD", "other.crt")
        + &mail("denied", &wrong, "ca.crt")
        + &mail("unset", "env:NOT_SET", "ca.crt");
    let house = house(&[], &channels);
    let (code, tests) = house.run(&["alert", "test"]);
    let of = |name: &str| tests.as_array().unwrap().iter().find(|test| test["channel"] == name).unwrap().clone();
    assert_eq!((code, &of("mail")["delivered"]), (1, &Value::Bool(true)), "{tests:#}");
    for (name, why) in [("stranger", "ertificate"), ("denied", "535"), ("unset", "env:NOT_SET")] {
        let test = of(name);
        assert!(test["error"].as_str().is_some_and(|error| error.contains(why)), "{test:#}");
    }
    let critical = || receiver.told().into_iter().find(|mail| mail["subject"].as_str().unwrap().contains("no-backup"));
    assert!(wait_until(PATIENCE, || critical().is_some()), "{:#?}\n{}", receiver.told(), house.log());
    let mail = critical().unwrap();
    assert_eq!((mail["to"][0].as_str(), &mail["encrypted"]), (Some("oncall@b.example"), &Value::Bool(true)));
    assert_eq!(mail["subject"], "Rekindle: warning · no-backup · source shop");
    assert!(mail["text"].as_str().unwrap().contains("What to do: take one: rekindle backup shop"), "{mail:#}");
    nothing_is_told(&house, &[&tests, &house.run(&["alerts"]).1]);
}

fn apply(house: &House, rules: &str) {
    let url = house.server.socket_url("postgres");
    let file = format!("[stack]\nname = \"shop\"\n[[source]]\nname = \"shop\"\nurl = {url:?}\n{rules}");
    std::fs::write(house.path("stack.toml"), file).unwrap();
    assert_eq!(house.ok(&["apply", text(&house.path("stack.toml"))])["applied"], true);
}

#[test]
fn a_backup_that_does_not_come_is_missed_and_one_that_waits_is_not_forgotten() {
    let settings = [
        ("overdue_grace_seconds = 1800", "overdue_grace_seconds = 2"),
        ("waiting_seconds = 3600", "waiting_seconds = 1"),
    ];
    let mut house = house(&settings, "");
    house.server.kill9();
    apply(&house, "[[policy.backup]]\nname = \"often\"\nschedule = \"every 1 min\"\nkeep = \"last 2\"\n");
    let mut id = String::new();
    let retries = wait_until(PATIENCE, || {
        let operations = house.ok(&["ops", "--kind", "backup", "--unfinished"]);
        id = operations[0]["id"].as_str().unwrap_or_default().to_owned();
        operations[0]["status"] == "retrying"
    });
    assert!(retries, "{}", house.log());
    house.ok(&["ops", "pause", &id]);
    let waits = comes(&house, "operation-waits");
    assert_eq!(waits["scope"].as_str(), Some(&*format!("operation {id}")));
    house.ok(&["ops", "resume", &id]);
    goes(&house, "operation-waits");
    comes(&house, "backup-failing");
    let overdue = comes(&house, "backup-overdue");
    assert!(overdue["text"].as_str().unwrap().contains("rule often (every 1 min)"), "{overdue:#}");
    house.server.start();
    let (fine, patience) =
        (|| raised(&house, "backup-overdue").is_none() && raised(&house, "backup-failing").is_none(), 3 * PATIENCE);
    assert!(wait_until(patience, fine), "{:#?}\n{}", alarms(&house, &[]), house.log());
    let kinds = alarms(&house, &["--all"]);
    for kind in ["operation-waits", "backup-failing"] {
        assert_eq!(kinds.iter().filter(|alarm| alarm["kind"] == kind).count(), 1, "{kind} was raised once: {kinds:#?}");
    }
}

#[test]
fn the_key_the_disk_and_the_daemon_itself() {
    let mut house =
        house(&[("key_test_seconds = 86400", "key_test_seconds = 1"), ("free_percent = 0", "free_percent = 100")], "");
    assert!(wait_until(PATIENCE, || metric(&house, "rekindle_key_last_tested_timestamp_seconds").is_some()));
    std::fs::rename(house.path("key"), house.path("key.away")).unwrap();
    assert_eq!(comes(&house, "key-not-working")["scope"], "vault");
    std::fs::rename(house.path("key.away"), house.path("key")).unwrap();
    goes(&house, "key-not-working");
    // Something is on every disk, so both places fill.
    comes(&house, "disk-filling");
    comes(&house, "vault-filling");
    for _ in 0..5 {
        house.kill_daemon();
        house.start_daemon();
    }
    let alarm = comes(&house, "restart-loop");
    assert_eq!((alarm["scope"].as_str(), alarm["severity"].as_str()), (Some("daemon"), Some("critical")));
}

#[test]
fn a_check_that_finds_damage_and_a_promise_that_cannot_be_held() {
    let house = house(&[], "");
    house.ok(&["backup", "shop"]);
    house.restore("back", &["--to", "latest"]);
    // It restores in less than a second; what it has grown to does not.
    let grows = "CREATE TABLE t AS SELECT n, repeat('y', 400) AS text FROM generate_series(1, 400000) n";
    house.server.sql("postgres", grows);
    house.ok(&["backup", "shop"]);
    apply(&house, "[policy.objectives]\nrto = \"1 s\"\n");
    let over = comes(&house, "over-rto");
    assert!(over["text"].as_str().unwrap().contains("1 restore"), "{over:#}");
    assert!(metric(&house, "rekindle_restore_projected_seconds").is_some_and(|seconds| seconds > 1.0));
    let packs = house.path("vault/packs");
    let first = |folder: &std::path::Path| std::fs::read_dir(folder).unwrap().flatten().next().unwrap().path();
    let pack = first(&first(&packs));
    let whole = std::fs::read(&pack).unwrap();
    std::fs::write(&pack, &whole[..whole.len() / 2]).unwrap();
    let _ = house.run(&["check"]);
    assert_eq!(comes(&house, "check-failed")["severity"], "critical");
    std::fs::write(&pack, &whole).unwrap();
    house.is_sound();
    goes(&house, "check-failed");
}

#[test]
fn metrics_have_their_names_and_the_figures_of_the_day() {
    let house = house(&[], "");
    house.ok(&["backup", "shop"]);
    assert!(
        wait_until(PATIENCE, || metric(&house, "rekindle_backups{source=\"shop\"}") == Some(1.0)),
        "{}",
        house.log()
    );
    let answer = house.ask("GET", "/metrics", "");
    assert!(
        answer.contains("content-type: application/openmetrics-text; version=1.0.0") && answer.ends_with("# EOF\n")
    );
    let expected = [
        "rekindle_build_info{version=\"0.1.0\"} 1",
        "rekindle_log_receiving{source=\"shop\"} 1",
        "rekindle_operations{kind=\"backup\",state=\"succeeded\"} 1",
        "rekindle_alarms{kind=\"log-gap\",severity=\"critical\"} 0",
        "rekindle_api_requests_total{method=\"GET\",route=\"/api/v1/status\",status=\"200\"} ",
        "rekindle_log_last_commit_durable_timestamp_seconds{source=\"shop\"} ",
        "rekindle_backup_size_bytes{source=\"shop\"} ",
        "rekindle_vault_size_bytes ",
        "rekindle_vault_free_bytes ",
    ];
    for line in expected {
        assert!(answer.contains(line), "{line} is not in {answer}");
    }
    assert!(metric(&house, "rekindle_backup_age_seconds").is_some_and(|age| (0.0..600.0).contains(&age)));
    assert!(Duration::from_secs_f64(metric(&house, "rekindle_backup_duration_seconds").unwrap()) < PATIENCE);
}

//! Operations survive the daemon, are told what to do, and say how they stand; and what a policy does by itself.

use serde_json::Value;
use testkit::postgres::wait_until;

use crate::house::{House, PATIENCE, Restored, server, text};
use crate::opened::house;

fn operations(house: &House) -> Vec<Value> {
    house.ok(&["ops"]).as_array().cloned().unwrap_or_default()
}

/// Runs a command beside, and returns when its operation is there.
fn begun(house: &House, words: &[&str], kind: &str) -> (std::process::Child, String) {
    let before = operations(house).len();
    let child = house.spawn(words);
    assert!(wait_until(PATIENCE, || operations(house).len() > before), "{}", house.log());
    let newest = operations(house)[0].clone();
    assert_eq!(newest["kind"], kind);
    (child, newest["id"].as_str().unwrap().to_owned())
}

fn status(house: &House, id: &str) -> String {
    house.ok(&["ops", "show", id])["status"].as_str().unwrap().to_owned()
}

fn succeeds(house: &House, id: &str) {
    assert!(wait_until(PATIENCE, || ["succeeded", "failed", "stuck"].contains(&&*status(house, id))));
    assert_eq!(status(house, id), "succeeded", "{:#}\n{}", house.ok(&["ops", "show", id]), house.log());
}

/// The daemon is killed in the middle of each kind of operation; the next one goes on with it, and it is done once.
#[test]
fn killed_in_the_middle_they_come_to_their_end() {
    let mut house = house(15);
    house
        .server
        .sql("postgres", "CREATE TABLE more AS SELECT n, repeat('y', 400) AS text FROM generate_series(1, 60000) n");
    let back = house.path("back");
    let cases: [(&[&str], &str); 5] = [
        (&["backup", "shop", "--full"], "backup"),
        (&["clone", "shop", "--to", "latest", "--name", "staging"], "clone"),
        (&["drill", "shop"], "drill"),
        (&["check", "--read-data"], "check"),
        (&["restore", "shop", "--to", "latest", "--into", text(&back), "--yes"], "restore"),
    ];
    for (words, kind) in cases {
        let backups = house.backups();
        let (mut child, id) = begun(&house, words, kind);
        house.kill_daemon();
        let _ = child.wait();
        house.start_daemon();
        succeeds(&house, &id);
        let shown = house.ok(&["ops", "show", &id]);
        assert_eq!(shown["asked_by"], "root");
        let more = usize::from(kind == "backup");
        assert_eq!(house.backups(), backups + more, "{kind}");
        if kind == "restore" {
            let restored = Restored::of(shown["result"].clone(), house.server.bin_dir());
            assert_eq!(restored.sql("postgres", "SELECT count(*) FROM more"), "60000");
        }
    }
    assert_eq!(house.ok(&["clones", "staging"])["standing"], "serves");
    let timeline = house.ok(&["timeline", "shop"]);
    let proven = timeline["backups"].as_array().unwrap().iter().any(|backup| !backup["proven"].is_null());
    let drill = house.ok(&["ops", "--kind", "drill"]);
    assert!(proven, "{timeline:#} {drill:#} {}", house.log());
}

#[test]
fn told_by_people() {
    let house = house(15);
    house
        .server
        .sql("postgres", "CREATE TABLE more AS SELECT n, repeat('y', 400) AS text FROM generate_series(1, 500000) n");
    let (mut child, id) = begun(&house, &["backup", "shop", "--full", "--name", "wrong"], "backup");
    let why = why_not(&house, "wrong");
    assert!(why.contains(&format!("it is not complete: operation {id} is not over yet")), "{why}");
    let told = house.ok(&["ops", "cancel", &id, "--why", "the wrong one"]);
    assert_eq!(told["id"].as_str(), Some(&*id));
    assert_eq!(child.wait().unwrap().code(), Some(4));
    assert!(wait_until(PATIENCE, || status(&house, &id) == "cancelled"));
    let why = why_not(&house, "wrong");
    assert!(why.contains("it was cancelled at"), "{why}");
    assert_eq!(house.refused(&["ops", "retry", &id]), (4, "RK-3042".into()));
    assert_eq!(house.refused(&["ops", "show", "nothing"]), (3, "RK-3010".into()));
    assert_eq!(house.refused(&["approve", &id]), (4, "RK-3042".into()));
    let said = house.prints(&["ops", "logs", &id]);
    assert!(said.contains("cancelled (RK-1040)"), "{said}");
    house.ok(&["backup", "shop"]);
    let of_shop = house.ok(&["ops", "--kind", "backup", "--source", "shop", "--last", "2"]);
    assert_eq!(of_shop.as_array().unwrap().len(), 2);
    assert_eq!(house.ok(&["ops", "--unfinished"]), Value::Array(vec![]));
}

/// Why a backup cannot be restored that somebody names.
fn why_not(house: &House, backup: &str) -> String {
    let into = house.path("not");
    let (code, answer) = house.run(&["restore", "shop", "--backup", backup, "--into", text(&into), "--yes"]);
    assert_eq!(code, 4, "{answer}");
    assert!(!into.exists());
    answer["message"].as_str().unwrap().to_owned()
}

#[test]
fn an_expired_backup_is_refused_by_name() {
    let house = house(15);
    house.ok(&["backup", "shop", "--name", "before-release"]);
    house.ok(&["backup", "shop"]);
    house.ok(&["expire", "shop", "--keep-last", "1", "--grace", "1h", "--apply", "--yes"]);
    let why = why_not(&house, "before-release");
    assert!(why.contains("it expired at"), "{why}");
    // The tombstone goes when something is newer than it; the catalog remembers.
    house.ok(&["backup", "shop"]);
    house.ok(&["expire", "shop", "--keep-last", "1", "--grace", "0s", "--apply", "--yes"]);
    let why = why_not(&house, "before-release");
    assert!(why.contains("it was complete at") && why.contains("has expired since"), "{why}");
    let why = why_not(&house, "never-was");
    assert!(why.contains("there is no completed backup \"never-was\""), "{why}");
}

#[test]
fn one_backup_of_a_source_at_a_time_and_one_for_a_key() {
    let house = house(15);
    house
        .server
        .sql("postgres", "CREATE TABLE more AS SELECT n, repeat('y', 400) AS text FROM generate_series(1, 500000) n");
    let (mut child, _) = begun(&house, &["backup", "shop", "--full"], "backup");
    assert_eq!(house.refused(&["backup", "shop"]), (4, "RK-3012".into()));
    assert!(child.wait().unwrap().success());
}

fn stack_file(house: &House, rules: &str) -> std::path::PathBuf {
    let url = house.server.socket_url("postgres");
    let text = format!("[stack]\nname = \"shop\"\n[[source]]\nname = \"shop\"\nurl = {url:?}\n{rules}");
    let path = house.path("stack.toml");
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn a_policy_backs_up_and_expires_by_itself() {
    let house = House::new(server(15));
    let rules = "[[policy.backup]]\nname = \"often\"\nschedule = \"every 1 min\"\nkeep = \"last 1\"\n\
                 [policy.log]\nkeep = \"1 s\"\n[policy.entitlements]\nmanual_backups = 1\nclones = \"no\"\n";
    let file = stack_file(&house, rules);
    let (code, answer) = house.run(&["diff", text(&file)]);
    assert_eq!((code, &answer["applied"]), (1, &Value::Bool(false)), "{answer:#}");
    assert_eq!(house.ok(&["apply", text(&file)])["applied"], true);
    assert_eq!(house.run(&["diff", text(&file)]).0, 0, "what was applied is no change");
    let by_rule = |least: usize| {
        let backups = house.ok(&["ops", "--kind", "backup"]).as_array().unwrap().clone();
        let done = |one: &&Value| one["asked_by"] == "timetable" && one["status"] == "succeeded";
        backups.iter().filter(done).count() >= least
    };
    assert!(wait_until(PATIENCE, || by_rule(1)), "{:#?}\n{}", operations(&house), house.log());
    assert!(wait_until(PATIENCE, || house.run(&["backup", "shop", "--name", "by hand"]).0 == 0));
    assert_eq!(house.refused(&["backup", "shop"]), (4, "RK-3018".into()));
    assert_eq!(house.refused(&["clone", "shop", "--to", "latest"]), (4, "RK-3018".into()));
    assert!(wait_until(2 * PATIENCE, || by_rule(2)), "{:#?}\n{}", operations(&house), house.log());
    let backups = house.ok(&["timeline", "shop"])["backups"].as_array().unwrap().clone();
    assert_eq!(backups.iter().filter(|backup| backup["rule"] == "often").count(), 1, "{backups:#?}");
    assert!(backups.iter().any(|backup| backup["label"] == "by hand"), "manual backups stay: {backups:#?}");
    let exported = house.ok(&["export"]);
    assert!(exported[0]["file"].as_str().unwrap().contains("every 1 min"), "{exported:#}");
}

#[test]
fn a_wrong_file_is_told_all_at_once_and_changes_nothing() {
    let house = House::new(server(15));
    let file = stack_file(&house, "[[policy.backup]]\nname = \"x\"\nschedule = \"sometimes\"\nkeep = \"for ever\"\n");
    let (code, error) = house.run(&["apply", text(&file)]);
    let message = error["message"].as_str().unwrap();
    assert_eq!((code, error["code"].as_str()), (2, Some("RK-3017")));
    assert!(message.contains("policy.backup[0].schedule") && message.contains("policy.backup[0].keep"), "{message}");
    assert_eq!(house.ok(&["export"]), Value::Array(vec![]));
    assert_eq!(house.refused(&["export", "nothing"]), (3, "RK-3010".into()));
    assert_eq!(house.refused(&["apply", "/nowhere/at-all.toml"]), (2, "RK-4005".into()));
}

#[test]
fn an_operation_is_watched_and_who_comes_back_misses_nothing() {
    let house = house(15);
    house.ok(&["backup", "shop", "--name", "watched"]);
    let id = operations(&house)[0]["id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/operations/{id}/events");
    let all = house.ask("GET", &path, "");
    assert!(all.contains("text/event-stream") && all.contains("event: end"), "{all}");
    assert!(all.contains("event: operation") && all.contains("\"label\":\"watched\""), "{all}");
    let ids: Vec<&str> = all.lines().filter_map(|line| line.strip_prefix("id: ")).collect();
    let rest = house.ask_with("GET", &path, &format!("Last-Event-ID: {}\r\n", ids.last().unwrap()), "");
    assert!(
        rest.contains("event: end") && !rest.contains("event: operation") && !rest.contains("event: line"),
        "{rest}"
    );
    assert!(house.ask_with("GET", "/api/v1/operations/nothing/events", "", "").starts_with("HTTP/1.1 404"));
    // Behind an operation in the list comes the one before it.
    let behind = house.ask("GET", &format!("/api/v1/operations?before={id}&limit=1"), "");
    assert!(behind.contains("\"kind\":\"backup\"") && !behind.contains(&id), "{behind}");
}

#[test]
fn two_people_do_not_overwrite_each_others_file_unseen() {
    let house = House::new(server(15));
    let file = stack_file(&house, "[policy.log]\nkeep = \"10 days\"\n");
    house.ok(&["apply", text(&file)]);
    let seen = house.ok(&["export", "shop"])[0]["etag"].as_str().unwrap().to_owned();
    assert!(house.ask("GET", "/api/v1/stacks/shop", "").contains(&seen), "the ETag is in the head");
    let put = |days: u32, tag: &str| {
        stack_file(&house, &format!("[policy.log]\nkeep = \"{days} days\"\n"));
        let body = serde_json::json!({ "file": std::fs::read_to_string(&file).unwrap() }).to_string();
        let answer = house.ask_with("PUT", "/api/v1/stacks", &format!("If-Match: {tag}\r\n"), &body);
        answer.lines().next().unwrap().to_owned()
    };
    assert!(put(20, &seen).contains("200"));
    assert!(put(30, &seen).contains("412"), "it is the file of the first now");
    assert!(put(30, "*").contains("200"));
}

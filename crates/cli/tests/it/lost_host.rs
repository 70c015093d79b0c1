//! Everything is lost but the vault and a key: the daemon comes back with what it knew.

use serde_json::Value;
use testkit::postgres::wait_until;

use crate::house::{House, PATIENCE, text};
use crate::opened::house;

/// Waits until a state of the catalog is in the vault that was begun from now on.
pub(crate) fn copied(house: &House) {
    let states = || -> Vec<String> {
        let names = std::fs::read_dir(house.path("vault/catalog")).into_iter().flatten().flatten();
        let names = names.map(|entry| entry.file_name().to_string_lossy().into_owned());
        names.filter(|name| name.ends_with("-state")).collect()
    };
    let before = states();
    let is_new = |name: &&String| !before.contains(name);
    assert!(wait_until(PATIENCE, || states().iter().filter(is_new).count() >= 2), "no copy is made\n{}", house.log());
}

fn recover(house: &House, key: &[&str]) -> (i32, Value) {
    let (vault, data, socket) = (house.vault().to_owned(), house.path("data"), house.path("socket"));
    let mut words = vec!["--socket", text(&socket), "recover", "--catalog", "--vault", &vault];
    words.extend(["--data-folder", text(&data)]);
    words.extend(key);
    house.run(&words)
}

/// The key was kept elsewhere.
fn burn(house: &House) {
    std::fs::rename(house.path("key"), house.path("escrow")).unwrap();
    for lost in ["data", "data.instances"] {
        let _ = std::fs::remove_dir_all(house.path(lost));
    }
    for lost in ["rekindle.toml", "stack.toml", "log"] {
        std::fs::remove_file(house.path(lost)).unwrap();
    }
}

#[test]
fn a_daemon_comes_back_from_the_vault() {
    let mut house = house(15);
    house.kill_daemon();
    house.configure("copy_seconds = 300", "copy_seconds = 1");
    house.configure("mirror_seconds = 60", "mirror_seconds = 1");
    house.start_daemon();
    let url = house.server.socket_url("postgres");
    let file = house.path("stack.toml");
    let policy = "[policy.log]\nkeep = \"30 days\"\n[[policy.backup]]\nname = \"daily\"\nschedule = \"daily at 02:00\"\nkeep = \"5 days\"\n";
    std::fs::write(&file, format!("[stack]\nname = \"shop\"\n[[source]]\nname = \"shop\"\nurl = {url:?}\n{policy}"))
        .unwrap();
    house.ok(&["apply", text(&file)]);
    house.ok(&["backup", "shop", "--name", "before-the-fire"]);
    let drill = house.ok(&["drill", "shop"]);
    let (exported, history) = (house.ok(&["export"]), house.ok(&["ops"]));
    house.kill_daemon();
    house.variable("REKINDLE_TEST_FAULT", "backup/store/hangs");
    house.start_daemon();
    let mut child = house.spawn(&["backup", "shop", "--full"]);
    assert!(wait_until(PATIENCE, || house.ok(&["ops", "--unfinished"]) != Value::Array(vec![])));
    let under_way = house.ok(&["ops", "--unfinished"])[0]["id"].as_str().unwrap().to_owned();
    copied(&house);
    let audited = house.ok(&["audit", "verify"]);
    house.kill_daemon();
    let _ = child.wait();
    house.variable("REKINDLE_TEST_FAULT", "");
    burn(&house);
    let escrow = house.path("escrow");
    let (code, done) = recover(&house, &["--key", text(&escrow)]);
    assert_eq!(code, 0, "{done:#}");
    assert_eq!((&done["sources"][0], &done["stacks"][0]), (&"shop".into(), &"shop".into()));
    assert_eq!(done["paused"], serde_json::json!([under_way]), "{done:#}");
    house.start_daemon();
    house.caught_up();
    for kept in ["file", "etag", "applied", "applied_by"] {
        assert_eq!(house.ok(&["export"])[0][kept], exported[0][kept]);
    }
    let known = house.ok(&["ops"]).as_array().unwrap().clone();
    for old in history.as_array().unwrap() {
        let again = known.iter().find(|one| one["id"] == old["id"]);
        assert!(
            again.is_some_and(|again| again["result"] == old["result"] && again["steps"] == old["steps"]),
            "{old:#}"
        );
        let lines =
            |house: &House| house.ask("GET", &format!("/api/v1/operations/{}/log", old["id"].as_str().unwrap()), "");
        assert!(lines(&house).contains("HTTP/1.1 200"));
    }
    let evidence = house.ask("GET", &format!("/api/v1/sources/shop/drills/{}", drill["id"].as_str().unwrap()), "");
    assert!(evidence.contains("\"passed\":true"), "{evidence}");
    let verdict = house.ok(&["audit", "verify"]);
    assert!(verdict["whole"] == true && verdict["records"].as_u64() > audited["records"].as_u64(), "{verdict:#}");
    // What was under way waits for a person, and can go on.
    let stands = |wanted: &str| house.ok(&["ops", "show", &under_way])["status"] == wanted;
    assert!(wait_until(PATIENCE, || stands("paused")), "{:#}", house.ok(&["ops", "show", &under_way]));
    house.ok(&["ops", "resume", &under_way]);
    assert!(
        wait_until(PATIENCE, || stands("succeeded")),
        "{:#}\n{}",
        house.ok(&["ops", "show", &under_way]),
        house.log()
    );
    house.is_sound();
}

#[test]
fn what_is_there_is_not_overwritten_and_what_is_not_is_said() {
    let mut house = house(15);
    let key = house.path("key");
    let refused = |house: &House| {
        let (code, error) = recover(house, &["--key", text(&key)]);
        (code, error["code"].as_str().unwrap_or_default().to_owned())
    };
    assert_eq!(refused(&house), (4, "RK-3045".into()), "there is a catalog");
    house.kill_daemon();
    std::fs::remove_dir_all(house.path("data")).unwrap();
    assert_eq!(refused(&house), (4, "RK-3045".into()), "there is a configuration");
    std::fs::remove_file(house.path("rekindle.toml")).unwrap();
    assert_eq!(refused(&house), (3, "RK-3044".into()), "there is no copy yet");
    assert!(!house.path("rekindle.toml").exists());
}

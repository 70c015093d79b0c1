//! Several daemons on one PostgreSQL catalog: one serves, the others stand by and take over.

use std::process::{Child, Command, Stdio};

use serde_json::Value;
use testkit::postgres::wait_until;

use crate::house::{House, PATIENCE, server, text};
use crate::lost_host::copied;

/// Another daemon with a data folder and a socket of its own, on the same vault and catalog.
struct Twin<'a> {
    house: &'a House,
    daemon: Child,
}

impl<'a> Twin<'a> {
    fn start(house: &'a House) -> Twin<'a> {
        Twin::start_with(house, "")
    }

    /// With more words in its `[catalog]`.
    fn start_with(house: &'a House, more: &str) -> Twin<'a> {
        let config = std::fs::read_to_string(house.path("rekindle.toml")).unwrap();
        let config = config.replace("[catalog]\n", &format!("[catalog]\n{more}"));
        let of_its_own = config.replace("/data\"", "/data2\"").replace("/socket\"", "/socket2\"");
        assert_ne!(config, of_its_own);
        std::fs::write(house.path("twin.toml"), of_its_own).unwrap();
        let log = std::fs::File::options().create(true).append(true).open(house.path("log2")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_rekindle"));
        command.arg("--config").arg(house.path("twin.toml")).arg("serve").env("REKINDLE_CATALOG", catalog(house));
        let daemon = command.stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let twin = Twin { house, daemon };
        assert!(wait_until(PATIENCE, || twin.house.path("socket2").exists()), "{}", twin.log());
        twin
    }

    fn run(&self, words: &[&str]) -> (i32, Value) {
        let socket = self.house.path("socket2");
        self.house.run(&[&["--socket", text(&socket)], words].concat())
    }

    fn ok(&self, words: &[&str]) -> Value {
        let (code, value) = self.run(words);
        assert_eq!(code, 0, "{words:?}: {value:#}\n{}", self.log());
        value
    }

    fn serves(&self) -> bool {
        wait_until(PATIENCE, || self.run(&["ops"]).0 == 0)
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.house.path("log2")).unwrap_or_default()
    }
}

impl Drop for Twin<'_> {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

fn catalog(house: &House) -> String {
    house.server.socket_url("catalog")
}

/// A house whose catalog is a database of the cluster that it protects; nobody should do so, and here it does no harm.
fn shared() -> House {
    let mut house = House::bare(server(15));
    house.server.sql("postgres", "CREATE DATABASE catalog");
    house.variable("REKINDLE_CATALOG", &catalog(&house));
    house.init();
    house.configure("[catalog]\n", "[catalog]\nurl = \"env:REKINDLE_CATALOG\"\n");
    house.start_daemon();
    house.protect();
    house
}

fn signal(pid: u32, signal: &str) {
    assert!(Command::new("kill").args([signal, &pid.to_string()]).status().unwrap().success());
}

#[test]
fn who_stands_by_takes_over_and_nothing_is_lost_or_done_twice() {
    let mut house = shared();
    house.ok(&["backup", "shop", "--name", "before"]);
    house.ok(&["clone", "shop", "--to", "latest", "--name", "staging"]);
    house.kill_daemon();
    house.variable("REKINDLE_TEST_FAULT", "backup/store/hangs");
    house.start_daemon();
    let twin = Twin::start(&house);
    let (code, refused) = twin.run(&["status"]);
    assert_eq!((code, refused["code"].as_str()), (5, Some("RK-3047")), "{refused:#}");
    assert!(refused["message"].as_str().unwrap().contains(&format!("process {}", house.daemon_pid())), "{refused:#}");
    assert_eq!(twin.run(&["backup", "shop"]).1["code"], "RK-3047");

    let mut asked = house.spawn(&["backup", "shop", "--full", "--name", "during"]);
    let under_way = || house.ok(&["ops", "--unfinished"]);
    assert!(wait_until(PATIENCE, || under_way() != Value::Array(vec![])), "{}", house.log());
    let id = under_way()[0]["id"].as_str().unwrap().to_owned();
    signal(house.daemon_pid(), "-KILL");
    let _ = asked.wait();
    assert!(twin.serves(), "{}", twin.log());
    assert!(wait_until(PATIENCE, || twin.ok(&["ops", "show", &id])["status"] == "succeeded"), "{}", twin.log());
    let named = |twin: &Twin<'_>, name: &str| {
        let timeline = twin.ok(&["timeline", "shop"]);
        timeline["backups"].as_array().unwrap().iter().filter(|backup| backup["label"] == name).count()
    };
    assert_eq!((named(&twin, "before"), named(&twin, "during")), (1, 1));
    assert_eq!(twin.ok(&["clones", "staging"])["standing"], "serves");
    twin.ok(&["audit", "verify"]);
    house.caught_up();
}

/// Thought dead, and only asleep: it can write nothing, and ends.
#[test]
fn who_was_asleep_finds_the_seat_taken() {
    let house = shared();
    let twin = Twin::start(&house);
    signal(house.daemon_pid(), "-STOP");
    assert!(twin.serves(), "{}", twin.log());
    signal(house.daemon_pid(), "-CONT");
    assert!(wait_until(PATIENCE, || house.daemon_is_gone()), "{}", house.log());
    assert!(house.log().contains("RK-3047"), "{}", house.log());
    let again = twin.ok(&["backup", "shop"]);
    assert_eq!(again["source"], "shop", "{again:#}");
}

/// What lies on a disk can be used by the daemon of that host only.
#[test]
fn what_is_on_another_host_is_left_to_it() {
    let mut house = shared();
    house.ok(&["backup", "shop"]);
    house.ok(&["clone", "shop", "--to", "latest", "--name", "staging"]);
    house.kill_daemon();
    house.variable("REKINDLE_TEST_FAULT", "clone/open/hangs");
    house.start_daemon();
    let mut asked = house.spawn(&["clone", "shop", "--to", "latest", "--name", "second"]);
    assert!(wait_until(PATIENCE, || house.ok(&["ops"])[0]["status"] == "running"), "{}", house.log());
    let id = house.ok(&["ops"])[0]["id"].as_str().unwrap().to_owned();
    let twin = Twin::start_with(&house, "host = \"other\"\n");
    signal(house.daemon_pid(), "-KILL");
    let _ = asked.wait();
    assert!(twin.serves(), "{}", twin.log());
    let standing = twin.ok(&["clones", "staging"])["standing"].as_str().unwrap().to_owned();
    assert!(standing.starts_with("on "), "{standing}");
    let refused: [&[&str]; 3] =
        [&["clone", "stop", "staging"], &["clone", "reset", "staging", "--yes"], &["clone", "rm", "staging", "--yes"]];
    for words in refused {
        let (code, refused) = twin.run(words);
        assert_eq!((code, refused["code"].as_str()), (4, Some("RK-3048")), "{refused:#}");
        assert!(refused["message"].as_str().unwrap().contains(&standing[3..]), "{refused:#}");
    }
    twin.ok(&["backup", "shop", "--name", "of-the-other"]);
    assert_ne!(twin.ok(&["ops", "show", &id])["status"], "succeeded", "there is another disk");
    drop(twin);
    house.kill_daemon();
    house.variable("REKINDLE_TEST_FAULT", "");
    house.start_daemon();
    assert!(wait_until(PATIENCE, || house.ok(&["ops", "show", &id])["status"] == "succeeded"), "{}", house.log());
    for clone in ["staging", "second"] {
        assert_eq!(house.ok(&["clones", clone])["standing"], "serves");
    }
}

/// Every table of the catalog is written and read.
#[test]
fn all_that_a_catalog_keeps_is_kept_in_postgresql() {
    let mut house = shared();
    house.kill_daemon();
    house.configure("copy_seconds = 300", "copy_seconds = 1");
    house.start_daemon();
    let (url, file) = (house.server.socket_url("postgres"), house.path("stack.toml"));
    let policy = "[policy.log]\nkeep = \"30 days\"\n[[policy.backup]]\nname = \"often\"\nschedule = \"every 60 min\"\nkeep = \"5 days\"\n";
    std::fs::write(&file, format!("[stack]\nname = \"shop\"\n[[source]]\nname = \"shop\"\nurl = {url:?}\n{policy}"))
        .unwrap();
    house.ok(&["apply", text(&file)]);
    assert_eq!(house.ok(&["export"])[0]["name"], "shop");
    house.typed(&["users", "add", "ada", "--role", "operator"], "a long enough word\n");
    house.ok(&["users", "list"]);
    let token = house.ok(&["tokens", "add", "bench", "--role", "viewer"]);
    house.ok(&["tokens", "revoke", token["id"].as_str().unwrap()]);
    let scheduled = || house.ok(&["ops", "--kind", "backup"])[0].clone();
    let is_done = |one: &Value| one["asked_by"] == "timetable" && one["status"] == "succeeded";
    assert!(wait_until(PATIENCE, || is_done(&scheduled())), "{:#}\n{}", house.ok(&["ops"]), house.log());
    house.ok(&["backup", "shop", "--name", "by-hand"]);
    house.ok(&["expire", "shop", "--apply", "--yes", "--keep-last", "5"]);
    house.ok(&["drill", "shop"]);
    house.ok(&["alerts", "--all"]);
    house.ok(&["audit"]);
    house.ok(&["audit", "verify"]);
    let copied = || std::fs::read_dir(house.path("vault/catalog")).is_ok_and(|entries| entries.count() > 1);
    assert!(wait_until(PATIENCE, copied), "{}", house.log());
    assert!(!house.log().contains("ERROR"), "{}", house.log());
    let unfenced = "SELECT coalesce(string_agg(relname, ' '), '') FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace \
                    AND NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = pg_class.oid AND tgname = 'rekindle_fence') \
                    AND relname <> '_sqlx_migrations'";
    assert_eq!(house.server.sql("catalog", unfenced).trim(), "leader");
    assert!(house.ok(&["doctor"]).to_string().contains("the shared catalog answers"));
}

/// It comes back as a file of the new host, and what only the lost host could do can be done here.
#[test]
fn a_shared_catalog_comes_back_from_the_vault() {
    let mut house = shared();
    house.kill_daemon();
    house.configure("copy_seconds = 300", "copy_seconds = 1");
    house.variable("REKINDLE_TEST_FAULT", "clone/open/hangs");
    house.start_daemon();
    house.ok(&["backup", "shop"]);
    let mut asked = house.spawn(&["clone", "shop", "--to", "latest", "--name", "staging"]);
    assert!(wait_until(PATIENCE, || house.ok(&["ops"])[0]["status"] == "running"), "{}", house.log());
    let id = house.ok(&["ops"])[0]["id"].as_str().unwrap().to_owned();
    copied(&house);
    house.kill_daemon();
    let _ = asked.wait();
    for lost in ["rekindle.toml", "data"] {
        std::fs::rename(house.path(lost), house.path(&format!("{lost}.lost"))).unwrap();
    }
    let (key, data, socket) = (house.path("key"), house.path("data"), house.path("socket"));
    let vault = house.vault().to_owned();
    let words = ["recover", "--catalog", "--vault", &vault, "--key", text(&key), "--data-folder", text(&data)];
    let done = house.ok(&[&["--socket", text(&socket)], &words[..]].concat());
    assert_eq!(done["paused"], serde_json::json!([id]), "{done:#}");
    house.variable("REKINDLE_TEST_FAULT", "");
    house.start_daemon();
    assert!(house.path("data/catalog.db").exists());
    house.ok(&["ops", "resume", &id]);
    assert!(wait_until(PATIENCE, || house.ok(&["ops", "show", &id])["status"] == "succeeded"), "{}", house.log());
    assert_eq!(house.ok(&["clones", "staging"])["standing"], "serves");
}

/// Who ends in order leaves at once.
#[test]
fn who_leaves_is_followed_at_once() {
    let house = shared();
    let mut twin = Twin::start(&house);
    signal(house.daemon_pid(), "-TERM");
    assert!(twin.serves(), "{}", twin.log());
    assert!(twin.log().contains("this daemon leads"));
    signal(twin.daemon.id(), "-TERM");
    assert_eq!(twin.daemon.wait().unwrap().code(), Some(0), "{}", twin.log());
}

#[test]
fn a_catalog_that_cannot_be_used_is_said() {
    let mut house = House::bare(server(15));
    house.init();
    house.configure("[catalog]\n", "[catalog]\nurl = \"postgres://rekindle:planted-word@localhost/catalog\"\n");
    let (code, refused) = house.run(&["serve"]);
    assert_eq!((code, refused["code"].as_str()), (2, Some("RK-3001")), "{refused:#}");
    assert!(!refused.to_string().contains("planted-word"), "{refused:#}");
    house.configure("postgres://rekindle:planted-word@localhost/catalog", "env:REKINDLE_CATALOG");
    assert_eq!(house.refused(&["serve"]).1, "RK-3060", "the variable is not set");
    house.variable("REKINDLE_CATALOG", &house.server.socket_url("nowhere"));
    let (code, refused) = house.run(&["serve"]);
    assert_eq!((code, refused["code"].as_str()), (5, Some("RK-3049")), "{refused:#}");
    assert!(refused["causes"].to_string().contains("nowhere"), "{refused:#}");
}

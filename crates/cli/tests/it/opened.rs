//! Moments that are opened in place: clones, peeks, and restores that can be used while their files are fetched.

use std::path::Path;

use serde_json::Value;
use testkit::postgres::wait_until;

use crate::house::{House, PATIENCE, Restored, majors, server, text};

pub(crate) fn house(major: u32) -> House {
    let house = House::new(server(major));
    house
        .server
        .sql("postgres", "CREATE TABLE orders AS SELECT n, repeat('x', 200) AS text FROM generate_series(1, 20000) n");
    house.ok(&["backup", "shop"]);
    house.server.sql("postgres", "INSERT INTO orders VALUES (0, 'after the backup')");
    house.caught_up();
    house
}

pub(crate) fn sql(house: &House, view: &Value, sql: &str) -> String {
    let mut report = view.clone();
    report["into"] = view["data_directory"].clone();
    let restored = std::mem::ManuallyDrop::new(Restored::of(report, house.server.bin_dir()));
    restored.sql("postgres", sql)
}

#[test]
fn a_clone_is_a_server_of_its_own() {
    for major in majors() {
        let house = house(major);
        let view = house.ok(&["clone", "shop", "--to", "latest", "--name", "staging"]);
        assert_eq!((view["kind"].as_str(), view["standing"].as_str()), (Some("clone"), Some("serves")), "{view:#}");
        assert_eq!(sql(&house, &view, "SELECT count(*) FROM orders"), "20001");
        sql(&house, &view, "DELETE FROM orders WHERE n > 100; CREATE TABLE mine (); CHECKPOINT");
        assert_eq!(sql(&house, &view, "SELECT count(*) FROM orders"), "101");
        // Neither the original nor the vault knows of it.
        assert_eq!(house.server.sql("postgres", "SELECT count(*) FROM orders").trim(), "20001");
        house.is_sound();

        let stopped = house.ok(&["clone", "stop", "staging"]);
        assert_eq!((stopped["phase"].as_str(), stopped["standing"].as_str()), (Some("stopped"), Some("stopped")));
        let started = house.ok(&["clone", "start", "staging"]);
        assert_eq!(sql(&house, &started, "SELECT count(*) FROM orders"), "101");
        let reset = house.ok(&["clone", "reset", "staging", "--yes"]);
        assert_eq!(reset["port"], view["port"]);
        assert_eq!(sql(&house, &reset, "SELECT count(*) FROM orders"), "20001");
        house.ok(&["clone", "rm", "staging", "--yes"]);
        assert_eq!(house.ok(&["clones"]), Value::Array(vec![]));
        assert!(!Path::new(view["data_directory"].as_str().unwrap()).exists());
    }
}

#[test]
fn a_peek_reads_and_leaves_nothing() {
    let house = house(15);
    let peek = |query: &str| house.run(&["peek", "shop", "--to", "latest", "--", query]);
    let (code, answer) = peek("SELECT count(*) AS orders FROM orders; SELECT pg_is_in_recovery()");
    assert_eq!(code, 0, "{answer:#}\n{}", house.log());
    assert_eq!(answer[0]["columns"][0], "orders");
    assert_eq!((answer[0]["rows"][0][0].as_str(), answer[1]["rows"][0][0].as_str()), (Some("20001"), Some("t")));
    assert_eq!(peek("DELETE FROM orders").1["code"], "RK-2020");
    assert_eq!(house.ok(&["clones"]), Value::Array(vec![]));
    let left: Vec<_> = std::fs::read_dir(house.path("data.instances")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_restore_is_open_at_once_and_becomes_a_plain_directory() {
    for major in majors() {
        let house = house(major);
        let restored = house.restore("back", &["--to", "latest", "--open"]);
        let name = restored.report["instance"].as_str().unwrap().to_owned();
        restored.sql("postgres", "INSERT INTO orders VALUES (-1, 'on the mount')");
        assert_eq!(restored.sql("postgres", "SELECT count(*) FROM orders"), "20002");
        let whole = || house.ok(&["clones", &name])["mount"]["whole"] == true;
        assert!(wait_until(PATIENCE, whole), "{:#}\n{}", house.ok(&["clones"]), house.log());
        house.ok(&["detach", text(&house.path("back")), "--yes"]);
        assert_eq!(house.ok(&["clones"]), Value::Array(vec![]));
        assert!(!house.path("back.rekindle").exists());
        assert_eq!(restored.sql("postgres", "SELECT count(*) FROM orders"), "20002");
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
        assert!(!mounts.contains(text(&house.path("back"))), "{mounts}");
        restored.stop();
        let checked = std::process::Command::new(house.server.bin_dir().join("pg_controldata"))
            .arg(house.path("back"))
            .output()
            .unwrap();
        assert!(String::from_utf8_lossy(&checked.stdout).contains("shut down"));
    }
}

/// Who serves a mount: the pid of its process.
pub(crate) fn mount_process(view: &Value) -> u32 {
    let data = Path::new(view["data_directory"].as_str().unwrap());
    let home = match view["kind"].as_str() {
        Some("restore") => Path::new(&format!("{}.rekindle", data.display())).to_owned(),
        _ => data.with_file_name("mount"),
    };
    let serving = |process: &std::fs::DirEntry| {
        let words = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
        words.split(|byte| *byte == 0).skip(1).eq([b"mount-serve".as_slice(), text(&home).as_bytes(), b""])
    };
    let found = std::fs::read_dir("/proc").unwrap().flatten().find(serving);
    found.map(|process| process.file_name().to_str().unwrap().parse().unwrap()).expect("no process serves the mount")
}

pub(crate) fn server_process(view: &Value) -> u32 {
    let pid = Path::new(view["data_directory"].as_str().unwrap()).join("postmaster.pid");
    std::fs::read_to_string(pid).unwrap().lines().next().unwrap().parse().unwrap()
}

pub(crate) fn kill(pid: u32) {
    let done = std::process::Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap();
    assert!(done.success());
}

/// Waits until an instance has a condition of this kind and serves again.
fn brought_up(house: &House, name: &str, kind: &str) -> Value {
    let mut last = Value::Null;
    let done = wait_until(PATIENCE, || {
        last = house.run(&["clones", name]).1;
        last["standing"] == "serves" && last["conditions"][0]["kind"] == kind
    });
    assert!(done, "{name} is not brought up: {last:#}\n{}", house.log());
    last
}

#[test]
fn opened_databases_outlive_the_daemon() {
    let mut house = house(15);
    let clone = house.ok(&["clone", "shop", "--to", "latest", "--name", "staging"]);
    let back = house.restore("back", &["--to", "latest", "--open"]);
    house.kill_daemon();
    sql(&house, &clone, "CREATE TABLE while_it_was_away ()");
    assert_eq!(back.sql("postgres", "SELECT count(*) FROM orders"), "20001");
    house.start_daemon();
    let views = house.ok(&["clones"]);
    let standing: Vec<_> = views.as_array().unwrap().iter().map(|view| view["standing"].as_str().unwrap()).collect();
    assert_eq!(standing, ["serves", "serves"]);
    house.ok(&["clone", "stop", "staging"]);
    sql(&house, &house.ok(&["clone", "start", "staging"]), "SELECT FROM while_it_was_away");
    // A server that is stopped by its own means stays so, and a restore that is whole detaches by itself.
    let name = back.report["instance"].as_str().unwrap();
    assert!(wait_until(PATIENCE, || house.ok(&["clones", name])["mount"]["whole"] == true));
    back.stop();
    let plain = || house.ok(&["clones"]).as_array().unwrap().len() == 1;
    assert!(wait_until(PATIENCE, plain), "{:#}\n{}", house.ok(&["clones"]), house.log());
    assert!(house.path("back/global/pg_control").exists() && !house.path("back.rekindle").exists());
    house.ok(&["clone", "rm", "staging", "--yes"]);
}

#[test]
fn what_dies_is_brought_up_with_an_alarm() {
    let house = house(15);
    let clone = house.ok(&["clone", "shop", "--to", "latest", "--name", "staging"]);
    sql(&house, &clone, "CREATE TABLE kept AS SELECT 1 AS n");
    kill(server_process(&clone));
    let clone = brought_up(&house, "staging", "server-crashed");
    assert_eq!(sql(&house, &clone, "SELECT n FROM kept"), "1");
    kill(mount_process(&clone));
    let clone = brought_up(&house, "staging", "mount-lost");
    assert_eq!(sql(&house, &clone, "SELECT n FROM kept"), "1");
    assert_eq!(sql(&house, &clone, "SELECT count(*) FROM orders"), "20001");
    house.ok(&["clone", "rm", "staging", "--yes"]);
}

/// Stops a server in order, the daemon being away.
fn stop_server(house: &House, view: &Value) {
    let pid = server_process(view);
    assert!(std::process::Command::new("kill").args(["-INT", &pid.to_string()]).status().unwrap().success());
    let data = view["data_directory"].as_str().unwrap();
    assert!(wait_until(PATIENCE, || !Path::new(data).join("postmaster.pid").exists()), "{}", house.log());
}

#[test]
fn a_detaching_that_was_cut_short_comes_to_its_end() {
    // What a crash may leave: the mount gone; the files in place; and the rest half removed, or all of it.
    for cut in 0..4 {
        let mut house = house(15);
        let restored = house.restore("back", &["--to", "latest", "--open"]);
        restored.sql("postgres", "INSERT INTO orders VALUES (-1, 'on the mount')");
        let name = restored.report["instance"].as_str().unwrap().to_owned();
        assert!(wait_until(PATIENCE, || house.ok(&["clones", &name])["mount"]["whole"] == true));
        let view = house.ok(&["clones", &name]);
        let mount = mount_process(&view);
        house.kill_daemon();
        stop_server(&house, &view);
        kill(mount);
        assert!(wait_until(PATIENCE, || !Path::new(&format!("/proc/{mount}/fd/0")).exists()));
        let (back, home) = (house.path("back"), house.path("back.rekindle"));
        // The last process of the server stands there for a moment longer.
        let unmounted = || std::process::Command::new("umount").arg(&back).status().unwrap().success();
        assert!(wait_until(PATIENCE, unmounted), "it cannot be unmounted");
        if cut > 0 {
            std::fs::rename(home.join("skeleton"), &back).unwrap();
        }
        match cut {
            2 => std::fs::remove_file(home.join("mount.json")).unwrap(),
            3 => std::fs::remove_dir_all(&home).unwrap(),
            _ => {}
        }
        house.start_daemon();
        let over = || house.ok(&["clones"]) == Value::Array(vec![]);
        assert!(wait_until(PATIENCE, over), "cut {cut}: {:#}\n{}", house.ok(&["clones"]), house.log());
        assert!(back.join("global/pg_control").exists() && !home.exists(), "cut {cut}");
        assert_eq!(house.ok(&["timeline", "shop"])["backups"][0]["pinned"], false);
    }
}

//! What a stack needs beside its databases: sealed under its name, found when the stack is gone, and missed before the day it is needed.
#![allow(clippy::disallowed_methods, reason = "tests may ask the machine")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use testkit::postgres::wait_until;

use crate::house::{House, PATIENCE, server, text};

const PLANTED: &str = "planted-key-of-the-hub-4471";

fn apply(house: &House, more: &str) -> (i32, serde_json::Value) {
    let (url, path) = (house.server.socket_url("postgres"), house.path("stack.toml"));
    let file = format!("[stack]\nname = \"hub\"\n[[source]]\nname = \"shop\"\nurl = {url:?}\n{more}");
    fs::write(&path, file).unwrap();
    house.run(&["apply", text(&path)])
}

fn kept(house: &House) -> String {
    let (key, settings) = (house.path("hub.key"), house.path("hub.ini"));
    fs::write(&key, format!("{PLANTED}\n")).unwrap();
    fs::write(&settings, "color = blue\n").unwrap();
    format!(
        "[[secret]]\nname = \"key\"\nfrom = \"file:{}\"\n[[secret]]\nname = \"token\"\nfrom = \"env:HUB_TOKEN\"\n\
         [[file]]\nname = \"settings\"\npath = {settings:?}\n",
        key.display()
    )
}

fn files_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        match entry.file_type().unwrap() {
            kind if kind.is_dir() => files_below(&entry.path(), found),
            kind if kind.is_file() => found.push(entry.path()),
            _ => {}
        }
    }
}

#[test]
fn secrets_and_settings_are_found_by_the_stacks_name_when_it_is_gone() {
    let mut house = House::bare(server(15));
    house.variable("HUB_TOKEN", "planted-token-of-the-hub");
    house.init();
    house.start_daemon();
    house.protect();
    let kept = kept(&house);
    fs::remove_file(house.path("hub.key")).unwrap();
    let (code, refused) = apply(&house, &kept);
    assert_eq!((code, refused["code"].as_str()), (2, Some("RK-3060")), "{refused:#}");
    assert_eq!(house.refused(&["secrets", "hub"]).1, "RK-3010");
    fs::write(house.path("hub.key"), format!("{PLANTED}\n")).unwrap();
    let (code, applied) = apply(&house, &kept);
    assert_eq!(code, 0, "{applied:#}");

    // The stack, its catalog, and where its secrets were read are gone.
    house.kill_daemon();
    for name in ["catalog.db", "catalog.db-wal", "catalog.db-shm"] {
        let _ = fs::remove_file(house.path("data").join(name));
    }
    fs::remove_file(house.path("hub.key")).unwrap();
    house.start_daemon();
    assert!(house.ok(&["export"]).as_array().unwrap().is_empty());
    let listed = house.ok(&["secrets", "hub", "list"]);
    let names: Vec<&str> =
        listed["items"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["key", "token", "settings"], "{listed:#}");
    assert!(!listed.to_string().contains("planted-"), "{listed:#}");
    let out = house.path("again.key");
    house.ok(&["secrets", "hub", "get", "key", "--out", text(&out)]);
    assert_eq!(fs::read_to_string(&out).unwrap(), PLANTED);
    assert_eq!(fs::metadata(&out).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(house.refused(&["secrets", "hub", "get", "key", "--out", text(&out)]).1, "RK-4005", "it is there");
    assert_eq!(house.refused(&["secrets", "hub", "get", "other", "--out", text(&house.path("x"))]).1, "RK-3010");
    let records = house.ok(&["audit", "--last", "100"]);
    let read = |record: &&serde_json::Value| record["subject"] == "hub/key" && record["outcome"] == "done";
    assert_eq!(records.as_array().unwrap().iter().filter(read).count(), 1, "{records:#}");
    house.is_sound();
    house.kill_daemon();
    fs::remove_file(out).unwrap();
    // Without a daemon: the vault and its key.
    let folder = house.path("recovered");
    let (vault, key) = (house.vault().to_owned(), house.path("key"));
    house.ok(&["recover", "--vault", &vault, "--key", text(&key), "--secrets", "hub", "--into", text(&folder)]);
    assert_eq!(fs::read_to_string(folder.join("key")).unwrap(), PLANTED);
    assert_eq!(fs::read_to_string(folder.join("settings")).unwrap(), "color = blue\n");
    fs::remove_dir_all(folder).unwrap();
    let mut files = Vec::new();
    files_below(house.folder.path(), &mut files);
    for path in files {
        let bytes = fs::read(&path).unwrap();
        let hex: String = PLANTED.bytes().map(|byte| format!("{byte:02x}")).collect();
        for secret in [PLANTED, "planted-token-of-the-hub", &hex] {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{secret} is in {}", path.display());
        }
    }
}

#[test]
fn what_does_not_open_any_more_is_missed_before_it_is_needed() {
    let mut house = House::bare(server(15));
    house.variable("HUB_TOKEN", "planted-token-of-the-hub");
    house.init();
    house.configure("key_test_seconds = 86400", "key_test_seconds = 1");
    house.configure("look_seconds = 10", "look_seconds = 1");
    house.start_daemon();
    house.protect();
    let kept = kept(&house);
    assert_eq!(apply(&house, &kept).0, 0);
    let alarms = || house.run(&["alerts", "--kind", "secrets-not-kept"]).1.as_array().cloned().unwrap_or_default();
    let raised =
        |what: &str| alarms().first().is_some_and(|alarm| alarm["text"].as_str().unwrap_or_default().contains(what));
    fs::remove_file(house.path("hub.key")).unwrap();
    assert!(wait_until(PATIENCE, || raised("key: ")), "{:#?}\n{}", alarms(), house.log());
    assert_eq!(alarms()[0]["scope"], "stack hub");

    // It is there again, and another: what is sealed follows.
    fs::write(house.path("hub.key"), "the next key\n").unwrap();
    assert!(wait_until(PATIENCE, || alarms().is_empty()), "{:#?}\n{}", alarms(), house.log());
    let out = house.path("out");
    house.ok(&["secrets", "hub", "get", "key", "--out", text(&out)]);
    assert_eq!(fs::read_to_string(out).unwrap(), "the next key");

    let mut copies = Vec::new();
    files_below(&house.path("vault").join("secrets"), &mut copies);
    assert_eq!(copies.len(), 2, "{copies:?}");
    copies.sort();
    let mut bytes = fs::read(&copies[1]).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::set_permissions(&copies[1], fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(&copies[1], bytes).unwrap();
    assert!(wait_until(PATIENCE, || raised("does not open")), "{:#?}\n{}", alarms(), house.log());
    // Applied again it is sealed anew.
    assert_eq!(apply(&house, &kept).0, 0);
    assert!(wait_until(PATIENCE, || alarms().is_empty()), "{:#?}\n{}", alarms(), house.log());
}

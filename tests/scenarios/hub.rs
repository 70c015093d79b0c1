//! J4, without the file volume: a hub whose database is worthless without its key. A new stack is made of three references (the backup, the
//! vault, the moment) when the old one is gone, its secrets are found by its name, and what it was restored from cannot be changed.

use std::fs;

use serde_json::Value;
use testkit::postgres::StopMode;

use super::rounds::borrowed;
use crate::house::{House, Restored, server, text};

const KEY: &str = "key-of-the-hub-8821";

struct Hub {
    house: House,
}

impl Hub {
    fn new() -> Hub {
        let house = House::new(server(15));
        house
            .server
            .sql("postgres", "CREATE EXTENSION pgcrypto; CREATE TABLE patients (n serial PRIMARY KEY, name bytea)");
        let hub = Hub { house };
        hub.writes(100);
        fs::write(hub.house.path("hub.key"), KEY).unwrap();
        fs::write(hub.house.path("hub.ini"), "domain = hub.example\n").unwrap();
        assert_eq!(hub.apply("hub", &hub.house.server.socket_url("postgres"), &hub.kept()).0, 0);
        hub.house.ok(&["backup", "shop", "--name", "nightly"]);
        hub
    }

    /// Names that only who has the key can read.
    fn writes(&self, count: u32) {
        let rows = format!("SELECT pgp_sym_encrypt('patient ' || n, '{KEY}') FROM generate_series(1, {count}) n");
        self.house.server.sql("postgres", &format!("INSERT INTO patients (name) {rows}"));
        self.house.caught_up();
    }

    fn kept(&self) -> String {
        let (key, settings) = (self.house.path("hub.key"), self.house.path("hub.ini"));
        format!(
            "[[secret]]\nname = \"key\"\nfrom = \"file:{}\"\n[[file]]\nname = \"settings\"\npath = {settings:?}\n",
            key.display()
        )
    }

    fn apply(&self, stack: &str, url: &str, more: &str) -> (i32, Value) {
        let path = self.house.path(&format!("{stack}.toml"));
        let source = if stack == "hub" { "shop" } else { stack };
        let file = format!("[stack]\nname = \"{stack}\"\n[[source]]\nname = \"{source}\"\nurl = {url:?}\n{more}");
        fs::write(&path, file).unwrap();
        self.house.run(&["apply", text(&path)])
    }

    /// The server, its files, the secrets where they were read, and the control plane's own memory.
    fn loses_everything_but_the_vault(&mut self) {
        self.house.kill_daemon();
        self.house.server.stop(StopMode::Immediate);
        fs::remove_dir_all(self.house.server.data_dir()).unwrap();
        for name in ["catalog.db", "catalog.db-wal", "catalog.db-shm"] {
            let _ = fs::remove_file(self.house.path("data").join(name));
        }
        for name in ["hub.key", "hub.ini"] {
            fs::remove_file(self.house.path(name)).unwrap();
        }
        self.house.start_daemon();
        assert!(self.house.ok(&["export"]).as_array().unwrap().is_empty(), "the old stack is gone");
    }

    fn words(&self, place: &str, more: &[&str]) -> Vec<String> {
        let into = self.house.path(place).display().to_string();
        let words = ["restore", "shop", "--backup", "nightly", "--into", &into, "--yes"];
        words.iter().chain(more).map(|word| (*word).to_owned()).collect()
    }

    fn restored(&self) -> Restored {
        let operation = self.house.newest("restore");
        assert_eq!(operation["status"], "succeeded", "{operation:#}");
        Restored::of(operation["result"].clone(), self.house.server.bin_dir())
    }

    /// Read with the key that the vault kept.
    fn reads(&self, restored: &Restored, key: &str) -> String {
        restored.sql(
            "postgres",
            &format!("SELECT count(*) FROM patients WHERE pgp_sym_decrypt(name, '{key}') LIKE 'patient %'"),
        )
    }
}

#[test]
fn a_new_stack_is_made_of_three_references_when_the_old_one_is_gone() {
    let mut hub = Hub::new();
    hub.writes(50);
    hub.loses_everything_but_the_vault();
    let words = hub.words("hub2", &[]);
    hub.house.ok(&borrowed(&words));
    let restored = hub.restored();

    let key = hub.house.path("found.key");
    hub.house.ok(&["secrets", "hub", "get", "key", "--out", text(&key)]);
    let found = fs::read_to_string(&key).unwrap();
    assert_eq!(hub.reads(&restored, &found), "100", "the backup's patients, not those after it");
    assert!(!hub.house.server.data_dir().exists(), "nothing is made where the old one was");

    // The new stack says what it is made of, and nobody can say otherwise from then on.
    let operation = hub.house.newest("restore")["id"].as_str().unwrap().to_owned();
    let (port, socket) = (&restored.report["port"], restored.report["socket_folder"].as_str().unwrap());
    let url = format!("postgres://postgres@/postgres?host={socket}&port={port}");
    let made_of = |operation: &str| format!("[restored]\noperation = {operation:?}\n");
    let (code, told) = hub.apply("hub2", &url, &made_of("000000000000"));
    assert_eq!((code, told["code"].as_str()), (2, Some("RK-3017")), "{told:#}");
    let (code, told) = hub.apply("hub2", &url, &made_of(&operation));
    assert_eq!(code, 0, "{told:#}");
    let recorded = || hub.house.ok(&["export", "hub2"])[0]["file"].to_string();
    let first = recorded();
    assert!(first.contains("[restored]") && first.contains(&operation) && first.contains("moment"), "{first}");
    assert_eq!(hub.apply("hub2", &url, "").0, 0);
    assert_eq!(recorded(), first, "applying it again neither replays nor undoes it");
    let (code, told) = hub.apply("hub2", &url, &format!("{}moment = \"another\"\n", made_of(&operation)));
    assert_eq!((code, told["code"].as_str()), (2, Some("RK-3017")), "{told:#}");
    assert_eq!(hub.reads(&restored, &found), "100");
    hub.house.ok(&["backup", "hub2"]);
}

/// Never onto the one that runs.
#[test]
fn a_running_stack_is_not_written_over() {
    let hub = Hub::new();
    let data = hub.house.server.data_dir().display().to_string();
    let (code, told) = hub.house.run(&["restore", "shop", "--backup", "nightly", "--into", &data, "--yes"]);
    assert!(code != 0 && told["code"].is_string(), "{told:#}");
    assert_eq!(hub.house.server.sql("postgres", "SELECT count(*) FROM patients").trim(), "100");
}

/// Copied, and opened at once.
const WAYS: [(&str, &[&str]); 2] = [("restore", &[]), ("open", &["--open"])];

#[test]
fn killed_at_every_step_it_comes_to_its_end() {
    let mut hub = Hub::new();
    for (step, how) in WAYS {
        for fault in ["dies-before", "dies-after"] {
            let words = hub.words(&format!("{step}-{fault}"), how);
            let words = borrowed(&words);
            hub.house.killed_and_over(&format!("restore/{step}"), fault, &words);
            assert_eq!(hub.reads(&hub.restored(), KEY), "100", "{step} {fault}");
        }
    }
}

#[test]
fn what_fails_leaves_the_old_stack_serving_and_nothing_behind() {
    let mut hub = Hub::new();
    for (step, how) in WAYS {
        let words = hub.words(step, how);
        let words = borrowed(&words);
        hub.house.breaks_and_goes_back(&format!("restore/{step}"), &words);
        assert!(!hub.house.path(step).exists(), "{step}");
        hub.writes(1);
        assert_eq!(hub.house.ok(&["clones"]), Value::Array(vec![]), "{step}");
    }
}

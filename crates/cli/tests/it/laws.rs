//! The laws of operations, for each kind there is: a step that fails or dies before or after its effect goes on to success, its effect is
//! there once, and doing it twice is harmless. An extraction is the exception, see there.

use api::OperationKind;
use serde_json::Value;
use testkit::postgres::wait_until;

use crate::house::{House, PATIENCE, text};
use crate::opened::house;

const FAULTS: [&str; 5] = ["fails-before", "fails-after", "dies-before", "dies-after", "twice"];
/// Of a kind whose effect is noted in parts: behind the first of them.
const IN_PARTS: [&str; 2] = ["fails-at-1", "dies-at-1"];

/// What is asked for, and by which step it is done.
struct Case {
    step: &'static str,
    words: Vec<String>,
}

fn words(all: &[&str]) -> Vec<String> {
    all.iter().map(|word| (*word).to_owned()).collect()
}

/// Every kind, so that a new one is not forgotten.
fn case(house: &House, kind: OperationKind, round: usize) -> Case {
    let (step, words) = match kind {
        OperationKind::Backup => ("store", words(&["backup", "shop"])),
        OperationKind::Check => ("check", words(&["check"])),
        OperationKind::Expire => {
            ("expire", words(&["expire", "shop", "--keep-last", "1", "--grace", "0s", "--apply", "--yes"]))
        }
        OperationKind::Clone => {
            ("open", words(&["clone", "shop", "--to", "latest", "--name", &format!("clone-{round}")]))
        }
        OperationKind::Peek => {
            ("open", words(&["peek", "shop", "--to", "latest", "--", "SELECT count(*) FROM orders"]))
        }
        OperationKind::Drill => ("prove", words(&["drill", "shop"])),
        OperationKind::Protect => {
            let (url, name) = (house.server.socket_url("postgres"), format!("again-{round}"));
            ("register", words(&["protect", &url, "--name", &name]))
        }
        OperationKind::Unprotect => {
            let (url, name) = (house.server.socket_url("postgres"), format!("gone-{round}"));
            house.ok(&["protect", &url, "--name", &name]);
            ("forget", words(&["unprotect", &name, "--yes"]))
        }
        OperationKind::Pin => {
            let newest = newest_backup(house);
            ("pin", words(&["pin", "shop", &newest, "--why", "the audit wants it"]))
        }
        OperationKind::Unpin => {
            let newest = newest_backup(house);
            house.ok(&["pin", "shop", &newest, "--why", "the audit wants it"]);
            ("unpin", words(&["unpin", "shop", &newest]))
        }
        OperationKind::Start | OperationKind::Stop | OperationKind::Remove => {
            let name = format!("clone-{round}");
            house.ok(&["clone", "shop", "--to", "latest", "--name", &name]);
            match kind {
                OperationKind::Start => {
                    house.ok(&["clone", "stop", &name]);
                    ("start", words(&["clone", "start", &name]))
                }
                OperationKind::Stop => ("stop", words(&["clone", "stop", &name])),
                _ => ("remove", words(&["clone", "rm", &name, "--yes"])),
            }
        }
        OperationKind::Detach => {
            let into = house.path(&format!("into-{round}"));
            house.ok(&["restore", "shop", "--to", "latest", "--into", text(&into), "--open", "--yes"]);
            let whole = || house.ok(&["clones"]).as_array().unwrap().iter().all(|one| one["mount"]["whole"] == true);
            assert!(wait_until(PATIENCE, whole), "{:#}", house.ok(&["clones"]));
            ("detach", words(&["detach", text(&into), "--yes"]))
        }
        OperationKind::Extract => {
            let into = format!("back_{round}");
            (
                "extract",
                words(&["restore", "shop", "--to", "latest", "--database", "postgres", "--into", &into, "--yes"]),
            )
        }
        OperationKind::Retire => unreachable!("it needs a cluster that was replaced: see swaps"),
        OperationKind::Restore => {
            let into = house.path(&format!("into-{round}"));
            ("restore", words(&["restore", "shop", "--to", "latest", "--into", text(&into), "--no-start", "--yes"]))
        }
    };
    Case { step, words }
}

fn newest_backup(house: &House) -> String {
    let timeline = house.ok(&["timeline", "shop"]);
    timeline["backups"].as_array().unwrap().last().unwrap()["id"].as_str().unwrap().to_owned()
}

/// What is in the world of the effect of this kind; counted before and after.
fn effects(house: &House, kind: OperationKind) -> usize {
    let count = |value: Value| value.as_array().map_or(0, Vec::len);
    let proven = |value: Value| {
        let backups = value["backups"].as_array().cloned().unwrap_or_default();
        backups.iter().filter(|backup| !backup["proven"].is_null()).count()
    };
    match kind {
        OperationKind::Backup => house.backups(),
        OperationKind::Protect | OperationKind::Unprotect => count(house.run(&["status"]).1["sources"].clone()),
        OperationKind::Clone | OperationKind::Remove | OperationKind::Detach => count(house.ok(&["clones"])),
        OperationKind::Start | OperationKind::Stop => {
            let wanted = if kind == OperationKind::Start { "serves" } else { "stopped" };
            let standing = house.ok(&["clones"]);
            standing.as_array().unwrap().iter().filter(|one| one["standing"] == wanted).count()
        }
        OperationKind::Pin | OperationKind::Unpin => {
            let pins =
                std::fs::read_dir(house.path("vault/backups/shop").join(newest_backup(house))).unwrap().flatten();
            pins.filter(|entry| entry.file_name().to_string_lossy().starts_with("pin-")).count()
        }
        OperationKind::Drill => proven(house.ok(&["timeline", "shop"])).min(1),
        OperationKind::Extract => {
            let names = house.server.sql("postgres", "SELECT count(*) FROM pg_database WHERE datname LIKE 'back%'");
            names.trim().parse().unwrap()
        }
        OperationKind::Restore => {
            let made = std::fs::read_dir(house.folder.path()).unwrap().flatten();
            made.filter(|entry| {
                entry.file_name().to_string_lossy().starts_with("into-") && entry.path().join("PG_VERSION").exists()
            })
            .count()
        }
        // Nothing stays of them, or less than was there.
        OperationKind::Check | OperationKind::Expire | OperationKind::Peek | OperationKind::Retire => 0,
    }
}

fn expected(kind: OperationKind, before: usize) -> usize {
    match kind {
        OperationKind::Backup | OperationKind::Clone | OperationKind::Extract | OperationKind::Restore => before + 1,
        OperationKind::Protect | OperationKind::Pin | OperationKind::Start | OperationKind::Stop => before + 1,
        OperationKind::Unprotect | OperationKind::Unpin | OperationKind::Remove | OperationKind::Detach => before,
        OperationKind::Drill => 1,
        OperationKind::Check | OperationKind::Expire | OperationKind::Peek | OperationKind::Retire => 0,
    }
}

fn newest(house: &House, kind: &str) -> Value {
    house.run(&["ops", "--kind", kind, "--last", "1"]).1[0].clone()
}

/// A daemon that is gone tells of none.
fn is_new(one: &Value, known: &Value) -> bool {
    one["id"].is_string() && one["id"] != *known
}

fn holds(kind: OperationKind) {
    let mut house = house(15);
    let name = serde_json::to_value(kind).unwrap().as_str().unwrap().to_owned();
    // The others have one effect, or have it where the step ends.
    let has_parts = matches!(
        kind,
        OperationKind::Backup
            | OperationKind::Clone
            | OperationKind::Peek
            | OperationKind::Unprotect
            | OperationKind::Pin
            | OperationKind::Unpin
            | OperationKind::Start
            | OperationKind::Stop
            | OperationKind::Detach
            | OperationKind::Remove
    );
    let faults = FAULTS.into_iter().chain(IN_PARTS.into_iter().filter(|_| has_parts));
    for (round, fault) in faults.enumerate() {
        let before = effects(&house, kind);
        let Case { step, words } = case(&house, kind, round);
        let known = newest(&house, &name)["id"].clone();
        house.fault(&format!("{name}/{step}/{fault}"));
        let mut child = house.spawn(&words.iter().map(String::as_str).collect::<Vec<_>>());
        assert!(
            wait_until(PATIENCE, || house.daemon_is_gone() || is_new(&newest(&house, &name), &known)),
            "{name} {fault}: not asked for"
        );
        let dies = fault.starts_with("dies");
        if dies {
            assert!(
                wait_until(PATIENCE, || house.daemon_is_gone()),
                "{name} {fault}: the daemon lives\n{}",
                house.log()
            );
            house.kill_daemon();
            house.start_daemon();
        }
        if !dies {
            // It may ask for more than one.
            let _ = child.wait();
        }
        let is_over = || {
            let one = newest(&house, &name);
            is_new(&one, &known) && !one["ended"].is_null()
        };
        assert!(wait_until(2 * PATIENCE, is_over), "{name} {fault}: {:#}\n{}", newest(&house, &name), house.log());
        let one = newest(&house, &name);
        let _ = child.wait();
        let after = effects(&house, kind);
        if kind == OperationKind::Extract {
            // It is not tried again: a person looks at what a try has left beside the live data, and nothing is overwritten.
            let status = if fault == "dies-before" { "succeeded" } else { "failed" };
            assert_eq!(one["status"], status, "{fault}: {one:#}");
            assert_eq!(after, before + usize::from(fault != "fails-before"), "{fault}: {one:#}");
            continue;
        }
        if kind == OperationKind::Protect && fault == "fails-before" {
            // Somebody waits for it, so it is not tried again but taken back.
            assert_eq!((&one["status"], after), (&"failed".into(), before), "{fault}: {one:#}");
            let slots = house.server.sql("postgres", "SELECT count(*) FROM pg_replication_slots");
            assert_eq!(slots.trim(), before.to_string(), "{fault}: {one:#}");
            continue;
        }
        assert!(house.has_struck(), "{name} {fault}: it never came to it: {one:#}");
        assert_eq!(one["status"], "succeeded", "{name} {fault}: {one:#}\n{}", house.log());
        assert_eq!(after, expected(kind, before), "{name} {fault}: {one:#}\n{}", house.log());
    }
    house.is_sound();
}

#[test]
fn laws_of_backup() {
    holds(OperationKind::Backup);
}

#[test]
fn laws_of_check() {
    holds(OperationKind::Check);
}

#[test]
fn laws_of_expire() {
    holds(OperationKind::Expire);
}

#[test]
fn laws_of_clone() {
    holds(OperationKind::Clone);
}

#[test]
fn laws_of_peek() {
    holds(OperationKind::Peek);
}

#[test]
fn laws_of_drill() {
    holds(OperationKind::Drill);
}

#[test]
fn laws_of_extract() {
    holds(OperationKind::Extract);
}

#[test]
fn laws_of_protect() {
    holds(OperationKind::Protect);
}

#[test]
fn laws_of_unprotect() {
    holds(OperationKind::Unprotect);
}

#[test]
fn laws_of_restore() {
    holds(OperationKind::Restore);
}

#[test]
fn laws_of_pin() {
    holds(OperationKind::Pin);
}

#[test]
fn laws_of_unpin() {
    holds(OperationKind::Unpin);
}

#[test]
fn laws_of_start() {
    holds(OperationKind::Start);
}

#[test]
fn laws_of_stop() {
    holds(OperationKind::Stop);
}

#[test]
fn laws_of_detach() {
    holds(OperationKind::Detach);
}

#[test]
fn laws_of_remove() {
    holds(OperationKind::Remove);
}

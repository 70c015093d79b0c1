//! A restore in the place of the live cluster: services stopped, snapshot, cut-over, services started; and all the ways in which that
//! is interrupted. The server and the application are services of their own, stopped and started by their own commands.

use std::path::PathBuf;

use serde_json::Value;
use testkit::postgres::wait_until;

use crate::house::{PATIENCE, text};
use crate::shop::{Shop, newest};

mod carried;
mod mounted;
mod told;

pub(crate) use mounted::is_mount;

#[test]
fn the_live_cluster_is_replaced_and_everything_serves_again() {
    let shop = Shop::new();
    let house = &shop.house;
    let (time, known) = shop.moment();
    shop.spoil();
    // What is set after the moment stays: the same settings, not those of the backup.
    shop.sql("ALTER SYSTEM SET work_mem = '7MB'");
    let plan = house.ok(&["restore", "shop", "--time", &time, "--swap", "--dry-run"]);
    let names: Vec<&str> =
        plan["steps"].as_array().unwrap().iter().map(|step| step["name"].as_str().unwrap()).collect();
    assert_eq!(names, STEPS);
    assert!(shop.said().is_empty(), "nothing was touched");
    let report = house.ok(&["restore", "shop", "--time", &time, "--swap", "--yes"]);
    assert_eq!(shop.sql("SELECT count(*) FROM orders WHERE what <> 'app'").trim(), "0");
    shop.has(&known);
    assert_eq!(shop.sql("SHOW work_mem").trim(), "7MB");
    shop.serves();
    assert_eq!(shop.said(), ["page", "schema", "index", "tell"]);
    assert!(report["markdown"].as_str().unwrap().contains("| cut-over |"), "{report:#}");
    let log = house.prints(&["ops", "logs", report["operation"].as_str().unwrap()]);
    assert!(log.contains("a checkpoint was made while everybody was served"), "{log}");
    assert!(report["commits_lost"].as_u64().unwrap() > 0, "{report:#}");
    let operation = report["operation"].as_str().unwrap();
    assert_eq!(house.ok(&["report", operation])["retired"], report["retired"]);

    // The log goes on, on the new timeline, without a gap; backups too.
    house.ok(&["backup", "shop", "--name", "after"]);
    let timeline = house.ok(&["timeline", "shop"]);
    assert_eq!(timeline["gaps"], Value::Array(vec![]), "{timeline:#}");
    let labels: Vec<String> = timeline["backups"]
        .as_array()
        .unwrap()
        .iter()
        .map(|backup| backup["label"].as_str().unwrap_or_default().to_owned())
        .collect();
    assert!(labels.iter().any(|label| label.starts_with("before-restore-")), "{labels:?}");
    assert!(!house.conditions().contains(&"log-gap".to_owned()), "{:?}", house.conditions());

    // The old one is there, and no server starts on it.
    let kept = shop.kept();
    assert_eq!((kept.len(), kept[0]["operation"].as_str()), (1, Some(operation)));
    let path = PathBuf::from(kept[0]["path"].as_str().unwrap());
    assert!(path.join("base").exists() && !path.join("global/pg_control").exists());

    // A time of the branch that was left is found on that branch, and the latest moment on this one.
    let old = house.ok(&["peek", "shop", "--time", &time, "--", "SELECT count(*) FROM orders WHERE what = 'spoilt'"]);
    assert!(old.to_string().contains("\"0\""), "{old:#}");
    let latest = house.ok(&["peek", "shop", "--to", "latest", "--", "SELECT count(*) FROM orders WHERE what <> 'app'"]);
    assert!(latest.to_string().contains("\"0\""), "{latest:#}");

    house.ok(&["retire", operation, "--yes"]);
    assert!(!path.exists() && shop.kept().is_empty());
    assert_eq!(house.refused(&["retire", operation, "--yes"]).1, "RK-3010");
}

#[test]
fn what_was_replaced_comes_back() {
    let shop = Shop::new();
    let (time, _) = shop.moment();
    shop.spoil();
    shop.sql("SELECT pg_logical_emit_message(false, 'long', repeat('x', 20000000))");
    shop.house.caught_up();
    let report = shop.house.ok(&["restore", "shop", "--time", &time, "--swap", "--yes"]);
    let operation = report["operation"].as_str().unwrap();
    shop.serves();
    shop.house.caught_up();
    let behind = shop.house.ok(&["status"])["sources"][0]["log"]["lag_bytes"].as_u64().unwrap();
    assert!(behind < 10_000_000, "{behind}: what the old one wrote is not what the new one is ahead by");
    let written = shop.noted();
    let plan = shop.house.ok(&["rollback", operation, "--dry-run"]);
    assert!(plan["commits_after"].as_u64().unwrap() > 2, "{plan:#}");
    shop.house.ok(&["rollback", operation, "--yes"]);
    assert_ne!(shop.sql("SELECT count(*) FROM orders WHERE what = 'spoilt'").trim(), "0");
    shop.serves();
    shop.house.ok(&["backup", "shop", "--name", "back-again"]);
    // What was written in between is neither lost nor in the way.
    let kept = shop.kept();
    assert_eq!(kept.len(), 1, "{kept:#?}");
    let there = shop.house.ok(&[
        "peek",
        "shop",
        "--to",
        "latest",
        "--",
        "SELECT count(*) FROM orders WHERE what = 'nonsense' OR what = 'spoilt'",
    ]);
    assert!(!there.to_string().contains("\"0\""), "the latest is of the timeline that is lived on: {there:#}");
    assert!(!written.is_empty());
}

const STEPS: [&str; 14] = [
    "preflight",
    "snapshot",
    "beside",
    "announce",
    "quiesce",
    "last-log",
    "cut-over",
    "connect",
    "migrate",
    "resume",
    "health",
    "re-sync",
    "announce-off",
    "report",
];

#[test]
fn killed_after_every_step_it_comes_to_its_end() {
    let mut shop = Shop::new();
    for step in STEPS {
        let harm = shop.harm();
        let words = ["restore", "shop", "--time", &harm.time, "--swap", "--yes"];
        shop.killed_and_over(step, "dies-after", &words);
        shop.is_without(&harm, step);
        shop.retire_newest();
    }
}

/// Cancelled in each step, it goes back: the application serves from the old state, and what was restored is not there or kept aside.
#[test]
fn cancelled_at_every_step_the_old_state_serves_again() {
    let shop = Shop::new();
    for step in STEPS.into_iter().filter(|step| *step != "report") {
        let harm = shop.harm();
        shop.hangs_and_cancelled(step, &["restore", "shop", "--time", &harm.time, "--swap", "--yes"]);
        shop.is_with(&harm, step);
        let kept = shop.retire_all();
        assert!(kept.iter().all(|path| path.contains(".undone-")), "{step}: {kept:?}");
        let left = std::fs::read_dir(shop.house.server.home()).unwrap().flatten();
        let left: Vec<String> = left.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        assert!(
            left.iter().all(|name| !name.contains(".restored-") && !name.contains(".retired-")),
            "{step}: {left:?}"
        );
    }
    shop.house.is_sound();
}

/// The data is back, and that is not enough: who gets in must be able to write.
#[test]
fn a_server_that_takes_no_writes_waits_for_a_person() {
    let shop = Shop::new();
    let harm = shop.harm();
    // The one that runs has not read it; the one that comes with these settings does.
    shop.sql("ALTER SYSTEM SET default_transaction_read_only = on");
    let (code, _) = shop.house.run(&["restore", "shop", "--time", &harm.time, "--swap", "--yes"]);
    let waits = newest(&shop.house);
    assert_eq!((code != 0, waits["status"].as_str(), waits["step"].as_str()), (true, Some("paused"), Some("connect")));
    assert!(waits["error"]["message"].as_str().unwrap().contains("takes no writes"), "{waits:#}");
    let id = waits["id"].as_str().unwrap();
    let shown = shop.house.prints(&["ops", "show", id]);
    for told in ["data        ✓ back since", "connection  ✗ step connect failed", "behaviour   not yet: step health"]
    {
        assert!(shown.contains(told), "{told}\n{shown}");
    }
    // Its exit code tells of alarms, and one that somebody is waited for may be raised by now.
    let status = shop.house.command_for_people(&["status"]).output().unwrap();
    let status = String::from_utf8(status.stdout).unwrap();
    assert!(status.contains(&format!("RESTORING, step connect (rekindle ops show {id})")), "{status}");
    shop.sql("ALTER SYSTEM RESET default_transaction_read_only");
    shop.sql("SELECT pg_reload_conf()");
    shop.house.ok(&["ops", "resume", id]);
    let is_over = || newest(&shop.house)["status"] == "succeeded";
    assert!(wait_until(PATIENCE, is_over), "{:#}\n{}", newest(&shop.house), shop.house.log());
    shop.is_without(&harm, "resumed");
}

/// Longer than anybody here has patience.
const ENDLESS: [(&str, &str); 2] = [
    ("health", "[[health]]\nname = \"never\"\ndriver = \"command\"\ncommand = [\"false\"]\ndeadline_seconds = 900\n"),
    (
        "smoke",
        "[[hook]]\nname = \"endless\"\nwhen = \"smoke\"\ndriver = \"command\"\ncommand = [\"sleep\", \"900\"]\ntimeout_seconds = 900\n",
    ),
];

#[test]
fn what_is_waited_for_is_let_go_when_somebody_cancels() {
    let shop = Shop::new();
    for (step, endless) in ENDLESS {
        shop.apply(endless);
        let harm = shop.harm();
        shop.house
            .cancelled_at(&format!("restore/{step}"), &["restore", "shop", "--time", &harm.time, "--swap", "--yes"]);
        shop.is_with(&harm, step);
        shop.retire_all();
    }
}

#[test]
fn all_that_is_in_the_way_is_said_before_anything_is_touched() {
    let shop = Shop::new();
    let (time, _) = shop.moment();
    shop.spoil();
    let file = shop.house.path("stack.toml");
    let good = std::fs::read_to_string(&file).unwrap();
    let broken =
        good.replace(&format!("{}\", \"status\"", shop.house.path("app").display()), "/nowhere/app\", \"status\"");
    assert_ne!(good, broken);
    std::fs::write(&file, broken.replace("server_of = \"shop\"\n", "")).unwrap();
    shop.house.ok(&["apply", text(&file)]);
    let (code, refused) = shop.house.run(&["restore", "shop", "--time", &time, "--swap", "--yes"]);
    assert_eq!((code, refused["code"].as_str()), (4, Some("RK-3052")), "{refused:#}");
    let said = refused["message"].as_str().unwrap();
    assert!(said.contains("/nowhere/app") && said.contains("server_of"), "{said}");
    assert_eq!(shop.house.refused(&["restore", "shop", "--time", &time, "--swap", "--into", "/tmp/x", "--yes"]).0, 2);
    assert_eq!(shop.house.refused(&["rollback", "0123456789ab", "--yes"]).1, "RK-3010");
    let wrong = good.replace("command = [\"sh\"", "commands = [\"sh\"");
    std::fs::write(&file, wrong).unwrap();
    let (code, refused) = shop.house.run(&["apply", text(&file)]);
    assert_eq!((code, refused["code"].as_str()), (2, Some("RK-3017")), "{refused:#}");
    shop.serves();
}

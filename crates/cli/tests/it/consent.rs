//! Who agrees to a restore in the place of the live cluster, and to what: approvals that count only for the plan that was seen, the
//! glass that is broken loudly, the snapshot that is left out, and the maintenance window that is waited for.
#![allow(clippy::disallowed_methods, reason = "tests may ask the machine")]

use serde_json::{Value, json};
use testkit::postgres::wait_until;

use crate::approver::{Approver, PASSWORD};
use crate::house::{PATIENCE, text};
use crate::shop::{Shop, newest};

/// Applies the stack's file with more at its end.
fn apply_with(shop: &Shop, more: &str) {
    let path = shop.house.path("stack.toml");
    let first = shop.house.path("first.toml");
    if !first.exists() {
        std::fs::copy(&path, &first).unwrap();
    }
    std::fs::write(&path, format!("{}{more}", std::fs::read_to_string(first).unwrap())).unwrap();
    shop.house.ok(&["apply", text(&path)]);
}

fn show(shop: &Shop, id: &str) -> Value {
    shop.house.ok(&["ops", "show", id])
}

fn becomes(shop: &Shop, id: &str, status: &str) -> Value {
    let is = || show(shop, id)["status"] == status;
    assert!(wait_until(PATIENCE, is), "{status}: {:#}\n{}", show(shop, id), shop.house.log());
    show(shop, id)
}

fn hook(shop: &Shop, name: &str, when: &str) -> String {
    let script = format!("echo {name} >> {}", shop.house.path("said").display());
    format!(
        "[[hook]]\nname = \"{name}\"\nwhen = \"{when}\"\ndriver = \"command\"\ncommand = [\"sh\", \"-c\", {script:?}]\n"
    )
}

const ONE_MUST_AGREE: &str = "[policy.approvals]\nrestore = 1\n";

#[test]
fn what_was_approved_and_is_not_so_any_more_is_approved_anew() {
    let shop = Shop::new();
    let (lead, second) = (Approver::new(&shop.house, "lead"), Approver::new(&shop.house, "second"));
    apply_with(&shop, ONE_MUST_AGREE);
    let (time, known) = shop.moment();
    shop.spoil();
    let (code, refused) = shop.house.run(&["restore", "shop", "--time", &time, "--swap", "--yes"]);
    assert_eq!((code, refused["code"].as_str()), (4, Some("RK-4007")), "{refused:#}");
    let id = newest(&shop.house)["id"].as_str().unwrap().to_owned();
    becomes(&shop, &id, "awaiting-approval");
    assert!(
        shop.house.ok(&["ops", "plan", &id])["steps"].as_array().unwrap().iter().all(|step| step["name"] != "smoke")
    );

    // Before anybody agrees, the stack is another.
    apply_with(&shop, &format!("{}{ONE_MUST_AGREE}", hook(&shop, "late", "smoke")));
    assert!(lead.says(&shop.house, &id, "approve", "seen").starts_with("HTTP/1.1 200"));
    let changed = || show(&shop, &id)["error"]["code"] == "RK-3055";
    assert!(wait_until(PATIENCE, changed), "{:#}\n{}", show(&shop, &id), shop.house.log());
    let waits = show(&shop, &id);
    assert_eq!((&waits["status"], &waits["approvals"]), (&json!("awaiting-approval"), &json!([])), "{waits:#}");
    assert!(waits["error"]["message"].as_str().unwrap().contains("hook \"late\": added"), "{waits:#}");
    assert!(shop.said().is_empty(), "nothing was touched");
    let plan = shop.house.ok(&["ops", "plan", &id]);
    assert!(plan["steps"].as_array().unwrap().iter().any(|step| step["name"] == "smoke"), "{plan:#}");

    assert!(second.says(&shop.house, &id, "approve", "seen with the hook").starts_with("HTTP/1.1 200"));
    becomes(&shop, &id, "succeeded");
    assert!(shop.said().contains(&"late".to_owned()), "{:?}", shop.said());
    shop.has(&known);
    shop.serves();
    let report = shop.house.ok(&["report", &id]);
    assert_eq!(report["approvals"].as_array().map(Vec::len), Some(1), "{report:#}");
    assert_eq!((&report["approvals"][0]["by"], &report["waived"]), (&json!("second"), &json!(false)));
}

#[test]
fn what_is_refused_is_over_and_says_why() {
    let shop = Shop::new();
    let lead = Approver::new(&shop.house, "lead");
    apply_with(&shop, ONE_MUST_AGREE);
    let (time, _) = shop.moment();
    shop.spoil();
    shop.house.refused(&["restore", "shop", "--time", &time, "--swap", "--yes"]);
    let id = newest(&shop.house)["id"].as_str().unwrap().to_owned();
    let token = shop.house.path("token");
    std::fs::write(&token, &lead.token).unwrap();
    let said = ["--token", &format!("file:{}", token.display()), "refuse", &id, "--why", "not on a Friday"];
    shop.house.ok(&said);
    let refused = becomes(&shop, &id, "cancelled")["refused"].clone();
    assert_eq!((&refused["by"], &refused["why"]), (&json!("lead"), &json!("not on a Friday")));
    assert!(lead.says(&shop.house, &id, "approve", "after all").contains("RK-3042"));
    assert!(shop.said().is_empty());
}

#[test]
fn the_glass_is_broken_by_its_phrase_alone_and_everybody_hears_it() {
    let shop = Shop::new();
    let house = &shop.house;
    house.typed(&["users", "add", "lead", "--role", "approver"], &format!("{PASSWORD}\n"));
    apply_with(&shop, ONE_MUST_AGREE);
    let (time, known) = shop.moment();
    shop.spoil();
    let restore = |more: &[&str]| {
        let mut words = vec!["restore", "shop", "--time", &time, "--swap", "--yes"];
        words.extend(more);
        house.run(&words)
    };
    for wrong in [&["--break-glass", "restore shop"][..], &["--break-glass"], &["--no-snapshot", "yes"]] {
        let (code, refused) = restore(wrong);
        assert_eq!((code, refused["code"].as_str()), (2, Some("RK-3057")), "{refused:#}");
    }
    let words = ["--break-glass", "restore shop without approval", "--no-snapshot", "restore shop without a snapshot"];
    let (code, plan) = restore(&[&words[..], &["--dry-run"]].concat());
    assert_eq!((code, &plan["waived"], &plan["approvals"]), (0, &json!(true), &json!(0)), "{plan:#}");
    assert!(plan["steps"].as_array().unwrap().iter().all(|step| step["name"] != "snapshot"), "{plan:#}");
    let warnings = plan["findings"].to_string();
    assert!(warnings.contains("the glass was broken") && warnings.contains("not backed up"), "{warnings}");
    let backups = house.backups();
    let (code, report) = restore(&words);
    assert_eq!((code, &report["waived"], &report["snapshot"]), (0, &json!(true), &Value::Null), "{report:#}");
    assert_eq!(house.backups(), backups, "no snapshot was taken");
    let told = report["markdown"].as_str().unwrap();
    assert!(told.contains("| approved by | NOBODY") && told.contains("not backed up: who asked said so"), "{told}");
    shop.has(&known);
    shop.serves();
    assert_eq!(show(&shop, report["operation"].as_str().unwrap())["waived"], true);
    let records = house.ok(&["audit", "--last", "100"]);
    let broken = |record: &&Value| record["action"] == "break-glass restore" && record["who"] == "root";
    assert_eq!(records.as_array().unwrap().iter().filter(broken).count(), 1, "{records:#}");
    let alarmed = || house.run(&["alerts", "--kind", "break-glass"]).1.as_array().is_some_and(|found| found.len() == 1);
    assert!(wait_until(PATIENCE, alarmed), "{:#}", house.run(&["alerts", "--all"]).1);
}

#[test]
fn the_policy_may_leave_the_snapshot_out() {
    let shop = Shop::new();
    apply_with(&shop, "[policy]\nsafety_snapshot = false\n");
    let (time, _) = shop.moment();
    shop.spoil();
    let backups = shop.house.backups();
    let report = shop.house.ok(&["restore", "shop", "--time", &time, "--swap", "--yes"]);
    assert_eq!(report["no_snapshot"], "the policy says so", "{report:#}");
    assert_eq!(shop.house.backups(), backups);
}

/// Windows of today and tomorrow that are not open now, whatever the time is.
fn a_closed_window() -> String {
    let hour = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).hour();
    let (from, to) = ((hour + 10) % 24, (hour + 12) % 24);
    format!("[policy]\nwindows = [\"daily {from:02}:00-{to:02}:00 UTC\"]\n").replace("-00:00", "-24:00")
}

#[test]
fn a_restore_waits_for_the_window_and_is_never_outside_of_one() {
    let mut shop = Shop::new();
    let (time, known) = shop.moment();
    shop.spoil();
    let (time, at) = (time.as_str(), "next window");
    let restore = ["restore", "shop", "--time", time, "--swap", "--yes", "--at", at];
    assert_eq!(shop.house.refused(&restore).1, "RK-3013", "there is no window");
    apply_with(&shop, &a_closed_window());
    let plan = shop.house.ok(&["restore", "shop", "--time", time, "--swap", "--dry-run", "--at", at]);
    let asked = shop.house.ok(&restore);
    let id = asked["id"].as_str().unwrap().to_owned();
    let waits = becomes(&shop, &id, "waiting");
    assert_eq!(waits["next_try"], plan["begins"], "{waits:#}");
    assert!(waits["error"].is_null(), "to wait is no failure: {waits:#}");
    // A daemon that was away looks again, and waits on.
    shop.house.kill_daemon();
    shop.house.start_daemon();
    shop.house.ok(&["ops", "retry", &id]);
    let waits_again = || {
        let one = show(&shop, &id);
        one["status"] == "waiting" && one["next_try"] == plan["begins"]
    };
    assert!(wait_until(PATIENCE, waits_again), "{:#}", show(&shop, &id));
    assert!(shop.said().is_empty(), "nothing was touched");
    apply_with(&shop, "[policy]\nwindows = [\"daily 00:00-24:00 UTC\"]\n");
    shop.house.ok(&["ops", "retry", &id]);
    becomes(&shop, &id, "succeeded");
    shop.has(&known);
    shop.serves();
}

/// Asked for ahead, and nobody had to agree: what is not so any more is not done.
#[test]
fn what_was_planned_and_is_not_so_any_more_fails_before_anything_is_touched() {
    let shop = Shop::new();
    apply_with(&shop, &a_closed_window());
    let (time, _) = shop.moment();
    shop.spoil();
    let asked = shop.house.ok(&["restore", "shop", "--time", &time, "--swap", "--yes", "--at", "next window"]);
    let id = asked["id"].as_str().unwrap();
    becomes(&shop, id, "waiting");
    let windows = "[policy]\nwindows = [\"daily 00:00-24:00 UTC\"]\n";
    apply_with(&shop, &format!("{}{windows}", hook(&shop, "late", "smoke")));
    shop.house.ok(&["ops", "retry", id]);
    let failed = becomes(&shop, id, "failed");
    assert_eq!(failed["error"]["code"], "RK-3055", "{failed:#}");
    assert!(shop.said().is_empty());
    assert_ne!(shop.sql("SELECT count(*) FROM orders WHERE what = 'spoilt'").trim(), "0");
    shop.serves();
}

#[test]
fn what_a_stack_was_restored_from_is_remembered_and_its_file_cannot_change_it() {
    let shop = Shop::new();
    let house = &shop.house;
    let export = || house.ok(&["export", "shop"])[0]["file"].as_str().unwrap().to_owned();
    let apply = |text: String| {
        let path = house.path("other.toml");
        std::fs::write(&path, text).unwrap();
        house.run(&["apply", crate::house::text(&path)])
    };
    let before = export();
    let (code, refused) = apply(format!("{before}[restored]\noperation = \"0123456789ab\"\n"));
    assert_eq!((code, refused["code"].as_str()), (2, Some("RK-3017")), "it was never restored: {refused:#}");
    let (time, _) = shop.moment();
    shop.spoil();
    let report = house.ok(&["restore", "shop", "--time", &time, "--swap", "--yes"]);
    let after = export();
    let operation = report["operation"].as_str().unwrap();
    for said in [operation, report["backup"].as_str().unwrap(), &time] {
        assert!(after.contains(said), "{said} is not in {after}");
    }
    // Without a word of it, or as it was exported: neither replayed nor undone, and remembered as before.
    for same in [before.clone(), after.clone()] {
        let (code, applied) = apply(same);
        assert_eq!((code, applied["changes"].as_array().map(Vec::len)), (0, Some(0)), "{applied:#}");
        assert_eq!(export(), after);
    }
    assert_eq!(shop.sql("SELECT count(*) FROM orders WHERE what <> 'app'").trim(), "0");
    let (code, refused) = apply(after.replace(&time, "2020-01-01T00:00:00Z"));
    assert_eq!((code, refused["code"].as_str()), (2, Some("RK-3017")), "{refused:#}");
    assert!(refused["message"].as_str().unwrap().contains("restored.moment"), "{refused:#}");
    assert_eq!(export(), after);
    assert!(report["not_covered"].to_string().contains("names no [[secret]]"), "{report:#}");
}

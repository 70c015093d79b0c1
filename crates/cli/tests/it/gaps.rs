//! Log that was lost before the vault had it: seen at once, never papered over.

use crate::house::{House, server, text};

/// A slot that is gone, and log that the server has thrown away since.
fn lose_log(house: &mut House) {
    house.kill_daemon();
    house.server.sql("postgres", "SELECT pg_drop_replication_slot('rekindle_shop')");
    for _ in 0..4 {
        house.server.sql("postgres", "INSERT INTO t VALUES ('lost'); SELECT pg_switch_wal(); CHECKPOINT");
    }
    house.start_daemon();
}

#[test]
fn trap_3_a_broken_chain_is_told_at_once_and_no_moment_in_it_is_promised() {
    let mut house = House::new(server(15));
    house.server.sql("postgres", "CREATE TABLE t (word text); INSERT INTO t VALUES ('before')");
    house.ok(&["backup", "shop", "--name", "before"]);
    house.server.sql("postgres", "INSERT INTO t VALUES ('still there')");
    house.caught_up();
    lose_log(&mut house);
    assert!(house.has_condition("log-gap"), "{:?}\n{}", house.conditions(), house.log());
    assert!(house.log().contains("the log has a gap"), "a line of the log says it: {}", house.log());
    house.server.sql("postgres", "INSERT INTO t VALUES ('behind the gap')");
    let behind = house.server.sql("postgres", "SELECT pg_current_wal_flush_lsn()").trim().to_owned();
    house.caught_up();
    let timeline = house.ok(&["timeline", "shop"]);
    assert_eq!(timeline["gaps"].as_array().map(Vec::len), Some(1), "{timeline:#}");
    assert_eq!(timeline["gaps"][0]["why"], "the slot does not keep it any more");
    // It is not forgotten by a new daemon, nor by a new catalog.
    house.kill_daemon();
    house.start_daemon();
    assert!(house.has_condition("log-gap"), "{:?}", house.conditions());
    // Nothing behind the gap can be reached from the backup before it, and nobody pretends so.
    let into = house.path("into");
    let words = ["restore", "shop", "--lsn", &behind, "--into", text(&into), "--yes"];
    assert_eq!(house.refused(&words), (4, "RK-2070".into()));
    assert!(!into.exists());
    let before = house.restore("before-the-gap", &["--to", "latest"]);
    assert_eq!(before.sql("postgres", "SELECT string_agg(word, ', ') FROM t"), "before, still there");
    // A new backup opens the moments behind the gap, and the alarm ends.
    house.ok(&["backup", "shop"]);
    house.server.sql("postgres", "INSERT INTO t VALUES ('after the backup')");
    house.caught_up();
    assert!(!house.conditions().contains(&"log-gap".to_owned()));
    let latest = house.restore("latest", &["--to", "latest"]);
    assert_eq!(latest.sql("postgres", "SELECT count(*) FILTER (WHERE word = 'lost'), count(*) FROM t"), "4|8");
    house.is_sound();
}

#[test]
fn a_server_that_is_away_is_said_to_be() {
    let mut house = House::new(server(15));
    house.ok(&["backup", "shop"]);
    house.server.kill9();
    assert!(house.has_condition("log-not-received"), "{:?}", house.conditions());
    house.server.start();
    house.caught_up();
    let quiet = testkit::postgres::wait_until(crate::house::PATIENCE, || house.conditions().is_empty());
    assert!(quiet, "{:?}", house.conditions());
}

#[test]
fn lag_and_a_slot_at_risk_are_said_before_log_is_lost() {
    let server = testkit::postgres::Server::builder().setting("max_slot_wal_keep_size", "64MB").start();
    let mut house = House::new(server);
    house.server.sql("postgres", "CREATE TABLE t (x text)");
    house.ok(&["backup", "shop"]);
    house.caught_up();
    assert_eq!(house.conditions(), Vec::<String>::new());
    house.kill_daemon();
    house.configure("lag_warning_seconds = 60", "lag_warning_seconds = 1");
    // A vault that takes very long for each object.
    let delay = "inject=linkat:delay_enter=60000000";
    house.under(&["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=linkat", "-e", delay]);
    house.start_daemon();
    house.server.sql("postgres", "INSERT INTO t SELECT repeat('x', 1000) FROM generate_series(1, 50000)");
    assert!(house.has_condition("log-lag"), "{:?}", house.conditions());
    assert!(house.has_condition("slot-at-risk"), "{:?}", house.conditions());
    let risk = house.run(&["status"]).1["sources"][0]["conditions"].clone();
    let risk = risk.as_array().unwrap().iter().find(|found| found["kind"] == "slot-at-risk").unwrap().clone();
    assert_eq!(risk["severity"], "warning", "nothing is lost yet: {risk}");
    house.kill_traced_daemon();
    house.under(&[]);
    house.start_daemon();
    house.caught_up();
    let quiet = testkit::postgres::wait_until(crate::house::PATIENCE, || house.conditions().is_empty());
    assert!(quiet, "{:?}", house.conditions());
}

#[test]
fn a_slot_that_the_server_gave_up_is_made_again_and_the_next_backup_ends() {
    let server = testkit::postgres::Server::builder().setting("max_slot_wal_keep_size", "1MB").start();
    let mut house = House::new(server);
    house.server.sql("postgres", "CREATE TABLE t (word text); INSERT INTO t VALUES ('before')");
    house.ok(&["backup", "shop"]);
    house.caught_up();
    house.kill_daemon();
    let lost = "SELECT wal_status FROM pg_replication_slots WHERE slot_name = 'rekindle_shop'";
    let is_lost = testkit::postgres::wait_until(crate::house::PATIENCE, || {
        house.server.sql("postgres", "INSERT INTO t VALUES ('lost'); SELECT pg_switch_wal(); CHECKPOINT");
        house.server.sql("postgres", lost).trim() == "lost"
    });
    assert!(is_lost, "the slot is not lost");
    house.start_daemon();
    assert!(house.has_condition("log-gap"), "{:?}\n{}", house.conditions(), house.log());
    house.server.sql("postgres", "INSERT INTO t VALUES ('behind the gap')");
    house.caught_up();
    let timeline = house.ok(&["timeline", "shop"]);
    assert_eq!(
        timeline["gaps"][0]["why"], "the server gave up the slot and removed the log that it kept",
        "{timeline:#}"
    );
    house.ok(&["backup", "shop"]);
    house.caught_up();
    let quiet = testkit::postgres::wait_until(crate::house::PATIENCE, || house.conditions().is_empty());
    assert!(quiet, "{:?}", house.conditions());
    let latest = house.restore("latest", &["--to", "latest"]);
    assert_eq!(latest.sql("postgres", "SELECT count(*) FROM t WHERE word = 'behind the gap'"), "1");
    house.is_sound();
}

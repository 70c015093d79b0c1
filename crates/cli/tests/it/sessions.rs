//! Servers that are set up otherwise than ours: without a database postgres, with another superuser, with limits and defaults of their own,
//! with transactions in doubt; and waits that end when they are told to.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::time::Duration;

use testkit::postgres::{Server, wait_until};

use crate::house::{House, PATIENCE, server, text};

/// A wait ends within five seconds; the rest is for a busy machine.
const ENDS: Duration = Duration::from_secs(8);

fn as_admin(server: &Server, database: &str, sql: &str) -> String {
    let (socket, port) = (server.socket_dir().display().to_string(), server.port().to_string());
    let args = ["-XAtq", "-U", "admin", "-h", &socket, "-p", &port, "-v", "ON_ERROR_STOP=1", "-d", database, "-c", sql];
    server.tool_ok("psql", &args).trim().to_owned()
}

#[test]
fn a_cluster_without_the_usual_database_and_superuser_comes_back_in_every_way() {
    let live = Server::builder().fsync(true).initdb_arg("-U").initdb_arg("admin").start();
    as_admin(&live, "template1", "CREATE DATABASE app");
    as_admin(&live, "app", "CREATE TABLE t AS SELECT g AS n FROM generate_series(1, 500) g");
    as_admin(&live, "app", "DROP DATABASE postgres");
    let mut house = House::bare(live);
    house.init();
    house.start_daemon();
    let url = house.server.socket_url("app").replace("postgres@", "admin@");
    house.ok(&["protect", &url, "--name", "shop"]);
    house.ok(&["backup", "shop"]);
    as_admin(&house.server, "app", "INSERT INTO t VALUES (0)");
    let flushed = as_admin(&house.server, "app", "SELECT pg_current_wal_flush_lsn()");
    let durable = format!("SELECT count(*) FROM pg_stat_replication WHERE flush_lsn >= '{flushed}'");
    assert!(wait_until(PATIENCE, || as_admin(&house.server, "app", &durable) == "1"));

    let report = house.ok(&["drill", "shop"]);
    assert_eq!(report["passed"], true, "{report:#}");
    let peeked = house.ok(&["peek", "shop", "--to", "latest", "--database", "app", "--", "SELECT count(*) FROM t"]);
    assert_eq!(peeked[0]["rows"][0][0], "501", "{peeked:#}");
    let anywhere = house.ok(&["peek", "shop", "--to", "latest", "--", "SELECT current_database()"]);
    assert_eq!(anywhere[0]["rows"][0][0], "template1", "{anywhere:#}");
    house.ok(&["clone", "shop", "--to", "latest", "--name", "copy"]);
    house.ok(&["clone", "rm", "copy", "--yes"]);
    house.ok(&["restore", "shop", "--to", "latest", "--database", "app", "--yes"]);
    assert_eq!(as_admin(&house.server, "app_restored", "SELECT count(*) FROM t"), "501");
    drop(house.restore("into", &["--to", "latest"]));
    house.kill_daemon();
    let (key, into, vault) = (house.path("key"), house.path("recovered"), house.vault().to_owned());
    let words = ["recover", "--vault", &vault, "--key", text(&key), "--to", "latest", "--into", text(&into), "--yes"];
    drop(crate::house::Restored::of(house.ok(&words), house.server.bin_dir()));
}

#[test]
fn defaults_of_a_role_or_a_database_are_in_the_way_of_nothing() {
    let house = House::new(server(15));
    house.server.sql("postgres", "CREATE DATABASE app; CREATE DATABASE fixed");
    house.server.sql(
        "app",
        "CREATE TABLE t AS SELECT g AS n, g::text AS x FROM generate_series(1, 150000) g; CREATE INDEX ON t (x)",
    );
    house.server.sql("fixed", "CREATE TABLE r AS SELECT 1 AS n");
    house.server.sql(
        "postgres",
        "ALTER DATABASE app SET statement_timeout = '1ms'; ALTER ROLE postgres SET lock_timeout = '1ms';
         ALTER DATABASE fixed SET default_transaction_read_only = on",
    );
    house.ok(&["backup", "shop"]);
    house.caught_up();
    let report = house.ok(&["drill", "shop"]);
    assert_eq!(report["passed"], true, "{report:#}");
    let words = ["restore", "shop", "--to", "latest", "--database", "fixed", "--yes"];
    house.ok(&[words.as_slice(), &["--table", "public.r"]].concat());
    assert_eq!(house.server.sql("fixed", "SELECT n FROM fixed_restored.r"), "1");
    // What takes its place is read-only by default as well, which is as it was.
    let swapped =
        house.ok(&[words.as_slice(), &["--swap", "--no-snapshot", "restore shop without a snapshot"]].concat());
    assert!(swapped["kept_as"].is_string(), "{swapped:#}");
    assert_eq!(house.server.sql("fixed", "SELECT n FROM r"), "1");
}

/// A house with a transaction in doubt at every moment that can be restored.
fn in_doubt() -> House {
    let house = House::new(Server::builder().fsync(true).setting("max_prepared_transactions", "5").start());
    house.server.sql("postgres", "CREATE DATABASE app");
    house.server.sql("app", "CREATE TABLE pt AS SELECT 1 AS n");
    house.server.sql(
        "app",
        "BEGIN; INSERT INTO pt VALUES (2); LOCK TABLE pt IN ACCESS EXCLUSIVE MODE; PREPARE TRANSACTION 'px1'",
    );
    house.ok(&["backup", "shop"]);
    house.caught_up();
    house
}

#[test]
fn transactions_in_doubt_are_named_and_nothing_waits_for_them() {
    let house = in_doubt();
    let names_it = |lines: &serde_json::Value| lines.to_string().contains(r#"\"px1\" of postgres in database app"#);
    let (code, report) = house.run(&["drill", "shop"]);
    assert_eq!((code, &report["passed"]), (1, &false.into()), "{report:#}");
    assert!(names_it(&report["unproven"]) && names_it(&report["findings"]), "{report:#}");
    assert_eq!(report["amcheck_findings"], serde_json::json!([]));
    // It speaks for nothing and against nothing, and somebody is told.
    let backup = &house.ok(&["timeline", "shop"])["backups"][0];
    assert!(backup["proven"].is_null() && backup["failed"].is_null(), "{backup:#}");
    assert!(house.has_condition("drill-failed"));
    let report = house.ok(&["restore", "shop", "--to", "latest", "--database", "app", "--yes"]);
    assert_eq!(house.server.sql("app_restored", "SELECT n FROM pt"), "1");
    assert!(names_it(&report["left_out"]), "{report:#}");
    let restored = house.restore("into", &["--to", "latest"]);
    assert!(names_it(&restored.report["findings"]), "{:#}", restored.report);
    let words = ["restore", "shop", "--to", "latest", "--database", "app", "--swap", "--yes"];
    assert_ne!(house.run(&words).0, 0, "the live one is in doubt as well, and cannot be renamed");
    house.server.sql("app", "ROLLBACK PREPARED 'px1'");
}

/// A drill in a check that would take ten minutes; its operation. The check before that one tells that it has come so far.
fn a_drill_that_waits(house: &House) -> (std::process::Child, String) {
    let (checks, folder) = (house.path("checks.toml"), house.path("told"));
    std::fs::create_dir(&folder).unwrap();
    std::fs::set_permissions(&folder, Permissions::from_mode(0o777)).unwrap();
    let begun = folder.join("begun");
    let touch = format!("[[check]]\nname = \"begins\"\ncommand = [\"touch\", \"{}\"]\n", begun.display());
    let sleeps = "[[check]]\nname = \"sleeps\"\nsql = \"SELECT pg_sleep(600) IS NULL\"\n";
    std::fs::write(&checks, touch + sleeps).unwrap();
    let drill = house.spawn(&["drill", "shop", "--checks", text(&checks)]);
    assert!(wait_until(PATIENCE, || begun.exists()), "{:#}", house.run(&["status"]).1);
    let running = house.ok(&["ops", "--kind", "drill", "--last", "1"]);
    (drill, running[0]["id"].as_str().unwrap().to_owned())
}

#[test]
fn a_drill_that_waits_ends_when_it_is_cancelled() {
    let house = House::new(server(15));
    house.ok(&["backup", "shop"]);
    let (mut drill, id) = a_drill_that_waits(&house);
    house.ok(&["ops", "cancel", &id]);
    let is_over = || house.run(&["ops", "show", &id]).1["status"] == "cancelled";
    assert!(wait_until(ENDS, is_over), "{:#}", house.run(&["ops", "show", &id]).1);
    drill.wait().unwrap();
    assert_eq!(house.ok(&["clones"]), serde_json::json!([]));
}

#[test]
fn a_drill_that_waits_does_not_hold_up_the_end_of_the_daemon() {
    let house = House::new(server(15));
    house.ok(&["backup", "shop"]);
    let (mut drill, _) = a_drill_that_waits(&house);
    Command::new("kill").args(["-TERM", &house.daemon_pid().to_string()]).status().unwrap();
    assert!(wait_until(ENDS, || house.daemon_is_gone()), "{}", house.log());
    let _ = drill.kill();
    drill.wait().unwrap();
}

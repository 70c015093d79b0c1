//! What a copy has of the original, and what it must not go on with.

use std::path::Path;
use std::process::Command;

use testkit::postgres::{Server, StopMode, wait_until};

use crate::house::{House, PATIENCE, Restored, majors, server, text};

const LAUNCHERS: &str = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'logical replication launcher'";

/// `pg_ctl start` by hand, as the owner of the files.
pub(crate) fn start(restored: &Restored, house: &House) {
    let into = restored.report["into"].as_str().unwrap();
    let log = house.server.home().join("by-hand.log");
    let words = ["-D", into, "-w", "-s", "-t", "60", "-l", text(&log), "start"];
    // Without its output: the server inherits it, and would hold it open.
    let mut command = Command::new(house.server.bin_dir().join("pg_ctl"));
    command.args(words).current_dir("/").stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    become_owner(&mut command, Path::new(into));
    assert!(command.status().unwrap().success(), "{}", std::fs::read_to_string(log).unwrap_or_default());
}

fn become_owner(command: &mut Command, of: &Path) {
    use std::os::unix::fs::MetadataExt;
    use std::os::unix::process::CommandExt;
    let owner = std::fs::metadata(of).unwrap();
    if rustix::process::geteuid().is_root() {
        command.uid(owner.uid()).gid(owner.gid());
    }
}

fn conf(restored: &Restored, name: &str) -> String {
    std::fs::read_to_string(Path::new(restored.report["into"].as_str().unwrap()).join(name)).unwrap()
}

/// A publisher, and a house whose server subscribes to it.
fn subscribed() -> (Server, House) {
    let publisher = Server::builder().setting("wal_level", "logical").start();
    publisher.sql("postgres", "CREATE TABLE t (x text PRIMARY KEY)");
    publisher.sql("postgres", "CREATE PUBLICATION p FOR TABLE t; INSERT INTO t VALUES ('before')");
    let house = House::new(server(15));
    house.server.sql("postgres", "CREATE TABLE t (x text PRIMARY KEY)");
    // It is read last, behind all that a restore writes.
    house.server.sql("postgres", "ALTER SYSTEM SET max_logical_replication_workers = 5");
    let url = publisher.url("postgres");
    house.server.sql("postgres", &format!("CREATE SUBSCRIPTION s CONNECTION '{url}' PUBLICATION p"));
    assert!(wait_until(PATIENCE, || house.server.sql("postgres", "SELECT count(*) FROM t") == "1"));
    let synced = "SELECT count(*) FROM pg_subscription_rel WHERE srsubstate = 'r'";
    assert!(wait_until(PATIENCE, || house.server.sql("postgres", synced) == "1"));
    (publisher, house)
}

/// While the live subscriber is down its slot is free, and a copy that subscribes as well would move it on.
#[test]
fn a_copy_takes_no_change_from_the_live_subscriber() {
    let (publisher, house) = subscribed();
    house.ok(&["backup", "shop", "--name", "first"]);
    house.server.sql("postgres", "ALTER SUBSCRIPTION s DISABLE");
    house.caught_up();
    // Its moment is before the subscription was disabled.
    let copy = house.restore("copy", &["--backup", "first"]);
    assert_eq!(copy.sql("postgres", "SELECT subenabled FROM pg_subscription"), "t", "{:#}", copy.report);
    assert_eq!(copy.sql("postgres", LAUNCHERS), "0");
    publisher.sql("postgres", "INSERT INTO t VALUES ('behind')");
    copy.stop();
    start(&copy, &house);
    assert_eq!(copy.sql("postgres", LAUNCHERS), "0", "nor does it begin at its next start");
    house.server.sql("postgres", "ALTER SUBSCRIPTION s ENABLE");
    let arrived = || house.server.sql("postgres", "SELECT count(*) FROM t WHERE x = 'behind'") == "1";
    assert!(wait_until(PATIENCE, arrived), "the live subscriber gets what is its own");
    assert_eq!(copy.sql("postgres", "SELECT count(*) FROM t"), "1");
    house.server.sql("postgres", "ALTER SUBSCRIPTION s DISABLE");
    let files = house.restore("files", &["--to", "latest", "--no-start"]);
    assert!(conf(&files, "rekindle.conf").contains("max_logical_replication_workers = '0'"));
    // As the report says: its line taken out, and a restart.
    let said = copy.report["not_covered"].to_string();
    assert!(said.contains("subscriptions") && said.contains("rekindle.conf"), "{said}");
    copy.sql("postgres", "ALTER SUBSCRIPTION s DISABLE");
    copy.stop();
    let path = Path::new(copy.report["into"].as_str().unwrap()).join("rekindle.conf");
    let text = std::fs::read_to_string(&path).unwrap();
    let without = text.lines().filter(|line| !line.starts_with("max_logical_replication_workers"));
    std::fs::write(&path, without.map(|line| format!("{line}\n")).collect::<String>()).unwrap();
    start(&copy, &house);
    assert!(wait_until(PATIENCE, || copy.sql("postgres", LAUNCHERS) == "1"));
}

/// Whatever file they are in, settings of the original do not act: commands of its archive, a second target, a library that runs jobs.
fn of_included_settings(major: u32) {
    let house = House::new(server(major));
    let (data, acted) = (house.server.data_dir(), house.server.home().join("acted"));
    let act = format!("touch {}", acted.display());
    let included = format!(
        "recovery_end_command = '{act}'\narchive_cleanup_command = '{act}'\nrecovery_target_name = 'nowhere'\n"
    );
    std::fs::write(data.join("more.conf"), included).unwrap();
    house.server.hand_over(&data.join("more.conf"));
    house.server.set("include_if_exists", "more.conf");
    house.server.sql("postgres", "ALTER SYSTEM SET shared_preload_libraries = pg_cron, plpgsql");
    house.server.sql("postgres", "CREATE TABLE t AS SELECT 1 AS x");
    house.ok(&["backup", "shop"]);
    house.server.sql("postgres", "INSERT INTO t VALUES (2)");
    house.caught_up();
    let copy = house.restore("copy", &["--to", "latest"]);
    assert_eq!(copy.sql("postgres", "SELECT count(*) FROM t"), "2", "PostgreSQL {major}");
    assert_eq!(copy.sql("postgres", "SHOW shared_preload_libraries"), "plpgsql");
    assert_eq!(copy.sql("postgres", "SHOW recovery_end_command"), "");
    assert!(!acted.exists(), "a command of the original was run");
    assert!(copy.report["not_covered"].to_string().contains("pg_cron"), "{:#}", copy.report);
}

#[test]
fn settings_of_an_included_file_do_not_act_in_a_copy() {
    majors().into_iter().for_each(of_included_settings);
}

/// Raised, raised again, and lowered, each with a start of the server, behind the only backup.
fn raise_limits(house: &mut House) {
    let settings = [("max_connections", "70"), ("max_prepared_transactions", "7"), ("max_worker_processes", "21")];
    for (name, value) in settings {
        house.server.set(name, value);
    }
    house.server.restart();
    house.server.sql("postgres", "INSERT INTO t VALUES (2); BEGIN; INSERT INTO t VALUES (-1); PREPARE TRANSACTION 'p'");
    house.server.sql("postgres", "COMMIT PREPARED 'p'");
    for (name, value) in [("max_connections", "90"), ("max_wal_senders", "13"), ("max_locks_per_transaction", "77")] {
        house.server.set(name, value);
    }
    house.server.restart();
    house.server.sql("postgres", "INSERT INTO t VALUES (3)");
    house.server.set("max_connections", "30");
    house.server.restart();
    house.server.sql("postgres", "INSERT INTO t VALUES (4)");
    house.caught_up();
}

const LIMITS: &str = "SELECT string_agg(setting, ' ' ORDER BY name) FROM pg_settings WHERE name IN ('max_connections', \
     'max_worker_processes', 'max_wal_senders', 'max_prepared_transactions', 'max_locks_per_transaction')";

fn with_raised_limits(major: u32) {
    let mut house = House::new(server(major));
    house.server.sql("postgres", "CREATE TABLE t AS SELECT 1 AS x");
    house.ok(&["backup", "shop"]);
    raise_limits(&mut house);
    let copy = house.restore("copy", &["--to", "latest"]);
    assert_eq!(copy.sql("postgres", "SELECT count(*) FROM t"), "5", "PostgreSQL {major}");
    assert_eq!(copy.sql("postgres", LIMITS), "90 77 7 13 21", "PostgreSQL {major}");
    let files = house.restore("files", &["--to", "latest", "--no-start"]);
    copy.stop();
    start(&files, &house);
    let there = || files.sql("postgres", "SELECT NOT pg_is_in_recovery(), (SELECT count(*) FROM t)") == "t|5";
    assert!(wait_until(PATIENCE, there), "PostgreSQL {major}");
    assert_eq!(files.sql("postgres", LIMITS), "90 77 7 13 21", "PostgreSQL {major}");
    files.stop();
    let seen = house.ok(&["peek", "shop", "--to", "latest", "--", "SELECT count(*) FROM t"]);
    assert_eq!(seen[0]["rows"][0][0].as_str(), Some("5"), "PostgreSQL {major}");
    house.kill_daemon();
    house.server.stop(StopMode::Fast);
    let (vault, into, key) = (house.vault().to_owned(), house.path("recovered"), house.path("key"));
    let mut words = vec!["recover", "--vault", &vault, "--key", text(&key), "--source", "shop", "--to", "latest"];
    let programs = house.server.bin_dir().display().to_string();
    words.extend(["--into", text(&into), "--yes", "--server-programs", &programs]);
    let recovered = Restored::of(house.ok(&words), house.server.bin_dir());
    assert_eq!(recovered.sql("postgres", "SELECT count(*) FROM t"), "5", "PostgreSQL {major}");
}

#[test]
fn limits_that_were_raised_behind_the_backup_hold_nothing_up() {
    majors().into_iter().for_each(with_raised_limits);
}

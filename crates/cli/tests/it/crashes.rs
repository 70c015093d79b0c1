//! The daemon dies at any moment, and disks fail: the vault stays whole, and what was reported durable is there.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    clippy::print_stdout,
    reason = "tests may ask the machine, and print their seeds"
)]

use std::time::Duration;

use testkit::postgres::Server;

use crate::house::{House, Seeded, server};

/// Rounds of killing; `REKINDLE_TEST_ROUNDS` says another number.
fn rounds() -> u64 {
    std::env::var("REKINDLE_TEST_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(50)
}

/// What the server was told is durable in the vault.
fn reported_durable(server: &Server) -> String {
    let slot = "SELECT restart_lsn FROM pg_replication_slots WHERE slot_name = 'rekindle_shop'";
    server.sql("postgres", slot).trim().to_owned()
}

#[test]
fn killed_at_any_moment_of_backup_and_log() {
    let seed = 20_261_121;
    println!("seed {seed}");
    let mut seeded = Seeded(seed);
    let mut house = House::new(server(15));
    house.server.sql("postgres", "CREATE TABLE t (id bigserial, pad text DEFAULT repeat('y', 500))");
    house.ok(&["backup", "shop", "--name", "first"]);
    // After each commit: how many rows there are, and a position behind the commit's record.
    let mut commits: Vec<(String, u64)> = Vec::new();
    for round in 0..rounds() {
        house.server.sql(
            "postgres",
            "INSERT INTO t SELECT FROM generate_series(1, 3000); UPDATE t SET pad = repeat('z', 400) WHERE id % 7 = 0",
        );
        let position = house.server.sql("postgres", "SELECT pg_current_wal_flush_lsn()").trim().to_owned();
        commits.push((position, 3000 * (round + 1)));
        std::thread::scope(|scope| {
            let running = scope.spawn(|| house.run(&["backup", "shop", "--full"]));
            std::thread::sleep(Duration::from_millis(20 + seeded.below(400)));
            // The client sees its daemon vanish; that is its own affair.
            kill(&house);
            let _ = running.join();
        });
        house.kill_daemon();
        house.start_daemon();
        println!("round {round}: killed");
    }
    let durable = reported_durable(&house.server);
    let before = |position: &str| {
        house.server.sql("postgres", &format!("SELECT '{position}'::pg_lsn <= '{durable}'")).trim() == "t"
    };
    let expected = commits.iter().filter(|(position, _)| before(position)).map(|(_, rows)| *rows).max().unwrap_or(0);
    assert!(expected > 0, "nothing was durable by {durable}: {commits:?}");
    house.is_sound();
    house.server.kill9();
    let restored = house.restore("into", &["--to", "latest"]);
    let there: u64 = restored.sql("postgres", "SELECT count(*) FROM t").parse().unwrap();
    assert!(there >= expected, "{there} rows, and {expected} were durable before {durable}");
}

fn kill(house: &House) {
    let pid = house.daemon_pid().to_string();
    assert!(std::process::Command::new("kill").args(["-9", &pid]).status().unwrap().success());
}

/// A backup under an injected fault ends with an error or succeeds; the vault is whole either way.
fn faulted(inject: &str) {
    let mut house = House::new(server(15));
    house
        .server
        .sql("postgres", "CREATE TABLE t AS SELECT g AS id, md5(g::text) AS x FROM generate_series(1, 100000) g");
    house.kill_daemon();
    house.under(&["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync,pwrite64,write,linkat", "-e", inject]);
    house.start_daemon();
    let (code, answer) = house.run(&["backup", "shop", "--full"]);
    println!("{inject}: exit {code}, {}", answer["message"]);
    if code != 0 {
        assert!(answer["code"].as_str().is_some_and(|code| code.starts_with("RK-")), "{inject}: {answer}");
    }
    house.kill_traced_daemon();
    house.under(&[]);
    house.start_daemon();
    house.is_sound();
    house.ok(&["backup", "shop"]);
    house.caught_up();
    let restored = house.restore("into", &["--to", "latest"]);
    assert_eq!(restored.sql("postgres", "SELECT count(*) FROM t"), "100000");
}

#[test]
fn a_failing_fsync_fails_the_backup_and_not_the_vault() {
    faulted("inject=fsync:error=EIO:when=12+3");
}

#[test]
fn a_full_disk_fails_the_backup_and_not_the_vault() {
    faulted("inject=linkat:error=ENOSPC:when=3+2");
}

#[test]
fn a_commit_that_waits_for_the_vault_is_never_lost() {
    let mut house = House::new(server(15));
    house.server.sql("postgres", "CREATE TABLE t (id int)");
    house.ok(&["backup", "shop"]);
    house.server.sql("postgres", "ALTER SYSTEM SET synchronous_standby_names = 'rekindle_shop'");
    house.server.reload();
    for id in 0..20 {
        house.server.sql("postgres", &format!("INSERT INTO t VALUES ({id})"));
    }
    // Everything dies the moment the last commit has returned.
    house.server.kill9();
    house.kill_daemon();
    let into = house.path("into");
    let (vault, key) = (house.vault().to_owned(), house.path("key"));
    let words = [
        "recover",
        "--vault",
        &vault,
        "--key",
        key.to_str().unwrap(),
        "--to",
        "latest",
        "--into",
        into.to_str().unwrap(),
        "--yes",
    ];
    let restored = crate::house::Restored::of(house.ok(&words), house.server.bin_dir());
    assert_eq!(restored.sql("postgres", "SELECT count(*) FROM t"), "20");
}

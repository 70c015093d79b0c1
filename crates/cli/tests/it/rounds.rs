//! Whatever dies under an opened database, and whenever: what it acknowledged is there, and it is consistent. The seed is printed;
//! `REKINDLE_TEST_ROUNDS` says how many rounds.
#![allow(
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "tests print their seeds"
)]

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use serde_json::Value;
use testkit::postgres::wait_until;

use crate::house::{House, PATIENCE, Restored, Seeded, server, text};
use crate::opened::{kill, mount_process, server_process};

const SEED: u64 = 20_261_122;
const ROWS: u32 = 100_000;

#[test]
fn kills_of_the_server() {
    rounds("server", |_, view, _| kill(server_process(view)));
}

#[test]
fn kills_of_the_mount() {
    rounds("mount", |_, view, _| kill(mount_process(view)));
}

#[test]
fn kills_of_the_daemon() {
    rounds("daemon", |house, _, _| {
        house.kill_daemon();
        house.start_daemon();
    });
}

#[test]
fn kills_of_everything() {
    rounds("all", |house, view, dice| {
        let (mount, server) = (mount_process(view), server_process(view));
        house.kill_daemon();
        let order = if dice.below(2) == 0 { [mount, server] } else { [server, mount] };
        order.into_iter().for_each(kill);
        house.start_daemon();
    });
}

fn rounds(what: &str, strike: impl Fn(&mut House, &Value, &mut Seeded)) {
    println!("seed {SEED}");
    let mut dice = Seeded(SEED);
    let mut house = House::new(server(15));
    let fill = format!(
        "CREATE TABLE orders AS SELECT n, md5(n::text) AS sum FROM generate_series(1, {ROWS}) n; CREATE INDEX ON orders (sum); CREATE TABLE acknowledged (n int)"
    );
    house.server.sql("postgres", &fill);
    house.server.sql("postgres", "CREATE EXTENSION IF NOT EXISTS amcheck");
    house.ok(&["backup", "shop"]);
    house.server.sql("postgres", "UPDATE orders SET n = n WHERE n % 10 = 0");
    house.caught_up();
    let restored = house.restore("back", &["--to", "latest", "--open", "--limit", "400kB"]);
    let name = restored.report["instance"].as_str().unwrap().to_owned();
    let mut acknowledged = Vec::new();
    for round in 0..how_many() {
        let view = serves(&house, &name);
        let writing = Writer::begin(&house, &view, acknowledged.last().map_or(0, |n| n + 1000));
        std::thread::sleep(Duration::from_millis(20 + dice.below(150)));
        strike(&mut house, &view, &mut dice);
        acknowledged.extend(writing.end());
        serves(&house, &name);
        let there = restored.sql("postgres", "SELECT n FROM acknowledged");
        let there: std::collections::BTreeSet<u32> = there.lines().map(|n| n.parse().unwrap()).collect();
        let lost: Vec<&u32> = acknowledged.iter().filter(|n| !there.contains(n)).collect();
        assert!(lost.is_empty(), "round {round} of {what}: acknowledged and lost: {lost:?}\n{}", house.log());
    }
    assert!(!acknowledged.is_empty(), "nothing was ever acknowledged");
    is_consistent(&house, &restored);
}

fn how_many() -> u32 {
    std::env::var("REKINDLE_TEST_ROUNDS").map_or(30, |rounds| rounds.parse().unwrap())
}

/// Waits until the instance serves.
fn serves(house: &House, name: &str) -> Value {
    let mut last = Value::Null;
    let connects = |view: &Value| {
        let port = view["port"].as_u64().unwrap_or_default().to_string();
        let host = view["socket_folder"].as_str().unwrap_or_default();
        let asked = Command::new(house.server.bin_dir().join("psql"))
            .args(["-h", host, "-p", &port, "-U", "postgres", "-XAtqc", "SELECT 1", "postgres"])
            .output();
        asked.is_ok_and(|asked| asked.status.success())
    };
    let done = wait_until(PATIENCE, || {
        last = house.run(&["clones", name]).1;
        last["standing"] == "serves" && connects(&last)
    });
    assert!(done, "{name} does not serve: {last:#}\n{}", house.log());
    last
}

/// All pages are right, all indexes fit, and what came by log is there; then it is stopped, and its files are checked by the server's own program.
fn is_consistent(house: &House, restored: &Restored) {
    assert_eq!(restored.sql("postgres", "SELECT count(*), count(DISTINCT sum) FROM orders"), format!("{ROWS}|{ROWS}"));
    assert_eq!(restored.sql("postgres", "SELECT count(*) FROM orders WHERE sum <> md5(n::text)"), "0");
    restored.sql(
        "postgres",
        "SELECT bt_index_check(c.oid, true) FROM pg_class c JOIN pg_am a ON a.oid = relam WHERE amname = 'btree'",
    );
    restored.sql(
        "postgres",
        "SELECT verify_heapam(c.oid) FROM pg_class c WHERE relkind IN ('r', 't', 'm') AND relpersistence = 'p'",
    );
    let name = restored.report["instance"].as_str().unwrap();
    house.ask("POST", &format!("/api/v1/instances/{name}/hydration"), r#"{"limit":0}"#);
    assert!(wait_until(PATIENCE, || house.ok(&["clones", name])["mount"]["whole"] == true));
    house.ok(&["detach", name, "--yes"]);
    restored.stop();
    let program = house.server.bin_dir().join("pg_checksums");
    let checked = Command::new(program).arg("--check").arg("-D").arg(house.path("back")).output().unwrap();
    let said = String::from_utf8_lossy(&checked.stdout).into_owned() + &String::from_utf8_lossy(&checked.stderr);
    assert!(checked.status.success(), "{} {said}", text(&house.path("back")));
}

/// Inserts numbers, one commit each, and remembers those that were acknowledged.
struct Writer {
    psql: Child,
    reading: std::thread::JoinHandle<Vec<u32>>,
}

impl Writer {
    fn begin(house: &House, view: &Value, first: u32) -> Writer {
        let port = view["port"].as_u64().unwrap().to_string();
        let mut psql = Command::new(house.server.bin_dir().join("psql"))
            .args(["-h", view["socket_folder"].as_str().unwrap(), "-p", &port, "-U", "postgres", "-XAtq", "postgres"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (input, output) = (Mutex::new(psql.stdin.take().unwrap()), psql.stdout.take().unwrap());
        let reading = std::thread::spawn(move || {
            let mut acknowledged = Vec::new();
            let mut lines = BufReader::new(output).lines();
            for n in first.. {
                let asked = writeln!(input.lock().unwrap(), "INSERT INTO acknowledged VALUES ({n}) RETURNING n;");
                match (asked, lines.next()) {
                    (Ok(()), Some(Ok(line))) if line == n.to_string() => acknowledged.push(n),
                    _ => break,
                }
            }
            acknowledged
        });
        Writer { psql, reading }
    }

    fn end(mut self) -> Vec<u32> {
        let _ = self.psql.kill();
        self.psql.wait().unwrap();
        self.reading.join().unwrap()
    }
}

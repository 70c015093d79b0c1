//! What openings meet: tablespaces, stores in a network, hosts without FUSE, expiry, limits of time and space, wrong words, crowds.

use std::net::TcpListener;
use std::path::Path;

use serde_json::Value;
use testkit::postgres::wait_until;

use crate::house::{House, PATIENCE, majors, server, text};
use crate::opened::{house, sql};

#[test]
fn tablespaces_lie_inside_what_is_opened() {
    let house = House::new(server(15));
    let place = house.server.make_dir("fast");
    house.server.sql("postgres", &format!("CREATE TABLESPACE fast LOCATION '{}'", place.display()));
    house.server.sql("postgres", "CREATE TABLE t TABLESPACE fast AS SELECT n FROM generate_series(1, 50000) n");
    house.ok(&["backup", "shop"]);
    house.server.sql("postgres", "INSERT INTO t VALUES (0)");
    house.caught_up();
    let restored = house.restore("back", &["--to", "latest", "--open"]);
    assert_eq!(restored.sql("postgres", "SELECT count(*) FROM t"), "50001");
    restored.sql("postgres", "INSERT INTO t VALUES (-1); CHECKPOINT");
    let name = restored.report["instance"].as_str().unwrap();
    assert!(wait_until(PATIENCE, || house.ok(&["clones", name])["mount"]["whole"] == true));
    house.ok(&["detach", name, "--yes"]);
    assert_eq!(restored.sql("postgres", "SELECT count(*) FROM t"), "50002");
    let oid = restored.sql("postgres", "SELECT oid FROM pg_tablespace WHERE spcname = 'fast'");
    let link = std::fs::read_link(house.path("back/pg_tblspc").join(&oid)).unwrap();
    assert_eq!(text(&link), format!("../rekindle.tablespaces/{oid}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn clones_and_peeks_read_from_s3() {
    let s3 = testkit::s3::Server::start().await;
    tokio::task::block_in_place(|| {
        let house = House::in_bucket(server(15), &s3);
        house.server.sql(
            "postgres",
            "CREATE TABLE orders AS SELECT n, repeat('x', 200) AS text FROM generate_series(1, 20000) n",
        );
        house.ok(&["backup", "shop"]);
        let view = house.ok(&["clone", "shop", "--to", "latest", "--name", "far"]);
        assert_eq!(sql(&house, &view, "SELECT count(*) FROM orders"), "20000");
        let (code, answer) = house.run(&["peek", "shop", "--to", "latest", "--", "SELECT max(n) FROM orders"]);
        assert_eq!((code, &answer[0]["rows"][0][0]), (0, &Value::from("20000")), "{}", house.log());
        house.ok(&["clone", "rm", "far", "--yes"]);
    });
}

#[test]
fn without_fuse_everything_is_copied() {
    let mut house = house(15);
    house.kill_daemon();
    house.under(&["unshare", "--mount", "sh", "-c", "mount --bind /dev/null /dev/fuse && exec \"$@\"", "sh"]);
    house.start_daemon();
    let view = house.ok(&["clone", "shop", "--to", "latest", "--name", "staging"]);
    assert_eq!((&view["mount"], view["standing"].as_str()), (&Value::Null, Some("serves")));
    let said = view["report"]["not_covered"].to_string();
    assert!(said.contains("were copied") && said.contains("/dev/fuse"), "{said}");
    sql(&house, &view, "DELETE FROM orders");
    house.ok(&["clone", "stop", "staging"]);
    let view = house.ok(&["clone", "start", "staging"]);
    assert_eq!(sql(&house, &view, "SELECT count(*) FROM orders"), "0");
    let view = house.ok(&["clone", "reset", "staging", "--yes"]);
    assert_eq!(sql(&house, &view, "SELECT count(*) FROM orders"), "20001");
    let (code, answer) = house.run(&["peek", "shop", "--to", "latest", "--", "SELECT count(*) FROM orders"]);
    assert_eq!((code, answer[0]["rows"][0][0].as_str()), (0, Some("20001")));
    let restored = house.restore("back", &["--to", "latest", "--open"]);
    assert_eq!(restored.report["instance"], Value::Null);
    assert_eq!(restored.sql("postgres", "SELECT count(*) FROM orders"), "20001");
    house.ok(&["clone", "rm", "staging", "--yes"]);
    assert!(!house.path("data.instances/staging").exists());
}

#[test]
fn expiry_keeps_what_an_opened_database_reads() {
    let house = house(15);
    let view = house.ok(&["clone", "shop", "--to", "latest", "--name", "staging"]);
    house.server.sql("postgres", "TRUNCATE orders");
    house.ok(&["backup", "shop", "--full"]);
    let expire = ["expire", "shop", "--keep-last", "1", "--grace", "0s", "--apply", "--yes"];
    house.ok(&expire);
    let backups = || house.ok(&["timeline", "shop"])["backups"].as_array().unwrap().len();
    assert_eq!(backups(), 2, "the backup of the clone has gone");
    assert_eq!(sql(&house, &view, "SELECT count(*) FROM orders WHERE text LIKE 'x%'"), "20000");
    house.ok(&["clone", "rm", "staging", "--yes"]);
    house.ok(&expire);
    assert_eq!(backups(), 1, "the pin of a clone that is gone stays");
}

#[test]
fn time_and_room_are_limited() {
    let house = house(15);
    house.ok(&["clone", "shop", "--to", "latest", "--name", "short", "--ttl", "1s"]);
    assert!(wait_until(PATIENCE, || house.run(&["clones", "short"]).1["code"] == "RK-3010"), "{}", house.log());
    assert!(!house.path("data.instances/short").exists());
    house.ok(&["clone", "shop", "--to", "latest", "--name", "small", "--quota", "1kB"]);
    let stopped = || house.ok(&["clones", "small"])["phase"] == "stopped";
    assert!(wait_until(PATIENCE, stopped), "{}", house.log());
    assert!(wait_until(PATIENCE, || house.ok(&["clones", "small"])["conditions"][0]["kind"] == "quota"));
    house.ok(&["clone", "rm", "small", "--yes"]);
}

#[test]
fn a_vault_that_is_away_is_an_alarm_and_comes_back() {
    let house = house(15);
    house.server.sql("postgres", "CREATE TABLE cold AS SELECT n, md5(n::text) AS sum FROM generate_series(1, 50000) n");
    house.ok(&["backup", "shop"]);
    let view = house.ok(&["clone", "shop", "--to", "latest", "--name", "staging"]);
    std::fs::rename(house.path("vault/packs"), house.path("vault/away")).unwrap();
    let read = || {
        std::process::Command::new(house.server.bin_dir().join("psql"))
            .args(["-h", view["socket_folder"].as_str().unwrap(), "-p", &view["port"].to_string(), "-U", "postgres"])
            .args(["-XAtqc", "SELECT count(sum) FROM cold", "postgres"])
            .output()
            .unwrap()
    };
    let failed = read();
    assert!(
        !failed.status.success() && String::from_utf8_lossy(&failed.stderr).contains("could not read"),
        "{failed:?}"
    );
    let alarm = || house.run(&["clones", "staging"]).1["conditions"][0]["kind"] == "vault-unreadable";
    assert!(wait_until(PATIENCE, alarm), "{}", house.log());
    assert_eq!(house.run(&["clones", "staging"]).0, 1);
    // What is present is not affected.
    assert_eq!(sql(&house, &view, "SELECT 1"), "1");
    std::fs::rename(house.path("vault/away"), house.path("vault/packs")).unwrap();
    assert_eq!(String::from_utf8_lossy(&read().stdout).trim(), "50000");
    assert!(wait_until(PATIENCE, || house.run(&["clones", "staging"]).1["conditions"] == Value::Array(vec![])));
    house.ok(&["clone", "rm", "staging", "--yes"]);
}

#[test]
fn fetching_behind_can_be_paused_and_limited() {
    let house = house(15);
    let restored = house.restore("back", &["--to", "latest", "--open", "--limit", "1kB"]);
    let name = restored.report["instance"].as_str().unwrap();
    let paused = house.ok(&["hydration", name, "--pause", "--limit", "2MB"]);
    assert_eq!((&paused["mount"]["paused"], &paused["mount"]["limit"]), (&true.into(), &2_000_000.into()));
    assert_eq!(house.refused(&["hydration", name]).0, 2);
    let going = house.ok(&["hydration", name, "--resume", "--limit", "0"]);
    assert_eq!((&going["mount"]["paused"], &going["mount"]["limit"]), (&false.into(), &0.into()));
    assert!(wait_until(PATIENCE, || house.ok(&["clones", name])["mount"]["whole"] == true));
    house.ok(&["detach", name, "--yes"]);
}

#[test]
fn traffic_while_files_are_fetched() {
    for major in majors() {
        let house = House::new(server(major));
        let program = |name: &str| std::process::Command::new(house.server.bin_dir().join(name));
        let succeeds = |command: &mut std::process::Command| {
            let done = command.output().unwrap();
            assert!(done.status.success(), "{command:?}: {}", String::from_utf8_lossy(&done.stderr));
        };
        let (host, port) = (house.server.socket_dir(), house.server.port().to_string());
        let to = ["-U", "postgres", "-h", text(&host), "-p", &port, "postgres"];
        succeeds(program("pgbench").args(["-i", "-q", "-s", "5"]).args(to));
        house.ok(&["backup", "shop"]);
        succeeds(program("pgbench").args(["-n", "-T", "2"]).args(to));
        house.caught_up();
        let restored = house.restore("back", &["--to", "latest", "--open", "--limit", "10MB"]);
        let name = restored.report["instance"].as_str().unwrap();
        let (host, port) = (house.path("back"), restored.report["port"].to_string());
        let to = ["-U", "postgres", "-h", text(&host), "-p", &port];
        succeeds(program("pgbench").args(["-n", "-c", "4", "-T", "5"]).args(to).arg("postgres"));
        let balance = "SELECT (SELECT sum(abalance) FROM pgbench_accounts) = (SELECT sum(bbalance) FROM pgbench_branches) AND (SELECT sum(tbalance) FROM pgbench_tellers) = (SELECT sum(delta) FROM pgbench_history)";
        assert_eq!(restored.sql("postgres", balance), "t");
        restored.sql("postgres", "CREATE EXTENSION amcheck");
        succeeds(program("pg_amcheck").args(["--heapallindexed", "--all"]).args(to));
        house.ok(&["hydration", name, "--limit", "0"]);
        assert!(wait_until(PATIENCE, || house.ok(&["clones", name])["mount"]["whole"] == true));
        house.ok(&["detach", name, "--yes"]);
        assert_eq!(restored.sql("postgres", balance), "t");
        restored.stop();
        succeeds(program("pg_checksums").args(["--check", "-D"]).arg(house.path("back")));
    }
}

#[test]
fn a_crowd_of_clones() {
    let house = house(15);
    let name = |n: usize| format!("clone-{n}");
    let views: Vec<Value> = std::thread::scope(|scope| {
        let house = &house;
        let opening: Vec<_> = (0..20)
            .map(|n| scope.spawn(move || house.ok(&["clone", "shop", "--to", "latest", "--name", &name(n)])))
            .collect();
        opening.into_iter().map(|opening| opening.join().unwrap()).collect()
    });
    for (n, view) in views.iter().enumerate() {
        sql(&house, view, &format!("UPDATE orders SET text = 'clone {n}' WHERE n = 7"));
    }
    for (n, view) in views.iter().enumerate() {
        assert_eq!(sql(&house, view, "SELECT text FROM orders WHERE n = 7"), format!("clone {n}"));
        assert_eq!(sql(&house, view, "SELECT count(*) FROM orders"), "20001");
    }
    assert_eq!(house.server.sql("postgres", "SELECT text FROM orders WHERE n = 7").trim(), "x".repeat(200));
    for n in 0..20 {
        house.ok(&["clone", "rm", &name(n), "--yes"]);
    }
    assert_eq!(std::fs::read_dir(house.path("data.instances")).unwrap().count(), 0);
}

#[test]
fn a_port_that_another_has() {
    let house = house(15);
    let view = house.ok(&["clone", "shop", "--to", "latest", "--name", "first"]);
    let port = view["port"].to_string();
    let asked = ["clone", "shop", "--to", "latest", "--name", "second", "--port", &port];
    assert_eq!(house.refused(&asked), (4, "RK-2071".into()));
    house.ok(&["clone", "stop", "first"]);
    let taken = TcpListener::bind(("127.0.0.1", port.parse().unwrap())).unwrap();
    assert_eq!(house.refused(&["clone", "start", "first"]), (4, "RK-2071".into()));
    drop(taken);
    assert_eq!(house.ok(&["clone", "start", "first"])["port"].to_string(), port);
}

/// A port that was chosen is taken before the server begins.
#[test]
fn a_port_that_is_lost_is_chosen_again() {
    let house = house(15);
    let lost = (0..10).any(|round| {
        let name = format!("clone-{round}");
        let conf = house.path("data.instances").join(&name).join("data/rekindle.conf");
        let (over, house) = (std::sync::atomic::AtomicBool::new(false), &house);
        std::thread::scope(|scope| {
            let thief = scope.spawn(|| take_port(&conf, &over));
            let view = house.ok(&["clone", "shop", "--to", "latest", "--name", &name]);
            over.store(true, std::sync::atomic::Ordering::Relaxed);
            assert_eq!(sql(house, &view, "SELECT count(*) FROM orders"), "20001");
            let taken = thief.join().unwrap();
            taken.inspect(|taken| assert_ne!(view["port"], taken.local_addr().unwrap().port())).is_some()
        })
    });
    assert!(lost, "the servers were quicker each time");
}

fn take_port(conf: &Path, over: &std::sync::atomic::AtomicBool) -> Option<TcpListener> {
    while !over.load(std::sync::atomic::Ordering::Relaxed) {
        let text = std::fs::read_to_string(conf).unwrap_or_default();
        let port = text.lines().find_map(|line| line.strip_prefix("port = '")?.strip_suffix('\'')?.parse::<u16>().ok());
        if let Some(port) = port {
            return TcpListener::bind(("127.0.0.1", port)).ok();
        }
    }
    None
}

/// Settings are put into a mount softly: before anybody can write there they are durable, as is its folder.
#[test]
fn what_a_clone_stands_on_is_durable_before_it_opens() {
    let mut house = house(15);
    house.kill_daemon();
    let trace = house.path("trace");
    house.under(&["strace", "-f", "-y", "-qq", "-o", text(&trace), "-e", "trace=fsync"]);
    house.start_daemon();
    let view = house.ok(&["clone", "shop", "--to", "latest", "--name", "staging"]);
    let (data, seen) = (view["data_directory"].as_str().unwrap(), std::fs::read_to_string(&trace).unwrap());
    for name in ["/postgresql.conf", "/rekindle.conf", "/rekindle.hba.conf", "/rekindle.recovery.conf", ""] {
        assert!(seen.contains(&format!("<{data}{name}>")), "{data}{name} was never synced");
    }
    let said = std::fs::read_to_string(Path::new(data).join("rekindle.server.log")).unwrap();
    assert!(!said.contains("ERROR"), "{said}");
}

#[test]
fn wrong_words_change_nothing() {
    let house = house(15);
    let refused = |words: &[&str], code: &str| assert_eq!(house.refused(words).1, code, "{words:?}");
    refused(&["clone", "nobody", "--to", "latest"], "RK-3010");
    refused(&["clone", "shop", "--to", "latest", "--name", "Not A Name"], "RK-1001");
    refused(&["clone", "shop", "--time", "2001-01-01T00:00:00Z"], "RK-2070");
    refused(&["clone", "shop", "--to", "latest", "--ttl", "soon"], "RK-4001");
    refused(&["clone", "stop", "nobody"], "RK-3010");
    refused(&["peek", "shop", "--to", "latest"], "RK-4001");
    refused(&["detach", "nothing"], "RK-4001");
    let owner = ["clone", "shop", "--to", "latest", "--name", "staging", "--owner", "nobody-of-that-name"];
    refused(&owner, "RK-2071");
    house.ok(&["clone", "shop", "--to", "latest", "--name", "staging"]);
    refused(&["clone", "shop", "--to", "latest", "--name", "staging"], "RK-3015");
    refused(&["clone", "rm", "staging"], "RK-4004");
    let restored = house.restore("back", &["--to", "latest", "--open", "--limit", "1kB"]);
    let name = restored.report["instance"].as_str().unwrap();
    refused(&["clone", "rm", name, "--yes"], "RK-3013");
    refused(&["clone", "reset", name, "--yes"], "RK-3013");
    refused(&["detach", name, "--yes"], "RK-3013");
    let into = house.path("back");
    refused(&["restore", "shop", "--to", "latest", "--open", "--into", text(&into), "--yes"], "RK-2071");
    assert_eq!(restored.sql("postgres", "SELECT count(*) FROM orders"), "20001");
    house.ok(&["clone", "rm", "staging", "--yes"]);
    house.ask("POST", &format!("/api/v1/instances/{name}/hydration"), r#"{"limit":0}"#);
    assert!(wait_until(PATIENCE, || house.ok(&["clones", name])["mount"]["whole"] == true));
    house.ok(&["detach", name, "--yes"]);
}

//! Every kind of target, on every major: what was committed before it is there, what was committed after is not.

use testkit::postgres::{Server, wait_until};

use crate::house::{House, PATIENCE, majors, server};

/// What happened, in order, with the moments between.
struct Story {
    time: String,
    lsn: String,
    xid: String,
}

fn tell(server: &Server) -> Story {
    let sql = |text: &str| server.sql("postgres", text).trim().to_owned();
    sql("INSERT INTO said VALUES ('one')");
    let time = sql("SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')");
    sql("INSERT INTO said VALUES ('two')");
    sql("SELECT pg_create_restore_point('release')");
    sql("INSERT INTO said VALUES ('three')");
    let lsn = sql("SELECT pg_current_wal_lsn()");
    let xid = sql("INSERT INTO said VALUES ('four') RETURNING txid_current()");
    sql("INSERT INTO said VALUES ('five')");
    Story { time, lsn, xid }
}

/// Keeps the cluster busy until it is killed.
fn traffic(server: &Server) -> std::process::Child {
    let (socket, port) = (server.socket_dir().display().to_string(), server.port().to_string());
    let place = ["-h", &socket, "-p", &port, "-U", "postgres", "postgres"];
    server.tool_ok("pgbench", &[&["-i", "-q", "-s", "2"][..], &place].concat());
    std::process::Command::new(server.bin_dir().join("pgbench"))
        .args(["-n", "-c", "2", "-T", "600"])
        .args(place)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap()
}

fn all_targets(major: u32) {
    let house = House::new(server(major));
    house.server.sql("postgres", "CREATE TABLE said (word text, at timestamptz DEFAULT clock_timestamp())");
    let mut traffic = traffic(&house.server);
    house.ok(&["backup", "shop", "--name", "first"]);
    house.server.sql("postgres", "INSERT INTO said VALUES ('zero')");
    house.ok(&["backup", "shop", "--name", "second"]);
    let story = tell(&house.server);
    traffic.kill().unwrap();
    traffic.wait().unwrap();
    // In the middle of a record, as a server that writes page by page may say where it is.
    let sql = |text: &str| house.server.sql("postgres", text).trim().to_owned();
    let inside = sql("SELECT '0/' || upper(to_hex((pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint + 9000))");
    sql("SELECT pg_logical_emit_message(false, 'long', repeat('a', 40000))");
    sql("INSERT INTO said VALUES ('six')");
    house.caught_up();
    let cases: &[(&str, &[&str], &str)] = &[
        ("latest", &["--to", "latest"], "zero one two three four five six"),
        ("inside", &["--lsn", &inside, "--before"], "zero one two three four five"),
        ("time", &["--time", &story.time], "zero one"),
        ("point", &["--restore-point", "release"], "zero one two"),
        ("lsn", &["--lsn", &story.lsn, "--before"], "zero one two three"),
        ("before-xid", &["--xid", &story.xid, "--before"], "zero one two three"),
        ("xid", &["--xid", &story.xid], "zero one two three four"),
        ("first", &["--backup", "first"], ""),
        ("second", &["--backup", "second"], "zero"),
    ];
    for (name, words, expected) in cases {
        let restored = house.restore(name, words);
        let said = restored.sql("postgres", "SELECT coalesce(string_agg(word, ' ' ORDER BY at), '') FROM said");
        assert_eq!(said, *expected, "PostgreSQL {major}, {name}");
        // pgbench's books balance at every moment.
        let books =
            "SELECT (SELECT sum(abalance) FROM pgbench_accounts) = (SELECT sum(bbalance) FROM pgbench_branches)";
        assert_eq!(restored.sql("postgres", books), "t", "PostgreSQL {major}, {name}");
        assert_eq!(restored.report["pages_bad"], 0);
        drop(restored);
        std::fs::remove_dir_all(house.path(name)).unwrap();
    }
    house.is_sound();
}

#[test]
fn every_target_is_reached_exactly() {
    majors().into_iter().for_each(all_targets);
}

#[test]
fn trap_1_a_target_that_cannot_be_reached_is_refused_before_anything_is_written() {
    let house = House::new(server(15));
    let into = house.path("into");
    let restore = |words: &[&str]| {
        let mut all = vec!["restore", "shop", "--into", into.to_str().unwrap(), "--yes"];
        all.extend(words);
        house.run(&all)
    };
    let (code, error) = restore(&["--to", "latest"]);
    assert_eq!((code, error["code"].as_str()), (4, Some("RK-2070")), "no backup yet: {error}");
    house.ok(&["backup", "shop"]);
    for words in [
        ["--time", "2020-01-01T00:00:00Z"],
        ["--time", "2999-01-01T00:00:00Z"],
        ["--lsn", "FF/0"],
        ["--xid", "999999"],
        ["--restore-point", "nobody-made-it"],
        ["--backup", "nobody-took-it"],
    ] {
        let (code, error) = restore(&words);
        assert_eq!((code, error["code"].as_str()), (4, Some("RK-2070")), "{words:?}: {error}");
        assert!(
            error["hint"].as_str().unwrap().contains("can be restored"),
            "{words:?}: the hint says what can: {error}"
        );
        assert!(!into.exists(), "{words:?}: nothing is written");
    }
}

/// A database that nobody writes to: every second since its last record is a restore point, and stays one when the daemon ends.
#[test]
fn a_time_at_which_nothing_happened_is_a_restore_point() {
    let mut house = House::new(server(15));
    house.server.sql("postgres", "CREATE TABLE said (word text); INSERT INTO said VALUES ('one')");
    house.ok(&["backup", "shop"]);
    house.server.sql("postgres", "INSERT INTO said VALUES ('two'); CHECKPOINT");
    house.caught_up();
    let clock = "SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')";
    let quiet = house.server.sql("postgres", clock).trim().to_owned();
    // Its exit code tells of the server that does not answer.
    let complete =
        |house: &House| house.run(&["status"]).1["sources"][0]["log"]["complete_at"].as_str().map(str::to_owned);
    let to_time = |house: &House| house.ok(&["timeline", "shop"])["windows"][0]["to_time"].as_str().map(str::to_owned);
    let time = |text: Option<String>| text.and_then(|text| text.parse::<jiff::Timestamp>().ok());
    let wanted: jiff::Timestamp = quiet.parse().unwrap();
    let moves = wait_until(PATIENCE, || time(complete(&house)) >= Some(wanted));
    assert!(moves, "{quiet}: {:?}\n{}", complete(&house), house.log());
    assert!(time(to_time(&house)) >= Some(wanted), "{quiet}: {:?}", to_time(&house));
    let restored = house.restore("quiet", &["--time", &quiet]);
    assert_eq!(restored.sql("postgres", "SELECT string_agg(word, ' ') FROM said"), "one two");
    // What is not known is asked at once: no test waits for the next look.
    let now = house.server.sql("postgres", clock).trim().to_owned();
    house.ok(&["restore", "shop", "--time", &now, "--into", crate::house::text(&house.path("now")), "--dry-run"]);
    // A refusal names no moment that it refuses.
    let late = "2999-01-01T00:00:00Z";
    let into = house.path("late");
    let refused = house.run(&["restore", "shop", "--time", late, "--into", crate::house::text(&into), "--yes"]);
    assert_eq!(refused.0, 4, "{refused:?}");
    // A daemon that finds no server says what the vault holds.
    house.kill_daemon();
    house.server.kill9();
    house.start_daemon();
    let known = wait_until(PATIENCE, || complete(&house).is_some());
    assert!(known, "{}", house.log());
}

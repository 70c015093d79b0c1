//! Shapes of clusters, and what happens to them between a backup and the target.

use crate::house::{House, server, text};

#[test]
fn tablespaces_databases_and_rewrites_come_back() {
    let house = House::new(server(15));
    let fast = house.server.make_dir("fast");
    let sql = |database: &str, text: &str| house.server.sql(database, text);
    sql("postgres", &format!("CREATE TABLESPACE fast LOCATION '{}'", fast.display()));
    sql("postgres", "CREATE DATABASE app");
    sql("app", "CREATE TABLE a AS SELECT g AS id, repeat('x', 200) AS t FROM generate_series(1, 20000) g");
    sql("app", "CREATE TABLE b TABLESPACE fast AS SELECT g AS id FROM generate_series(1, 5000) g");
    sql("app", "CREATE UNLOGGED TABLE u AS SELECT 1 AS id; CREATE TABLE gone AS SELECT 1 AS id");
    house.ok(&["backup", "shop"]);
    sql("app", "DELETE FROM a WHERE id % 3 = 0; VACUUM FULL a; TRUNCATE gone; CREATE INDEX ON b (id)");
    sql("postgres", "CREATE DATABASE later TABLESPACE fast");
    sql("later", "CREATE TABLE c AS SELECT g AS id FROM generate_series(1, 100) g");
    house.ok(&["backup", "shop", "--name", "incremental"]);
    sql("app", "INSERT INTO b SELECT g FROM generate_series(5001, 6000) g; CREATE INDEX ON a (id)");
    house.caught_up();
    let oid = sql("postgres", "SELECT oid FROM pg_tablespace WHERE spcname = 'fast'").trim().to_owned();
    let place = house.path("fast-restored");
    let mapping = format!("{oid}={}", place.display());
    let restored = house.restore("into", &["--to", "latest", "--tablespace", &mapping]);
    assert_eq!(
        restored.sql("app", "SELECT count(*), sum(id) FROM a"),
        sql("app", "SELECT count(*), sum(id) FROM a").trim()
    );
    assert_eq!(restored.sql("app", "SELECT count(*) FROM b"), "6000");
    assert_eq!(restored.sql("app", "SELECT count(*) FROM gone"), "0");
    assert_eq!(restored.sql("app", "SELECT count(*) FROM u"), "0", "an unlogged table is empty after recovery");
    assert_eq!(restored.sql("later", "SELECT count(*) FROM c"), "100");
    assert_eq!(
        restored.sql("postgres", "SELECT pg_tablespace_location(oid) FROM pg_tablespace WHERE spcname = 'fast'"),
        text(&place)
    );
    house.is_sound();
}

#[test]
fn a_delta_restore_brings_an_earlier_restore_to_another_moment() {
    let house = House::new(server(15));
    house.server.sql("postgres", "CREATE TABLE t AS SELECT g AS id FROM generate_series(1, 50000) g");
    house.ok(&["backup", "shop", "--name", "before"]);
    house.server.sql("postgres", "UPDATE t SET id = -id WHERE id < 100");
    house.caught_up();
    let into = house.path("into");
    let latest = house.restore("into", &["--to", "latest"]);
    assert_eq!(latest.sql("postgres", "SELECT count(*) FROM t WHERE id < 0"), "99");
    let running = ["restore", "shop", "--backup", "before", "--into", text(&into), "--delta", "--yes"];
    assert_eq!(house.refused(&running), (4, "RK-2071".into()), "a server runs on it");
    latest.stop();
    // File by file what a restore into an empty directory gives; rows would not do, as old snapshots do not see new ones.
    let fresh = house.path("fresh");
    house.ok(&["restore", "shop", "--backup", "before", "--into", text(&fresh), "--no-start", "--yes"]);
    house.ok(&["restore", "shop", "--backup", "before", "--into", text(&into), "--delta", "--no-start", "--yes"]);
    for folder in ["base", "global", "pg_xact"] {
        let same = std::process::Command::new("diff").arg("-rq").args([into.join(folder), fresh.join(folder)]).output();
        assert_eq!(String::from_utf8_lossy(&same.unwrap().stdout), "");
    }
    let again = house.restore("into", &["--backup", "before", "--delta"]);
    assert_eq!(again.sql("postgres", "SELECT count(*) FROM t WHERE id < 0"), "0");
    let (written, pages) =
        (again.report["pages_written"].as_u64().unwrap(), again.report["bytes"].as_u64().unwrap() / 8192);
    assert!(written < pages / 3, "{written} of {pages} pages were written");
}

#[test]
fn the_log_goes_on_across_a_promotion() {
    let mut house = House::new(server(15));
    house.server.sql("postgres", "CREATE TABLE t (word text); INSERT INTO t VALUES ('on timeline 1')");
    house.ok(&["backup", "shop"]);
    house.server.sql("postgres", "INSERT INTO t VALUES ('after the backup')");
    house.caught_up();
    // The same server goes on as a promoted standby: a new timeline.
    house.server.stop(testkit::postgres::StopMode::Fast);
    let signal = house.server.data_dir().join("standby.signal");
    std::fs::write(&signal, "").unwrap();
    house.server.hand_over(&signal);
    house.server.start();
    house.server.sql("postgres", "SELECT pg_promote()");
    house.server.sql("postgres", "INSERT INTO t VALUES ('on timeline 2')");
    house.caught_up();
    let restored = house.restore("into", &["--to", "latest"]);
    assert_eq!(restored.sql("postgres", "SELECT count(*) FROM t"), "3");
    assert_eq!(restored.report["timeline"], 2);
    house.ok(&["backup", "shop"]);
    house.is_sound();
}

//! Backups of a standby: taken, restored, and cut short by its promotion.

use testkit::postgres::wait_until;

use crate::copies::start;
use crate::house::{House, PATIENCE, Restored, majors, server};
use crate::opened::sql;

fn replays(standby: &testkit::postgres::Server, count: &str) -> bool {
    wait_until(PATIENCE, || standby.sql("postgres", "SELECT count(*) FROM t").trim() == count)
}

fn of_a_standby(major: u32) {
    let primary = server(major);
    primary.sql("postgres", "CREATE TABLE t AS SELECT g AS id FROM generate_series(1, 1000) g");
    let house = House::new(primary.standby());
    house.ok(&["backup", "shop"]);
    primary.sql("postgres", "INSERT INTO t VALUES (0)");
    assert!(replays(&house.server, "1001"));
    primary.sql("postgres", "CHECKPOINT");
    let incremental = house.ok(&["backup", "shop", "--name", "second"]);
    let (pages, changed) = (incremental["pages"].as_u64().unwrap(), incremental["pages_changed"].as_u64().unwrap());
    assert!(changed < pages / 2, "{incremental}");
    primary.sql("postgres", "INSERT INTO t VALUES (-1)");
    assert!(replays(&house.server, "1002"));
    house.caught_up();
    let latest = house.restore("latest", &["--to", "latest"]);
    assert_eq!(latest.sql("postgres", "SELECT count(*) FROM t"), "1002", "PostgreSQL {major}");
    starts_again(&latest, &house);
    opens(&house, "1002");
    let second = house.restore("second", &["--backup", "second"]);
    assert_eq!(second.sql("postgres", "SELECT count(*) FROM t"), "1001", "PostgreSQL {major}");
    // What was a standby is the server from here on.
    house.server.sql("postgres", "SELECT pg_promote()");
    house.server.sql("postgres", "INSERT INTO t VALUES (-2)");
    house.caught_up();
    let promoted = house.restore("promoted", &["--to", "latest"]);
    assert_eq!(promoted.sql("postgres", "SELECT count(*) FROM t"), "1003", "PostgreSQL {major}");
    house.is_sound();
}

/// Nothing of the standby is left in it, so that it is a server of its own at every start.
fn starts_again(restored: &Restored, house: &House) {
    let into = std::path::Path::new(restored.report["into"].as_str().unwrap());
    for time in ["second", "third"] {
        for name in ["standby.signal", "recovery.signal"] {
            assert!(!into.join(name).exists(), "{name} is there before the {time} start");
        }
        restored.stop();
        start(restored, house);
        assert_eq!(restored.sql("postgres", "SELECT pg_is_in_recovery()"), "f", "the {time} start");
    }
}

/// Peeks and clones end their recovery, and do not wait for more log as a standby does.
fn opens(house: &House, rows: &str) {
    let count = "SELECT count(*) FROM t";
    let seen = house.ok(&["peek", "shop", "--to", "latest", "--", count]);
    assert_eq!(seen[0]["rows"][0][0].as_str(), Some(rows));
    let clone = house.ok(&["clone", "shop", "--to", "latest", "--name", "staging"]);
    assert_eq!(sql(house, &clone, count), rows);
    house.ok(&["clone", "rm", "staging", "--yes"]);
}

#[test]
fn a_backup_taken_on_a_standby_restores() {
    majors().into_iter().for_each(of_a_standby);
}

#[test]
fn a_standby_that_is_promoted_during_a_backup_fails_it_and_goes_on() {
    let primary = server(15);
    primary.sql("postgres", "CREATE TABLE t AS SELECT g AS id, md5(g::text) AS x FROM generate_series(1, 1000000) g");
    let house = House::new(primary.standby());
    assert!(replays(&house.server, "1000000"));
    house.ok(&["backup", "shop", "--name", "before"]);
    let (code, answer) = house.during_a_backup(|_| drop(house.server.sql("postgres", "SELECT pg_promote()")));
    assert_eq!((code, answer["code"].as_str()), (4, Some("RK-2076")), "{answer}");
    house.server.sql("postgres", "INSERT INTO t VALUES (0)");
    house.ok(&["backup", "shop", "--name", "after"]);
    house.caught_up();
    house.is_sound();
    let restored = house.restore("into", &["--to", "latest"]);
    assert_eq!(restored.sql("postgres", "SELECT count(*) FROM t"), "1000001");
    assert_eq!(restored.report["timeline"], 2);
}

//! Break-glass: the vault and a key, and nothing else. On S3 too, and by passphrase.

use crate::house::{House, Restored, server, text};

#[test]
fn the_vault_and_a_key_are_enough() {
    let mut house = House::new(server(15));
    house.server.sql("postgres", "CREATE TABLE t AS SELECT g AS id FROM generate_series(1, 1000) g");
    house.ok(&["backup", "shop"]);
    house.server.sql("postgres", "INSERT INTO t VALUES (0)");
    house.caught_up();
    house.kill_daemon();
    house.server.kill9();
    let key = house.path("elsewhere.key");
    std::fs::copy(house.path("key"), &key).unwrap();
    for gone in ["data", "socket", "rekindle.toml", "key"] {
        let path = house.path(gone);
        let _ = if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
    }
    let into = house.path("into");
    let vault = house.vault().to_owned();
    let words = [
        "recover",
        "--vault",
        &vault,
        "--key",
        text(&key),
        "--source",
        "shop",
        "--to",
        "latest",
        "--into",
        text(&into),
        "--yes",
    ];
    let restored = Restored::of(house.ok(&words), house.server.bin_dir());
    assert_eq!(restored.sql("postgres", "SELECT count(*) FROM t"), "1001");
}

/// A pair made by age-keygen for this test.
const IDENTITY: &str = "AGE-SECRET-KEY-1GQ9778VQXMMJVE8SK7J6VT8UJ4HDQAJUVSFCWCM02D8GEWQ72PVQ2Y5J33";
const RECIPIENT: &str = "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa";

#[test]
fn every_way_into_the_vault_recovers() {
    let mut house = House::new(server(15));
    house.server.sql("postgres", "CREATE TABLE t AS SELECT g AS id FROM generate_series(1, 1000) g");
    house.ok(&["backup", "shop"]);
    house.caught_up();
    house.typed(&["vault", "key", "add", "--passphrase"], "correct horse battery\n");
    house.ok(&["vault", "key", "add", "--recipient", RECIPIENT]);
    assert_eq!(house.ok(&["vault", "key", "list"]).as_array().map(Vec::len), Some(3));
    house.kill_daemon();
    house.server.kill9();
    std::fs::remove_file(house.path("key")).unwrap();
    let identity = house.path("identity.txt");
    std::fs::write(&identity, format!("{IDENTITY}\n")).unwrap();
    let vault = house.vault().to_owned();
    let programs = house.server.bin_dir().to_owned();
    let ways: [(&str, &[&str], &str); 2] = [
        ("by-passphrase", &["--passphrase"], "correct horse battery\n"),
        ("by-identity", &["--identity", text(&identity)], ""),
    ];
    for (name, way, typed) in ways {
        let into = house.path(name);
        let mut words = vec!["recover", "--vault", &vault, "--to", "latest", "--into", text(&into), "--yes"];
        words.extend(way);
        words.extend(["--server-programs", text(&programs)]);
        let restored = Restored::of(house.typed(&words, typed), &programs);
        assert_eq!(restored.sql("postgres", "SELECT count(*) FROM t"), "1000", "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_works_on_s3() {
    let s3 = testkit::s3::Server::start().await;
    tokio::task::block_in_place(|| {
        let mut house = House::in_bucket(server(15), &s3);
        house.server.sql("postgres", "CREATE TABLE t AS SELECT g AS id FROM generate_series(1, 1000) g");
        house.ok(&["backup", "shop"]);
        house.server.sql("postgres", "INSERT INTO t VALUES (0)");
        house.ok(&["backup", "shop"]);
        house.server.sql("postgres", "INSERT INTO t VALUES (-1)");
        house.caught_up();
        let restored = house.restore("into", &["--to", "latest"]);
        assert_eq!(restored.sql("postgres", "SELECT count(*) FROM t"), "1002");
        house.is_sound();
        drop(restored);
        house.kill_daemon();
        let (into, key, vault) = (house.path("again"), house.path("key"), house.vault().to_owned());
        let mut words =
            vec!["recover", "--vault", &vault, "--key", text(&key), "--to", "latest", "--into", text(&into), "--yes"];
        words.extend(house.s3_words());
        let restored = Restored::of(house.ok(&words), house.server.bin_dir());
        assert_eq!(restored.sql("postgres", "SELECT count(*) FROM t"), "1002");
    });
}

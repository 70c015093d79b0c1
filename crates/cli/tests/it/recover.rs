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

#[tokio::test(flavor = "multi_thread")]
async fn everything_works_on_s3() {
    let s3 = testkit::s3::Server::start().await;
    tokio::task::block_in_place(|| {
        let mut house = House::bare(server(15));
        house.on_s3(&s3);
        house.init();
        house.start_daemon();
        house.protect();
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

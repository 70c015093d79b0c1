//! Wrong inputs: each is told by its own code, and nothing is touched.

use crate::house::{House, server, text};

#[test]
fn each_mistake_has_its_own_answer() {
    let mut house = House::bare(server(15));
    assert_eq!(house.refused(&["status"]).0, 2, "there is no configuration yet");
    house.init();
    assert_eq!(house.refused(&["status"]).0, 5, "no daemon yet");
    house.start_daemon();
    let with_password = format!("postgres://postgres:secret@127.0.0.1:{}/postgres", house.server.port());
    assert_eq!(house.refused(&["protect", &with_password, "--name", "shop"]), (2, "RK-3013".into()));
    assert_eq!(house.refused(&["protect", " ", "--name", "shop"]), (2, "RK-3013".into()));
    assert_eq!(house.refused(&["protect", "postgres://nobody@127.0.0.1:1/x", "--name", "shop"]), (5, "RK-2010".into()));
    assert_eq!(
        house.refused(&["protect", &house.server.socket_url("postgres"), "--name", "No Name"]),
        (2, "RK-1001".into())
    );
    house.protect();
    assert_eq!(
        house.refused(&["protect", &house.server.socket_url("postgres"), "--name", "shop"]),
        (4, "RK-3011".into())
    );
    assert_eq!(house.refused(&["backup", "nobody"]), (3, "RK-3010".into()));
    let nobody = ["restore", "nobody", "--to", "latest", "--into", "/tmp/nothing-here", "--yes"];
    assert_eq!(house.refused(&nobody), (3, "RK-3010".into()));
    house.ok(&["backup", "shop"]);
    let into = house.path("into");
    let nowhere = ["restore", "shop", "--to", "latest", "--into", text(&into), "--tablespace", "99=/tmp/x", "--yes"];
    assert_eq!(house.refused(&nowhere), (2, "RK-2077".into()));
    assert!(!into.exists());
    let wrong_key = house.path("wrong.key");
    std::fs::write(&wrong_key, format!("rekindle-key-1 {}\n", "ab".repeat(32))).unwrap();
    let vault = house.vault().to_owned();
    let words =
        ["recover", "--vault", &vault, "--key", text(&wrong_key), "--to", "latest", "--into", text(&into), "--yes"];
    assert_eq!(house.refused(&words), (7, "RK-1010".into()), "a wrong key is not damage");
    house.is_sound();
}

/// Others removed the old data first. Ours never removes what it did not make.
#[test]
fn trap_8_what_lies_in_the_target_is_kept() {
    let house = House::new(server(15));
    house.ok(&["backup", "shop"]);
    let full = house.path("full");
    std::fs::create_dir(&full).unwrap();
    std::fs::write(full.join("mine"), "precious").unwrap();
    for delta in [&[][..], &["--delta"][..]] {
        let mut words = vec!["restore", "shop", "--to", "latest", "--into", text(&full), "--yes"];
        words.extend(delta);
        assert_eq!(house.refused(&words), (4, "RK-2071".into()));
        assert_eq!(std::fs::read_to_string(full.join("mine")).unwrap(), "precious");
    }
    // The cluster itself, running or not, is as foreign as any other directory.
    let live = house.server.data_dir();
    let words = ["restore", "shop", "--to", "latest", "--into", text(&live), "--delta", "--yes"];
    assert_eq!(house.refused(&words), (4, "RK-2071".into()));
    house.server.sql("postgres", "SELECT 1");
}

#[test]
fn the_restore_of_another_cluster_is_not_written_over() {
    let (one, other) = (House::new(server(15)), House::new(server(15)));
    one.ok(&["backup", "shop"]);
    other.ok(&["backup", "shop"]);
    let restored = one.restore("into", &["--to", "latest"]);
    restored.stop();
    let into = one.path("into");
    let before = std::fs::read(into.join("global/pg_control")).unwrap();
    let words = ["restore", "shop", "--to", "latest", "--into", text(&into), "--delta", "--yes"];
    assert_eq!(other.refused(&words), (4, "RK-2073".into()));
    assert_eq!(std::fs::read(into.join("global/pg_control")).unwrap(), before);
}

#[test]
fn the_programs_of_another_major_are_not_used() {
    let mut house = House::bare(server(18));
    house.init();
    house.configure(
        &format!("server_programs = [{:?}]", house.server.bin_dir()),
        "server_programs = [\"/usr/lib/postgresql/15/bin\"]",
    );
    house.start_daemon();
    house.protect();
    house.ok(&["backup", "shop"]);
    let into = house.path("into");
    let (code, error) = house.run(&["restore", "shop", "--to", "latest", "--into", text(&into), "--yes"]);
    assert_eq!((code, error["code"].as_str()), (2, Some("RK-2041")), "{error}");
    assert!(error["message"].as_str().is_some_and(|text| text.contains("18 is needed")), "{error}");
    assert!(!into.exists());
}

#[test]
fn a_configuration_that_is_named_must_be_there() {
    let house = House::bare(server(15));
    house.init();
    let config = house.path("rekindle.toml");
    std::fs::rename(&config, house.path("elsewhere.toml")).unwrap();
    let (code, error) = house.run(&["status"]);
    assert_eq!(code, 2, "{error}");
    assert!(error["message"].as_str().is_some_and(|text| text.contains("rekindle.toml")), "{error}");
}

#[test]
fn a_server_that_cannot_be_protected_is_not_registered() {
    let server =
        testkit::postgres::Server::builder().setting("wal_level", "minimal").setting("max_wal_senders", "0").start();
    let mut house = House::bare(server);
    house.init();
    house.start_daemon();
    let (code, answer) = house.run(&["protect", &house.server.socket_url("postgres"), "--name", "shop"]);
    assert_eq!((code, answer["registered"].as_bool()), (1, Some(false)), "{answer}");
    let statements: Vec<&str> =
        answer["findings"].as_array().unwrap().iter().filter_map(|f| f["statement"].as_str()).collect();
    assert!(statements.iter().any(|statement| statement.contains("wal_level")), "{statements:?}");
    assert_eq!(house.ok(&["status"])["sources"].as_array().unwrap().len(), 0);
    assert_eq!(house.server.sql("postgres", "SELECT count(*) FROM pg_replication_slots").trim(), "0");
}

#[test]
fn a_server_that_stops_during_a_backup_fails_it_and_leaves_the_vault_whole() {
    let mut house = House::new(server(15));
    house.server.sql("postgres", "CREATE TABLE t AS SELECT g AS id, md5(g::text) AS x, md5((g + 1)::text) AS y FROM generate_series(1, 1000000) g");
    house.ok(&["backup", "shop", "--name", "good"]);
    let words = ["backup", "shop", "--full"];
    let (code, answer) = std::thread::scope(|scope| {
        let running = scope.spawn(|| house.run(&words));
        let begun = || house.run(&["status"]).1["operations"].as_array().is_some_and(|running| !running.is_empty());
        assert!(testkit::postgres::wait_until(std::time::Duration::from_secs(20), begun));
        let pid = std::fs::read_to_string(house.server.data_dir().join("postmaster.pid")).unwrap();
        std::process::Command::new("kill").args(["-QUIT", pid.lines().next().unwrap()]).status().unwrap();
        running.join().unwrap()
    });
    assert_ne!(code, 0, "{answer}");
    assert!(answer["code"].as_str().unwrap().starts_with("RK-2"), "{answer}");
    house.server.kill9();
    house.server.start();
    house.caught_up();
    house.is_sound();
    let restored = house.restore("into", &["--to", "latest"]);
    assert_eq!(restored.sql("postgres", "SELECT count(*) FROM t"), "1000000");
}

//! How the daemon gets to a server that is not open to everybody.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use testkit::postgres::Server;

use crate::house::House;

#[test]
fn scram_verified_tls_and_a_password_file() {
    let mut server = Server::builder()
        .fsync(true)
        .hba("hostssl all keeper 127.0.0.1/32 scram-sha-256")
        .hba("hostssl replication keeper 127.0.0.1/32 scram-sha-256")
        .create();
    testkit::certificates::give(&server);
    server.start();
    server.sql(
        "postgres",
        "CREATE ROLE keeper LOGIN REPLICATION PASSWORD 'a \\ : word'; GRANT pg_read_all_settings, pg_monitor TO keeper",
    );
    let functions =
        if server.major() >= 15 { "pg_backup_start(text, boolean), pg_backup_stop(boolean)" } else { unreachable!() };
    server.sql("postgres", &format!("GRANT EXECUTE ON FUNCTION {functions} TO keeper"));
    let mut house = House::bare(server);
    let passfile = house.path("pgpass");
    fs::write(&passfile, format!("localhost:{}:*:keeper:a \\\\ \\: word\n", house.server.port())).unwrap();
    fs::set_permissions(&passfile, fs::Permissions::from_mode(0o600)).unwrap();
    house.variable("PGPASSFILE", passfile.to_str().unwrap());
    house.init();
    house.start_daemon();
    let (home, port) = (house.server.home().display().to_string(), house.server.port());
    let url = |host: &str, root: &str| {
        format!("postgres://keeper@{host}:{port}/postgres?sslmode=verify-full&sslrootcert={home}/{root}")
    };
    let protect = |url: &str| house.run(&["protect", url, "--name", "shop"]);
    assert_eq!(protect(&url("localhost", "other.crt")).1["code"], "RK-2012", "signed by somebody else");
    assert_eq!(protect(&url("127.0.0.1", "ca.crt")).1["code"], "RK-2012", "the name is not in the certificate");
    let (code, answer) = protect(&url("localhost", "ca.crt"));
    assert_eq!(code, 0, "{answer:#}");
    house.server.sql("postgres", "CREATE TABLE t AS SELECT 7 AS id");
    house.caught_up();
    let encrypted = "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_replication USING (pid)";
    assert_eq!(house.server.sql("postgres", encrypted).trim(), "t");
    house.ok(&["backup", "shop"]);
    fs::set_permissions(&passfile, fs::Permissions::from_mode(0o644)).unwrap();
    let (code, answer) = house.run(&["backup", "shop"]);
    assert_eq!((code, answer["code"].as_str()), (2, Some("RK-2002")), "others can read the passwords: {answer}");
    fs::set_permissions(&passfile, fs::Permissions::from_mode(0o600)).unwrap();
    let restored = house.restore("into", &["--to", "latest"]);
    assert_eq!(restored.sql("postgres", "SELECT id FROM t"), "7");
}

/// Not root but the user that owns the data directory: nothing is dropped, and nothing needs to be.
#[test]
fn the_daemon_runs_as_the_servers_own_user() {
    let mut house = House::bare(crate::house::server(15));
    house.run_as_owner();
    house.init();
    house.start_daemon();
    house.protect();
    let pid = house.daemon_pid();
    let owner = |path: &str| std::os::unix::fs::MetadataExt::uid(&fs::metadata(path).unwrap());
    assert_eq!(owner(&format!("/proc/{pid}")), owner(house.server.data_dir().to_str().unwrap()));
    assert_ne!(owner(&format!("/proc/{pid}")), 0, "this test becomes another user: it needs root");
    house.server.sql("postgres", "CREATE TABLE t AS SELECT 7 AS id");
    house.ok(&["backup", "shop"]);
    house.caught_up();
    let restored = house.restore("into", &["--to", "latest"]);
    assert_eq!(restored.sql("postgres", "SELECT id FROM t"), "7");
    house.is_sound();
}

//! The client against real servers: every way in, every sslmode, statements, streams to their end.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use engine::Error;
use engine::postgres::Lsn;
use engine::postgres::wire::{Connection, Conninfo, Defaults, Mode, Replication, WalEvent};
use testkit::postgres::{Server, StopMode};

pub(crate) fn conninfo(text: &str) -> Conninfo {
    let defaults = Defaults { user: "postgres".into(), ..Defaults::default() };
    Conninfo::parse(text, &defaults).unwrap()
}

pub(crate) async fn sql(server: &Server) -> Connection {
    Connection::connect(&conninfo(&server.url("postgres")), Mode::Bare).await.unwrap()
}

async fn try_url(url: &str) -> Result<String, Error> {
    let mut conn = Connection::connect(&conninfo(url), Mode::Sql).await?;
    let user = conn.value("select current_user").await?.unwrap();
    conn.close().await;
    Ok(user)
}

#[tokio::test]
async fn every_way_of_authentication() {
    let server = Server::builder()
        .hba("host all clear 127.0.0.1/32 password")
        .hba("host all digest 127.0.0.1/32 md5")
        .hba("host all scram 127.0.0.1/32 scram-sha-256")
        .hba("host all trusted 127.0.0.1/32 trust")
        .hba("host all barred 127.0.0.1/32 reject")
        .hba("host all asked 127.0.0.1/32 ident")
        .start();
    server.sql(
        "postgres",
        "create role clear login password 'one'; create role scram login password 'p%w'; create role trusted login;
         set password_encryption = 'md5'; create role digest login password 'two'; create role barred login; create role asleep nologin",
    );
    let port = server.port();
    let url = |user: &str| format!("postgres://{user}@127.0.0.1:{port}/postgres");
    for user in ["clear:one", "digest:two", "scram:p%25w", "trusted"] {
        assert_eq!(try_url(&url(user)).await.unwrap(), user.split(':').next().unwrap());
    }
    for user in ["clear:x", "digest:x", "scram:x"] {
        assert_eq!(try_url(&url(user)).await.unwrap_err().code(), "RK-2014");
    }
    assert!(matches!(try_url(&url("scram")).await, Err(Error::NoPassword { .. })));
    let error = try_url(&url("stranger")).await.unwrap_err();
    assert_eq!(error.code(), "RK-2015");
    assert!(error.hint().unwrap().ends_with("host postgres stranger 127.0.0.1/32 scram-sha-256"), "{error:?}");
    assert_eq!(try_url(&url("barred")).await.unwrap_err().code(), "RK-2015");
    assert_eq!(try_url(&server.socket_url("postgres")).await.unwrap(), "postgres");
    let error = try_url(&server.socket_url("nowhere")).await.unwrap_err();
    assert_eq!((error.code(), error.sqlstate()), ("RK-2020", Some("3D000")));
    assert_eq!(try_url("postgres://127.0.0.1:1/db").await.unwrap_err().code(), "RK-2010");
}

#[tokio::test]
async fn a_password_file_is_used() {
    let server = Server::builder().hba("host all all 127.0.0.1/32 scram-sha-256").start();
    server.sql("postgres", "create role app login password 'from file'");
    let path = server.home().join("pgpass");
    fs::write(&path, format!("127.0.0.1:{}:*:app:from file\n", server.port())).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let url = format!("postgres://app@127.0.0.1:{}/postgres?passfile={}", server.port(), path.display());
    assert_eq!(try_url(&url).await.unwrap(), "app");
}

fn with_tls() -> Server {
    let server = Server::builder()
        .hba("hostssl all app 127.0.0.1/32 cert")
        .hba("hostssl all postgres 127.0.0.1/32 trust")
        .hba("hostssl all scram 127.0.0.1/32 scram-sha-256")
        .hba("hostnossl all open 127.0.0.1/32 trust")
        .create();
    testkit::certificates::give(&server);
    server
}

#[tokio::test]
async fn every_sslmode() {
    let mut server = with_tls();
    server.start();
    server.sql("postgres", "create role app login; create role scram login password 'pw'; create role open login");
    let home = server.home().display().to_string();
    let port = server.port();
    let url = |user: &str, host: &str, query: &str| format!("postgres://{user}@{host}:{port}/postgres?{query}");
    let full = format!("sslmode=verify-full&sslrootcert={home}/ca.crt");
    let other = format!("sslrootcert={home}/other.crt");
    for (host, query) in [
        ("localhost", full.as_str()),
        ("127.0.0.1", &format!("sslmode=verify-ca&sslrootcert={home}/ca.crt")),
        ("db.example", &format!("sslmode=verify-ca&hostaddr=127.0.0.1&sslrootcert={home}/ca.crt")),
        ("localhost", &format!("sslmode=verify-full&sslrootcert={home}/server.crt")),
        ("127.0.0.1", "sslmode=require"),
        ("127.0.0.1", "sslmode=prefer"),
        ("127.0.0.1", "sslmode=allow"),
    ] {
        let conn = Connection::connect(&conninfo(&url("postgres", host, query)), Mode::Sql).await;
        assert!(conn.unwrap_or_else(|e| panic!("{host} {query}: {e:?}")).is_encrypted());
    }
    for (host, query, code) in [
        ("127.0.0.1", full.as_str(), "RK-2012"),
        ("localhost", &format!("sslmode=verify-full&{other}"), "RK-2012"),
        ("localhost", &format!("sslmode=verify-ca&{other}"), "RK-2012"),
        ("localhost", &format!("sslmode=require&{other}"), "RK-2012"),
        ("127.0.0.1", "sslmode=disable", "RK-2015"),
    ] {
        assert_eq!(try_url(&url("postgres", host, query)).await.unwrap_err().code(), code, "{host} {query}");
    }
    // The server offers channel binding; a wrong hash of its certificate, signed with SHA-384, would be refused.
    assert_eq!(try_url(&url("scram:pw", "localhost", "sslmode=require")).await.unwrap(), "scram");
    assert_eq!(try_url(&url("open", "127.0.0.1", "sslmode=prefer")).await.unwrap(), "open");
    let cert = format!("sslmode=require&sslcert={home}/app.crt&sslkey={home}/app.key");
    assert_eq!(try_url(&url("app", "localhost", &cert)).await.unwrap(), "app");
    server.set("ssl", "off");
    server.restart();
    assert_eq!(try_url(&url("postgres", "127.0.0.1", "sslmode=require")).await.unwrap_err().code(), "RK-2013");
}

#[tokio::test]
async fn statements_errors_notices_and_abandoned_queries() {
    let server = Server::builder().start();
    let mut conn = sql(&server).await;
    assert_eq!(conn.server_major().unwrap(), 15);
    let results =
        conn.query("select 1 as a, null as b; create table t(x int); insert into t values (1),(2)").await.unwrap();
    assert_eq!(results.len(), 3);
    assert_eq!((results[0].get(0, "a"), results[0].get(0, "b")), (Some("1"), None));
    assert_eq!(results[2].tag, "INSERT 0 2");
    assert_eq!(conn.query("select 1/0").await.unwrap_err().sqlstate(), Some("22012"));
    assert_eq!(conn.query("select nix from pg_class; select 2").await.unwrap_err().code(), "RK-2020");
    conn.query("do $$ begin raise notice 'hello'; end $$").await.unwrap();
    assert_eq!(conn.take_notices()[0].message, "hello");
    let abandoned = tokio::time::timeout(Duration::from_millis(50), conn.query("select pg_sleep(0.3), 'old'")).await;
    assert!(abandoned.is_err());
    assert_eq!(conn.value("select 'new'").await.unwrap().as_deref(), Some("new"));
    let token = conn.cancel_token().unwrap();
    let (slept, cancelled) = tokio::join!(conn.query("select pg_sleep(60)"), async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        token.cancel().await
    });
    cancelled.unwrap();
    assert_eq!(slept.unwrap_err().sqlstate(), Some("57014"));
    assert_eq!(conn.value("select 3").await.unwrap().as_deref(), Some("3"));
    assert!(conn.query("copy t to stdout").await.is_ok());
    assert!(conn.query("copy t from stdin").await.is_err());
    assert_eq!(conn.value("select repeat('x', 3000000)").await.unwrap().unwrap().len(), 3_000_000);
}

#[tokio::test]
async fn rights_and_full_servers_are_named() {
    let mut server = Server::builder()
        .setting("max_connections", "4")
        .setting("superuser_reserved_connections", "1")
        .setting("max_wal_senders", "1")
        .start();
    server.sql("postgres", "create role plain login");
    let plain = format!("postgres://plain@127.0.0.1:{}/postgres", server.port());
    let error = Replication::connect(&conninfo(&plain)).await.unwrap_err();
    assert_eq!(error.code(), "RK-2018", "{error:?}");
    server.set("wal_level", "minimal");
    server.set("max_wal_senders", "0");
    server.restart();
    let none = Replication::connect(&conninfo(&server.url("postgres"))).await.unwrap_err();
    assert_eq!(none.code(), "RK-2016", "{none:?}");
    let mut held = Vec::new();
    let full = loop {
        match Connection::connect(&conninfo(&plain), Mode::Sql).await {
            Ok(conn) => held.push(conn),
            Err(error) => break error,
        }
    };
    assert_eq!((full.code(), held.len()), ("RK-2016", 3));
}

/// Streams until `until` is reached, and checks that no byte is missing or twice.
async fn stream_to(stream: &mut engine::postgres::wire::WalStream, from: Lsn, until: Lsn) -> Vec<u8> {
    let mut bytes = Vec::new();
    while from + (bytes.len() as u64) < until {
        // A select that keeps dropping the future half way: nothing may be lost.
        let event = tokio::select! {
            event = stream.next() => event.unwrap(),
            () = tokio::task::yield_now() => continue,
        };
        match event {
            WalEvent::XLogData { start_lsn, bytes: data, .. } => {
                assert_eq!(start_lsn, from + bytes.len() as u64);
                bytes.extend_from_slice(&data);
            }
            WalEvent::KeepAlive { .. } => {}
            WalEvent::EndOfTimeline { .. } => panic!("the timeline ended too early"),
        }
    }
    bytes
}

#[tokio::test]
async fn the_stream_is_the_log_byte_for_byte() {
    for major in testkit::postgres::majors() {
        let server = Server::builder().major(major).setting("wal_sender_timeout", "2s").start();
        let info = conninfo(&server.url("postgres"));
        let mut repl = Replication::connect(&info).await.unwrap();
        let system = repl.identify().await.unwrap();
        assert_eq!(system.timeline, 1);
        assert_eq!(repl.read_slot("rk").await.unwrap(), None);
        repl.create_slot("rk").await.unwrap();
        assert_eq!(repl.create_slot("rk").await.unwrap_err().code(), "RK-2050");
        let slot = repl.read_slot("rk").await.unwrap().unwrap();
        assert!(slot.physical && slot.restart_lsn.is_some());
        assert_eq!(repl.show("wal_segment_size").await.unwrap(), "16MB");
        server.sql("postgres", "create table t as select generate_series(1,200000) x");
        let until: Lsn = server.sql("postgres", "select pg_current_wal_flush_lsn()").parse().unwrap();
        let from = slot.restart_lsn.unwrap().align_down(16 << 20);
        let mut stream = repl.start(Some("rk"), from, 1).await.unwrap();
        let bytes = stream_to(&mut stream, from, until).await;
        let file =
            server.data_dir().join(format!("pg_wal/00000001{:08X}{:08X}", from.0 >> 32, (from.0 & 0xFFFF_FFFF) >> 24));
        let on_disk = fs::read(file).unwrap();
        let common = bytes.len().min(on_disk.len());
        assert!(common > 1 << 20 && bytes[..common] == on_disk[..common]);
        stream.send_status(until, until, until, "2026-01-01T00:00:00Z".parse().unwrap(), true).await.unwrap();
        while !matches!(stream.next().await.unwrap(), WalEvent::KeepAlive { .. }) {}
        let mut repl = stream.stop().await.unwrap();
        assert_eq!(repl.read_slot("rk").await.unwrap().unwrap().restart_lsn, Some(until));
        repl.drop_slot("rk").await.unwrap();
        assert_eq!(repl.drop_slot("rk").await.unwrap_err().code(), "RK-2051");
        repl.close().await;
    }
}

#[tokio::test]
async fn a_timeline_ends_and_the_next_is_named() {
    let mut server = Server::builder().start();
    let segment = Lsn(1 << 24);
    server.stop(StopMode::Fast);
    fs::write(server.data_dir().join("recovery.signal"), "").unwrap();
    server.set("restore_command", "false");
    server.start();
    assert!(testkit::postgres::wait_until(Duration::from_secs(20), || server
        .sql("postgres", "select pg_is_in_recovery()")
        == "f"));
    let mut repl = Replication::connect(&conninfo(&server.url("postgres"))).await.unwrap();
    assert_eq!(repl.identify().await.unwrap().timeline, 2);
    let history = repl.timeline_history(2).await.unwrap();
    assert_eq!(history.name, "00000002.history");
    let mut stream = repl.start(None, segment, 1).await.unwrap();
    let (next, switch) = loop {
        if let WalEvent::EndOfTimeline { next_timeline, switch_lsn } = stream.next().await.unwrap() {
            break (next_timeline, switch_lsn);
        }
    };
    assert_eq!(next, 2);
    assert!(history.content.contains(&switch.to_string()));
    let repl = stream.stop().await.unwrap();
    // At the very end of the old timeline there is nothing to stream, and the next is named at once.
    let mut stream = repl.start(None, switch, 1).await.unwrap();
    assert_eq!(stream.next().await.unwrap(), WalEvent::EndOfTimeline { next_timeline: 2, switch_lsn: switch });
    let mut stream = stream.stop().await.unwrap().start(None, switch, 2).await.unwrap();
    let stopper = tokio::task::spawn_blocking(move || server.stop(StopMode::Fast));
    let end = loop {
        match stream.next().await {
            Ok(WalEvent::XLogData { start_lsn, bytes, .. }) => {
                let at = start_lsn + bytes.len() as u64;
                stream.send_status(at, at, at, "2026-01-01T00:00:00Z".parse().unwrap(), false).await.unwrap();
            }
            Ok(WalEvent::KeepAlive { wal_end, .. }) => {
                stream
                    .send_status(wal_end, wal_end, wal_end, "2026-01-01T00:00:00Z".parse().unwrap(), false)
                    .await
                    .unwrap();
            }
            Ok(event) => panic!("{event:?}"),
            Err(error) => break error,
        }
    };
    assert!(end.is_retriable(), "{end:?}");
    stopper.await.unwrap();
}

#[tokio::test]
async fn log_that_is_gone_is_named_as_a_gap() {
    let server = Server::builder().setting("max_wal_size", "32MB").setting("min_wal_size", "32MB").start();
    for _ in 0..4 {
        server.sql("postgres", "create table if not exists t(x int); insert into t values (1); select pg_switch_wal()");
        server.sql("postgres", "checkpoint");
    }
    let repl = Replication::connect(&conninfo(&server.url("postgres"))).await.unwrap();
    let mut stream = repl.start(None, Lsn(1 << 24), 1).await.unwrap();
    let error = loop {
        if let Err(error) = stream.next().await {
            break error;
        }
    };
    assert_eq!(error.code(), "RK-2052", "{error:?}");
}

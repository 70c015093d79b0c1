//! Inspection of servers that lack one thing each.

use engine::postgres::inspect::{Finding, Inspection, ReplicationAccess, Severity, create_slot, drop_slot, inspect};
use engine::postgres::wire::{Conninfo, Replication};
use testkit::postgres::{Server, majors};

use crate::wire::conninfo;

fn info(server: &Server) -> Conninfo {
    conninfo(&server.url("postgres"))
}

async fn look(server: &Server) -> Inspection {
    inspect(&info(server)).await.unwrap()
}

fn named<'a>(inspection: &'a Inspection, part: &str) -> &'a Finding {
    let found = inspection.findings.iter().find(|finding| finding.title.contains(part));
    found.unwrap_or_else(|| panic!("no finding with {part}: {:#?}", inspection.findings))
}

#[tokio::test]
async fn a_good_server_can_be_protected() {
    for major in majors() {
        let server = Server::builder().major(major).fsync(true).setting("max_slot_wal_keep_size", "1GB").start();
        let inspection = look(&server).await;
        assert!(inspection.can_protect(), "{inspection:#?}");
        assert!(inspection.findings.iter().all(|finding| finding.severity == Severity::Fine), "{inspection:#?}");
        let facts = &inspection.facts;
        assert_eq!((facts.major, facts.timeline, facts.segment_bytes, facts.block_bytes), (major, 1, 16 << 20, 8192));
        assert_eq!(facts.data_directory.as_deref(), Some(server.data_dir().as_path()));
        let mut replication = Replication::connect(&info(&server)).await.unwrap();
        assert_eq!(replication.identify().await.unwrap().system_identifier, facts.system_identifier);
        let busy = look(&server).await.facts;
        assert_eq!((busy.slots_free(), busy.slot_keep_bytes_max), (10, Some(1 << 30)));
    }
}

#[tokio::test]
async fn a_server_without_log_for_recovery_is_blocked_and_its_statements_mend_it() {
    let mut server = Server::builder()
        .setting("wal_level", "minimal")
        .setting("max_wal_senders", "0")
        .setting("max_replication_slots", "0")
        .setting("full_page_writes", "off")
        .checksums(false)
        .start();
    let inspection = look(&server).await;
    assert!(!inspection.can_protect());
    assert_eq!(inspection.findings[0].severity, Severity::Blocks);
    for (title, severity, restart) in [
        ("wal_level is minimal", Severity::Blocks, true),
        ("0 of 0 WAL senders", Severity::Blocks, true),
        ("0 of 0 replication slots", Severity::Blocks, true),
        ("no WAL sender is free", Severity::Blocks, true),
        ("full_page_writes is off", Severity::Warns, false),
        ("fsync is off", Severity::Warns, false),
        ("checksums are off", Severity::Warns, true),
        ("without limit", Severity::Warns, false),
    ] {
        let finding = named(&inspection, title);
        assert_eq!((finding.severity, finding.needs_restart), (severity, restart), "{title}");
    }
    for statement in inspection.findings.iter().filter_map(|finding| finding.statement.as_deref()) {
        server.sql("postgres", statement);
    }
    server.restart();
    let mended = look(&server).await;
    assert!(mended.can_protect(), "{mended:#?}");
    let left: Vec<_> =
        mended.findings.iter().filter(|f| f.severity == Severity::Warns).map(|f| f.title.as_str()).collect();
    assert_eq!(left, ["data checksums are off"]);
}

#[tokio::test]
async fn a_role_without_rights_is_told_what_it_lacks() {
    let server = Server::builder()
        .hba("host all all 127.0.0.1/32 trust")
        .hba("host replication plain 127.0.0.1/32 trust")
        .start();
    server.sql("postgres", "create role plain login; create role \"Odd\" login replication");
    let url = |user: &str| conninfo(&format!("postgres://{user}@127.0.0.1:{}/postgres", server.port()));
    let plain = inspect(&url("plain")).await.unwrap();
    assert_eq!(plain.facts.replication, ReplicationAccess::NoRight);
    let right = named(&plain, "plain may not replicate");
    assert_eq!(right.statement.as_deref(), Some("alter role \"plain\" replication;"));
    let directory = named(&plain, "does not tell its data directory");
    for finding in [right, directory] {
        server.sql("postgres", finding.statement.as_deref().unwrap());
    }
    let inspection = inspect(&url("plain")).await.unwrap();
    server.sql("postgres", named(&inspection, "plain may not take a backup").statement.as_deref().unwrap());
    let inspection = inspect(&url("plain")).await.unwrap();
    assert!(inspection.can_protect(), "{inspection:#?}");
    let odd = inspect(&url("Odd")).await.unwrap();
    let hba = named(&odd, "pg_hba.conf does not let Odd in");
    assert!(hba.why.ends_with("host replication Odd 127.0.0.1/32 scram-sha-256"), "{}", hba.why);
}

#[tokio::test]
async fn a_tablespace_that_is_not_here_is_told() {
    let server = Server::builder().start();
    let space = server.make_dir("space");
    server.sql("postgres", &format!("create tablespace ts location '{}'", space.display()));
    assert_eq!(named(&look(&server).await, "tablespace ts").severity, Severity::Fine);
    std::fs::rename(&space, server.home().join("moved")).unwrap();
    let inspection = look(&server).await;
    assert_eq!(named(&inspection, "tablespace ts cannot be read").severity, Severity::Blocks);
    assert!(!inspection.can_protect());
}

#[tokio::test]
async fn slots_are_made_once_and_only_ours_are_used() {
    for major in majors() {
        let server = Server::builder().major(major).setting("wal_level", "logical").start();
        let info = info(&server);
        create_slot(&info, "ours").await.unwrap();
        create_slot(&info, "ours").await.unwrap();
        let lsn =
            server.sql("postgres", "select restart_lsn is not null from pg_replication_slots where slot_name = 'ours'");
        assert_eq!(lsn, "t");
        server.sql("postgres", "select pg_create_logical_replication_slot('theirs', 'pgoutput')");
        server.sql("postgres", "select pg_create_physical_replication_slot('idle')");
        for slot in ["theirs", "idle", "Bad Name"] {
            assert_eq!(create_slot(&info, slot).await.unwrap_err().code(), "RK-2050", "{major} {slot}");
        }
        drop_slot(&info, "ours").await.unwrap();
        drop_slot(&info, "ours").await.unwrap();
        assert_eq!(server.sql("postgres", "select count(*) from pg_replication_slots"), "2");
    }
}

#[tokio::test]
async fn a_role_that_may_not_take_a_backup_is_blocked_and_the_statements_mend_it() {
    for major in majors() {
        let server = Server::builder().major(major).start();
        server.sql(
            "postgres",
            "CREATE ROLE keeper LOGIN REPLICATION; GRANT pg_monitor TO keeper; CREATE DATABASE app CONNECTION LIMIT 0;
             CREATE DATABASE closed ALLOW_CONNECTIONS false",
        );
        let info = conninfo(&server.socket_url("postgres").replace("postgres@", "keeper@"));
        let inspection = inspect(&info).await.unwrap();
        let finding = named(&inspection, "keeper may not take a backup");
        assert_eq!(finding.severity, Severity::Blocks);
        assert_eq!(named(&inspection, "database closed lets nobody in").severity, Severity::Warns);
        let limit = named(&inspection, "database app has a connection limit of 0");
        assert_eq!(limit.severity, Severity::Warns);
        server.sql("postgres", finding.statement.as_deref().unwrap());
        server.sql("postgres", limit.statement.as_deref().unwrap());
        let inspection = inspect(&info).await.unwrap();
        assert_eq!(named(&inspection, "keeper may take a backup").severity, Severity::Fine);
        assert!(inspection.findings.iter().all(|finding| !finding.title.contains("connection limit of 0")));
        let begin = if major < 15 { "pg_start_backup('t', true, false)" } else { "pg_backup_start('t', true)" };
        let mut sql =
            engine::postgres::wire::Connection::connect(&info, engine::postgres::wire::Mode::Sql).await.unwrap();
        sql.query(&format!("SELECT {begin}")).await.unwrap();
        sql.close().await;
    }
}

#[tokio::test]
async fn the_only_database_is_told_of() {
    let server = Server::builder().start();
    server.sql("template1", "DROP DATABASE postgres");
    let inspection = inspect(&conninfo(&server.url("template1"))).await.unwrap();
    assert!(inspection.can_protect());
    let finding = named(&inspection, "template1 is the only database");
    assert_eq!(finding.severity, Severity::Warns);
    server.sql("template1", finding.statement.as_deref().unwrap());
    let inspection = inspect(&conninfo(&server.url("template1"))).await.unwrap();
    assert!(inspection.findings.iter().all(|finding| !finding.title.contains("only database")));
}

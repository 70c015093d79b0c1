//! What our sessions rely on: that no default of a role or a database reaches them, that there is a database to work from, that what is
//! given up ends, and that a limit or a lock is not told as damage.

use std::time::Duration;

use engine::postgres::checks::{self, Checked, ChecksFile};
use engine::postgres::prepared;
use engine::postgres::wire::{Connection, Mode};
use testkit::postgres::{Server, majors, wait_until};
use vault::Env;
use vault::backup::tree::Progress;

use crate::checks::info_of;
use crate::instances::{instance_of, old_and_new};
use crate::wire::conninfo;

const PATIENCE: Duration = Duration::from_secs(10);

async fn check(server: &Server, file: &str) -> Checked {
    let file = ChecksFile::parse(file).unwrap();
    let info = info_of(server, true);
    checks::run(&instance_of(server), &info, &file, &Env::system(), &Progress::default()).await.unwrap()
}

async fn setting(server: &Server, mode: Mode, name: &str) -> String {
    let mut sql = Connection::connect(&conninfo(&server.url("postgres")), mode).await.unwrap();
    let found = sql.value(&format!("SELECT current_setting('{name}')")).await.unwrap().unwrap();
    sql.close().await;
    found
}

#[tokio::test]
async fn no_default_of_a_role_or_a_database_reaches_our_sessions() {
    for major in majors() {
        let server = Server::builder().major(major).start();
        let mut hostile = vec![
            ("statement_timeout", "'7s'", "0"),
            ("lock_timeout", "'7s'", "0"),
            ("idle_in_transaction_session_timeout", "'7s'", "0"),
            ("default_transaction_read_only", "on", "off"),
            ("default_transaction_isolation", "serializable", "read committed"),
            ("search_path", "elsewhere", "\"\""),
            ("row_security", "on", "off"),
            ("standard_conforming_strings", "off", "on"),
            ("quote_all_identifiers", "on", "off"),
            ("bytea_output", "escape", "hex"),
            ("client_min_messages", "error", "notice"),
        ];
        hostile.extend((major >= 14).then_some(("idle_session_timeout", "'7s'", "0")));
        hostile.extend((major >= 17).then_some(("transaction_timeout", "'7s'", "0")));
        for (number, (name, value, _)) in hostile.iter().enumerate() {
            let whose = ["ROLE", "DATABASE"][number % 2];
            server.sql(
                "postgres",
                &format!("SET default_transaction_read_only = off; ALTER {whose} postgres SET {name} = {value}"),
            );
        }
        for (name, value, ours) in &hostile {
            assert_eq!(
                setting(&server, Mode::Sql, name).await.trim_matches(' '),
                ours.trim_matches('"'),
                "{major}: {name}"
            );
            let as_set = value.trim_matches('\'');
            assert_eq!(setting(&server, Mode::Bare, name).await, as_set, "{major}: {name} is not hostile");
        }
        // What users write means what it means in their database, and runs as long as it must.
        assert_eq!(setting(&server, Mode::Users, "search_path").await, "elsewhere");
        assert_eq!(setting(&server, Mode::Users, "statement_timeout").await, "0");
        assert_eq!(setting(&server, Mode::Users, "default_transaction_read_only").await, "off");
    }
}

#[tokio::test]
async fn a_session_is_had_in_whichever_database_there_is() {
    for major in old_and_new() {
        let server = Server::builder().major(major).start();
        server.sql("postgres", "CREATE DATABASE app");
        server.sql("app", "DROP DATABASE postgres; ALTER DATABASE template1 ALLOW_CONNECTIONS false");
        let mut instance = instance_of(&server);
        let error = instance.connect_any().await.unwrap_err();
        assert_eq!(error.code(), "RK-2091", "{error}");
        instance.databases = vec!["dropped since".into(), "app".into()];
        let mut sql = instance.wait_connectable(|| Ok(())).await.unwrap();
        assert_eq!(sql.value("SELECT current_database()").await.unwrap().as_deref(), Some("app"));
        sql.close().await;
    }
}

#[tokio::test]
async fn a_statement_that_is_given_up_ends_at_the_server() {
    let server = Server::builder().start();
    let info = conninfo(&server.url("postgres"));
    let mut sql = Connection::connect(&info, Mode::Sql).await.unwrap();
    let given_up = tokio::time::timeout(Duration::from_millis(300), sql.query("SELECT pg_sleep(600)")).await;
    assert!(given_up.is_err());
    drop(sql);
    tokio::time::sleep(Duration::from_millis(100)).await;
    let sleeps = || {
        server.sql(
            "postgres",
            "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%sleep(600)' AND state = 'active'",
        )
    };
    // Well before the server itself looks for clients that are gone.
    assert!(wait_until(Duration::from_millis(1500), || sleeps() == "0"));
}

#[tokio::test]
async fn a_limit_of_a_role_or_a_database_is_no_fault_of_the_data() {
    for major in old_and_new() {
        let server = Server::builder().major(major).start();
        server.sql("postgres", "CREATE DATABASE app");
        server.sql("app", "CREATE TABLE t AS SELECT n, repeat(n::text, 20) AS text FROM generate_series(1, 150000) n; CREATE INDEX ON t (text)");
        server.sql(
            "postgres",
            "ALTER ROLE postgres SET statement_timeout = '20ms'; ALTER DATABASE app SET statement_timeout = '1ms'",
        );
        let checked = check(&server, "").await;
        assert!(checked.passed(), "{major}: {checked:?}");
        assert!(checked.verified.databases.contains(&"app".to_owned()));
        // The limit that a check sets itself is kept, and says nothing against the data.
        let late = "[[check]]\nname = 'late'\ntimeout = '200ms'\nsql = 'SELECT pg_sleep(30)'";
        let checked = check(&server, late).await;
        assert!(!checked.passed() && checked.checks[0].unproven, "{checked:?}");
        assert!(
            checked.amcheck.is_sound() && checked.unproven()[0].starts_with("check late: it did not end"),
            "{checked:?}"
        );
    }
}

#[tokio::test]
async fn a_prepared_transaction_is_named_and_nothing_waits_for_its_locks() {
    for major in old_and_new() {
        let server = Server::builder().major(major).setting("max_prepared_transactions", "5").start();
        server.sql("postgres", "CREATE DATABASE app");
        server.sql("app", "CREATE TABLE pt (n int PRIMARY KEY); INSERT INTO pt VALUES (1)");
        server.sql(
            "app",
            "BEGIN; INSERT INTO pt VALUES (2); LOCK TABLE pt IN ACCESS EXCLUSIVE MODE; PREPARE TRANSACTION 'px1'",
        );
        let checked =
            check(&server, "[[check]]\nname = 'pt'\ndatabase = 'app'\nsql = 'SELECT count(*) = 1 FROM pt'").await;
        assert!(!checked.passed() && checked.amcheck.is_sound(), "{checked:?}");
        let unproven = checked.unproven();
        let named =
            |what: &str| unproven.iter().any(|line| line.starts_with(what) && line.contains("\"px1\" of postgres"));
        assert!(named("app: public.pt:") && named("app: public.pt_pkey:") && named("check pt:"), "{unproven:#?}");
        let found = &checked.verified.findings;
        assert!(found.iter().any(|line| line.contains("ROLLBACK PREPARED 'px1'")), "{found:?}");
        let mut sql = instance_of(&server).connect_any().await.unwrap();
        let listed = prepared::list(&mut sql).await.unwrap();
        assert_eq!((listed.len(), listed[0].gid.as_str(), listed[0].database.as_str()), (1, "px1", "app"));
        assert!(listed[0].locks.iter().any(|lock| lock.relation == "public.pt" && lock.mode == "AccessExclusiveLock"));
    }
}

#[tokio::test]
async fn an_event_trigger_keeps_no_index_from_being_looked_at() {
    let server = Server::builder().start();
    server.sql(
        "postgres",
        "CREATE FUNCTION no() RETURNS event_trigger LANGUAGE plpgsql AS 'begin raise exception ''no DDL on Tuesdays''; end';
         CREATE EVENT TRIGGER \"Never\" ON ddl_command_start EXECUTE FUNCTION no();
         CREATE EVENT TRIGGER always ON ddl_command_end EXECUTE FUNCTION no();
         ALTER EVENT TRIGGER always ENABLE ALWAYS",
    );
    let checked = check(&server, "").await;
    assert!(checked.passed() && checked.amcheck.indexes > 200, "{checked:?}");
    let as_before = server.sql("postgres", "SELECT evtname, evtenabled FROM pg_event_trigger ORDER BY 1");
    assert_eq!(as_before, "Never|O\nalways|A");
}

#[tokio::test]
async fn a_drill_that_is_cancelled_ends_at_once_whatever_it_waits_for() {
    let server = Server::builder().start();
    server.sql("postgres", "CREATE TABLE t (n int)");
    let sleeps = "[[check]]\nname = 'sleeps'\nsql = 'SELECT pg_sleep(600) IS NULL'";
    let file = ChecksFile::parse(sleeps).unwrap();
    let (instance, info, env, progress) =
        (instance_of(&server), info_of(&server, true), Env::system(), Progress::default());
    let active = || {
        server.sql("postgres", "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%sleep(600)%' AND state = 'active' AND pid <> pg_backend_pid()")
    };
    let running = checks::run(&instance, &info, &file, &env, &progress);
    let cancelled = async {
        while active() == "0" {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        progress.cancel();
    };
    // Long before the statement would end by itself.
    let (done, ()) = tokio::time::timeout(PATIENCE, async { tokio::join!(running, cancelled) }).await.unwrap();
    assert_eq!(done.unwrap_err().code(), "RK-1040");
    assert!(wait_until(PATIENCE, || active() == "0"));
}

//! Checks on real servers, sound ones and broken ones.

use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;

use engine::postgres::checks::{self, Checked, ChecksFile};
use engine::postgres::info::ClusterInfo;
use engine::postgres::lsn::Lsn;
use testkit::postgres::{Server, StopMode};
use vault::Env;
use vault::backup::tree::Progress;

use crate::instances::{instance_of, old_and_new};

fn info_of(server: &Server, checksums: bool) -> ClusterInfo {
    ClusterInfo {
        major: server.major(),
        version: server.major().to_string(),
        system_identifier: "1".into(),
        wal_segment_bytes: 16 << 20,
        checksums,
        from_standby: false,
        start: Lsn(0),
        stop: Lsn(0),
        data_directory: server.data_dir().display().to_string(),
        owner: "postgres".into(),
        superuser: "postgres".into(),
        tablespaces: Vec::new(),
        outside_config: Vec::new(),
        databases: Vec::new(),
        roles: Vec::new(),
        left_out: Default::default(),
    }
}

async fn check(server: &Server, checksums: bool, file: &str) -> Checked {
    let file = ChecksFile::parse(file).unwrap();
    let info = info_of(server, checksums);
    checks::run(&instance_of(server), &info, &file, &Env::system(), &Progress::default()).await.unwrap()
}

fn path_of(server: &Server, relation: &str) -> PathBuf {
    server.data_dir().join(server.sql("postgres", &format!("select pg_relation_filepath('{relation}')")))
}

#[tokio::test]
async fn a_sound_server_passes() {
    for major in old_and_new() {
        let server = Server::builder().major(major).start();
        server.sql("postgres", "create database app");
        server.sql(
            "app",
            "create table t (id int primary key, v text); insert into t select g, g from generate_series(1, 999) g",
        );
        let file = "[[check]]\nname='rows'\ndatabase='app'\nsql='select count(*) from t'\nexpect='999'";
        let checked = check(&server, true, file).await;
        assert!(checked.passed(), "{major}: {checked:?}");
        assert_eq!(checked.verified.databases, ["template1", "postgres", "app"]);
        assert!(checked.verified.pages_checked > 100 && checked.verified.pages_bad == 0);
        // About a hundred indexes and tables of the catalog in each of three databases.
        assert!(checked.amcheck.indexes > 300 && checked.amcheck.tables > 200, "{checked:?}");
        assert!(checked.amcheck.notes.is_empty());
        assert!(checked.checks[0].seconds > 0.0);
        let text = serde_json::to_string(&checked).unwrap();
        assert_eq!(serde_json::from_str::<Checked>(&text).unwrap(), checked);
    }
}

#[tokio::test]
async fn an_index_that_lies_is_found() {
    for major in old_and_new() {
        let server = Server::builder().major(major).start();
        server.sql(
            "postgres",
            "create function place(x int) returns int immutable language plpgsql as 'begin return x; end';
             create table t (x int); insert into t select generate_series(1, 500); create index t_place on t (place(x));
             create or replace function place(x int) returns int immutable language plpgsql as 'begin return -x; end'",
        );
        let checked = check(&server, true, "").await;
        assert!(!checked.passed());
        assert!(checked.verified.is_sound(), "the pages are as they were written");
        let findings = &checked.amcheck.findings;
        assert!(findings.len() == 1 && findings[0].starts_with("postgres: public.t_place: "), "{findings:?}");
    }
}

#[tokio::test]
async fn a_broken_row_is_found_without_checksums() {
    for major in old_and_new() {
        let mut server = Server::builder().major(major).checksums(false).start();
        server.sql("postgres", "create table t (x int); insert into t select generate_series(1, 500); checkpoint");
        let path = path_of(&server, "t");
        server.stop(StopMode::Fast);
        let file = fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
        // The first line pointer, after the page's header of 24 bytes, then points between two aligned places.
        let mut pointer = [0; 1];
        file.read_exact_at(&mut pointer, 24).unwrap();
        file.write_all_at(&[pointer[0] ^ 1], 24).unwrap();
        server.start();
        let checked = check(&server, false, "").await;
        let findings = &checked.amcheck.findings;
        assert!(!checked.passed() && checked.verified.pages_checked == 0);
        assert!(findings[0].starts_with("postgres: public.t: block 0, row 1: "), "{findings:?}");
    }
}

#[tokio::test]
async fn a_bad_page_is_found_by_its_checksum_and_by_the_index_check() {
    let mut server = Server::builder().start();
    server.sql(
        "postgres",
        "create table t (x int primary key); insert into t select generate_series(1, 5000); checkpoint",
    );
    let path = path_of(&server, "t_pkey");
    server.stop(StopMode::Fast);
    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.write_all_at(b"rotten", 8192 + 8000).unwrap();
    server.start();
    let checked = check(&server, true, "").await;
    assert_eq!(checked.verified.pages_bad, 1);
    let findings = &checked.amcheck.findings;
    assert!(findings.iter().any(|finding| finding.starts_with("postgres: public.t_pkey: ")), "{findings:?}");
    assert!(!checked.passed());
}

#[tokio::test]
async fn amcheck_that_is_not_there_is_a_note() {
    let server = Server::builder().setting("allow_system_table_mods", "on").start();
    for database in ["template1", "postgres"] {
        server.sql(
            database,
            "create or replace view pg_catalog.pg_available_extensions as select e.name, e.default_version, \
             x.extversion as installed_version, e.comment from pg_available_extensions() e \
             left join pg_extension x on e.name = x.extname where e.name <> 'amcheck'",
        );
    }
    let checked = check(&server, true, "").await;
    assert_eq!(checked.amcheck.notes, ["amcheck is not installed for this server"]);
    assert!(checked.passed() && checked.amcheck.indexes == 0);
}

#[tokio::test]
async fn statements_pass_or_fail_and_change_nothing() {
    let server = Server::builder().start();
    server.sql("postgres", "create table t (x int)");
    let file = "
        [[check]]\nname = 'true'\nsql = 'select true'
        [[check]]\nname = 'false'\nsql = 'select false'
        [[check]]\nname = 'two rows'\nsql = 'select true from generate_series(1, 2)'
        [[check]]\nname = 'no such table'\nsql = 'select true from nowhere'
        [[check]]\nname = 'no such database'\ndatabase = 'nowhere'\nsql = 'select true'
        [[check]]\nname = 'writes'\nsql = 'insert into t values (1) returning true'
        [[check]]\nname = 'writes slyly'\nsql = 'rollback; insert into t values (1); select true'
        [[check]]\nname = 'late'\nsql = 'select pg_sleep(1000) is null'\ntimeout = '50ms'
        [[check]]\nname = 'expected'\nsql = 'select 42'\nexpect = '42'
        [[check]]\nname = 'unexpected'\nsql = 'select 41'\nexpect = '42'";
    let checked = check(&server, true, file).await;
    let said: Vec<(&str, bool, &str)> =
        checked.checks.iter().map(|check| (check.name.as_str(), check.passed, check.detail.as_str())).collect();
    let expected = [
        ("true", true, "it is true"),
        ("false", false, "it is false"),
        ("two rows", false, "it returned 2 rows, and one is asked for"),
        ("no such table", false, "relation \"nowhere\" does not exist"),
        ("no such database", false, "database \"nowhere\" does not exist"),
        ("writes", false, "cannot execute INSERT in a read-only transaction"),
        ("writes slyly", false, "cannot execute INSERT in a read-only transaction"),
        ("late", false, "it did not end within 50ms"),
        ("expected", true, "it returned \"42\""),
        ("unexpected", false, "it returned \"41\", and \"42\" is expected"),
    ];
    assert_eq!(said, expected);
    assert!(!checked.passed());
    assert_eq!(server.sql("postgres", "select count(*) from t"), "0");
}

#[tokio::test]
async fn programs_pass_by_their_exit_and_never_run_as_root() {
    let server = Server::builder().start();
    server.sql("postgres", "create database app");
    let psql = server.bin_dir().join("psql").display().to_string();
    let file = format!(
        "
        [[check]]\nname = 'psql'\ndatabase = 'app'\ncommand = ['{psql}', '-XAtc', 'select current_database()']
        [[check]]\nname = 'who'\ncommand = ['/usr/bin/id', '-u']
        [[check]]\nname = 'environment'\ncommand = ['/usr/bin/env']
        [[check]]\nname = 'fails'\ncommand = ['/bin/sh', '-c', 'echo what it saw; exit 3']
        [[check]]\nname = 'late'\ntimeout = '50ms'\ncommand = ['/bin/sh', '-c', 'sleep 1000 & sleep 1000']
        [[check]]\nname = 'missing'\ncommand = ['/no/such/program']"
    );
    let checked = check(&server, true, &file).await;
    let [psql, who, environment, fails, late, missing] = checked.checks.as_slice() else { panic!("{checked:?}") };
    assert_eq!((psql.passed, psql.detail.as_str()), (true, "app"));
    assert!(who.passed && who.detail != "0", "{who:?}");
    let mut names: Vec<&str> = environment.detail.lines().filter_map(|line| Some(line.split_once('=')?.0)).collect();
    names.sort_unstable();
    assert_eq!(names, ["LC_ALL", "PATH", "PGDATABASE", "PGHOST", "PGPORT", "PGUSER"]);
    assert_eq!((fails.passed, fails.detail.as_str()), (false, "exit status: 3\nwhat it saw"));
    assert_eq!((late.passed, late.detail.as_str()), (false, "it did not end within 50ms"));
    assert!(!missing.passed && missing.detail.starts_with("/no/such/program cannot be run"), "{missing:?}");
}

#[tokio::test]
async fn a_lost_instance_is_an_error_and_no_outcome() {
    let mut server = Server::builder().start();
    let instance = instance_of(&server);
    let info = info_of(&server, true);
    server.stop(StopMode::Fast);
    let file = ChecksFile::default();
    let error = checks::run(&instance, &info, &file, &Env::system(), &Progress::default()).await.unwrap_err();
    assert_eq!(error.code(), "RK-2075");
}

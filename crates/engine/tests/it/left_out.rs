//! What a physical backup does not hold, and what is closed to everybody: told, refused where it would take the place of live rows, or
//! let in where the moment is ours.

use engine::postgres::extract::{Look, look_before, swap_outlook, unlogged_in};

use crate::extract::{Pair, names, rows_of, said};
use crate::wire::conninfo;

const EMPTIED: &str =
    "create table kept as select generate_series(1, 3) as x; create unlogged table cache (id serial, v int);
    create extension postgres_fdw; create server there foreign data wrapper postgres_fdw;
    create foreign table far (x int) server there; create materialized view later as select * from kept with no data";

#[tokio::test]
async fn what_a_backup_does_not_hold_is_told_and_not_counted() {
    let mut pair = Pair::of(15);
    for server in [&pair.moment, &pair.live] {
        server.sql("postgres", "create database app");
        server.sql("app", EMPTIED);
    }
    pair.live.sql("app", "insert into cache (v) select generate_series(1, 77)");
    let extracted = pair.database("app", "x").await.unwrap();
    assert_eq!((rows_of(&extracted, "public.kept"), rows_of(&extracted, "public.cache")), (Some(3), None));
    assert_eq!(
        extracted.left_out,
        [
            "1 unlogged table is empty (public.cache)",
            "1 unlogged sequence is at its start (public.cache_id_seq)",
            "1 foreign table has its rows on another server (public.far)",
            "1 materialized view was not filled (public.later)"
        ]
    );
    let extracted = pair.tables(&["public.cache", "public.kept"], "back").await.unwrap();
    assert_eq!(extracted.left_out[0], "1 unlogged table is empty (public.cache)");
    assert_eq!(rows_of(&extracted, "back.cache"), None);

    let live = unlogged_in(&pair.conninfo, "app").await.unwrap();
    assert_eq!(live, ["unlogged table public.cache (about 77 rows)", "unlogged sequence public.cache_id_seq"]);
    let outlook = swap_outlook(&pair.conninfo, "app", &names(&["public.cache"])).await.unwrap();
    assert_eq!(outlook.blockers[0].0, "public.cache is unlogged: a backup holds no rows of it");
    // The live one may be an ordinary table by now.
    pair.takes_place = true;
    let error = said(&pair.tables(&["public.cache"], "again").await.unwrap_err());
    assert!(error.starts_with("RK-2091 public.cache is unlogged"), "{error}");
    assert_eq!(pair.live.sql("app", "select to_regnamespace('again') is null"), "t");
}

#[tokio::test]
async fn a_database_that_was_closed_is_let_in_and_closed_again() {
    let mut pair = Pair::of(15);
    pair.moment.sql("postgres", "create database shut");
    pair.moment.sql("shut", "create table t as select 1 as x");
    pair.moment.sql("postgres", "alter database shut allow_connections false connection limit 0");
    let extracted = pair.database("shut", "x").await.unwrap();
    assert_eq!(rows_of(&extracted, "public.t"), Some(1));
    assert_eq!(extracted.left_out, ["database x accepts no connections, as shut did not"]);
    let about = "select datallowconn, datconnlimit from pg_database where datname = ";
    assert_eq!(pair.live.sql("postgres", &format!("{about} 'x'")), "f|0");
    engine::postgres::extract::remove_database(&pair.conninfo, "x").await.unwrap();
    assert_eq!(pair.live.sql("postgres", "select count(*) from pg_database where datname = 'x'"), "0");
    pair.takes_place = true;
    pair.moment.sql("postgres", "alter database shut allow_connections false");
    pair.database("shut", "y").await.unwrap();
    assert_eq!(pair.live.sql("postgres", &format!("{about} 'y'")), "t|0", "those who look at it get in");
}

#[tokio::test]
async fn what_cannot_be_made_is_said_before_a_moment_is_opened() {
    let pair = Pair::of(15);
    let live = &pair.live;
    live.sql("postgres", "create role plain login; create database app");
    live.sql(
        "app",
        "create function no() returns event_trigger language plpgsql as 'begin raise exception ''no DDL on Tuesdays''; end';
         create event trigger tuesdays on ddl_command_start execute function no();
         create event trigger asleep on ddl_command_start execute function no(); alter event trigger asleep disable",
    );
    let plain = conninfo(&format!("postgres://plain@127.0.0.1:{}/postgres", live.port()));
    let into_app = Look::Tables { database: "app", schema: "back" };
    for (as_whom, look, what) in [
        (&pair.conninfo, Look::Database("app"), "already has a database app (name another with --into"),
        (&pair.conninfo, Look::Database(&"ä".repeat(32)), "it has 64 bytes (give one of 1 to 63 bytes with --into)"),
        (&pair.conninfo, Look::Tables { database: "none", schema: "back" }, "no database none (restore the whole"),
        (
            &plain,
            Look::Database("x"),
            "role plain of the live server may not create databases (ALTER ROLE \"plain\" CREATEDB",
        ),
        (&plain, into_app, "may not create schemas in database app (GRANT CREATE ON DATABASE \"app\" TO \"plain\""),
    ] {
        let error = said(&look_before(as_whom, look).await.unwrap_err());
        assert!(error.starts_with("RK-2091") && error.contains(what), "{error}");
    }
    assert_eq!(look_before(&pair.conninfo, Look::Database("x")).await.unwrap(), Vec::<String>::new());
    let found = look_before(&pair.conninfo, into_app).await.unwrap();
    assert_eq!(found, ["event trigger tuesdays of database app"]);
    // Whoever goes on in spite of the warning is told the trigger's name.
    pair.moment.sql("postgres", "create database app");
    pair.moment.sql("app", "create table t as select 1 as x");
    let error = said(&pair.tables(&["public.t"], "back").await.unwrap_err());
    assert!(error.contains("no DDL on Tuesdays") && error.contains("event trigger tuesdays"), "{error}");
    assert!(error.contains("ALTER EVENT TRIGGER … DISABLE"), "{error}");
}

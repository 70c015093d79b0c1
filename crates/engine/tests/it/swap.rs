//! Restored databases and tables put in the place of the live ones, and everything that must not happen then.

use std::time::Duration;

use engine::postgres::extract::{SwappedTables, TableSwap, reopen_database, swap_database, swap_tables};
use engine::postgres::wire::{Connection, Mode};
use testkit::postgres::Server;

use crate::extract::{Pair, names, shops};
use crate::instances::old_and_new;
use crate::wire::conninfo;

fn databases(server: &Server) -> String {
    let about = "select string_agg(concat_ws('/', datname, datallowconn, datconnlimit), ' ' order by datname) \
                 from pg_database where datname like 'app%'";
    server.sql("postgres", about)
}

fn two_databases(server: &Server) {
    server.sql("postgres", "create database app connection limit 30; create database app_then");
    server.sql("app", "create table t as select 'now' as v");
    server.sql("app_then", "create table t as select 'then' as v");
}

#[tokio::test]
async fn a_database_is_swapped_under_its_clients() {
    for major in old_and_new() {
        let server = Server::builder().major(major).start();
        two_databases(&server);
        server.sql("postgres", "create role ann login");
        let live = conninfo(&server.url("app"));
        let url = |database: &str| format!("postgres://ann@127.0.0.1:{}/{database}", server.port());
        let mut client = Connection::connect(&conninfo(&url("app")), Mode::Sql).await.unwrap();
        client.query("begin; select 1").await.unwrap();
        let swapped = swap_database(&live, "app", "app_then", "app_before").await.unwrap();
        assert_eq!((swapped.kept_as.as_str(), swapped.terminated), ("app_before", 1));
        assert!(client.query("select 1").await.is_err());
        assert_eq!(databases(&server), "app/t/30 app_before/t/0");
        assert_eq!(server.sql("app", "select v from t"), "then");
        assert_eq!(server.sql("app_before", "select v from t"), "now", "a superuser may look");
        Connection::connect(&conninfo(&url("app")), Mode::Sql).await.unwrap();
        let refused = Connection::connect(&conninfo(&url("app_before")), Mode::Sql).await.unwrap_err();
        assert_eq!(refused.code(), "RK-2016");
    }
}

#[tokio::test]
async fn a_swap_of_databases_is_refused_before_anybody_is_cut_off() {
    let server = Server::builder().setting("max_prepared_transactions", "2").start();
    two_databases(&server);
    server.sql("postgres", "create database app_before");
    let live = conninfo(&server.url("postgres"));
    let before = databases(&server);
    let long = "x".repeat(64);
    for (database, restored, keep_as, what) in [
        ("app", "app_then", "app_before", "already a database app_before"),
        ("app", "nowhere", "old", "no database nowhere"),
        ("nowhere", "app_then", "old", "no database nowhere"),
        ("app", "app", "old", "with itself"),
        ("template1", "app_then", "old", "template"),
        ("app", "app_then", long.as_str(), "cannot be a name"),
    ] {
        let error = swap_database(&live, database, restored, keep_as).await.unwrap_err();
        assert!(error.code() == "RK-2091" && error.to_string().contains(what), "{error}");
    }
    server.sql("app", "begin; insert into t values ('held'); prepare transaction 'held'");
    let error = swap_database(&live, "app", "app_then", "old").await.unwrap_err();
    assert!(error.to_string().contains("prepared transactions hold the databases: held"), "{error}");
    assert_eq!(databases(&server), before);
}

#[tokio::test]
async fn a_swap_of_databases_that_fails_leaves_all_as_it_was() {
    let server = Server::builder().start();
    two_databases(&server);
    server
        .sql("postgres", "create role owner login; alter database app owner to owner; create role half login createdb");
    let as_user = |user: &str| conninfo(&format!("postgres://{user}@127.0.0.1:{}/postgres", server.port()));
    let before = databases(&server);
    // He may close the first, not the second.
    let error = swap_database(&as_user("owner"), "app", "app_then", "old").await.unwrap_err();
    assert_eq!(error.code(), "RK-2094", "{error}");
    assert_eq!(databases(&server), before);
    // He may close both, and may not rename.
    server.sql("postgres", "alter database app_then owner to owner");
    let error = swap_database(&as_user("owner"), "app", "app_then", "old").await.unwrap_err();
    assert_eq!(error.code(), "RK-2094", "{error}");
    assert_eq!(databases(&server), before);
    // He may do nothing at all.
    let error = swap_database(&as_user("half"), "app", "app_then", "old").await.unwrap_err();
    assert_eq!(error.code(), "RK-2094", "{error}");
    assert_eq!(databases(&server), before);
    // The second rename fails, after the first one.
    server.sql(
        "postgres",
        "alter role owner createdb; alter database app_then owner to postgres; grant postgres to half",
    );
    let error = swap_database(&as_user("owner"), "app", "app_then", "old").await.unwrap_err();
    assert_eq!(error.code(), "RK-2094", "{error}");
    assert_eq!(databases(&server), before);
    assert_eq!(server.sql("app", "select v from t"), "now");
    // As a crash between closing and renaming leaves it.
    server.sql("postgres", "alter database app allow_connections false");
    reopen_database(&conninfo(&server.url("app")), "app").await.unwrap();
    assert_eq!(databases(&server), before);
}

#[tokio::test]
async fn an_extracted_database_takes_the_place_of_the_live_one() {
    let pair = Pair::of(15);
    for (server, rows) in [(&pair.moment, 100), (&pair.live, 3)] {
        server.sql("postgres", "create database app");
        server.sql("app", &format!("create table t as select generate_series(1, {rows}) as x"));
    }
    pair.database("app", "app_then").await.unwrap();
    swap_database(&pair.conninfo, "app", "app_then", "app_before").await.unwrap();
    assert_eq!(pair.live.sql("app", "select count(*) from t"), "100");
    assert_eq!(pair.live.sql("app_before", "select count(*) from t"), "3");
}

async fn swap(pair: &Pair, tables: &[&str]) -> Result<SwappedTables, engine::Error> {
    let tables = &names(tables);
    let what = TableSwap { database: "app", tables, from: "back", suffix: "monday", made: &[], takes_back: false };
    swap_tables(&pair.conninfo, &what).await
}

/// Tables and where they are, rows, owners, rights.
fn state(pair: &Pair) -> String {
    pair.live.sql(
        "app",
        "select c.oid::regclass, c.relowner::regrole, c.relacl, (select array_agg(attacl::text order by attname) from pg_attribute where attrelid = c.oid and attacl is not null) \
         from pg_class c where relnamespace::regnamespace::text not like 'pg_%' and relnamespace::regnamespace::text <> 'information_schema' order by c.oid; \
         select nspname from pg_namespace order by 1",
    )
}

const BOTH: &[&str] = &["shop.\"Orders\"", "shop.items"];

#[tokio::test]
async fn tables_are_swapped_with_the_rights_of_today() {
    for major in old_and_new() {
        let pair = shops(major);
        pair.tables(&["shop.\"Orders\"", "shop.items", "shop.log"], "back").await.unwrap();
        pair.live.sql(
            "app",
            "drop view shop.seen; drop publication pub; create role app; create role auditor; alter table shop.items owner to app;
             grant select (id) on shop.items to auditor; revoke all on shop.\"Orders\" from reader; grant insert on shop.\"Orders\" to app;
             grant usage on sequence shop.items_id_seq to auditor; create index by_at on shop.items (at)",
        );
        let swapped = swap(&pair, &["shop.\"Orders\"", "shop.items", "shop.log"]).await.unwrap();
        assert_eq!(swapped.kept_in, ["shop_before_monday"]);
        assert_eq!(swapped.not_there.len(), 2, "{swapped:?}");
        assert!(swapped.not_there[0].contains("of_customer FOREIGN KEY"), "{swapped:?}");
        assert!(swapped.not_there[1].contains("CREATE INDEX by_at"), "{swapped:?}");
        let sql = |text: &str| pair.live.sql("app", text);
        let counts = |schema: &str| {
            let counts =
                ["\"Orders\"", "items", "log"].map(|table| sql(&format!("select count(*) from {schema}.{table}")));
            counts.join(" ")
        };
        assert_eq!((counts("shop"), counts("shop_before_monday")), ("300 300 1".into(), "100 100 0".into()));
        let rights = |schema: &str| {
            sql(&format!(
                "select relname, relowner::regrole, (select array_agg(a::text order by a::text) from unnest(coalesce(relacl, acldefault('r', relowner))) a), \
                 (select array_agg(attacl::text order by attname) from pg_attribute where attrelid = c.oid and attacl is not null) \
                 from pg_class c where relnamespace = '{schema}'::regnamespace and relkind in ('r', 'p') and relname <> 'customers' order by 1"
            ))
        };
        assert_eq!(rights("shop").replace(",NULL", ""), rights("shop_before_monday"));
        assert_eq!(sql("select has_sequence_privilege('auditor', 'shop.items_id_seq', 'usage')"), "t");
        assert_eq!(sql("insert into shop.items (\"order\") values (300) returning id"), "301");
        assert_eq!(sql("select count(*) from pg_class where relnamespace = 'back'::regnamespace"), "0");
        // What was told can be put back as it was told.
        for statement in &swapped.not_there {
            sql(statement);
        }
    }
}

#[tokio::test]
async fn tables_that_others_refer_to_are_not_swapped() {
    for major in old_and_new() {
        let pair = shops(major);
        pair.tables(&["shop.\"Orders\"", "shop.items"], "back").await.unwrap();
        pair.live.sql(
            "app",
            "create table shop.bills (\"order\" int references shop.\"Orders\", whole shop.items);
             create materialized view shop.m as select id from shop.\"Orders\";
             create table shop.counted (n int default nextval('shop.items_id_seq'));
             create function shop.of(x shop.items) returns int language sql as 'select 1'; create publication everything for all tables;
             create function shop.body() returns bigint language sql begin atomic select count(*) from shop.items; end;
             alter table shop.items enable row level security",
        );
        let before = state(&pair);
        let error = swap(&pair, BOTH).await.unwrap_err();
        assert_eq!(error.code(), "RK-2091");
        let text = error.to_string();
        for what in [
            "view shop.seen",
            "materialized view shop.m",
            "constraint bills_order_fkey on table shop.bills",
            "column whole of table shop.bills",
            "default value for column n of table shop.counted",
            "function shop.of(shop.items)",
            "function shop.body()",
            "publication everything of shop.Orders",
            "publication pub of shop.items",
            "row security of items",
        ] {
            assert!(text.contains(what), "{what} is not in: {text}");
        }
        assert_eq!(text.matches("publication pub").count(), 1, "{text}");
        assert!(!text.contains("touched") && !text.contains("_pkey") && !text.contains("toast"), "{text}");
        assert!(error.hint().unwrap().contains("schema back"));
        assert_eq!(state(&pair), before);
        // One of the two alone is held by the key of the other.
        let error = swap(&pair, &["shop.\"Orders\""]).await.unwrap_err();
        assert!(error.to_string().contains("items_order_fkey"), "{error}");
    }
}

#[tokio::test]
async fn a_swap_of_tables_that_fails_leaves_all_as_it_was() {
    let pair = shops(15);
    pair.tables(&["shop.\"Orders\"", "shop.items"], "back").await.unwrap();
    pair.live.sql("app", "drop view shop.seen; drop publication pub");
    let before = state(&pair);
    let error = swap(&pair, &["shop.customers"]).await.unwrap_err();
    assert!(error.code() == "RK-2091" && error.to_string().contains("no table back.customers"), "{error}");
    // Somebody holds a table for longer than the swap waits.
    let mut holder = Connection::connect(&conninfo(&pair.live.url("app")), Mode::Sql).await.unwrap();
    holder.query("begin").await.unwrap();
    holder.query("lock table shop.items in access share mode").await.unwrap();
    let error = swap(&pair, BOTH).await.unwrap_err();
    assert_eq!((error.code(), error.hint().is_some()), ("RK-2094", true), "{error}");
    holder.query("rollback").await.unwrap();
    assert_eq!(state(&pair), before);
    // A name is taken only where the restored table shall go, seen after the old ones were moved.
    pair.live.sql("app", "alter index back.items_pkey rename to clash; create table shop.clash (x int)");
    let before = state(&pair);
    let error = swap(&pair, BOTH).await.unwrap_err();
    assert_eq!(error.code(), "RK-2094", "{error}");
    assert_eq!(state(&pair), before);
    pair.live.sql("app", "create schema shop_before_monday");
    let error = swap(&pair, BOTH).await.unwrap_err();
    assert!(error.to_string().contains("already a schema shop_before_monday"), "{error}");
    tokio::time::timeout(Duration::from_secs(5), holder.query("select 1 from shop.items")).await.unwrap().unwrap();
}

//! What works in a database and not in its dump, whose search path is empty: tried once more under the database's own.

use testkit::postgres::Server;

use crate::extract::{Pair, rows_of, said};

/// Functions that name things without their schema, in an index, a check, a materialized view, and an index of a partitioned table.
fn make(server: &Server, path: &str) {
    server.sql("postgres", &format!("create role seller; create database app owner seller; {path}"));
    server.sql(
        "app",
        "create schema shop; set search_path = shop;
         create table cust (id int primary key, name text); insert into cust select g, 'N' || g from generate_series(1, 50) g;
         create function norm(text) returns text immutable language sql as 'select lower($1)';
         create function norm2(text) returns text immutable language plpgsql as 'begin return norm($1); end';
         create index cust_norm on cust (norm2(name));
         create table checked (id int primary key, name text check (norm2(name) <> 'nobody')); insert into checked select * from cust;
         create table noted (what text);
         create function note() returns trigger language plpgsql as
             'begin insert into shop.noted values (new.name); new.name := ''changed''; return new; end';
         create trigger note before insert on checked for each row execute function note();
         create table parted (id int, name text) partition by range (id);
         create table parted_1 partition of parted for values from (1) to (99); insert into parted select * from cust;
         create index on parted (norm2(name));
         create materialized view names as select norm2(name) as name from cust;
         alter table checked owner to seller",
    );
}

#[tokio::test]
async fn what_needs_the_search_path_of_the_database_is_made() {
    for path in [
        "alter database app set search_path = shop, public",
        "alter role seller in database app set search_path = \"$user\", shop",
        "alter role seller set search_path = shop",
    ] {
        let pair = Pair::of(15);
        make(&pair.moment, path);
        let extracted = pair.database("app", "x").await.unwrap();
        assert_eq!(extracted.attention, Vec::<String>::new(), "{path}");
        let rows = ["checked", "names", "parted_1"].map(|table| rows_of(&extracted, &format!("shop.{table}")));
        assert_eq!(rows, [Some(50), Some(50), Some(50)], "{path}");
        for text in [
            "select relname, relkind, relowner::regrole from pg_class where relnamespace = 'shop'::regnamespace order by 1",
            "select indexrelid::regclass, indisvalid from pg_index where indrelid in (select oid from pg_class where relnamespace = 'shop'::regnamespace) order by 1",
            "select conname, convalidated from pg_constraint where connamespace = 'shop'::regnamespace order by 1",
            "select sum(hashtext(name)), count(*) from shop.checked",
            "select count(*) from shop.noted",
        ] {
            assert_eq!(pair.live.sql("x", text), pair.moment.sql("app", text), "{path}: {text}");
        }
    }
}

#[tokio::test]
async fn what_no_search_path_helps_needs_attention_and_only_lost_rows_are_an_error() {
    let pair = Pair::of(15);
    make(&pair.moment, "alter database app set search_path = shop");
    // Only here: no path finds it.
    pair.moment.sql(
        "app",
        "create function shop.here(text) returns text immutable language plpgsql as
             'begin if current_database() <> ''app'' then raise exception ''not here''; end if; return $1; end';
         create index only_here on shop.cust (shop.here(name))",
    );
    let extracted = pair.database("app", "x").await.unwrap();
    assert_eq!(rows_of(&extracted, "shop.checked"), Some(50));
    assert_eq!(
        extracted.attention,
        ["not here [INDEX shop only_here postgres]", "index shop.only_here is missing"],
        "one of many"
    );
    pair.moment
        .sql("app", "create table shop.picky (n text check (shop.here(n) <> '')); insert into shop.picky values ('a')");
    let error = said(&pair.database("app", "y").await.unwrap_err());
    assert!(error.starts_with("RK-2093") && error.contains("shop.picky has 0 rows, and 1 were there"), "{error}");
}

#[tokio::test]
async fn tables_are_made_under_the_search_path_as_well() {
    let pair = Pair::of(15);
    make(&pair.moment, "alter database app set search_path = shop");
    make(&pair.live, "alter database app set search_path = shop");
    let extracted = pair.tables(&["shop.cust", "shop.checked"], "back").await.unwrap();
    assert_eq!(extracted.attention, Vec::<String>::new());
    assert_eq!(rows_of(&extracted, "back.checked"), Some(50));
    assert_eq!(pair.live.sql("app", "select to_regclass('back.cust_norm') is not null"), "t");
    assert_eq!(pair.live.sql("app", "select count(*) from shop.noted"), "50", "no trigger fired for what came back");
}

//! What was dropped is put back in its place, and taken back again; what took its place meanwhile is never touched.

use engine::postgres::extract::{
    TableSwap, database_oid, enable_subscriptions, placed, rename_database, swap_database, swap_outlook, swap_tables,
    take_tables_back,
};
use testkit::postgres::Server;

use crate::extract::{Pair, names, shops};
use crate::instances::old_and_new;
use crate::wire::conninfo;

const THREE: &[&str] = &["shop.\"Orders\"", "shop.items", "shop.log"];

#[tokio::test]
async fn a_dropped_table_is_put_back_with_all_that_is_its_own() {
    for major in old_and_new() {
        let mut pair = shops(major);
        pair.takes_place = true;
        pair.live.sql("app", "drop table shop.log cascade; drop table shop.\"Orders\" cascade; drop view shop.seen; drop publication pub");
        let tables = names(THREE);
        let outlook = swap_outlook(&pair.conninfo, "app", &tables).await.unwrap();
        let absent: Vec<String> = outlook.absent.iter().map(|(table, _)| table.to_string()).collect();
        assert_eq!((absent.join(" "), outlook.blockers.len()), ("shop.Orders shop.log".into(), 0));
        assert!(outlook.absent[0].1.contains(&"shop.items".to_owned()));
        let extracted = pair.tables(THREE, "back").await.unwrap();
        let made = &extracted.made.tables;
        assert!(placed(&pair.conninfo, "app", &tables, made).await.unwrap().is_empty());
        let what =
            TableSwap { database: "app", tables: &tables, from: "back", suffix: "monday", made, takes_back: false };
        let swapped = swap_tables(&pair.conninfo, &what).await.unwrap();
        assert_eq!((swapped.kept_in, swapped.schemas_made), (vec!["shop_before_monday".to_owned()], vec![]));
        let about = "select relname, relkind, relowner::regrole, relacl from pg_class where relnamespace = 'shop'::regnamespace \
                     and relname ~ 'Orders|items|log' order by 1";
        assert_eq!(pair.live.sql("app", about), pair.moment.sql("app", about));
        let counts = "select (select count(*) from shop.\"Orders\"), (select count(*) from shop.items), (select count(*) from shop.log)";
        assert_eq!(pair.live.sql("app", counts), "300|300|1");
        assert_eq!(pair.live.sql("app", "insert into shop.\"Orders\" (customer) values (1) returning id"), "301");

        let at = placed(&pair.conninfo, "app", &tables, made).await.unwrap();
        assert_eq!(at.len(), 3, "all are where they were");
        let back = take_tables_back(&pair.conninfo, "app", &tables, made, "monday", "undone_monday").await.unwrap();
        assert_eq!(back[0].kept_in, ["shop_before_undone_monday"]);
        assert_eq!(
            pair.live.sql("app", "select to_regclass('shop.\"Orders\"') is null, to_regclass('shop.log') is null"),
            "t|t"
        );
        assert_eq!(pair.live.sql("app", "select count(*) from shop.items"), "100", "the live one of before");
        assert_eq!(pair.live.sql("app", "select count(*) from shop_before_undone_monday.\"Orders\""), "301");
        let again = take_tables_back(&pair.conninfo, "app", &tables, made, "monday", "undone_monday").await.unwrap();
        assert!(again.is_empty(), "twice is as good as once");
    }
}

#[tokio::test]
async fn a_schema_that_is_gone_is_made_and_a_table_of_others_is_left_alone() {
    let mut pair = shops(15);
    pair.takes_place = true;
    pair.moment.sql("app", "create role keeper; create schema parts; alter table shop.log_1 set schema parts; alter table shop.log owner to keeper");
    pair.live.sql("app", "drop schema shop cascade");
    let tables = names(&["shop.log"]);
    let extracted = pair.tables(&["shop.log"], "back").await.unwrap();
    let made = &extracted.made.tables;
    let what = TableSwap { database: "app", tables: &tables, from: "back", suffix: "monday", made, takes_back: false };
    let swapped = swap_tables(&pair.conninfo, &what).await.unwrap();
    assert_eq!((swapped.kept_in.len(), swapped.schemas_made), (0, vec!["parts".to_owned(), "shop".to_owned()]));
    assert_eq!(pair.live.sql("app", "select count(*) from parts.log_1"), "1");
    assert_eq!(pair.live.sql("app", "select nspowner::regrole from pg_namespace where nspname = 'shop'"), "keeper");
    // Somebody has dropped it since, and made another.
    pair.live.sql("app", "drop table shop.log cascade; create table shop.log as select 1 as theirs");
    let back = take_tables_back(&pair.conninfo, "app", &tables, made, "monday", "undone_monday").await.unwrap();
    assert!(back.is_empty());
    assert_eq!(pair.live.sql("app", "select theirs from shop.log"), "1");
}

#[tokio::test]
async fn what_a_cascade_took_along_is_named() {
    let mut pair = shops(15);
    pair.takes_place = true;
    pair.live.sql("app", "drop table shop.items cascade");
    let extracted = pair.tables(&["shop.items"], "back").await.unwrap();
    let told = "view shop.seen referred to what was dropped: it is not brought back";
    assert!(extracted.left_out.iter().any(|left| left == told), "{:?}", extracted.left_out);
    pair.live.sql("app", "create publication everything for all tables");
    let outlook = swap_outlook(&pair.conninfo, "app", &names(&["shop.items"])).await.unwrap();
    assert_eq!(outlook.blockers.len(), 1, "{outlook:?}");
    assert!(outlook.blockers[0].0.contains("publication everything"), "{outlook:?}");
}

#[tokio::test]
async fn a_dropped_database_gets_its_name_back_and_gives_it_up_again() {
    let pair = Pair::of(15);
    let long = "n".repeat(63);
    pair.moment.sql("postgres", &format!("create database {long} connection limit 5"));
    pair.moment.sql(&long, "create table t as select 1 as x");
    let oid = pair.database(&long, "staged").await.unwrap().made.database;
    assert_eq!(database_oid(&pair.conninfo, "staged").await.unwrap(), Some(oid));
    let rename = |from: &str, to: &str, closed| {
        let (live, from, to) = (pair.conninfo.clone(), from.to_owned(), to.to_owned());
        async move { rename_database(&live, oid, &from, &to, closed).await }
    };
    assert!(rename("staged", "postgres", false).await.is_err(), "the name is taken");
    assert!(rename("staged", &long, false).await.unwrap());
    let about = "select datname, datallowconn, datconnlimit from pg_database where datname ~ 'nnn|aside|staged'";
    assert_eq!(pair.live.sql("postgres", about), format!("{long}|t|5"));
    assert!(rename(&long, "aside", true).await.unwrap());
    assert_eq!(pair.live.sql("postgres", about), "aside|t|0");
    assert!(!rename(&long, "aside2", true).await.unwrap(), "nothing is there");
    // A database of others has the name by now.
    pair.live.sql("postgres", &format!("create database {long}"));
    assert!(!rename(&long, "aside2", true).await.unwrap());
}

#[tokio::test]
async fn the_old_database_stops_receiving_and_goes_on_when_it_is_back() {
    let server = Server::builder().setting("wal_level", "logical").start();
    server.sql("postgres", "create database app; create database app_then");
    server.sql(
        "app",
        "create subscription off connection 'host=nowhere' publication p with (connect = false, slot_name = 'two');
        create subscription \"On\" connection 'host=nowhere' publication p with (connect = false, slot_name = 'one');
        alter subscription \"On\" enable",
    );
    let live = conninfo(&server.url("postgres"));
    let swapped = swap_database(&live, "app", "app_then", "app_before").await.unwrap();
    let told: Vec<_> = swapped.disabled.iter().map(|one| (one.name.as_str(), one.slot.as_deref())).collect();
    assert_eq!(told, [("On", Some("one"))]);
    let enabled = "select subname, subenabled from pg_subscription order by 1";
    assert_eq!(server.sql("app_before", enabled), "On|f\noff|f");
    swap_database(&live, "app", "app_before", "app_undone").await.unwrap();
    enable_subscriptions(&live, "app", &swapped.disabled).await.unwrap();
    assert_eq!(server.sql("app", enabled), "On|t\noff|f");
    // A swap that fails leaves it as it was.
    server.sql("postgres", "create role half login createdb; alter database app_undone owner to half");
    let half = conninfo(&format!("postgres://half@127.0.0.1:{}/postgres", server.port()));
    swap_database(&half, "app", "app_undone", "other").await.unwrap_err();
    assert_eq!(server.sql("app", enabled), "On|t\noff|f");
}

//! Databases and tables put beside the live ones, between two real servers: one is the moment, the other is live.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Mutex;

use engine::Error;
use engine::postgres::extract::{Extracted, Extraction, TableName, extract_database, extract_tables};
use engine::postgres::instance::Instance;
use engine::postgres::wire::Conninfo;
use testkit::postgres::Server;
use vault::Env;
use vault::backup::tree::Progress;

use crate::instances::{instance_of, old_and_new};
use crate::wire::conninfo;

/// The moment and the live server, and what is needed to go from one to the other.
pub(crate) struct Pair {
    pub(crate) moment: Server,
    pub(crate) live: Server,
    pub(crate) instance: Instance,
    pub(crate) conninfo: Conninfo,
    workdir: tempfile::TempDir,
    env: Env,
    progress: Progress,
    /// What is restored is to take the place of what is live.
    pub(crate) takes_place: bool,
    /// Cancels the work as this part of it begins.
    cancel_at: Mutex<Option<&'static str>>,
}

impl Pair {
    pub(crate) fn of(major: u32) -> Pair {
        Pair::new(Server::builder().major(major).start(), Server::builder().major(major).start())
    }

    pub(crate) fn new(moment: Server, live: Server) -> Pair {
        let workdir = tempfile::tempdir().unwrap();
        fs::set_permissions(workdir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let (instance, conninfo) = (instance_of(&moment), conninfo(&live.url("postgres")));
        Pair {
            moment,
            live,
            instance,
            conninfo,
            workdir,
            env: Env::system(),
            progress: Progress::default(),
            takes_place: false,
            cancel_at: Mutex::default(),
        }
    }

    fn at<'a>(&'a self, steps: &'a (dyn Fn(&str) + Send + Sync)) -> Extraction<'a> {
        Extraction {
            instance: &self.instance,
            live: &self.conninfo,
            jobs: 2,
            workdir: self.workdir.path(),
            env: &self.env,
            progress: &self.progress,
            steps,
            takes_place: self.takes_place,
        }
    }

    fn step(&self, name: &str) {
        if *self.cancel_at.lock().unwrap() == Some(name) {
            self.progress.cancel();
        }
    }

    pub(crate) async fn database(&self, database: &str, into: &str) -> Result<Extracted, Error> {
        let done = extract_database(&self.at(&|step| self.step(step)), database, into).await;
        assert_eq!(fs::read_dir(self.workdir.path()).unwrap().count(), 0, "the dump is removed");
        done
    }

    pub(crate) async fn tables(&self, tables: &[&str], into: &str) -> Result<Extracted, Error> {
        let tables = names(tables);
        let done = extract_tables(&self.at(&|step| self.step(step)), "app", &tables, into).await;
        assert_eq!(fs::read_dir(self.workdir.path()).unwrap().count(), 0, "the dump is removed");
        done
    }

    /// The same answer on both sides.
    fn same(&self, database: &str, into: &str, text: &str) {
        assert_eq!(self.live.sql(into, text), self.moment.sql(database, text), "{text}");
    }
}

pub(crate) fn names(tables: &[&str]) -> Vec<TableName> {
    tables.iter().map(|table| TableName::parse(table).unwrap()).collect()
}

pub(crate) fn rows_of(extracted: &Extracted, table: &str) -> Option<u64> {
    extracted.tables.iter().find(|rows| rows.name == table).map(|rows| rows.rows)
}

pub(crate) fn said(error: &Error) -> String {
    format!("{} {error} ({})", error.code(), error.hint().unwrap_or_default())
}

const RICH: &str = r#"
    create extension citext; create extension pg_trgm;
    create schema "My App" authorization seller;
    create table "My App"."Or""ders" (id int generated always as identity primary key, who citext, at timestamptz default now());
    insert into "My App"."Or""ders" (who) select 'w' || g from generate_series(1, 500) g;
    alter table "My App"."Or""ders" owner to seller;
    grant select on "My App"."Or""ders" to reader; grant usage on schema "My App" to reader;
    comment on table "My App"."Or""ders" is 'it''s "the" one';
    create table lines (id bigserial primary key, note text check (note <> '')); create index on lines using gin (note gin_trgm_ops);
    insert into lines (note) values ('one'), ('two'), ('thr' || chr(9) || 'ee');
    create table parted (at date, v int) partition by range (at);
    create table parted_1 partition of parted for values from ('2024-01-01') to ('2025-01-01');
    insert into parted values ('2024-05-05', 1), ('2024-06-06', 2);
    create view v as select count(*) as n from lines; create materialized view m as select * from lines;
    select setval('lines_id_seq', 77, false);
    select lo_from_bytea(0, 'large one'), lo_from_bytea(0, 'large two');
    create publication pub for table lines;
    create function f() returns int language sql as 'select 1'; alter table lines enable row level security;
    create policy p on lines for select to reader using (id < 10);"#;

fn make_rich(server: &Server) {
    server.sql(
        "postgres",
        "create role seller login password 'secret' connection limit 7; create role reader; create role boss superuser;
         grant reader to seller; create database app owner seller connection limit 9;
         comment on database app is 'the one'; alter database app set search_path = \"$user\", \"My App\", public;
         alter database app set work_mem = '7MB'; alter role seller in database app set statement_timeout = '5s';
         revoke connect on database app from public; grant connect on database app to reader",
    );
    server.sql("app", RICH);
}

#[tokio::test]
async fn a_whole_database_comes_back_beside() {
    for major in old_and_new() {
        let pair = Pair::of(major);
        make_rich(&pair.moment);
        pair.live.sql("postgres", "create role reader; create database app");
        pair.live.sql("app", "create table t (x int); insert into t values (1)");
        let extracted = pair.database("app", "app then").await.unwrap();
        assert_eq!(extracted.roles_created, ["seller"]);
        assert_eq!(extracted.left_out, ["role seller was a member of reader"]);
        // Up to 14 the server's own words are shown.
        let known = |what: &String| what.starts_with("WARNING:  wal_level");
        assert!(extracted.harmless.iter().all(known), "{extracted:?}");
        assert_eq!(rows_of(&extracted, "\"My App\".\"Or\"\"ders\""), Some(500));
        assert_eq!(
            (rows_of(&extracted, "\"My App\".parted_1"), rows_of(&extracted, "\"My App\".m")),
            (Some(2), Some(3))
        );
        assert!(extracted.bytes > 1000 && extracted.durations.0.last().unwrap().0 == "total");
        for text in [
            "select relname, relkind, pg_get_userbyid(relowner), relacl from pg_class where relnamespace >= 2200 and relname not like 'pg_toast%' and relname not in (select conname from pg_constraint) order by 1",
            "select last_value, is_called from lines_id_seq",
            "select string_agg(convert_from(lo_get(oid), 'utf8'), ',' order by 1) from (select oid from pg_largeobject_metadata order by oid) x",
            "select pubname, tablename from pg_publication_tables",
            "select extname, extversion from pg_extension order by 1",
            "select obj_description('\"My App\".\"Or\"\"ders\"'::regclass)",
            "select polname, polroles::regrole[] from pg_policy",
            "show search_path",
            "show work_mem",
            "select unnest(setconfig) from pg_db_role_setting where setrole <> 0",
        ] {
            pair.same("app", "app then", text);
        }
        let about = "select encoding, datcollate, datctype, pg_get_userbyid(datdba), datconnlimit, (select array_agg(a::text order by a::text) from unnest(datacl) a), shobj_description(oid, 'pg_database') from pg_database where datname = ";
        let [then, now] = [(&pair.moment, "app"), (&pair.live, "app then")]
            .map(|(server, name)| server.sql("postgres", &format!("{about} '{name}'")));
        assert_eq!(now, then);
        let role = "select rolcanlogin, rolpassword is null, rolconnlimit from pg_authid where rolname = 'seller'";
        assert_eq!(pair.live.sql("postgres", role), "f|t|7");
        assert_eq!(pair.live.sql("app", "select x from t"), "1", "the live one is as it was");
        assert_eq!(pair.live.sql("postgres", "select count(*) from pg_roles where rolname = 'boss'"), "0");
    }
}

fn databases(server: &Server) -> String {
    server.sql("postgres", "select string_agg(datname, ',' order by datname) from pg_database where not datistemplate")
}

#[tokio::test]
async fn what_cannot_be_done_is_refused_before_anything_is_made() {
    let pair = Pair::of(15);
    pair.moment.sql("postgres", "create database app; create database other");
    pair.live.sql("postgres", "create database taken");
    let error = said(&pair.database("nowhere", "x").await.unwrap_err());
    assert!(error.starts_with("RK-2091") && error.contains("there were: app, other, postgres"), "{error}");
    let error = said(&pair.database("app", "taken").await.unwrap_err());
    assert!(error.contains("already has a database taken"), "{error}");
    let error = said(&pair.database("app", &"x".repeat(64)).await.unwrap_err());
    assert!(error.contains("1 to 63 bytes"), "{error}");
    // The live server cannot load what this needs.
    pair.moment.sql("app", "update pg_extension set extname = 'not_there' where extname = 'plpgsql'");
    let error = said(&pair.database("app", "x").await.unwrap_err());
    assert!(error.contains("does not offer the extensions not_there"), "{error}");
    assert_eq!(databases(&pair.live), "postgres,taken");
}

#[tokio::test]
async fn an_older_live_server_is_refused() {
    let Some(newer) = old_and_new().find(|major| *major > 15) else { return };
    let pair = Pair::new(Server::builder().major(newer).start(), Server::builder().start());
    let error = said(&pair.database("postgres", "x").await.unwrap_err());
    assert!(error.starts_with("RK-2091") && error.contains("into an older one"), "{error}");
    let pair = Pair::new(Server::builder().start(), Server::builder().major(newer).start());
    pair.moment.sql("postgres", "create table t as select 1 as x");
    assert_eq!(rows_of(&pair.database("postgres", "x").await.unwrap(), "public.t"), Some(1));
}

#[tokio::test]
async fn nothing_stays_when_a_program_fails() {
    let pair = Pair::of(15);
    make_rich(&pair.moment);
    pair.progress.cancel();
    assert_eq!(pair.database("app", "x").await.unwrap_err().code(), "RK-1040");
    let mut pair = pair;
    pair.progress = Progress::default();
    *pair.cancel_at.lock().unwrap() = Some("restore");
    assert_eq!(pair.database("app", "x").await.unwrap_err().code(), "RK-1040");
    assert_eq!(databases(&pair.live), "postgres");
    assert_eq!(pair.live.sql("postgres", "select count(*) from pg_roles where rolname in ('seller', 'reader')"), "0");
    // This user may make roles and databases, and may not read what the dump needs of him.
    pair.progress = Progress::default();
    pair.live.sql("postgres", "create role maker login createdb createrole");
    pair.conninfo = conninfo(&format!("postgres://maker@127.0.0.1:{}/postgres", pair.live.port()));
    assert_eq!(pair.database("app", "x").await.unwrap_err().code(), "RK-2018");
    assert_eq!(databases(&pair.live), "postgres");
    assert_eq!(pair.live.sql("postgres", "select count(*) from pg_roles where rolname in ('seller', 'reader')"), "0");
}

#[tokio::test]
async fn lost_data_is_an_error_and_stays_for_inspection() {
    let pair = Pair::of(15);
    pair.moment.sql("postgres", "create database app");
    // A check that the dump's own rows do not pass, as after a function was made stricter.
    pair.moment.sql(
        "app",
        "create table good as select 1 as x;
         create function fine(x int) returns bool immutable language plpgsql as 'begin return true; end';
         create table bad (x int check (public.fine(x))); insert into bad values (1), (2);
         create or replace function fine(x int) returns bool immutable language plpgsql as 'begin return x < 2; end'",
    );
    let error = pair.database("app", "x").await.unwrap_err();
    let text = said(&error);
    assert_eq!(error.code(), "RK-2093");
    assert!(text.contains("COPY failed for table \"bad\"") && text.contains("public.bad has 0 rows, and 2"), "{text}");
    assert!(text.contains("database x is left"), "{text}");
    assert_eq!(pair.live.sql("x", "select x from good"), "1");
}

#[tokio::test]
async fn the_password_is_found_and_subscriptions_lose_their_slots() {
    let live = Server::builder().hba("host all all 127.0.0.1/32 scram-sha-256").start();
    let mut pair = Pair::new(Server::builder().setting("wal_level", "logical").start(), live);
    pair.live.sql("postgres", "create role chief superuser login password 'p w''d'");
    pair.conninfo = conninfo(&format!("postgres://chief:p%20w'd@127.0.0.1:{}/postgres", pair.live.port()));
    pair.moment.sql(
        "postgres",
        "create subscription s connection 'host=nowhere' publication p with (connect = false, slot_name = 'theirs')",
    );
    let extracted = pair.database("postgres", "x").await.unwrap();
    assert_eq!(extracted.left_out, ["subscription s: it is disabled and was parted from its slot theirs"]);
    let state = "select subenabled, subslotname is null from pg_subscription";
    assert_eq!(pair.live.sql("x", state), "f|t");
}

#[tokio::test]
async fn names_may_have_anything_in_them() {
    let pair = Pair::of(15);
    let name = r#"host=x 'a"b\c"#;
    let quoted = name.replace('"', "\"\"");
    pair.moment
        .sql("postgres", &format!("create role \"o'\"\"=\\\"; create database \"{quoted}\" owner \"o'\"\"=\\\""));
    let socket = pair.moment.socket_dir().display().to_string();
    let port = pair.moment.port().to_string();
    let target = format!("dbname='{}'", name.replace('\\', "\\\\").replace('\'', "\\'"));
    let table = "create schema \"a.b\"; create table \"a.b\".\"T \"\"x\" as select 1 as x";
    pair.moment.tool_ok("psql", &["-h", &socket, "-p", &port, "-U", "postgres", "-d", &target, "-c", table]);
    let into = format!("{name} then");
    let extracted = pair.database(name, &into).await.unwrap();
    assert_eq!(rows_of(&extracted, "\"a.b\".\"T \"\"x\""), Some(1));
    assert_eq!(extracted.roles_created, ["o'\"=\\"]);
}

#[tokio::test]
async fn a_locale_of_icu_is_kept() {
    let pair = Pair::of(15);
    if pair.moment.sql("postgres", "select count(*) from pg_collation where collprovider = 'i'") == "0" {
        return;
    }
    pair.moment.sql(
        "postgres",
        "create database app template template0 locale_provider icu icu_locale 'de-AT' encoding 'UTF8'",
    );
    pair.database("app", "x").await.unwrap();
    let about = "select datlocprovider, daticulocale from pg_database where datname = ";
    assert_eq!(pair.live.sql("postgres", &format!("{about} 'x'")), "i|de-AT");
}

const SHOP: &str = "
    create schema shop; create table shop.customers (id int primary key);
    create function shop.touch() returns trigger language plpgsql as 'begin return new; end';
    create function shop.gone() returns trigger language plpgsql as 'begin return new; end';
    create table shop.\"Orders\" (id int generated by default as identity primary key, customer int not null
        constraint of_customer references shop.customers, total numeric);
    create table shop.items (id serial primary key, \"order\" int references shop.\"Orders\", at date);
    comment on constraint of_customer on shop.\"Orders\" is 'whose';
    create trigger touched before update on shop.\"Orders\" for each row execute function shop.touch();
    create trigger vanished before update on shop.\"Orders\" for each row execute function shop.gone();
    create publication pub for table shop.items; create statistics shop.st on customer, total from shop.\"Orders\";
    insert into shop.customers select generate_series(1, 9);
    insert into shop.\"Orders\" (customer, total) select 1 + g % 9, g from generate_series(1, 300) g;
    insert into shop.items (\"order\") select generate_series(1, 300);
    create table shop.log (at date, v int) partition by range (at);
    create table shop.log_1 partition of shop.log for values from ('2024-01-01') to ('2025-01-01');
    insert into shop.log values ('2024-02-02', 1); create index on shop.log (v);
    create view shop.seen as select * from shop.items;
    grant select on shop.\"Orders\" to reader; grant update (total) on shop.\"Orders\" to reader";

/// The shop on both sides; since the moment the live one has lost orders, and the function of a trigger.
pub(crate) fn shops(major: u32) -> Pair {
    let pair = Pair::of(major);
    for server in [&pair.moment, &pair.live] {
        server.sql("postgres", "create role reader; create database app");
        server.sql("app", SHOP);
    }
    pair.live.sql(
        "app",
        "drop trigger vanished on shop.\"Orders\"; drop function shop.gone(); delete from shop.items where id > 100;
         delete from shop.\"Orders\" where id > 100; delete from shop.log",
    );
    pair
}

#[tokio::test]
async fn tables_come_back_in_a_schema_of_their_own() {
    for major in old_and_new() {
        let pair = shops(major);
        pair.moment.sql("app", "create schema back; create table back.other as select 1 as x");
        let extracted = pair.tables(&["shop.\"Orders\"", "shop.items", "shop.log"], "back").await.unwrap();
        let rows = ["\"Orders\"", "items", "log_1"].map(|table| rows_of(&extracted, &format!("back.{table}")));
        assert_eq!(rows, [Some(300), Some(300), Some(1)]);
        let left: Vec<&str> = extracted.left_out.iter().map(|what| what.split([':', ',']).next().unwrap()).collect();
        assert_eq!(left, ["foreign key", "statistics", "trigger", "membership in publication pub"]);
        assert!(extracted.left_out[0].contains("ALTER TABLE shop.\"Orders\" ADD CONSTRAINT of_customer FOREIGN KEY"));
        let sql = |text: &str| pair.live.sql("app", text);
        assert_eq!(sql("select last_value from back.\"Orders_id_seq\""), "300");
        assert_eq!(
            sql("select tgname from pg_trigger where tgrelid = 'back.\"Orders\"'::regclass and not tgisinternal"),
            "touched"
        );
        let keys = "select conrelid::regclass, confrelid::regclass from pg_constraint where contype = 'f' and connamespace = 'back'::regnamespace";
        assert_eq!(sql(keys), "back.items|back.\"Orders\"");
        assert_eq!(sql("insert into back.items (at) values (now()) returning id"), "301");
        assert_eq!(sql("select count(*) from shop.\"Orders\""), "100");
        assert_eq!(sql("select tablename from pg_publication_tables"), "items");
        pair.moment.sql("app", "select * from shop.\"Orders\", shop.items, shop.log limit 1");
        assert_eq!(pair.moment.sql("app", "select x from back.other"), "1", "the instance is as it was");
        let again = said(&pair.tables(&["shop.items"], "back").await.unwrap_err());
        assert!(again.contains("schema back of the live database already has items"), "{again}");
    }
}

#[tokio::test]
async fn tables_that_cannot_stand_alone_are_refused() {
    let pair = shops(15);
    pair.moment.sql(
        "app",
        "create schema other; create table other.items (x int); create materialized view shop.m as select 1",
    );
    for (tables, what) in [
        (&["shop.seen"][..], "is a view"),
        (&["shop.m"], "is a materialized view"),
        (&["shop.items_id_seq"], "is a sequence"),
        (&["shop.log_1"], "is a part of shop.log"),
        (&["shop.orders"], "there is no table shop.orders (there are: shop.Orders"),
        (&["shop.items", "other.items"], "two of the tables have the name items"),
        (&["pg_catalog.pg_class"], "system catalog"),
        (&[], "no table is named"),
    ] {
        let error = said(&pair.tables(tables, "back").await.unwrap_err());
        assert!(error.starts_with("RK-2091") && error.contains(what), "{error}");
    }
    pair.live.sql("app", "create publication everything for all tables");
    let error = said(&pair.tables(&["shop.items"], "back").await.unwrap_err());
    assert!(error.contains("at once be in the publications everything"), "{error}");
    let error = said(&pair.tables(&["shop.items"], "shop").await.unwrap_err());
    assert!(error.contains("already was in schema shop"), "{error}");
    assert_eq!(pair.live.sql("app", "select to_regnamespace('back') is null"), "t");
}

#[tokio::test]
async fn tables_whose_types_are_gone_are_told_as_lost() {
    let pair = shops(15);
    pair.moment.sql("app", "create type shop.mood as enum ('good'); create table shop.days (m shop.mood); insert into shop.days values ('good')");
    let error = pair.tables(&["shop.days", "shop.log"], "back").await.unwrap_err();
    let text = said(&error);
    assert!(error.code() == "RK-2093" && text.contains("type \"shop.mood\" does not exist"), "{text}");
    assert!(text.contains("schema back of database app is left"), "{text}");
    assert_eq!(pair.live.sql("app", "select count(*) from back.log"), "1");
}

#[tokio::test]
async fn what_was_made_for_tables_is_removed_from_a_schema_of_others() {
    let mut pair = shops(15);
    pair.live.sql("app", "create schema back; create table back.theirs as select 1 as x");
    pair.moment.sql("postgres", "create role buyer");
    pair.moment.sql("app", "alter table shop.items owner to buyer");
    let about =
        "select string_agg(relname, ' ' order by relname) from pg_class where relnamespace = 'back'::regnamespace";
    for step in ["dump", "restore"] {
        pair.progress = Progress::default();
        *pair.cancel_at.lock().unwrap() = Some(step);
        assert_eq!(pair.tables(&["shop.items", "shop.\"Orders\""], "back").await.unwrap_err().code(), "RK-1040");
        assert_eq!(pair.live.sql("app", about), "theirs");
        assert_eq!(pair.live.sql("app", "select count(*) from pg_roles where rolname = 'buyer'"), "0");
        assert_eq!(pair.moment.sql("app", "select count(*) from shop.items"), "300", "moved back on the instance");
    }
    pair.progress = Progress::default();
    *pair.cancel_at.lock().unwrap() = None;
    let extracted = pair.tables(&["shop.items", "shop.\"Orders\""], "back").await.unwrap();
    assert_eq!(extracted.roles_created, ["buyer"]);
}

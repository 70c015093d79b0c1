//! One database, or a table, in the place of the live one, by the same runbook as a whole cluster: what uses it is stopped and started
//! again, the server runs on, its other databases are not touched, and all the ways in which that is interrupted.

use serde_json::Value;

use crate::house::{House, server, text};
use crate::shop::write;

/// A server with two databases, and an application that says when it is started and stopped.
struct Hub {
    house: House,
}

const STEPS: [&str; 12] = [
    "preflight",
    "snapshot",
    "beside",
    "announce",
    "quiesce",
    "exchange",
    "connect",
    "migrate",
    "resume",
    "health",
    "announce-off",
    "report",
];

impl Hub {
    fn new() -> Hub {
        let house = House::new(server(15));
        let hub = Hub { house };
        hub.sql("postgres", "CREATE DATABASE sales");
        hub.sql("postgres", "CREATE DATABASE other");
        hub.sql("sales", "CREATE TABLE orders (n serial PRIMARY KEY, what text); INSERT INTO orders (what) SELECT 'good' FROM generate_series(1, 500)");
        hub.sql("other", "CREATE TABLE kept AS SELECT n, md5(n::text) AS t FROM generate_series(1, 1000) n");
        hub.write_application();
        hub.apply();
        hub.house.ok(&["backup", "shop"]);
        hub
    }

    fn sql(&self, database: &str, text: &str) -> String {
        self.house.server.sql(database, text).trim().to_owned()
    }

    fn write_application(&self) {
        let path = |name: &str| self.house.path(name).display().to_string();
        let (runs, said) = (path("runs"), path("said"));
        let script = format!(
            "#!/bin/bash\ncase $1 in\nstart) [ -e {runs} ] || {{ touch {runs}; echo start >> {said}; }};;\n\
             stop) [ ! -e {runs} ] || {{ rm {runs}; echo stop >> {said}; }};;\nstatus) [ -e {runs} ] || exit 3;;\nesac\n"
        );
        write(&self.house.path("app"), &script);
        std::fs::write(self.house.path("runs"), "").unwrap();
    }

    fn apply(&self) {
        let (url, app) = (self.house.server.socket_url("postgres"), self.house.path("app").display().to_string());
        let hook = |name: &str, when: &str| {
            let script = format!("echo {name} >> {}", self.house.path("said").display());
            format!(
                "[[hook]]\nname = \"{name}\"\nwhen = \"{when}\"\ndriver = \"command\"\ncommand = [\"sh\", \"-c\", {script:?}]\n"
            )
        };
        let server = &self.house.server;
        let psql = format!(
            "{}/psql -h {} -p {} -U postgres -d sales",
            server.bin_dir().display(),
            server.socket_dir().display(),
            server.port()
        );
        let looks = format!("{psql} -XAtqc 'SELECT count(*) FROM orders'");
        let file = format!(
            "[stack]\nname = \"hub\"\n[[source]]\nname = \"shop\"\nurl = {url:?}\n\
             [[service]]\nname = \"app\"\ndriver = \"command\"\nstart = [{app:?}, \"start\"]\nstop = [{app:?}, \"stop\"]\nstatus = [{app:?}, \"status\"]\n\
             {}{}{}[[health]]\nname = \"orders\"\nin_a_row = 1\ndriver = \"command\"\ncommand = [\"sh\", \"-c\", {looks:?}]\n",
            hook("page", "announce"),
            hook("schema", "migrate"),
            hook("tell", "done"),
        );
        std::fs::write(self.house.path("stack.toml"), file).unwrap();
        self.house.ok(&["apply", text(&self.house.path("stack.toml"))]);
    }

    /// What is worth going back to, and then is spoilt.
    fn spoilt(&self, name: &str) {
        self.sql("postgres", &format!("SELECT pg_create_restore_point('{name}')"));
        self.sql("sales", "UPDATE orders SET what = 'spoilt'");
        self.house.caught_up();
    }

    fn count(&self, what: &str) -> String {
        self.sql("sales", &format!("SELECT count(*) FROM orders WHERE what = '{what}'"))
    }

    /// All of the other database, whoever touched it.
    fn checksum(&self) -> String {
        self.sql("other", "SELECT md5(string_agg(xmin || ' ' || ctid || ' ' || k::text, ',' ORDER BY n)) FROM kept k")
    }

    fn databases(&self) -> Vec<String> {
        let names = self.sql("postgres", "SELECT datname FROM pg_database WHERE datname LIKE 'sales%' ORDER BY 1");
        names.lines().map(str::to_owned).collect()
    }

    fn said(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.house.path("said")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    fn runs(&self) -> bool {
        self.house.path("runs").exists()
    }
}

fn words<'a>(point: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut words = vec!["restore", "shop", "--restore-point", point, "--database", "sales", "--swap", "--yes"];
    words.extend(more);
    words
}

#[test]
fn a_database_takes_the_live_ones_place_and_the_others_are_not_touched() {
    let hub = Hub::new();
    let house = &hub.house;
    hub.spoilt("good");
    let before = hub.checksum();
    let plan = house.ok(&words("good", &["--dry-run"]));
    let steps: Vec<&str> =
        plan["steps"].as_array().unwrap().iter().map(|step| step["name"].as_str().unwrap()).collect();
    assert_eq!(steps, STEPS);
    assert!(plan["findings"].to_string().contains("MB free"), "{plan:#}");
    assert!(hub.said().is_empty() && hub.databases() == ["sales"], "nothing was touched");

    let report = house.ok(&words("good", &[]));
    assert_eq!((hub.count("good").as_str(), hub.count("spoilt").as_str()), ("500", "0"));
    assert_eq!(hub.said(), ["page", "stop", "schema", "start", "tell"]);
    assert_eq!(hub.checksum(), before);
    let kept = report["kept_as"].as_str().unwrap();
    assert_eq!(hub.databases(), ["sales", kept]);
    assert_eq!(hub.sql("postgres", &format!("SELECT datconnlimit FROM pg_database WHERE datname = '{kept}'")), "0");
    let runbook = &report["runbook"];
    assert!(
        runbook["snapshot"].is_string() && runbook["markdown"].as_str().unwrap().contains("| exchange |"),
        "{report:#}"
    );
    let told = house.ok(&["report", runbook["operation"].as_str().unwrap()]);
    assert_eq!(told["retired"], kept, "{told:#}");
    assert_eq!(house.ok(&["clones"]), Value::Array(vec![]));
    house.is_sound();
}

#[test]
fn a_table_takes_the_live_ones_place_and_comes_back() {
    let hub = Hub::new();
    hub.spoilt("good");
    let table = ["--table", "public.orders", "--keep-serving"];
    let report = hub.house.ok(&words("good", &table));
    assert_eq!(hub.count("good"), "500");
    assert_eq!(hub.said(), ["page", "schema", "tell"], "nothing was stopped");
    let kept = report["kept_as"].as_str().unwrap().to_owned();
    assert_eq!(hub.sql("sales", &format!("SELECT count(*) FROM {kept}.orders WHERE what = 'spoilt'")), "500");
    hub.spoilt("again");
    hub.house.hangs_and_cancelled("extract/health", &words("again", &table));
    assert_eq!(hub.count("spoilt"), "500");
    let schemas = hub.sql("sales", "SELECT nspname FROM pg_namespace WHERE nspname ~ '_before_|restored' ORDER BY 1");
    let schemas: Vec<&str> = schemas.lines().collect();
    assert_eq!(schemas.len(), 2, "{schemas:?}");
    assert!(
        schemas.contains(&kept.as_str()) && schemas.iter().any(|name| name.contains("_before_undone_")),
        "{schemas:?}"
    );
}

#[test]
fn cancelled_at_every_step_the_old_database_serves_again() {
    let hub = Hub::new();
    for step in STEPS.into_iter().filter(|step| *step != "report") {
        hub.sql("sales", "UPDATE orders SET what = 'good'");
        let point = format!("before {step}");
        hub.spoilt(&point);
        let checksum = hub.checksum();
        hub.house.hangs_and_cancelled(&format!("extract/{step}"), &words(&point, &[]));
        assert_eq!(hub.count("spoilt"), "500", "{step}");
        assert!(hub.runs(), "{step}: the application does not run");
        assert_eq!(hub.checksum(), checksum, "{step}");
        for name in hub.databases().iter().filter(|name| *name != "sales") {
            assert!(name.starts_with("sales_undone_"), "{step}: {name}");
            hub.sql("postgres", &format!("DROP DATABASE \"{name}\""));
        }
        assert_eq!(hub.house.ok(&["clones"]), Value::Array(vec![]), "{step}");
    }
    hub.house.is_sound();
}

/// Rows that cannot come back are lost, and nothing takes the live one's place; what is only not as it was is for a person to judge.
#[test]
fn what_pg_restore_could_not_do_is_told_by_how_much_it_matters() {
    let hub = Hub::new();
    hub.sql(
        "sales",
        "CREATE TABLE parent (n int PRIMARY KEY); CREATE TABLE child (n int CONSTRAINT of_parent REFERENCES parent); \
         SET session_replication_role = replica; INSERT INTO child VALUES (99)",
    );
    hub.spoilt("no parent");
    let beside = ["restore", "shop", "--restore-point", "no parent", "--database", "sales", "--into", "a", "--yes"];
    let (code, report) = hub.house.run(&beside);
    assert_eq!(code, 1, "{report:#}");
    let attention = report["attention"].as_array().unwrap();
    assert!(attention.len() == 1 && attention[0].as_str().unwrap().contains("of_parent"), "{report:#}");
    let (code, refused) = hub.house.run(&words("no parent", &[]));
    assert_eq!((code, refused["code"].as_str()), (4, Some("RK-3052")), "{refused:#}");
    assert_eq!(hub.databases(), ["sales"]);

    hub.sql(
        "sales",
        "CREATE FUNCTION public.only_here() RETURNS bool LANGUAGE sql AS $$ SELECT current_database() = 'sales' $$; \
         CREATE TABLE picky (n int CONSTRAINT here CHECK (public.only_here())); INSERT INTO picky VALUES (1)",
    );
    hub.spoilt("picky");
    let (_, refused) = hub.house.run(&words("picky", &[]));
    assert_eq!(refused["code"], "RK-3052", "{refused:#}");
    assert!(refused["message"].as_str().unwrap().contains("COPY failed for table \"picky\""), "{refused:#}");
    assert_eq!((hub.databases(), hub.runs()), (vec!["sales".to_owned()], true));
    let beside = ["restore", "shop", "--restore-point", "picky", "--database", "sales", "--into", "b", "--yes"];
    let (_, lost) = hub.house.run(&beside);
    assert_eq!(lost["code"], "RK-2093", "{lost:#}");
    let said = lost.to_string();
    assert!(said.contains("COPY failed") && said.contains("needs attention: "), "{lost:#}");
}

#[test]
fn all_that_is_in_the_way_of_a_table_is_said_before_anything_is_touched() {
    let hub = Hub::new();
    hub.sql("sales", "CREATE VIEW seen AS SELECT * FROM orders");
    hub.spoilt("good");
    let (code, refused) = hub.house.run(&words("good", &["--table", "public.orders"]));
    assert_eq!((code, refused["code"].as_str()), (4, Some("RK-3052")), "{refused:#}");
    assert!(refused["message"].as_str().unwrap().contains("view public.seen"), "{refused:#}");
    assert!(hub.said().is_empty());
}

/// The most frequent reason to restore a table: somebody dropped it.
#[test]
fn what_was_dropped_is_put_back_and_taken_back_when_that_is_cancelled() {
    let hub = Hub::new();
    hub.sql("sales", "CREATE SCHEMA extra; CREATE TABLE extra.lines AS SELECT generate_series(1, 7) AS n");
    hub.spoilt("good");
    hub.sql("sales", "DROP TABLE orders CASCADE; DROP SCHEMA extra CASCADE");
    hub.house.caught_up();
    let tables = ["--table", "public.orders", "--table", "extra.lines"];
    let plan = hub.house.ok(&words("good", &[&tables[..], &["--dry-run"]].concat()));
    let findings = plan["findings"].to_string();
    assert!(findings.contains("nothing to swap with: public.orders") && findings.contains("extra.lines"), "{plan:#}");
    hub.house.hangs_and_cancelled("extract/connect", &words("good", &tables));
    let left = "SELECT to_regclass('public.orders') IS NULL AND to_regnamespace('extra') IS NULL";
    assert_eq!(hub.sql("sales", left), "t", "as it was");
    let report = hub.house.ok(&words("good", &tables));
    assert_eq!(
        (hub.count("good").as_str(), hub.sql("sales", "SELECT count(*) FROM extra.lines").as_str()),
        ("500", "7")
    );
    assert!(report["kept_as"].is_null(), "{report:#}");
    assert!(report["runbook"]["not_covered"].to_string().contains("schema extra was gone"), "{report:#}");

    hub.sql("postgres", "DROP DATABASE sales WITH (FORCE)");
    hub.house.caught_up();
    hub.house.hangs_and_cancelled("extract/connect", &words("good", &[]));
    assert!(hub.databases().iter().all(|name| name.starts_with("sales_undone_")), "{:?}", hub.databases());
    let report = hub.house.ok(&words("good", &[]));
    assert_eq!(hub.count("good"), "500");
    assert!(report["kept_as"].is_null() && report["runbook"]["retired"] == "nothing: it was not there", "{report:#}");
    hub.sql("postgres", "DROP DATABASE sales WITH (FORCE)");
    hub.house.ok(&["restore", "shop", "--restore-point", "good", "--database", "sales", "--into", "sales", "--yes"]);
    assert_eq!(hub.count("good"), "500");
    let again = ["restore", "shop", "--restore-point", "good", "--database", "sales", "--into", "sales", "--yes"];
    assert_eq!(hub.house.refused(&again).1, "RK-3013", "it is the live one now");
}

#[test]
fn rows_that_no_backup_holds_are_not_thrown_away_and_never_said_to_be_the_same() {
    let hub = Hub::new();
    hub.sql("sales", "CREATE UNLOGGED TABLE cache AS SELECT generate_series(1, 77) AS n");
    hub.spoilt("good");
    let (code, refused) = hub.house.run(&words("good", &["--table", "public.cache"]));
    assert_eq!((code, refused["code"].as_str()), (4, Some("RK-3052")), "{refused:#}");
    assert!(refused["message"].as_str().unwrap().contains("public.cache is unlogged"), "{refused:#}");
    assert_eq!(hub.sql("sales", "SELECT count(*) FROM cache"), "77");
    let plan = hub.house.ok(&words("good", &["--dry-run"]));
    assert!(
        plan["findings"].to_string().contains("not in the new one: unlogged table public.cache (about 77 rows)"),
        "{plan:#}"
    );
    let report = hub.house.ok(&words("good", &[]));
    assert!(report["left_out"].to_string().contains("1 unlogged table is empty (public.cache)"), "{report:#}");
    assert!(!report["tables"].to_string().contains("cache"), "{report:#}");
    let full = hub.house.restore("full", &["--restore-point", "good"]);
    let told = "database sales: 1 unlogged table is empty (public.cache)";
    assert!(full.report["not_covered"].to_string().contains(told), "{:#}", full.report);
}

/// A dump has an empty search path; the database has not. And a name may be as long as names are.
#[test]
fn a_database_that_needs_its_search_path_and_has_the_longest_name_is_swapped() {
    let hub = Hub::new();
    let name = "ä".repeat(31);
    hub.sql("postgres", &format!("CREATE DATABASE \"{name}\"; "));
    hub.sql("postgres", &format!("ALTER DATABASE \"{name}\" SET search_path = shop"));
    hub.sql(
        &name,
        "CREATE SCHEMA shop; CREATE TABLE shop.t AS SELECT g::text AS name FROM generate_series(1, 9) g; \
         CREATE FUNCTION shop.norm(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT lower($1)'; \
         CREATE FUNCTION shop.norm2(text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN norm($1); END'; \
         CREATE INDEX by_norm ON shop.t (shop.norm2(name))",
    );
    hub.spoilt("good");
    hub.sql(&name, "DELETE FROM shop.t");
    let ask = ["restore", "shop", "--restore-point", "good", "--database", name.as_str(), "--yes"];
    let report = hub.house.ok(&ask);
    assert_eq!(report["into"], format!("{}_restored", "ä".repeat(27)), "{report:#}");
    let report = hub.house.ok(&[&ask[..], &["--swap"]].concat());
    assert_eq!(report["attention"], Value::Array(vec![]), "{report:#}");
    assert_eq!(hub.sql(&name, "SELECT count(*), to_regclass('shop.by_norm') IS NOT NULL FROM shop.t"), "9|t");
    assert!(report["kept_as"].as_str().unwrap().starts_with("äää"), "{report:#}");
}

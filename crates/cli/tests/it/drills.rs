//! Drills and their evidence; single databases and tables of a moment.

use serde_json::Value;

use crate::house::{House, majors, server, text};

const CHECKS: &str = r#"
[[check]]
name = "every order is there"
sql = "SELECT count(*) >= 20000 FROM orders"

[[check]]
name = "a program agrees"
command = ["/bin/sh", "-c", "test -n \"$PGHOST\" && test \"$(id -u)\" != 0"]
"#;

fn house(major: u32) -> House {
    let house = House::new(server(major));
    house.server.sql(
        "postgres",
        "CREATE TABLE orders (n int PRIMARY KEY, text text); INSERT INTO orders SELECT n, repeat('x', 200) FROM generate_series(1, 20000) n",
    );
    house.ok(&["backup", "shop"]);
    house.server.sql("postgres", "INSERT INTO orders VALUES (0, 'after the backup')");
    house.caught_up();
    house
}

#[test]
fn a_drill_proves_a_backup() {
    for major in majors() {
        let house = house(major);
        let checks = house.path("checks.toml");
        std::fs::write(&checks, CHECKS).unwrap();
        let report = house.ok(&["drill", "shop", "--checks", text(&checks)]);
        assert_eq!(report["passed"], true, "{report:#}");
        assert!(report["pages_checked"].as_u64() > Some(1000) && report["pages_bad"] == 0, "{report:#}");
        assert!(report["indexes_checked"].as_u64() > Some(100), "{report:#}");
        assert_eq!(report["checks"].as_array().unwrap().len(), 2);
        let step = |name: &str| {
            let found = report["durations"].as_array().unwrap().iter().find(|step| step["step"] == name);
            found.unwrap_or_else(|| panic!("no {name}: {report:#}"))["seconds"].as_f64().unwrap()
        };
        assert!(step("mount") > 0.0 && step("replay") > 0.0 && step("look") > 0.0 && step("total") >= step("look"));
        // The evidence is in the vault, the backup is proven, and nothing of the drill is left.
        let id = report["id"].as_str().unwrap();
        assert_eq!(house.ok(&["drill", "shop", "--evidence", id]), report);
        assert!(house.vault_has(&format!("reports/shop/{id}")));
        let backup = &house.ok(&["timeline", "shop"])["backups"][0];
        assert_eq!(backup["proven"], report["ended"]);
        assert_eq!(house.ok(&["clones"]), Value::Array(vec![]));
        assert_eq!(backup["pinned"], false);
        house.is_sound();
    }
}

#[test]
fn a_drill_that_fails_says_so_everywhere() {
    let house = house(15);
    let checks = house.path("checks.toml");
    std::fs::write(&checks, "[[check]]\nname = \"impossible\"\nsql = \"SELECT count(*) < 5 FROM orders\"\n").unwrap();
    let (code, report) = house.run(&["drill", "shop", "--checks", text(&checks)]);
    assert_eq!(
        (code, &report["passed"], &report["checks"][0]["passed"]),
        (1, &false.into(), &false.into()),
        "{report:#}"
    );
    assert!(house.has_condition("drill-failed"));
    assert_eq!(house.ok(&["timeline", "shop"])["backups"][0]["proven"], Value::Null);
    // A drill that passes puts it right.
    assert_eq!(house.ok(&["drill", "shop"])["passed"], true);
    assert!(!house.conditions().contains(&"drill-failed".to_owned()));
    std::fs::write(&checks, "[[check]]\nname = \"typo\"\nsqll = \"SELECT true\"\n").unwrap();
    assert_eq!(house.refused(&["drill", "shop", "--checks", text(&checks)]).1, "RK-2090");
    assert_eq!(house.refused(&["drill", "shop", "--evidence", "0123"]).1, "RK-3010");
}

#[test]
fn a_database_comes_back_beside_the_live_one_and_takes_its_place() {
    for major in majors() {
        let house = House::new(server(major));
        let sql = |database: &str, text: &str| house.server.sql(database, text);
        sql("postgres", "CREATE DATABASE app");
        sql("postgres", "CREATE DATABASE other");
        sql(
            "app",
            "CREATE TABLE orders (n serial PRIMARY KEY, text text); INSERT INTO orders (text) SELECT 'x' FROM generate_series(1, 5000)",
        );
        sql("other", "CREATE TABLE untouched AS SELECT 1 AS n");
        house.ok(&["backup", "shop"]);
        sql("postgres", "SELECT pg_create_restore_point('before')");
        sql("app", "DELETE FROM orders");
        house.caught_up();
        let words = ["restore", "shop", "--database", "app", "--restore-point", "before", "--yes"];
        let report = house.ok(&words);
        assert_eq!((report["into"].as_str(), report["kept_as"].as_str()), (Some("app_restored"), None), "{report:#}");
        assert_eq!(sql("app_restored", "SELECT count(*), nextval('orders_n_seq') FROM orders").trim(), "5000|5001");
        assert_eq!(sql("app", "SELECT count(*) FROM orders").trim(), "0");
        assert_eq!(house.refused(&words).1, "RK-2091", "the name is taken");
        assert_eq!(house.refused(&[words.as_slice(), &["--into", "app_again", "--swap"]].concat()).1, "RK-3013");
        let report = house.ok(&[words.as_slice(), &["--swap"]].concat());
        let kept = report["kept_as"].as_str().unwrap();
        assert!(kept.starts_with("app_before_"), "{report:#}");
        assert_eq!(sql("app", "SELECT count(*) FROM orders").trim(), "5000");
        assert_eq!(sql(kept, "SELECT count(*) FROM orders").trim(), "0");
        assert_eq!(sql("other", "SELECT n FROM untouched").trim(), "1");
        assert_eq!(house.ok(&["clones"]), Value::Array(vec![]));
    }
}

#[test]
fn a_table_comes_back_beside_the_live_one_and_takes_its_place() {
    let house = House::new(server(15));
    let sql = |text: &str| house.server.sql("postgres", text);
    sql("CREATE TABLE orders AS SELECT n FROM generate_series(1, 1000) n; CREATE TABLE other AS SELECT 1 AS n");
    house.ok(&["backup", "shop"]);
    sql("SELECT pg_create_restore_point('before')");
    sql("DELETE FROM orders");
    house.caught_up();
    let words =
        ["restore", "shop", "--database", "postgres", "--table", "public.orders", "--restore-point", "before", "--yes"];
    let report = house.ok(&words);
    assert_eq!(report["into"], "schema postgres_restored of database postgres");
    assert_eq!(sql("SELECT count(*) FROM postgres_restored.orders").trim(), "1000");
    assert_eq!(sql("SELECT count(*) FROM orders").trim(), "0");
    let report = house.ok(&[words.as_slice(), &["--swap"]].concat());
    assert_eq!(sql("SELECT count(*) FROM orders").trim(), "1000");
    let kept = report["kept_as"].as_str().unwrap();
    assert_eq!(sql(&format!("SELECT count(*) FROM {kept}.orders")).trim(), "0");
    assert_eq!(
        house.refused(&["restore", "shop", "--database", "postgres", "--table", "no_schema", "--to", "latest"]).1,
        "RK-2091"
    );
    assert_eq!(house.refused(&["restore", "shop", "--database", "nothing", "--to", "latest"]).1, "RK-2091");
    assert_eq!(house.ok(&["clones"]), Value::Array(vec![]));
}

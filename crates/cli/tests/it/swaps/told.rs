//! What a restore in place tells: rows by table, times by what was measured, its report in all forms, and where migrations stand.

use serde_json::Value;
use testkit::postgres::wait_until;

use super::{Shop, newest};
use crate::house::{PATIENCE, text};

fn row<'a>(told: &'a Value, database: &str, table: &str) -> &'a Value {
    let rows = told["rows_lost"].as_array().unwrap();
    let found = rows.iter().find(|row| row["database"] == database && row["table"] == table);
    found.unwrap_or_else(|| panic!("{database} {table} is not told of: {told:#}"))
}

fn counts(row: &Value) -> [u64; 3] {
    ["inserted", "updated", "deleted"].map(|what| row[what].as_u64().unwrap())
}

/// Tables that the application does not know.
fn make_tables(shop: &Shop) {
    shop.sql("CREATE DATABASE other");
    shop.house.server.sql("other", "CREATE TABLE elsewhere (x int)");
    shop.sql(
        "CREATE TABLE ledger (id int PRIMARY KEY, what text); INSERT INTO ledger SELECT generate_series(1, 20); \
         CREATE TABLE gone (x int); CREATE TABLE quiet (x int); \
         CREATE TABLE schema_migrations (version bigint PRIMARY KEY, dirty boolean NOT NULL); \
         INSERT INTO schema_migrations VALUES (41, false)",
    );
}

/// 52 rows more, 5 changed, 10 gone; the rest was taken back.
fn write_behind_the_moment(shop: &Shop) {
    shop.sql("INSERT INTO ledger SELECT generate_series(21, 70)");
    shop.sql("UPDATE ledger SET what = 'changed' WHERE id <= 5");
    shop.sql("DELETE FROM ledger WHERE id > 60");
    shop.sql("BEGIN; INSERT INTO ledger SELECT generate_series(100, 1099); INSERT INTO quiet VALUES (1); ROLLBACK");
    shop.sql(
        "BEGIN; SAVEPOINT a; INSERT INTO ledger VALUES (100), (101), (102); ROLLBACK TO a; \
         SAVEPOINT b; INSERT INTO ledger VALUES (200); RELEASE b; INSERT INTO ledger VALUES (201); COMMIT",
    );
    shop.sql("INSERT INTO gone SELECT generate_series(1, 4); DROP TABLE gone");
    shop.sql("CREATE TABLE fresh AS SELECT generate_series(1, 6) AS x");
    shop.house.server.sql("other", "INSERT INTO elsewhere SELECT generate_series(1, 7)");
    shop.house.caught_up();
}

fn has_exact_rows(told: &Value) {
    assert_eq!(counts(row(told, "postgres", "public.ledger")), [52, 5, 10], "{told:#}");
    assert_eq!(counts(row(told, "other", "public.elsewhere")), [7, 0, 0], "{told:#}");
    assert_eq!(counts(row(told, "postgres", "public.fresh")), [6, 0, 0], "{told:#}");
    assert_eq!(row(told, "postgres", "public.fresh")["new_file"], true);
    assert_eq!(row(told, "postgres", "public.ledger")["new_file"], false);
    let tables: Vec<&str> =
        told["rows_lost"].as_array().unwrap().iter().map(|row| row["table"].as_str().unwrap()).collect();
    assert!(!tables.contains(&"public.quiet"), "what was taken back is not lost: {tables:?}");
    assert_eq!(told["rows_lost_note"], Value::Null, "{told:#}");
}

/// The live server does not know it any more; the restored one does.
fn dropped_has_a_number(told: &Value) {
    let unnamed = told["rows_lost"].as_array().unwrap().iter().find(|row| row["table"].as_str().unwrap().contains('/'));
    assert_eq!(counts(unnamed.expect("a table that was dropped has a number")), [4, 0, 0], "{told:#}");
}

fn seconds_of(report: &Value, step: &str) -> f64 {
    let found = report["steps"].as_array().unwrap().iter().find(|one| one["name"] == step).unwrap();
    let time = |name: &str| found[name].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    time("ended").duration_since(time("began")).as_secs_f64()
}

fn planned(plan: &Value, step: &str) -> Option<f64> {
    plan["steps"].as_array().unwrap().iter().find(|one| one["name"] == step).unwrap()["seconds"].as_f64()
}

#[test]
fn a_restore_tells_what_was_lost_and_how_long_it_takes() {
    let shop = Shop::new();
    make_tables(&shop);
    let (time, _) = shop.moment();
    write_behind_the_moment(&shop);
    let plan = shop.house.ok(&["restore", "shop", "--time", &time, "--swap", "--dry-run"]);
    has_exact_rows(&plan);
    dropped_has_a_number(&plan);
    assert!(counts(row(&plan, "postgres", "public.orders"))[0] > 0, "{plan:#}");
    assert!(planned(&plan, "snapshot").is_some(), "backups were measured: {plan:#}");
    assert_eq!((planned(&plan, "quiesce"), plan["seconds"].as_f64()), (None, None), "nothing is made up: {plan:#}");

    let words = ["--swap", "--yes", "--happened", &time, "--detected", "1 second ago"];
    let report = shop.house.ok(&[&["restore", "shop", "--time", &time][..], &words].concat());
    has_exact_rows(&report);
    assert_eq!(counts(row(&report, "postgres", "public.gone")), [4, 0, 0], "{report:#}");
    assert!(report["commits_lost"].as_u64() >= plan["commits_after"].as_u64(), "{report:#}");
    let happened: jiff::Timestamp = report["happened"].as_str().unwrap().parse().unwrap();
    assert_eq!(happened, time.parse().unwrap());
    assert_eq!(report["migrations"][0]["newest"], "41", "{report:#}");
    is_told_in_every_form(&shop, &report);

    // What was measured then is what the next plan says.
    shop.serves();
    let (time, _) = shop.moment();
    shop.spoil();
    let plan = shop.house.ok(&["restore", "shop", "--time", &time, "--swap", "--dry-run"]);
    let near = |one: f64, other: f64| (one - other).abs() < 0.002;
    let unserved: f64 = ["quiesce", "last-log", "cut-over"].map(|step| seconds_of(&report, step)).iter().sum();
    assert!(near(plan["unserved_seconds"].as_f64().unwrap(), unserved), "{unserved}: {plan:#}");
    assert!(near(planned(&plan, "health").unwrap(), seconds_of(&report, "health")), "{plan:#}");
    assert!(plan["seconds"].as_f64().unwrap() > unserved, "{plan:#}");

    // Going back says which rows that takes away.
    shop.sql("INSERT INTO ledger SELECT generate_series(500, 502)");
    shop.house.caught_up();
    let operation = report["operation"].as_str().unwrap();
    let plan = shop.house.ok(&["rollback", operation, "--dry-run"]);
    assert_eq!(counts(row(&plan, "postgres", "public.ledger")), [3, 0, 0], "{plan:#}");
}

fn is_told_in_every_form(shop: &Shop, report: &Value) {
    let operation = report["operation"].as_str().unwrap();
    let page = shop.house.path("report.html");
    shop.house.ok(&["report", operation, "--out", text(&page)]);
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.starts_with("<!doctype html>") && page.contains("<td>public.ledger</td><td>52</td>"), "{page}");
    let path = format!("/api/v1/operations/{operation}/report");
    let markdown = shop.house.ask("GET", &format!("{path}?format=markdown"), "");
    assert!(markdown.contains("content-type: text/markdown"), "{markdown}");
    for told in [
        "| postgres | public.ledger | 52 | 5 | 10 |",
        "it was noticed",
        "## Words for those who use it",
        "golang-migrate",
    ] {
        assert!(markdown.contains(told), "{told}\n{markdown}");
    }
    let served = shop.house.ask("GET", &format!("{path}?format=html"), "");
    assert!(served.contains("content-type: text/html"), "{served}");
    assert!(served.contains("default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"), "{served}");
    assert!(!markdown.contains("unsafe-inline"), "{markdown}");
    assert!(shop.house.ask("GET", &path, "").contains("\"rows_lost\""));
    assert!(shop.house.ask_with("GET", &format!("{path}?format=pdf"), "", "").contains("RK-3013"));
    let backup = shop.house.run(&["ops", "--kind", "backup", "--last", "1"]).1[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(shop.house.refused(&["report", &backup]).1, "RK-3010");
}

#[test]
fn migrations_that_are_not_as_expected_wait_for_a_person() {
    let shop = Shop::new();
    make_tables(&shop);
    let file = shop.house.path("stack.toml");
    let good = std::fs::read_to_string(&file).unwrap();
    let expects = "[[migration]]\nsource = \"shop\"\ndatabase = \"postgres\"\nexpects = \"42\"\n";
    std::fs::write(&file, format!("{good}{expects}")).unwrap();
    shop.house.ok(&["apply", text(&file)]);
    let (time, _) = shop.moment();
    shop.spoil();
    let plan = shop.house.ok(&["restore", "shop", "--time", &time, "--swap", "--dry-run"]);
    let told = plan["findings"].to_string();
    assert!(told.contains("postgres is expected to be at 42: golang-migrate is at 41"), "{told}");
    let mut asked = shop.house.spawn(&["restore", "shop", "--time", &time, "--swap", "--yes"]);
    let waits = || newest(&shop.house)["status"] == "paused";
    assert!(wait_until(PATIENCE, waits), "{:#}\n{}", newest(&shop.house), shop.house.log());
    let _ = asked.wait();
    let paused = newest(&shop.house);
    assert_eq!((paused["step"].as_str(), paused["error"]["code"].as_str()), (Some("migrate"), Some("RK-3051")));
    let id = paused["id"].as_str().unwrap();
    shop.sql("UPDATE schema_migrations SET version = 42, dirty = true");
    shop.house.ok(&["ops", "resume", id]);
    let still = || {
        let one = newest(&shop.house);
        one["status"] == "paused" && one["error"]["message"].as_str().is_some_and(|what| what.contains("dirty"))
    };
    assert!(wait_until(PATIENCE, still), "{:#}", newest(&shop.house));
    shop.sql("UPDATE schema_migrations SET dirty = false");
    shop.house.ok(&["ops", "resume", id]);
    assert!(wait_until(PATIENCE, || newest(&shop.house)["status"] == "succeeded"), "{:#}", newest(&shop.house));
    let report = shop.house.ok(&["report", id]);
    let found = &report["migrations"][0];
    assert_eq!(
        (found["newest"].as_str(), found["expects"].as_str(), &found["wrong"]),
        (Some("42"), Some("42"), &Value::Null)
    );
    shop.serves();
}

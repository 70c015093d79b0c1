//! A restore beside the live cluster: those who use it are pointed to the new place, the old one is fenced where it lies, and all of it goes
//! back.

use std::path::PathBuf;

use testkit::postgres::wait_until;

use crate::house::PATIENCE;
use crate::shop::{Harm, Shop, newest};
use crate::swaps::is_mount;

const STEPS: [&str; 16] = [
    "preflight",
    "snapshot",
    "beside",
    "announce",
    "quiesce",
    "last-log",
    "cut-over",
    "point",
    "connect",
    "migrate",
    "resume",
    "health",
    "consumers",
    "re-sync",
    "announce-off",
    "report",
];

/// A shop, and a place that it can move to.
struct Move {
    shop: Shop,
    into: PathBuf,
    port: u16,
}

impl Move {
    fn new() -> Move {
        let shop = Shop::new();
        let into = shop.house.server.home().join("elsewhere");
        let port = testkit::free_port();
        shop.write_server("new-server", &into, "");
        let settings = shop.house.path("app.env").display().to_string();
        let other = shop.house.path("other.env").display().to_string();
        std::fs::copy(&settings, &other).unwrap();
        shop.apply(&format!(
            "[[service]]\nname = \"new-server\"\nserver_of = \"shop\"\ndirectory = {into:?}\n{}\
             [[endpoint]]\nname = \"settings\"\nof = \"shop\"\nvalue = \"{{port}}\"\ndriver = \"file\"\npath = {settings:?}\n\
             format = \"env\"\nkey = \"DB_PORT\"\n\
             [[endpoint]]\nname = \"other\"\nof = \"shop\"\nvalue = \"{{port}}\"\ndriver = \"file\"\npath = {other:?}\n\
             format = \"env\"\nkey = \"DB_PORT\"\n",
            shop.command("new-server"),
        ));
        Move { shop, into, port }
    }

    fn words<'a>(&'a self, time: &'a str, port: &'a str) -> Vec<&'a str> {
        let into = self.into.to_str().unwrap();
        vec!["restore", "shop", "--time", time, "--beside", "--into", into, "--port", port]
    }

    /// Of two endpoints, which say the same.
    fn settings(&self) -> String {
        let read = |name: &str| std::fs::read_to_string(self.shop.house.path(name)).unwrap();
        let (one, other) = (read("app.env"), read("other.env"));
        assert_eq!(one, other);
        one
    }

    /// The last operation, undone by its own means.
    fn go_back(&self) {
        let operation = newest(&self.shop.house)["id"].as_str().unwrap().to_owned();
        let back = self.shop.house.ok(&["rollback", &operation, "--yes"]);
        let back = back["operation"].as_str().unwrap();
        self.shop.serves();
        self.shop.house.ok(&["retire", back, "--yes"]);
        assert!(!self.into.exists() && self.shop.kept().is_empty());
    }
}

#[test]
fn those_who_use_it_are_pointed_to_the_new_place_and_back() {
    let moved = Move::new();
    let (shop, port) = (&moved.shop, moved.port.to_string());
    let (house, before) = (&shop.house, moved.settings());
    let (time, known) = shop.moment();
    shop.spoil();
    let plan = house.ok(&[moved.words(&time, &port), vec!["--dry-run"]].concat());
    let names: Vec<&str> =
        plan["steps"].as_array().unwrap().iter().map(|step| step["name"].as_str().unwrap()).collect();
    assert_eq!(names, STEPS);
    assert!(moved.settings() == before && !moved.into.exists(), "nothing was touched");

    let report = house.ok(&[moved.words(&time, &port), vec!["--yes"]].concat());
    assert_eq!(
        moved.settings(),
        before.replace(&format!("DB_PORT={}", house.server.port()), &format!("DB_PORT={port}"))
    );
    assert_eq!(shop.sql("SHOW data_directory"), moved.into.display().to_string());
    assert_eq!(shop.sql("SELECT count(*) FROM orders WHERE what <> 'app'"), "0");
    shop.has(&known);
    shop.serves();
    assert_eq!(report["pointed"][0]["to"], port, "{report:#}");
    assert_eq!(shop.said(), ["page", "schema", "index", "tell"]);
    let consumers = house.ok(&["consumers", "shop"]);
    let is_there = |one: &serde_json::Value| one["application"] == "checkout" && one["database"] == "postgres";
    assert!(consumers.as_array().unwrap().iter().any(is_there), "{consumers:#}");

    // The old one lies where it lay, and no server starts on it.
    let kept = shop.kept();
    let old = house.server.data_dir();
    assert_eq!((kept.len(), kept[0]["path"].as_str()), (1, old.to_str()));
    assert!(old.join("base").exists() && !old.join("global/pg_control").exists());

    // What is protected is where it is now.
    house.ok(&["backup", "shop", "--name", "after"]);
    let latest = house.ok(&["peek", "shop", "--to", "latest", "--", "SELECT count(*) FROM orders WHERE what <> 'app'"]);
    assert!(latest.to_string().contains("\"0\""), "{latest:#}");

    moved.go_back();
    assert_eq!(moved.settings(), before);
    assert_eq!(shop.sql("SHOW data_directory"), old.display().to_string());
    assert_ne!(shop.sql("SELECT count(*) FROM orders WHERE what = 'spoilt'"), "0");
}

/// What is left behind is itself a mount still: it is fenced where it lies, and serves again when everybody goes back to it.
#[test]
fn a_mount_that_is_left_behind_serves_again() {
    let moved = Move::new();
    let (shop, port) = (&moved.shop, moved.port.to_string());
    let (time, _) = shop.moment();
    shop.spoil();
    shop.house.ok(&["restore", "shop", "--time", &time, "--swap", "--yes", "--limit", "1kB"]);
    shop.sql("CREATE TABLE of_the_first ()");
    let (time, _) = shop.moment();
    shop.spoil();
    // A backup reads all of it, and what was read is present.
    let no_snapshot = ["--no-snapshot", "restore shop without a snapshot"];
    let more = ["--yes", "--limit", "1kB"];
    shop.house.ok(&[&moved.words(&time, &port)[..], &more, &no_snapshot].concat());
    assert_eq!(shop.sql("SHOW data_directory"), moved.into.display().to_string());
    shop.serves();
    let old = shop.house.server.data_dir();
    assert!(is_mount(&moved.into) && !old.join("global/pg_control").exists());
    let id = newest(&shop.house)["id"].as_str().unwrap().to_owned();
    shop.house.ok(&[&["rollback", &id, "--yes"], &no_snapshot[..]].concat());
    shop.serves();
    assert_eq!(shop.sql("SHOW data_directory"), old.display().to_string());
    assert!(is_mount(&old));
    assert_ne!(shop.sql("SELECT to_regclass('of_the_first')"), "");
}

#[test]
fn cancelled_from_the_cut_over_on_the_old_place_serves_again() {
    let moved = Move::new();
    let (port, before) = (moved.port.to_string(), moved.settings());
    for step in &STEPS[6..15] {
        let harm = moved.shop.harm();
        let words = [moved.words(&harm.time, &port), vec!["--yes"]].concat();
        let words: Vec<String> = words.into_iter().map(str::to_owned).collect();
        moved.shop.hangs_and_cancelled(step, &words.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(moved.settings(), before, "{step}");
        moved.shop.is_with(&harm, step);
        let kept = moved.shop.retire_all();
        assert!(kept.iter().all(|path| Some(path.as_str()) == moved.into.to_str()), "{step}: {kept:?}");
        assert!(!moved.into.exists(), "{step}");
    }
}

#[test]
fn what_is_in_the_way_of_another_place_is_said_before() {
    let moved = Move::new();
    let (shop, port) = (&moved.shop, moved.port.to_string());
    let (time, _) = shop.moment();
    shop.spoil();
    let into = moved.into.to_str().unwrap();
    let beside = ["restore", "shop", "--time", &time, "--beside", "--yes"];
    // Neither an address nor a port of its own.
    let refused = shop.house.refused(&[&beside[..], &["--into", into]].concat());
    assert_eq!(refused.0, 2);
    // A port that is taken, settings that somebody has changed, a directory that is not empty: all at once.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().port().to_string();
    let held = std::net::TcpListener::bind(format!("127.0.0.1:{taken}"));
    std::fs::create_dir(&moved.into).unwrap();
    std::fs::write(moved.into.join("mine"), "").unwrap();
    std::fs::write(shop.house.path("app.env"), moved.settings().replace("DB_PORT=", "DB_PORT=1")).unwrap();
    let (code, refused) = shop.house.run(&[&beside[..], &["--into", into, "--port", &taken]].concat());
    assert_eq!((code, refused["code"].as_str()), (4, Some("RK-3052")), "{refused:#}");
    let said = refused["message"].as_str().unwrap();
    for part in ["is not empty", &format!("nothing can listen at localhost:{taken}"), "endpoint settings says"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    drop(held);
    // Nobody says how a server there is started.
    let elsewhere = shop.house.server.home().join("third").display().to_string();
    let (_, refused) = shop.house.run(&[&beside[..], &["--into", &elsewhere, "--port", &port]].concat());
    assert!(refused["message"].as_str().unwrap().contains("directory = "), "{refused:#}");
    assert!(wait_until(PATIENCE, || moved.into.join("mine").exists()));
}

/// Behind each part of the effects by which it is another place, and behind each part of what takes them back.
#[test]
fn whatever_part_of_a_move_was_done_when_it_failed_the_old_place_serves() {
    let moved = Move::new();
    let (shop, port, before) = (&moved.shop, moved.port.to_string(), moved.settings());
    let (house, old) = (&shop.house, shop.house.server.data_dir().display().to_string());
    let fails = |time: &str| shop.fails(&[moved.words(time, &port), vec!["--yes"]].concat());
    let is_back = |harm: &Harm, what: &str| {
        assert_eq!((moved.settings(), shop.sql("SHOW data_directory")), (before.clone(), old.clone()), "{what}");
        shop.is_with(harm, what);
        shop.retire_all();
        assert!(!moved.into.exists(), "{what}");
    };
    let harm = shop.harm();
    house.fault("restore/health/breaks");
    let noted = house.parts_of(|| drop(fails(&harm.time)));
    is_back(&harm, "health");
    let points = |part: &str| noted.iter().any(|(step, noted)| step == "restore/point" && noted == part);
    assert!(points("2") && points("undo-2"), "{noted:?}");
    for (step, part) in noted.iter().filter(|(step, _)| ["restore/cut-over", "restore/point"].contains(&&**step)) {
        let (harm, undo) = (shop.harm(), part.strip_prefix("undo-"));
        let fault = match undo {
            None => format!("{step}/breaks-at-{part}"),
            Some(n) => format!("{step}/undo-breaks-at-{n}\nrestore/health/breaks"),
        };
        house.fault(&fault);
        let one = fails(&harm.time);
        assert!(house.has_struck(), "{fault}: it never came to it: {one:#}");
        match undo {
            Some(_) => shop.leads_back(&one, || house.fault("")),
            None => assert_eq!(one["status"], "failed", "{fault}: {one:#}"),
        }
        house.fault("");
        is_back(&harm, &fault);
    }
}

//! J3: PostgreSQL and an application in containers on one server, migrations, `/health`, and another database that must not change.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;
use testkit::podman::Engine;
use testkit::postgres::{StopMode, wait_until};

use super::rounds::{self, Part, Scene, borrowed};
use crate::approver::Approver;
use crate::house::{House, PATIENCE, server, text};
use crate::shop::write;

const IMAGE: &str = "localhost/clinic";

/// Writes numbered orders and notes each that was acknowledged. It answers how it is.
const APPLICATION: &str = r#"#!/bin/sh
trap 'exit 0' TERM
httpd -p 127.0.0.1:WEB -h APP/www
while :; do
  n=$(PSQL "INSERT INTO orders (what) VALUES ('app') RETURNING id" 2>/dev/null | head -n 1)
  if [ -n "$n" ]; then echo "$n" >> APP/noted; fi
  sleep 0.1
done
"#;

const HEALTH: &str = r#"#!/bin/sh
version=$(PSQL "SELECT version FROM schema_migrations WHERE NOT dirty")
orders=$(PSQL "SELECT count(vat) FROM orders")
if [ -n "$version" ] && [ -n "$orders" ]; then
  printf 'Status: 200 OK\r\nContent-Type: application/json\r\n\r\n{"schema":%s}\n' "$version"
else
  printf 'Status: 503 Service Unavailable\r\n\r\n'
fi
"#;

/// The application needs the last of them.
const MIGRATIONS: [&str; 2] = [
    "CREATE TABLE orders (id bigserial PRIMARY KEY, what text); \
     CREATE TABLE schema_migrations (version bigint PRIMARY KEY, dirty boolean NOT NULL); INSERT INTO schema_migrations VALUES (1, false)",
    "ALTER TABLE orders ADD COLUMN IF NOT EXISTS vat int DEFAULT 19; UPDATE schema_migrations SET version = 2",
];

struct Clinic {
    house: House,
    engine: Engine,
    web: u16,
    known: Vec<u64>,
    other: String,
    spoilt: String,
}

impl Clinic {
    fn new() -> Clinic {
        let mut house = House::bare(server(15));
        for name in ["sales", "other"] {
            house.server.sql("postgres", &format!("CREATE DATABASE {name}"));
        }
        house.server.sql("other", "CREATE TABLE kept AS SELECT n, md5(n::text) AS t FROM generate_series(1, 1000) n");
        for migration in MIGRATIONS {
            house.server.sql("sales", migration);
        }
        house.server.stop(StopMode::Fast);
        let engine = Engine::start();
        engine.build_postgres(IMAGE, house.server.bin_dir());
        let (known, other, spoilt) = (Vec::new(), String::new(), String::new());
        let mut clinic = Clinic { house, engine, web: testkit::free_port(), known, other, spoilt };
        clinic.run_server();
        clinic.run_application();
        clinic.house.init();
        clinic.house.start_daemon();
        clinic.apply("");
        clinic.writes();
        clinic.house.ok(&["backup", "shop"]);
        clinic
    }

    fn run_server(&self) {
        use std::os::unix::fs::MetadataExt;
        let server = &self.house.server;
        let (home, data) = (server.home().display().to_string(), server.data_dir().display().to_string());
        let owner = std::fs::metadata(server.data_dir()).unwrap();
        let (user, volume) = (format!("{}:{}", owner.uid(), owner.gid()), format!("{home}:{home}"));
        let (program, port) = (server.bin_dir().join("postgres").display().to_string(), server.port().to_string());
        let fixed = ["run", "--detach", "--network", "host", "--name", "db", "--stop-signal", "INT"];
        let how = ["--user", &user, "--volume", &volume, IMAGE, &program, "-D", &data, "-p", &port];
        self.engine.podman(&[&fixed[..], &how[..]].concat());
        let answers = wait_until(PATIENCE, || server.try_sql("postgres", "SELECT 1").status.success());
        assert!(answers, "{}", self.engine.logs("db"));
    }

    fn psql(&self) -> String {
        let server = &self.house.server;
        format!("{}/psql -U postgres -h 127.0.0.1 -p {} -d sales -XAtqc", server.bin_dir().display(), server.port())
    }

    fn run_application(&self) {
        let app = self.house.path("app");
        std::fs::create_dir_all(app.join("www/cgi-bin")).unwrap();
        let (web, home) = (self.web.to_string(), app.display().to_string());
        let filled = |text: &str| text.replace("PSQL", &self.psql()).replace("WEB", &web).replace("APP", &home);
        write(&app.join("application"), &filled(APPLICATION));
        write(&app.join("www/cgi-bin/health"), &filled(HEALTH));
        let (volume, program) = (format!("{home}:{home}"), app.join("application").display().to_string());
        let fixed = ["run", "--detach", "--network", "host", "--name", "app", "--volume", &volume];
        self.engine.podman(&[&fixed[..], &[IMAGE, "sh", &program]].concat());
    }

    fn apply(&self, more: &str) {
        let (url, socket) = (self.house.server.socket_url("postgres"), self.engine.socket());
        let said = self.house.path("said").display().to_string();
        let podman = self.engine.shell_words();
        let migrate = format!("{podman} run --rm --network host {IMAGE} {} {:?}", self.psql(), MIGRATIONS[1]);
        let hook = |name: &str, when: &str, script: &str| {
            format!(
                "[[hook]]\nname = \"{name}\"\nwhen = \"{when}\"\ndriver = \"command\"\ncommand = [\"sh\", \"-c\", {script:?}]\n"
            )
        };
        let container = |name: &str| format!("driver = \"docker\"\ncontainer = \"{name}\"\nsocket = {socket:?}\n");
        let file = format!(
            "[stack]\nname = \"clinic\"\n[[source]]\nname = \"shop\"\nurl = {url:?}\n\
             [[service]]\nname = \"app\"\n{}[[service]]\nname = \"db\"\nserver_of = \"shop\"\n{}{}{}{}\
             [[health]]\nname = \"app\"\nin_a_row = 2\ndriver = \"http\"\nurl = \"http://127.0.0.1:{}/cgi-bin/health\"\ncontains = '\"schema\":2'\n\
             [[migration]]\nsource = \"shop\"\ndatabase = \"sales\"\nexpects = \"2\"\n{more}",
            container("app"),
            container("db"),
            hook("users", "announce", &format!("echo announced >> {said}")),
            hook("schema", "migrate", &migrate),
            hook("orders", "smoke", &format!("test $({} 'SELECT count(*) > 0 FROM orders') = t", self.psql())),
            self.web,
        );
        let path = self.house.path("stack.toml");
        std::fs::write(&path, file).unwrap();
        self.house.ok(&["apply", text(&path)]);
        self.house.caught_up();
    }

    fn sql(&self, text: &str) -> String {
        self.house.server.sql("sales", text).trim().to_owned()
    }

    fn noted(&self) -> Vec<u64> {
        let text = std::fs::read_to_string(self.house.path("app/noted")).unwrap_or_default();
        text.lines().filter_map(|line| line.parse().ok()).collect()
    }

    /// It writes, and what it writes is acknowledged.
    fn writes(&self) {
        let before = self.noted().len();
        let goes_on = wait_until(PATIENCE, || self.noted().len() > before + 2);
        assert!(goes_on, "{}\n{}", self.engine.logs("app"), self.house.log());
    }

    /// A release that could not be taken back: the schema is an older one at the moment before it.
    fn release_and_spoil(&mut self, point: &str) {
        self.sql("ALTER TABLE orders DROP COLUMN vat; UPDATE schema_migrations SET version = 1");
        std::fs::write(self.house.path("app/noted"), "").unwrap();
        self.writes();
        self.known = self.noted();
        self.house.server.sql("postgres", &format!("SELECT pg_create_restore_point('{point}')"));
        self.sql(MIGRATIONS[1]);
        self.sql("UPDATE orders SET what = 'spoilt'");
        self.spoilt = self.sql("SELECT max(id) FROM orders WHERE what = 'spoilt'");
        self.other = self.checksum();
        self.house.caught_up();
    }

    /// All of the other database, whoever touched it.
    fn checksum(&self) -> String {
        let all = "SELECT md5(string_agg(xmin || ' ' || ctid || ' ' || k::text, ',' ORDER BY n)) FROM kept k";
        self.house.server.sql("other", all)
    }

    fn words(point: &str) -> Vec<String> {
        ["restore", "shop", "--restore-point", point, "--database", "sales", "--swap", "--yes"]
            .map(str::to_owned)
            .to_vec()
    }

    fn has_all_that_was_acknowledged(&self) {
        let there = self.sql("SELECT id FROM orders WHERE what = 'app'");
        let there: BTreeSet<u64> = there.lines().filter_map(|line| line.parse().ok()).collect();
        let missing: Vec<&u64> = self.known.iter().filter(|order| !there.contains(order)).collect();
        assert!(missing.is_empty(), "acknowledged and gone: {missing:?}");
    }

    /// What stands beside the live database, and takes it away.
    fn kept_beside(&self) -> Vec<String> {
        let names = self.sql("SELECT datname FROM pg_database WHERE datname LIKE 'sales_%' ORDER BY 1");
        let names: Vec<String> = names.lines().map(str::to_owned).collect();
        for name in &names {
            self.house.server.sql("postgres", &format!("DROP DATABASE \"{name}\""));
        }
        names
    }
}

impl Scene for Clinic {
    const KIND: &'static str = "extract";

    fn house(&mut self) -> &mut House {
        &mut self.house
    }

    fn harm(&mut self, round: &str) -> Vec<String> {
        self.release_and_spoil(&format!("before {round}"));
        Clinic::words(&format!("before {round}"))
    }

    fn has_gone_back(&mut self, step: &str) {
        assert_eq!(self.sql("SELECT count(*) FROM orders WHERE what = 'spoilt'"), "0", "{step}");
        self.has_all_that_was_acknowledged();
        self.writes();
        assert_eq!(self.checksum(), self.other, "{step}: another database was touched");
        assert_eq!(self.kept_beside().len(), 1, "{step}");
        assert_eq!(self.house.ok(&["clones"]), Value::Array(vec![]), "{step}");
    }

    fn is_as_it_was(&mut self, step: &str) {
        assert_eq!(self.sql("SELECT max(id) FROM orders WHERE what = 'spoilt'"), self.spoilt, "{step}");
        self.writes();
        assert_eq!(self.checksum(), self.other, "{step}: another database was touched");
        let kept = self.kept_beside();
        assert!(kept.iter().all(|name| name.starts_with("sales_undone_")), "{step}: {kept:?}");
        assert_eq!(self.house.ok(&["clones"]), Value::Array(vec![]), "{step}");
        // What is spoilt would be taken for spoilt by the next round.
        self.sql("UPDATE orders SET what = 'app'");
    }
}

impl Drop for Clinic {
    fn drop(&mut self) {
        self.house.kill_daemon();
    }
}

fn packs(house: &House) -> BTreeSet<PathBuf> {
    let below = |folder: &Path| std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    below(&house.path("vault/packs")).flat_map(|folder| below(&folder).collect::<Vec<_>>()).collect()
}

/// Every pack that came with it has other bytes than were written, or is cut short.
fn damage(packs: &BTreeSet<PathBuf>, how: impl Fn(&mut Vec<u8>)) {
    for pack in packs {
        let mut bytes = std::fs::read(pack).unwrap();
        how(&mut bytes);
        std::fs::write(pack, bytes).unwrap();
    }
}

/// A backup that nobody can use; those before it can.
fn damaged_backup(clinic: &Clinic, how: impl Fn(&mut Vec<u8>)) -> String {
    let before = packs(&clinic.house);
    clinic.sql("INSERT INTO orders (what) SELECT 'app' FROM generate_series(1, 20000)");
    let backup = clinic.house.ok(&["backup", "shop"]);
    let newer: BTreeSet<PathBuf> = packs(&clinic.house).difference(&before).cloned().collect();
    assert!(!newer.is_empty());
    damage(&newer, how);
    backup["id"].as_str().unwrap().to_owned()
}

#[test]
fn the_runbook_of_a_single_server() {
    let mut clinic = Clinic::new();
    let lead = Approver::new(&clinic.house, "lead");
    clinic.apply("[policy.approvals]\nrestore = 1\n");
    let damaged = damaged_backup(&clinic, |bytes| {
        let middle = bytes.len() / 2;
        bytes[middle..].iter_mut().for_each(|byte| *byte ^= 0x55);
    });
    clinic.release_and_spoil("before the release");
    let words = Clinic::words("before the release");
    let words = borrowed(&words);
    let plan = clinic.house.ok(&[&words[..], &["--dry-run"]].concat());
    assert_eq!(plan["backup"], damaged.as_str(), "nobody knows yet: {plan:#}");
    let (_, refused) = clinic.house.run(&words);
    assert_eq!(refused["code"], "RK-4007", "{refused:#}");
    let id = clinic.house.newest("extract")["id"].as_str().unwrap().to_owned();
    assert!(lead.says(&clinic.house, &id, "approve", "go").starts_with("HTTP/1.1 200"));
    let is_over = || clinic.house.newest("extract")["status"] == "succeeded";
    assert!(wait_until(2 * PATIENCE, is_over), "{:#}\n{}", clinic.house.newest("extract"), clinic.house.log());

    let logs = clinic.house.prints(&["ops", "logs", &id]);
    assert!(logs.contains(&format!("backup {damaged} cannot be used")), "{logs}");
    assert!(logs.contains("taken in full, as the backup before cannot be built upon"), "{logs}");
    let report = clinic.house.ok(&["report", &id]);
    assert_ne!(report["backup"], damaged.as_str(), "{report:#}");
    assert!(report["snapshot"].is_string() && report["approvals"][0]["by"] == "lead", "{report:#}");
    let markdown = report["markdown"].as_str().unwrap();
    for told in ["| quiesce |", "| health |", "golang-migrate"] {
        assert!(markdown.contains(told), "{told}\n{markdown}");
    }
    clinic.has_gone_back("all of it");
}

/// What is missing is seen before anything is made of it.
#[test]
fn a_backup_that_is_cut_short_gives_way_to_the_one_before() {
    let mut clinic = Clinic::new();
    let cut = damaged_backup(&clinic, |bytes| bytes.truncate(bytes.len() / 2));
    clinic.release_and_spoil("before");
    let into = clinic.house.path("copy");
    let copied = clinic.house.ok(&["restore", "shop", "--restore-point", "before", "--into", text(&into), "--yes"]);
    assert_ne!(copied["backup"], cut.as_str(), "{copied:#}");
    // One that is named is the one that is meant.
    let into = clinic.house.path("named");
    let (code, refused) = clinic.house.run(&["restore", "shop", "--backup", &cut, "--into", text(&into), "--yes"]);
    assert_eq!((code, refused["code"].as_str()), (6, Some("RK-1020")), "{refused:#}");
    let words = Clinic::words("before");
    clinic.house.ok(&borrowed(&words));
    clinic.has_gone_back("all of it");
}

#[test]
fn killed_before_every_step_it_comes_to_its_end() {
    rounds::killed(&mut Clinic::new(), "dies-before", Part::All);
}

#[test]
fn killed_after_every_step_it_comes_to_its_end() {
    rounds::killed(&mut Clinic::new(), "dies-after", Part::All);
}

#[test]
fn what_fails_at_any_step_leaves_the_old_database_serving() {
    rounds::broken(&mut Clinic::new(), Part::All);
}

//! J2: a shop whose database feeds a search index and a cache. It is restored under its own name with exactly its settings, behind a
//! maintenance page, and what was derived from it is made anew by the shop's own command.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use testkit::postgres::wait_until;

use super::rounds::{self, Part, Scene, borrowed};
use crate::house::{House, PATIENCE};
use crate::shop::{Harm, Shop, write};

const INDEX: &str = "
source products
{
    type = pgsql
    sql_host = SOCKETS
    sql_port = PORT
    sql_user = postgres
    sql_pass =
    sql_db = postgres
    sql_query = SELECT id, what FROM products
}
index products
{
    source = products
    path = HOME/products
}
indexer
{
    mem_limit = 32M
}
searchd
{
    listen = 127.0.0.1:SEARCH:mysql41
    pid_file = HOME/searchd.pid
    log = HOME/searchd.log
    binlog_path =
}
";

/// The shop's own command. What it says is in the operation's log.
const SYNC: &str = r#"#!/bin/bash
set -e
redis-cli -p CACHE flushall >/dev/null
PSQL -F ' ' "SELECT 'SET product:' || id, quote_ident(what) FROM products" | redis-cli -p CACHE >/dev/null
indexer --quiet --config HOME/sphinx.conf --rotate products
echo "synced $(redis-cli -p CACHE dbsize) products"
"#;

const ASK: &str = "import pymysql, sys
c = pymysql.connect(host='127.0.0.1', port=int(sys.argv[1]), user='x').cursor()
c.execute('SELECT id FROM products WHERE MATCH(%s) LIMIT 1000', (sys.argv[2],))
print(len(c.fetchall()))";

struct Commerce {
    shop: Shop,
    cache: u16,
    search: u16,
    page: u16,
    servers: Vec<Child>,
    harm: Harm,
}

impl Commerce {
    fn new() -> Commerce {
        let shop = Shop::new();
        shop.sql("CREATE TABLE products (id int PRIMARY KEY, what text); INSERT INTO products SELECT n, 'lamp' FROM generate_series(1, 300) n");
        let [cache, search, page] = [(); 3].map(|()| testkit::free_port());
        let mut commerce = Commerce { shop, cache, search, page, servers: Vec::new(), harm: Harm::default() };
        commerce.start_cache_and_search();
        commerce.shop.apply(&format!(
            "[[hook]]\nname = \"front\"\nwhen = \"announce\"\ndriver = \"maintenance-page\"\nlisten = \"127.0.0.1:{page}\"\n\
             [[hook]]\nname = \"sync-data\"\nwhen = \"re-sync\"\ndriver = \"command\"\ncommand = [{:?}]\n",
            commerce.shop.house.path("sync").display().to_string(),
        ));
        commerce
    }

    fn start_cache_and_search(&mut self) {
        let (house, server) = (&self.shop.house, &self.shop.house.server);
        let psql = format!(
            "{}/psql -h {} -p {} -U postgres -XAtc",
            server.bin_dir().display(),
            server.socket_dir().display(),
            server.port()
        );
        let filled = |text: &str| {
            text.replace("HOME", &house.folder.path().display().to_string())
                .replace("SOCKETS", &server.socket_dir().display().to_string())
                .replace("PORT", &server.port().to_string())
                .replace("SEARCH", &self.search.to_string())
                .replace("CACHE", &self.cache.to_string())
                .replace("PSQL -F ' '", &psql.replace("-XAtc", "-XAtF ' ' -c"))
        };
        let config = house.path("sphinx.conf");
        std::fs::write(&config, filled(INDEX)).unwrap();
        write(&house.path("sync"), &filled(SYNC));
        let made = Command::new("indexer").args(["--quiet", "--all", "--config"]).arg(&config).output().unwrap();
        assert!(made.status.success(), "{made:?}");
        let quiet = |program: &str| {
            let mut command = Command::new(program);
            command.current_dir(house.folder.path()).stdout(Stdio::null()).stderr(Stdio::null());
            command
        };
        let search = quiet("searchd").args(["--nodetach", "--config"]).arg(&config).spawn().unwrap();
        let cache = quiet("redis-server").args(["--save", "", "--port", &self.cache.to_string()]).spawn().unwrap();
        self.servers = vec![search, cache];
        for port in [self.search, self.cache] {
            assert!(wait_until(PATIENCE, || TcpStream::connect(("127.0.0.1", port)).is_ok()), "{port}");
        }
        self.sync();
    }

    fn sync(&self) {
        let done = Command::new(self.shop.house.path("sync")).output().unwrap();
        assert!(done.status.success(), "{done:?}");
    }

    fn cached(&self) -> String {
        let asked =
            Command::new("redis-cli").args(["-p", &self.cache.to_string(), "get", "product:7"]).output().unwrap();
        String::from_utf8(asked.stdout).unwrap().trim().to_owned()
    }

    fn found(&self, word: &str) -> usize {
        let asked =
            Command::new("/usr/bin/python3").args(["-c", ASK, &self.search.to_string(), word]).output().unwrap();
        let said = String::from_utf8_lossy(&asked.stdout).trim().to_owned();
        said.parse().unwrap_or_else(|_| panic!("{asked:?}"))
    }

    /// An index that was rotated serves a moment later.
    fn finds(&self, word: &str, step: &str) {
        let (other, seen) = (if word == "lamp" { "junk" } else { "lamp" }, || (self.cached(), self.found(word)));
        assert!(wait_until(PATIENCE, || seen() == (word.to_owned(), 300)), "{step}: {word} {:?}", seen());
        assert_eq!(self.found(other), 0, "{step}: {other}");
    }

    /// What somebody sees who comes to the shop's front.
    fn front(&self) -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.page)).ok()?;
        stream.write_all(b"GET / HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    }

    /// All that can be set, but for what says how the server was started.
    fn settings(&self) -> String {
        self.shop.sql("SELECT name, setting, source FROM pg_settings WHERE context <> 'internal' ORDER BY name")
    }
}

impl Scene for Commerce {
    const KIND: &'static str = "restore";

    fn house(&mut self) -> &mut House {
        &mut self.shop.house
    }

    fn harm(&mut self, _: &str) -> Vec<String> {
        self.harm = self.shop.harm();
        self.shop.sql("UPDATE products SET what = 'junk'");
        self.sync();
        ["restore", "shop", "--time", &self.harm.time, "--swap", "--yes"].map(str::to_owned).to_vec()
    }

    fn has_gone_back(&mut self, step: &str) {
        self.finds("lamp", step);
        self.shop.is_without(&self.harm, step);
        assert!(self.front().is_none(), "{step}: the page is still up");
        self.shop.retire_newest();
    }

    fn is_as_it_was(&mut self, step: &str) {
        self.shop.is_with(&self.harm, step);
        assert_eq!(self.shop.sql("SELECT DISTINCT what FROM products"), "junk", "{step}");
        assert!(self.front().is_none(), "{step}: the page is still up");
        let kept = self.shop.retire_all();
        assert!(kept.iter().all(|path| path.contains(".undone-")), "{step}: {kept:?}");
        self.shop.mend();
        self.shop.sql("UPDATE products SET what = 'lamp'");
    }
}

impl Drop for Commerce {
    fn drop(&mut self) {
        for server in &mut self.servers {
            let _ = server.kill();
            let _ = server.wait();
        }
    }
}

#[test]
fn the_restore_of_a_commerce_platform() {
    let mut commerce = Commerce::new();
    let house = &commerce.shop.house;
    house.ok(&["backup", "shop", "--name", "before the sale"]);
    let (settings, id) = (commerce.settings(), commerce.shop.sql("SELECT system_identifier FROM pg_control_system()"));
    let words = commerce.harm("");
    commerce.finds("junk", "before");
    let words = borrowed(&words);
    let mut asked = commerce.shop.house.spawn(&words);
    let up = wait_until(PATIENCE, || commerce.front().is_some());
    let seen = commerce.front().unwrap_or_default();
    assert!(up && seen.starts_with("HTTP/1.1 503") && seen.to_lowercase().contains("retry-after: 60"), "{seen}");
    assert!(asked.wait().unwrap().success(), "{}", commerce.shop.house.log());

    assert_eq!(commerce.settings(), settings, "exactly the original settings");
    assert_eq!(commerce.shop.sql("SELECT system_identifier FROM pg_control_system()"), id);
    let house = &commerce.shop.house;
    let operation = house.newest("restore")["id"].as_str().unwrap().to_owned();
    let logs = house.prints(&["ops", "logs", &operation]);
    assert!(logs.contains("synced 300 products"), "{logs}");
    let timeline = house.ok(&["timeline", "shop"]).to_string();
    assert!(
        timeline.contains("before the sale") && timeline.contains(&format!("before-restore-{operation}")),
        "{timeline}"
    );
    // The release is rolled back too, if that was the plan: back to where it was, and what was written since is kept.
    house.ok(&["rollback", &operation, "--yes"]);
    assert_eq!(commerce.shop.sql("SELECT DISTINCT what FROM products"), "junk");
    commerce.shop.serves();
}

/// Hourly ones for 60 hours and daily ones for five days, as the platform has them; those of a person under a name that means something.
#[test]
fn backups_by_rules_and_by_hand_are_found_again() {
    let commerce = Commerce::new();
    let house = &commerce.shop.house;
    house.ok(&["backup", "shop", "--name", "before release 41"]);
    let rules = "[policy]\nwindows = [\"daily 00:00-24:00\"]\n\
                 [[policy.backup]]\nname = \"hourly\"\nschedule = \"every 1 min\"\nkeep = \"60 h\"\n\
                 [[policy.backup]]\nname = \"daily\"\nschedule = \"every 1 min\"\nkeep = \"5 d\"\n[policy.log]\nkeep = \"5 d\"\n";
    commerce.shop.apply(rules);
    let by = |timeline: &Value, rule: &str| {
        timeline["backups"].as_array().unwrap().iter().filter(|backup| backup["rule"] == rule).count()
    };
    let there = wait_until(2 * PATIENCE, || {
        let timeline = house.ok(&["timeline", "shop"]);
        by(&timeline, "hourly") > 0 && by(&timeline, "daily") > 0
    });
    let timeline = house.ok(&["timeline", "shop"]);
    assert!(there && timeline.to_string().contains("before release 41"), "{timeline:#}");
    let plan =
        house.ok(&["restore", "shop", "--backup", "before release 41", "--swap", "--at", "next window", "--dry-run"]);
    assert_eq!(plan["backup_label"], "before release 41", "{plan:#}");
}

#[test]
fn killed_before_every_step_it_comes_to_its_end() {
    rounds::killed(&mut Commerce::new(), "dies-before", Part::All);
}

#[test]
fn what_fails_at_any_step_leaves_the_old_state_serving() {
    rounds::broken(&mut Commerce::new(), Part::All);
}

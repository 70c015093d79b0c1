//! J1: a fleet of clusters. A production cluster is restored into a new one with the same settings; its DNS name, the settings of three
//! consumers and its row of the inventory point there; of twelve tenants the five that are tied to it are restarted; the old one goes last.

use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use testkit::bind::{Bind, KEY};
use testkit::podman::Engine;
use testkit::postgres::{Server, wait_until};

use super::rounds::{self, Part, Scene, borrowed};
use crate::house::{House, PATIENCE, server, text};
use crate::shop::{Harm, Shop};

const IMAGE: &str = "localhost/tenant";
const NAME: &str = "db-eu.clusters.test";
/// Where the old one listens, and where the new one does.
const PLACES: [&str; 2] = ["127.0.0.1", "127.0.0.2"];
const TENANTS: usize = 12;
const TIED: usize = 5;

/// An admin tool that is told over HTTP where the database is.
const TOOL: &str = r#"
import http.server, json, sys
state = {"host": sys.argv[2]}
class Tool(http.server.BaseHTTPRequestHandler):
    def answer(self):
        body = json.dumps(state).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    do_GET = answer
    def do_PATCH(self):
        state.update(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.answer()
    def log_message(self, *_):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Tool).serve_forever()
"#;

struct Clusters {
    shop: Shop,
    /// Another cluster: what the fleet is known by, and what the BI tool reads.
    tools: Server,
    bind: Bind,
    engine: Engine,
    tool: Child,
    tool_port: u16,
    into: PathBuf,
    harm: Harm,
    tenants: Vec<String>,
}

impl Clusters {
    fn new() -> Clusters {
        let (shop, tools, engine) = (Shop::over_tcp(), server(15), Engine::start());
        tools.sql("postgres", "CREATE TABLE clusters (name text PRIMARY KEY, region text, host text)");
        tools.sql("postgres", "INSERT INTO clusters VALUES ('one', 'eu', '127.0.0.1')");
        tools.sql("postgres", "INSERT INTO clusters VALUES ('two', 'us', '10.0.0.9')");
        tools.sql("postgres", "CREATE TABLE data_sources (tool text PRIMARY KEY, host text); INSERT INTO data_sources VALUES ('bi', '127.0.0.1')");
        let bind = Bind::start("clusters.test", "db-eu A 127.0.0.1\ndb-us A 10.0.0.9\n", "");
        let tool_port = testkit::free_port();
        let tool = Command::new("/usr/bin/python3")
            .args(["-c", TOOL, &tool_port.to_string(), PLACES[0]])
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let into = shop.house.server.home().join("new");
        let (harm, tenants) = (Harm::default(), Vec::new());
        let mut clusters = Clusters { shop, tools, bind, engine, tool, tool_port, into, harm, tenants };
        clusters.run_tenants();
        clusters.apply();
        clusters
    }

    fn run_tenants(&mut self) {
        self.engine.build_busybox(IMAGE);
        for number in 0..TENANTS {
            let host = if number < TIED { NAME } else { "db-us.clusters.test" };
            let (name, host) = (format!("tenant{number:02}"), format!("DB_HOST={host}"));
            let fixed = ["run", "--detach", "--network", "none", "--name", &name, "--env", &host, IMAGE];
            self.engine.podman(&[&fixed[..], &["sh", "-c", "trap 'exit 0' TERM; sleep 100000 & wait"]].concat());
        }
        // One that nobody thought of: it knows the old address by heart.
        let host = format!("DB_HOST={}", PLACES[0]);
        self.engine.podman(&[
            "run",
            "--detach",
            "--network",
            "none",
            "--name",
            "stray",
            "--env",
            &host,
            IMAGE,
            "sleep",
            "100000",
        ]);
        self.tenants = self.processes();
    }

    /// Of all tenants, in order.
    fn processes(&self) -> Vec<String> {
        let names: Vec<String> = (0..TENANTS).map(|number| format!("tenant{number:02}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let found = self.engine.podman(&[&["inspect", "--format", "{{.State.Pid}}"], &names[..]].concat());
        found.lines().map(str::to_owned).collect()
    }

    fn apply(&mut self) {
        let (house, into) = (&self.shop.house, &self.into);
        self.shop.write_server("new-server", into, "");
        std::fs::write(house.path("tsig"), KEY).unwrap();
        let endpoint = |name: &str, rest: &str| format!("[[endpoint]]\nname = \"{name}\"\nof = \"shop\"\n{rest}");
        let row = |table: &str, filter: &str| {
            let url = self.tools.url("postgres");
            format!(
                "driver = \"sql\"\nconnection = {url:?}\ntable = \"{table}\"\ncolumn = \"host\"\nwhere = {filter}\n"
            )
        };
        let (settings, key, port) = (house.path("app.env"), house.path("tsig"), self.tool_port);
        let file = format!("driver = \"file\"\npath = {settings:?}\nformat = \"env\"\nkey = \"DB_HOST\"\n");
        let dns = format!(
            "driver = \"dns\"\nserver = \"127.0.0.1:{0}\"\nzone = \"clusters.test\"\ndomain = \"{NAME}\"\nrecord = \"A\"\nttl = 5\n\
             key_name = \"planted-key\"\nkey = \"file:{1}\"\nseen_by = [\"127.0.0.1:{0}\"]\n",
            self.bind.port(),
            key.display()
        );
        let http = format!(
            "driver = \"http\"\npointer = \"/host\"\ncurrent = {{ url = \"http://127.0.0.1:{port}/\" }}\n\
             point = {{ method = \"PATCH\", url = \"http://127.0.0.1:{port}/\", body = '{{\"host\": \"{{to}}\"}}' }}\n"
        );
        let more = [
            format!(
                "[[service]]\nname = \"new-server\"\nserver_of = \"shop\"\ndirectory = {into:?}\n{}",
                self.shop.command("new-server")
            ),
            format!(
                "[[service]]\nname = \"tenants\"\ndriver = \"docker\"\nnaming = \"{NAME}\"\nsocket = {:?}\n",
                self.engine.socket()
            ),
            endpoint("dns", &dns),
            endpoint("api", &file),
            endpoint("admin", &http),
            endpoint("bi", &row("data_sources", "{ tool = \"bi\" }")),
            endpoint("inventory", &row("clusters", "{ name = \"one\", region = \"eu\" }")),
        ];
        self.shop.apply(&more.concat());
        // The other cluster is looked after as well, in a stack of its own.
        let stack = format!(
            "[stack]\nname = \"tools\"\n[[source]]\nname = \"tools\"\nurl = {:?}\n",
            self.tools.url("postgres")
        );
        let path = self.shop.house.path("tools.toml");
        std::fs::write(&path, stack).unwrap();
        self.shop.house.ok(&["apply", text(&path)]);
    }

    /// Where each of those who use it believes the database to be.
    fn believed(&self) -> Vec<String> {
        let settings = std::fs::read_to_string(self.shop.house.path("app.env")).unwrap();
        let api = settings.lines().find_map(|line| line.strip_prefix("DB_HOST=")).unwrap_or_default().to_owned();
        let tool =
            Command::new("curl").args(["-s", &format!("http://127.0.0.1:{}/", self.tool_port)]).output().unwrap();
        let tool: serde_json::Value = serde_json::from_slice(&tool.stdout).unwrap();
        let row = |sql: &str| self.tools.sql("postgres", sql).trim().to_owned();
        vec![
            self.bind.dig(&[NAME, "A"]).trim().to_owned(),
            api,
            tool["host"].as_str().unwrap_or_default().to_owned(),
            row("SELECT host FROM data_sources WHERE tool = 'bi'"),
            row("SELECT host FROM clusters WHERE name = 'one'"),
        ]
    }

    fn all_believe(&self, place: &str, step: &str) {
        assert_eq!(self.believed(), [place; 5], "{step}");
        assert_eq!(self.bind.dig(&["db-us.clusters.test", "A"]).trim(), "10.0.0.9", "{step}");
        assert_eq!(
            self.tools.sql("postgres", "SELECT host FROM clusters WHERE name = 'two'").trim(),
            "10.0.0.9",
            "{step}"
        );
    }

    /// All twelve run; those that have nothing to do with it were not touched.
    fn tenants_run(&mut self, restarted: bool, step: &str) {
        let now = self.processes();
        assert!(now.iter().all(|process| process != "0"), "{step}: {now:?}");
        assert_eq!(now[TIED..], self.tenants[TIED..], "{step}: a tenant of another cluster was touched");
        if restarted {
            let same: Vec<usize> = (0..TIED).filter(|tenant| now[*tenant] == self.tenants[*tenant]).collect();
            assert!(same.is_empty(), "{step}: not restarted: {same:?}");
        }
        self.tenants = now;
    }

    fn words(&self, time: &str) -> Vec<String> {
        let into = text(&self.into);
        ["restore", "shop", "--time", time, "--beside", "--into", into, "--host", PLACES[1], "--yes"]
            .map(str::to_owned)
            .to_vec()
    }

    fn is_restored(&mut self, step: &str) {
        self.all_believe(PLACES[1], step);
        assert_eq!(self.shop.sql("SHOW data_directory"), text(&self.into), "{step}");
        self.shop.is_without(&self.harm, step);
        self.tenants_run(true, step);
    }
}

impl Scene for Clusters {
    const KIND: &'static str = "restore";

    fn house(&mut self) -> &mut House {
        &mut self.shop.house
    }

    fn harm(&mut self, _: &str) -> Vec<String> {
        self.harm = self.shop.harm();
        self.words(&self.harm.time)
    }

    fn has_gone_back(&mut self, step: &str) {
        self.is_restored(step);
        // Back for the next round.
        let operation = self.shop.house.newest("restore")["id"].as_str().unwrap().to_owned();
        let back = self.shop.house.ok(&["rollback", &operation, "--yes"]);
        self.shop.house.ok(&["retire", back["operation"].as_str().unwrap(), "--yes"]);
        self.is_as_it_was(step);
    }

    fn is_as_it_was(&mut self, step: &str) {
        self.all_believe(PLACES[0], step);
        self.shop.is_with(&self.harm, step);
        self.tenants_run(false, step);
        self.shop.retire_all();
        assert!(!self.into.exists(), "{step}");
        self.shop.mend();
    }
}

impl Drop for Clusters {
    fn drop(&mut self) {
        let _ = self.tool.kill();
        let _ = self.tool.wait();
    }
}

#[test]
fn a_cluster_moves_into_a_new_one_and_everybody_follows() {
    let mut clusters = Clusters::new();
    clusters.all_believe(PLACES[0], "before");
    let settings = "SELECT name, setting FROM pg_settings WHERE source = 'configuration file' \
                    AND name NOT IN ('listen_addresses', 'port', 'config_file', 'data_directory', 'hba_file', 'ident_file') ORDER BY 1";
    let before = clusters.shop.sql(settings);
    let words = clusters.harm("");
    let words = borrowed(&words);
    let plan = clusters.shop.house.ok(&[&words[..], &["--dry-run"]].concat());
    assert!(plan["findings"].to_string().contains("container stray names 127.0.0.1 in its environment"), "{plan:#}");
    let report = clusters.shop.house.ok(&words);
    let said = clusters.shop.house.prints(&["ops", "logs", report["operation"].as_str().unwrap()]);
    assert!(said.contains("container stray names 127.0.0.1: it still goes to the old place"), "{said}");
    assert!(!said.contains("container tenant"), "{said}");
    clusters.is_restored("all of it");
    assert_eq!(clusters.shop.sql(settings), before, "configured as the old one");
    assert_eq!(report["pointed"].as_array().map(Vec::len), Some(5), "{report:#}");

    // Nothing answers at the old place, and it is removed only now.
    let (old, port) = (clusters.shop.house.server.data_dir(), clusters.shop.house.server.port());
    assert!(TcpStream::connect((PLACES[0], port)).is_err() && TcpStream::connect((PLACES[1], port)).is_ok());
    let kept = clusters.shop.kept();
    assert_eq!((kept.len(), kept[0]["path"].as_str()), (1, old.to_str()), "{kept:#?}");
    clusters.shop.house.ok(&["retire", report["operation"].as_str().unwrap(), "--yes"]);
    assert!(!old.exists());
    clusters.shop.serves();
    let house = &clusters.shop.house;
    house.ok(&["backup", "shop", "--name", "after the move"]);
    house.ok(&["backup", "tools"]);
    let consumers = || house.ok(&["consumers", "shop"]);
    let is_seen = || consumers().as_array().unwrap().iter().any(|one| one["application"] == "checkout");
    assert!(wait_until(2 * PATIENCE, is_seen), "{:#}", consumers());
}

#[test]
fn killed_after_each_of_the_first_steps_it_comes_to_its_end() {
    rounds::killed(&mut Clusters::new(), "dies-after", Part::First);
}

#[test]
fn killed_after_each_of_the_last_steps_it_comes_to_its_end() {
    rounds::killed(&mut Clusters::new(), "dies-after", Part::Last);
}

#[test]
fn what_fails_at_any_of_the_first_steps_leaves_everybody_with_the_old_one() {
    rounds::broken(&mut Clusters::new(), Part::First);
}

#[test]
fn what_fails_at_any_of_the_last_steps_leaves_everybody_with_the_old_one() {
    rounds::broken(&mut Clusters::new(), Part::Last);
}

//! A shop: a cluster whose server is a service of its own, and an application that writes for as long as it runs and is told by a file
//! where its database is.

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use testkit::postgres::{StopMode, wait_until};

use crate::house::{House, PATIENCE, server, text};

/// The house with its server run by a service, and an application that writes for as long as it runs.
pub(crate) struct Shop {
    pub(crate) house: House,
    url: String,
}

/// What was worth going back to, and what was then done to it.
#[derive(Debug, Default)]
pub(crate) struct Harm {
    pub(crate) time: String,
    /// Orders that were acknowledged before it.
    known: Vec<u64>,
    /// How many were spoilt.
    spoilt: String,
}

/// An application: writes numbered orders, and notes each that was acknowledged.
const APPLICATION: &str = r#"#!/bin/bash
while :; do
  . SETTINGS
  n=$(PGCONNECT_TIMEOUT=2 PSQL -h $DB_HOST -p $DB_PORT -XAtqc "INSERT INTO orders (what) VALUES ('app') RETURNING id" \
      -c "SELECT pg_sleep(0.15)" 2>/dev/null | head -1)
  if [ -n "$n" ]; then echo "$n" >> NOTED; else sleep 0.05; fi
done
"#;

impl Shop {
    pub(crate) fn new() -> Shop {
        let house = House::bare(server(15));
        let (url, host) = (house.server.socket_url("postgres"), house.server.socket_dir().display().to_string());
        Shop::at(house, url, &host)
    }

    /// Found by its address, not by its socket.
    pub(crate) fn over_tcp() -> Shop {
        let house = House::bare(server(15));
        let url = house.server.url("postgres");
        Shop::at(house, url, "127.0.0.1")
    }

    /// Its vault is a bucket.
    pub(crate) fn in_bucket(s3: &testkit::s3::Server) -> Shop {
        let mut house = House::bare(server(15));
        house.on_s3(s3);
        let (url, host) = (house.server.socket_url("postgres"), house.server.socket_dir().display().to_string());
        Shop::at(house, url, &host)
    }

    fn at(mut house: House, url: String, host: &str) -> Shop {
        house.server.sql("postgres", "CREATE TABLE orders (id bigserial PRIMARY KEY, what text)");
        house.server.stop(StopMode::Fast);
        let mut shop = Shop { house, url };
        shop.write_services(host);
        shop.service("server", "start");
        shop.house.init();
        shop.house.start_daemon();
        shop.apply("");
        shop.service("app", "start");
        assert!(wait_until(PATIENCE, || shop.noted().len() > 3), "the application writes");
        shop.house.ok(&["backup", "shop"]);
        shop
    }

    fn psql(&self) -> String {
        format!("PGAPPNAME=checkout {}/psql -U postgres postgres", self.house.server.bin_dir().display())
    }

    /// `pg_ctl` as the owner of the files, as any service manager does it.
    pub(crate) fn write_server(&self, name: &str, data: &Path, more: &str) {
        use std::os::unix::fs::MetadataExt;
        let server = &self.house.server;
        let owner = std::fs::metadata(server.data_dir()).unwrap();
        let become_him = match owner.uid() {
            0 => String::new(),
            uid if uid == rustix::process::geteuid().as_raw() => String::new(),
            uid => format!("setpriv --reuid={uid} --regid={} --clear-groups ", owner.gid()),
        };
        let data = data.display();
        let control = format!("{become_him}{}/pg_ctl -D {data}", server.bin_dir().display());
        let log = server.home().join(format!("{name}.log")).display().to_string();
        let script = format!(
            "#!/bin/bash\ncd /\ncase $1 in\nstart) {control} -w -s -l {log} {more} start;;\nstop) {control} -w -s -m fast stop;;\nstatus) [ -e {data}/PG_VERSION ] || exit 3; {control} status >/dev/null;;\nesac\n"
        );
        write(&self.house.path(name), &script);
    }

    fn write_services(&self, host: &str) {
        let (server, path) = (&self.house.server, |name: &str| self.house.path(name).display().to_string());
        self.write_server("server", &server.data_dir(), &format!("-o '-p {}'", server.port()));
        let settings = format!("# Where it is.\nDB_HOST={host}\nDB_PORT={}\n", server.port());
        std::fs::write(self.house.path("app.env"), settings).unwrap();
        let application = APPLICATION.replace("PSQL", &self.psql()).replace("NOTED", &path("noted"));
        let application = application.replace("SETTINGS", &path("app.env"));
        write(&self.house.path("application"), &application);
        let (pid, program) = (path("app.pid"), path("application"));
        let script = format!(
            "#!/bin/bash\nruns() {{ [ -e {pid} ] && kill -0 $(cat {pid}) 2>/dev/null; }}\ncase $1 in\n\
             start) runs || {{ setsid {program} </dev/null >/dev/null 2>&1 & echo $! > {pid}; }};;\n\
             stop) runs && {{ kill $(cat {pid}); while runs; do sleep 0.02; done; }}; rm -f {pid};;\n\
             status) runs || exit 3;;\nesac\n"
        );
        write(&self.house.path("app"), &script);
    }

    pub(crate) fn service(&self, name: &str, word: &str) {
        let done = Command::new(self.house.path(name)).arg(word).status().unwrap();
        let log = std::fs::read_to_string(self.house.server.home().join(format!("{name}.log"))).unwrap_or_default();
        assert!(done.success(), "{name} {word}: {done}\n{log}");
    }

    /// A service of the stack that is a script of ours.
    pub(crate) fn command(&self, name: &str) -> String {
        let path = self.house.path(name).display().to_string();
        format!(
            "driver = \"command\"\nstart = [{path:?}, \"start\"]\nstop = [{path:?}, \"stop\"]\nstatus = [{path:?}, \"status\"]\n"
        )
    }

    pub(crate) fn apply(&self, more: &str) {
        let url = &self.url;
        let said = self.house.path("said").display().to_string();
        let hook = |name: &str, when: &str| {
            let script = format!("echo {name} >> {said}; echo said {name}");
            format!(
                "[[hook]]\nname = \"{name}\"\nwhen = \"{when}\"\ndriver = \"command\"\ncommand = [\"sh\", \"-c\", {script:?}]\n"
            )
        };
        let settings = self.house.path("app.env").display().to_string();
        let looks =
            format!(". {settings}; {} -h $DB_HOST -p $DB_PORT -XAtqc 'SELECT max(id) FROM orders'", self.psql());
        let file = format!(
            "[stack]\nname = \"shop\"\n[[source]]\nname = \"shop\"\nurl = {url:?}\n\
             [[service]]\nname = \"app\"\n{}[[service]]\nname = \"server\"\nserver_of = \"shop\"\n{}{}{}{}{}\
             [[health]]\nname = \"orders\"\ndriver = \"command\"\ncommand = [\"sh\", \"-c\", {looks:?}]\n{more}",
            self.command("app"),
            self.command("server"),
            hook("page", "announce"),
            hook("schema", "migrate"),
            hook("index", "re-sync"),
            hook("tell", "done"),
        );
        let path = self.house.path("stack.toml");
        std::fs::write(&path, file).unwrap();
        self.house.ok(&["apply", text(&path)]);
        self.house.caught_up();
    }

    /// The numbers of orders that the application was told are there.
    pub(crate) fn noted(&self) -> Vec<u64> {
        let text = std::fs::read_to_string(self.house.path("noted")).unwrap_or_default();
        text.lines().filter_map(|line| line.parse().ok()).collect()
    }

    /// Asked where the application asks.
    pub(crate) fn sql(&self, sql: &str) -> String {
        let settings = self.house.path("app.env").display().to_string();
        let asked = format!(". {settings}; exec \"$0\" -U postgres -h $DB_HOST -p $DB_PORT -XAtqc \"$1\" postgres");
        let program = self.house.server.bin_dir().join("psql");
        let done = Command::new("bash").args(["-c", &asked]).arg(program).arg(sql).output().unwrap();
        assert!(done.status.success(), "{sql}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap().trim_end().to_owned()
    }

    /// A moment, and the orders that were acknowledged shortly before it. Those of longer ago may have been taken back since.
    pub(crate) fn moment(&self) -> (String, Vec<u64>) {
        std::fs::write(self.house.path("noted"), "").unwrap();
        assert!(wait_until(PATIENCE, || self.noted().len() > 2), "the application does not write");
        let known = self.noted();
        let lsn = self.sql("SELECT pg_create_restore_point('good'), pg_switch_wal()");
        assert!(!lsn.is_empty());
        self.house.caught_up();
        (self.sql("SELECT clock_timestamp() AT TIME ZONE 'UTC'").trim().replace(' ', "T") + "Z", known)
    }

    pub(crate) fn spoil(&self) {
        self.sql("INSERT INTO orders (what) SELECT 'nonsense' FROM generate_series(1, 50); UPDATE orders SET what = 'spoilt'");
        self.house.caught_up();
    }

    pub(crate) fn harm(&self) -> Harm {
        let (time, known) = self.moment();
        self.spoil();
        Harm { time, known, spoilt: self.spoilt() }
    }

    fn spoilt(&self) -> String {
        self.sql("SELECT count(*) FROM orders WHERE what = 'spoilt'")
    }

    /// Nothing of the harm is left, nothing that was acknowledged before it is missing, and it serves.
    pub(crate) fn is_without(&self, harm: &Harm, step: &str) {
        assert_eq!(self.sql("SELECT count(*) FROM orders WHERE what <> 'app'"), "0", "{step}");
        self.has(&harm.known);
        self.serves();
    }

    /// It serves as it did when a restore was asked for.
    pub(crate) fn is_with(&self, harm: &Harm, step: &str) {
        assert_eq!(self.spoilt(), harm.spoilt, "{step}");
        self.serves();
    }

    /// What came back with the old state is not to be taken for what the next restore leaves.
    pub(crate) fn mend(&self) {
        self.sql("UPDATE orders SET what = 'app'");
    }

    pub(crate) fn retire_newest(&self) {
        let operation = newest(&self.house)["id"].as_str().unwrap().to_owned();
        self.house.ok(&["retire", &operation, "--yes"]);
    }

    /// Everything that is kept goes; where each of it lay.
    pub(crate) fn retire_all(&self) -> Vec<String> {
        let text = |one: &Value, name: &str| one[name].as_str().unwrap().to_owned();
        let kept = self.kept();
        kept.iter().for_each(|one| drop(self.house.ok(&["retire", &text(one, "operation"), "--yes"])));
        kept.iter().map(|one| text(one, "path")).collect()
    }

    /// It writes, and what it writes is there.
    pub(crate) fn serves(&self) {
        let before = self.noted().len();
        assert!(
            wait_until(PATIENCE, || self.noted().len() > before + 2),
            "the application does not write\n{}",
            self.house.log()
        );
    }

    pub(crate) fn has(&self, orders: &[u64]) {
        let there = self.sql("SELECT id FROM orders WHERE what = 'app'");
        let there: std::collections::HashSet<u64> = there.lines().filter_map(|line| line.trim().parse().ok()).collect();
        let missing: Vec<&u64> = orders.iter().filter(|order| !there.contains(order)).collect();
        assert!(missing.is_empty(), "acknowledged and gone: {missing:?}");
    }

    pub(crate) fn said(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.house.path("said")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    pub(crate) fn kept(&self) -> Vec<Value> {
        self.house.ok(&["retired"]).as_array().unwrap().clone()
    }
}

impl Shop {
    pub(crate) fn killed_and_over(&mut self, step: &str, fault: &str, words: &[&str]) {
        self.house.killed_and_over(&format!("restore/{step}"), fault, words);
    }

    pub(crate) fn hangs_and_cancelled(&self, step: &str, words: &[&str]) {
        self.house.hangs_and_cancelled(&format!("restore/{step}"), words);
    }
}

pub(crate) fn newest(house: &House) -> Value {
    house.newest("restore")
}

impl Drop for Shop {
    fn drop(&mut self) {
        for name in ["app", "worker", "server", "new-server"] {
            let script = self.house.path(name);
            if script.exists() {
                let _ = Command::new(script).arg("stop").status();
            }
        }
    }
}

pub(crate) fn write(path: &Path, script: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, script).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

//! A restore in the place of the live cluster: services stopped, snapshot, cut-over, services started; and all the ways in which that
//! is interrupted. The server and the application are services of their own, stopped and started by their own commands.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use testkit::postgres::{StopMode, wait_until};

use crate::house::{House, PATIENCE, server, text};

mod told;

/// The house with its server run by a service, and an application that writes for as long as it runs.
struct Shop {
    house: House,
}

/// An application: writes numbered orders, and notes each that was acknowledged.
const APPLICATION: &str = r#"#!/bin/bash
while :; do
  n=$(PGCONNECT_TIMEOUT=2 PSQL -XAtqc "INSERT INTO orders (what) VALUES ('app') RETURNING id" 2>/dev/null) && echo "$n" >> NOTED
  sleep 0.05
done
"#;

impl Shop {
    fn new() -> Shop {
        let mut house = House::bare(server(15));
        house.server.sql("postgres", "CREATE TABLE orders (id bigserial PRIMARY KEY, what text)");
        house.server.stop(StopMode::Fast);
        let shop = Shop { house };
        shop.write_services();
        shop.service("server", "start");
        shop.house.init();
        let mut shop = shop;
        shop.house.start_daemon();
        shop.apply();
        shop.service("app", "start");
        assert!(wait_until(PATIENCE, || shop.noted().len() > 3), "the application writes");
        shop.house.ok(&["backup", "shop"]);
        shop
    }

    fn psql(&self) -> String {
        let server = &self.house.server;
        let (bin, folder, port) = (server.bin_dir().display(), server.socket_dir(), server.port());
        format!("{bin}/psql -h {} -p {port} -U postgres", folder.display())
    }

    /// `pg_ctl` as the owner of the files, as any service manager does it.
    fn write_services(&self) {
        use std::os::unix::fs::MetadataExt;
        let (server, path) = (&self.house.server, |name: &str| self.house.path(name).display().to_string());
        let owner = std::fs::metadata(server.data_dir()).unwrap();
        let become_him = match owner.uid() {
            0 => String::new(),
            uid if uid == rustix::process::geteuid().as_raw() => String::new(),
            uid => format!("setpriv --reuid={uid} --regid={} --clear-groups ", owner.gid()),
        };
        let data = server.data_dir().display().to_string();
        let control = format!("{become_him}{}/pg_ctl -D {data}", server.bin_dir().display());
        let log = server.home().join("service.log").display().to_string();
        let script = format!(
            "#!/bin/bash\ncd /\ncase $1 in\nstart) {control} -w -s -l {log} -o '-p {}' start;;\nstop) {control} -w -s -m fast stop;;\nstatus) {control} status >/dev/null;;\nesac\n",
            server.port()
        );
        write(&self.house.path("server"), &script);
        let application = APPLICATION.replace("PSQL", &self.psql()).replace("NOTED", &path("noted"));
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

    fn service(&self, name: &str, word: &str) {
        let done = Command::new(self.house.path(name)).arg(word).status().unwrap();
        assert!(done.success(), "{name} {word}: {done}");
    }

    fn apply(&self) {
        let url = self.house.server.socket_url("postgres");
        let command = |name: &str| {
            let path = self.house.path(name).display().to_string();
            format!(
                "driver = \"command\"\nstart = [{path:?}, \"start\"]\nstop = [{path:?}, \"stop\"]\nstatus = [{path:?}, \"status\"]\n"
            )
        };
        let said = self.house.path("said").display().to_string();
        let hook = |name: &str, when: &str| {
            let script = format!("echo {name} >> {said}; echo said {name}");
            format!(
                "[[hook]]\nname = \"{name}\"\nwhen = \"{when}\"\ndriver = \"command\"\ncommand = [\"sh\", \"-c\", {script:?}]\n"
            )
        };
        let looks = format!("{} -XAtqc 'SELECT max(id) FROM orders'", self.psql());
        let file = format!(
            "[stack]\nname = \"shop\"\n[[source]]\nname = \"shop\"\nurl = {url:?}\n\
             [[service]]\nname = \"app\"\n{}[[service]]\nname = \"server\"\nserver_of = \"shop\"\n{}{}{}{}{}\
             [[health]]\nname = \"orders\"\ndriver = \"command\"\ncommand = [\"sh\", \"-c\", {looks:?}]\n",
            command("app"),
            command("server"),
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
    fn noted(&self) -> Vec<u64> {
        let text = std::fs::read_to_string(self.house.path("noted")).unwrap_or_default();
        text.lines().filter_map(|line| line.parse().ok()).collect()
    }

    fn sql(&self, sql: &str) -> String {
        self.house.server.sql("postgres", sql)
    }

    /// A moment, and the orders that were acknowledged shortly before it. Those of longer ago may have been taken back since.
    fn moment(&self) -> (String, Vec<u64>) {
        std::fs::write(self.house.path("noted"), "").unwrap();
        assert!(wait_until(PATIENCE, || self.noted().len() > 2), "the application does not write");
        let known = self.noted();
        let lsn = self.sql("SELECT pg_create_restore_point('good'), pg_switch_wal()");
        assert!(!lsn.is_empty());
        self.house.caught_up();
        (self.sql("SELECT clock_timestamp() AT TIME ZONE 'UTC'").trim().replace(' ', "T") + "Z", known)
    }

    fn spoil(&self) {
        self.sql("INSERT INTO orders (what) SELECT 'nonsense' FROM generate_series(1, 50); UPDATE orders SET what = 'spoilt'");
        self.house.caught_up();
    }

    /// It writes, and what it writes is there.
    fn serves(&self) {
        let before = self.noted().len();
        assert!(
            wait_until(PATIENCE, || self.noted().len() > before + 2),
            "the application does not write\n{}",
            self.house.log()
        );
    }

    fn has(&self, orders: &[u64]) {
        let there = self.sql("SELECT id FROM orders WHERE what = 'app'");
        let there: std::collections::HashSet<u64> = there.lines().filter_map(|line| line.trim().parse().ok()).collect();
        let missing: Vec<&u64> = orders.iter().filter(|order| !there.contains(order)).collect();
        assert!(missing.is_empty(), "acknowledged and gone: {missing:?}");
    }

    fn said(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.house.path("said")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    fn kept(&self) -> Vec<Value> {
        self.house.ok(&["retired"]).as_array().unwrap().clone()
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        for name in ["app", "server"] {
            let _ = Command::new(self.house.path(name)).arg("stop").status();
        }
    }
}

fn write(path: &Path, script: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, script).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn the_live_cluster_is_replaced_and_everything_serves_again() {
    let shop = Shop::new();
    let house = &shop.house;
    let (time, known) = shop.moment();
    shop.spoil();
    // What is set after the moment stays: the same settings, not those of the backup.
    shop.sql("ALTER SYSTEM SET work_mem = '7MB'");
    let plan = house.ok(&["restore", "shop", "--time", &time, "--swap", "--dry-run"]);
    let names: Vec<&str> =
        plan["steps"].as_array().unwrap().iter().map(|step| step["name"].as_str().unwrap()).collect();
    assert_eq!(names, STEPS);
    assert!(shop.said().is_empty(), "nothing was touched");
    let report = house.ok(&["restore", "shop", "--time", &time, "--swap", "--yes"]);
    assert_eq!(shop.sql("SELECT count(*) FROM orders WHERE what <> 'app'").trim(), "0");
    shop.has(&known);
    assert_eq!(shop.sql("SHOW work_mem").trim(), "7MB");
    shop.serves();
    assert_eq!(shop.said(), ["page", "schema", "index", "tell"]);
    assert!(report["markdown"].as_str().unwrap().contains("| cut-over |"), "{report:#}");
    assert!(report["commits_lost"].as_u64().unwrap() > 0, "{report:#}");
    let operation = report["operation"].as_str().unwrap();
    assert_eq!(house.ok(&["report", operation])["retired"], report["retired"]);

    // The log goes on, on the new timeline, without a gap; backups too.
    house.ok(&["backup", "shop", "--name", "after"]);
    let timeline = house.ok(&["timeline", "shop"]);
    assert_eq!(timeline["gaps"], Value::Array(vec![]), "{timeline:#}");
    let labels: Vec<String> = timeline["backups"]
        .as_array()
        .unwrap()
        .iter()
        .map(|backup| backup["label"].as_str().unwrap_or_default().to_owned())
        .collect();
    assert!(labels.iter().any(|label| label.starts_with("before-restore-")), "{labels:?}");
    assert!(!house.conditions().contains(&"log-gap".to_owned()), "{:?}", house.conditions());

    // The old one is there, and no server starts on it.
    let kept = shop.kept();
    assert_eq!((kept.len(), kept[0]["operation"].as_str()), (1, Some(operation)));
    let path = PathBuf::from(kept[0]["path"].as_str().unwrap());
    assert!(path.join("base").exists() && !path.join("global/pg_control").exists());

    // A time of the branch that was left is found on that branch, and the latest moment on this one.
    let old = house.ok(&["peek", "shop", "--time", &time, "--", "SELECT count(*) FROM orders WHERE what = 'spoilt'"]);
    assert!(old.to_string().contains("\"0\""), "{old:#}");
    let latest = house.ok(&["peek", "shop", "--to", "latest", "--", "SELECT count(*) FROM orders WHERE what <> 'app'"]);
    assert!(latest.to_string().contains("\"0\""), "{latest:#}");

    house.ok(&["retire", operation, "--yes"]);
    assert!(!path.exists() && shop.kept().is_empty());
    assert_eq!(house.refused(&["retire", operation, "--yes"]).1, "RK-3010");
}

#[test]
fn what_was_replaced_comes_back() {
    let shop = Shop::new();
    let (time, _) = shop.moment();
    shop.spoil();
    let report = shop.house.ok(&["restore", "shop", "--time", &time, "--swap", "--yes"]);
    let operation = report["operation"].as_str().unwrap();
    shop.serves();
    shop.house.caught_up();
    let written = shop.noted();
    let plan = shop.house.ok(&["rollback", operation, "--dry-run"]);
    assert!(plan["commits_after"].as_u64().unwrap() > 2, "{plan:#}");
    shop.house.ok(&["rollback", operation, "--yes"]);
    assert_ne!(shop.sql("SELECT count(*) FROM orders WHERE what = 'spoilt'").trim(), "0");
    shop.serves();
    shop.house.ok(&["backup", "shop", "--name", "back-again"]);
    // What was written in between is neither lost nor in the way.
    let kept = shop.kept();
    assert_eq!(kept.len(), 1, "{kept:#?}");
    let there = shop.house.ok(&[
        "peek",
        "shop",
        "--to",
        "latest",
        "--",
        "SELECT count(*) FROM orders WHERE what = 'nonsense' OR what = 'spoilt'",
    ]);
    assert!(!there.to_string().contains("\"0\""), "the latest is of the timeline that is lived on: {there:#}");
    assert!(!written.is_empty());
}

const STEPS: [&str; 13] = [
    "preflight",
    "snapshot",
    "beside",
    "announce",
    "quiesce",
    "last-log",
    "cut-over",
    "migrate",
    "resume",
    "health",
    "re-sync",
    "announce-off",
    "report",
];

fn newest(house: &House) -> Value {
    house.run(&["ops", "--kind", "restore", "--last", "1"]).1[0].clone()
}

/// The daemon dies in each step; the next one brings it to its end.
fn killed(fault: &str) {
    let mut shop = Shop::new();
    for step in STEPS {
        let (time, known) = shop.moment();
        shop.spoil();
        let before = newest(&shop.house)["id"].clone();
        shop.house.kill_daemon();
        shop.house.variable("REKINDLE_TEST_FAULT", &format!("restore/{step}/{fault}"));
        shop.house.start_daemon();
        let mut asked = shop.house.spawn(&["restore", "shop", "--time", &time, "--swap", "--yes"]);
        assert!(wait_until(PATIENCE, || shop.house.daemon_is_gone()), "{step} {fault}: {}", shop.house.log());
        let _ = asked.wait();
        shop.house.kill_daemon();
        shop.house.variable("REKINDLE_TEST_FAULT", "");
        shop.house.start_daemon();
        let over = || {
            let one = newest(&shop.house);
            one["id"] != before && one["status"] == "succeeded"
        };
        assert!(wait_until(2 * PATIENCE, over), "{step} {fault}: {:#}\n{}", newest(&shop.house), shop.house.log());
        shop.serves();
        shop.has(&known);
        assert_eq!(shop.sql("SELECT count(*) FROM orders WHERE what <> 'app'").trim(), "0", "{step} {fault}");
        let operation = newest(&shop.house)["id"].as_str().unwrap().to_owned();
        shop.house.ok(&["retire", &operation, "--yes"]);
    }
}

#[test]
fn killed_before_every_step_it_comes_to_its_end() {
    killed("dies-before");
}

#[test]
fn killed_after_every_step_it_comes_to_its_end() {
    killed("dies-after");
}

/// Cancelled in each step, it goes back: the application serves from the old state, and what was restored is not there or kept aside.
#[test]
fn cancelled_at_every_step_the_old_state_serves_again() {
    let mut shop = Shop::new();
    for step in STEPS.into_iter().filter(|step| *step != "report") {
        let (time, _) = shop.moment();
        shop.spoil();
        let spoilt = shop.sql("SELECT count(*) FROM orders WHERE what = 'spoilt'");
        shop.house.kill_daemon();
        shop.house.variable("REKINDLE_TEST_FAULT", &format!("restore/{step}/hangs"));
        let before = newest(&shop.house)["id"].clone();
        shop.house.start_daemon();
        let mut asked = shop.house.spawn(&["restore", "shop", "--time", &time, "--swap", "--yes"]);
        let hangs = || {
            let one = newest(&shop.house);
            let at = one["steps"].as_array().into_iter().flatten().find(|at| at["name"] == step).cloned();
            one["id"] != before && at.is_some_and(|at| at["status"] == "in-flight")
        };
        assert!(wait_until(PATIENCE, hangs), "{step}: {:#}\n{}", newest(&shop.house), shop.house.log());
        let id = newest(&shop.house)["id"].as_str().unwrap().to_owned();
        shop.house.ok(&["ops", "cancel", &id]);
        assert!(
            wait_until(PATIENCE, || newest(&shop.house)["status"] == "cancelled"),
            "{step}: {:#}",
            newest(&shop.house)
        );
        let _ = asked.wait();
        assert_eq!(shop.sql("SELECT count(*) FROM orders WHERE what = 'spoilt'"), spoilt, "{step}");
        shop.serves();
        for one in shop.kept() {
            assert!(one["path"].as_str().unwrap().contains(".undone-"), "{step}: {one:#}");
            shop.house.ok(&["retire", one["operation"].as_str().unwrap(), "--yes"]);
        }
        let left = std::fs::read_dir(shop.house.server.home()).unwrap().flatten();
        let left: Vec<String> = left.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        assert!(
            left.iter().all(|name| !name.contains(".restored-") && !name.contains(".retired-")),
            "{step}: {left:?}"
        );
    }
    shop.house.is_sound();
}

#[test]
fn all_that_is_in_the_way_is_said_before_anything_is_touched() {
    let shop = Shop::new();
    let (time, _) = shop.moment();
    shop.spoil();
    let file = shop.house.path("stack.toml");
    let good = std::fs::read_to_string(&file).unwrap();
    let broken =
        good.replace(&format!("{}\", \"status\"", shop.house.path("app").display()), "/nowhere/app\", \"status\"");
    assert_ne!(good, broken);
    std::fs::write(&file, broken.replace("server_of = \"shop\"\n", "")).unwrap();
    shop.house.ok(&["apply", text(&file)]);
    let (code, refused) = shop.house.run(&["restore", "shop", "--time", &time, "--swap", "--yes"]);
    assert_eq!((code, refused["code"].as_str()), (4, Some("RK-3052")), "{refused:#}");
    let said = refused["message"].as_str().unwrap();
    assert!(said.contains("/nowhere/app") && said.contains("server_of"), "{said}");
    assert_eq!(shop.house.refused(&["restore", "shop", "--time", &time, "--swap", "--into", "/tmp/x", "--yes"]).0, 2);
    assert_eq!(shop.house.refused(&["rollback", "0123456789ab", "--yes"]).1, "RK-3010");
    let wrong = good.replace("command = [\"sh\"", "commands = [\"sh\"");
    std::fs::write(&file, wrong).unwrap();
    let (code, refused) = shop.house.run(&["apply", text(&file)]);
    assert_eq!((code, refused["code"].as_str()), (2, Some("RK-3017")), "{refused:#}");
    shop.serves();
}

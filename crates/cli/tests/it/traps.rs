//! The traps that others fell into (design §10), one test each. Trap 1 is in `targets`, trap 3 in `gaps`, trap 8 in `wrong`, where
//! their stories are.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use testkit::postgres::wait_until;

use crate::house::{House, PATIENCE, Restored, server, text};

/// Others told the server "archived" and dropped the log. Ours never acknowledges what the vault does not have.
#[test]
fn trap_2_what_the_vault_does_not_have_is_not_acknowledged() {
    let mut house = House::new(server(15));
    house.server.sql("postgres", "CREATE TABLE t (id int)");
    house.ok(&["backup", "shop"]);
    house.caught_up();
    house.kill_daemon();
    // From here on it takes long until something has its name in the vault.
    let delay = "inject=linkat:delay_enter=15000000";
    house.under(&["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=linkat", "-e", delay]);
    house.start_daemon();
    house.server.sql("postgres", "INSERT INTO t SELECT generate_series(1, 1000)");
    let position = house.server.sql("postgres", "SELECT pg_current_wal_flush_lsn()").trim().to_owned();
    let says = |what: &str| {
        let said = format!("SELECT {what} FROM pg_stat_replication WHERE application_name = 'rekindle_shop'");
        house.server.sql("postgres", &said).trim().to_owned()
    };
    let received = format!("write_lsn >= '{position}'");
    assert!(wait_until(PATIENCE, || says(&received) == "t"), "{}", says("write_lsn"));
    assert_eq!(says(&format!("flush_lsn >= '{position}' OR replay_lsn >= '{position}'")), "f");
    // Killed before it had its name: the server keeps it, and it arrives.
    house.kill_traced_daemon();
    house.under(&[]);
    house.start_daemon();
    house.caught_up();
    let restored = house.restore("into", &["--to", "latest"]);
    assert_eq!(restored.sql("postgres", "SELECT count(*) FROM t"), "1000");
}

/// Others removed by the order of names, and after an upgrade the newest went. Ours goes by what a backup needs.
#[test]
fn trap_4_expiring_goes_by_what_is_needed() {
    let house = House::new(server(15));
    house.server.sql("postgres", "CREATE TABLE t AS SELECT g AS id FROM generate_series(1, 50000) g");
    house.ok(&["backup", "shop", "--name", "zzz-first"]);
    house.ok(&["backup", "shop", "--name", "mmm-pinned"]);
    house.ok(&["pin", "shop", "mmm-pinned"]);
    house.server.sql("postgres", "UPDATE t SET id = -id WHERE id % 100 = 0");
    house.ok(&["backup", "shop", "--name", "aaa-newest"]);
    house.caught_up();
    let labels = |answer: &serde_json::Value| -> Vec<String> {
        let backups = answer["backups"].as_array().unwrap().iter();
        backups.map(|backup| backup["label"].as_str().unwrap().to_owned()).collect()
    };
    let words = ["expire", "shop", "--keep-last", "1", "--grace", "0s"];
    house.ok(&[&words[..], &["--plan"]].concat());
    assert_eq!(labels(&house.ok(&["timeline", "shop"])).len(), 3, "a plan removes nothing");
    house.ok(&[&words[..], &["--apply", "--yes"]].concat());
    assert_eq!(labels(&house.ok(&["timeline", "shop"])), ["mmm-pinned", "aaa-newest"]);
    // The newest shares most of its pages with the one that went.
    house.is_sound();
    for (name, negative) in [("mmm-pinned", "0"), ("aaa-newest", "500")] {
        let restored = house.restore(name, &["--backup", name]);
        assert_eq!(restored.sql("postgres", "SELECT count(*) FROM t WHERE id < 0"), negative, "{name}");
    }
    let (code, error) = house.run(&["expire", "shop", "--keep-last", "0", "--apply", "--yes"]);
    assert_eq!(code, 2, "no rule at all is a mistake, and not an order to remove everything: {error}");
}

fn objects(top: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![top.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            match entry.file_type().unwrap().is_dir() {
                true => folders.push(entry.path()),
                false => drop(found.insert(entry.path(), std::fs::read(entry.path()).unwrap_or_default())),
            }
        }
    }
    found
}

/// Others rewrite index objects, and an object lock stops them. Ours rewrites nothing: what is there stays as it is.
#[test]
fn trap_5_no_object_is_ever_rewritten() {
    let mut house = House::new(server(15));
    house.server.sql("postgres", "CREATE TABLE t AS SELECT g AS id FROM generate_series(1, 20000) g");
    house.ok(&["backup", "shop", "--name", "first"]);
    house.caught_up();
    let vault = house.path("vault");
    let before = objects(&vault);
    house.server.sql("postgres", "UPDATE t SET id = -id; SELECT pg_switch_wal()");
    house.ok(&["backup", "shop", "--name", "second"]);
    house.ok(&["pin", "shop", "first"]);
    house.caught_up();
    house.kill_daemon();
    house.start_daemon();
    house.caught_up();
    house.is_sound();
    let after = objects(&vault);
    assert!(after.len() > before.len());
    let changed: Vec<&PathBuf> = before
        .iter()
        .filter(|(path, bytes)| after.get(*path).is_some_and(|now| now != *bytes))
        .map(|(path, _)| path)
        .collect();
    assert_eq!(changed, Vec::<&PathBuf>::new());
    let manifests =
        |all: &BTreeMap<PathBuf, Vec<u8>>| all.keys().filter(|path| text(path).contains("manifest")).count();
    assert!(manifests(&after) > manifests(&before));
}

/// Others left a directory that could be started. Ours puts `pg_control` last, and the same command goes on where it was.
#[test]
fn trap_6_a_restore_cut_short_cannot_be_started() {
    let mut house = House::new(server(15));
    house
        .server
        .sql("postgres", "CREATE TABLE t AS SELECT g AS id, md5(g::text) AS x FROM generate_series(1, 1000000) g");
    house.ok(&["backup", "shop"]);
    let into = house.path("into");
    let words = ["restore", "shop", "--to", "latest", "--into", text(&into), "--yes"];
    std::thread::scope(|scope| {
        let running = scope.spawn(|| house.run(&words));
        assert!(wait_until(PATIENCE, || into.join("base").exists()), "the restore does not begin");
        let pid = house.daemon_pid().to_string();
        assert!(Command::new("kill").args(["-9", &pid]).status().unwrap().success());
        assert_ne!(running.join().unwrap().0, 0);
    });
    house.kill_daemon();
    assert!(!into.join("global/pg_control").exists(), "it could be started");
    house.start_daemon();
    // The next daemon goes on with it; nobody else gets in between.
    let (code, why) = house.refused(&words);
    assert!(code == 4 && ["RK-3012", "RK-2071"].contains(&&*why), "never two into one directory: {why}");
    let restores = || house.ok(&["ops", "--kind", "restore"]);
    let first = |all: &Value| all.as_array().and_then(|all| all.last().cloned()).unwrap_or_default();
    assert!(wait_until(PATIENCE, || first(&restores())["status"] == "succeeded"), "{:#}", restores());
    let restored = Restored::of(first(&restores())["result"].clone(), house.server.bin_dir());
    assert_eq!(restored.sql("postgres", "SELECT count(*) FROM t"), "1000000");
}

/// Others grew with the number of files. Ours is bounded by what its workers hold, here with some ten thousand files.
#[test]
fn trap_7_memory_does_not_grow_with_files() {
    let house = House::new(server(15));
    house.server.sql(
        "postgres",
        "DO $$ BEGIN FOR i IN 1..3000 LOOP EXECUTE format('CREATE TABLE t%s (id int PRIMARY KEY, x text)', i); \
         IF i % 100 = 0 THEN COMMIT; END IF; END LOOP; END $$",
    );
    let first = house.ok(&["backup", "shop"]);
    house.ok(&["backup", "shop"]);
    house.restore("into", &["--to", "latest"]);
    let status = std::fs::read_to_string(format!("/proc/{}/status", house.daemon_pid())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap().trim();
    let kilobytes: u64 = peak.trim_end_matches(" kB").parse().unwrap();
    assert!(kilobytes < 200 << 10, "{peak} for {first}");
}

/// On a file system without it, a "completed" backup was lost. Ours syncs the file before it gets its name, and the directory after.
#[test]
fn trap_9_file_and_directory_are_synced() {
    let mut house = House::new(server(15));
    house.kill_daemon();
    let trace = house.path("trace");
    house.under(&["strace", "-f", "-y", "-qq", "-o", text(&trace), "-e", "trace=fsync,linkat,renameat2,rename"]);
    house.start_daemon();
    house.ok(&["backup", "shop"]);
    house.kill_traced_daemon();
    let trace = std::fs::read_to_string(&trace).unwrap();
    let vault = house.path("vault");
    let calls = calls(&trace);
    let named: Vec<&Call> = calls.iter().filter(|call| call.text.contains("linkat(")).collect();
    assert!(named.iter().any(|call| call.text.contains("/backups/shop/")), "no manifest was named:\n{trace}");
    for link in named {
        let mut paths = link.text.split('"').skip(1).step_by(2).map(Path::new);
        let (incoming, name) = (paths.next().unwrap(), paths.next().unwrap());
        let folder = name.parent().unwrap();
        assert!(folder.starts_with(&vault), "{}", link.text);
        let synced = |path: &Path, when: &dyn Fn(&Call) -> bool| {
            let what = format!("<{}>", path.display());
            calls.iter().any(|call| call.text.contains("fsync(") && call.text.contains(&what) && when(call))
        };
        assert!(synced(incoming, &|call| call.ended < link.begun), "not synced before it got its name: {}", link.text);
        assert!(synced(folder, &|call| call.begun > link.ended), "the folder was not synced after: {}", link.text);
    }
}

/// A call that succeeded, with the lines of the trace between which it ran.
struct Call {
    begun: usize,
    ended: usize,
    text: String,
}

/// strace shows a call in two pieces when another thread's comes between.
fn calls(trace: &str) -> Vec<Call> {
    let mut open: BTreeMap<&str, (usize, &str)> = BTreeMap::new();
    let mut done = Vec::new();
    for (at, line) in trace.lines().enumerate() {
        let Some((thread, rest)) = line.split_once(' ') else { continue };
        if rest.ends_with("<unfinished ...>") {
            open.insert(thread, (at, rest));
        } else if rest.ends_with("= 0") {
            let (begun, text) = if rest.contains(" resumed>") { open.remove(thread).unwrap() } else { (at, rest) };
            done.push(Call { begun, ended: at, text: text.to_owned() });
        }
    }
    done
}

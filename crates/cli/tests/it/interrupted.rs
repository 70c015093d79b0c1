//! A backup that is cut short: a clear error, a vault that checks clean, and the next one works.

use std::path::Path;
use std::process::Command;

use testkit::postgres::wait_until;

use crate::house::{House, PATIENCE, Restored, server, text};

fn with_a_table() -> House {
    let house = House::new(server(15));
    house
        .server
        .sql("postgres", "CREATE TABLE t AS SELECT g AS id, md5(g::text) AS x, md5((g + 1)::text) AS y FROM generate_series(1, 1000000) g");
    house
}

fn goes_on(house: &House) {
    house.is_sound();
    house.ok(&["backup", "shop"]);
    house.caught_up();
    let restored = house.restore("into", &["--to", "latest"]);
    assert_eq!(restored.sql("postgres", "SELECT count(*) FROM t"), "1000000");
}

#[test]
fn a_cancelled_backup_is_no_backup() {
    let house = with_a_table();
    let (code, answer) =
        house.during_a_backup(|id| drop(house.ask("POST", &format!("/api/v1/operations/{id}/cancel"), "")));
    assert_eq!((code, answer["code"].as_str()), (4, Some("RK-4006")), "{answer}");
    assert_eq!(house.ok(&["timeline", "shop"])["backups"].as_array().map(Vec::len), Some(0));
    // The server is out of backup mode: no session of ours is left in it.
    let ours = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'rekindle' AND pid <> pg_backend_pid()";
    assert!(wait_until(PATIENCE, || house.server.sql("postgres", ours).trim() == "0"));
    goes_on(&house);
}

#[test]
fn a_backup_whose_connection_is_lost_fails() {
    let house = with_a_table();
    let (code, answer) = house.during_a_backup(|_| {
        let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND application_name LIKE 'rekindle%'";
        house.server.sql("postgres", cut);
    });
    assert_eq!((code, answer["code"].as_str()), (4, Some("RK-2076")), "{answer}");
    assert!(answer["hint"].as_str().is_some_and(|hint| !hint.is_empty()), "{answer}");
    goes_on(&house);
}

/// A page that is wrong on the disk is named, stored as it is, and the backup says so.
#[test]
fn a_damaged_page_is_named() {
    let mut house = with_a_table();
    let file = house.server.sql("postgres", "SELECT pg_relation_filepath('t')").trim().to_owned();
    house.server.stop(testkit::postgres::StopMode::Fast);
    let path = house.server.data_dir().join(&file);
    overwrite(&path, 7 * 8192 + 4000, b"flipped by nobody");
    house.server.start();
    let (code, answer) = house.run(&["backup", "shop", "--full"]);
    assert_eq!(code, 1, "damage found is not silence: {answer}");
    assert_eq!(answer["damaged"], serde_json::json!([format!("page 7 of {file}")]), "{answer:#}");
    house.is_sound();
    // The restore of it is done, verified, and says so.
    house.caught_up();
    let into = house.path("into");
    let (code, report) = house.run(&["restore", "shop", "--to", "latest", "--into", text(&into), "--yes"]);
    let restored = Restored::of(report, house.server.bin_dir());
    assert_eq!((code, restored.report["pages_bad"].as_u64()), (1, Some(1)), "{:#}", restored.report);
    assert!(restored.report.to_string().contains(&file), "{:#}", restored.report);
}

fn overwrite(path: &Path, at: u64, bytes: &[u8]) {
    use std::io::{Seek, SeekFrom, Write};
    let mut file = std::fs::File::options().write(true).open(path).unwrap();
    file.seek(SeekFrom::Start(at)).unwrap();
    file.write_all(bytes).unwrap();
}

/// A file system of its own, that is really full.
#[test]
fn a_full_vault_fails_the_backup_and_keeps_what_is_there() {
    let disk = tempfile::Builder::new().prefix("rekindle-disk-").tempdir().unwrap();
    let mount = |words: &[&str]| Command::new("mount").args(words).arg(disk.path()).status().unwrap().success();
    assert!(mount(&["-t", "tmpfs", "-o", "size=24m", "none"]), "this test mounts a tmpfs: it needs root");
    let _unmount = Unmount(disk.path());
    let mut house = House::bare(server(15));
    house.in_vault(&format!("file:{}/vault", disk.path().display()));
    house.init();
    house.start_daemon();
    house.protect();
    house.ok(&["backup", "shop", "--name", "small"]);
    house.server.sql("postgres", "CREATE TABLE t (id int)");
    house.caught_up();
    let filler = disk.path().join("filler");
    let free = rustix::fs::statvfs(disk.path()).unwrap();
    std::fs::write(&filler, vec![1; (free.f_bavail * free.f_frsize) as usize - (64 << 10)]).unwrap();
    let (code, answer) = house.run(&["backup", "shop", "--full"]);
    assert_eq!((code, answer["code"].as_str()), (5, Some("RK-1031")), "{answer}");
    house.server.sql("postgres", "INSERT INTO t SELECT generate_series(1, 10000)");
    assert!(house.has_condition("log-not-received"), "the log does not fit either: {:?}", house.conditions());
    std::fs::remove_file(&filler).unwrap();
    house.caught_up();
    house.is_sound();
    let restored = house.restore("into", &["--to", "latest"]);
    assert_eq!(restored.sql("postgres", "SELECT count(*) FROM t"), "10000");
    house.kill_daemon();
}

struct Unmount<'a>(&'a Path);

impl Drop for Unmount<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0).status();
    }
}

//! While what was restored is still a mount: the host restarts, it is replaced itself, and somebody goes back to it.

use std::path::Path;
use std::process::Command;

use super::{PATIENCE, Shop, wait_until};

/// A backup reads all of it, and what was read is present.
const NO_SNAPSHOT: [&str; 2] = ["--no-snapshot", "restore shop without a snapshot"];

/// It stays a mount for as long as a test takes.
fn opened(shop: &Shop) -> String {
    let (time, known) = shop.moment();
    shop.spoil();
    let words = ["restore", "shop", "--time", &time, "--swap", "--yes", "--limit", "1kB"];
    let report = shop.house.ok(&[&words[..], &NO_SNAPSHOT].concat());
    assert!(is_mount(&shop.house.server.data_dir()), "{:#}", shop.house.ok(&["clones"]));
    shop.has(&known);
    // What was written behind the moment is taken back.
    std::fs::write(shop.house.path("noted"), "").unwrap();
    shop.serves();
    report["operation"].as_str().unwrap().to_owned()
}

pub(crate) fn is_mount(path: &Path) -> bool {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    mounts.lines().any(|line| line.split(' ').nth(4) == path.to_str())
}

fn spoilt(shop: &Shop) -> String {
    shop.sql("SELECT count(*) FROM orders WHERE what = 'spoilt'")
}

/// All processes are gone at once, and so are the mounts.
fn host_restarts(shop: &mut Shop) {
    shop.house.kill_daemon();
    let data = shop.house.server.data_dir();
    let folder = shop.house.server.home().display().to_string();
    for process in std::fs::read_dir("/proc").unwrap().flatten() {
        let words = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
        let words = String::from_utf8_lossy(&words).replace('\0', " ");
        let (is_server, is_mount) = (words.contains("postgres"), words.contains("mount-serve"));
        let is_theirs = words.contains(&folder) || words.contains(&shop.house.folder.path().display().to_string());
        if is_theirs && (is_server || is_mount) && !words.contains("bash") {
            let pid = process.file_name().to_string_lossy().into_owned();
            let _ = Command::new("kill").args(["-9", &pid]).status();
        }
    }
    Command::new("umount").args(["-l"]).arg(&data).status().unwrap();
    assert!(!is_mount(&data) && !data.join("PG_VERSION").exists());
    shop.house.start_daemon();
}

#[test]
fn after_a_restart_of_the_host_it_is_mounted_and_serves_again() {
    let mut shop = Shop::new();
    opened(&shop);
    let before = shop.noted();
    host_restarts(&mut shop);
    shop.serves();
    shop.has(&before);
    assert!(is_mount(&shop.house.server.data_dir()));
    assert_eq!(spoilt(&shop), "0");
    shop.house.ok(&["backup", "shop", "--name", "after the restart"]);
}

/// What is replaced is a mount, and stays one; whoever goes back to it has it again, and from there to what was first.
#[test]
fn a_mount_is_replaced_and_comes_back() {
    let mut shop = Shop::new();
    let first = opened(&shop);
    shop.sql("CREATE TABLE of_the_first ()");
    let second = opened(&shop);
    assert_ne!(shop.sql("SELECT to_regclass('of_the_first')"), "");
    shop.killed_and_over("cut-over", "dies-after", &[&["rollback", &second, "--yes"], &NO_SNAPSHOT[..]].concat());
    assert!(wait_until(PATIENCE, || is_mount(&shop.house.server.data_dir())));
    assert_ne!(spoilt(&shop), "0", "the second was taken back");
    shop.serves();
    shop.house.ok(&[&["rollback", &first, "--yes"], &NO_SNAPSHOT[..]].concat());
    assert_ne!(spoilt(&shop), "0");
    assert_eq!(shop.sql("SELECT to_regclass('of_the_first')"), "");
    shop.serves();
    assert!(!is_mount(&shop.house.server.data_dir()));
    shop.house.ok(&["backup", "shop", "--name", "where it began"]);
}

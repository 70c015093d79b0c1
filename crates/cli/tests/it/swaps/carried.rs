//! What is not in the data files, and is the same before and after a swap: the configuration that the server reads, and where its log and
//! its tablespaces are.

use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use crate::shop::Shop;

fn append(shop: &Shop, name: &str, text: &str) {
    let path = shop.house.server.data_dir().join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let before = std::fs::read_to_string(&path).unwrap_or_default();
    std::fs::write(&path, before + text).unwrap();
    shop.house.server.hand_over(&path);
    shop.house.server.hand_over(path.parent().unwrap());
}

fn restart(shop: &Shop) {
    shop.service("server", "stop");
    shop.service("server", "start");
}

/// Of names that nobody could have listed, in the data directory; they came after the backup.
#[test]
fn every_file_that_the_server_reads_comes_along() {
    let shop = Shop::new();
    append(&shop, "tuning.conf", "work_mem = '9MB'\n");
    append(&shop, "pieces/deep.conf", "maintenance_work_mem = '33MB'\n");
    append(&shop, "postgresql.conf", "include 'tuning.conf'\ninclude_dir 'pieces'\ninclude_if_exists 'absent.conf'\n");
    append(&shop, "people", "postgres\n");
    let hba = std::fs::read_to_string(shop.house.server.data_dir().join("pg_hba.conf")).unwrap();
    append(&shop, "access", &format!("local all @people trust\n{hba}"));
    // A relative one would be looked for where the server was started.
    let access = shop.house.server.data_dir().join("access");
    append(&shop, "postgresql.conf", &format!("hba_file = '{}'\n", access.display()));
    restart(&shop);
    for copy in [false, true] {
        let harm = shop.harm();
        let words = ["restore", "shop", "--time", &harm.time, "--swap", "--yes", "--copy"];
        let report = shop.house.ok(if copy { &words[..] } else { &words[..6] });
        assert!(!report["not_covered"].to_string().contains("files it included"), "{report:#}");
        shop.is_without(&harm, "swap");
        assert_eq!(shop.sql("SHOW work_mem"), "9MB");
        assert_eq!(shop.sql("SHOW maintenance_work_mem"), "33MB");
        assert!(shop.sql("SHOW hba_file").ends_with("/access"));
        assert_eq!(shop.sql("SELECT count(*) FROM pg_hba_file_rules WHERE error IS NOT NULL"), "0");
        shop.retire_newest();
    }
}

/// Settings that wait for a restart, and files that are not there: the live server runs on without them, and the one that takes its place
/// would not start.
#[test]
fn settings_with_which_no_server_starts_are_refused_before_anybody_is_stopped() {
    let shop = Shop::new();
    let harm = shop.harm();
    let words = ["restore", "shop", "--time", &harm.time, "--swap", "--yes"];
    let refused = |named: &[&str]| {
        let (code, refused) = shop.house.run(&words);
        assert_eq!((code, refused["code"].as_str()), (4, Some("RK-3052")), "{refused:#}");
        let told = refused["message"].as_str().unwrap();
        assert!(named.iter().all(|name| told.contains(name)), "{named:?}: {told}");
        assert!(shop.said().is_empty(), "nothing was touched");
        shop.is_with(&harm, "refused");
    };
    shop.sql("ALTER SYSTEM SET shared_preload_libraries = 'not_there'");
    shop.sql("SELECT pg_reload_conf()");
    refused(&["could not access file", "not_there", "shared_preload_libraries"]);
    shop.sql("ALTER SYSTEM RESET shared_preload_libraries");
    append(&shop, "postgresql.conf", "include 'gone.conf'\n");
    refused(&["gone.conf"]);
    append(&shop, "gone.conf", "work_mem = '9MB'\n");
    shop.house.ok(&words);
    shop.is_without(&harm, "swap");
    assert_eq!(shop.sql("SHOW work_mem"), "9MB");
}

fn link_of(path: &Path) -> PathBuf {
    std::fs::read_link(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A cluster of which everything is elsewhere: its log, a tablespace, and its data directory is a link itself.
#[test]
fn links_stay_links_through_a_swap_and_back_and_nothing_is_left_of_what_was_let_go() {
    let shop = Shop::new();
    let (server, data) = (&shop.house.server, shop.house.server.data_dir());
    shop.service("server", "stop");
    let (wal, hot, real) = (server.make_dir("disk"), server.make_dir("hot"), server.home().join("real"));
    let wal_now = wal.join("main");
    std::fs::rename(data.join("pg_wal"), &wal_now).unwrap();
    symlink(&wal_now, data.join("pg_wal")).unwrap();
    std::fs::rename(&data, &real).unwrap();
    symlink(&real, &data).unwrap();
    shop.service("server", "start");
    shop.sql(&format!("CREATE TABLESPACE hot LOCATION '{}'", hot.display()));
    shop.sql("CREATE TABLE rows TABLESPACE hot AS SELECT generate_series(1, 1000) AS n");
    for folder in [&real, &real.join("base")] {
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o750)).unwrap();
    }
    restart(&shop);
    shop.house.ok(&["backup", "shop"]);
    let harm = shop.harm();
    let plan = shop.house.ok(&["restore", "shop", "--time", &harm.time, "--swap", "--dry-run"]);
    for named in [format!("pg_wal is a link to {}", wal_now.display()), format!("is a link to {}", hot.display())] {
        assert!(plan["findings"].to_string().contains(&named), "{named}: {plan:#}");
    }
    let report = shop.house.ok(&["restore", "shop", "--time", &harm.time, "--swap", "--yes"]);
    shop.is_without(&harm, "swap");
    assert_eq!(shop.sql("SELECT count(*) FROM rows"), "1000");
    assert_eq!(link_of(&data), real);
    let is_new =
        |path: &Path, beside: &Path| path.display().to_string().starts_with(&format!("{}.rekindle-", beside.display()));
    let oid = shop.sql("SELECT oid FROM pg_tablespace WHERE spcname = 'hot'");
    let tablespace = real.join("pg_tblspc").join(&oid);
    assert!(is_new(&link_of(&real.join("pg_wal")), &wal_now), "{:?}", link_of(&real.join("pg_wal")));
    assert!(is_new(&link_of(&tablespace), &hot), "{:?}", link_of(&tablespace));
    assert_eq!(std::fs::metadata(&real).unwrap().mode() & 0o777, 0o750);
    assert_eq!(std::fs::metadata(real.join("global/pg_control")).unwrap().mode() & 0o040, 0o040);

    shop.house.ok(&["rollback", report["operation"].as_str().unwrap(), "--yes"]);
    shop.is_with(&harm, "rollback");
    assert_eq!(shop.sql("SELECT count(*) FROM rows"), "1000");
    assert_eq!(
        (link_of(&data), link_of(&real.join("pg_wal")), link_of(&tablespace)),
        (real.clone(), wal_now, hot.clone())
    );
    shop.retire_all();
    let names = |folder: &Path| -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap().flatten();
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
    };
    assert_eq!(names(&wal), ["main"], "only the log of the live one is left");
    let left = names(server.home());
    assert!(!left.iter().any(|name| name.contains(".rekindle-") || name.contains(".retired-")), "{left:?}");
}

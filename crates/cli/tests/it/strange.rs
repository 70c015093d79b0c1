//! What stands in a data directory and is none of the server's, and a directory that holds an earlier restore.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};

use serde_json::Value;

use crate::house::{House, server};

#[test]
fn a_link_out_of_the_data_directory_brings_nothing_back_but_itself() {
    let house = House::new(server(15));
    let data = house.server.data_dir();
    let secret = house.path("secret");
    std::fs::write(&secret, "a secret of root").unwrap();
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();
    symlink(&secret, data.join("base/evil")).unwrap();
    symlink(&secret, data.join("notes")).unwrap();
    symlink(".", data.join("loop")).unwrap();
    std::fs::write(data.join(std::ffi::OsStr::from_bytes(b"notes-\xe9.txt")), "").unwrap();
    // As root's core dump, or lost+found; for who is not root it is one of their own.
    std::fs::write(data.join("core"), "a core of root").unwrap();
    std::fs::set_permissions(data.join("core"), std::fs::Permissions::from_mode(0o000)).unwrap();
    let backup = house.ok(&["backup", "shop"]);
    let left_out: Vec<&str> = backup["left_out"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert_eq!(backup["left_out_total"], 2, "{backup:#}");
    assert!(left_out[0].starts_with("core: ") && left_out[1] == "notes-\\xe9.txt: its name is not UTF-8", "{backup:#}");
    let restored = house.restore("into", &["--to", "latest"]);
    for name in ["base/evil", "notes"] {
        assert_eq!(std::fs::read_link(house.path("into").join(name)).unwrap(), secret, "{name}");
    }
    assert!(!house.path("into").join("core").exists());
    let notes = restored.report["not_covered"].to_string();
    assert!(notes.contains("core is not in the backup"), "{notes}");
    drop(restored);
    house.is_sound();
}

#[test]
fn a_directory_of_an_earlier_restore_is_not_another_one() {
    let house = House::new(server(15));
    house.ok(&["backup", "shop", "--name", "first"]);
    house.ok(&["backup", "shop", "--name", "second"]);
    let into = house.path("into");
    let restored = house.restore("into", &["--backup", "first"]);
    let marker = std::fs::read(into.join("rekindle.restore.json")).unwrap();
    for moment in [["--backup", "second"], ["--to", "latest"], ["--backup", "first"]] {
        let words = [&["restore", "shop", "--into", into.to_str().unwrap(), "--yes"], &moment[..]].concat();
        let (code, error) = house.run(&words);
        assert_eq!((code, error["code"].as_str()), (4, Some("RK-2071")), "{moment:?}: {error:#}");
        let said = error["message"].as_str().unwrap();
        assert!(said.contains("holds an earlier restore of shop") && said.contains(", operation "), "{said}");
        assert!(error["hint"].as_str().unwrap().contains("--delta"), "{error:#}");
    }
    assert_eq!(std::fs::read(into.join("rekindle.restore.json")).unwrap(), marker);
    drop(restored);
}

//! `rekindle doctor` finds what would be in the way.

use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use crate::house::House;
use crate::opened::house;

fn found(house: &House, severity: &str) -> (i32, Vec<String>) {
    let (code, findings) = house.run(&["doctor"]);
    let of = |finding: &&Value| finding["severity"] == severity;
    let text = |finding: &Value| format!("{} {}", finding["title"].as_str().unwrap(), finding["why"].as_str().unwrap());
    (code, findings.as_array().unwrap().iter().filter(of).map(text).collect())
}

#[test]
fn what_is_in_the_way_is_found_with_what_mends_it() {
    let mut house = house(15);
    let (code, blocks) = found(&house, "blocks");
    assert_eq!((code, blocks), (0, vec![]));
    let fine = found(&house, "fine").1.join("\n");
    for well in [
        "the key opens the vault",
        "its store writes once",
        "this host can mount",
        "the daemon answers",
        "PostgreSQL 15",
    ] {
        assert!(fine.contains(well), "{well}: {fine}");
    }
    let warns = found(&house, "warns").1.join("\n");
    assert!(warns.contains("one way into the vault only"), "{warns}");
    std::fs::set_permissions(house.path("key"), std::fs::Permissions::from_mode(0o644)).unwrap();
    let warns = found(&house, "warns").1.join("\n");
    assert!(warns.contains("others of this host can read the key"), "{warns}");
    house.kill_daemon();
    let (code, blocks) = found(&house, "blocks");
    assert!(code == 1 && blocks.len() == 1 && blocks[0].contains("no daemon answers"), "{blocks:?}");
    std::fs::rename(house.path("vault"), house.path("away")).unwrap();
    let (code, blocks) = found(&house, "blocks");
    assert!(code == 1 && blocks.iter().any(|line| line.contains("cannot be opened")), "{blocks:?}");
    std::fs::write(house.path("rekindle.toml"), "vault = 7").unwrap();
    let (code, blocks) = found(&house, "blocks");
    assert!(code == 1 && blocks[0].contains("the configuration cannot be used"), "{blocks:?}");
}

//! Manual pages come from the definitions of the command line.

use super::*;

#[test]
fn every_command_has_a_page() {
    let folder = tempfile::tempdir().unwrap();
    write_all(folder.path()).unwrap();
    for name in ["rekindle", "rekindle-restore", "rekindle-timeline", "rekindle-vault-key-add"] {
        let page = std::fs::read_to_string(folder.path().join(format!("{name}.1"))).unwrap();
        assert!(page.contains(".TH"), "{name}");
    }
    let page = std::fs::read_to_string(folder.path().join("rekindle-restore.1")).unwrap();
    assert!(page.contains("pg_create_restore_point"));
    assert!(!folder.path().join("rekindle-wal-fetch.1").exists(), "hidden");
}

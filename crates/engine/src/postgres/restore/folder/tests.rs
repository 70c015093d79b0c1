//! What counts as an empty directory.

use super::*;

#[test]
fn what_ended_before_it_was_marked_is_begun_again() {
    let into = tempfile::tempdir().unwrap();
    assert!(!is_filled(&into.path().join("absent")).unwrap());
    fs::write(into.path().join("rekindle.rekindle.restore.json.new"), "{").unwrap();
    assert!(!is_filled(into.path()).unwrap());
    fs::write(into.path().join("rekindle.conf.new"), "").unwrap();
    assert!(is_filled(into.path()).unwrap(), "of whoever it is");
    assert!(is_filled(&into.path().join("rekindle.conf.new")).is_err());
}

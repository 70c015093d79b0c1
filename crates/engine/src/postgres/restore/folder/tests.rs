//! What counts as an empty directory, and what of the original must not be in it.

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

#[test]
fn no_signal_of_the_original_stays() {
    let into = tempfile::tempdir().unwrap();
    for name in ["standby.signal", "promote", "PG_VERSION"] {
        fs::write(into.path().join(name), "").unwrap();
    }
    remove_signals(into.path()).unwrap();
    let left = fs::read_dir(into.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(left.collect::<Vec<_>>(), ["PG_VERSION"]);
}

//! Configurations that are accepted, and mistakes that are named.

use super::*;

const LEAST: &str = "vault = \"file:/v\"\nkey_file = \"/k\"\ndata_folder = \"/d\"\nsocket = \"/s\"\n";

#[test]
fn the_least_is_enough_and_survives_writing() {
    let config = Config::parse(LEAST).unwrap();
    assert_eq!((config.backup.workers, config.log.interval_ms), (2, 500));
    assert_eq!(Config::parse(&config.to_toml().unwrap()).unwrap(), config);
}

#[test]
fn a_typo_is_refused_by_name() {
    let error = Config::parse(&format!("{LEAST}[backup]\nworkerz = 3\n")).unwrap_err();
    assert!(error.contains("workerz"), "{error}");
}

#[test]
fn values_out_of_range_are_refused() {
    for line in ["[backup]\nworkers = 0", "[backup]\nzstd_level = 30", "[log]\ninterval_ms = 1"] {
        assert!(Config::parse(&format!("{LEAST}{line}\n")).is_err(), "{line}");
    }
    assert!(Config::parse(&LEAST.replace("/k", "k")).is_err());
}

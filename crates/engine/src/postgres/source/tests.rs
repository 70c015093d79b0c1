//! Which files of a data directory are stored, and which pages carry a checksum.

use super::*;

fn kept(folder: &str, names: &[&str]) -> Vec<String> {
    kept_names(folder, names.iter().map(|name| (*name).to_owned()).collect())
}

#[test]
fn what_is_made_anew_is_left_out() {
    assert_eq!(
        kept("", &["postmaster.pid", "PG_VERSION", "backup_label", "rekindle.conf", "base"]),
        ["PG_VERSION", "base"]
    );
    assert_eq!(kept("", &["standby.signal", "recovery.signal", "promote", "global"]), ["global"]);
    assert_eq!(kept("pg_wal", &["000000010000000000000001", "archive_status"]), ["archive_status"]);
    assert!(kept("pg_replslot", &["rekindle_shop"]).is_empty());
    assert_eq!(kept("base/5", &["pgsql_tmp", "pg_internal.init", "pg_internal.init.77", "PG_VERSION"]), ["PG_VERSION"]);
}

#[test]
fn unlogged_relations_keep_only_their_init_fork() {
    let names = ["16390", "16390.1", "16390_fsm", "16390_init", "16391", "16391_vm"];
    assert_eq!(kept("base/5", &names), ["16390_init", "16391", "16391_vm"]);
}

#[test]
fn temporary_relations_are_left_out() {
    assert_eq!(kept("base/5", &["t3_16390", "t3_16390_fsm", "t12_16390.1", "t_1", "title"]), ["t_1", "title"]);
}

#[test]
fn block_numbers_go_on_across_segments() {
    assert_eq!(first_block("base/5/16390"), Some(0));
    assert_eq!(first_block("base/5/16390.2"), Some(262_144));
    assert_eq!(first_block("pg_tblspc/7/PG_15_202209061/5/1_fsm.1"), Some(131_072));
    for path in ["base/5/PG_VERSION", "global/pg_filenode.map", "pg_xact/0000", "postgresql.conf"] {
        assert_eq!(first_block(path), None, "{path}");
    }
}

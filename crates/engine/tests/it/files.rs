//! The files of real clusters, compared with what the server's own programs say of them.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use engine::postgres::checksum::{PAGE_BYTES, PageState, page_lsn, verify_page};
use engine::postgres::control_file::{self, ControlFile};
use testkit::postgres::{Server, StopMode, majors_with};

fn read_control(server: &Server) -> ControlFile {
    ControlFile::parse(&fs::read(server.data_dir().join(control_file::PATH)).unwrap()).unwrap()
}

/// What pg_controldata says, by label.
fn controldata(server: &Server) -> HashMap<String, String> {
    let text = server.tool_ok("pg_controldata", &[server.data_dir()]);
    text.lines().filter_map(|line| line.split_once(':')).map(|(k, v)| (k.into(), v.trim().into())).collect()
}

fn on_off(on: bool) -> String {
    if on { "on" } else { "off" }.into()
}

fn expected(control: &ControlFile) -> Vec<(&'static str, String)> {
    let checkpoint = &control.checkpoint;
    vec![
        ("pg_control version number", control.control_version.to_string()),
        ("Catalog version number", control.catalog_version.to_string()),
        ("Database system identifier", control.system_identifier.to_string()),
        ("Database cluster state", control.state.name().into()),
        ("Latest checkpoint location", control.checkpoint_lsn.to_string()),
        ("Latest checkpoint's REDO location", checkpoint.redo.to_string()),
        ("Latest checkpoint's TimeLineID", checkpoint.timeline.to_string()),
        ("Latest checkpoint's PrevTimeLineID", checkpoint.previous_timeline.to_string()),
        ("Latest checkpoint's full_page_writes", on_off(checkpoint.full_page_writes)),
        ("Latest checkpoint's NextXID", format!("{}:{}", checkpoint.next_xid >> 32, checkpoint.next_xid & 0xFFFF_FFFF)),
        ("Latest checkpoint's NextOID", checkpoint.next_oid.to_string()),
        ("Latest checkpoint's NextMultiXactId", checkpoint.next_multi.to_string()),
        ("Latest checkpoint's oldestXID", checkpoint.oldest_xid.to_string()),
        ("Latest checkpoint's oldestXID's DB", checkpoint.oldest_xid_db.to_string()),
        ("Latest checkpoint's oldestMultiXid", checkpoint.oldest_multi.to_string()),
        ("Latest checkpoint's oldestActiveXID", checkpoint.oldest_active_xid.to_string()),
        ("Minimum recovery ending location", control.min_recovery_point.to_string()),
        ("Min recovery ending loc's timeline", control.min_recovery_timeline.to_string()),
        ("Backup start location", control.backup_start.to_string()),
        ("Backup end location", control.backup_end.to_string()),
        ("wal_level setting", control.wal_level.name().into()),
        ("wal_log_hints setting", on_off(control.wal_log_hints)),
        ("max_connections setting", control.max_connections.to_string()),
        ("max_worker_processes setting", control.max_worker_processes.to_string()),
        ("max_wal_senders setting", control.max_wal_senders.to_string()),
        ("max_prepared_xacts setting", control.max_prepared_transactions.to_string()),
        ("max_locks_per_xact setting", control.max_locks_per_transaction.to_string()),
        ("track_commit_timestamp setting", on_off(control.track_commit_timestamp)),
        ("Maximum data alignment", control.max_align.to_string()),
        ("Database block size", control.block_bytes.to_string()),
        ("Blocks per segment of large relation", control.blocks_per_relation_segment.to_string()),
        ("WAL block size", control.wal_block_bytes.to_string()),
        ("Bytes per WAL segment", control.wal_segment_bytes.to_string()),
        ("Data page checksum version", control.data_checksum_version.to_string()),
    ]
}

#[test]
fn pg_control_says_what_pg_controldata_says() {
    for major in majors_with("pg_controldata") {
        let mut server = Server::builder()
            .major(major)
            .checksums(major % 2 == 0)
            .wal_segment_bytes(if major == 15 { 1 << 20 } else { 16 << 20 })
            .setting("wal_level", if major == 16 { "logical" } else { "replica" })
            .setting("max_prepared_transactions", "7")
            .setting("wal_log_hints", "on")
            .setting("track_commit_timestamp", if major == 17 { "on" } else { "off" })
            .start();
        for running in [true, false] {
            if !running {
                server.stop(StopMode::Fast);
            }
            let control = read_control(&server);
            assert_eq!(control.major(), Some(major));
            let theirs = controldata(&server);
            for (label, ours) in expected(&control) {
                assert_eq!(theirs.get(label), Some(&ours), "{major}: {label}");
            }
        }
    }
}

#[test]
fn a_changed_byte_of_pg_control_is_seen() {
    let server = Server::builder().create();
    let mut bytes = fs::read(server.data_dir().join(control_file::PATH)).unwrap();
    bytes[100] ^= 1;
    let error = ControlFile::parse(&bytes).unwrap_err();
    assert_eq!(error.code(), "RK-2030");
    assert!(error.to_string().contains("checksum"));
}

/// Verifies all relation files below; gives pages seen, and the bad ones by file and block.
fn verify_tree(dir: &Path, bad: &mut Vec<(String, u32)>) -> usize {
    let mut seen = 0;
    for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        if entry.file_type().unwrap().is_dir() {
            seen += verify_tree(&entry.path(), bad);
        } else if name.starts_with(|c: char| c.is_ascii_digit()) {
            let bytes = fs::read(entry.path()).unwrap();
            let (pages, _) = bytes.as_chunks::<PAGE_BYTES>();
            for (block, page) in (0..).zip(pages) {
                match verify_page(page, block) {
                    PageState::Ok | PageState::New => {}
                    PageState::Bad { .. } => bad.push((name.clone(), block)),
                }
                seen += 1;
            }
        }
    }
    seen
}

#[test]
fn pages_verify_as_pg_checksums_verifies_them() {
    for major in majors_with("pg_checksums") {
        let mut server = Server::builder().major(major).start();
        server.sql("postgres", "create table t as select x, repeat('y', 100) from generate_series(1,20000) x; create index on t(x); vacuum t");
        let path = server.data_dir().join(server.sql("postgres", "select pg_relation_filepath('t')"));
        server.stop(StopMode::Fast);
        let mut bad = Vec::new();
        assert!(verify_tree(&server.data_dir().join("base"), &mut bad) > 1000);
        assert_eq!(bad, []);
        let data_dir = server.data_dir().display().to_string();
        server.tool_ok("pg_checksums", &["--check", "-D", &data_dir]);
        let mut bytes = fs::read(&path).unwrap();
        let lsn = page_lsn(bytes.first_chunk().unwrap());
        assert!(!lsn.is_none() && lsn <= read_control(&server).checkpoint_lsn, "{lsn}");
        bytes[3 * PAGE_BYTES + 4000] ^= 0x10;
        fs::write(&path, &bytes).unwrap();
        verify_tree(&server.data_dir().join("base"), &mut bad);
        assert_eq!(bad, [(path.file_name().unwrap().to_str().unwrap().to_string(), 3)]);
        let theirs =
            String::from_utf8_lossy(&server.tool("pg_checksums", &["--check", "-D", &data_dir]).stdout).into_owned();
        let sums =
            String::from_utf8_lossy(&server.tool("pg_checksums", &["--check", "-D", &data_dir]).stderr).into_owned();
        let (pages, _) = bytes.as_chunks::<PAGE_BYTES>();
        let PageState::Bad { found, computed } = verify_page(&pages[3], 3) else { panic!() };
        assert!(theirs.contains("Bad checksums:  1"), "{theirs}");
        assert!(sums.contains(&format!("calculated checksum {computed:X} but block contains {found:X}")), "{sums}");
    }
}

//! The log of real servers, scanned and compared with pg_waldump record for record.

use std::fs;

use engine::postgres::Lsn;
use engine::postgres::wal::names::{History, Segment};
use engine::postgres::wal::{Event, Scanner, Shape};
use testkit::postgres::{Server, StopMode, majors_with, wait_until};

const MIB: u64 = 1 << 20;

/// One line each, in the form that both sides can be brought into.
fn line(event: &Event) -> Option<String> {
    let time = |time: &jiff::Timestamp| time.strftime("%Y-%m-%d %H:%M:%S%.6f UTC").to_string();
    Some(match event {
        Event::Commit(x) => format!("{} COMMIT {} {}", x.lsn, x.xid, time(&x.time)),
        Event::Abort(x) => format!("{} ABORT {} {}", x.lsn, x.xid, time(&x.time)),
        Event::RestorePoint { lsn, name, .. } => format!("{lsn} RESTORE_POINT {name}"),
        Event::Checkpoint { lsn, redo, timeline, .. } => format!("{lsn} CHECKPOINT {redo} {timeline}"),
        Event::EndOfRecovery { lsn, timeline, previous_timeline, .. } => {
            format!("{lsn} END_OF_RECOVERY {timeline} {previous_timeline}")
        }
        Event::BackupEnd { lsn, start, .. } => format!("{lsn} BACKUP_END {start}"),
        Event::ParameterChange { lsn, limits, .. } => format!(
            "{lsn} PARAMETER_CHANGE {} {} {} {} {}",
            limits.max_connections,
            limits.max_worker_processes,
            limits.max_wal_senders,
            limits.max_prepared_transactions,
            limits.max_locks_per_transaction
        ),
        Event::Switch { lsn, .. } => format!("{lsn} SWITCH"),
        Event::Rows(_) => return None,
    })
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let rest = text.split_once(before).map_or("", |(_, rest)| rest);
    rest.split_once(after).map_or(rest, |(part, _)| part).trim()
}

fn dumped_line(text: &str) -> Option<String> {
    let lsn: Lsn = between(text, ", lsn: ", ",").parse().unwrap();
    let desc = between(text, ", desc: ", "\n");
    let (kind, rest) = desc.split_once(' ').unwrap_or((desc, ""));
    let tx = between(text, ", tx:", ",");
    let time = |rest: &str| rest.split_once(';').map_or(rest, |(time, _)| time).trim().to_string();
    let short = |lsn: &str| lsn.parse::<Lsn>().unwrap().to_string();
    let rmgr = between(text, "rmgr: ", " ");
    Some(match (rmgr, kind) {
        ("Transaction", "COMMIT" | "ABORT") => format!("{lsn} {kind} {tx} {}", time(rest)),
        ("Transaction", "COMMIT_PREPARED" | "ABORT_PREPARED") => {
            let (xid, rest) = rest.split_once(": ").unwrap();
            format!("{lsn} {} {xid} {}", kind.trim_end_matches("_PREPARED"), time(rest))
        }
        ("XLOG", "RESTORE_POINT") => format!("{lsn} RESTORE_POINT {rest}"),
        ("XLOG", "CHECKPOINT_ONLINE" | "CHECKPOINT_SHUTDOWN") => {
            format!("{lsn} CHECKPOINT {} {}", short(between(rest, "redo ", ";")), between(rest, "; tli ", ";"))
        }
        ("XLOG", "END_OF_RECOVERY") => {
            let previous = rest.split_once("prev tli ").unwrap().1;
            format!(
                "{lsn} END_OF_RECOVERY {} {}",
                between(rest, "tli ", ";"),
                between(&format!("tli {previous}"), "tli ", ";")
            )
        }
        ("XLOG", "BACKUP_END") => format!("{lsn} BACKUP_END {}", short(rest)),
        ("XLOG", "PARAMETER_CHANGE") => {
            let values: Vec<&str> = rest.split(' ').filter_map(|word| Some(word.split_once('=')?.1)).take(5).collect();
            format!("{lsn} PARAMETER_CHANGE {}", values.join(" "))
        }
        ("XLOG", "SWITCH") => format!("{lsn} SWITCH"),
        _ => return None,
    })
}

struct Dump {
    lines: Vec<String>,
    last_record: Lsn,
}

fn waldump(server: &Server, first: Segment, last: Segment, segment_bytes: u64) -> Dump {
    let dir = server.data_dir().join("pg_wal").display().to_string();
    // It ends with an error where the log ends.
    let output =
        server.tool("pg_waldump", &["-p", &dir, &first.file_name(segment_bytes), &last.file_name(segment_bytes)]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let last_record = text.lines().last().map(|line| between(line, ", lsn: ", ",").parse().unwrap());
    let lines = text.lines().filter_map(dumped_line).collect();
    Dump { lines, last_record: last_record.unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&output.stderr))) }
}

/// The segments of one timeline from `first` on, as far as they follow each other.
fn read_log(server: &Server, first: Segment, segment_bytes: u64) -> (Vec<u8>, Segment) {
    let (mut bytes, mut segment) = (Vec::new(), first);
    while let Ok(data) = fs::read(server.data_dir().join("pg_wal").join(segment.file_name(segment_bytes))) {
        bytes.extend(data);
        segment = segment.next();
    }
    (bytes, Segment { number: segment.number - 1, ..segment })
}

fn oldest_segment(server: &Server, timeline: u32, segment_bytes: u64) -> Segment {
    let names = fs::read_dir(server.data_dir().join("pg_wal")).unwrap();
    let all = names.filter_map(|entry| Segment::parse(entry.unwrap().file_name().to_str().unwrap(), segment_bytes));
    all.filter(|segment| segment.timeline == timeline).min().unwrap()
}

fn scan(bytes: &[u8], start: Lsn, shape: Shape, mut chunk: impl FnMut() -> usize) -> (Vec<Event>, Scanner) {
    let mut scanner = Scanner::at_segment(start, shape).unwrap();
    let (mut events, mut rest) = (Vec::new(), bytes);
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(chunk().clamp(1, rest.len()));
        scanner.feed(piece, &mut events);
        rest = after;
    }
    (events, scanner)
}

/// Whole, then in pieces of many sizes: always the same events, and those of pg_waldump.
fn compare(server: &Server, timeline: u32, segment_bytes: u64) -> Vec<Event> {
    let first = oldest_segment(server, timeline, segment_bytes);
    let (bytes, last) = read_log(server, first, segment_bytes);
    let shape = Shape { major: server.major(), timeline, segment_bytes, system_identifier: None };
    let (events, scanner) = scan(&bytes, first.start(segment_bytes), shape, || usize::MAX);
    let dump = waldump(server, first, last, segment_bytes);
    let ours: Vec<String> = events.iter().filter_map(line).collect();
    for (ours, theirs) in ours.iter().zip(&dump.lines) {
        assert_eq!(ours, theirs, "major {}", server.major());
    }
    assert_eq!(ours.len(), dump.lines.len());
    assert_eq!(scanner.last_record_start(), Some(dump.last_record), "{:?}", scanner.end());
    let mut state = 12345_usize;
    for limit in [1, 7, 100, 5000, 100_000] {
        let small = if limit < 100 { bytes.len().min(3 << 20) } else { bytes.len() };
        let random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            1 + (state >> 33) % limit
        };
        let (again, _) = scan(&bytes[..small], first.start(segment_bytes), shape, random);
        assert_eq!(again, events[..again.len()]);
        assert!(small < bytes.len() || again.len() == events.len());
    }
    events
}

fn work(server: &Server) {
    server.sql("postgres", "create table t(x int, y text); create index on t(x)");
    for round in 0..20 {
        server.sql("postgres", &format!("insert into t select g, repeat('z', 200) from generate_series(1, 500) g; select pg_create_restore_point('point {round}')"));
        server.sql("postgres", "begin; insert into t values (0, 'gone'); rollback");
    }
    server.sql("postgres", "select pg_create_restore_point(repeat('n', 63))");
    server.sql("postgres", "begin; create table d(x int); insert into d values (1); prepare transaction 'one'");
    server.sql("postgres", "begin; create table e(x int); savepoint a; insert into e values (1); savepoint b; insert into e values (2); prepare transaction 'two'");
    server.sql("postgres", "commit prepared 'one'");
    server.sql("postgres", "rollback prepared 'two'");
    server.sql("postgres", "begin; drop table d; create table f(x int primary key, y text); savepoint s; insert into f values (1); release s; prepare transaction 'three'");
    server.sql("postgres", "commit prepared 'three'; checkpoint");
    server.sql("postgres", "do $$ begin for i in 1..200 loop begin insert into t values (i); exception when others then null; end; end loop; end $$");
    server.sql("postgres", "select length(pg_logical_emit_message(true, 'big', repeat('m', 5000000))::text)");
    server.sql("postgres", "select pg_switch_wal(); select pg_switch_wal()");
    server.sql("postgres", "create table after_switch(x int)");
    server.sql(
        "postgres",
        "select pg_logical_emit_message(false, 'edge', repeat('e', 8100)) from generate_series(1, 300)",
    );
}

fn start(major: u32, segment_bytes: u64) -> Server {
    Server::builder()
        .major(major)
        .wal_segment_bytes(segment_bytes)
        .setting("max_prepared_transactions", "5")
        .setting("wal_keep_size", "1GB")
        .setting("wal_level", "logical")
        .start()
}

#[test]
fn events_are_those_of_pg_waldump() {
    for major in majors_with("pg_waldump") {
        let segment_bytes = if major % 2 == 0 { MIB } else { 16 * MIB };
        let mut server = start(major, segment_bytes);
        work(&server);
        server.stop(StopMode::Fast);
        let events = compare(&server, 1, segment_bytes);
        let count = |wanted: fn(&Event) -> bool| events.iter().filter(|event| wanted(event)).count();
        assert_eq!(count(|event| matches!(event, Event::RestorePoint { .. })), 21);
        assert_ne!(count(|event| matches!(event, Event::ParameterChange { .. })), 0);
        assert_eq!(count(|event| matches!(event, Event::Commit(x) if x.prepared)), 2);
        assert_eq!(count(|event| matches!(event, Event::Abort(x) if x.prepared)), 1);
        assert!(events.windows(2).all(|pair| pair[0].end_lsn() <= pair[1].lsn()));
    }
}

#[test]
fn a_crash_ends_the_log_where_pg_waldump_ends_it() {
    let mut server = start(15, MIB);
    work(&server);
    server.kill9();
    compare(&server, 1, MIB);
    // The log of a crashed server with recycled segments in it still ends at the same place.
    server.start();
    server.set("wal_keep_size", "0");
    server.reload();
    for _ in 0..3 {
        server.sql("postgres", "insert into t select g, repeat('z', 200) from generate_series(1, 20000) g; checkpoint");
    }
    server.kill9();
    compare(&server, 1, MIB);
}

/// The server's own test of this is src/test/recovery/t/026_overwrite_contrecord.pl.
#[test]
fn a_record_that_was_never_finished_is_passed_over() {
    for major in majors_with("pg_waldump") {
        let mut server = start(major, MIB);
        server.sql("postgres", "create table t(x int); select pg_switch_wal()");
        server.sql("postgres", "select pg_create_restore_point('before')");
        server.sql("postgres", "select length(pg_logical_emit_message(false, 'long', repeat('m', 1500000))::text)");
        let end: Lsn = server.sql("postgres", "select pg_current_wal_insert_lsn()").parse().unwrap();
        server.sql("postgres", "insert into t values (1)");
        server.stop(StopMode::Immediate);
        let mut lost = Segment::at(1, end, MIB);
        while fs::remove_file(server.data_dir().join("pg_wal").join(lost.file_name(MIB))).is_ok() {
            lost = lost.next();
        }
        server.start();
        server.sql("postgres", "select pg_create_restore_point('after')");
        server.stop(StopMode::Fast);
        let events = compare(&server, 1, MIB);
        let names: Vec<_> = events
            .iter()
            .filter_map(|e| if let Event::RestorePoint { name, .. } = e { Some(name.as_str()) } else { None })
            .collect();
        assert_eq!(names, ["before", "after"], "major {major}");
    }
}

#[test]
fn a_promotion_goes_on_in_the_same_segment() {
    for major in majors_with("pg_waldump") {
        let mut server = start(major, MIB);
        work(&server);
        server.stop(StopMode::Fast);
        fs::write(server.data_dir().join("recovery.signal"), "").unwrap();
        server.set("restore_command", "false");
        server.start();
        assert!(wait_until(std::time::Duration::from_secs(20), || server
            .sql("postgres", "select pg_is_in_recovery()")
            == "f"));
        server.sql("postgres", "select pg_create_restore_point('on two'); checkpoint");
        server.stop(StopMode::Fast);
        let events = compare(&server, 2, MIB);
        assert!(events.iter().any(|event| matches!(event, Event::RestorePoint { name, .. } if name == "on two")));
        let text = fs::read_to_string(server.data_dir().join("pg_wal/00000002.history")).unwrap();
        let history = History::parse(2, &text).unwrap();
        let switch = history.end_of(1).unwrap();
        assert_eq!((history.timeline_at(switch - 1), history.timeline_at(switch)), (1, 2));
    }
}

#[test]
fn a_scan_can_begin_at_a_known_record() {
    let mut server = start(15, MIB);
    work(&server);
    server.stop(StopMode::Fast);
    let first = oldest_segment(&server, 1, MIB);
    let (bytes, _) = read_log(&server, first, MIB);
    let shape = Shape { major: 15, timeline: 1, segment_bytes: MIB, system_identifier: None };
    let (events, _) = scan(&bytes, first.start(MIB), shape, || usize::MAX);
    for (index, event) in events.iter().enumerate().step_by(7) {
        let offset = usize::try_from(event.lsn() - first.start(MIB)).unwrap();
        let mut scanner = Scanner::at_record(event.lsn(), shape).unwrap();
        let mut again = Vec::new();
        scanner.feed(&bytes[offset..], &mut again);
        assert_eq!(again, events[index..]);
    }
}

//! Rows that real servers of every major wrote, counted from their log and named by asking them.

use std::collections::BTreeMap;
use std::fs;

use engine::postgres::Lsn;
use engine::postgres::relations::{FileOf, name_files};
use engine::postgres::wal::names::Segment;
use engine::postgres::wal::rows::{Change, RelationFile, RowWork};
use engine::postgres::wal::{Event, Scanner, Shape};
use engine::postgres::wire::Conninfo;
use testkit::postgres::{Server, StopMode, majors};

const SEGMENT_BYTES: u64 = 1 << 20;

type Counts = (u64, u64, u64);

/// What is in the log behind a position.
fn told(server: &Server, from: Lsn) -> Vec<RowWork> {
    let mut segment = Segment::at(1, from, SEGMENT_BYTES);
    let shape = Shape { major: server.major(), timeline: 1, segment_bytes: SEGMENT_BYTES, system_identifier: None };
    let mut scanner = Scanner::at_segment(segment.start(SEGMENT_BYTES), shape).unwrap().with_rows();
    let mut events = Vec::new();
    while let Ok(data) = fs::read(server.data_dir().join("pg_wal").join(segment.file_name(SEGMENT_BYTES))) {
        data.chunks(777).for_each(|part| scanner.feed(part, &mut events));
        segment = segment.next();
    }
    let rows = events.into_iter().filter_map(|event| if let Event::Rows(row) = event { Some(row) } else { None });
    rows.filter(|row| row.lsn >= from).map(|row| row.what).collect()
}

/// Committed or not: who ends how is looked at by `target::rows`.
fn counted(told: &[RowWork]) -> BTreeMap<RelationFile, Counts> {
    let mut found: BTreeMap<RelationFile, Counts> = BTreeMap::new();
    for what in told {
        let RowWork::Changed { file, change, .. } = *what else { continue };
        if file.file < 16_384 {
            continue;
        }
        let counts = found.entry(file).or_default();
        match change {
            Change::Inserted(rows) => counts.0 += u64::from(rows),
            Change::InsertTakenBack => counts.0 -= 1,
            Change::Updated => counts.1 += 1,
            Change::Deleted => counts.2 += 1,
        }
    }
    found
}

fn named(server: &Server, found: &BTreeMap<RelationFile, Counts>) -> (BTreeMap<String, Counts>, Vec<Counts>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let files: Vec<RelationFile> = found.keys().copied().collect();
    let info = Conninfo::parse(&server.socket_url("postgres"), &Default::default()).unwrap();
    let names = runtime.block_on(name_files(&info, &files)).unwrap();
    let (mut tables, mut unknown) = (BTreeMap::new(), Vec::new());
    for (file, of) in names {
        match of {
            FileOf::Table { database, table } => drop(tables.insert(format!("{database} {table}"), found[&file])),
            FileOf::Unknown { database } => {
                assert_eq!(database.as_deref(), Some("postgres"));
                unknown.push(found[&file]);
            }
            FileOf::Other => {}
        }
    }
    (tables, unknown)
}

fn work(server: &Server) {
    let sql = |text: &str| server.sql("postgres", text);
    sql("INSERT INTO plain SELECT g, repeat('x', 50) FROM generate_series(1, 300) g");
    sql("UPDATE plain SET y = 'short' WHERE x <= 100");
    sql("UPDATE plain SET x = -x WHERE x > 290");
    sql("DELETE FROM plain WHERE x BETWEEN 1 AND 25");
    sql("SELECT * FROM plain FOR UPDATE");
    sql("COPY bulk FROM PROGRAM 'seq 1 5000'");
    sql("INSERT INTO once VALUES (1) ON CONFLICT DO NOTHING; INSERT INTO once VALUES (1) ON CONFLICT DO NOTHING");
    sql("INSERT INTO long VALUES (1, (SELECT string_agg(md5(g::text), '') FROM generate_series(1, 20000) g))");
    sql("UPDATE moved SET part = 2 WHERE x <= 3");
    sql("CREATE TABLE made AS SELECT g FROM generate_series(1, 40) g");
    sql("INSERT INTO emptied SELECT generate_series(1, 9); TRUNCATE emptied; INSERT INTO emptied VALUES (1)");
    sql("VACUUM FULL plain");
    server.sql("other", "INSERT INTO elsewhere SELECT generate_series(1, 7)");
}

#[test]
fn rows_are_counted_in_every_major() {
    for major in majors() {
        let mut server = Server::builder()
            .major(major)
            .wal_segment_bytes(SEGMENT_BYTES)
            .setting("wal_keep_size", "1GB")
            .setting("wal_compression", if major % 2 == 0 { "on" } else { "off" })
            .setting("autovacuum", "off")
            .start();
        server.sql("postgres", "CREATE DATABASE other");
        server.sql("other", "CREATE TABLE elsewhere(x int)");
        for table in
            ["plain(x int PRIMARY KEY, y text)", "bulk(x int)", "once(x int PRIMARY KEY)", "long(x int, y text)"]
        {
            server.sql("postgres", &format!("CREATE TABLE {table}"));
        }
        server.sql(
            "postgres",
            "CREATE TABLE emptied(x int); CREATE TABLE moved(x int, part int) PARTITION BY LIST (part); \
             CREATE TABLE moved_1 PARTITION OF moved FOR VALUES IN (1); \
             CREATE TABLE moved_2 PARTITION OF moved FOR VALUES IN (2); \
             INSERT INTO moved SELECT g, 1 FROM generate_series(1, 10) g",
        );
        // Every page is written whole once more.
        server.sql("postgres", "CHECKPOINT");
        let from: Lsn = server.sql("postgres", "SELECT pg_current_wal_insert_lsn()").trim().parse().unwrap();
        work(&server);
        let next: u32 =
            server.sql("postgres", "SELECT pg_snapshot_xmax(pg_current_snapshot())").trim().parse().unwrap();
        server.sql("postgres", "CHECKPOINT");
        let told = told(&server, from);
        assert!(told.contains(&RowWork::NextXid(next)), "major {major}: {next}");
        let made: u32 = server.sql("postgres", "SELECT pg_relation_filenode('made')").trim().parse().unwrap();
        let is_made = |what: &RowWork| matches!(what, RowWork::FileMade(file) if file.file == made);
        assert!(told.iter().any(is_made), "major {major}");
        let found = counted(&told);
        let (tables, mut unknown) = named(&server, &found);
        let expected: [(&str, Counts); 8] = [
            ("other public.elsewhere", (7, 0, 0)),
            ("postgres public.bulk", (5000, 0, 0)),
            ("postgres public.emptied", (1, 0, 0)),
            ("postgres public.long", (1, 0, 0)),
            ("postgres public.made", (40, 0, 0)),
            ("postgres public.moved_1", (0, 0, 3)),
            ("postgres public.moved_2", (3, 0, 0)),
            ("postgres public.once", (1, 0, 0)),
        ];
        assert_eq!(tables, expected.map(|(name, counts)| (name.to_owned(), counts)).into(), "major {major}");
        // What was emptied and what was written anew lie in other files now.
        unknown.sort_unstable();
        assert!(unknown.contains(&(9, 0, 0)) && unknown.contains(&(300, 110, 25)), "major {major}: {unknown:?}");
        server.stop(StopMode::Fast);
    }
}

//! What counts and what does not, event by event.

use jiff::Timestamp;

use super::*;
use crate::postgres::wal::rows::RowEvent;

const MOMENT: Lsn = Lsn(1000);

fn file(number: u32) -> RelationFile {
    RelationFile { tablespace: 1663, database: 5, file: number }
}

fn changed(lsn: u64, xid: u32, number: u32, change: Change) -> Event {
    told(lsn, RowWork::Changed { xid, file: file(number), change })
}

fn told(lsn: u64, what: RowWork) -> Event {
    Event::Rows(RowEvent { lsn: Lsn(lsn), end_lsn: Lsn(lsn + 8), what })
}

fn end(lsn: u64, xid: u32, subtransactions: &[u32]) -> Xact {
    Xact {
        lsn: Lsn(lsn),
        end_lsn: Lsn(lsn + 8),
        xid,
        time: Timestamp::UNIX_EPOCH,
        prepared: false,
        subtransactions: subtransactions.to_vec(),
    }
}

fn tally(events: impl IntoIterator<Item = Event>) -> RowsWritten {
    let mut tally = Tally::new(MOMENT);
    events.into_iter().for_each(|event| tally.take(event));
    tally.written()
}

fn counts(written: &RowsWritten) -> Vec<(u32, u64, u64, u64)> {
    let row = |one: &FileWritten| (one.file.file, one.written.inserted, one.written.updated, one.written.deleted);
    written.files.iter().map(row).collect()
}

#[test]
fn what_commits_behind_the_moment_counts_wherever_it_was_written() {
    let written = tally([
        told(100, RowWork::NextXid(10)),
        changed(200, 10, 16_400, Change::Inserted(7)),
        changed(300, 11, 16_400, Change::Inserted(1)),
        Event::Commit(end(400, 11, &[])),
        changed(1100, 10, 16_401, Change::Updated),
        changed(1200, 12, 16_401, Change::Deleted),
        Event::Commit(end(1300, 10, &[])),
        Event::Abort(end(1400, 12, &[])),
        changed(1500, 13, 16_401, Change::Inserted(100)),
    ]);
    assert_eq!(counts(&written), [(16_400, 7, 0, 0), (16_401, 0, 1, 0)]);
    assert!(written.at_least.is_empty(), "{written:?}");
}

#[test]
fn parts_of_a_transaction_end_with_it_or_before() {
    let written = tally([
        told(100, RowWork::NextXid(10)),
        changed(1100, 10, 16_400, Change::Inserted(1)),
        changed(1200, 11, 16_400, Change::Inserted(2)),
        changed(1300, 12, 16_400, Change::Inserted(4)),
        Event::Abort(end(1400, 12, &[])),
        changed(1500, 13, 16_400, Change::InsertTakenBack),
        Event::Commit(end(1600, 10, &[11, 13])),
    ]);
    assert_eq!(counts(&written), [(16_400, 2, 0, 0)]);
}

#[test]
fn catalogs_are_left_out_and_new_files_are_marked() {
    let shared = RelationFile { tablespace: 1664, database: 0, file: 17_000 };
    let written = tally([
        told(100, RowWork::NextXid(10)),
        told(900, RowWork::FileMade(file(16_400))),
        told(1100, RowWork::FileMade(file(16_401))),
        changed(1200, 10, 1259, Change::Inserted(3)),
        told(1250, RowWork::Changed { xid: 10, file: shared, change: Change::Inserted(3) }),
        changed(1300, 10, 16_400, Change::Inserted(1)),
        changed(1400, 10, 16_401, Change::Inserted(2)),
        Event::Commit(end(1500, 10, &[])),
    ]);
    let new: Vec<(u32, bool)> = written.files.iter().map(|one| (one.file.file, one.is_new)).collect();
    assert_eq!(new, [(16_401, true), (16_400, false)], "the most first");
}

#[test]
fn of_what_began_before_only_a_part_is_seen() {
    let late = |events: Vec<Event>| tally(events).at_least.len();
    let insert = |xid| changed(1100, xid, 16_400, Change::Inserted(1));
    let commit = |xid| Event::Commit(end(1200, xid, &[]));
    assert_eq!(late(vec![told(100, RowWork::NextXid(10)), insert(9), commit(9)]), 1);
    assert_eq!(late(vec![told(100, RowWork::NextXid(10)), insert(10), commit(10)]), 0);
    assert_eq!(late(vec![insert(10), commit(10)]), 1, "nothing tells");
    assert_eq!(late(vec![insert(10), commit(10), told(1300, RowWork::NextXid(11))]), 1, "told too late");
    let around = vec![told(100, RowWork::NextXid(u32::MAX - 1)), insert(5), commit(5)];
    assert_eq!(late(around), 0, "numbers go round");
}

#[test]
fn what_cannot_be_kept_in_mind_is_said() {
    let many = (0..=u32::try_from(KEPT_MAX).unwrap()).map(|xid| changed(1100, 10 + xid, 16_400, Change::Inserted(1)));
    let written = tally(std::iter::once(told(100, RowWork::NextXid(10))).chain(many));
    assert!(written.files.is_empty() && written.at_least.len() == 1, "{written:?}");
}

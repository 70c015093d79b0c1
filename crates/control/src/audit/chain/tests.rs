//! Records hang together, and each way to break that is seen.

use super::*;

fn chain(length: usize) -> Vec<AuditRow> {
    let said = |at: usize| Said { who: format!("person {at}"), outcome: "done".into(), ..Said::default() };
    let mut rows = vec![Entry::first([7; 16], said(0), Timestamp::UNIX_EPOCH).row().unwrap()];
    while rows.len() < length {
        let last = &rows[rows.len() - 1];
        let entry = Entry::read(last).unwrap();
        rows.push(Entry::after(&entry, &last.hash, said(rows.len()), Timestamp::UNIX_EPOCH).row().unwrap());
    }
    rows
}

fn followed(rows: &[AuditRow]) -> Result<i64, (i64, String)> {
    let mut follower = Follower::default();
    rows.iter().try_for_each(|row| follower.follow(row))?;
    Ok(follower.records)
}

#[test]
fn a_chain_follows_itself() {
    assert_eq!(followed(&chain(5)), Ok(5));
    assert_eq!(followed(&[]), Ok(0));
}

/// The bytes and their hash stay what they are: an old log is verified by a newer program.
#[test]
fn canonical_bytes_are_golden() {
    let row = &chain(1)[0];
    let expected = "{\"v\":1,\"chain\":\"07070707070707070707070707070707\",\"n\":1,\"at\":\"1970-01-01T00:00:00Z\",\"who\":\"person 0\",\
                    \"via\":\"\",\"from\":\"\",\"action\":\"\",\"subject\":\"\",\"outcome\":\"done\",\"request_id\":\"\",\"before\":\"\"}";
    assert_eq!(row.record, expected);
    assert_eq!(row.hash, hash(expected));
}

#[test]
fn whatever_is_changed_is_seen_at_once() {
    let whole = chain(5);
    let broken_at = |change: &dyn Fn(&mut Vec<AuditRow>)| {
        let mut rows = whole.clone();
        change(&mut rows);
        followed(&rows).unwrap_err().0
    };
    let rewrite = |row: &mut AuditRow| row.record = row.record.replace("person 2", "person 9");
    assert_eq!(broken_at(&|rows| rewrite(&mut rows[2])), 3, "changed");
    let forge = |row: &mut AuditRow| {
        rewrite(row);
        row.hash = hash(&row.record);
    };
    assert_eq!(broken_at(&|rows| forge(&mut rows[2])), 4, "changed with its hash: the next one misses it");
    assert_eq!(broken_at(&|rows| drop(rows.remove(2))), 3, "removed");
    assert_eq!(broken_at(&|rows| drop(rows.remove(0))), 1, "the first removed");
    assert_eq!(broken_at(&|rows| rows.swap(1, 2)), 2, "another order");
    let insert = |rows: &mut Vec<AuditRow>| {
        let copy = AuditRow { n: 3, ..rows[1].clone() };
        rows.insert(2, copy);
        (3..).zip(&mut rows[3..]).for_each(|(n, row)| row.n = n + 1);
    };
    assert_eq!(broken_at(&insert), 3, "inserted");
    let other = |rows: &mut Vec<AuditRow>| {
        let last = rows[4].clone();
        let entry = Entry { chain: hex(&[8; 16]), ..Entry::read(&last).unwrap() };
        rows[4] = entry.row().unwrap();
    };
    assert_eq!(broken_at(&other), 5, "of another log");
}

//! The shapes of answers.

use super::*;

fn rows(rows: &[&[Option<&str>]]) -> Rows {
    let rows = rows.iter().map(|row| row.iter().map(|cell| cell.map(str::to_owned)).collect());
    Rows { rows: rows.collect(), ..Rows::default() }
}

#[test]
fn one_row_of_one_column_that_is_true_or_as_expected() {
    let one = |cell| [rows(&[&[Some(cell)]])];
    assert!(judge(&one("t"), None).0);
    assert!(judge(&one("42"), Some("42")).0);
    assert!(judge(&one("f"), Some("f")).0);
    for (results, expect, what) in [
        (one("f").to_vec(), None, "false"),
        (one("42").to_vec(), None, "neither"),
        (one("t").to_vec(), Some("true"), "expected"),
        (vec![rows(&[&[None]])], None, "null"),
        (vec![rows(&[])], None, "0 rows"),
        (vec![rows(&[&[Some("t")], &[Some("t")]])], None, "2 rows"),
        (vec![rows(&[&[Some("t"), Some("t")]])], None, "2 columns"),
        (vec![rows(&[&[Some("t")]]); 2], None, "2 statements"),
        (vec![], None, "0 statements"),
    ] {
        let (passed, detail) = judge(&results, expect);
        assert!(!passed && detail.contains(what), "{detail}");
    }
}

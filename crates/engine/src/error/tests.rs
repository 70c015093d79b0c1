//! Every code stands in the table, and hints say what to do.

use super::*;

#[test]
fn codes_are_in_order_and_unique() {
    assert!(CODES.windows(2).all(|pair| pair[0].code < pair[1].code));
    assert!(CODES.iter().all(|row| row.code.starts_with("RK-2")));
}

#[test]
fn a_vault_error_keeps_its_own_code_kind_and_hint() {
    let error = Error::from(vault::Error::Cancelled);
    assert_eq!((error.code(), error.kind()), ("RK-1040", Kind::Refused));
    assert_eq!(error.hint(), vault::Error::Cancelled.hint());
}

#[test]
fn the_hint_of_a_refused_connection_is_the_line_to_add() {
    let line = "host replication rekindle 10.0.0.5/32 scram-sha-256".to_string();
    let error = Error::Hba { target: "db".into(), user: "rekindle".into(), error: Box::default(), line: line.clone() };
    assert!(error.hint().unwrap().ends_with(&line));
    assert_eq!(error.kind(), Kind::Input);
}

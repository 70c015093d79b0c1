//! Password files: escapes, wildcards, and rights that are too wide.

use super::super::conninfo::Defaults;
use super::*;

const FILE: &str = "# a comment\n\
    db:5432:app:alice:first\n\
    db:*:*:bob:with\\:colon and \\\\\n\
    \\*:5432:app:carol:star\n\
    too:few:fields\n\
    *:*:replication:rekindle:stream\n";

fn look(host: &str, port: u16, database: &str, user: &str) -> Option<String> {
    find(FILE, host, port, database, user).map(|password| password.to_string())
}

#[test]
fn the_first_matching_line_wins() {
    assert_eq!(look("db", 5432, "app", "alice").as_deref(), Some("first"));
    assert_eq!(look("db", 1, "x", "bob").as_deref(), Some("with:colon and \\"));
    assert_eq!(look("any", 1, "replication", "rekindle").as_deref(), Some("stream"));
    assert_eq!(look("db", 5433, "app", "alice"), None);
}

#[test]
fn an_escaped_star_is_no_wildcard() {
    assert_eq!(look("*", 5432, "app", "carol").as_deref(), Some("star"));
    assert_eq!(look("db", 5432, "app", "carol"), None);
}

#[test]
fn a_file_that_others_may_read_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pgpass");
    fs::write(&path, "*:*:*:*:secret\n").unwrap();
    let defaults = Defaults { user: "u".into(), passfile: Some(path.clone()), ..Defaults::default() };
    let info = Conninfo::parse("host=h", &defaults).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let error = password_for(&info, false).unwrap_err();
    assert_eq!(error.code(), "RK-2002");
    assert!(error.to_string().contains("0640") && error.hint().unwrap().contains("chmod 0600"));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(password_for(&info, false).unwrap().unwrap().as_str(), "secret");
    fs::remove_file(&path).unwrap();
    assert!(password_for(&info, false).unwrap().is_none());
}

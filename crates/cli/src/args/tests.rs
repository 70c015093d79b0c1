//! The command line as it is typed.

use clap::CommandFactory;

use super::*;

fn parse(line: &str) -> Result<Arguments, clap::Error> {
    Arguments::try_parse_from(line.split_whitespace())
}

#[test]
fn the_definitions_hold_together() {
    Arguments::command().debug_assert();
}

#[test]
fn a_restore_names_exactly_one_moment() {
    let base = "rekindle restore shop --into /srv/x";
    for moment in
        ["--to latest", "--time 02:57", "--lsn 16/B3", "--xid 7", "--restore-point a", "--name a", "--backup b"]
    {
        assert!(parse(&format!("{base} {moment}")).is_ok(), "{moment}");
    }
    assert!(parse(base).is_err());
    assert!(parse(&format!("{base} --xid 7 --to latest")).is_err());
    assert!(parse("rekindle restore shop --to latest").is_err(), "no place");
}

#[test]
fn check_reads_all_data_unless_told_how_much() {
    let read = |line| match parse(line).unwrap().command {
        Command::Check(args) => (args.names, args.read_data),
        other => panic!("{other:?}"),
    };
    assert_eq!(read("rekindle check --read-data shop"), (vec!["shop".to_owned()], Some(100)));
    assert_eq!(read("rekindle check --read-data=5"), (vec![], Some(5)));
    assert!(parse("rekindle check --read-data=101").is_err());
}

#[test]
fn expire_must_say_plan_or_apply() {
    assert!(parse("rekindle expire shop --keep-last 3").is_err());
    assert!(parse("rekindle expire shop --plan --keep-last 3").is_ok());
    assert!(parse("rekindle expire shop --plan --apply").is_err());
}

#[test]
fn recover_needs_one_way_in() {
    let base = "rekindle recover --vault file:/v --source shop --to latest --into /x";
    assert!(parse(base).is_err());
    assert!(parse(&format!("{base} --key /k")).is_ok());
    assert!(parse(&format!("{base} --key /k --passphrase")).is_err());
    assert!(parse("rekindle vault key list --vault file:/v").is_err(), "the configured key opens another vault");
    assert!(parse("rekindle vault key list --vault file:/v --identity /i").is_ok());
}

#[test]
fn tablespaces_and_reports_are_checked_early() {
    let base = "rekindle restore shop --to latest --into /x";
    assert!(parse(&format!("{base} --tablespace 16385=/fast --tablespace 16386=/slow --report r.md")).is_ok());
    for wrong in ["--tablespace 16385", "--tablespace a=/b", "--tablespace 1=b", "--report r.txt"] {
        assert!(parse(&format!("{base} {wrong}")).is_err(), "{wrong}");
    }
}

#[test]
fn a_role_is_for_everything_or_for_a_stack() {
    use api::{Grant, Role};
    let roles = |line: &str| match parse(line).map(|parsed| parsed.command) {
        Ok(Command::Users(UsersCommand::Role(args))) => Ok(args.roles),
        Ok(other) => panic!("{other:?}"),
        Err(error) => Err(error.to_string()),
    };
    let expected =
        vec![Grant { role: Role::Operator, stack: Some("shop".to_owned()) }, Grant { role: Role::Viewer, stack: None }];
    assert_eq!(roles("rekindle users role ada operator:shop viewer").unwrap(), expected);
    for wrong in ["owner", "operator:", "", ":shop"] {
        assert!(roles(&format!("rekindle users role ada {wrong}")).is_err(), "{wrong}");
    }
}

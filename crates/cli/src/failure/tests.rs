//! `docs/errors.md` is made from the tables of codes. `REKINDLE_BLESS=1` writes it anew.

use std::collections::HashSet;
use std::path::Path;

use super::{CODES, Code, Failure};

const HEAD: &str = "# Errors\n\nEvery error has a stable code, says what happened and what would make it right, and ends the command with the exit code of \
its kind. `--json` prints errors as `{code, kind, message, causes, hint, exit_code}`. Made from the tables in the sources.\n\n\
Exit codes: 0 done · 1 done, but not all is well (a check with findings, a restore with bad pages, a server that cannot be \
protected as it is or critical states in `status`) · others by kind, below. RK-4xxx are of the command line itself.\n\n";

fn table() -> String {
    let own = |row: &Code| {
        format!("| {} | {} | {} | – | {} |\n", row.code, row.kind.name(), row.kind.exit_code(), row.meaning)
    };
    control::error_table() + &CODES.iter().map(own).collect::<String>()
}

#[test]
fn the_page_of_errors_is_true() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/errors.md");
    let wanted = format!("{HEAD}{}", table());
    #[allow(clippy::disallowed_methods, reason = "a test may be told to write what it expects")]
    let bless = std::env::var_os("REKINDLE_BLESS").is_some();
    if bless {
        std::fs::write(&path, &wanted).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap_or_default(), wanted, "run again with REKINDLE_BLESS=1");
}

#[test]
fn no_code_is_used_twice() {
    let table = table();
    let codes: Vec<&str> = table.lines().skip(2).map(|line| line.split('|').nth(1).unwrap().trim()).collect();
    let different: HashSet<&&str> = codes.iter().collect();
    assert_eq!(different.len(), codes.len());
    assert!(codes.iter().all(|code| code.len() == 7 && code.starts_with("RK-")), "{codes:?}");
}

#[test]
fn every_code_of_the_command_line_is_in_its_table() {
    let source = include_str!("../failure.rs");
    let used = source.split("Failure::new(\"").skip(1).map(|rest| rest.split('"').next().unwrap());
    let unknown: Vec<&str> = used.filter(|code| !CODES.iter().any(|row| row.code == *code)).collect();
    assert_eq!(unknown, Vec::<&str>::new());
    assert_eq!(Failure::cancelled("it").exit_code(), 4);
}

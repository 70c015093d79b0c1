//! The command that the server runs for each file, run by a real shell.

use std::fs;
use std::process::Command;

use super::*;

const NAME: &str = "000000010000000000000007";

/// Runs it as the server does: in the data directory, with %f, %p and %% filled in. Returns the exit code and what our program got.
fn run(folder: &Path, exit_code: u8) -> (i32, String) {
    let program = folder.join("it's 5% ours");
    let script = format!("#!/bin/sh\necho \"$@\" > asked\nexit {exit_code}\n");
    fs::write(&program, script).unwrap();
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let command = restore_command(&program, Path::new("/a b/it's.socket"));
    let filled =
        command.replace("%%", "\0").replace("%f", NAME).replace("%p", "pg_wal/RECOVERYXLOG").replace('\0', "%");
    let status = Command::new("sh").arg("-c").arg(filled).current_dir(folder).status().unwrap();
    (status.code().unwrap(), fs::read_to_string(folder.join("asked")).unwrap_or_default())
}

fn data_folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("pg_wal")).unwrap();
    folder
}

#[test]
fn a_file_in_the_spool_is_taken_without_asking() {
    let folder = data_folder();
    fs::write(folder.path().join(format!("{SPOOL}{NAME}")), "log").unwrap();
    assert_eq!(run(folder.path(), 9), (0, String::new()));
    assert_eq!(fs::read_to_string(folder.path().join("pg_wal/RECOVERYXLOG")).unwrap(), "log");
    assert!(!folder.path().join(format!("{SPOOL}{NAME}")).exists());
}

#[test]
fn a_file_that_is_not_there_is_asked_for_and_the_answer_passed_on() {
    for exit_code in [0, 1, 255] {
        let folder = data_folder();
        let asked = format!("wal-fetch /a b/it's.socket {NAME} pg_wal/RECOVERYXLOG\n");
        assert_eq!(run(folder.path(), exit_code), (i32::from(exit_code), asked));
    }
}

#[test]
fn nobody_at_the_socket_stops_the_recovery() {
    let (exit_code, why) = ask(Path::new("/nowhere/socket"), NAME, "pg_wal/RECOVERYXLOG");
    assert_eq!(exit_code, 255);
    assert!(why.contains(NAME) && why.contains("/nowhere/socket"), "{why}");
}

//! Finding server programs, and refusing the wrong ones.

use std::os::unix::fs::PermissionsExt as _;

use super::*;

#[test]
fn versions_are_read() {
    let version = version_in("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n").unwrap();
    assert_eq!((version, major_of(version)), ("15.18", Some(15)));
    assert_eq!(major_of("18beta1"), Some(18));
    assert_eq!(version_in("mysqld 8"), None);
}

fn fake(version: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("postgres");
    std::fs::write(&path, format!("#!/bin/sh\necho 'postgres (PostgreSQL) {version}'\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    dir
}

#[tokio::test]
async fn the_right_major_is_found_and_the_wrong_one_is_named() {
    let (old, new) = (fake("98.2"), fake("99.1"));
    let both = [old.path().to_path_buf(), new.path().to_path_buf()];
    let found = Binaries::find(99, &both).await.unwrap();
    assert_eq!((found.dir.as_path(), found.version.as_str()), (new.path(), "99.1"));
    assert!(found.program("postgres").is_ok());
    assert_eq!(found.program("pg_dump").unwrap_err().code(), "RK-2041");
    let wrong = Binaries::find(99, &both[..1]).await.unwrap_err();
    assert_eq!(wrong.code(), "RK-2041");
    assert!(wrong.to_string().contains("98.2") && wrong.hint().is_some());
    let none = Binaries::find(97, &[]).await.unwrap_err();
    assert_eq!(none.code(), "RK-2040");
    assert!(none.hint().unwrap().contains("PostgreSQL 97"));
}

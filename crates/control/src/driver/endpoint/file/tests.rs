//! Files as they lie on disks: links, modes, owners, and what others do to them meanwhile.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use super::*;

fn endpoint(path: &Path) -> FileEndpoint {
    FileEndpoint { path: path.into(), format: Format::Env, key: "HOST".to_owned() }
}

fn written(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.env");
    fs::write(&path, text).unwrap();
    (folder, path)
}

#[test]
fn a_link_stays_and_mode_and_owner_as_well() {
    let (folder, path) = written("HOST=db1\n");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let is_root = rustix::process::geteuid().is_root();
    if is_root {
        std::os::unix::fs::chown(&path, Some(1234), Some(2345)).unwrap();
    }
    fs::create_dir(folder.path().join("other")).unwrap();
    let link = folder.path().join("other/link");
    symlink("../app.env", &link).unwrap();
    let before = fs::metadata(&path).unwrap();
    endpoint(&link).point_here("db1", "db2").unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    let after = fs::metadata(&path).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "HOST=db2\n");
    let owner = |found: &fs::Metadata| (found.mode(), found.uid(), found.gid());
    assert_eq!(owner(&after), owner(&before));
    assert_ne!(after.ino(), before.ino(), "it was written in place");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "something is left over");
}

#[test]
fn what_a_crash_left_beside_it_is_no_hindrance() {
    let (folder, path) = written("HOST=db1\n");
    let left = folder.path().join(".app.env.rekindle-new");
    symlink("/etc/passwd", &left).unwrap();
    endpoint(&path).point_here("db1", "db2").unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "HOST=db2\n");
    assert!(!left.exists() && fs::symlink_metadata(&left).is_err());
}

#[test]
fn what_somebody_else_writes_meanwhile_is_not_lost() {
    let (folder, path) = written("HOST=db1\n");
    let file = write::read(&path).unwrap();
    fs::write(&path, "HOST=db1\nNEW=1\n").unwrap();
    let trouble = file.replace("HOST=db2\n").unwrap_err();
    assert_eq!(trouble, Trouble::away(format!("{} has been changed in this moment", path.display())));
    assert_eq!(fs::read_to_string(&path).unwrap(), "HOST=db1\nNEW=1\n");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "something is left over");
}

#[test]
fn what_cannot_be_changed_safely_is_refused() {
    let (folder, path) = written("HOST=db1\n");
    let shown = path.display().to_string();
    fs::hard_link(&path, folder.path().join("twin")).unwrap();
    let refused = |expected: &str| {
        let trouble = endpoint(&path).point_here("db1", "db2").unwrap_err();
        assert_eq!(trouble.what, format!("{shown} {expected}"));
    };
    refused("has several names (hard links), and only one of them would be changed");
    fs::remove_file(folder.path().join("twin")).unwrap();
    fs::write(&path, [b'H', 0xff]).unwrap();
    refused("is no text in UTF-8");
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    refused("is no plain file");
    fs::remove_dir(&path).unwrap();
    let trouble = endpoint(&path).point_here("db1", "db2").unwrap_err();
    assert_eq!(trouble.what, format!("cannot find {shown}: No such file or directory (os error 2)"));
    fs::write(&path, "HOST=db1\n").unwrap();
    let trouble = endpoint(&path).point_here("db1", "a b").unwrap_err();
    let what = format!("{shown}: \"a b\" cannot be written without quotes: put other quotes around the value first");
    assert_eq!(trouble, Trouble::refused(what));
    let other = FileEndpoint { key: "PORT".into(), ..endpoint(&path) };
    let trouble = other.point_here("db1", "db2").unwrap_err();
    assert_eq!(trouble.what, format!("{shown}: PORT: it is not there"));
    assert_eq!(trouble.hint.as_deref(), Some("is key \"PORT\" right for format env?"));
}

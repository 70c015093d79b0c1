//! No link leads out.

use std::fs;
use std::os::unix::fs::symlink;

use super::*;

#[test]
fn no_component_is_a_link() {
    let (inside, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::write(outside.path().join("secret"), "secret").unwrap();
    fs::create_dir(inside.path().join("base")).unwrap();
    fs::write(inside.path().join("base/1"), "one").unwrap();
    symlink(outside.path().join("secret"), inside.path().join("file")).unwrap();
    symlink(outside.path(), inside.path().join("folder")).unwrap();
    assert_eq!(read(inside.path(), "base/1").unwrap(), b"one");
    for path in ["file", "folder/secret"] {
        assert!(is_led_away(&read(inside.path(), path).unwrap_err()), "{path}");
    }
    for path in ["", "../secret", "/etc/passwd", "base/../../secret"] {
        assert_eq!(read(inside.path(), path).unwrap_err().kind(), io::ErrorKind::InvalidInput, "{path}");
    }
}

#[test]
fn a_fifo_does_not_hold_up() {
    let inside = tempfile::tempdir().unwrap();
    let place = root(inside.path()).unwrap();
    rustix::fs::mknodat(&place, "fifo", FileType::Fifo, Mode::RUSR, 0).unwrap();
    assert_eq!(read(inside.path(), "fifo").unwrap_err().kind(), io::ErrorKind::InvalidInput);
}

//! Which files of a data directory are stored, and which pages carry a checksum.

use super::*;

fn kept(folder: &str, names: &[&str]) -> Vec<String> {
    kept_names(folder, names.iter().map(|name| (*name).to_owned()).collect())
}

#[test]
fn what_is_made_anew_is_left_out() {
    assert_eq!(
        kept("", &["postmaster.pid", "PG_VERSION", "backup_label", "rekindle.conf", "base"]),
        ["PG_VERSION", "base"]
    );
    assert_eq!(kept("", &["standby.signal", "recovery.signal", "promote", "global"]), ["global"]);
    assert_eq!(kept("pg_wal", &["000000010000000000000001", "archive_status"]), ["archive_status"]);
    assert!(kept("pg_replslot", &["rekindle_shop"]).is_empty());
    assert_eq!(kept("base/5", &["pgsql_tmp", "pg_internal.init", "pg_internal.init.77", "PG_VERSION"]), ["PG_VERSION"]);
}

#[test]
fn unlogged_relations_keep_only_their_init_fork() {
    let names = ["16390", "16390.1", "16390_fsm", "16390_init", "16391", "16391_vm"];
    assert_eq!(kept("base/5", &names), ["16390_init", "16391", "16391_vm"]);
}

#[test]
fn temporary_relations_are_left_out() {
    assert_eq!(kept("base/5", &["t3_16390", "t3_16390_fsm", "t12_16390.1", "t_1", "title"]), ["t_1", "title"]);
}

#[test]
fn block_numbers_go_on_across_segments() {
    assert_eq!(first_block("base/5/16390"), Some(0));
    assert_eq!(first_block("base/5/16390.2"), Some(262_144));
    assert_eq!(first_block("pg_tblspc/7/PG_15_202209061/5/1_fsm.1"), Some(131_072));
    for path in ["base/5/PG_VERSION", "global/pg_filenode.map", "pg_xact/0000", "postgresql.conf"] {
        assert_eq!(first_block(path), None, "{path}");
    }
}

mod links {
    //! Random trees of links, and what somebody plants: the walk ends, and nothing outside is ever read or listed.

    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::Path;

    use proptest::prelude::*;

    use super::super::*;
    use vault::backup::tree::TreeKind;

    const CANARY: &str = "a secret of somebody else";
    const NAMES: [&str; 6] = ["a", "b", "c", "pg_wal", "pg_tblspc", "42"];

    /// A name in the tree of folders, and what it is made.
    #[derive(Debug, Clone)]
    enum Made {
        Folder,
        File,
        /// To names below the data directory, or, beginning with `..`, out of it.
        Link(Vec<&'static str>),
        Outside,
        OutsideFile,
    }

    fn path() -> impl Strategy<Value = Vec<&'static str>> {
        prop::collection::vec(prop::sample::select(&NAMES[..]), 1..4)
    }

    fn made() -> impl Strategy<Value = Made> {
        prop_oneof![
            3 => Just(Made::Folder),
            2 => Just(Made::File),
            3 => prop::collection::vec(prop::sample::select(&["a", "b", "c", ".", "..", "42"][..]), 0..5).prop_map(Made::Link),
            1 => Just(Made::Outside),
            1 => Just(Made::OutsideFile),
        ]
    }

    fn plant(root: &Path, outside: &Path, (path, made): &(Vec<&'static str>, Made)) {
        let path: PathBuf = root.join(path.join("/"));
        // Without following: a link planted before must not be built upon.
        let mut parent = root.to_owned();
        for part in path.parent().unwrap().strip_prefix(root).unwrap().components() {
            parent.push(part);
            if fs::symlink_metadata(&parent).is_err() {
                fs::create_dir(&parent).unwrap();
            }
            if !fs::symlink_metadata(&parent).unwrap().is_dir() {
                return;
            }
        }
        let _ = match made {
            Made::Folder => fs::create_dir(&path),
            Made::File => fs::symlink_metadata(&path).map(drop).or_else(|_| fs::write(&path, "mine")),
            Made::Link(to) => symlink(to.join("/"), &path),
            Made::Outside => symlink(outside, &path),
            Made::OutsideFile => symlink(outside.join("secret"), &path),
        };
    }

    /// Everything that would be stored, as text.
    fn stored(tree: &DataDirectory) -> std::result::Result<Vec<(String, String)>, vault::Error> {
        let mut all = Vec::new();
        for entry in tree.walk() {
            let entry = entry?;
            let mut content = String::new();
            if let TreeKind::File { .. } = entry.kind {
                let mut buffer = vec![0; 100];
                let read = tree.open(&entry.path).unwrap().unwrap().read_at(0, &mut buffer).unwrap();
                content = String::from_utf8_lossy(&buffer[..read]).into_owned();
            }
            all.push((entry.path, content));
        }
        Ok(all)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn nothing_outside_is_read(plants in prop::collection::vec((path(), made()), 1..24)) {
            let (inside, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
            fs::write(outside.path().join("secret"), CANARY).unwrap();
            fs::create_dir(outside.path().join("folder_of_another")).unwrap();
            plants.iter().for_each(|made| plant(inside.path(), outside.path(), made));
            let tree = DataDirectory::new(inside.path(), false, Lsn(0)).unwrap();
            // Where a folder that the server needs is a link there is no backup.
            let Ok(stored) = stored(&tree) else { return Ok(()) };
            prop_assert!(stored.len() <= 200, "{} entries", stored.len());
            for (path, content) in &stored {
                prop_assert!(content.is_empty() || content == "mine", "{path}: {content}");
                prop_assert!(!path.ends_with("secret") && !path.ends_with("folder_of_another"), "{path}");
            }
        }
    }

    #[test]
    fn what_is_exchanged_for_a_link_is_not_read() {
        let (inside, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(outside.path().join("secret"), CANARY).unwrap();
        fs::create_dir_all(inside.path().join("base/5")).unwrap();
        for path in ["notes", "base/5/16385"] {
            fs::write(inside.path().join(path), "mine").unwrap();
        }
        let tree = DataDirectory::new(inside.path(), false, Lsn(0)).unwrap();
        assert_eq!(tree.walk().filter(|entry| entry.is_ok()).count(), 4);
        for path in ["notes", "base/5/16385"] {
            fs::remove_file(inside.path().join(path)).unwrap();
            symlink(outside.path().join("secret"), inside.path().join(path)).unwrap();
        }
        assert!(tree.open("notes").unwrap().is_none());
        assert!(tree.open("base/5/16385").is_err_and(|e| e.to_string().contains("PostgreSQL needs it")));
        assert_eq!(tree.left_out().first[0].path, "notes");
    }

    #[test]
    fn what_is_no_file_is_named_and_left_out() {
        use std::os::unix::ffi::OsStrExt;
        let inside = tempfile::tempdir().unwrap();
        let at = |name: &str| inside.path().join(name);
        fs::write(at("PG_VERSION"), "15").unwrap();
        symlink(".", at("loop")).unwrap();
        symlink("/etc/shadow", at("evil")).unwrap();
        symlink("/nowhere", at("pg_stat_tmp")).unwrap();
        fs::write(inside.path().join(std::ffi::OsStr::from_bytes(b"notes-\xe9.txt")), "").unwrap();
        std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        let tree = DataDirectory::new(inside.path(), false, Lsn(0)).unwrap();
        let entries: Vec<_> = tree.walk().map(|entry| entry.unwrap()).map(|entry| (entry.path, entry.kind)).collect();
        let link = |target: &str| TreeKind::Link { target: target.into() };
        let file = TreeKind::File { size: 2, page_size: 8192 };
        let expected = [("PG_VERSION", file), ("evil", link("/etc/shadow")), ("loop", link("."))];
        let expected = expected.into_iter().chain([("pg_stat_tmp", TreeKind::Folder)]);
        assert_eq!(entries, expected.map(|(path, kind)| (path.to_owned(), kind)).collect::<Vec<_>>());
        let left: Vec<_> = tree.left_out().first.into_iter().map(|left| (left.path, left.why)).collect();
        let expected = [("notes-\\xe9.txt", "its name is not UTF-8"), ("socket", "it is a socket")];
        assert_eq!(left, expected.map(|(path, why)| (path.to_owned(), why.to_owned())));
    }

    #[test]
    fn a_needed_folder_that_is_a_link_ends_the_backup() {
        let (inside, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        symlink(outside.path(), inside.path().join("pg_xact")).unwrap();
        let tree = DataDirectory::new(inside.path(), false, Lsn(0)).unwrap();
        let error = stored(&tree).unwrap_err();
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert_eq!(source, "it is a link, and PostgreSQL needs it");
    }
}

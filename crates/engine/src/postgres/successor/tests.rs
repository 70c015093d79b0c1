//! Two directories that change places, from wherever a crash has left them.

use tempfile::TempDir;

use super::*;

struct House {
    folder: TempDir,
    succession: Succession,
}

impl House {
    fn new() -> House {
        let folder = tempfile::tempdir().unwrap();
        let succession = Succession::beside(&folder.path().join("main"), "word");
        let house = House { folder, succession };
        house.fill("main", "old");
        house
    }

    fn fill(&self, name: &str, who: &str) {
        let directory = self.folder.path().join(name);
        fs::create_dir_all(directory.join("global")).unwrap();
        fs::write(directory.join("who"), who).unwrap();
        fs::write(directory.join(control_file::PATH), who).unwrap();
    }

    /// Who lies where, and which of them are fenced.
    fn seen(&self) -> String {
        let mut seen: Vec<String> = list(self.folder.path())
            .unwrap()
            .iter()
            .map(|path| {
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                let who = fs::read_to_string(path.join("who")).unwrap();
                let fenced = if path.join(control_file::PATH).exists() { "" } else { " fenced" };
                format!("{name}={who}{fenced}")
            })
            .collect();
        seen.sort();
        seen.join(" ")
    }
}

const AFTER: &str = "main.retired-word=old fenced main=new";
const BACK: &str = "main.undone-word=new fenced main=old";

#[test]
fn the_new_one_comes_in_and_goes_back_and_each_can_be_said_twice() {
    let house = House::new();
    house.succession.trial(false).unwrap();
    assert_eq!(house.seen(), "main=old", "nothing stays of a trial");
    house.fill("main.restored-word", "new");
    house.succession.prepare(&Told::default()).unwrap();
    for _ in 0..2 {
        house.succession.succeed().unwrap();
        assert_eq!((house.seen().as_str(), house.succession.stand()), (AFTER, Stand::After));
    }
    for _ in 0..2 {
        house.succession.go_back().unwrap();
        assert_eq!((house.seen().as_str(), house.succession.stand()), (BACK, Stand::Before));
    }
}

#[test]
fn a_crash_at_any_point_is_gone_on_from_and_back_from() {
    for reached in 0..=3 {
        for back in [false, true] {
            let house = House::new();
            house.fill("main.restored-word", "new");
            let places = &house.succession;
            fs::write(places.staged.join(MARK), "word").unwrap();
            if reached >= 1 {
                exchange(&places.live, &places.staged).unwrap();
            }
            if reached >= 2 {
                fs::rename(&places.staged, &places.retired).unwrap();
            }
            if reached >= 3 {
                fence(&places.retired).unwrap();
            }
            if back {
                places.go_back().unwrap();
                assert_eq!(house.seen(), BACK, "from {reached}");
                continue;
            }
            places.succeed().unwrap();
            assert_eq!(house.seen(), AFTER, "from {reached}");
            // And in the middle of the way back.
            unfence(&places.retired).unwrap();
            exchange(&places.live, &places.retired).unwrap();
            places.go_back().unwrap();
            assert_eq!(house.seen(), BACK, "from {reached}");
        }
    }
}

/// A mount that was put down is an empty folder, and what it was to become is beside it.
#[test]
fn a_mount_point_comes_in_and_goes_back_from_any_point() {
    for reached in 0..=4 {
        let house = House::new();
        let places = &house.succession;
        house.fill("main.restored-word.rekindle/skeleton", "new");
        fs::create_dir(&places.staged).unwrap();
        places.prepare(&Told::default()).unwrap();
        // What the mark was written through is unmounted.
        for written in list(&places.staged).unwrap() {
            fs::remove_file(written).unwrap();
        }
        let is_empty = |place: &Path| list(place).unwrap().is_empty();
        if reached >= 1 {
            exchange(&places.live, &places.staged).unwrap();
        }
        if reached >= 2 {
            fs::rename(&places.staged, &places.retired).unwrap();
        }
        if reached >= 3 {
            fence(&places.retired).unwrap();
        }
        // Everything is there, and it becomes the plain directory; the daemon ends in between.
        if reached == 4 {
            let skeleton = places.home().join("skeleton");
            fs::write(skeleton.join(MARK), "word").unwrap();
            fs::rename(skeleton, &places.live).unwrap();
        }
        places.succeed().unwrap();
        assert_eq!(places.stand(), Stand::After, "from {reached}");
        assert!(reached == 4 || is_empty(&places.live), "from {reached}");
        assert_eq!(fs::read_to_string(places.retired.join("who")).unwrap(), "old");
        assert!(!places.retired.join(control_file::PATH).exists(), "fenced");
        for _ in 0..2 {
            places.go_back().unwrap();
            assert_eq!(places.stand(), Stand::Before, "from {reached}");
            assert_eq!(fs::read_to_string(places.live.join("who")).unwrap(), "old");
            assert!(places.live.join(control_file::PATH).exists());
            assert!(if reached == 4 { places.undone.join(FENCED).exists() } else { is_empty(&places.undone) });
        }
    }
}

#[test]
fn elsewhere_one_of_the_two_is_fenced() {
    let house = House::new();
    house.fill("other", "new");
    let places = Succession::elsewhere(&house.folder.path().join("main"), &house.folder.path().join("other"), "word");
    places.trial(false).unwrap();
    assert_eq!((places.stand(), places.is_undone()), (Stand::Before, false));
    for _ in 0..2 {
        places.succeed().unwrap();
        assert_eq!((house.seen().as_str(), places.stand()), ("main=old fenced other=new", Stand::After));
    }
    for _ in 0..2 {
        places.go_back().unwrap();
        assert_eq!((house.seen().as_str(), places.stand()), ("main=old other=new fenced", Stand::Before));
    }
    assert!(places.is_undone());
    // And what is fenced comes again.
    places.succeed().unwrap();
    assert_eq!(house.seen(), "main=old fenced other=new");
}

#[test]
fn it_listens_where_it_is_told_whatever_was_said_before() {
    let house = House::new();
    house.fill("other", "new");
    let places = Succession::elsewhere(&house.folder.path().join("main"), &house.folder.path().join("other"), "word");
    let path = places.staged.join("postgresql.auto.conf");
    fs::write(&path, "work_mem = '7MB'\nport = '1'\nlisten_addresses = '*'\n").unwrap();
    for _ in 0..2 {
        places.listen_at(5433, None).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "work_mem = '7MB'\nlisten_addresses = '*'\nport = '5433'\n");
    }
    places.listen_at(5434, Some("127.0.0.2")).unwrap();
    let expected = "work_mem = '7MB'\nport = '5434'\nlisten_addresses = '127.0.0.2'\n";
    assert_eq!(fs::read_to_string(&path).unwrap(), expected);
}

#[test]
fn settings_are_those_of_the_live_one_and_keep_their_modes() {
    use std::os::unix::fs::PermissionsExt;
    let house = House::new();
    house.fill("main.restored-word", "new");
    let (live, staged) = (house.folder.path().join("main"), house.folder.path().join("main.restored-word"));
    for (name, text) in
        [("postgresql.conf", "include_dir 'conf.d'"), ("conf.d/memory.conf", "work_mem = 1MB"), ("server.key", "k")]
    {
        fs::create_dir_all(live.join(name).parent().unwrap()).unwrap();
        fs::write(live.join(name), text).unwrap();
    }
    fs::set_permissions(live.join("server.key"), fs::Permissions::from_mode(0o600)).unwrap();
    fs::create_dir_all(staged.join("conf.d")).unwrap();
    for name in ["postgresql.conf", "pg_hba.conf", "conf.d/stale.conf", "rekindle.conf"] {
        fs::write(staged.join(name), "stale").unwrap();
    }
    for _ in 0..2 {
        house.succession.prepare(&Told::default()).unwrap();
        let read = |name: &str| fs::read_to_string(staged.join(name)).ok();
        assert_eq!(read("postgresql.conf").as_deref(), Some("include_dir 'conf.d'"));
        assert_eq!(read("conf.d/memory.conf").as_deref(), Some("work_mem = 1MB"));
        assert_eq!(fs::metadata(staged.join("server.key")).unwrap().permissions().mode() & 0o777, 0o600);
        for gone in ["pg_hba.conf", "conf.d/stale.conf", "rekindle.conf"] {
            assert_eq!(read(gone), None, "{gone}: the live one has none");
        }
    }
}

#[test]
fn what_is_in_the_way_is_said_before() {
    let house = House::new();
    fs::create_dir(&house.succession.retired).unwrap();
    let error = house.succession.trial(false).unwrap_err().to_string();
    assert!(error.contains("main.retired-word"), "{error}");
}

#[test]
fn a_data_directory_that_is_a_link_stays_one() {
    let mut house = House::new();
    let called = house.folder.path().join("called");
    std::os::unix::fs::symlink(house.folder.path().join("main"), &called).unwrap();
    house.succession = Succession::beside(&called, "word");
    let places = &house.succession;
    assert_eq!((&places.live, &places.called), (&house.folder.path().join("main"), &Some(called.clone())));
    house.fill("main.restored-word", "new");
    let who = || fs::read_to_string(called.join("who")).unwrap();
    places.prepare(&Told::default()).unwrap();
    places.succeed().unwrap();
    assert_eq!((called.is_symlink(), who().as_str()), (true, "new"));
    places.go_back().unwrap();
    assert_eq!((called.is_symlink(), who().as_str()), (true, "old"));
}

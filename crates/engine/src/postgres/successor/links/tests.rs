//! A cluster whose log, tablespaces and server's log are elsewhere, and the one that takes its place.

use tempfile::TempDir;

use super::super::control_file;
use super::super::reads::Told;
use super::*;

struct House {
    folder: TempDir,
    places: Succession,
}

impl House {
    fn new() -> House {
        let folder = tempfile::tempdir().unwrap();
        let places = Succession::beside(&folder.path().join("main"), "word");
        let house = House { folder, places };
        for cluster in ["main", "main.restored-word"] {
            house.file(&format!("{cluster}/PG_VERSION"), "15\n");
            house.file(&format!("{cluster}/{}", control_file::PATH), cluster);
            house.file(&format!("{cluster}/inside/PG_15_1/file"), cluster);
        }
        house.file("main.restored-word/pg_wal/000000010000000000000001", "new log");
        house.file("main.restored-word/log/server.log", "of the backup");
        for (name, target) in
            [("pg_wal", "wal/main"), ("log", "logs"), ("pg_tblspc/1", "ssd/hot"), ("pg_tblspc/2", "main/inside")]
        {
            house.link("main", name, target);
        }
        house.file("wal/main/000000010000000000000001", "old log");
        house.file("logs/server.log", "of the live one");
        house.file("ssd/hot/PG_15_1/table", "old");
        house.file("ssd/hot/PG_16_1/table", "of another cluster");
        house.file("ssd/hot.rekindle-word/PG_15_1/table", "new");
        house.link("main.restored-word", "pg_tblspc/1", "ssd/hot.rekindle-word");
        house.link("main.restored-word", "pg_tblspc/2", "main.restored-word/inside");
        house
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn file(&self, name: &str, text: &str) {
        fs::create_dir_all(parent(&self.at(name))).unwrap();
        fs::write(self.at(name), text).unwrap();
    }

    fn link(&self, cluster: &str, name: &str, target: &str) {
        let link = self.at(cluster).join(name);
        fs::create_dir_all(parent(&link)).unwrap();
        fs::create_dir_all(self.at(target)).unwrap();
        symlink(self.at(target), link).unwrap();
    }

    fn read(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.at(name)).ok()
    }
}

#[test]
fn links_stay_links_to_places_of_the_same_file_systems() {
    let house = House::new();
    let places = &house.places;
    assert_eq!(places.tablespaces().unwrap(), [(1, house.at("ssd/hot.rekindle-word"))].into());
    for _ in 0..2 {
        places.resemble().unwrap();
    }
    places.prepare(&Told::default()).unwrap();
    places.succeed().unwrap();
    for (name, target) in [
        ("main/pg_wal", "wal/main.rekindle-word"),
        ("main/log", "logs"),
        ("main/pg_tblspc/1", "ssd/hot.rekindle-word"),
        ("main/pg_tblspc/2", "main/inside"),
        ("main.retired-word/pg_wal", "wal/main"),
        ("main.retired-word/pg_tblspc/2", "main.retired-word/inside"),
    ] {
        assert_eq!(fs::read_link(house.at(name)).unwrap(), house.at(target), "{name}");
    }
    assert_eq!(house.read("main/pg_wal/000000010000000000000001").as_deref(), Some("new log"));
    assert_eq!(house.read("main/log/server.log").as_deref(), Some("of the live one"));

    // What comes next is named after what there was first.
    let next = Succession::beside(&house.at("main"), "next");
    assert_eq!(next.tablespaces().unwrap(), [(1, house.at("ssd/hot.rekindle-next"))].into());

    places.go_back().unwrap();
    assert_eq!(fs::read_link(house.at("main/pg_wal")).unwrap(), house.at("wal/main"));
    assert_eq!(fs::read_link(house.at("main/pg_tblspc/2")).unwrap(), house.at("main/inside"));
    assert_eq!(fs::read_link(house.at("main.undone-word/pg_tblspc/2")).unwrap(), house.at("main.undone-word/inside"));
}

#[test]
fn what_is_let_go_takes_its_own_along_and_nothing_else() {
    let house = House::new();
    let places = &house.places;
    places.resemble().unwrap();
    places.prepare(&Told::default()).unwrap();
    places.succeed().unwrap();
    let found = belongings(&places.retired, &places.live).unwrap();
    assert_eq!(found.own, [house.at("ssd/hot/PG_15_1"), house.at("wal/main")].map(|path| path.canonicalize().unwrap()));
    assert_eq!(found.others, [house.at("logs").canonicalize().unwrap()]);
    for place in &found.own {
        remove_belonging(place).unwrap();
        remove_belonging(place).unwrap();
    }
    assert!(!house.at("wal/main").exists() && !house.at("ssd/hot/PG_15_1").exists());
    for left in ["ssd/hot/PG_16_1/table", "ssd/hot.rekindle-word/PG_15_1/table", "logs/server.log"] {
        assert!(house.at(left).exists(), "{left}");
    }
    assert_eq!(house.read("main/pg_wal/000000010000000000000001").as_deref(), Some("new log"));
}

#[test]
fn what_was_made_elsewhere_goes_when_it_never_served() {
    let house = House::new();
    house.places.resemble().unwrap();
    house.places.unlink().unwrap();
    assert!(!house.at("ssd/hot.rekindle-word").exists() && !house.at("wal/main.rekindle-word").exists());
    assert_eq!(house.read("ssd/hot/PG_15_1/table").as_deref(), Some("old"));
    assert_eq!(house.read("wal/main/000000010000000000000001").as_deref(), Some("old log"));
}

#[test]
fn who_may_read_the_live_one_may_read_what_takes_its_place() {
    let house = House::new();
    let mode = |name: &str| fs::metadata(house.at(name)).unwrap().mode() & 0o777;
    let set = |name: &str, mode| fs::set_permissions(house.at(name), fs::Permissions::from_mode(mode)).unwrap();
    for closed in ["main", "main.restored-word", "ssd/hot.rekindle-word/PG_15_1"] {
        set(closed, 0o700);
    }
    set("main.restored-word/PG_VERSION", 0o600);
    house.places.resemble().unwrap();
    assert_eq!((mode("main.restored-word"), mode("main.restored-word/PG_VERSION")), (0o700, 0o600));
    set("main", 0o750);
    house.places.resemble().unwrap();
    let now = ["main.restored-word", "main.restored-word/PG_VERSION", "ssd/hot.rekindle-word/PG_15_1"].map(mode);
    assert_eq!(now, [0o750, 0o640, 0o750]);
}

//! What a restore does in parts, and what becomes of it when it fails in between: of two services the first is stopped, of two hooks the
//! first is run, the directories are exchanged and no server starts. The old state serves again, or the operation is stuck and names the one
//! command that leads back.

use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use testkit::postgres::wait_until;

use crate::house::PATIENCE;
use crate::shop::{Harm, Shop, newest, write};

/// A shop with a second service, and with a maintenance page and a sign that are put up when a restore is announced. Files say which of them
/// does not work.
struct Parts {
    shop: Shop,
    page: SocketAddr,
}

const BROKEN: [&str; 5] = ["worker.unstoppable", "sign.broken", "server.new-broken", "server.broken", "app.broken"];

impl Parts {
    fn new() -> Parts {
        let shop = Shop::new();
        let path = |name: &str| shop.house.path(name).display().to_string();
        let (up, unstoppable) = (path("worker.up"), path("worker.unstoppable"));
        let script = format!(
            "#!/bin/bash\ncase $1 in\nstart) touch {up};;\nstop) [ ! -e {unstoppable} ] && rm -f {up};;\nstatus) [ -e {up} ] || exit 3;;\nesac\n"
        );
        write(&shop.house.path("worker"), &script);
        shop.service("worker", "start");
        let page = SocketAddr::from(([127, 0, 0, 1], testkit::free_port()));
        let broken = path("sign.broken");
        shop.apply(&format!(
            "[[service]]\nname = \"worker\"\n{}[[hook]]\nname = \"sorry\"\nwhen = \"announce\"\ndriver = \"maintenance-page\"\nlisten = \"{page}\"\n\
             [[hook]]\nname = \"sign\"\nwhen = \"announce\"\ndriver = \"command\"\ncommand = [\"test\", \"!\", \"-e\", {broken:?}]\n",
            shop.command("worker")
        ));
        let parts = Parts { shop, page };
        parts.guard("server");
        parts.guard("app");
        parts
    }

    /// Its start fails where a file says so: for good, or of what a restore has made.
    fn guard(&self, name: &str) {
        let (script, inner) = (self.shop.house.path(name), self.shop.house.path(&format!("{name}.inner")));
        std::fs::rename(&script, &inner).unwrap();
        let (broken, new) = (script.with_extension("broken"), script.with_extension("new-broken"));
        let mark = self.shop.house.server.data_dir().join("rekindle.successor");
        let guard = format!(
            "#!/bin/bash\nif [ $1 = start ]; then\n[ -e {} ] && {{ echo it never starts; exit 1; }}\n\
             [ -e {} -a -e {} ] && {{ echo the new one never starts; exit 1; }}\nfi\nexec {} \"$@\"\n",
            broken.display(),
            new.display(),
            mark.display(),
            inner.display()
        );
        write(&script, &guard);
    }

    fn breaks(&self, name: &str) {
        assert!(BROKEN.contains(&name));
        std::fs::write(self.shop.house.path(name), "").unwrap();
    }

    fn mend(&self) {
        self.shop.house.fault("");
        BROKEN.iter().for_each(|name| drop(std::fs::remove_file(self.shop.house.path(name))));
    }

    fn fails(&self, harm: &Harm) -> Value {
        self.shop.fails(&["restore", "shop", "--time", &harm.time, "--swap", "--yes"])
    }

    /// The parts of the effect of each step of a swap, forth until the health is waited for, and back.
    fn noted(&self) -> Vec<(String, String)> {
        let harm = self.shop.harm();
        self.shop.house.fault("restore/health/breaks");
        let noted = self.shop.house.parts_of(|| drop(self.fails(&harm)));
        self.mend();
        self.is_as_before(&harm, "health");
        noted
    }

    fn page_is_up(&self) -> bool {
        TcpStream::connect_timeout(&self.page, Duration::from_secs(1)).is_ok()
    }

    fn left(&self) -> Vec<String> {
        let names = std::fs::read_dir(self.shop.house.server.home()).unwrap().flatten();
        let names = names.map(|entry| entry.file_name().to_string_lossy().into_owned());
        names.filter(|name| [".restored-", ".retired-", ".undone-"].iter().any(|ours| name.contains(ours))).collect()
    }

    /// As if nothing had been asked for.
    fn is_as_before(&self, harm: &Harm, what: &str) {
        self.shop.is_with(harm, what);
        assert!(self.shop.house.path("worker.up").exists(), "{what}: the worker does not run");
        assert!(!self.page_is_up(), "{what}: the maintenance page is up");
        let kept = self.shop.retire_all();
        assert!(kept.iter().all(|path| path.contains(".undone-")), "{what}: {kept:?}");
        assert_eq!(self.left(), Vec::<String>::new(), "{what}");
        self.shop.mend();
    }
}

impl Shop {
    /// It fails, and where a person is waited for, that person goes back. The operation, when nothing goes on any more.
    pub(crate) fn fails(&self, words: &[&str]) -> Value {
        self.house.run(words);
        let one = newest(&self.house);
        if one["status"] == "paused" {
            self.house.ok(&["ops", "cancel", one["id"].as_str().unwrap()]);
        }
        self.rests()
    }

    fn rests(&self) -> Value {
        let over = ["failed", "cancelled", "stuck", "succeeded"];
        let rests = || over.contains(&newest(&self.house)["status"].as_str().unwrap_or_default());
        assert!(wait_until(PATIENCE, rests), "{:#}", newest(&self.house));
        newest(&self.house)
    }

    /// Stuck, and everywhere it says with what command it goes back; then what was in the way is mended, and that command is said.
    pub(crate) fn leads_back(&self, stuck: &Value, mend: impl FnOnce()) {
        let (house, id) = (&self.house, stuck["id"].as_str().unwrap());
        assert_eq!(stuck["status"], "stuck", "{stuck:#}\n{}", house.log());
        let command = stuck["way_back"].as_str().unwrap_or_else(|| panic!("{stuck:#}"));
        let words: Vec<&str> = command.split(' ').skip(1).collect();
        let shown = house.prints(&["ops", "show", id]);
        assert!(shown.contains(&format!("this leads back: {command}")), "{shown}");
        assert!(stuck["error"]["hint"].as_str().unwrap().contains(command), "{stuck:#}");
        if words[1] == "retry" {
            let (_, refused) = house.run(&["ops", "cancel", id]);
            assert!(refused["code"] == "RK-3042" && refused["hint"].as_str().unwrap().contains(command), "{refused:#}");
        }
        mend();
        house.ok(&words);
        let one = self.rests();
        assert!(["failed", "cancelled"].contains(&one["status"].as_str().unwrap()), "{one:#}\n{}", house.log());
    }
}

fn failed(one: &Value, what: &str) {
    assert_eq!(one["status"], "failed", "{what}: {one:#}");
}

#[test]
fn what_was_stopped_or_announced_before_it_failed_is_back() {
    let parts = Parts::new();
    for broken in ["worker.unstoppable", "sign.broken", "server.new-broken"] {
        let harm = parts.shop.harm();
        parts.breaks(broken);
        failed(&parts.fails(&harm), broken);
        parts.mend();
        parts.is_as_before(&harm, broken);
    }
    assert!(!is_successor(&parts.shop), "the server that runs is the old one");
}

fn is_successor(shop: &Shop) -> bool {
    let directory = shop.sql("SHOW data_directory");
    Path::new(&directory).join("rekindle.successor").exists()
}

#[test]
fn where_the_way_back_is_barred_too_it_says_with_what_it_goes_on() {
    let parts = Parts::new();
    let harm = parts.shop.harm();
    parts.breaks("server.broken");
    let stuck = parts.fails(&harm);
    let alarmed =
        || parts.shop.house.run(&["alerts"]).1.to_string().contains(stuck["way_back"].as_str().unwrap_or("?"));
    assert!(wait_until(PATIENCE, alarmed), "{:#}", parts.shop.house.run(&["alerts"]).1);
    parts.shop.leads_back(&stuck, || parts.mend());
    parts.is_as_before(&harm, "server.broken");
    assert!(!is_successor(&parts.shop), "the server that runs is the old one");
}

/// Behind each part of each step's effect.
#[test]
fn whatever_part_of_a_swap_was_done_when_it_failed_the_old_state_serves() {
    let parts = Parts::new();
    let (house, noted) = (&parts.shop.house, parts.noted());
    for step in ["snapshot", "beside", "announce", "quiesce", "cut-over", "resume"] {
        assert!(noted.iter().any(|(of, _)| of == &format!("restore/{step}")), "{step}: {noted:?}");
    }
    for (step, part) in noted.iter().filter(|(_, part)| !part.starts_with("undo-")) {
        let (harm, fault) = (parts.shop.harm(), format!("{step}/breaks-at-{part}"));
        house.fault(&fault);
        let one = parts.fails(&harm);
        assert!(house.has_struck(), "{fault}: it never came to it: {one:#}");
        if step == "restore/snapshot" {
            // It is found in the vault, and so it was done.
            assert_eq!(one["status"], "succeeded", "{fault}: {one:#}");
            parts.shop.is_without(&harm, &fault);
            parts.shop.retire_newest();
            continue;
        }
        assert!(["failed", "cancelled"].contains(&one["status"].as_str().unwrap()), "{fault}: {one:#}");
        parts.mend();
        parts.is_as_before(&harm, &fault);
    }
}

/// Behind each part of what takes a swap back.
#[test]
fn whatever_part_of_the_way_back_was_done_when_it_failed_one_command_leads_back() {
    let parts = Parts::new();
    let (house, noted) = (&parts.shop.house, parts.noted());
    let undos: Vec<(&String, &str)> =
        noted.iter().filter_map(|(of, part)| Some((of, part.strip_prefix("undo-")?))).collect();
    for step in ["announce", "quiesce", "cut-over"] {
        assert!(undos.iter().any(|(of, _)| **of == format!("restore/{step}")), "{step}: {noted:?}");
    }
    for (step, n) in undos {
        let (harm, fault) = (parts.shop.harm(), format!("{step}/undo-breaks-at-{n}\nrestore/health/breaks"));
        house.fault(&fault);
        let one = parts.fails(&harm);
        assert!(house.has_struck(), "{fault}: it never came to it: {one:#}");
        parts.shop.leads_back(&one, || parts.mend());
        parts.is_as_before(&harm, &fault);
    }
}

//! An operation that meets a fault at one of its steps: where the daemon dies, the next one brings it to its end; where it is cancelled, it
//! goes back.

use std::process::Child;

use serde_json::Value;
use testkit::postgres::wait_until;

use crate::house::{House, PATIENCE};

impl House {
    /// The newest operation of a kind.
    pub(crate) fn newest(&self, kind: &str) -> Value {
        self.run(&["ops", "--kind", kind, "--last", "1"]).1[0].clone()
    }

    /// What the daemon is to meet from now on, one a line; without one, nothing.
    pub(crate) fn fault(&self, faults: &str) {
        let _ = std::fs::remove_file(self.path("data/test-fault.struck"));
        match faults {
            "" => drop(std::fs::remove_file(self.path("data/test-fault"))),
            _ => std::fs::write(self.path("data/test-fault"), faults).unwrap(),
        }
    }

    /// Whether it met it.
    pub(crate) fn has_struck(&self) -> bool {
        self.path("data/test-fault.struck").exists()
    }

    /// The parts of effects that are come to meanwhile, each with its step: `restore/quiesce 1`.
    pub(crate) fn parts_of(&self, act: impl FnOnce()) -> Vec<(String, String)> {
        let notes = self.path("data/test-effects");
        std::fs::write(&notes, "").unwrap();
        act();
        let noted = std::fs::read_to_string(&notes).unwrap();
        std::fs::remove_file(notes).unwrap();
        let mut parts: Vec<(String, String)> = Vec::new();
        for (step, part) in noted.lines().filter_map(|line| line.split_once(' ')) {
            let one = (step.to_owned(), part.to_owned());
            if !parts.contains(&one) {
                parts.push(one);
            }
        }
        parts
    }

    /// The daemon dies in a step of an operation (`restore/quiesce`, `dies-before`); the next one brings it to its end.
    pub(crate) fn killed_and_over(&mut self, step: &str, fault: &str, words: &[&str]) {
        let kind = kind_of(step);
        let before = self.newest(kind)["id"].clone();
        self.fault(&format!("{step}/{fault}"));
        let mut asked = self.spawn(words);
        let dies = wait_until(PATIENCE, || self.daemon_is_gone());
        assert!(dies, "{step} {fault}: {}{}", self.asked_again(kind, &mut asked, words), self.log());
        let _ = asked.wait();
        self.kill_daemon();
        self.start_daemon();
        let over = || {
            let one = self.newest(kind);
            one["id"] != before && one["status"] == "succeeded"
        };
        assert!(wait_until(2 * PATIENCE, over), "{step} {fault}: {:#}\n{}", self.newest(kind), self.log());
    }

    /// Somebody cancels it while it is at a step, and it goes back.
    pub(crate) fn hangs_and_cancelled(&self, step: &str, words: &[&str]) {
        self.fault(&format!("{step}/hangs"));
        self.cancelled_at(step, words);
    }

    /// Somebody cancels it when it has come to a step that goes on for long.
    pub(crate) fn cancelled_at(&self, step: &str, words: &[&str]) {
        let kind = kind_of(step);
        let before = self.newest(kind)["id"].clone();
        let mut asked = self.spawn(words);
        let hangs = || {
            let one = self.newest(kind);
            let name = step.split('/').nth(1);
            let at = one["steps"].as_array().into_iter().flatten().find(|at| at["name"].as_str() == name).cloned();
            one["id"] != before && at.is_some_and(|at| at["status"] == "in-flight")
        };
        assert!(wait_until(PATIENCE, hangs), "{step}: {}{}", self.asked_again(kind, &mut asked, words), self.log());
        let id = self.newest(kind)["id"].as_str().unwrap().to_owned();
        self.ok(&["ops", "cancel", &id]);
        let cancelled = || self.newest(kind)["status"] == "cancelled";
        assert!(wait_until(PATIENCE, cancelled), "{step}: {:#}\n{}", self.newest(kind), self.log());
        let _ = asked.wait();
    }

    /// A step can never be done: it goes back by itself, or waits for somebody who says so.
    pub(crate) fn breaks_and_goes_back(&mut self, step: &str, words: &[&str]) {
        let kind = kind_of(step);
        let before = self.newest(kind)["id"].clone();
        self.fault(&format!("{step}/breaks"));
        let (code, said) = self.run(words);
        let one = self.newest(kind);
        assert!(code != 0 && one["id"] != before, "{step}: exit {code}, {said:#}\n{one:#}\n{}", self.log());
        let id = one["id"].as_str().unwrap();
        if one["status"] == "paused" {
            self.ok(&["ops", "cancel", id]);
        }
        let is_back = || ["failed", "cancelled"].contains(&self.newest(kind)["status"].as_str().unwrap_or_default());
        assert!(wait_until(PATIENCE, is_back), "{step}: {:#}\n{}", self.newest(kind), self.log());
        self.fault("");
    }

    /// What it was told that asked, as far as that can be known afterwards.
    fn asked_again(&self, kind: &str, asked: &mut Child, words: &[&str]) -> String {
        let _ = asked.kill();
        let _ = asked.wait();
        let again = self.run(&[words, &["--dry-run"]].concat()).1;
        format!("{:#}\nasked once more: {again:#}\n", self.newest(kind))
    }
}

/// Of `restore/quiesce`.
fn kind_of(step: &str) -> &str {
    step.split('/').next().unwrap_or_default()
}

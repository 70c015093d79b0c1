//! What every job must stand: the daemon killed at every step, and a failure at every step.

use crate::house::House;

/// A job's operation, which can be asked for again and again.
pub(super) trait Scene {
    /// Of its operation.
    const KIND: &'static str;

    fn house(&mut self) -> &mut House;
    /// Something happens that is worth going back before. The words that ask for it.
    fn harm(&mut self, round: &str) -> Vec<String>;
    /// It serves what was asked for, and nothing that was acknowledged before is missing. Makes it ready for the next round.
    fn has_gone_back(&mut self, step: &str);
    /// It serves as before it was asked for. Makes it ready for the next round.
    fn is_as_it_was(&mut self, step: &str);
}

/// Which of a plan's steps: where there are many, two tests share them.
#[derive(Debug, Clone, Copy)]
pub(super) enum Part {
    All,
    First,
    Last,
}

/// The daemon dies in each step; the next one brings it to its end.
pub(super) fn killed<S: Scene>(scene: &mut S, fault: &str, part: Part) {
    for step in steps(scene, part) {
        let words = scene.harm(&step);
        scene.house().killed_and_over(&format!("{}/{step}", S::KIND), fault, &borrowed(&words));
        scene.has_gone_back(&format!("{step} {fault}"));
    }
}

/// Each step fails for good: what was done is taken back, and the old state serves again. The report comes when all is over.
pub(super) fn broken<S: Scene>(scene: &mut S, part: Part) {
    for step in steps(scene, part).iter().filter(|step| *step != "report") {
        let words = scene.harm(step);
        scene.house().breaks_and_goes_back(&format!("{}/{step}", S::KIND), &borrowed(&words));
        scene.is_as_it_was(step);
    }
}

/// As the plan names them.
fn steps<S: Scene>(scene: &mut S, part: Part) -> Vec<String> {
    let words = scene.harm("its plan");
    let plan = scene.house().ok(&[&borrowed(&words)[..], &["--dry-run"]].concat());
    scene.is_as_it_was("its plan");
    let name = |step: &serde_json::Value| step["name"].as_str().unwrap().to_owned();
    let all: Vec<String> = plan["steps"].as_array().unwrap().iter().map(name).collect();
    assert!(all.len() > 10, "{plan:#}");
    let (first, last) = all.split_at(all.len() / 2);
    match part {
        Part::All => all,
        Part::First => first.to_vec(),
        Part::Last => last.to_vec(),
    }
}

pub(super) fn borrowed(words: &[String]) -> Vec<&str> {
    words.iter().map(String::as_str).collect()
}

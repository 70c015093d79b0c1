//! What every job must stand: the daemon killed at every step, and a failure at every step.

use crate::house::House;

/// A job's operation, which can be asked for again and again.
pub(super) trait Scene {
    /// Of its operation.
    const KIND: &'static str;
    const STEPS: &'static [&'static str];

    fn house(&mut self) -> &mut House;
    /// Something happens that is worth going back before. The words that ask for it.
    fn harm(&mut self, round: &str) -> Vec<String>;
    /// It serves what was asked for, and nothing that was acknowledged before is missing. Makes it ready for the next round.
    fn has_gone_back(&mut self, step: &str);
    /// It serves as before it was asked for. Makes it ready for the next round.
    fn is_as_it_was(&mut self, step: &str);
}

/// The daemon dies in each of these steps; the next one brings it to its end.
pub(super) fn killed<S: Scene>(scene: &mut S, fault: &str, steps: &[&str]) {
    for step in steps {
        let words = scene.harm(step);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        scene.house().killed_and_over(&format!("{}/{step}", S::KIND), fault, &words);
        scene.has_gone_back(&format!("{step} {fault}"));
    }
}

/// Each of these steps fails for good: what was done is taken back, and the old state serves again. The report comes when all is over.
pub(super) fn broken<S: Scene>(scene: &mut S, steps: &[&str]) {
    for step in steps.iter().filter(|step| **step != "report") {
        let words = scene.harm(step);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        scene.house().breaks_and_goes_back(&format!("{}/{step}", S::KIND), &words);
        scene.is_as_it_was(step);
    }
}

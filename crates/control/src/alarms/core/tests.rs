//! Raised once, repeated, cleared once: in single cases, and over histories that nobody thought of.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::super::condition::{Kind, Scope, Severity};
use super::*;

const TIMING: Timing = Timing {
    hold_off: SignedDuration::from_secs(30),
    repeat_first: SignedDuration::from_secs(3600),
    repeat_then: SignedDuration::from_secs(21_600),
};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn condition(kind: Kind, severity: Severity) -> Condition {
    let (text, advice) = ("it is so".to_owned(), "do something".to_owned());
    Condition { kind, scope: Scope::source("shop"), severity, since: None, text, advice }
}

/// A world in which alarms are kept as the catalog keeps them.
#[derive(Default)]
struct World {
    alarms: Vec<Alarm>,
    held: Held,
    /// What was told: alarm, word, when.
    told: Vec<(i64, &'static str, Timestamp)>,
}

impl World {
    fn look(&mut self, look: &Look, now: Timestamp) -> Vec<&'static str> {
        let raised: Vec<Alarm> = self.alarms.iter().filter(|alarm| alarm.cleared.is_none()).cloned().collect();
        let (changes, held) = step(&TIMING, &raised, &self.held, look, now);
        self.held = held;
        changes.iter().filter_map(|change| self.apply(change, now)).collect()
    }

    fn apply(&mut self, change: &Change, now: Timestamp) -> Option<&'static str> {
        let (alarm, event) = after(change, &self.alarms, now);
        let mut alarm = alarm.unwrap();
        if alarm.n == 0 {
            alarm.n = i64::try_from(self.alarms.len()).unwrap() + 1;
            self.alarms.push(alarm.clone());
        }
        let n = alarm.n;
        self.alarms[usize::try_from(n).unwrap() - 1] = alarm;
        event.inspect(|event| self.told.push((n, event, now)))
    }

    fn with(&mut self, found: &[Condition], second: i64) -> Vec<&'static str> {
        self.look(&Look { found: found.to_vec(), blind: vec![] }, at(second))
    }
}

#[test]
fn raised_once_repeated_and_cleared_once() {
    let (mut world, gap) = (World::default(), [condition(Kind::LogGap, Severity::Critical)]);
    assert_eq!(world.with(&gap, 0), ["raised"]);
    for second in [10, 1800, 3599] {
        assert_eq!(world.with(&gap, second), [""; 0], "at {second}");
    }
    assert_eq!(world.with(&gap, 3600), ["repeated"]);
    assert_eq!(world.with(&gap, 3600 + 21_599), [""; 0]);
    assert_eq!(world.with(&gap, 3600 + 21_600), ["repeated"]);
    assert_eq!(world.with(&[], 30_000), ["cleared"]);
    assert_eq!(world.with(&[], 30_010), [""; 0]);
    assert_eq!(world.with(&gap, 30_020), ["raised"], "it is another one");
    assert_eq!(world.alarms.len(), 2);
    assert_eq!(world.alarms[0].last_seen, at(3600 + 21_600));
}

#[test]
fn what_flaps_is_held_off_at_both_ends() {
    let (mut world, lag) = (World::default(), [condition(Kind::LogLag, Severity::Warning)]);
    assert_eq!(world.with(&lag, 0), [""; 0]);
    assert_eq!(world.with(&[], 20), [""; 0], "it was gone before it counted");
    assert_eq!(world.with(&lag, 25), [""; 0], "and begins anew");
    assert_eq!(world.with(&lag, 54), [""; 0]);
    assert_eq!(world.with(&lag, 55), ["raised"]);
    assert_eq!(world.alarms[0].since, at(25));
    assert_eq!(world.with(&[], 60), [""; 0]);
    assert_eq!(world.with(&lag, 80), [""; 0], "it was not gone for long");
    assert_eq!(world.with(&[], 90), [""; 0]);
    assert_eq!(world.with(&[], 120), ["cleared"]);
}

#[test]
fn what_cannot_be_seen_is_neither_there_nor_gone() {
    let (mut world, gap) = (World::default(), condition(Kind::LogGap, Severity::Critical));
    let blind = Look { found: vec![], blind: vec![gap.key()] };
    assert_eq!(world.look(&blind, at(0)), [""; 0]);
    assert_eq!(world.with(std::slice::from_ref(&gap), 10), ["raised"]);
    world.held = Held::default();
    assert_eq!(world.look(&blind, at(20)), [""; 0], "a new daemon that has not looked yet");
    assert_eq!(world.with(&[gap], 30), [""; 0]);
    assert_eq!(world.with(&[], 40), ["cleared"]);
}

#[test]
fn what_becomes_worse_is_told_again() {
    let mut world = World::default();
    let of = |severity| [condition(Kind::VaultFilling, severity)];
    assert_eq!(world.with(&of(Severity::Warning), 0), [""; 0]);
    assert_eq!(world.with(&of(Severity::Warning), 30), ["raised"]);
    assert_eq!(world.with(&of(Severity::Critical), 40), ["worse"]);
    assert_eq!(world.with(&of(Severity::Critical), 50), [""; 0]);
    assert_eq!(world.with(&of(Severity::Warning), 60), [""; 0], "better is no news");
    assert_eq!(world.alarms[0].condition.severity, Severity::Warning);
    let both = [condition(Kind::VaultFilling, Severity::Warning), condition(Kind::VaultFilling, Severity::Critical)];
    assert_eq!(world.with(&both, 70), ["worse"], "the worse of two of one kind counts");
}

#[test]
fn a_clock_that_goes_back_raises_nothing_twice() {
    let (mut world, gap) = (World::default(), [condition(Kind::LogGap, Severity::Critical)]);
    assert_eq!(world.with(&gap, 1000), ["raised"]);
    assert_eq!(world.with(&gap, 0), [""; 0]);
    assert_eq!(world.with(&[], 10), ["cleared"]);
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    There(Severity),
    Gone,
    Blind,
    Restart,
}

fn seen() -> impl Strategy<Value = Seen> {
    prop_oneof![
        4 => Just(Seen::There(Severity::Warning)),
        2 => Just(Seen::There(Severity::Critical)),
        4 => Just(Seen::Gone),
        1 => Just(Seen::Blind),
        1 => Just(Seen::Restart),
    ]
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![Just(Kind::LogGap), Just(Kind::LogLag), Just(Kind::VaultUnreachable)]
}

fn run(history: &[(i64, Kind, Seen)]) -> Result<World, TestCaseError> {
    let mut world = World::default();
    let mut now = 0;
    let mut is: BTreeMap<Kind, Seen> = BTreeMap::new();
    for (seconds, kind, seen) in history {
        now += seconds;
        if *seen == Seen::Restart {
            world.held = Held::default();
        } else {
            is.insert(*kind, *seen);
        }
        let mut look = Look::default();
        for (kind, seen) in &is {
            match seen {
                Seen::There(severity) => look.found.push(condition(*kind, *severity)),
                Seen::Blind => look.blind.push((*kind, Scope::source("shop"))),
                _ => {}
            }
        }
        let before = world.told.len();
        world.look(&look, at(now));
        for (n, word, _) in &world.told[before..] {
            let is = is.get(&world.alarms[usize::try_from(*n).unwrap() - 1].condition.kind);
            let fits = match *word {
                "cleared" => is == Some(&Seen::Gone),
                _ => matches!(is, Some(Seen::There(_))),
            };
            prop_assert!(fits, "{word} when it was {is:?}");
        }
    }
    Ok(world)
}

proptest! {
    #[test]
    fn each_alarm_has_one_beginning_and_one_end(
        history in proptest::collection::vec((1..20_000i64, kind(), seen()), 1..80)
    ) {
        let world = run(&history)?;
        for alarm in &world.alarms {
            let told: Vec<_> = world.told.iter().filter(|(n, ..)| *n == alarm.n).collect();
            let count = |word: &str| told.iter().filter(|(_, said, _)| *said == word).count();
            prop_assert_eq!(count("raised"), 1);
            prop_assert_eq!(count("cleared"), usize::from(alarm.cleared.is_some()));
            prop_assert_eq!(told[0].1, "raised");
            prop_assert!(alarm.cleared.is_none() || told.last().unwrap().1 == "cleared");
            prop_assert!(alarm.since <= alarm.raised && alarm.raised <= alarm.last_seen);
            for (nth, pair) in told.windows(2).enumerate().filter(|(_, pair)| pair[1].1 == "repeated") {
                let wait = if nth == 0 { TIMING.repeat_first } else { TIMING.repeat_then };
                prop_assert!(pair[1].2.duration_since(pair[0].2) >= wait, "repeated too soon");
            }
        }
        // Of one kind no two stand at a time.
        for (nth, alarm) in world.alarms.iter().enumerate() {
            let later = world.alarms[nth + 1..].iter().find(|later| later.condition.kind == alarm.condition.kind);
            prop_assert!(later.is_none_or(|later| alarm.cleared.is_some_and(|cleared| cleared <= later.raised)));
        }
    }

    #[test]
    fn what_flaps_was_there_for_the_hold_off(steps in proptest::collection::vec((1..20i64, any::<bool>()), 1..200)) {
        let (mut world, mut now, mut there_since) = (World::default(), 0, None);
        let lag = [condition(Kind::LogLag, Severity::Warning)];
        for (seconds, there) in steps {
            now += seconds;
            there_since = if there { there_since.or(Some(now)) } else { None };
            let told = world.with(if there { &lag } else { &[] }, now);
            if told.contains(&"raised") {
                prop_assert!(now - there_since.unwrap() >= 30);
            }
        }
    }
}

//! When the heartbeat is called, and by what it is stopped.

use super::super::condition::{Condition, Kind, Severity};
use super::super::core::{Change, after};
use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn settings(severity: &str) -> HeartbeatSettings {
    let text = format!("name = \"beat\"\nurl = \"https://beat.example\"\nseverity = \"{severity}\"");
    toml::from_str(&text).unwrap()
}

fn memory(scope: Scope, severity: Severity) -> Memory {
    let condition =
        Condition { kind: Kind::LogGap, scope, severity, since: None, text: String::new(), advice: String::new() };
    let (alarm, _) = after(&Change::Raise { condition, since: at(0) }, &[], at(0));
    Memory { raised: alarm.into_iter().collect(), looked: Some(at(0)), ..Memory::default() }
}

#[test]
fn it_is_called_only_while_somebody_looks() {
    let mut memory = Memory::default();
    let why = |memory: &Memory, now| why_not(memory, None, &settings("warning"), 60, at(now));
    assert!(why(&memory, 0).is_some(), "before the first look");
    memory.looked = Some(at(0));
    assert_eq!(why(&memory, 60), None);
    assert!(why(&memory, 61).is_some(), "the looks have ended");
}

#[test]
fn it_is_stopped_by_what_concerns_it() {
    let shop = BTreeSet::from(["shop".to_owned()]);
    let cases = [
        (Scope::source("shop"), true, true),
        (Scope::source("other"), true, false),
        (Scope::Vault, true, true),
        (Scope::Daemon, true, true),
        (Scope::Channel("hook".into()), true, false),
        (Scope::Heartbeat("beat".into()), false, false),
    ];
    for (scope, stops_all, stops_shop) in cases {
        let memory = memory(scope.clone(), Severity::Warning);
        let stops = |sources| why_not(&memory, sources, &settings("warning"), 60, at(1)).is_some();
        assert_eq!((stops(None), stops(Some(&shop))), (stops_all, stops_shop), "{scope}");
        assert_eq!(why_not(&memory, None, &settings("critical"), 60, at(1)), None, "a warning does not count");
    }
}

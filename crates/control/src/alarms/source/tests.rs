//! Each condition of a source: when it is there, when it is not, and when nobody can tell.

use ops::{Failure, Outcome};

use super::super::gather::{Ended, KindOfWork, Slot};
use super::super::space::Space;
use super::*;
use crate::policy::{self, Policy};

pub(in crate::alarms) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

pub(in crate::alarms) fn policy(lines: &str) -> Policy {
    let file = format!("[stack]\nname = \"s\"\n[[source]]\nname = \"shop\"\nurl = \"postgres://db/shop\"\n{lines}");
    policy::file::parse(&file).unwrap().policy
}

pub(in crate::alarms) fn backup(
    rule: Option<&str>,
    began: i64,
    proven: Option<i64>,
    failed: Option<i64>,
) -> BackupFact {
    BackupFact {
        id: "20270115t080000z-01234567".to_owned(),
        rule: rule.map(str::to_owned),
        began: at(began),
        ended: at(began + 10),
        log_from: Lsn(100),
        bytes: 1_000_000,
        bytes_new: 100_000,
        bytes_stored: 50_000,
        proven: proven.map(at),
        failed: failed.map(at),
    }
}

/// What a test changes of a source where all is well.
pub(in crate::alarms) struct Well {
    pub(in crate::alarms) log: LogState,
    pub(in crate::alarms) gaps: Vec<GapFact>,
    pub(in crate::alarms) backups: Option<Vec<BackupFact>>,
    pub(in crate::alarms) policy: Policy,
    pub(in crate::alarms) server: Option<Server>,
    pub(in crate::alarms) disk: Disk,
    pub(in crate::alarms) work: Option<Work>,
}

pub(in crate::alarms) fn well() -> Well {
    let log = LogState {
        phase: Phase::Streaming,
        timeline: 1,
        received: Lsn(500),
        durable: Lsn(500),
        server_end: Lsn(500),
        complete_at: Some(at(0)),
        last_contact: Some(at(0)),
        streaming_since: Some(at(-100)),
        failure: None,
        gaps: vec![],
        synchronous: false,
        sessions: 1,
    };
    let slot = Slot { status: Some("reserved".into()), kept: 10, left: Some(1000) };
    Well {
        log,
        gaps: vec![],
        backups: Some(vec![backup(None, -50, None, None)]),
        policy: policy(""),
        server: Some(Server { slot: Some(slot), ahead_ms: 5 }),
        disk: Disk::Here(vec![("/data".into(), Space { total: 100, free: 50 })]),
        work: Some(Work::default()),
    }
}

impl Well {
    pub(in crate::alarms) fn look(&self, now: i64) -> Look {
        let facts = Facts {
            name: "shop",
            slot: "rekindle_shop",
            log: &self.log,
            gaps: &self.gaps,
            backups: self.backups.as_deref(),
            policy: Some((&self.policy, at(-1000))),
            server: self.server.as_ref(),
            disk: &self.disk,
            work: self.work.as_ref(),
        };
        let text = "vault = \"file:/v\"\nkey_file = \"/k\"\ndata_folder = \"/d\"\nsocket = \"/s\"\n";
        let config: Config = toml::from_str(text).unwrap();
        judge(&facts, &config, at(now))
    }

    pub(in crate::alarms) fn kinds(&self, now: i64) -> Vec<(&'static str, &'static str)> {
        self.look(now).found.iter().map(|is| (is.kind.name(), is.severity.name())).collect()
    }
}

#[test]
fn where_all_is_well_nothing_is_said() {
    let well = well();
    assert_eq!(well.kinds(5), []);
    assert_eq!(well.kinds(100_000), [], "a quiet server is not behind");
    assert_eq!(well.look(5).blind, []);
}

#[test]
fn the_log() {
    let mut is = well();
    is.policy = policy("[policy.objectives]\nrpo = \"5 min\"\n");
    is.log.server_end = Lsn(900);
    assert_eq!(is.kinds(60), []);
    assert_eq!(is.kinds(61), [("log-lag", "warning")]);
    assert_eq!(is.kinds(301), [("over-rpo", "critical"), ("log-lag", "warning")]);
    is.log.failure = Some((at(0), "RK-2010".into(), "away".into()));
    is.log.phase = Phase::Connecting;
    assert_eq!(is.kinds(4), []);
    assert_eq!(is.kinds(5), [("log-not-received", "critical")]);
    assert_eq!(is.kinds(301), [("over-rpo", "critical"), ("log-not-received", "critical")]);
}

#[test]
fn a_gap_is_there_until_a_backup_lies_behind_it() {
    let mut is = well();
    let gap = |to: u64| GapFact { from: Lsn(50), to: Lsn(to), noticed: at(-60), why: "lost".into() };
    is.gaps = vec![gap(100)];
    assert_eq!(is.kinds(5), []);
    is.gaps.push(gap(101));
    assert_eq!(is.kinds(5), [("log-gap", "critical")]);
    assert_eq!(is.look(5).found[0].since, Some(at(-60)));
}

#[test]
fn the_server() {
    let mut is = well();
    let slot = |status: &str, kept, left| Some(Slot { status: Some(status.into()), kept, left });
    let cases = [
        (None, Some("critical")),
        (slot("lost", 1, None), Some("critical")),
        (slot("unreserved", 1, None), Some("critical")),
        (slot("extended", 100, Some(99)), Some("warning")),
        (slot("extended", 100, Some(100)), None),
        (slot("reserved", 100, None), None),
    ];
    for (slot, expected) in cases {
        is.server = Some(Server { slot: slot.clone(), ahead_ms: 0 });
        let expected: Vec<_> = expected.map(|severity| ("slot-at-risk", severity)).into_iter().collect();
        assert_eq!(is.kinds(5), expected, "{slot:?}");
    }
    for (ahead_ms, skewed) in [(30_000, false), (30_001, true), (-30_001, true)] {
        is.server = Some(Server { slot: slot("reserved", 1, None), ahead_ms });
        assert_eq!(is.kinds(5).len(), usize::from(skewed), "{ahead_ms}");
    }
    is.disk =
        Disk::Here(vec![("/a".into(), Space { total: 100, free: 90 }), ("/b".into(), Space { total: 100, free: 3 })]);
    assert!(is.kinds(5).contains(&("disk-filling", "critical")));
    assert!(is.look(5).found.iter().any(|found| found.text.contains("/b")));
}

#[test]
fn operations_that_failed() {
    let failure = Failure {
        outcome: Outcome::Clean,
        retryable: false,
        code: "RK-2010".into(),
        message: "away".into(),
        hint: "start it".into(),
        causes: vec![],
        instead: None,
    };
    let failed = || KindOfWork {
        runs: false,
        last: Some(Ended { id: "7f3".into(), ended: at(0), failure: Some(failure.clone()) }),
    };
    let mut is = well();
    is.work = Some(Work { backup: failed(), ..Work::default() });
    assert_eq!(is.kinds(5), [("backup-failing", "critical")]);
    assert_eq!(is.look(5).found[0].advice, "start it; rekindle ops show 7f3");
    is.work = Some(Work { drill: failed(), ..Work::default() });
    assert_eq!(is.kinds(5), [("drill-failed", "warning")]);
    is.work = Some(Work::default());
    is.backups = Some(vec![backup(None, -50, Some(-30), Some(-20))]);
    assert_eq!(is.kinds(5), [("drill-failed", "critical")]);
    is.backups = Some(vec![backup(None, -50, Some(-10), Some(-20))]);
    assert_eq!(is.kinds(5), []);
    is.backups = Some(vec![]);
    assert_eq!(is.kinds(5), [("no-backup", "warning")]);
}

#[test]
fn the_time_of_a_restore_is_projected_by_what_was_measured() {
    let mut is = well();
    is.policy = policy("[policy.objectives]\nrto = \"60 s\"\n");
    assert_eq!(is.kinds(5), [], "nothing was measured yet");
    let drills = vec![(500_000, 20.0), (500_000, 31.0), (1_000_000, 500.0)];
    is.work = Some(Work { drills: drills.clone(), ..Work::default() });
    assert_eq!(is.work.as_ref().unwrap().projected_seconds(1_000_000), Some(62.0));
    assert_eq!(is.kinds(5), [("over-rto", "warning")]);
    is.work = Some(Work { drills, restores: vec![(2_000_000, 60.0)], ..Work::default() });
    assert_eq!(is.kinds(5), [], "a restore says more than a drill");
}

#[test]
fn what_nobody_can_tell_makes_blind() {
    let blind = |is: &Well| is.look(5).blind.into_iter().map(|(kind, _)| kind.name()).collect::<Vec<_>>();
    let mut is = well();
    is.backups = None;
    assert_eq!(is.kinds(5), []);
    assert!(blind(&is).contains(&"no-backup") && blind(&is).contains(&"log-gap"));
    is = well();
    is.server = None;
    assert_eq!(blind(&is), ["slot-at-risk", "clock-skew"]);
    is = well();
    (is.log.streaming_since, is.log.complete_at) = (None, None);
    assert!(blind(&is).contains(&"over-rpo") && blind(&is).contains(&"log-not-received"));
    is = well();
    is.work = None;
    assert!(blind(&is).contains(&"backup-failing") && blind(&is).contains(&"backup-overdue"));
}

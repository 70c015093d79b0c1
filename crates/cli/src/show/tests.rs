//! The output for people, word by word, for fixed answers.

use api::{
    AlarmDetail, AlarmView, BackupView, ChannelTest, ConditionView, ErrorBody, FindingView, GapView, LogView,
    NoticeView, Operation, OperationKind, OperationStatus, PlannedStep, Progress, ProtectAnswer, RestorePlan,
    RestoreReport, RowsLost, SourceView, Status, StepSeconds, TimelineView, WindowView,
};
use serde_json::json;

use super::*;

mod drawing;

fn view() -> View {
    View { now: "2026-11-21T14:05:31+01:00[Europe/Berlin]".parse().unwrap(), width: 100 }
}

fn at(text: &str) -> Timestamp {
    format!("2026-11-{text}+01:00").parse().unwrap()
}

fn a_backup(label: Option<&str>, ended: &str) -> BackupView {
    let ended = at(ended);
    BackupView {
        id: "20261121-1402-ab".to_owned(),
        source: "shop".to_owned(),
        label: label.map(str::to_owned),
        rule: None,
        parent: None,
        began: ended - jiff::SignedDuration::from_millis(3_900),
        ended,
        timeline: 1,
        log_from: "0/3000028".to_owned(),
        log_to: "0/3000100".to_owned(),
        bytes: 3_000_000_000,
        bytes_stored: 41_000_000,
        pages: 366_210,
        pages_changed: 5_004,
        damaged_pages: 0,
        damaged: vec![],
        left_out_total: 0,
        left_out: vec![],
        pinned: false,
        proven: None,
    }
}

#[test]
fn a_backup_is_one_line() {
    let mut backup = a_backup(Some("before-release-41"), "21T14:02:07");
    let line =
        "✓ before-release-41  3.0 GB read, 41 MB new in the vault (73.2×), 3.9 s, log unbroken to 14:02:07 CET\n";
    assert_eq!(backup::line(&backup, &view()), line);
    backup.damaged_pages = 2;
    backup.damaged = vec!["page 7 of base/5/16385".to_owned()];
    let told = "! 2 pages of the server failed their checksum and are stored as they are\n    page 7 of base/5/16385\n";
    assert!(backup::line(&backup, &view()).contains(told));
    backup.left_out_total = 7;
    backup.left_out = (1..=6).map(|number| format!("pipe{number}: it is a FIFO")).collect();
    let told = "note 7 files of the data directory are not in this backup\n    pipe1: it is a FIFO\n";
    let shown = backup::line(&backup, &view());
    assert!(shown.contains(told) && shown.contains("    … and 2 more\n") && !shown.contains("pipe6"), "{shown}");
    (backup.bytes_stored, backup.label) = (0, None);
    assert!(backup::line(&backup, &view()).starts_with("✓ 20261121-1402-ab  3.0 GB read, 0 B new in the vault, 3.9 s"));
}

#[test]
fn numbers_have_units() {
    let sizes = [0, 812, 999, 1_000, 9_949, 41_000_000, 999_499, 999_500, 3_000_000_000, 12_345_678_901_234];
    let shown = ["0 B", "812 B", "999 B", "1.0 kB", "9.9 kB", "41 MB", "999 kB", "1.0 MB", "3.0 GB", "12 TB"];
    assert_eq!(sizes.map(units::bytes), shown);
    assert_eq!(units::bytes_of(2_600_000_000, 3_000_000_000), "2.6 of 3.0 GB");
    assert_eq!(units::bytes_of(812_000_000, 3_000_000_000), "812 MB of 3.0 GB");
    let spans = [0.0, 3.9, 34.0, 59.6, 1305.0, 7800.0, 86_400.0, 100_000.0];
    let shown = ["0 s", "3.9 s", "34 s", "1 min", "21 min 45 s", "2 h 10 min", "1 d", "1 d 3 h"];
    assert_eq!(spans.map(units::seconds), shown);
    assert_eq!([7, 1_204, 1_000_000].map(units::count), ["7", "1,204", "1,000,000"]);
}

#[test]
fn times_are_as_short_as_they_can_be() {
    let view = view();
    let times = ["21T02:57:00", "20T18:41:10", "15T00:00:00", "14T18:41:10"].map(|time| view.short(at(time)));
    assert_eq!(times, ["02:57:00", "Fri 18:41:10", "Sun 00:00:00", "14 Nov 18:41:10"]);
    assert_eq!(view.short("2025-11-20T12:00:00Z".parse().unwrap()), "20 Nov 2025 13:00:00");
    assert_eq!(view.ago(at("21T14:05:30")), "1 s ago");
    assert_eq!(view.ago(at("21T14:05:35")), "now");
}

fn finding(severity: &str, title: &str, why: &str, statement: Option<&str>) -> FindingView {
    let (severity, title, why) = (severity.to_owned(), title.to_owned(), why.to_owned());
    FindingView { severity, title, why, needs_restart: statement.is_some(), statement: statement.map(str::to_owned) }
}

#[test]
fn findings_that_block_end_with_what_to_do() {
    let findings = vec![
        finding("fine", "PostgreSQL 15.20 · data 3.0 GB · checksums on", "", None),
        finding("warns", "2 of 3 senders in use", "one more is left", None),
        finding(
            "blocks",
            "wal_level is \"minimal\"",
            "point-in-time restore is impossible",
            Some("ALTER SYSTEM SET wal_level = 'replica';"),
        ),
    ];
    let (name, slot) = ("shop".to_owned(), "rekindle_shop".to_owned());
    let mut answer = ProtectAnswer { registered: false, name, slot, findings };
    let expected = "\
✓ PostgreSQL 15.20 · data 3.0 GB · checksums on
! 2 of 3 senders in use
    one more is left
✗ wal_level is \"minimal\"
    point-in-time restore is impossible
    ALTER SYSTEM SET wal_level = 'replica';     needs a restart
Nothing was registered. Run the statement, restart the server, and repeat this command.
";
    assert_eq!(protect::answer(&answer, false), expected);
    answer.findings.truncate(1);
    assert!(protect::answer(&answer, true).ends_with("Nothing was registered: this was a look only.\n"));
    answer.registered = true;
    let expected = "\
✓ PostgreSQL 15.20 · data 3.0 GB · checksums on
✓ shop is protected: its log is received through slot rekindle_shop
    rekindle backup shop   takes the first backup
";
    assert_eq!(protect::answer(&answer, false), expected);
}

fn a_source(name: &str) -> SourceView {
    let log = LogView {
        phase: "streaming".to_owned(),
        timeline: 1,
        received: "0/5000000".to_owned(),
        durable: "0/5000000".to_owned(),
        server_end: "0/5000000".to_owned(),
        lag_bytes: 0,
        complete_at: Some(at("21T14:05:30")),
        last_contact: Some(at("21T14:05:30")),
        synchronous: false,
        failing_since: None,
        failure_code: None,
        failure: None,
    };
    SourceView {
        name: name.to_owned(),
        url: "postgres:///shop".to_owned(),
        system_identifier: "7301".to_owned(),
        slot: format!("rekindle_{name}"),
        log,
        conditions: Vec::new(),
        backups: 12,
        newest_backup: Some(a_backup(Some("nightly"), "21T14:01:31")),
        restoring: None,
        not_watched: Vec::new(),
    }
}

fn an_alarm(n: u64, scope: &str, cleared: Option<&str>) -> AlarmView {
    AlarmView {
        n,
        kind: "vault-unreachable".to_owned(),
        scope: scope.to_owned(),
        source: None,
        severity: "critical".to_owned(),
        since: at("21T13:00:00"),
        raised: at("21T13:00:30"),
        last_seen: at("21T14:05:30"),
        cleared: cleared.map(at),
        times_told: 2,
        text: "the vault is away".to_owned(),
        advice: "bring it back".to_owned(),
    }
}

#[test]
fn alarms_say_what_is_wrong_and_what_was() {
    let alarms = [an_alarm(12, "vault", None), an_alarm(8, "vault", Some("21T13:10:00"))];
    let expected = "\
✗ 12  vault  vault-unreachable  critical, since 13:00:00 CET (1 h 5 min ago)
      the vault is away
      → bring it back
✓  8  vault  vault-unreachable  critical, 13:00:00 CET → 13:10:00 (10 min)
      the vault is away
";
    assert_eq!(alarm::list(&alarms, true, &[], &view()), expected);
    assert_eq!(alarm::list(&[], false, &[], &view()), "Nothing is wrong.\n");
    let seen = ["shop: the log is not being received".to_owned()];
    let watched = "No alarm is raised yet; this is being watched:\n    shop: the log is not being received\n";
    assert_eq!(alarm::list(&[], false, &seen, &view()), watched);
    let notice = |outcome: &str, event: &str, tries, error: Option<&str>| NoticeView {
        n: 1,
        channel: "hook".to_owned(),
        event: event.to_owned(),
        made: at("21T13:00:30"),
        outcome: outcome.to_owned(),
        tries,
        tried: Some(at("21T13:00:31")),
        error: error.map(str::to_owned),
    };
    let notices = vec![
        notice("delivered", "raised", 1, None),
        notice("waiting", "repeated", 2, Some("no answer within 10 s")),
        notice("given-up", "cleared", 20, Some("it answered 500")),
    ];
    let expected = "\
✗ 12  vault · vault-unreachable  critical
    what       the vault is away
    to do      bring it back
    since      13:00:00 CET (1 h 5 min ago)
    raised     13:00:30 CET
    last seen  1 s ago
    ✓ hook told raised 13:00:31 CET
    ▶ hook waits to be told repeated (2 tries: no answer within 10 s)
    ✗ hook not told cleared (20 tries: it answered 500)
";
    assert_eq!(alarm::one(&AlarmDetail { alarm: an_alarm(12, "vault", None), notices }, &view()), expected);
}

#[test]
fn a_test_of_channels_says_what_became_of_each() {
    let test = |channel: &str, error: Option<&str>| ChannelTest {
        channel: channel.to_owned(),
        kind: "webhook".to_owned(),
        to: "https://ops.example".to_owned(),
        delivered: error.is_none(),
        seconds: 0.25,
        error: error.map(str::to_owned),
        hint: error.map(|_| "is it there?".to_owned()),
    };
    let expected = "\
✓ hook   webhook to https://ops.example: delivered, 0.2 s
✗ other  webhook to https://ops.example: it answered 500, 0.2 s
    is it there?
";
    assert_eq!(alarm::tests(&[test("hook", None), test("other", Some("it answered 500"))]), expected);
    assert!(alarm::tests(&[]).starts_with("No channel is configured"));
}

#[test]
fn status_says_one_line_per_source_and_what_is_wrong_below() {
    let mut crm = a_source("crm-old");
    (crm.log.phase, crm.log.complete_at) = ("stopped".to_owned(), None);
    (crm.backups, crm.newest_backup) = (0, None);
    crm.conditions.push(ConditionView {
        severity: "critical".to_owned(),
        kind: "log-not-received".to_owned(),
        since: Some(at("21T13:00:00")),
        text: "the log is not received".to_owned(),
        advice: "start the server".to_owned(),
    });
    let (id, kind, source) = ("7f3".to_owned(), OperationKind::Backup, Some("shop".to_owned()));
    let progress = Progress { bytes_total: 3_000_000_000, bytes_done: 2_600_000_000, bytes_moved: 0 };
    let (status, step, started) = (OperationStatus::Running, "files".to_owned(), at("21T14:05:27"));
    let running = Operation {
        id,
        kind,
        source,
        status,
        step,
        progress,
        asked_by: "ada".into(),
        why: String::new(),
        back: None,
        steps: vec![],
        retryable: false,
        next_try: None,
        approvals: vec![],
        approvals_needed: 0,
        refused: None,
        waived: false,
        started,
        ended: None,
        way_back: None,
        error: None,
        result: None,
    };
    let (version, vault, now) = ("0.1.0".to_owned(), "file:/v".to_owned(), at("21T14:05:31"));
    let status = Status {
        version,
        now,
        vault,
        sources: vec![a_source("shop"), crm],
        instances: vec![],
        operations: vec![running],
        alarms: vec![an_alarm(8, "vault", None)],
    };
    let expected = "\
Rekindle 0.1.0 · vault file:/v

✗ vault: the vault is away (since 13:00:00 CET)
  bring it back
✓ shop     streaming · any moment up to 14:05:30 CET can be restored (1 s ago) · 12 backups, newest nightly 4 min ago
✗ crm-old  stopped · no moment is known to be complete yet · no backup
    ✗ the log is not received (since 13:00:00 CET)
      start the server
▶ backup of shop   86 %  2.6 of 3.0 GB  files  began 4 s ago · operation 7f3
";
    assert_eq!(status::all(&status, &view()), expected);
    let expected = "\
✓ shop  streaming · any moment up to 14:05:30 CET can be restored (1 s ago) · 12 backups, newest nightly 4 min ago
    server    postgres:///shop · system 7301
    log       timeline 1 · durable to 0/5000000 · 0 B behind
    slot      rekindle_shop · last contact 1 s ago
";
    assert_eq!(status::one(&a_source("shop"), &view()), expected);
}

fn a_plan() -> RestorePlan {
    RestorePlan {
        source: "shop".to_owned(),
        asked: "before 2026-11-21T01:57:00Z".to_owned(),
        backup: "b1".to_owned(),
        backup_label: None,
        backup_ended: at("21T02:00:00"),
        timeline: 1,
        reached: "0/3000100".to_owned(),
        last_commit: Some(at("21T02:56:59.812")),
        newest_commit: Some(at("21T03:03:20.812")),
        commits_after: 1_204,
        rows_lost: Vec::new(),
        rows_lost_note: None,
        bytes: 3_000_000_000,
        log_bytes: 412_000_000,
        major: 15,
        into: "/srv/x".to_owned(),
        steps: Vec::new(),
        findings: Vec::new(),
        approvals: 0,
        waived: false,
        begins: None,
        seconds: None,
        unserved_seconds: None,
    }
}

#[test]
fn a_plan_says_what_would_be_lost() {
    let mut plan = a_plan();
    let expected = "\
Restore shop to before Sat 21 Nov 2026 02:57:00 CET          nothing has been touched yet

 from      backup b1 of 02:00:00 CET + 57 min of log
 reached   Sat 21 Nov 2026 02:56:59.812 CET, the last commit that is there · 0/3000100
 lost      6 min 21 s of writes: 1,204 commits after this moment
 size      3.0 GB of data, 412 MB of log to replay
 into      /srv/x · PostgreSQL 15 · timeline 1
";
    assert_eq!(restore::plan(&plan, &view()), expected);
    (plan.commits_after, plan.newest_commit) = (0, plan.last_commit);
    assert!(restore::plan(&plan, &view()).contains(" lost      nothing: no commit in the vault is newer\n"));
}

#[test]
fn a_runbook_says_which_rows_are_lost_and_how_long_it_takes() {
    let step = |name: &str, seconds| PlannedStep {
        name: name.to_owned(),
        what: format!("does {name}"),
        undo: (name == "quiesce").then(|| "starts them".to_owned()),
        pauses: name == "health",
        seconds,
    };
    let lost = |table: String, new_file| RowsLost {
        database: "shop".to_owned(),
        table,
        inserted: 4_120,
        updated: 0,
        deleted: 7,
        new_file,
        file: String::new(),
    };
    let mut plan = a_plan();
    plan.steps = vec![step("beside", Some(30.0)), step("quiesce", None), step("health", Some(2.5))];
    plan.rows_lost = vec![lost("public.orders".to_owned(), false)];
    let told = runbook::plan(&plan, &view());
    let expected = " lost      6 min 21 s of writes: 1,204 commits after this moment";
    assert!(told.contains(expected), "{told}");
    let expected = "\
           shop public.orders: 4,120 inserted, 7 deleted
 takes     about 33 s, and what was not measured yet: quiesce
 approve   nobody else

  1 beside            30 s  does beside
  2 quiesce              –  does quiesce
                            ↶ starts them
  3 health           2.5 s  does health
                            when it fails a person decides
";
    assert!(told.contains(expected), "{told}");
    plan.rows_lost = (0..12).map(|n| lost(format!("5/{n}"), n == 11)).collect();
    plan.rows_lost_note = Some("256 of 900 MB of log behind the moment were read".to_owned());
    (plan.seconds, plan.unserved_seconds) = (Some(34.0), Some(1.5));
    let told = runbook::plan(&plan, &view());
    let expected = "\
           shop 5/9: 4,120 inserted, 7 deleted
           and 2 more tables
           * made or written anew since: rows of before count as inserted too
           there may be more: 256 of 900 MB of log behind the moment were read
 takes     about 34 s; nobody can write for about 1.5 s
";
    assert!(told.contains(expected), "{told}");
    plan.steps.iter_mut().for_each(|step| step.seconds = None);
    plan.seconds = None;
    assert!(runbook::plan(&plan, &view()).contains(" takes     not known: none of its steps was measured yet\n"));
}

#[test]
fn a_report_says_what_is_there_and_how_to_reach_it() {
    let step = |step: &str, seconds| StepSeconds { step: step.to_owned(), seconds };
    let mut report = RestoreReport {
        instance: None,
        source: "shop".to_owned(),
        asked: "the latest moment".to_owned(),
        backup: "b1".to_owned(),
        backup_ended: at("21T02:00:00"),
        timeline: 2,
        reached: "0/3000100".to_owned(),
        reached_commit: Some(at("21T02:56:59.812")),
        newest_commit: Some(at("21T02:56:59.812")),
        loss_seconds: Some(0.0),
        commits_lost: 0,
        into: "/srv/x".to_owned(),
        port: 5433,
        socket_folder: "/tmp/s".to_owned(),
        superuser: "postgres".to_owned(),
        major: 15,
        files: 900,
        bytes: 3_000_000_000,
        pages_written: 366_000,
        bytes_fetched: 800_000_000,
        databases: vec!["shop".to_owned(), "postgres".to_owned()],
        relations: 142,
        pages_checked: 366_000,
        pages_bad: 0,
        findings: Vec::new(),
        migrations: Vec::new(),
        promoted: true,
        not_covered: vec!["postgresql.conf outside the data directory".to_owned()],
        durations: vec![step("files", 12.0), step("replay", 8.25), step("total", 20.25)],
        markdown: String::new(),
    };
    let expected = "\
✓ shop restored into /srv/x in 20 s

 asked     the latest moment
 reached   Sat 21 Nov 2026 02:56:59.812 CET, the last commit that is there · 0/3000100
 lost      nothing: no commit in the vault is newer
 checked   142 relations in 2 databases · 366,000 pages, none bad
 moved     800 MB from the vault for 3.0 GB
 time      files 12 s · replay 8.2 s · total 20 s
 left out  postgresql.conf outside the data directory
 server    PostgreSQL 15 runs on port 5433, timeline 2, accepts writes
 connect   psql -h /tmp/s -p 5433 -U postgres postgres
";
    assert_eq!(restore::report(&report, &view()), expected);
    assert!(restore::is_well(&report));
    report.pages_bad = 3;
    assert!(!restore::is_well(&report));
    assert!(restore::report(&report, &view()).starts_with("! shop restored"));
}

#[test]
fn a_check_lists_findings_and_counts_what_it_read() {
    let fine = json!({ "objects": 1204, "bytes_read": 41_000_000, "findings": [] });
    assert_eq!(check::report(&fine), "✓ checked 41 MB read, 1,204 objects: all is well\n");
    let finding = json!({ "severity": "error", "code": "RK-1020", "object": "packs/ab", "what": "is cut short",
        "affects": ["backup b1", "backup b2"] });
    let broken = json!({ "findings": [finding] });
    let expected = "\
✗ packs/ab  is cut short
    affects backup b1, backup b2
    RK-1020
✗ the vault was checked: 1 error
";
    assert_eq!(check::report(&broken), expected);
    assert!(check::is_well(&fine) && !check::is_well(&broken));
    let warned = json!({ "findings": [{ "severity": "warning", "object": "packs/cd", "what": "nothing needs it" }] });
    assert!(check::is_well(&warned));
    assert!(!check::is_well(&json!({ "findings": [{ "what": "?" }] })), "what is not known is not harmless");
}

#[test]
fn an_expiry_plan_gives_a_reason_for_every_backup() {
    let plan = json!({ "backups": [
        { "id": "b1", "ended": "2026-11-14T01:00:00Z", "keep": [] , "why": "no rule keeps it" },
        { "id": "b2", "label": "nightly", "ended": "2026-11-21T01:00:00Z", "keep": ["last 1", "daily"] },
    ]});
    let expected = "\
✗ expire  b1       14 Nov 02:00:00 CET   no rule keeps it
✓ keep    nightly  02:00:00 CET          last 1, daily
1 backup would expire, 1 kept
";
    assert_eq!(expire::plan(&json!({ "plan": plan, "applied": null }), &view()), expected);
    assert_eq!(expire::expired(&json!({ "plan": plan })), 1);
    let done = json!({ "plan": plan, "applied": { "bytes_freed": 41_000_000 } });
    assert!(expire::plan(&done, &view()).ends_with("1 backup expired, 1 kept, 41 MB freed\n"));
    let lists = json!({ "kept": [{ "backup": "b2", "why": "pinned" }], "expired": ["b1"] });
    assert_eq!(expire::expired(&lists), 1);
}

#[test]
fn an_error_is_a_block_with_its_code() {
    let error = ErrorBody {
        code: "RK-1104".to_owned(),
        kind: "refused".to_owned(),
        message: "no restore point at Fri 20 Nov 18:50:00 CET".to_owned(),
        causes: vec!["it lies in a gap".to_owned()],
        hint: Some("reachable before: 18:41:10\nreachable after: 19:02:55".to_owned()),
        exit_code: 4,
        request_id: None,
    };
    let expected = "\
error: no restore point at Fri 20 Nov 18:50:00 CET
  because: it lies in a gap
  reachable before: 18:41:10
  reachable after: 19:02:55
code RK-1104 · exit 4
";
    assert_eq!(errors::block(&error), expected);
}

#[test]
fn progress_is_one_line_that_fits() {
    let progress = Progress { bytes_total: 3_000_000_000, bytes_done: 2_600_000_000, bytes_moved: 0 };
    let line = progress::line("shop", "files", &progress, Some(812e6), 100);
    assert_eq!(line, "shop  ███████████████████████████░░░░░   86 %  2.6 of 3.0 GB  812 MB/s  ETA 1 s  files");
    assert!(progress::line("shop", "files", &progress, Some(812e6), 60).chars().count() <= 60);
    assert_eq!(progress::plain("shop", "replay", &Progress::default()), "shop  replay");
}

#[test]
fn a_rate_is_measured_over_the_last_seconds() {
    let mut rate = progress::Rate::default();
    rate.observe(0.0, 0);
    assert_eq!(rate.bytes_per_second(), None);
    for second in 1..=20 {
        rate.observe(f64::from(second), if second <= 10 { 0 } else { (second as u64 - 10) * 100 });
    }
    assert_eq!(rate.bytes_per_second(), Some(100.0));
    rate.observe(21.0, 5);
    assert_eq!(rate.bytes_per_second(), None, "begun anew");
}

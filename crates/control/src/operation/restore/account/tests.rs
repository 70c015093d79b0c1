//! What an account says, from a report as a restore leaves it.

use api::{ApprovalView, CommsView, MigrationView, RowsLost, RunbookStep};
use serde_json::json;

use super::*;

fn at(time: &str) -> Timestamp {
    format!("2026-11-21T{time}Z").parse().expect("a time")
}

fn done(name: &str, began: &str, ended: &str, seconds_planned: Option<f64>) -> RunbookStep {
    let what = format!("does {name}");
    RunbookStep { name: name.into(), what, began: at(began), ended: at(ended), attempts: 1, seconds_planned }
}

fn report() -> RunbookReport {
    RunbookReport {
        operation: "7f3".into(),
        stack: "shop".into(),
        source: "orders".into(),
        asked_by: "ann".into(),
        why: "a bad release".into(),
        approvals: vec![ApprovalView { by: "bob".into(), why: "seen it".into(), at: at("02:05:00") }],
        waived: false,
        no_snapshot: None,
        pointed: vec![],
        happened: Some(at("01:57:00")),
        detected: Some(at("02:00:30")),
        zone: "Europe/Berlin".into(),
        began: at("02:03:20"),
        ended: at("02:05:40"),
        asked: "2026-11-21T01:57:00Z".into(),
        reached: "0/3000100".into(),
        reached_commit: Some(at("01:56:59.812")),
        newest_commit: Some(at("02:05:20.812")),
        commits_lost: 1204,
        rows_lost: vec![RowsLost {
            database: "shop".into(),
            table: "public.orders".into(),
            inserted: 311,
            updated: 2,
            deleted: 1,
            new_file: true,
            file: "1663/5/16400".into(),
        }],
        rows_lost_note: None,
        backup: "b1".into(),
        backup_ended: Some(at("01:00:00")),
        evidence: vec!["backup b1 was proven by a drill".into()],
        findings: vec![],
        migrations: vec![MigrationView {
            database: "shop".into(),
            tool: "golang-migrate".into(),
            table: "public.schema_migrations".into(),
            newest: Some("41".into()),
            count: 1,
            wrong: Some("version 41 was left half done".into()),
            expects: None,
        }],
        snapshot: None,
        retired: "/srv/main.retired-7f3".into(),
        unserved_seconds: Some(9.0),
        unserved_seconds_planned: Some(8.0),
        objectives: ObjectivesView { rpo_seconds: Some(300.0), rto_seconds: Some(3600.0) },
        steps: vec![
            done("beside", "02:05:01", "02:05:18", None),
            done("quiesce", "02:05:20", "02:05:23", Some(3.0)),
            done("cut-over", "02:05:24", "02:05:29", Some(4.0)),
            done("resume", "02:05:29", "02:05:31", Some(2.0)),
        ],
        not_covered: vec![],
        follow_ups: vec![],
        comms: CommsView::default(),
        markdown: String::new(),
    }
}

#[test]
fn what_was_promised_is_compared_with_what_came() {
    let whole = json!({ "end": "0/5000000", "durable": "0/5000000" });
    let told = follow_ups::follow_ups(&report(), &whole, Some(3)).join("\n");
    for expected in [
        "3 min 30 s passed until somebody noticed",
        "loss: commits of 8 min 21 s, MORE than the objective of 5 min; the log was in the vault to the server's last record",
        "the backup was 57 min older than the moment; from asked to over it took 2 min 20 s (1 min 40 s of it until all had agreed), \
         the longest step beside 17 s: \
         within the objective of 1 h",
        "look at the migrations of shop (golang-migrate): version 41 was left half done",
    ] {
        assert!(told.contains(expected), "{expected}\n{told}");
    }
    let mut other = report();
    other.objectives = ObjectivesView { rpo_seconds: None, rto_seconds: Some(60.0) };
    let told = follow_ups::follow_ups(&other, &json!({ "end": "0/5000000", "durable": "0/4000000" }), None).join("\n");
    for expected in
        ["set rpo in", "the vault had the log to 0/4000000 of 0/5000000 only", "MORE than the objective of 1 min"]
    {
        assert!(told.contains(expected), "{expected}\n{told}");
    }
    other.commits_lost = 0;
    other.objectives.rpo_seconds = Some(1.0);
    let told = follow_ups::follow_ups(&other, &serde_json::Value::Null, None).join("\n");
    assert!(
        told.contains("loss: commits of 0.0 s, within the objective of 1.0 s; the server was not stopped"),
        "{told}"
    );
}

#[test]
fn words_for_those_who_use_it_have_times_of_theirs_and_utc() {
    let comms = comms::comms(&report());
    let moment = "Sat 21 Nov 2026 02:56:59 CET (01:56:59 UTC)";
    assert_eq!(
        comms.before,
        format!(
            "On Sat 21 Nov 2026 03:00:30 CET (02:00:30 UTC) we noticed a problem with our data. We will put the database of shop \
             back to its state of {moment}. From Sat 21 Nov 2026 03:05:20 CET (02:05:20 UTC) on it cannot be used for a while. We \
             expect that to take about 8.0 s. Please finish what you are doing before then: what is entered after that state will \
             not be there any more."
        )
    );
    assert!(
        comms.during.contains("We expect it back at about Sat 21 Nov 2026 03:05:28 CET (02:05:28 UTC)."),
        "{comms:?}"
    );
    assert!(comms.after.contains("is back since Sat 21 Nov 2026 03:05:31 CET (02:05:31 UTC)"), "{comms:?}");
    assert!(comms.after.contains("It could not be used for 11 s."), "{comms:?}");
    assert!(
        comms.after.contains(&format!("What was entered between {moment} and Sat 21 Nov 2026 03:05:20 CET")),
        "{comms:?}"
    );
    let nothing_lost = comms::comms(&RunbookReport { commits_lost: 0, unserved_seconds_planned: None, ..report() });
    assert!(nothing_lost.after.ends_with("Nothing that was entered is missing."), "{nothing_lost:?}");
    assert!(nothing_lost.before.contains("We will write as soon as it is back."), "{nothing_lost:?}");
}

#[test]
fn both_forms_say_the_same() {
    let mut told = report();
    told.comms = comms::comms(&told);
    told.follow_ups = vec!["look at <b>".into()];
    let (text, page) = (document(&told).markdown(), document(&told).html());
    for heading in [
        "Timeline",
        "Steps",
        "Rows that are not there any more",
        "Evidence",
        "Migrations",
        "Follow-ups",
        "Words for those who use it",
    ] {
        assert!(text.contains(&format!("## {heading}\n")), "{heading}\n{text}");
        assert!(page.contains(&format!("<h2>{heading}</h2>")), "{heading}\n{page}");
    }
    assert!(text.contains("| shop | public.orders* | 311 | 2 | 1 |"), "{text}");
    assert!(text.contains("| cut-over | 03:05:24 | 5.00 | 4.00 | 1 | does cut-over |"), "{text}");
    assert!(text.contains("| nobody could write for | 9.0 s, planned 8.0 s |"), "{text}");
    assert!(page.contains("look at &lt;b&gt;") && !page.contains("<b>"), "{page}");
    let order = [
        "backup b1 ended",
        "it happened",
        "it was noticed",
        "ann asked",
        "bob approved: seen it",
        "beside done",
        "over",
    ];
    let places: Vec<usize> = order.iter().map(|what| text.find(what).expect(what)).collect();
    assert!(places.is_sorted(), "{places:?}\n{text}");
}

#[test]
fn a_report_of_an_earlier_version_can_still_be_read() {
    let mut old = serde_json::to_value(report()).expect("JSON");
    let fields = old.as_object_mut().expect("an object");
    for new in [
        "happened",
        "detected",
        "zone",
        "rows_lost",
        "rows_lost_note",
        "backup_ended",
        "evidence",
        "migrations",
        "unserved_seconds_planned",
        "objectives",
        "comms",
    ] {
        fields.remove(new);
    }
    let read: RunbookReport = serde_json::from_value(old).expect("an old report");
    assert!(document(&read).markdown().contains("## Steps"));
}

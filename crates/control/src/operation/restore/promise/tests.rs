//! What is a change to people who agreed, and what is none.

use serde_json::json;

use super::*;
use crate::operation::input;
use crate::operation::restore::swap::{Swap, steps};

fn agreed() -> Swap {
    let moment = json!({ "target": { "lsn": "0/5000100" }, "mode": "swap", "into": "/srv/pg.restored-x" });
    let plan = json!({
        "source": "shop", "asked": "2026-11-22T06:00:00Z", "backup": "b1", "backup_label": null,
        "backup_ended": "2026-11-22T02:00:00Z", "timeline": 1, "reached": "0/5000100",
        "last_commit": "2026-11-22T05:59:59Z", "newest_commit": "2026-11-22T06:10:00Z", "commits_after": 40,
        "bytes": 1, "log_bytes": 1, "major": 15, "into": "/srv/pg", "approvals": 1,
        "findings": [finding("warns", "health front: not well now: HTTP 503"), finding("fine", "room")],
    });
    let places = engine::postgres::successor::Succession::beside("/srv/pg".as_ref(), "x");
    let outside =
        json!({ "service": [{ "name": "web", "driver": "command", "start": ["a"], "stop": ["b"], "status": ["c"] }] });
    let swap = json!({
        "stack": "shop", "outside": outside, "ask": moment, "asked": "2026-11-22T06:00:00Z", "places": places, "plan": plan,
    });
    serde_json::from_value(swap).unwrap()
}

fn finding(severity: &str, title: &str) -> serde_json::Value {
    serde_json::to_value(FindingView::of_host(severity, title.to_owned(), String::new(), None)).unwrap()
}

fn note(swap: &mut Swap, severity: &str, title: &str) {
    swap.plan.findings.push(FindingView::of_host(severity, title.to_owned(), String::new(), None));
}

#[test]
fn what_time_does_by_itself_is_no_change() {
    let (before, mut now) = (agreed(), agreed());
    now.plan.commits_after += 1000;
    now.plan.newest_commit = Some("2026-11-22T08:00:00Z".parse().unwrap());
    now.plan.findings = Vec::new();
    note(&mut now, "warns", "health front: not well now: connection refused");
    note(&mut now, "fine", "/srv: 7 MB free, 3 MB needed");
    assert_eq!(differences(before.promised(), now.promised()), [""; 0]);
    keep(before.promised(), now.promised(), json!(null), Vec::new()).unwrap();
}

#[test]
fn what_was_agreed_to_is_told_from_what_is_so_now() {
    let (before, mut now) = (agreed(), agreed());
    (now.plan.backup, now.plan.reached) = ("b2".into(), "0/4000000".into());
    (now.plan.approvals, now.gaps) = (2, 1);
    now.no_snapshot = Some("the policy says so".into());
    now.outside.services.clear();
    note(&mut now, "warns", "service web does not run now");
    let expected = [
        "backup: b1 -> b2",
        "reached: 0/5000100 -> 0/4000000",
        "people who must approve: 1 -> 2",
        "gaps in the log: 0 -> 1",
        "backed up before: yes -> no",
        "service \"web\": removed",
        "new: service web does not run now",
    ];
    assert_eq!(differences(before.promised(), now.promised()), expected);
    let kept = keep(before.promised(), now.promised(), input(&now).unwrap(), steps(&now, "shop"));
    let Err(Error::PlanChanged { plan, .. }) = kept else { panic!("it was kept") };
    assert_eq!((plan.approvals, plan.input["plan"]["backup"].as_str()), (2, Some("b2")));
    assert!(plan.steps.iter().all(|step| step.name != "snapshot"), "{:?}", plan.steps);
}

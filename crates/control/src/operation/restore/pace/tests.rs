//! What counts as measured.

use jiff::{SignedDuration, Timestamp};
use ops::{Head, Plan};
use serde_json::json;

use super::*;
use crate::operation::step;

/// A run whose steps took so long each; `None` for one that was not done.
fn run(steps: &[(&str, Option<f64>)]) -> Run {
    let head = Head {
        id: "a".to_owned(),
        kind: "restore".to_owned(),
        subject: None,
        lane: None,
        place: None,
        asked_by: "ann".to_owned(),
        why: String::new(),
        plan: Plan {
            input: json!(null),
            steps: steps.iter().map(|(name, _)| step(name, "does it")).collect(),
            approvals: 0,
            waived: false,
        },
        created: Timestamp::UNIX_EPOCH,
    };
    let mut run = Run::new(head);
    for (state, (_, took)) in run.state.steps.iter_mut().zip(steps) {
        state.attempts = 1;
        state.began = Some(Timestamp::UNIX_EPOCH);
        if let Some(seconds) = took {
            state.phase = Phase::Done;
            state.ended = Some(Timestamp::UNIX_EPOCH + SignedDuration::from_secs_f64(*seconds));
        }
    }
    run
}

#[test]
fn only_what_was_done_at_the_first_try_counts() {
    let mut one = run(&[("quiesce", Some(3.0)), ("health", None)]);
    assert_eq!(took(&one, "quiesce"), Some(3.0));
    assert_eq!((took(&one, "health"), took(&one, "re-sync")), (None, None));
    one.state.steps[0].attempts = 2;
    assert_eq!(took(&one, "quiesce"), None);
}

#[test]
fn the_middle_of_the_newest_counts() {
    assert_eq!(middle(vec![]), None);
    assert_eq!(middle(vec![4.0, 1.0]), Some(4.0), "of two the longer");
    assert_eq!(middle(vec![1.0, 100.0, 2.0]), Some(2.0));
    assert_eq!(middle(vec![1.0, 1.0, 1.0, 1.0, 1.0, 9.0, 9.0, 9.0, 9.0]), Some(1.0));
}

#[test]
fn a_snapshot_grows_with_the_data_and_backups_stand_in_for_it() {
    let with_bytes = |name: &str, seconds| {
        let mut run = run(&[(name, Some(seconds))]);
        run.state.steps[0].output = json!({ "bytes": 1000 });
        run
    };
    let (restores, backups) = (vec![with_bytes("snapshot", 2.0)], vec![with_bytes("store", 7.0)]);
    assert_eq!(snapshots(&restores, &backups, 3000), [6.0]);
    assert_eq!(snapshots(&restores, &backups, 10), [2.0]);
    assert_eq!(snapshots(&[], &backups, 2000), [14.0]);
    assert!(snapshots(&[run(&[("snapshot", Some(1.0))])], &[], 10).is_empty(), "the server did not answer then");
}

//! When a row is told again.

use api::FleetState;

use super::*;

fn row(behind: f64) -> FleetRow {
    FleetRow {
        name: "shop".into(),
        is_stack: true,
        sources: vec!["shop".into()],
        state: FleetState::Well,
        reason: None,
        newest: Some(Timestamp::UNIX_EPOCH),
        behind_seconds: Some(behind),
        rpo_seconds: None,
        proven: None,
        rto_seconds: None,
        projected_seconds: None,
        backups: 1,
        critical: 0,
        warnings: 0,
        moving: 0,
        waiting: 0,
    }
}

#[test]
fn a_moment_that_moves_with_the_clock_is_no_news_and_one_that_falls_behind_is() {
    assert!(looks_the_same(&row(0.3), &FleetRow { newest: Some(Timestamp::MAX), ..row(1.2) }));
    assert!(!looks_the_same(&row(2.0), &row(31.0)));
    assert!(!looks_the_same(&row(0.3), &FleetRow { state: FleetState::Danger, ..row(0.3) }));
}

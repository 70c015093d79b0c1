//! Late is what comes after slot, window, jitter and grace; and nothing before.

use super::super::gather::{Ended, KindOfWork, Work};
use super::super::source::tests::{Well, at, backup, policy, well};

const HOURLY: &str =
    "[[policy.backup]]\nname = \"hourly\"\nschedule = \"every 1 h\"\nkeep = \"1 d\"\njitter = \"10 min\"\n";
/// Applied long before; grace of the default settings.
const GRACE: i64 = 1800;

fn with(rules: &str) -> Well {
    Well { policy: policy(rules), ..well() }
}

fn is_late(well: &Well, now: i64) -> bool {
    well.kinds(now).iter().any(|(kind, _)| kind.ends_with("overdue"))
}

#[test]
fn a_backup_of_a_rule_is_late_behind_slot_jitter_and_grace() {
    let mut is = with(HOURLY);
    // 1,800,000,000 is a full hour; the last one ran in the slot before it.
    is.backups = Some(vec![backup(Some("hourly"), -3000, None, None)]);
    let late = 600 + GRACE;
    assert!(!is_late(&is, late) && is_late(&is, late + 1));
    assert_eq!(is.look(late + 1).found[0].since, Some(at(0)));
    is.backups = Some(vec![backup(Some("hourly"), -3000, None, None), backup(None, 100, None, None)]);
    assert!(is_late(&is, late + 1), "what a person took is not what was promised");
    is.work = Some(Work { backup: KindOfWork { runs: true, last: None }, ..Work::default() });
    assert!(!is_late(&is, late + 1), "one runs");
}

#[test]
fn what_never_ran_is_due_since_it_was_applied() {
    let is = with(HOURLY);
    let late = -1000 + 600 + GRACE;
    assert!(!is_late(&is, late) && is_late(&is, late + 1));
}

#[test]
fn a_window_that_is_closed_is_waited_for() {
    // 1,800,000,000 is 2027-01-15T08:00:00Z.
    let mut is = with(&format!("[policy]\nwindows = [\"daily 12:00-13:00 UTC\"]\n{HOURLY}"));
    is.backups = Some(vec![backup(Some("hourly"), -3000, None, None)]);
    let opens = 4 * 3600;
    assert!(!is_late(&is, opens + 600 + GRACE) && is_late(&is, opens + 601 + GRACE));
}

#[test]
fn a_drill_is_late_when_nothing_was_proven_nor_tried() {
    let mut is = with("[policy.drill]\nschedule = \"every 1 h\"\n");
    is.backups = Some(vec![backup(None, -7000, Some(-3000), None)]);
    assert!(!is_late(&is, GRACE) && is_late(&is, GRACE + 1));
    is.backups = Some(vec![backup(None, -7000, None, Some(-3000))]);
    assert!(!is_late(&is, GRACE) && is_late(&is, GRACE + 1), "one that failed was done");
    let done = Ended { id: "1".into(), ended: at(10), failure: None };
    is.work = Some(Work { drill: KindOfWork { runs: false, last: Some(done) }, ..Work::default() });
    assert!(!is_late(&is, GRACE + 1), "its backup has expired since");
}

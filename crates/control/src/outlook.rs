//! What a source takes in the vault a month and a year from now, by its policy and by the pace that was measured.

use ::vault::backup::catalog;
use ::vault::names::SourceName;
use api::{HeldView, OutlookView, PaceView, VolumeView};
use jiff::{SignedDuration, Timestamp};

use crate::alarms::{BackupFact, fact};
use crate::daemon::Daemon;
use crate::error::Result;
use crate::operation::expire::kept;
use crate::operation::restore::known;
use crate::policy::outlook::{self, Pace, days};
use crate::{moment, stacks};

const AHEAD_DAYS: [u32; 2] = [30, 365];
/// What was seen for less than that says nothing of a day.
const SEEN: SignedDuration = SignedDuration::from_hours(1);

pub(crate) async fn outlook(daemon: &Daemon, name: &str) -> Result<OutlookView> {
    let source: SourceName = known(daemon, name).await?;
    let backups = catalog::backups(&daemon.vault, &source).await?;
    let facts: Vec<BackupFact> = backups.iter().map(fact).collect();
    let Some(pace) = pace(&facts, &moment::volume(daemon, name).await?) else {
        return Ok(OutlookView { pace: None, ahead: Vec::new() });
    };
    let policy = stacks::of_source(daemon, name).await?.map(|stack| stack.policy).unwrap_or_default();
    let (held, now): (Vec<_>, _) = (backups.iter().map(kept).collect(), daemon.host.env.now());
    let ahead = |days: u32| {
        let then = now.checked_add(SignedDuration::from_hours(24 * i64::from(days))).ok()?;
        let seen = outlook::outlook(&policy, &held, pace, now, then)?;
        let backups = seen.backups as u64;
        Some(HeldView { days, backups, backup_bytes: seen.backup_bytes, log_bytes: seen.log_bytes })
    };
    let measured = PaceView {
        whole_bytes: pace.whole as u64,
        changed_bytes_a_day: pace.changed_a_day as u64,
        log_bytes_a_day: pace.log_a_day as u64,
    };
    Ok(OutlookView { pace: Some(measured), ahead: AHEAD_DAYS.into_iter().filter_map(ahead).collect() })
}

/// By the backups and the log that are there now.
fn pace(backups: &[BackupFact], log: &[VolumeView]) -> Option<Pace> {
    let (first, last) = (backups.first()?, backups.last()?);
    let stored = |some: &[BackupFact]| some.iter().map(|one| one.bytes_stored as f64).sum::<f64>();
    let new: u64 = backups.iter().map(|one| one.bytes_new).sum();
    let log_bytes = log.iter().map(|one| one.bytes_stored as f64).sum::<f64>();
    Some(Pace {
        whole: last.bytes as f64 * stored(backups) / (new.max(1) as f64),
        changed_a_day: stored(&backups[1..]) / seen(first.ended, last.ended)?,
        log_a_day: log_bytes / seen(log.first()?.from, log.last()?.to)?,
    })
}

fn seen(from: Timestamp, to: Timestamp) -> Option<f64> {
    (to.duration_since(from) >= SEEN).then(|| days(from, to))
}

#[cfg(test)]
mod tests {
    use engine::postgres::lsn::Lsn;

    use super::*;

    fn at(hour: i64) -> Timestamp {
        "2026-11-22T00:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_hours(hour)
    }

    fn backup(hour: i64, bytes_new: u64) -> BackupFact {
        BackupFact {
            id: String::new(),
            rule: None,
            began: at(hour),
            ended: at(hour),
            log_from: Lsn(0),
            bytes: 1000,
            bytes_new,
            bytes_stored: bytes_new / 4,
            proven: None,
            failed: None,
        }
    }

    #[test]
    fn the_pace_is_what_was_measured() {
        let log = [VolumeView { from: at(0), to: at(12), bytes: 400, bytes_stored: 100 }];
        let measured = pace(&[backup(0, 1000), backup(6, 80), backup(12, 120)], &log).unwrap();
        assert_eq!(measured, Pace { whole: 250.0, changed_a_day: 100.0, log_a_day: 200.0 });
        assert_eq!(pace(&[backup(0, 1000)], &log), None);
        assert_eq!(pace(&[backup(0, 1000), backup(1, 80)], &[]), None);
        let short = VolumeView { to: at(0) + SignedDuration::from_mins(59), ..log[0].clone() };
        assert_eq!(pace(&[backup(0, 1000), backup(1, 80)], &[short]), None);
    }
}

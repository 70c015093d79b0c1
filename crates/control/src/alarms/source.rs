//! What can be wrong with a source. Pure: `gather` finds the facts, here they are judged. A fact that is not known makes blind.

use engine::postgres::Lsn;
use engine::postgres::receive::{LogState, Phase};
use jiff::{SignedDuration, Timestamp};

use super::condition::{Condition, Kind, Look, Scope, Severity};
use super::gather::{BackupFact, Disk, GapFact, Server, Slot, Work};
use super::overdue;
use super::space;
use crate::config::Config;
use crate::policy::Policy;

/// A receiver that has not streamed for this long is worth saying.
const PATIENCE: SignedDuration = SignedDuration::from_secs(5);
/// What only the log's receiver can tell.
const OF_THE_LOG: [Kind; 4] = [Kind::LogGap, Kind::LogLag, Kind::LogNotReceived, Kind::OverRpo];
const OF_THE_VAULT: [Kind; 6] =
    [Kind::NoBackup, Kind::BackupOverdue, Kind::DrillOverdue, Kind::DrillFailed, Kind::OverRto, Kind::LogGap];

/// All that is known of a source.
#[derive(Debug)]
pub(crate) struct Facts<'a> {
    pub(crate) name: &'a str,
    pub(crate) slot: &'a str,
    pub(crate) log: &'a LogState,
    pub(crate) gaps: &'a [GapFact],
    /// Oldest first; nothing when the vault does not answer.
    pub(crate) backups: Option<&'a [BackupFact]>,
    /// With the moment it was applied.
    pub(crate) policy: Option<(&'a Policy, Timestamp)>,
    /// Nothing when the server does not answer.
    pub(crate) server: Option<&'a Server>,
    pub(crate) disk: &'a Disk,
    /// Nothing when the operations were not looked at yet.
    pub(crate) work: Option<&'a Work>,
}

impl Facts<'_> {
    pub(super) fn condition(
        &self,
        severity: Severity,
        kind: Kind,
        text: String,
        advice: impl Into<String>,
    ) -> Condition {
        let (scope, advice) = (Scope::source(self.name), advice.into());
        Condition { kind, scope, severity, since: None, text, advice }
    }
}

fn since(since: Timestamp, condition: Condition) -> Condition {
    Condition { since: Some(since), ..condition }
}

/// What stands out of a source now.
pub(crate) fn judge(facts: &Facts<'_>, config: &Config, now: Timestamp) -> Look {
    let mut found = Vec::new();
    let rpo = facts.policy.and_then(|(policy, _)| policy.objectives.rpo);
    found.extend(rpo.and_then(|rpo| over_rpo(facts, now, rpo)));
    found.extend(not_received(facts, now));
    found.extend(lag(facts, now, config.log.lag_warning_seconds));
    if let Some(server) = facts.server {
        found.extend(slot_risk(facts, server));
        found.extend(clock_skew(facts, server, config.alerts.clock_skew_seconds));
    }
    found.extend(disk_filling(facts, config.alerts.free_percent));
    if let Some(backups) = facts.backups {
        found.extend(gap(facts, backups));
        found.extend(drill_failed(facts, backups));
        found.extend(no_backup(facts, backups));
        found.extend(overdue::backups(facts, backups, &config.alerts, now));
        found.extend(overdue::drill(facts, backups, &config.alerts, now));
        found.extend(over_rto(facts, backups));
    }
    found.extend(facts.work.and_then(|work| backup_failing(facts, work)));
    found.extend(facts.work.and_then(|work| drill_not_done(facts, work)));
    let blind = blind(facts).into_iter().map(|kind| (kind, Scope::source(facts.name))).collect();
    Look { found, blind }
}

fn blind(facts: &Facts<'_>) -> Vec<Kind> {
    let mut blind = Vec::new();
    if facts.log.streaming_since.is_none() {
        blind.extend(OF_THE_LOG);
    }
    if facts.backups.is_none() {
        blind.extend(OF_THE_VAULT);
    }
    if facts.server.is_none() {
        blind.extend([Kind::SlotAtRisk, Kind::ClockSkew]);
    }
    if facts.work.is_none() {
        blind.extend([Kind::BackupFailing, Kind::BackupOverdue, Kind::DrillOverdue, Kind::DrillFailed, Kind::OverRto]);
    }
    blind
}

fn not_received(facts: &Facts<'_>, now: Timestamp) -> Option<Condition> {
    let (began, code, text) = facts.log.failure.as_ref()?;
    let long = now.duration_since(*began) >= PATIENCE || facts.log.phase == Phase::Waiting;
    let text = format!("the log is not being received ({code}): {text}");
    let lost = facts.server.and_then(|server| server.slot.as_ref()).is_some_and(Slot::is_lost);
    let advice = match lost {
        true => {
            "it is tried again by itself; the slot is lost, and a new one is made as soon as the server lets the receiver in"
        }
        false => "it is tried again by itself; the slot keeps the log at the server until then",
    };
    long.then(|| since(*began, facts.condition(Severity::Critical, Kind::LogNotReceived, text, advice)))
}

/// The newest gap that no backup lies behind.
fn gap(facts: &Facts<'_>, backups: &[BackupFact]) -> Option<Condition> {
    let behind = |to: Lsn| backups.iter().any(|backup| backup.log_from >= to);
    let gap = facts.gaps.iter().rev().find(|gap| !behind(gap.to))?;
    let text = format!("the log has a gap from {} to {}: {}", gap.from, gap.to, gap.why);
    let advice = format!(
        "moments behind the gap can be restored after the next backup: take one now, rekindle backup {}; so that it does not happen \
         again, raise max_slot_wal_keep_size, or find out who dropped the slot",
        facts.name
    );
    Some(since(gap.noticed, facts.condition(Severity::Critical, Kind::LogGap, text, advice)))
}

/// More would be lost now than the policy promises.
fn over_rpo(facts: &Facts<'_>, now: Timestamp, rpo: SignedDuration) -> Option<Condition> {
    let log = facts.log;
    // Before the first session has begun or failed, what the vault says is old, and no fault.
    log.streaming_since.or(log.failure.as_ref().map(|failure| failure.0))?;
    let complete = log.complete_at.or(log.streaming_since).or(log.failure.as_ref().map(|failure| failure.0))?;
    let behind = now.duration_since(complete);
    // A quiet server says seldom that nothing happened: that loses nothing.
    let quiet = log.phase == Phase::Streaming && log.lag_bytes() == 0;
    let text = format!("{} s of writes would be lost now; the policy promises {} s", behind.as_secs(), rpo.as_secs());
    let advice = "see why the log is not received, or comes late";
    let over = behind > rpo && !quiet;
    over.then(|| since(complete, facts.condition(Severity::Critical, Kind::OverRpo, text, advice)))
}

fn lag(facts: &Facts<'_>, now: Timestamp, warning_seconds: u64) -> Option<Condition> {
    let log = facts.log;
    let complete = log.complete_at.or(log.streaming_since)?;
    let behind = now.duration_since(complete);
    let limit = SignedDuration::from_secs(i64::try_from(warning_seconds).unwrap_or(i64::MAX));
    // A quiet server says seldom that nothing happened: that is no lag.
    let lags = behind > limit && log.lag_bytes() > 0 && log.phase == Phase::Streaming;
    let text = format!("the vault is {} s and {} bytes behind the server", behind.as_secs(), log.lag_bytes());
    let advice = "is the vault slow, or the server writing more than the vault takes?";
    lags.then(|| since(complete, facts.condition(Severity::Warning, Kind::LogLag, text, advice)))
}

/// Whether the server is about to give up, or has given up, the log that the slot should keep.
fn slot_risk(facts: &Facts<'_>, server: &Server) -> Option<Condition> {
    let at_risk = |severity, text, advice: &str| Some(facts.condition(severity, Kind::SlotAtRisk, text, advice));
    let new_one = "the receiver makes a new one when it connects, and records what was lost as a gap; raise max_slot_wal_keep_size so \
                   that it does not happen again";
    let Some(slot) = &server.slot else {
        let text = format!("the replication slot {} does not exist", facts.slot);
        return at_risk(Severity::Critical, text, "it is made again when the receiver connects");
    };
    if slot.is_lost() {
        let text = format!(
            "the server has given up the replication slot {}, and may have removed log that it kept",
            facts.slot
        );
        return at_risk(Severity::Critical, text, new_one);
    }
    let (severity, text) = match (slot.status.as_deref(), slot.left) {
        (Some("unreserved"), _) => (
            Severity::Critical,
            format!("the server will remove log at its next checkpoint; the slot holds {} bytes", slot.kept),
        ),
        (_, Some(left)) if left < slot.kept => (
            Severity::Warning,
            format!("the slot holds {} bytes, and after {left} more the server removes log", slot.kept),
        ),
        _ => return None,
    };
    at_risk(severity, text, "raise max_slot_wal_keep_size, and find out why the log is not received")
}

fn clock_skew(facts: &Facts<'_>, server: &Server, limit_seconds: u64) -> Option<Condition> {
    let limit = i64::try_from(limit_seconds).unwrap_or(i64::MAX).saturating_mul(1000);
    let off = server.ahead_ms;
    let way = if off > 0 { "ahead of" } else { "behind" };
    let text = format!("the server's clock is {:.1} s {way} this host's", off.unsigned_abs() as f64 / 1000.0);
    let advice =
        "let both hosts keep time by NTP: restores to a time go by the server's clock, timetables by this one's";
    (off.abs() > limit).then(|| facts.condition(Severity::Warning, Kind::ClockSkew, text, advice))
}

/// A server whose disk is full stops.
fn disk_filling(facts: &Facts<'_>, free_percent: u8) -> Option<Condition> {
    let Disk::Here(places) = facts.disk else { return None };
    let (path, space) = places.iter().min_by_key(|(_, space)| space.free_permille())?;
    let severity = space::is_filling(space, free_percent)?;
    let held = facts.server.and_then(|server| server.slot.as_ref()).map_or(0, |slot| slot.kept.max(0));
    let text = format!(
        "the server's disk is filling: {} of {} are free at {path}; the slot holds {} of log",
        space::bytes(space.free),
        space::bytes(space.total),
        space::bytes(held.unsigned_abs()),
    );
    let advice = "make room; a slot that holds much means that the log is not received, see log-not-received";
    Some(facts.condition(severity, Kind::DiskFilling, text, advice))
}

fn no_backup(facts: &Facts<'_>, backups: &[BackupFact]) -> Option<Condition> {
    let text = "there is no backup yet, so nothing can be restored".to_owned();
    let advice = format!("take one: rekindle backup {}", facts.name);
    backups.is_empty().then(|| facts.condition(Severity::Warning, Kind::NoBackup, text, advice))
}

/// A backup whose last drill failed. The newest one speaks for all.
fn drill_failed(facts: &Facts<'_>, backups: &[BackupFact]) -> Option<Condition> {
    let judged = backups.iter().rev().find(|backup| backup.proven.is_some() || backup.failed.is_some())?;
    let failed = judged.failed.filter(|failed| judged.proven.is_none_or(|proven| proven < *failed))?;
    let text = format!("the last drill failed: backup {} could not be proven", judged.id);
    let advice = "its evidence says why; take a new backup and drill that one";
    Some(since(failed, facts.condition(Severity::Critical, Kind::DrillFailed, text, advice)))
}

/// A drill that came to nothing proves nothing, either way.
fn drill_not_done(facts: &Facts<'_>, work: &Work) -> Option<Condition> {
    let failed = work.drill.last.as_ref().and_then(|last| last.failure.as_ref().map(|failure| (last, failure)));
    let (last, failure) = failed?;
    let text = format!("the last drill could not be done ({}): {}", failure.code, failure.message);
    let advice = format!("rekindle ops show {}", last.id);
    Some(since(last.ended, facts.condition(Severity::Warning, Kind::DrillFailed, text, advice)))
}

fn backup_failing(facts: &Facts<'_>, work: &Work) -> Option<Condition> {
    let last = work.backup.last.as_ref()?;
    let failure = last.failure.as_ref()?;
    let text = format!("the last backup failed ({}): {}", failure.code, failure.message);
    let hint = if failure.hint.is_empty() { String::new() } else { format!("{}; ", failure.hint) };
    let advice = format!("{hint}rekindle ops show {}", last.id);
    Some(since(last.ended, facts.condition(Severity::Critical, Kind::BackupFailing, text, advice)))
}

/// By what restores or drills took, a restore of what is there today would take longer than is promised.
fn over_rto(facts: &Facts<'_>, backups: &[BackupFact]) -> Option<Condition> {
    let rto = facts.policy.and_then(|(policy, _)| policy.objectives.rto)?;
    let newest = backups.last()?;
    let projected = facts.work?.projected_seconds(newest.bytes)?;
    let promised = rto.as_secs_f64();
    let text = format!(
        "a restore would take about {projected:.0} s by what was measured ({}); the policy promises {promised:.0} s",
        facts.work?.measured_by(),
    );
    let advice = "restore with --open, which serves at once; give backup.workers more threads; or promise less";
    (projected > promised).then(|| facts.condition(Severity::Warning, Kind::OverRto, text, advice))
}

#[cfg(test)]
pub(super) mod tests;

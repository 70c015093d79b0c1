//! From what a person asks ("03:12", "before transaction 4711") to one exact position in the log, or a refusal.
//!
//! The rule is to fail closed, before anything is written: the newest completed backup before the target from which the log is
//! unbroken up to the target; otherwise nothing, with the windows that can be reached. Every target becomes a position that the
//! server is told to stop at, inclusive or exclusive, so the server itself refuses to end recovery anywhere else.
//!
//! A time means what it means to PostgreSQL (`recoveryStopsBefore`): stop before the first commit that is later. Where nothing
//! later was committed, the log must be known to be complete up to that time, see `TIME_MARGIN`.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use vault::Vault;
use vault::backup::catalog::{self, BackupInfo};
use vault::log::read::LogIndex;
use vault::names::SourceName;

use super::info::ClusterInfo;
use super::lineage::{Lineage, Reach, timeline_at};
use super::lsn::{Lsn, Timeline};
use crate::error::{Error, Result};

pub mod rows;
mod search;
mod since;
pub mod windows;

pub use since::written_since;
pub use windows::{Window, windows};

/// A commit's time is taken shortly before it reaches the log, so what was complete at a time is only said this much later.
pub const TIME_MARGIN: Duration = Duration::from_secs(2);

/// What a person may ask for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    Latest,
    Time(Timestamp),
    Lsn(Lsn),
    Xid(u32),
    Name(String),
    /// The end of a backup, by id or label.
    Backup(String),
}

/// At `time`, nothing that was committed on the timeline lay behind `position`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Complete {
    pub timeline: Timeline,
    pub position: Lsn,
    pub time: Timestamp,
}

/// The last moment that can be restored where the log is complete up to a time.
pub fn restorable_to(complete: Timestamp) -> Timestamp {
    complete.saturating_sub(SignedDuration::try_from(TIME_MARGIN).unwrap_or_default()).unwrap_or(complete)
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub target: Target,
    /// Stop before the target instead of behind it.
    pub exclusive: bool,
    /// When not said, the one that the server was on at the time that is asked for, or is on now.
    pub timeline: Option<Timeline>,
    /// Up to this time the log is complete although it may not say so itself yet: the live receiver knows.
    pub complete_at: Option<Complete>,
    /// Ids of backups that were tried and cannot be used.
    pub except: Vec<String>,
}

impl Request {
    pub fn new(target: Target) -> Request {
        Request { target, exclusive: false, timeline: None, complete_at: None, except: Vec::new() }
    }
}

/// Where recovery is told to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stop {
    /// As soon as the files are consistent.
    Immediate,
    /// Behind the record that begins at this position.
    Behind(Lsn),
    /// Before the first record that begins at this position or behind it.
    Before(Lsn),
}

/// A target that can be reached, and how.
#[derive(Debug, Clone)]
pub struct Resolved {
    pub asked: String,
    pub backup: BackupInfo,
    pub info: ClusterInfo,
    pub lineage: Lineage,
    /// The timeline on which recovery stops.
    pub timeline: Timeline,
    pub stop: Stop,
    /// Log before this position is all that is needed.
    pub log_end: Lsn,
    /// Where recovery must have come to: the end of the last record replayed.
    pub reached: Lsn,
    /// The time of the last commit that will be there, as far as the log after the backup says.
    pub last_commit: Option<Timestamp>,
    /// The newest commit known to the log: what lies between is lost by going back.
    pub newest_commit: Option<Timestamp>,
    /// Commits between the target and the end of the log.
    pub commits_after: u64,
}

/// Resolves a target, or refuses it and says what can be reached.
pub async fn resolve(vault: &Vault, source: &SourceName, request: &Request) -> Result<Resolved> {
    let backups = catalog::backups(vault, source).await?;
    let index = LogIndex::load(vault, source).await?;
    let finder = Finder::new(&backups, &index, request).await?;
    match finder.find().await? {
        Ok(resolved) => Ok(resolved),
        Err(why) => {
            if let Some(resolved) = while_stopped(&finder).await? {
                return Ok(resolved);
            }
            let why = why_absent(vault, source, &finder).await?.unwrap_or(why);
            Err(refusal(&finder, &why).await)
        }
    }
}

/// A time at which the server was stopped before it went on in the timeline of now: nothing was committed then, so what was there is what
/// that timeline began with, unless commits of the old one were left behind.
async fn while_stopped(finder: &Finder<'_>) -> Result<Option<Resolved>> {
    let (Target::Time(_), None) = (&finder.request.target, finder.request.timeline) else { return Ok(None) };
    let (index, left) = (finder.index, finder.lineage.timeline());
    let lineage = Lineage::load(index, timeline_at(index, finder.backups, None).await?).await?;
    let Some(switch) = lineage.end_of(left) else { return Ok(None) };
    for object in index.objects(left).iter().filter(|object| object.range.to > switch.0) {
        if index.head(object).await?.moments.last.is_some_and(|last| last.position >= switch.0) {
            return Ok(None);
        }
    }
    Ok(Finder { lineage, ..*finder }.find().await?.ok())
}

/// What became of a backup that was asked for by name.
async fn why_absent(vault: &Vault, source: &SourceName, finder: &Finder<'_>) -> Result<Option<Refused>> {
    let Target::Backup(wanted) = &finder.request.target else { return Ok(None) };
    if catalog::find(finder.backups, wanted).is_some() {
        return Ok(None);
    }
    let expired = vault::expire::expired_at(vault, source, wanted).await?;
    Ok(expired.map(|at| format!("backup {wanted:?} expired at {at}: no rule kept it")))
}

/// Everything a search for a target looks at.
struct Finder<'a> {
    backups: &'a [BackupInfo],
    index: &'a LogIndex,
    request: &'a Request,
    lineage: Lineage,
}

/// Why there is no such restore point.
type Refused = String;

impl<'a> Finder<'a> {
    async fn new(backups: &'a [BackupInfo], index: &'a LogIndex, request: &'a Request) -> Result<Finder<'a>> {
        let timeline = match (request.timeline, &request.target) {
            (Some(timeline), _) => timeline,
            (None, Target::Time(time)) => timeline_at(index, backups, Some(*time)).await?,
            (None, _) => timeline_at(index, backups, None).await?,
        };
        let lineage = Lineage::load(index, timeline).await?;
        Ok(Finder { backups, index, request, lineage })
    }

    async fn find(&self) -> Result<Result<Resolved, Refused>> {
        if self.backups.is_empty() {
            return Ok(Err("there is no completed backup".into()));
        }
        if let Target::Backup(wanted) = &self.request.target {
            return self.end_of_backup(wanted).await;
        }
        let mut first_why = None;
        for backup in self.candidates() {
            match self.starting_at(backup).await? {
                Ok(resolved) => return Ok(Ok(resolved)),
                Err(why) => drop(first_why.get_or_insert(why)),
            }
        }
        Ok(Err(first_why.unwrap_or_else(|| "no backup is older than the target".into())))
    }

    /// Backups that may lie before the target, newest first, and those that failed their last drill behind all others. Those of other
    /// timelines are left out.
    fn candidates(&self) -> impl Iterator<Item = &'a BackupInfo> + '_ {
        let not_after = |backup: &&BackupInfo| match &self.request.target {
            Target::Time(time) => backup.head.ended <= *time,
            Target::Lsn(lsn) => backup.head.log_to <= lsn.0,
            _ => true,
        };
        let ours = |backup: &&BackupInfo| self.lineage.holds(backup.head.timeline, Lsn(backup.head.log_to));
        let not_tried = |backup: &&BackupInfo| !self.request.except.contains(&backup.id.to_string());
        let may = move || self.backups.iter().rev().filter(ours).filter(not_after).filter(not_tried);
        may().filter(|backup| !backup.has_failed()).chain(may().filter(|backup| backup.has_failed()))
    }

    async fn starting_at(&self, backup: &BackupInfo) -> Result<Result<Resolved, Refused>> {
        let (timeline, from) = (backup.head.timeline, Lsn(backup.head.log_from));
        let consistent = Lsn(backup.head.log_to);
        let reach = self.lineage.reach(self.index, timeline, from).filter(|reach| reach.end >= consistent);
        let Some(reach) = reach else {
            return Ok(Err(format!("the log that backup {} needs is not complete", backup.id)));
        };
        let info = ClusterInfo::of(&backup.head)?;
        let search = search::Search::new(self, backup, &info, reach);
        match search.stop().await? {
            Ok(found) => Ok(Ok(self.resolved(backup, info.clone(), reach, &search, found).await?)),
            Err(why) => Ok(Err(why)),
        }
    }

    async fn end_of_backup(&self, wanted: &str) -> Result<Result<Resolved, Refused>> {
        let Some(backup) = catalog::find(self.backups, wanted) else {
            return Ok(Err(format!("there is no completed backup {wanted:?}")));
        };
        let lineage = Lineage::load(self.index, backup.head.timeline).await?;
        let (from, end) = (Lsn(backup.head.log_from), Lsn(backup.head.log_to));
        let reach = lineage.reach(self.index, backup.head.timeline, from).filter(|reach| reach.end >= end);
        let Some(reach) = reach else {
            return Ok(Err(format!("the log that backup {} needs is not complete", backup.id)));
        };
        let info = ClusterInfo::of(&backup.head)?;
        let finder = Finder { lineage, ..*self };
        let search = search::Search::new(&finder, backup, &info, reach);
        let found = search::Found { stop: Stop::Immediate, end, last_commit: Some(backup.head.ended), log_end: end };
        Ok(Ok(finder.resolved(backup, info.clone(), reach, &search, found).await?))
    }

    async fn resolved(
        &self,
        backup: &BackupInfo,
        info: ClusterInfo,
        reach: Reach,
        search: &search::Search<'_>,
        found: search::Found,
    ) -> Result<Resolved> {
        let (newest_commit, commits_after) = search.beyond(found.end).await?;
        Ok(Resolved {
            asked: describe(self.request),
            backup: backup.clone(),
            info,
            timeline: self.lineage.timeline_at(found.end).min(reach.timeline),
            lineage: self.lineage.clone(),
            stop: found.stop,
            log_end: found.log_end,
            reached: found.end,
            last_commit: found.last_commit,
            newest_commit,
            commits_after,
        })
    }
}

/// The request in words.
pub fn describe(request: &Request) -> String {
    let before = if request.exclusive { "before " } else { "" };
    match &request.target {
        Target::Latest => "the latest moment".into(),
        Target::Time(time) => format!("{before}{time}"),
        Target::Lsn(lsn) => format!("{before}LSN {lsn}"),
        Target::Xid(xid) => format!("{before}transaction {xid}"),
        Target::Name(name) => format!("{before}restore point \"{name}\""),
        Target::Backup(id) => format!("the end of backup {id}"),
    }
}

async fn refusal(finder: &Finder<'_>, why: &str) -> Error {
    let hint = match windows(finder.backups, finder.index, finder.request.complete_at).await {
        Ok(windows) if windows.is_empty() => "nothing can be restored yet: take a backup first".to_owned(),
        Ok(windows) => {
            let lines: Vec<String> = windows.iter().map(|window| format!("  {window}")).collect();
            format!("any moment of these windows can be restored:\n{}", lines.join("\n"))
        }
        Err(error) => format!("the windows could not be listed: {error}"),
    };
    Error::Unreachable { asked: describe(finder.request), why: why.to_owned(), hint }
}

//! A moment under somebody's cursor: whether it can be restored, and which commits lie around it. And how much log there is when.

use api::{MomentView, ReachedView, VolumeView};
use engine::postgres::target::{Request, Resolved, Stop, Target, resolve};
use jiff::Timestamp;
use vault::log::read::{LogIndex, LogObject};
use vault::names::SourceName;

use crate::daemon::Daemon;
use crate::error::{Error, Result};
use crate::operation::restore::{known, live};

pub(crate) async fn look(daemon: &Daemon, name: &str, at: Timestamp) -> Result<MomentView> {
    let source = known(daemon, name).await?;
    match asked(daemon, &source, Target::Time(at)).await {
        Ok(resolved) => {
            let after = commit_after(daemon, &source, &resolved, at).await;
            Ok(MomentView { at, reached: Some(reached(&resolved, after)), refused: None })
        }
        Err(error @ engine::Error::Unreachable { .. }) => {
            Ok(MomentView { at, reached: None, refused: Some(Error::from(error).body()) })
        }
        Err(error) => Err(error.into()),
    }
}

async fn asked(daemon: &Daemon, source: &SourceName, target: Target) -> engine::Result<Resolved> {
    let complete_at = live(daemon, source.as_str(), &target).await;
    let request = Request { complete_at, ..Request::new(target) };
    resolve(&daemon.vault, source, &request).await
}

/// Recovery stops before the first record of a later time; where that is a commit, it is the one.
async fn commit_after(daemon: &Daemon, source: &SourceName, resolved: &Resolved, at: Timestamp) -> Option<Timestamp> {
    let Stop::Before(position) = resolved.stop else { return None };
    let next = asked(daemon, source, Target::Lsn(position)).await.ok()?;
    next.last_commit.filter(|commit| *commit > at)
}

fn reached(resolved: &Resolved, commit_after: Option<Timestamp>) -> ReachedView {
    let head = &resolved.backup.head;
    ReachedView {
        position: resolved.reached.to_string(),
        timeline: resolved.timeline,
        commit_before: resolved.last_commit,
        commit_after,
        newest_commit: resolved.newest_commit,
        commits_after: resolved.commits_after,
        backup: head.backup.clone(),
        backup_label: head.label.clone(),
        backup_ended: head.ended,
        log_bytes: resolved.reached.0.saturating_sub(head.log_from),
    }
}

/// Heads that are read for one answer: what a screen can show.
const STRETCHES: usize = 240;
const AT_A_TIME: usize = 16;

/// How much log there is, in stretches that each begin where the one before ends.
pub(crate) async fn volume(daemon: &Daemon, name: &str) -> Result<Vec<VolumeView>> {
    let source = known(daemon, name).await?;
    let index = LogIndex::load(&daemon.vault, &source).await?;
    let mut found = Vec::new();
    for timeline in index.timelines() {
        found.extend(of_timeline(&index, index.objects(timeline)).await?);
    }
    found.sort_by_key(|one| one.from);
    Ok(found)
}

async fn of_timeline(index: &LogIndex, objects: &[LogObject]) -> Result<Vec<VolumeView>> {
    let per = objects.len().div_ceil(STRETCHES).max(1);
    let stretches: Vec<&[LogObject]> = objects.chunks(per).collect();
    let mut heads = Vec::with_capacity(stretches.len());
    for some in stretches.chunks(AT_A_TIME) {
        let mut asked = Vec::with_capacity(some.len());
        some.iter().for_each(|stretch| asked.push(index.head(&stretch[stretch.len() - 1])));
        heads.extend(futures::future::try_join_all(asked).await?);
    }
    let ends: Vec<Timestamp> = heads.iter().map(|head| head.complete_at.unwrap_or(head.received)).collect();
    let mut found = Vec::new();
    for (at, stretch) in stretches.iter().enumerate() {
        let first = heads[at].moments.first.map(|moment| moment.time);
        let from = if at == 0 { first.unwrap_or(ends[at]) } else { ends[at - 1] };
        found.push(VolumeView {
            from: from.min(ends[at]),
            to: ends[at],
            bytes: stretch.iter().map(|object| object.range.to - object.range.from).sum(),
            bytes_stored: stretch.iter().map(|object| u64::from(object.size)).sum(),
        });
    }
    Ok(found)
}

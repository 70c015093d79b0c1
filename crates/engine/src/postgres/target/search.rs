//! Finds the record at which a recovery must stop, by the heads of the log's objects and then by the records themselves.

use jiff::Timestamp;
use vault::backup::catalog::BackupInfo;
use vault::log::read::LogObject;
use vault::names::LogRange;

use super::{Finder, Refused, Stop, Target, restorable_to, windows};
use crate::error::Result;
use crate::postgres::info::ClusterInfo;
use crate::postgres::lineage::Reach;
use crate::postgres::lsn::{Lsn, Timeline};
use crate::postgres::wal::{Event, Scanner, Shape, Xact};

pub(super) struct Search<'a> {
    finder: &'a Finder<'a>,
    backup: &'a BackupInfo,
    info: &'a ClusterInfo,
    reach: Reach,
}

/// Where to stop.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    pub(super) stop: Stop,
    /// The end of the last record that is replayed.
    pub(super) end: Lsn,
    pub(super) last_commit: Option<Timestamp>,
    /// Recovery looks at the record it stops before, so that must be there too.
    pub(super) log_end: Lsn,
}

/// A record that may be stopped at.
#[derive(Debug, Clone)]
struct At {
    lsn: Lsn,
    end_lsn: Lsn,
    time: Timestamp,
    xid: Option<u32>,
    name: Option<String>,
    commit: bool,
}

impl<'a> Search<'a> {
    pub(super) fn new(
        finder: &'a Finder<'a>,
        backup: &'a BackupInfo,
        info: &'a ClusterInfo,
        reach: Reach,
    ) -> Search<'a> {
        Search { finder, backup, info, reach }
    }

    fn consistent(&self) -> Lsn {
        Lsn(self.backup.head.log_to)
    }

    pub(super) async fn stop(&self) -> Result<Result<Found, Refused>> {
        let exclusive = self.finder.request.exclusive;
        match &self.finder.request.target {
            Target::Latest => self.at_the_end().await,
            Target::Time(time) => self.at_time(*time, exclusive).await,
            Target::Lsn(lsn) => self.at_lsn(*lsn, exclusive).await,
            Target::Xid(xid) => {
                let wanted = |at: &At| at.commit && at.xid == Some(*xid);
                let may =
                    |object: &Head| object.transactions.is_some_and(|(least, most)| least <= *xid && *xid <= most);
                let found = self.last_record(may, wanted).await?;
                self.at_record(found, exclusive, &format!("transaction {xid} is not in the log of this window")).await
            }
            Target::Name(name) => {
                let wanted = |at: &At| at.name.as_deref() == Some(name);
                let found = self.last_record(|head| head.names.iter().any(|n| n == name), wanted).await?;
                self.at_record(found, exclusive, "no restore point of that name is in the log of this window").await
            }
            Target::Backup(_) => Ok(Err("a backup is its own target".into())),
        }
    }

    async fn at_the_end(&self) -> Result<Result<Found, Refused>> {
        let tail = self.tail(self.reach.end).await?;
        Ok(match tail.last_record {
            Some((start, end)) if start >= self.consistent() => Ok(Found {
                stop: Stop::Behind(start),
                end,
                last_commit: self.last_commit(end, &tail).await?,
                log_end: end,
            }),
            _ => Ok(Found {
                stop: Stop::Immediate,
                end: self.consistent(),
                last_commit: Some(self.backup.head.ended),
                log_end: self.consistent(),
            }),
        })
    }

    async fn at_time(&self, time: Timestamp, exclusive: bool) -> Result<Result<Found, Refused>> {
        let later = |at: &At| if exclusive { at.time >= time } else { at.time > time };
        let first = self
            .first_record(|head| head.latest.is_some_and(|latest| latest >= time), |at| at.name.is_none() && later(at));
        if let Some(at) = first.await? {
            return self.before(at.lsn).await;
        }
        match self.complete_at().await?.map(restorable_to) {
            Some(known) if time <= known => self.at_the_end().await,
            Some(known) => Ok(Err(format!("it is later than {known}, up to which the log is known to be complete"))),
            None => Ok(Err("it is not known up to which time the log is complete".into())),
        }
    }

    async fn at_lsn(&self, lsn: Lsn, exclusive: bool) -> Result<Result<Found, Refused>> {
        if lsn >= self.reach.end {
            return Ok(Err(format!("the log ends at {}", self.reach.end)));
        }
        if exclusive {
            return self.before(lsn).await;
        }
        match self.record_from(lsn).await? {
            Some((start, end)) => {
                let last_commit = self.last_commit(end, &self.tail(end).await?).await?;
                Ok(Ok(Found { stop: Stop::Behind(start), end, last_commit, log_end: end }))
            }
            None => Ok(Err(format!("no record begins at or behind {lsn} before the log ends at {}", self.reach.end))),
        }
    }

    /// The first whole record that begins at or behind a position.
    async fn record_from(&self, lsn: Lsn) -> Result<Option<(Lsn, Lsn)>> {
        let timeline = self.finder.lineage.timeline_at(lsn).min(self.reach.timeline);
        let Some(mut scanner) = self.scanner(timeline, lsn)? else { return Ok(None) };
        let to = self.reach.end.min(lsn.align_down(self.info.wal_segment_bytes) + 2 * self.info.wal_segment_bytes);
        let pieces = self.finder.lineage.pieces(timeline, scanner.position(), to);
        let mut events = Vec::new();
        for (timeline, from, to) in pieces {
            let bytes = self.finder.index.read(LogRange { timeline, from: from.0, to: to.0 }).await?;
            // No record is shorter than 24 bytes, so no step skips one.
            for step in bytes.chunks(8) {
                scanner.feed(step, &mut events);
                match scanner.last_record_start().zip(scanner.last_record_end()) {
                    Some((start, end)) if start >= lsn => return Ok(Some((start, end))),
                    _ => {}
                }
            }
        }
        Ok(None)
    }

    async fn at_record(&self, found: Option<At>, exclusive: bool, missing: &str) -> Result<Result<Found, Refused>> {
        let Some(at) = found else { return Ok(Err(missing.to_owned())) };
        if exclusive {
            return self.before(at.lsn).await;
        }
        if at.lsn < self.consistent() {
            return Ok(Err(format!("it lies at {}, before backup {} is consistent", at.lsn, self.backup.id)));
        }
        let last_commit =
            if at.commit { Some(at.time) } else { self.last_commit(at.end_lsn, &self.tail(at.end_lsn).await?).await? };
        Ok(Ok(Found { stop: Stop::Behind(at.lsn), end: at.end_lsn, last_commit, log_end: at.end_lsn }))
    }

    /// Stops before the record at `lsn`, and before one that has begun before it and goes on behind it: a server replays what begins before
    /// its target.
    async fn before(&self, lsn: Lsn) -> Result<Result<Found, Refused>> {
        if lsn < self.consistent() {
            return Ok(Err(format!("it lies at {lsn}, before backup {} is consistent", self.backup.id)));
        }
        let tail = self.tail(lsn).await?;
        let end = tail.last_record.map_or(lsn, |(_, end)| end.min(lsn));
        let last_commit = self.last_commit(lsn, &tail).await?;
        Ok(Ok(Found { stop: Stop::Before(end), end, last_commit, log_end: lsn }))
    }

    /// The last commit before a position: in the tail if it has one, else by the heads, else the backup's own end.
    async fn last_commit(&self, before: Lsn, tail: &Tail) -> Result<Option<Timestamp>> {
        if let Some(at) = tail.events.iter().rev().find(|at| at.commit && at.lsn < before) {
            return Ok(Some(at.time));
        }
        for (_, object) in self.objects().into_iter().rev().filter(|(_, object)| object.range.from < before.0) {
            let moments = self.finder.index.head(&object).await?.moments;
            if let Some(last) = moments.last.filter(|last| last.position < before.0) {
                return Ok(Some(last.time));
            }
        }
        Ok(Some(self.backup.head.ended))
    }

    /// Commits behind a position: the newest time, and how many.
    pub(super) async fn beyond(&self, position: Lsn) -> Result<(Option<Timestamp>, u64)> {
        let (mut newest, mut commits) = (None, 0);
        for (timeline, object) in self.objects().into_iter().filter(|(_, object)| object.range.to > position.0) {
            let moments = self.finder.index.head(&object).await?.moments;
            newest = newest.max(moments.latest);
            if object.range.from >= position.0 {
                commits += moments.commits;
            } else if moments.commits > 0 {
                let events = self.events_of(timeline, &object).await?;
                commits += events.iter().filter(|at| at.commit && at.lsn >= position).count() as u64;
            }
        }
        Ok((newest, commits))
    }

    /// The time up to which the log of this reach is complete, by the objects, marks, and what the caller knows.
    async fn complete_at(&self) -> Result<Option<Timestamp>> {
        let live = self.finder.request.complete_at.filter(|live| live.timeline == self.reach.timeline);
        let live = live.filter(|live| live.position <= self.reach.end).map(|live| live.time);
        Ok(live.max(windows::complete_at(self.finder.index, self.reach.timeline, self.reach.end).await?))
    }

    /// The log's objects from the backup's end to the end of the reach, in order.
    fn objects(&self) -> Vec<(Timeline, LogObject)> {
        let pieces = self.finder.lineage.pieces(self.backup.head.timeline, self.consistent(), self.reach.end);
        let objects = pieces.into_iter().flat_map(|(timeline, from, to)| {
            let range = LogRange { timeline, from: from.0, to: to.0 };
            self.finder.index.objects_in(range).into_iter().map(move |object| (timeline, object))
        });
        objects.collect()
    }

    /// The first record that is wanted, at or behind the backup's end. Heads are asked first; the search halves the log, as
    /// commit times nearly ascend, and then steps back while the object before may still hold it.
    async fn first_record(&self, may: impl Fn(&Head) -> bool, wanted: impl Fn(&At) -> bool) -> Result<Option<At>> {
        let objects = self.objects();
        let (mut low, mut high) = (0, objects.len());
        while low < high {
            let middle = (low + high) / 2;
            match self.nearest_head(&objects, middle, high).await? {
                Some((_, head)) if may(&head) => high = middle,
                Some((at, _)) => low = at + 1,
                None => high = middle,
            }
        }
        low = low.saturating_sub(2);
        for (timeline, object) in &objects[low..] {
            let head = self.head(object).await?;
            if !may(&head) {
                continue;
            }
            let events = self.events_of(*timeline, object).await?;
            if let Some(at) = events.into_iter().find(|at| at.lsn >= self.consistent() && wanted(at)) {
                return Ok(Some(at));
            }
        }
        Ok(None)
    }

    /// The head of the first object from `at` on that holds a commit.
    async fn nearest_head(
        &self,
        objects: &[(Timeline, LogObject)],
        at: usize,
        end: usize,
    ) -> Result<Option<(usize, Head)>> {
        for (number, (_, object)) in objects.iter().enumerate().take(end).skip(at) {
            let head = self.head(object).await?;
            if head.latest.is_some() {
                return Ok(Some((number, head)));
            }
        }
        Ok(None)
    }

    /// The last record that is wanted.
    async fn last_record(&self, may: impl Fn(&Head) -> bool, wanted: impl Fn(&At) -> bool) -> Result<Option<At>> {
        for (timeline, object) in self.objects().iter().rev() {
            if may(&self.head(object).await?) {
                let events = self.events_of(*timeline, object).await?;
                if let Some(at) = events.into_iter().rev().find(|at| at.lsn.0 >= object.range.from && wanted(at)) {
                    return Ok(Some(at));
                }
            }
        }
        Ok(None)
    }

    async fn head(&self, object: &LogObject) -> Result<Head> {
        let moments = self.finder.index.head(object).await?.moments;
        let names = moments.points.into_iter().map(|point| point.name).collect();
        Ok(Head { latest: moments.latest, transactions: moments.transactions, names })
    }

    async fn events_of(&self, timeline: Timeline, object: &LogObject) -> Result<Vec<At>> {
        let tail = self.scan(timeline, Lsn(object.range.from), Lsn(object.range.to).min(self.reach.end)).await?;
        Ok(tail.events.into_iter().filter(|at| at.lsn.0 >= object.range.from).collect())
    }

    /// The records of the segment before a position.
    async fn tail(&self, end: Lsn) -> Result<Tail> {
        let last = Lsn(end.0.saturating_sub(1));
        let timeline = self.finder.lineage.timeline_at(last).min(self.reach.timeline);
        let tail = self.scan(timeline, last, end).await?;
        if tail.last_record.is_none() && last.0 >= self.info.wal_segment_bytes {
            let border = last.align_down(self.info.wal_segment_bytes);
            let timeline = self.finder.lineage.timeline_at(Lsn(border.0 - 1)).min(self.reach.timeline);
            return self.scan(timeline, Lsn(border.0 - 1), border).await;
        }
        Ok(tail)
    }

    /// Reads records from the beginning of the segment that holds `from`, up to `to`.
    async fn scan(&self, timeline: Timeline, from: Lsn, to: Lsn) -> Result<Tail> {
        let mut tail = Tail::default();
        let Some(mut scanner) = self.scanner(timeline, from)?.filter(|scanner| scanner.position() < to) else {
            return Ok(tail);
        };
        let range = LogRange { timeline, from: scanner.position().0, to: to.0 };
        let mut events = Vec::new();
        scanner.feed(&self.finder.index.read(range).await?, &mut events);
        tail.last_record = scanner.last_record_start().zip(scanner.last_record_end());
        tail.events = events.into_iter().filter_map(at).collect();
        Ok(tail)
    }

    /// A scanner at the beginning of the segment that holds `from`; of the next one where the log begins in between.
    fn scanner(&self, timeline: Timeline, from: Lsn) -> Result<Option<Scanner>> {
        let segment_bytes = self.info.wal_segment_bytes;
        let shape = Shape {
            major: self.info.major,
            timeline: self.finder.lineage.timeline(),
            segment_bytes,
            system_identifier: Some(self.info.system_identifier()?),
        };
        let stretches = self.finder.index.stretches(timeline);
        let Some(stretch) = stretches.iter().find(|stretch| stretch.from <= from.0 && from.0 < stretch.to) else {
            return Ok(None);
        };
        let start = from.align_down(segment_bytes).max(Lsn(stretch.from).align_up(segment_bytes));
        Ok(Some(Scanner::at_segment(start, shape)?))
    }
}

/// What an object's head says, as far as searches need it.
struct Head {
    latest: Option<Timestamp>,
    transactions: Option<(u32, u32)>,
    names: Vec<String>,
}

/// Records of a stretch of log.
#[derive(Debug, Default)]
struct Tail {
    events: Vec<At>,
    /// Where the last whole record begins and ends.
    last_record: Option<(Lsn, Lsn)>,
}

fn at(event: Event) -> Option<At> {
    let end_of = |xact: Xact, commit| At {
        lsn: xact.lsn,
        end_lsn: xact.end_lsn,
        time: xact.time,
        xid: Some(xact.xid),
        name: None,
        commit,
    };
    match event {
        Event::Commit(xact) => Some(end_of(xact, true)),
        Event::Abort(xact) => Some(end_of(xact, false)),
        Event::RestorePoint { lsn, end_lsn, time, name } => {
            Some(At { lsn, end_lsn, time, xid: None, name: Some(name), commit: false })
        }
        _ => None,
    }
}

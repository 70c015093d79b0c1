//! One connection's worth of receiving.

use std::time::Duration;

use bytes::Bytes;
use futures::future::{BoxFuture, FutureExt, OptionFuture};
use jiff::Timestamp;
use tokio::sync::{Notify, watch};
use vault::Vault;
use vault::format::log::{Moment, NamedPoint};
use vault::log::read::LogIndex;
use vault::log::write::{Durable, LogWriter, Part};

use super::look::{self, LOOK_EVERY, Look};
use super::start::{self, Start};
use super::{Cluster, LogState, Phase, ReceiveOptions, store_histories};
use crate::error::{Error, Result};
use crate::postgres::lsn::{Lsn, Timeline};
use crate::postgres::wal::names::{DEFAULT_SEGMENT_BYTES, is_segment_size};
use crate::postgres::wal::{Event, Scanner, Shape};
use crate::postgres::wire::{Replication, WalEvent, WalStream};

/// More than this arrives only when the vault has taken some.
const PENDING_MAX: usize = 12 << 20;
/// This much is put without waiting for the interval.
const PART_BYTES: usize = 4 << 20;
const STATUS_EVERY: Duration = Duration::from_secs(5);
/// In quiet hours the vault is told this often that nothing happened.
const MARK_EVERY: Duration = Duration::from_secs(60);
/// A put that failed for a passing reason is tried again this often before the session ends.
const PUT_TRIES: u32 = 5;

/// Receives until the connection, the server or the vault fails.
pub(super) async fn run(
    vault: &Vault,
    cluster: &Cluster,
    options: &ReceiveOptions,
    state: &watch::Sender<LogState>,
    asked: &Notify,
    removed: bool,
) -> Result<()> {
    let mut next: Option<(Timeline, Lsn)> = None;
    loop {
        let mut replication = Replication::connect(&cluster.conninfo).await?;
        let system = replication.identify().await?;
        if system.system_identifier != cluster.system_identifier {
            return Err(Error::Foreign { found: system.system_identifier, expected: cluster.system_identifier });
        }
        let segment_bytes = segment_bytes(&mut replication).await?;
        store_histories(vault, &cluster.source, &mut replication, system.timeline).await?;
        let start = match next {
            Some((timeline, position)) => {
                Start { timeline, position: Some(position.align_down(segment_bytes)), gaps: vec![] }
            }
            None => start::find(vault, cluster, &mut replication, &system, (segment_bytes, removed)).await?,
        };
        for gap in &start.gaps {
            let known =
                state.borrow().gaps.iter().any(|known| (known.timeline, known.from) == (gap.timeline, gap.from));
            if !known {
                tracing::error!(source = %cluster.source, from = %gap.from, to = %gap.to, why = gap.why, "the log has a gap");
                state.send_modify(|state| state.gaps.push(gap.clone()));
            }
        }
        let shape = Shape {
            major: replication.connection().server_major()?,
            timeline: start.timeline,
            segment_bytes,
            system_identifier: Some(system.system_identifier),
        };
        let mut session = Session::begin(vault, cluster, options, state, replication, &start, shape).await?;
        next = Some(session.stream(asked).await?);
    }
}

/// `wal_segment_size` comes with a unit.
async fn segment_bytes(replication: &mut Replication) -> Result<u64> {
    let text = replication.show("wal_segment_size").await?;
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let number: u64 = text[..text.len() - unit.len()].parse().unwrap_or(0);
    let bytes = match unit {
        "" | "B" => number,
        "kB" => number << 10,
        "MB" => number << 20,
        "GB" => number << 30,
        _ => 0,
    };
    match is_segment_size(bytes) {
        true => Ok(bytes),
        false => Err(Error::protocol(format!("wal_segment_size is {text:?}"))),
    }
}

struct Session<'a> {
    vault: &'a Vault,
    cluster: &'a Cluster,
    options: &'a ReceiveOptions,
    state: &'a watch::Sender<LogState>,
    stream: WalStream,
    writer: LogWriter,
    scanner: Option<Scanner>,
    shape: Shape,
    /// When the oldest pending byte came, by the monotonic clock.
    pending_since: Option<Duration>,
    complete_at: Option<Timestamp>,
    /// What the last look says, until everything before that position has come.
    seen: Option<(Lsn, Timestamp)>,
    /// Nothing as long as the server was not looked at.
    standby: Option<bool>,
    last_status: Duration,
    last_mark: Duration,
    last_look: Option<Duration>,
    synchronous: bool,
}

impl<'a> Session<'a> {
    async fn begin(
        vault: &'a Vault,
        cluster: &'a Cluster,
        options: &'a ReceiveOptions,
        state: &'a watch::Sender<LogState>,
        replication: Replication,
        start: &Start,
        shape: Shape,
    ) -> Result<Session<'a>> {
        let fold = shape.segment_bytes.min(DEFAULT_SEGMENT_BYTES);
        let position = start.position.map(|lsn| lsn.0);
        let writer = LogWriter::resume(vault, &cluster.source, start.timeline, position, fold).await?;
        let scanner = resume_scan(vault, cluster, &writer, shape).await?;
        let from = Lsn(writer.durable());
        let stream = replication.start(Some(&cluster.slot), from, start.timeline).await?;
        let now = vault.env().monotonic();
        let received = vault.env().now();
        state.send_modify(|state| {
            state.phase = Phase::Streaming;
            if state.timeline != start.timeline {
                // What another server wrote beyond this timeline's beginning is nothing that this one is ahead by.
                state.server_end = from;
            }
            state.timeline = start.timeline;
            state.received = from;
            state.durable = from;
            state.last_contact = Some(received);
            state.streaming_since.get_or_insert(received);
            state.failure = None;
            state.sessions += 1;
        });
        tracing::info!(source = %cluster.source, timeline = start.timeline, from = %from, "receiving the log");
        Ok(Session {
            vault,
            cluster,
            options,
            state,
            stream,
            writer,
            scanner,
            shape,
            pending_since: None,
            complete_at: None,
            seen: None,
            standby: None,
            last_status: now,
            last_mark: now,
            last_look: None,
            synchronous: false,
        })
    }

    fn now(&self) -> Duration {
        self.vault.env().monotonic()
    }

    /// Streams to the end of the timeline. Returns where the next begins.
    async fn stream(&mut self, asked: &Notify) -> Result<(Timeline, Lsn)> {
        let mut on_its_way: Option<BoxFuture<'static, Result<Durable>>> = None;
        let mut looking: Option<BoxFuture<'static, Result<Look>>> = None;
        loop {
            if looking.is_none() && self.should_look() {
                self.last_look = Some(self.now());
                looking = Some(look::at(self.cluster.clone()).boxed());
            }
            if on_its_way.is_none() && self.should_put() {
                on_its_way = self.begin_put();
            }
            let wait = self.until_next_deadline();
            let put: OptionFuture<_> = on_its_way.as_mut().into();
            let look: OptionFuture<_> = looking.as_mut().into();
            tokio::select! {
                Some(durable) = put => {
                    on_its_way = None;
                    self.made_durable(durable?).await?;
                }
                event = self.stream.next(), if self.writer.pending_bytes() < PENDING_MAX => {
                    if let Some(next) = self.event(event?).await? {
                        self.drain(on_its_way.take()).await?;
                        return Ok(next);
                    }
                }
                Some(look) = look => {
                    looking = None;
                    self.looked(look);
                }
                () = asked.notified() => self.last_look = None,
                () = tokio::time::sleep(wait) => {}
            }
            self.keep_in_touch().await?;
        }
    }

    fn should_put(&self) -> bool {
        let waited = |since| self.now().saturating_sub(since) >= self.options.interval;
        self.writer.pending_bytes() >= PART_BYTES
            || self.writer.pending_bytes() > 0 && (self.synchronous || self.pending_since.is_some_and(waited))
    }

    fn should_look(&self) -> bool {
        self.last_look.is_none_or(|last| self.now().saturating_sub(last) >= LOOK_EVERY)
    }

    fn until_next_deadline(&self) -> Duration {
        let put = self.pending_since.map(|since| (since + self.options.interval).saturating_sub(self.now()));
        put.unwrap_or(STATUS_EVERY).clamp(Duration::from_millis(1), STATUS_EVERY)
    }

    fn begin_put(&mut self) -> Option<BoxFuture<'static, Result<Durable>>> {
        let part = self.writer.take_part(self.complete_at)?;
        self.pending_since = (self.writer.pending_bytes() > 0).then(|| self.now());
        Some(put_part(part).boxed())
    }

    async fn made_durable(&mut self, durable: Durable) -> Result<()> {
        if let Some(fold) = self.writer.durable_now(durable) {
            // Not waited for: until it is there, the parts say the same.
            tokio::spawn(async move {
                if let Err(error) = fold.put().await {
                    tracing::warn!(%error, "a stretch of log stays in parts");
                }
            });
        }
        self.tell_state();
        self.send_status().await
    }

    async fn event(&mut self, event: WalEvent) -> Result<Option<(Timeline, Lsn)>> {
        let now = self.vault.env().now();
        self.state.send_modify(|state| state.last_contact = Some(now));
        match event {
            WalEvent::XLogData { start_lsn, wal_end, server_time, bytes } => {
                self.take(start_lsn, &bytes)?;
                self.heard(wal_end, server_time);
            }
            // Its position is how far the server has sent, not how far it has written: it says nothing of what is complete.
            WalEvent::KeepAlive { wal_end, reply_requested, .. } => {
                self.state.send_modify(|state| state.server_end = state.server_end.max(wal_end));
                if reply_requested {
                    self.send_status().await?;
                }
            }
            WalEvent::EndOfTimeline { next_timeline, switch_lsn } => return Ok(Some((next_timeline, switch_lsn))),
        }
        Ok(None)
    }

    fn take(&mut self, start: Lsn, bytes: &Bytes) -> Result<()> {
        self.writer.push(start.0, bytes)?;
        if self.pending_since.is_none() {
            self.pending_since = Some(self.now());
        }
        let end = Lsn(start.0 + bytes.len() as u64);
        if self.scanner.is_none() {
            let border = start.align_up(self.shape.segment_bytes);
            if border <= end {
                self.scanner = Some(Scanner::at_segment(border, self.shape)?);
            }
        }
        let Some(scanner) = &mut self.scanner else { return Ok(()) };
        let skip = scanner.position().0.saturating_sub(start.0) as usize;
        let mut events = Vec::new();
        scanner.feed(bytes.get(skip..).unwrap_or_default(), &mut events);
        if let Some(broken) = scanner.end() {
            tracing::warn!(source = %self.cluster.source, lsn = %broken.lsn, why = broken.why, "the log cannot be read here: times are known again from the next segment on");
            self.scanner = None;
        }
        if self.standby == Some(true) {
            let commits =
                events.iter().filter_map(|event| if let Event::Commit(xact) = event { Some(xact.time) } else { None });
            self.complete_at = self.complete_at.max(commits.max());
        }
        note(&mut self.writer, events);
        Ok(())
    }

    /// The server sent log, and said up to where it had flushed its log, and then what time it was. The clock of a standby says nothing
    /// of the commits of its primary that it has not received.
    fn heard(&mut self, wal_end: Lsn, server_time: Timestamp) {
        if self.standby == Some(false) && Lsn(self.writer.received()) >= wal_end {
            self.complete_at = self.complete_at.max(Some(server_time));
        }
        self.state.send_modify(|state| state.server_end = state.server_end.max(wal_end));
        self.tell_state();
    }

    /// See `look` for why this says what is complete. A server that does not answer leaves all as it was.
    fn looked(&mut self, look: Result<Look>) {
        let look = match look {
            Ok(look) => look,
            Err(error) => return tracing::debug!(%error, source = %self.cluster.source, "the server was not looked at"),
        };
        self.synchronous = look.synchronous;
        self.standby = Some(look.end.is_none());
        if let Some((timeline, end)) = look.end
            && timeline == self.shape.timeline
        {
            self.seen = Some((end, look.clock));
            if !look::is_reached(end, Lsn(self.writer.received())) {
                self.state.send_modify(|state| state.server_end = state.server_end.max(end));
            }
        }
        let now = self.vault.env().now();
        self.state.send_modify(|state| state.last_contact = Some(now));
        self.tell_state();
    }

    fn tell_state(&mut self) {
        if let Some((end, clock)) = self.seen
            && look::is_reached(end, Lsn(self.writer.received()))
        {
            self.complete_at = self.complete_at.max(Some(clock));
            self.seen = None;
        }
        let (received, durable) = (Lsn(self.writer.received()), Lsn(self.writer.durable()));
        let complete_at = self.complete_at.filter(|_| received == durable);
        self.state.send_modify(|state| {
            state.received = received;
            state.durable = durable;
            state.synchronous = self.synchronous;
            state.complete_at = state.complete_at.max(complete_at);
        });
    }

    async fn keep_in_touch(&mut self) -> Result<()> {
        let now = self.now();
        if now.saturating_sub(self.last_status) >= STATUS_EVERY {
            self.send_status().await?;
        }
        if now.saturating_sub(self.last_mark) >= MARK_EVERY {
            self.last_mark = now;
            if let (Some(complete_at), 0) = (self.complete_at, self.writer.pending_bytes()) {
                self.writer.mark(complete_at).await?;
            }
        }
        Ok(())
    }

    async fn send_status(&mut self) -> Result<()> {
        self.last_status = self.now();
        let (received, durable) = (Lsn(self.writer.received()), Lsn(self.writer.durable()));
        self.stream.send_status(received, durable, durable, self.vault.env().now(), false).await
    }

    /// Puts everything that has arrived, at the end of a timeline.
    async fn drain(&mut self, mut on_its_way: Option<BoxFuture<'static, Result<Durable>>>) -> Result<()> {
        loop {
            match on_its_way.take().or_else(|| self.begin_put()) {
                Some(put) => self.made_durable(put.await?).await?,
                None => return Ok(()),
            }
        }
    }
}

async fn put_part(part: Part) -> Result<Durable> {
    let mut tries = 0;
    loop {
        match part.put().await {
            Err(error) if error.is_retriable() && tries < PUT_TRIES => {
                tries += 1;
                tracing::warn!(%error, tries, "putting a part of the log is tried again");
                tokio::time::sleep(Duration::from_millis(100 << tries)).await;
            }
            other => return Ok(other?),
        }
    }
}

fn note(writer: &mut LogWriter, events: Vec<Event>) {
    for event in events {
        match event {
            Event::Commit(xact) => writer.commit(Moment { position: xact.lsn.0, time: xact.time }, xact.xid),
            Event::RestorePoint { lsn, time, name, .. } => writer.point(NamedPoint { name, position: lsn.0, time }),
            _ => {}
        }
    }
}

/// Reads the beginning of the segment at hand back from the vault, so that records can be followed from the first new byte on.
/// `None` when the vault does not have it.
async fn resume_scan(vault: &Vault, cluster: &Cluster, writer: &LogWriter, shape: Shape) -> Result<Option<Scanner>> {
    let durable = Lsn(writer.durable());
    let range = start::scan_from(writer.timeline(), durable, shape.segment_bytes);
    if range.from == range.to {
        return Ok(Some(Scanner::at_segment(durable, shape)?));
    }
    let index = LogIndex::load_timeline(vault, &cluster.source, writer.timeline()).await?;
    if !index.covers(range) {
        return Ok(None);
    }
    let mut scanner = Scanner::at_segment(Lsn(range.from), shape)?;
    let mut known = Vec::new();
    for object in index.objects_in(range) {
        let bytes = index.read_object(&object).await?;
        let from = (scanner.position().0 - object.range.from) as usize;
        let to = (range.to.min(object.range.to) - object.range.from) as usize;
        scanner.feed(&bytes[from..to], &mut known);
        known.clear();
        if scanner.end().is_some() {
            return Ok(None);
        }
    }
    Ok(Some(scanner))
}

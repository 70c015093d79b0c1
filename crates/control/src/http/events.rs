//! Server-Sent Events: an operation as it goes, and all operations of this daemon. Who comes back with `Last-Event-ID` misses nothing.

use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::future::Future;
use std::time::Duration;

use api::{Operation, OperationProgress};
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::Stream;
use futures::stream::unfold;
use jiff::Timestamp;
use serde::Serialize;

use super::guard::Seen;
use crate::daemon::Daemon;
use crate::error::Result;
use crate::operation;

/// What another daemon or the clock changes is seen this late.
const LOOK_EVERY: Duration = Duration::from_secs(1);
const ALIVE_EVERY: Duration = Duration::from_secs(15);

pub(super) type Answer<S> = Result<Sse<axum::response::sse::KeepAliveStream<S>>>;
pub(super) type Sent = std::result::Result<Event, Infallible>;

pub(super) fn answer<S: Stream<Item = Sent> + Send + 'static>(
    stream: S,
) -> Sse<axum::response::sse::KeepAliveStream<S>> {
    Sse::new(stream).keep_alive(KeepAlive::new().interval(ALIVE_EVERY))
}

fn last_id(headers: &HeaderMap) -> Option<&str> {
    headers.get("last-event-id")?.to_str().ok()
}

pub(super) fn event(name: &str, data: &impl Serialize) -> Event {
    // Wire types always become JSON.
    Event::default().event(name).json_data(data).unwrap_or_default()
}

/// What is watched: each look tells what is new since the last one, and whether that was all.
pub(super) trait Watched: Send + 'static {
    fn look(&mut self, daemon: &Daemon, new: &mut VecDeque<Event>) -> impl Future<Output = Result<bool>> + Send;
}

pub(super) fn watch(daemon: Daemon, watched: impl Watched) -> impl Stream<Item = Sent> {
    let state = (daemon, watched, VecDeque::new(), false);
    unfold(state, |(daemon, mut watched, mut new, mut is_over)| async move {
        loop {
            if let Some(event) = new.pop_front() {
                return Some((Ok(event), (daemon, watched, new, is_over)));
            }
            if is_over {
                return None;
            }
            match watched.look(&daemon, &mut new).await {
                Ok(over) => is_over = over,
                Err(error) => {
                    tracing::debug!(%error, "whoever watches must come again");
                    return None;
                }
            }
            if new.is_empty() {
                operation::something_changed(&daemon, LOOK_EVERY).await;
            }
        }
    })
}

/// How far somebody has read: `EVENTS.LINES`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Read {
    events: u64,
    lines: u64,
}

impl Read {
    fn parse(id: &str) -> Option<Read> {
        let (events, lines) = id.split_once('.')?;
        Some(Read { events: events.parse().ok()?, lines: lines.parse().ok()? })
    }

    fn id(self) -> String {
        format!("{}.{}", self.events, self.lines)
    }
}

/// `operation` when it has changed, `line` for each line of its log, `progress` in between; `end` when it is over.
pub(super) async fn operation(
    State(daemon): State<Daemon>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Answer<impl Stream<Item = Sent>> {
    operation::find(&daemon, &id).await?;
    let read = last_id(&headers).and_then(Read::parse).unwrap_or_default();
    Ok(answer(watch(daemon, One { id, read, progress: None })))
}

struct One {
    id: String,
    read: Read,
    progress: Option<OperationProgress>,
}

impl Watched for One {
    async fn look(&mut self, daemon: &Daemon, new: &mut VecDeque<Event>) -> Result<bool> {
        let (shown, events) = operation::find_with_events(daemon, &self.id).await?;
        let lines = operation::log(daemon, &self.id, self.read.lines).await?;
        for line in &lines {
            self.read.lines = line.n;
            new.push_back(event("line", line).id(self.read.id()));
        }
        if events > self.read.events {
            self.read.events = events;
            new.push_back(event("operation", &shown).id(self.read.id()));
        }
        let progress = OperationProgress { step: shown.step.clone(), progress: shown.progress };
        if self.progress.as_ref() != Some(&progress) {
            new.push_back(event("progress", &progress));
            self.progress = Some(progress);
        }
        // Lines are asked for in pages: it is over when there are no more.
        let is_over = shown.ended.is_some() && lines.is_empty();
        if is_over {
            new.push_back(event("end", &shown).id(self.read.id()));
        }
        Ok(is_over)
    }
}

/// Every operation that changes, beginning with those that are not over, and those that ended since `Last-Event-ID`, which is a time.
pub(super) async fn operations(
    State(daemon): State<Daemon>,
    seen: Seen,
    headers: HeaderMap,
) -> Answer<impl Stream<Item = Sent>> {
    let since = last_id(&headers).and_then(|id| id.parse().ok()).unwrap_or_else(|| daemon.host.env.now());
    Ok(answer(watch(daemon, All { seen, since, known: HashMap::new() })))
}

struct All {
    seen: Seen,
    since: Timestamp,
    /// Events of operations that were sent.
    known: HashMap<String, u64>,
}

impl Watched for All {
    async fn look(&mut self, daemon: &Daemon, new: &mut VecDeque<Event>) -> Result<bool> {
        let now = daemon.host.env.now();
        let since = self.since;
        let is_new = |shown: &Operation| shown.ended.is_none_or(|ended| ended >= since);
        let mut known = HashMap::new();
        for (shown, events) in operation::recent(daemon).await? {
            if !self.seen.source(shown.source.as_deref()) {
                continue;
            }
            if is_new(&shown) && self.known.get(&shown.id) != Some(&events) {
                new.push_back(event("operation", &shown).id(now.to_string()));
            }
            known.insert(shown.id, events);
        }
        self.known = known;
        Ok(false)
    }
}

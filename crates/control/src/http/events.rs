//! Server-Sent Events: an operation as it goes, and all operations of this daemon. Who comes back with `Last-Event-ID` misses nothing.

use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
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

type Answer<S> = Result<Sse<axum::response::sse::KeepAliveStream<S>>>;
type Sent = std::result::Result<Event, Infallible>;

fn answer<S: Stream<Item = Sent> + Send + 'static>(stream: S) -> Sse<axum::response::sse::KeepAliveStream<S>> {
    Sse::new(stream).keep_alive(KeepAlive::new().interval(ALIVE_EVERY))
}

fn last_id(headers: &HeaderMap) -> Option<&str> {
    headers.get("last-event-id")?.to_str().ok()
}

fn event(name: &str, data: &impl Serialize) -> Event {
    // Wire types always become JSON.
    Event::default().event(name).json_data(data).unwrap_or_default()
}

async fn something_changed(daemon: &Daemon) {
    tokio::select! {
        () = daemon.worker().changed() => {}
        () = tokio::time::sleep(LOOK_EVERY) => {}
    }
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
    let one = One { daemon, id, read, waiting: VecDeque::new(), progress: None, is_over: false };
    Ok(answer(unfold(one, |mut one| async move { one.next().await.map(|event| (Ok(event), one)) })))
}

struct One {
    daemon: Daemon,
    id: String,
    read: Read,
    waiting: VecDeque<Event>,
    progress: Option<OperationProgress>,
    is_over: bool,
}

impl One {
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Some(event);
            }
            if self.is_over {
                return None;
            }
            if let Err(error) = self.look().await {
                tracing::debug!(%error, operation = self.id, "whoever watches it must come again");
                return None;
            }
            if self.waiting.is_empty() {
                something_changed(&self.daemon).await;
            }
        }
    }

    async fn look(&mut self) -> Result<()> {
        let (shown, events) = operation::find_with_events(&self.daemon, &self.id).await?;
        let lines = operation::log(&self.daemon, &self.id, self.read.lines).await?;
        for line in &lines {
            self.read.lines = line.n;
            self.waiting.push_back(event("line", line).id(self.read.id()));
        }
        if events > self.read.events {
            self.read.events = events;
            self.waiting.push_back(event("operation", &shown).id(self.read.id()));
        }
        let progress = OperationProgress { step: shown.step.clone(), progress: shown.progress };
        if self.progress.as_ref() != Some(&progress) {
            self.waiting.push_back(event("progress", &progress));
            self.progress = Some(progress);
        }
        // Lines are asked for in pages: it is over when there are no more.
        if shown.ended.is_some() && lines.is_empty() {
            self.is_over = true;
            self.waiting.push_back(event("end", &shown).id(self.read.id()));
        }
        Ok(())
    }
}

/// Every operation that changes, beginning with those that are not over, and those that ended since `Last-Event-ID`, which is a time.
pub(super) async fn operations(
    State(daemon): State<Daemon>,
    seen: Seen,
    headers: HeaderMap,
) -> Answer<impl Stream<Item = Sent>> {
    let since = last_id(&headers).and_then(|id| id.parse().ok()).unwrap_or_else(|| daemon.host.env.now());
    let all = All { daemon, seen, since, known: HashMap::new(), waiting: VecDeque::new() };
    Ok(answer(unfold(all, |mut all| async move { all.next().await.map(|event| (Ok(event), all)) })))
}

struct All {
    daemon: Daemon,
    seen: Seen,
    since: Timestamp,
    /// Events of operations that were sent.
    known: HashMap<String, u64>,
    waiting: VecDeque<Event>,
}

impl All {
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Some(event);
            }
            if let Err(error) = self.look().await {
                tracing::debug!(%error, "whoever watches the operations must come again");
                return None;
            }
            if self.waiting.is_empty() {
                something_changed(&self.daemon).await;
            }
        }
    }

    async fn look(&mut self) -> Result<()> {
        let now = self.daemon.host.env.now();
        let since = self.since;
        let is_new = |shown: &Operation| shown.ended.is_none_or(|ended| ended >= since);
        let mut known = HashMap::new();
        for (shown, events) in operation::recent(&self.daemon).await? {
            if !self.seen.source(shown.source.as_deref()) {
                continue;
            }
            if is_new(&shown) && self.known.get(&shown.id) != Some(&events) {
                self.waiting.push_back(event("operation", &shown).id(now.to_string()));
            }
            known.insert(shown.id, events);
        }
        self.known = known;
        Ok(())
    }
}

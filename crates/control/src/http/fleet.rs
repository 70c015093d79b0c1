//! `/fleet`, and its rows as they change.

use std::collections::{HashMap, VecDeque};

use api::{FleetRow, FleetView};
use axum::Json;
use axum::extract::State;
use axum::response::sse::Event;
use futures::Stream;
use jiff::{SignedDuration, Timestamp};

use super::events::{Answer, Sent, Watched, answer, event, watch};
use super::guard::Seen;
use crate::daemon::Daemon;
use crate::error::Result;
use crate::fleet;

/// Who watches hears of us so often, that he may know how old what he sees is.
const SIGN_OF_LIFE: SignedDuration = SignedDuration::from_secs(5);

pub(super) async fn list(State(daemon): State<Daemon>, seen: Seen) -> Result<Json<FleetView>> {
    let rows = seen_rows(&daemon, &seen).await?;
    Ok(Json(FleetView { now: daemon.host.env.now(), rows, gone: Vec::new() }))
}

pub(super) async fn events(State(daemon): State<Daemon>, seen: Seen) -> Answer<impl Stream<Item = Sent>> {
    Ok(answer(watch(daemon, Fleet { seen, known: HashMap::new(), told: None })))
}

async fn seen_rows(daemon: &Daemon, seen: &Seen) -> Result<Vec<FleetRow>> {
    let mut rows = fleet::rows(daemon).await?;
    rows.retain(|row| if row.is_stack { seen.stack(&row.name) } else { seen.source(Some(&row.name)) });
    Ok(rows)
}

struct Fleet {
    seen: Seen,
    known: HashMap<String, FleetRow>,
    told: Option<Timestamp>,
}

impl Watched for Fleet {
    async fn look(&mut self, daemon: &Daemon, new: &mut VecDeque<Event>) -> Result<bool> {
        let now = daemon.host.env.now();
        let all = seen_rows(daemon, &self.seen).await?;
        let mut gone = std::mem::take(&mut self.known);
        let mut rows = Vec::new();
        for row in all {
            let before = gone.remove(&row.name);
            match before.filter(|before| looks_the_same(before, &row)) {
                Some(before) => drop(self.known.insert(row.name.clone(), before)),
                None => {
                    self.known.insert(row.name.clone(), row.clone());
                    rows.push(row);
                }
            }
        }
        let quiet = rows.is_empty() && gone.is_empty();
        if !quiet || self.told.is_none_or(|told| now.duration_since(told) >= SIGN_OF_LIFE) {
            self.told = Some(now);
            new.push_back(event("fleet", &FleetView { now, rows, gone: gone.into_keys().collect() }));
        }
        Ok(false)
    }
}

/// The newest moment of every source moves each second; it is told again when it is behind by noticeably more or less.
fn looks_the_same(before: &FleetRow, row: &FleetRow) -> bool {
    let with = |row: &FleetRow| FleetRow {
        newest: None,
        behind_seconds: row.behind_seconds.map(|seconds| if seconds < 15.0 { 0.0 } else { (seconds / 15.0).floor() }),
        ..row.clone()
    };
    with(before) == with(row)
}

#[cfg(test)]
mod tests;

//! The time that a driver has: what it runs and what it waits for share one limit.

use std::future::Future;
use std::time::Duration;

use tokio::time::Instant;

use crate::driver::{Outcome, Trouble};

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(200);

pub(super) const LATE: &str = "does it hang? timeout_seconds gives it longer";

#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline {
    limit: Duration,
    at: Instant,
}

/// What a look found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Seen {
    AsWished,
    /// How it stands instead: it is told when the time is up.
    NotYet(String),
}

impl Deadline {
    pub(super) fn in_seconds(seconds: u64) -> Deadline {
        let limit = Duration::from_secs(seconds);
        Deadline { limit, at: Instant::now() + limit }
    }

    /// For what is run by then, in whole seconds: one that has nothing left may still say why.
    pub(super) fn left(&self) -> Duration {
        let left = self.at.saturating_duration_since(Instant::now());
        Duration::from_secs((left.as_secs_f64().ceil() as u64).max(1))
    }

    /// One thing that must be done by then.
    pub(super) async fn within<T>(&self, what: &str, doing: impl Future<Output = Outcome<T>> + Send) -> Outcome<T> {
        let late = || Trouble::away(format!("{what} took longer than {} s", self.limit.as_secs())).hint(LATE);
        tokio::time::timeout_at(self.at, doing).await.unwrap_or_else(|_| Err(late()))
    }

    /// Looks until it is as wished. A trouble that passes is looked at again, any other ends it.
    pub(super) async fn until<Look, Looking>(&self, mut look: Look) -> Outcome<()>
    where
        Look: FnMut() -> Looking + Send,
        Looking: Future<Output = Outcome<Seen>> + Send,
    {
        let mut last = Trouble::away("it was not looked at");
        loop {
            match tokio::time::timeout_at(self.at, look()).await {
                Ok(Ok(Seen::AsWished)) => return Ok(()),
                Ok(Ok(Seen::NotYet(how))) => last = Trouble::away(how),
                Ok(Err(trouble)) if trouble.passes => last = trouble,
                Ok(Err(trouble)) => return Err(trouble),
                Err(_) => {}
            }
            if Instant::now() + PAUSE >= self.at {
                let what = format!("{}; {} s are over", last.what, self.limit.as_secs());
                return Err(Trouble { what, hint: last.hint.or(Some(LATE.to_owned())), ..last });
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

#[cfg(test)]
mod tests;

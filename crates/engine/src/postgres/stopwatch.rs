//! How long the parts of long work take.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use vault::Env;

/// How long each part took, in seconds, in order.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Durations(pub Vec<(String, f64)>);

/// Told of each part as it begins, so that somebody can show it.
pub type Steps<'a> = &'a (dyn Fn(&str) + Send + Sync);

/// Tells each part as it begins and remembers how long it took.
pub(super) struct Stopwatch<'a> {
    env: &'a Env,
    steps: Steps<'a>,
    begun: Duration,
    open: Option<(String, Duration)>,
    done: Durations,
}

impl<'a> Stopwatch<'a> {
    pub(super) fn start(env: &'a Env, steps: Steps<'a>) -> Stopwatch<'a> {
        Stopwatch { env, steps, begun: env.monotonic(), open: None, done: Durations::default() }
    }

    pub(super) fn step(&mut self, name: &str) {
        self.end_step();
        self.open = Some((name.to_owned(), self.env.monotonic()));
        (self.steps)(name);
    }

    fn end_step(&mut self) {
        let now = self.env.monotonic();
        let done = self.open.take().map(|(name, since)| (name, now.saturating_sub(since).as_secs_f64()));
        self.done.0.extend(done);
    }

    /// The last is the total.
    pub(super) fn finish(mut self) -> Durations {
        self.end_step();
        let total = self.env.monotonic().saturating_sub(self.begun).as_secs_f64();
        self.done.0.push(("total".into(), total));
        self.done
    }
}

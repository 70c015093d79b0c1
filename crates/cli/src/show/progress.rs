//! How far an operation is, in one line; and how fast, from what was seen before.

use std::collections::VecDeque;

use api::Progress;

use super::units;

/// Seconds over which the rate is measured: long enough to be calm, short enough to be true.
const RATE_WINDOW_SECONDS: f64 = 5.0;

#[derive(Debug, Default)]
pub struct Rate {
    seen: VecDeque<(f64, u64)>,
}

impl Rate {
    /// `at`: seconds on any clock that only goes forward.
    pub fn observe(&mut self, at: f64, bytes_done: u64) {
        if self.seen.back().is_some_and(|(_, last)| *last > bytes_done) {
            self.seen.clear();
        }
        self.seen.push_back((at, bytes_done));
        while self.seen.len() > 2 && self.seen.front().is_some_and(|(first, _)| at - first > RATE_WINDOW_SECONDS) {
            self.seen.pop_front();
        }
    }

    pub fn bytes_per_second(&self) -> Option<f64> {
        let ((first_at, first), (last_at, last)) = (self.seen.front()?, self.seen.back()?);
        let seconds = last_at - first_at;
        (seconds > 0.5 && last > first).then(|| (last - first) as f64 / seconds)
    }
}

/// `shop  ████████████████░░░░  87 %  2.6 of 3.0 GB  812 MB/s  ETA 1 s  files`
pub fn line(name: &str, step: &str, progress: &Progress, rate: Option<f64>, width: usize) -> String {
    let mut parts = Vec::new();
    let (done, total) = (progress.bytes_done, progress.bytes_total);
    if total > 0 {
        parts.push(format!("{:>3} %", percent(done, total)));
        parts.push(units::bytes_of(done.min(total), total));
    } else if done > 0 {
        parts.push(units::bytes(done));
    }
    if let Some(rate) = rate {
        parts.push(format!("{}/s", units::bytes(rate as u64)));
        if total > done {
            parts.push(format!("ETA {}", units::seconds(((total - done) as f64 / rate).ceil())));
        }
    }
    if !step.is_empty() {
        parts.push(step.to_owned());
    }
    let rest = parts.join("  ");
    let room = width.saturating_sub(name.chars().count() + rest.chars().count() + 5).min(32);
    if total > 0 && room >= 8 {
        return format!("{name}  {}  {rest}", bar(done, total, room));
    }
    format!("{name}  {rest}")
}

/// For output that is not a terminal: no bar, no rate.
pub fn plain(name: &str, step: &str, progress: &Progress) -> String {
    line(name, step, progress, None, 0)
}

fn percent(done: u64, total: u64) -> u64 {
    (u128::from(done.min(total)) * 100 / u128::from(total.max(1))) as u64
}

fn bar(done: u64, total: u64, cells: usize) -> String {
    let full = (u128::from(done.min(total)) * cells as u128 / u128::from(total.max(1))) as usize;
    "█".repeat(full) + &"░".repeat(cells - full)
}

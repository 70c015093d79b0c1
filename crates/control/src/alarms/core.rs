//! From conditions to alarms: what is to be recorded and told. Pure: the time is handed in, and nothing is remembered but what is
//! handed back.
//!
//! ```text
//!   condition   ────┌───────────────────────────┐────────────        (flapping kinds: held off at both ends)
//!   alarm           raised    repeated …        cleared              each told once; repeats at growing distance
//!                         worse ──► told again
//! ```
//! - Of one kind and scope there is one raised alarm at most.
//! - What could not be looked at changes nothing: an alarm is not cleared because nobody could see.
//! - Raised alarms are kept in the catalog, so a new daemon goes on with them. What is held off is kept in memory alone, and begins
//!   anew.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::condition::{Condition, Key, Look};

/// A condition that was told of, as it is remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Alarm {
    pub(crate) n: i64,
    pub(crate) condition: Condition,
    pub(crate) since: Timestamp,
    pub(crate) raised: Timestamp,
    pub(crate) last_seen: Timestamp,
    pub(crate) cleared: Option<Timestamp>,
    /// When it was told of last, and how often.
    pub(crate) told: Timestamp,
    pub(crate) times_told: u32,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Timing {
    /// How long a flapping condition must be there, or gone, before it counts.
    pub(crate) hold_off: SignedDuration,
    /// After this an alarm that is still there is told of again; never when nought.
    pub(crate) repeat_first: SignedDuration,
    pub(crate) repeat_then: SignedDuration,
}

/// What is known beside the raised alarms: since when something is there that is not raised yet, or gone that is not cleared yet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Held {
    rising: BTreeMap<Key, Timestamp>,
    falling: BTreeMap<Key, Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    Raise {
        condition: Condition,
        since: Timestamp,
    },
    /// It is there still: as it is now, without a word.
    Seen {
        n: i64,
        condition: Condition,
    },
    Worsen {
        n: i64,
        condition: Condition,
    },
    Repeat {
        n: i64,
        condition: Condition,
    },
    Clear {
        n: i64,
    },
}

/// `Seen` is recorded no more often than this.
const SEEN_EVERY: SignedDuration = SignedDuration::from_secs(60);

/// What follows from a look.
pub(crate) fn step(timing: &Timing, raised: &[Alarm], held: &Held, look: &Look, now: Timestamp) -> (Vec<Change>, Held) {
    let (mut changes, mut after) = (Vec::new(), Held::default());
    let blind: BTreeSet<&Key> = look.blind.iter().collect();
    let mut found = worst_of_each(look);
    for alarm in raised {
        let key = alarm.condition.key();
        match found.remove(&key) {
            Some(condition) => changes.extend(goes_on(timing, alarm, condition, now)),
            None if blind.contains(&key) => keep(&held.falling, &mut after.falling, key),
            None => {
                let gone = held.falling.get(&key).copied().unwrap_or(now).min(now);
                match is_over(timing, &key, gone, now) {
                    true => changes.push(Change::Clear { n: alarm.n }),
                    false => drop(after.falling.insert(key, gone)),
                }
            }
        }
    }
    for key in &blind {
        keep(&held.rising, &mut after.rising, (*key).clone());
    }
    for (key, condition) in found {
        let first = held.rising.get(&key).copied().unwrap_or(now).min(now);
        match is_over(timing, &key, first, now) {
            true => {
                after.rising.remove(&key);
                let since = condition.since.unwrap_or(first).min(now);
                changes.push(Change::Raise { condition: condition.clone(), since });
            }
            false => drop(after.rising.insert(key, first)),
        }
    }
    (changes, after)
}

/// Two findings of one kind and scope are one condition, the worse of them.
fn worst_of_each(look: &Look) -> BTreeMap<Key, &Condition> {
    let mut found: BTreeMap<Key, &Condition> = BTreeMap::new();
    for condition in &look.found {
        let known = found.entry(condition.key()).or_insert(condition);
        if condition.severity > known.severity {
            *known = condition;
        }
    }
    found
}

fn keep(from: &BTreeMap<Key, Timestamp>, to: &mut BTreeMap<Key, Timestamp>, key: Key) {
    if let Some(at) = from.get(&key) {
        to.insert(key, *at);
    }
}

/// Whether what began at `from` was held off long enough.
fn is_over(timing: &Timing, key: &Key, from: Timestamp, now: Timestamp) -> bool {
    !key.0.flaps() || now.duration_since(from) >= timing.hold_off
}

fn goes_on(timing: &Timing, alarm: &Alarm, condition: &Condition, now: Timestamp) -> Option<Change> {
    let (n, is) = (alarm.n, condition.clone());
    if is.severity > alarm.condition.severity {
        return Some(Change::Worsen { n, condition: is });
    }
    if repeats(timing, alarm, now) {
        return Some(Change::Repeat { n, condition: is });
    }
    let changed = is.severity < alarm.condition.severity || now.duration_since(alarm.last_seen) >= SEEN_EVERY;
    changed.then_some(Change::Seen { n, condition: is })
}

fn repeats(timing: &Timing, alarm: &Alarm, now: Timestamp) -> bool {
    let wait = if alarm.times_told <= 1 { timing.repeat_first } else { timing.repeat_then };
    wait > SignedDuration::ZERO && now.duration_since(alarm.told) >= wait
}

/// The alarm as a change leaves it, and what is told of it. A new one has no number yet.
pub(crate) fn after(change: &Change, raised: &[Alarm], now: Timestamp) -> (Option<Alarm>, Option<&'static str>) {
    let of = |n: &i64| raised.iter().find(|alarm| alarm.n == *n).map(|alarm| alarm.changed(change, now));
    match change {
        Change::Raise { condition, since } => (Some(Alarm::raised(0, condition.clone(), *since, now)), Some("raised")),
        Change::Seen { n, .. } => (of(n), None),
        Change::Worsen { n, .. } => (of(n), Some("worse")),
        Change::Repeat { n, .. } => (of(n), Some("repeated")),
        Change::Clear { n } => (of(n), Some("cleared")),
    }
}

impl Alarm {
    fn changed(&self, change: &Change, now: Timestamp) -> Alarm {
        let mut alarm = self.clone();
        match change {
            Change::Raise { .. } => {}
            Change::Seen { condition, .. } => (alarm.condition, alarm.last_seen) = (condition.clone(), now),
            Change::Worsen { condition, .. } | Change::Repeat { condition, .. } => {
                (alarm.condition, alarm.last_seen, alarm.told) = (condition.clone(), now, now);
                alarm.times_told += 1;
            }
            Change::Clear { .. } => alarm.cleared = Some(now),
        }
        alarm
    }

    fn raised(n: i64, condition: Condition, since: Timestamp, now: Timestamp) -> Alarm {
        Alarm { n, condition, since, raised: now, last_seen: now, cleared: None, told: now, times_told: 1 }
    }
}

#[cfg(test)]
mod tests;

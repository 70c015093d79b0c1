//! Finds and returns log: which stretches there are, where they join, what lies in them.
//!
//! Memory: 24 bytes for each object of the log, and one fold.

use std::collections::BTreeMap;
use std::ops::Range;

use futures::TryStreamExt;
use jiff::Timestamp;

use crate::error::{Error, Result};
use crate::format::log::LogHead;
use crate::format::sealed::{
    Class, END_LENGTH, FRAME_HEADER_LENGTH, FrameHead, HEADER_LENGTH, Kind, Opener, open_each,
};
use crate::names::{LogRange, Name, SourceName, prefix};
use crate::vault::{Vault, missing_is_damage, parse_head};

/// Read first of an object to get its head; heads are nearly always shorter.
const HEAD_GUESS: u64 = 4096;

/// One object of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogObject {
    pub range: LogRange,
    pub folded: bool,
    /// Bytes of the object in the store.
    pub size: u32,
}

#[derive(Debug, Default, Clone)]
struct TimelineLog {
    /// By beginning; where two begin together, the longer first.
    objects: Vec<LogObject>,
    /// The latest mark: complete to this position at this time (µs).
    mark: Option<(i64, u64)>,
    has_history: bool,
}

/// The log of a source as it was when this was loaded.
#[derive(Debug, Clone)]
pub struct LogIndex {
    vault: Vault,
    source: SourceName,
    timelines: BTreeMap<u32, TimelineLog>,
}

impl LogIndex {
    pub async fn load(vault: &Vault, source: &SourceName) -> Result<LogIndex> {
        LogIndex::load_prefix(vault, source, &prefix::logs(source)).await
    }

    pub async fn load_timeline(vault: &Vault, source: &SourceName, timeline: u32) -> Result<LogIndex> {
        LogIndex::load_prefix(vault, source, &prefix::timeline(source, timeline)).await
    }

    async fn load_prefix(vault: &Vault, source: &SourceName, prefix: &str) -> Result<LogIndex> {
        let mut timelines: BTreeMap<u32, TimelineLog> = BTreeMap::new();
        let mut listing = vault.store().list(prefix);
        while let Some(object) = listing.try_next().await? {
            let size = u32::try_from(object.size).unwrap_or(u32::MAX);
            match Name::parse(&object.name) {
                Some(Name::LogPart(_, range)) => {
                    timelines.entry(range.timeline).or_default().objects.push(LogObject { range, folded: false, size });
                }
                Some(Name::LogFolded(_, range)) => {
                    timelines.entry(range.timeline).or_default().objects.push(LogObject { range, folded: true, size });
                }
                Some(Name::LogHistory(_, timeline)) => timelines.entry(timeline).or_default().has_history = true,
                Some(Name::LogMark { timeline, position, micros, .. }) => {
                    let mark = &mut timelines.entry(timeline).or_default().mark;
                    *mark = (*mark).max(Some((micros, position)));
                }
                _ => {}
            }
        }
        for log in timelines.values_mut() {
            log.objects.sort_by_key(|object| (object.range.from, std::cmp::Reverse(object.range.to)));
        }
        Ok(LogIndex { vault: vault.clone(), source: source.clone(), timelines })
    }

    /// For looking at single objects whose ranges are known.
    pub(crate) fn empty(vault: &Vault, source: &SourceName) -> LogIndex {
        LogIndex { vault: vault.clone(), source: source.clone(), timelines: BTreeMap::new() }
    }

    pub fn vault(&self) -> &Vault {
        &self.vault
    }

    pub fn source(&self) -> &SourceName {
        &self.source
    }

    /// Those of which there is log. A server that ended before any of its log came has left a history at most.
    pub fn timelines(&self) -> impl Iterator<Item = u32> + '_ {
        self.timelines.iter().filter(|(_, log)| !log.objects.is_empty()).map(|(timeline, _)| *timeline)
    }

    /// Timelines whose history file is there.
    pub fn histories(&self) -> impl Iterator<Item = u32> + '_ {
        self.timelines.iter().filter(|(_, log)| log.has_history).map(|(timeline, _)| *timeline)
    }

    /// All objects of a timeline, by beginning.
    pub fn objects(&self, timeline: u32) -> &[LogObject] {
        self.timelines.get(&timeline).map_or(&[], |log| &log.objects)
    }

    pub fn has_history(&self, timeline: u32) -> bool {
        self.timelines.get(&timeline).is_some_and(|log| log.has_history)
    }

    /// The latest note that the log was complete to a position at a time.
    pub fn mark(&self, timeline: u32) -> Option<(u64, Timestamp)> {
        let (micros, position) = self.timelines.get(&timeline)?.mark?;
        Some((position, Timestamp::from_microsecond(micros).ok()?))
    }

    /// Where the log of a timeline ends.
    pub fn end(&self, timeline: u32) -> Option<u64> {
        self.objects(timeline).iter().map(|object| object.range.to).max()
    }

    /// The unbroken stretches of a timeline, ascending.
    pub fn stretches(&self, timeline: u32) -> Vec<LogRange> {
        let mut stretches: Vec<LogRange> = Vec::new();
        for object in self.objects(timeline) {
            match stretches.last_mut() {
                Some(last) if object.range.from <= last.to => last.to = last.to.max(object.range.to),
                _ => stretches.push(object.range),
            }
        }
        stretches
    }

    /// Whether every byte of the range is there.
    pub fn covers(&self, range: LogRange) -> bool {
        self.stretches(range.timeline).iter().any(|stretch| stretch.from <= range.from && range.to <= stretch.to)
    }

    /// Objects that together cover the range as far as it is covered: folded ones where there are, no overlaps.
    pub fn objects_in(&self, range: LogRange) -> Vec<LogObject> {
        let mut chosen: Vec<LogObject> = Vec::new();
        let mut at = range.from;
        let objects = self.objects(range.timeline);
        let mut next = first_overlapping(objects, range.from);
        while at < range.to {
            let candidates = objects[next..].iter().take_while(|object| object.range.from <= at);
            let Some(best) = candidates.filter(|object| object.range.to > at).max_by_key(|object| object.range.to)
            else {
                break;
            };
            at = best.range.to;
            chosen.push(*best);
            while next < objects.len() && objects[next].range.to <= at {
                next += 1;
            }
        }
        chosen
    }

    /// The bytes of a range, all of them; a hole in it is an error.
    pub async fn read(&self, range: LogRange) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.read_into(range, &mut bytes).await?;
        Ok(bytes)
    }

    /// The same in place of what is in `bytes`, whose memory is used again.
    pub async fn read_into(&self, range: LogRange, bytes: &mut Vec<u8>) -> Result<()> {
        bytes.clear();
        bytes.reserve((range.to - range.from) as usize);
        for object in self.objects_in(range) {
            let at = range.from + bytes.len() as u64;
            let from = at - object.range.from;
            let to = range.to.min(object.range.to) - object.range.from;
            self.append_object(&object, from..to, bytes).await?;
        }
        if bytes.len() as u64 != range.to - range.from {
            return Err(Error::NotFound(format!(
                "log of {} on timeline {} behind {:X}",
                self.source,
                range.timeline,
                range.from + bytes.len() as u64
            )));
        }
        Ok(())
    }

    /// All bytes of one object.
    pub async fn read_object(&self, object: &LogObject) -> Result<Vec<u8>> {
        let length = object.range.to - object.range.from;
        let mut bytes = Vec::with_capacity(length as usize);
        self.append_object(object, 0..length, &mut bytes).await?;
        Ok(bytes)
    }

    /// Appends a part of an object's bytes, frame by frame.
    async fn append_object(&self, object: &LogObject, wanted: Range<u64>, out: &mut Vec<u8>) -> Result<()> {
        let name = self.name(object);
        let sealed = self.vault.store().get(&name.to_string()).await;
        let sealed = sealed.map_err(|error| missing_is_damage(&name, error))?;
        let mut at = 0;
        open_each(self.vault.keys(), Kind::Log, &name, &sealed, |class, _, raw| {
            if class == Class::Bytes {
                let length = raw.len() as u64;
                let from = wanted.start.saturating_sub(at).min(length) as usize;
                let to = wanted.end.saturating_sub(at).min(length) as usize;
                out.extend_from_slice(&raw[from..to.max(from)]);
                at += length;
            }
        })?;
        match at == object.range.to - object.range.from {
            true => Ok(()),
            false => Err(Error::malformed(name.to_string(), "it is not as long as its name says")),
        }
    }

    /// What lies in an object: one short read.
    pub async fn head(&self, object: &LogObject) -> Result<LogHead> {
        let name = self.name(object);
        let text = name.to_string();
        let damaged = |error| missing_is_damage(&name, error);
        let size = u64::from(object.size);
        let guess = self.vault.store().get_range(&text, 0..HEAD_GUESS.min(size)).await.map_err(damaged)?;
        let mut opener = Opener::new(self.vault.keys(), Kind::Log, &name, &guess)?;
        let frame = FrameHead::read(&text, guess.get(HEADER_LENGTH..).unwrap_or_default())?;
        let end = HEADER_LENGTH + FRAME_HEADER_LENGTH + frame.stored as usize;
        let bytes = match guess.get(HEADER_LENGTH..end) {
            Some(bytes) => bytes.to_vec(),
            None => {
                self.vault.store().get_range(&text, HEADER_LENGTH as u64..end as u64).await.map_err(damaged)?.to_vec()
            }
        };
        let raw = opener.open(HEADER_LENGTH as u64, &bytes, Class::Head)?;
        serde_json::from_slice(&raw).map_err(|e| Error::malformed(text, e.to_string()))
    }

    /// Opens the end frame of an object, which stands nowhere but where the object was ended: nothing is cut off.
    pub async fn prove_end(&self, object: &LogObject) -> Result<()> {
        let name = self.name(object);
        let text = name.to_string();
        let Some(end) =
            u64::from(object.size).checked_sub(END_LENGTH as u64).filter(|end| *end >= HEADER_LENGTH as u64)
        else {
            return Err(Error::damaged(text, "it is too short to have an end"));
        };
        let header = self.vault.store().get_range(&text, 0..HEADER_LENGTH as u64).await?;
        let frame = self.vault.store().get_range(&text, end..end + END_LENGTH as u64).await?;
        let mut opener = Opener::new(self.vault.keys(), Kind::Log, &name, &header)?;
        match opener.open(end, &frame, Class::End) {
            Ok(_) => Ok(()),
            Err(_) => Err(Error::damaged(text, "its end is missing: it was cut short or grew")),
        }
    }

    /// The engine's own description of where a timeline came from.
    pub async fn history(&self, timeline: u32) -> Result<Vec<u8>> {
        let name = Name::LogHistory(self.source.clone(), timeline);
        let frames = self.vault.get_sealed(Kind::Note, &name).await?;
        Ok(frames.into_iter().flat_map(|frame| frame.raw).collect())
    }

    pub fn name(&self, object: &LogObject) -> Name {
        match object.folded {
            true => Name::LogFolded(self.source.clone(), object.range),
            false => Name::LogPart(self.source.clone(), object.range),
        }
    }
}

/// The first object that may reach beyond `position`. Objects are at most one fold long and folds are aligned, so whatever
/// covers a position begins at most the longest object's length before it.
fn first_overlapping(objects: &[LogObject], position: u64) -> usize {
    let longest = objects.iter().map(|object| object.range.to - object.range.from).max().unwrap_or(0);
    objects.partition_point(|object| object.range.from + longest <= position)
}

/// A mark's own content is only its time again; its name says the rest. Reading it proves that it is genuine.
pub async fn read_mark(vault: &Vault, name: &Name) -> Result<Timestamp> {
    let frames = vault.get_sealed(Kind::Note, name).await?;
    parse_head(name, &frames)
}

//! Takes a log in, in order, and makes it durable. Does no waiting of its own: whoever receives decides when to flush, and may
//! receive on while a part is on its way.
//!
//! Memory: what has arrived and is not yet durable, and the raw bytes of one fold (16 MiB) twice.

use bytes::{Bytes, BytesMut};
use jiff::Timestamp;

use super::read::LogIndex;
use crate::error::{Error, Result};
use crate::format::log::{LOG_FRAME_RAW, LogHead, Moment, Moments, NamedPoint};
use crate::format::sealed::{Class, Kind};
use crate::names::{LogRange, Name, SourceName};
use crate::vault::Vault;

const LEVEL: i32 = 3;

/// One timeline of one source, at its growing end. There must be one writer only.
#[derive(Debug)]
pub struct LogWriter {
    vault: Vault,
    source: SourceName,
    timeline: u32,
    /// Bytes of a fold; folds begin at its multiples.
    fold_length: u64,
    durable: u64,
    /// Bytes of the part on its way; they lie between `durable` and `pending`.
    on_its_way: u64,
    pending: BytesMut,
    /// Commits and points not yet taken into a part.
    commits: Vec<(Moment, u32)>,
    points: Vec<NamedPoint>,
    fold: Option<Fold>,
}

/// The durable beginning of the fold at hand; `None` in the writer when its first bytes never arrived.
#[derive(Debug, Default)]
struct Fold {
    bytes: BytesMut,
    moments: Moments,
}

/// A part on its way.
#[derive(Debug)]
pub struct Part {
    vault: Vault,
    source: SourceName,
    range: LogRange,
    bytes: Bytes,
    head: LogHead,
}

/// A part that is durable.
#[derive(Debug)]
pub struct Durable {
    range: LogRange,
    bytes: Bytes,
    moments: Moments,
}

/// A complete fold, to be put whenever it suits.
#[derive(Debug)]
pub struct FoldReady {
    vault: Vault,
    source: SourceName,
    range: LogRange,
    bytes: Bytes,
    moments: Moments,
}

impl LogWriter {
    /// Continues a timeline where the vault's log of it ends, or begins it at `start` when there is none yet.
    ///
    /// `start` behind the end of what is there leaves a gap, on purpose and visibly: the server no longer has what lies between.
    pub async fn resume(
        vault: &Vault,
        source: &SourceName,
        timeline: u32,
        start: Option<u64>,
        fold_length: u64,
    ) -> Result<LogWriter> {
        let index = LogIndex::load_timeline(vault, source, timeline).await?;
        let durable = match (index.end(timeline), start) {
            (Some(end), Some(start)) => end.max(start),
            (Some(end), None) => end,
            (None, Some(start)) => start,
            (None, None) => return Err(Error::Invalid(format!("timeline {timeline} of {source} has no beginning"))),
        };
        let fold = load_fold(&index, timeline, durable, fold_length).await?;
        Ok(LogWriter {
            vault: vault.clone(),
            source: source.clone(),
            timeline,
            fold_length,
            durable,
            on_its_way: 0,
            pending: BytesMut::new(),
            commits: Vec::new(),
            points: Vec::new(),
            fold,
        })
    }

    pub fn timeline(&self) -> u32 {
        self.timeline
    }

    /// Everything before this is in the vault.
    pub fn durable(&self) -> u64 {
        self.durable
    }

    /// Where the next byte belongs.
    pub fn received(&self) -> u64 {
        self.durable + self.on_its_way + self.pending.len() as u64
    }

    pub fn pending_bytes(&self) -> usize {
        self.pending.len()
    }

    /// Takes the next bytes. Bytes that were received before are skipped; a hole before them is refused.
    pub fn push(&mut self, position: u64, bytes: &[u8]) -> Result<()> {
        let expected = self.received();
        if position > expected {
            return Err(Error::Invalid(format!("the log jumps from {expected:X} to {position:X}")));
        }
        let known = ((expected - position) as usize).min(bytes.len());
        self.pending.extend_from_slice(&bytes[known..]);
        Ok(())
    }

    /// Notes a commit that begins in the bytes pushed.
    pub fn commit(&mut self, moment: Moment, transaction: u32) {
        self.commits.push((moment, transaction));
    }

    /// Notes a named point that begins in the bytes pushed.
    pub fn point(&mut self, point: NamedPoint) {
        self.points.push(point);
    }

    /// Takes what has arrived, up to the end of the fold at hand, as the next part. Put it, then say `durable_now`.
    /// Only one part is on its way at a time: until then there is no next.
    pub fn take_part(&mut self, complete_at: Option<Timestamp>) -> Option<Part> {
        if self.pending.is_empty() || self.on_its_way > 0 {
            return None;
        }
        let room = self.fold_length - self.durable % self.fold_length;
        let length = (self.pending.len() as u64).min(room);
        let to = self.durable + length;
        self.on_its_way = length;
        let bytes = self.pending.split_to(length as usize).freeze();
        let moments = self.moments_before(to);
        // What is complete is only known of everything received, so a part with more behind it does not say.
        let complete_at = complete_at.filter(|_| self.pending.is_empty());
        Some(Part {
            vault: self.vault.clone(),
            source: self.source.clone(),
            range: LogRange { timeline: self.timeline, from: self.durable, to },
            bytes,
            head: LogHead { received: self.vault.env().now(), complete_at, moments },
        })
    }

    fn moments_before(&mut self, to: u64) -> Moments {
        let mut moments = Moments::default();
        let commits = self.commits.partition_point(|(moment, _)| moment.position < to);
        self.commits.drain(..commits).for_each(|(moment, transaction)| moments.commit(moment, transaction));
        let points = self.points.partition_point(|point| point.position < to);
        moments.points.extend(self.points.drain(..points));
        moments
    }

    /// Moves the durable position behind a part. Hands out the fold that it completed.
    #[expect(clippy::needless_pass_by_value, reason = "a part becomes durable once")]
    pub fn durable_now(&mut self, part: Durable) -> Option<FoldReady> {
        let at_border = part.range.from.is_multiple_of(self.fold_length);
        if at_border {
            // Room for all of it at once: growing would hold it twice.
            let bytes = BytesMut::with_capacity(self.fold_length as usize);
            self.fold = Some(Fold { bytes, moments: Moments::default() });
        }
        self.durable = part.range.to;
        self.on_its_way = 0;
        let fold = self.fold.as_mut()?;
        fold.bytes.extend_from_slice(&part.bytes);
        fold.moments.append(&part.moments);
        if !self.durable.is_multiple_of(self.fold_length) {
            return None;
        }
        let fold = self.fold.take()?;
        Some(FoldReady {
            vault: self.vault.clone(),
            source: self.source.clone(),
            range: LogRange { timeline: self.timeline, from: self.durable - self.fold_length, to: self.durable },
            bytes: fold.bytes.freeze(),
            moments: fold.moments,
        })
    }

    /// Notes that at `complete_at` (the server's clock) nothing lay behind the durable position: for quiet hours, in which no
    /// part says so.
    pub async fn mark(&self, complete_at: Timestamp) -> Result<()> {
        let name = Name::LogMark {
            source: self.source.clone(),
            timeline: self.timeline,
            position: self.durable,
            micros: complete_at.as_microsecond(),
        };
        match self.vault.put_json(Kind::Note, &name, &complete_at).await {
            // Noted by an earlier session: the name says all of it, sealed another time.
            Ok(_) | Err(Error::Exists(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

impl Part {
    /// Puts the part. It may be tried again after an error.
    pub async fn put(&self) -> Result<Durable> {
        let name = Name::LogPart(self.source.clone(), self.range);
        put_log(&self.vault, &name, &self.head, &self.bytes).await?;
        Ok(Durable { range: self.range, bytes: self.bytes.clone(), moments: self.head.moments.clone() })
    }

    pub fn range(&self) -> LogRange {
        self.range
    }
}

impl FoldReady {
    pub async fn put(&self) -> Result<()> {
        let name = Name::LogFolded(self.source.clone(), self.range);
        let head = LogHead { received: self.vault.env().now(), complete_at: None, moments: self.moments.clone() };
        match put_log(&self.vault, &name, &head, &self.bytes).await {
            // Folded before a restart: the same stretch, sealed another time.
            Err(Error::Exists(_)) => Ok(()),
            other => other,
        }
    }
}

async fn put_log(vault: &Vault, name: &Name, head: &LogHead, bytes: &Bytes) -> Result<()> {
    let head = serde_json::to_vec(head).map_err(|e| Error::Internal(e.to_string()))?;
    let mut frames: Vec<(Class, &[u8])> = vec![(Class::Head, &head)];
    frames.extend(bytes.chunks(LOG_FRAME_RAW).map(|chunk| (Class::Bytes, chunk)));
    vault.put_sealed(Kind::Log, name, &frames, LEVEL).await.map(drop)
}

/// Reads back the part of the current fold that is in the vault already.
async fn load_fold(index: &LogIndex, timeline: u32, durable: u64, fold_length: u64) -> Result<Option<Fold>> {
    fold_left_over(index, timeline, durable, fold_length).await?;
    let from = durable - durable % fold_length;
    if from == durable {
        return Ok(Some(Fold::default()));
    }
    let range = LogRange { timeline, from, to: durable };
    if !index.covers(range) {
        return Ok(None);
    }
    let bytes = index.read(range).await?;
    let mut moments = Moments::default();
    for object in index.objects_in(range) {
        moments.append(&index.head(&object).await?.moments);
    }
    Ok(Some(Fold { bytes: BytesMut::from(bytes.as_slice()), moments }))
}

/// Folds the last complete stretch if a crash came between its last part and its fold.
async fn fold_left_over(index: &LogIndex, timeline: u32, durable: u64, fold_length: u64) -> Result<()> {
    let to = durable - durable % fold_length;
    let Some(from) = to.checked_sub(fold_length) else { return Ok(()) };
    let range = LogRange { timeline, from, to };
    let objects = index.objects_in(range);
    if !index.covers(range) || objects.iter().any(|object| object.folded) {
        return Ok(());
    }
    let mut moments = Moments::default();
    for object in objects {
        moments.append(&index.head(&object).await?.moments);
    }
    let (vault, source) = (index.vault().clone(), index.source().clone());
    FoldReady { vault, source, range, bytes: Bytes::from(index.read(range).await?), moments }.put().await
}

/// Stores where a timeline came from, as the engine's own file says.
pub async fn put_history(vault: &Vault, source: &SourceName, timeline: u32, content: &[u8]) -> Result<()> {
    let name = Name::LogHistory(source.clone(), timeline);
    match vault.get_sealed(Kind::Note, &name).await {
        Ok(frames) if frames.iter().flat_map(|f| &f.raw).eq(content) => return Ok(()),
        Ok(_) => return Err(Error::Exists(name.to_string())),
        Err(Error::NotFound(_)) => {}
        Err(error) => return Err(error),
    }
    vault.put_sealed(Kind::Note, &name, &[(Class::Bytes, content)], LEVEL).await.map(drop)
}

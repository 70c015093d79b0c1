//! Where a session begins: on which timeline, at which position, and whether something is missing before it.

use vault::Vault;
use vault::log::read::LogIndex;
use vault::names::LogRange;

use super::{Cluster, Gap};
use crate::error::{Error, Result};
use crate::postgres::lsn::{Lsn, Timeline};
use crate::postgres::wal::names::History;
use crate::postgres::wire::replication::{Slot, System, check_slot_name};
use crate::postgres::wire::{Connection, Mode, Replication};

/// What a session knows before it streams.
#[derive(Debug)]
pub(super) struct Start {
    pub(super) timeline: Timeline,
    /// `None`: where the vault's log of the timeline ends.
    pub(super) position: Option<Lsn>,
    /// What is missing: where the vault's own log does not join, and before `position`.
    pub(super) gaps: Vec<Gap>,
}

/// Why log is missing that a slot should have kept.
const WAS_LOST: &str = "the server gave up the slot and removed the log that it kept";

/// The vault's log ends somewhere; the server's begins somewhere. Finds where they meet.
pub(super) async fn find(
    vault: &Vault,
    cluster: &Cluster,
    replication: &mut Replication,
    system: &System,
    (segment_bytes, removed): (u64, bool),
) -> Result<Start> {
    let (slot, was_lost) = slot_or_new(cluster, replication).await?;
    let oldest = slot.restart_lsn.unwrap_or(system.position).align_down(segment_bytes);
    let index = LogIndex::load(vault, &cluster.source).await?;
    let known: Vec<Timeline> = index.timelines().collect();
    let Some(last) = known.iter().copied().max() else {
        return Ok(Start { timeline: system.timeline, position: Some(oldest), gaps: vec![] });
    };
    // A server that was restored, or went back from that, need not be on the newest there ever was.
    let history = history_of(replication, system.timeline).await?;
    let followed = known.iter().copied().filter(|timeline| history.end_of(*timeline).is_some());
    let newest = match known.contains(&system.timeline) {
        true => system.timeline,
        false => followed.max().unwrap_or(last),
    };
    let end = Lsn(index.end(newest).unwrap_or(0));
    let now = vault.env().now();
    let gap = |from, to, why: &str| Gap { timeline: newest, from, to, noticed: now, why: why.to_owned() };
    let stretches = index.stretches(newest);
    let apart = stretches.windows(2).map(|pair| (Lsn(pair[0].to), Lsn(pair[1].from)));
    let mut gaps: Vec<Gap> = apart.map(|(from, to)| gap(from, to, "the log in the vault does not join")).collect();
    if newest == system.timeline {
        if end > system.position {
            // The server lost log that was durable here: it was restored or rewound without a new timeline.
            return Err(Error::Wal {
                lsn: end.to_string(),
                what: format!(
                    "the vault's log reaches it, and the server's ends at {} on the same timeline {newest}",
                    system.position
                ),
            });
        }
        let gone = oldest > end;
        if gone {
            gaps.push(gap(end, oldest, if was_lost { WAS_LOST } else { "the slot does not keep it any more" }));
        }
        return Ok(Start { timeline: newest, position: gone.then_some(oldest), gaps });
    }
    match history.end_of(newest) {
        // A slot that was made on a new server may begin later than the log that the server still has; `removed` says that it has not.
        Some(switch) if end <= switch && !(oldest > end && (was_lost || removed)) => {
            Ok(Start { timeline: newest, position: None, gaps })
        }
        // It was restored to a moment that the vault's log goes beyond. What lies behind it stays, on the old timeline.
        Some(switch) if oldest <= switch.align_down(segment_bytes) => {
            let from = switch.align_down(segment_bytes);
            Ok(Start { timeline: system.timeline, position: Some(from), gaps })
        }
        Some(switch) if end <= switch => {
            let why = if was_lost { WAS_LOST } else { "the server has removed it" };
            gaps.push(gap(end, oldest, why));
            Ok(Start { timeline: system.timeline, position: Some(oldest), gaps })
        }
        _ => {
            gaps.push(gap(end, oldest, "the server is on a timeline that does not follow from the vault's"));
            Ok(Start { timeline: system.timeline, position: Some(oldest), gaps })
        }
    }
}

/// The range a fresh scan must read back so that it begins at the beginning of a segment.
pub(super) fn scan_from(timeline: Timeline, durable: Lsn, segment_bytes: u64) -> LogRange {
    LogRange { timeline, from: durable.align_down(segment_bytes).0, to: durable.0 }
}

/// Our slot, and whether it had been lost: such a one never keeps log again, and is dropped for a new one. The server refuses to drop one
/// that somebody uses.
async fn slot_or_new(cluster: &Cluster, replication: &mut Replication) -> Result<(Slot, bool)> {
    let mut found = replication.read_slot(&cluster.slot).await?;
    let mut was_lost = false;
    if let Some(slot) = found.as_ref().filter(|slot| slot.physical) {
        was_lost = slot.restart_lsn.is_none()
            || is_lost(cluster).await.unwrap_or_else(|error| {
                tracing::debug!(%error, source = %cluster.source, "the server does not say whether the slot is lost");
                false
            });
        if was_lost {
            tracing::error!(source = %cluster.source, slot = %cluster.slot, "the server has given up the replication slot: it is dropped and made again");
            replication.drop_slot(&cluster.slot).await?;
            found = None;
        }
    }
    if found.is_none() {
        match replication.create_slot(&cluster.slot).await {
            Ok(()) if was_lost => {}
            Ok(()) => {
                tracing::error!(source = %cluster.source, slot = %cluster.slot, "the replication slot had been dropped: it is made again");
            }
            // Whoever puts a successor in the place of a server makes its slot too, and was quicker.
            Err(Error::SlotTaken { .. }) => {}
            Err(error) => return Err(error),
        }
        found = replication.read_slot(&cluster.slot).await?;
    }
    match found {
        Some(slot) if slot.physical => Ok((slot, was_lost)),
        Some(_) => Err(Error::SlotTaken { slot: cluster.slot.clone(), what: "it is a logical one".into() }),
        None => Err(Error::NoSlot(cluster.slot.clone())),
    }
}

/// By `max_slot_wal_keep_size` or, from 18 on, `idle_replication_slot_timeout`. The replication command of a slot does not tell the latter.
async fn is_lost(cluster: &Cluster) -> Result<bool> {
    check_slot_name(&cluster.slot)?;
    let mut sql = Connection::connect(&cluster.conninfo, Mode::Sql).await?;
    let query = format!("SELECT wal_status FROM pg_catalog.pg_replication_slots WHERE slot_name = '{}'", cluster.slot);
    let status = sql.value(&query).await?;
    sql.close().await;
    Ok(status.as_deref() == Some("lost"))
}

async fn history_of(replication: &mut Replication, timeline: Timeline) -> Result<History> {
    if timeline < 2 {
        return Ok(History::of_first(timeline));
    }
    let file = replication.timeline_history(timeline).await?;
    History::parse(timeline, &file.content)
}

//! Which packs are sparse: a backup needs so little of them that storing that again costs less than keeping them.
//!
//! A pack goes when no manifest names it. One live extent of an old pack keeps all of it, so the next backup stores such extents anew
//! and names the pack no more; it goes with the last older backup that needs it. What is copied is bounded, so that no backup
//! becomes a full one by it.

use std::collections::HashMap;

use crate::format::manifest::PackInfo;
use crate::names::PackId;

/// A pack with less than one in so many bytes needed is sparse.
const LIVE_PART: u64 = 4;
/// Of all that a backup needs, the next one copies at most one in so many bytes.
const COPIED_PART: u64 = 8;

/// The emptiest first.
pub(super) fn choose(packs: &[PackInfo], live: &HashMap<PackId, u64>) -> Vec<PackId> {
    let needed = |pack: &PackInfo| live.get(&pack.id).copied().unwrap_or(0);
    let mut room = packs.iter().map(needed).sum::<u64>() / COPIED_PART;
    // Packs that hold lists only are new with each backup, and nothing in `live` speaks of them.
    let mut sparse: Vec<(u64, &PackInfo)> = packs.iter().map(|pack| (needed(pack), pack)).collect();
    sparse.retain(|(needed, pack)| *needed > 0 && needed * LIVE_PART < pack.size);
    sparse.sort_by_key(|(needed, pack)| (*needed, pack.id));
    let fits = |(needed, pack): (u64, &PackInfo)| {
        let fits = needed <= room;
        room -= if fits { needed } else { 0 };
        fits.then_some(pack.id)
    };
    sparse.into_iter().filter_map(fits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pack(number: u8, size: u64) -> PackInfo {
        PackInfo { id: PackId([number; 16]), size }
    }

    #[test]
    fn the_emptiest_as_far_as_there_is_room() {
        let packs = [pack(1, 1000), pack(2, 1000), pack(3, 1000), pack(4, 1000), pack(5, 50)];
        let live = [(1, 900), (2, 240), (3, 100), (4, 250)].map(|(n, bytes)| (PackId([n; 16]), bytes));
        // 1490 are needed, so at most 186 are copied: the third fits, the second does not, the fourth is not sparse, and nothing is
        // known of the fifth.
        assert_eq!(choose(&packs, &live.into()), [PackId([3; 16])]);
    }

    #[test]
    fn a_dense_backup_has_none() {
        assert_eq!(choose(&[pack(1, 1000)], &[(PackId([1; 16]), 990)].into()), []);
    }
}

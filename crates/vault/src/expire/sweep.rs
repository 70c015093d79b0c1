//! Deletes packs that nothing has needed for the grace period, then the tombstones that are older than it.
//!
//! Order of looking, which makes it safe beside a running backup:
//! ```text
//!   list packs ──► list and read manifests and tombstones ──► delete
//! ```
//! A backup committed before the manifests are listed is seen; one committed after shares only packs of a parent that is still
//! there or has a young tombstone, and its own packs are young.
//!
//! Memory: 40 bytes for each pack.

use std::collections::HashSet;

use futures::TryStreamExt;
use jiff::{SignedDuration, Timestamp};

use super::apply::{Deleter, read_tombstone};
use crate::backup::read::read_manifest;
use crate::error::{Error, Result};
use crate::names::{Name, PackId, prefix};
use crate::store::ObjectInfo;
use crate::vault::Vault;

pub(super) async fn sweep(deleter: &mut Deleter<'_>, grace: SignedDuration) -> Result<()> {
    let vault = deleter.vault.clone();
    let mut packs = list(&vault, prefix::PACKS).await?;
    let backups = list(&vault, prefix::BACKUPS).await?;
    let newest = packs.iter().chain(&backups).map(|object| object.modified).max();
    let is_old = |object: &ObjectInfo| older(object, newest, grace);
    packs.retain(is_old);
    let (needed, old_tombstones) = needed(&vault, &backups, is_old).await?;
    for pack in packs {
        if let Some(Name::Pack(id)) = Name::parse(&pack.name)
            && !needed.contains(&id)
            && deleter.delete(&pack.name, pack.size).await?
        {
            deleter.applied.packs_deleted += 1;
        }
    }
    for tombstone in old_tombstones {
        if deleter.delete(&tombstone.name, tombstone.size).await? {
            deleter.applied.tombstones_deleted += 1;
        }
    }
    Ok(())
}

/// By the store's clock, which is as far as its newest object.
pub(super) fn older(object: &ObjectInfo, newest: Option<Timestamp>, grace: SignedDuration) -> bool {
    newest.is_some_and(|newest| newest.duration_since(object.modified) > grace)
}

async fn list(vault: &Vault, prefix: &str) -> Result<Vec<ObjectInfo>> {
    vault.store().list(prefix).try_collect().await
}

/// All packs that must stay, and the tombstones that need no longer.
async fn needed<'o>(
    vault: &Vault,
    objects: &'o [ObjectInfo],
    is_old: impl Fn(&ObjectInfo) -> bool,
) -> Result<(HashSet<PackId>, Vec<&'o ObjectInfo>)> {
    let mut needed = HashSet::new();
    let mut old = Vec::new();
    for object in objects {
        let table = match Name::parse(&object.name) {
            Some(Name::Manifest(source, id)) => match read_manifest(vault, &source, &id).await {
                // Expired by somebody else since it was listed: his tombstone may be younger than our listing.
                Err(Error::NotFound(_)) => {
                    return Err(Error::Store {
                        action: "listing",
                        object: object.name.clone(),
                        source: "another expiry is running".into(),
                        permanent: false,
                    });
                }
                other => other?.1,
            },
            Some(name @ Name::Expired(..)) if !is_old(object) => match read_tombstone(vault, &name).await {
                Err(Error::NotFound(_)) => continue,
                other => other?,
            },
            Some(Name::Expired(..)) => {
                old.push(object);
                continue;
            }
            _ => continue,
        };
        needed.extend(table.packs.iter().map(|pack| pack.id));
    }
    Ok((needed, old))
}

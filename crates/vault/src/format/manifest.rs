//! The manifest: the sealed description of one backup. Putting it is the commit; without it there is no backup.
//!
//! Frames: `Head` (JSON, `ManifestHead`), `Table` (binary, below), end.
//! ```text
//! u8 version=1
//! varint lists, each an extent reference of a file list, in path order
//! u8 has tail; if 1: extent reference of the list of files that must be put in place last
//! varint packs, each: 16 bytes id · varint size in bytes          every pack that this backup needs, ascending by id
//! ```

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::codec::{Decoded, Malformed, Reader, put_varint};
use super::map::ExtentRef;
use crate::names::PackId;

pub const TABLE_VERSION: u8 = 1;

/// What happened to the bytes, for reports.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    pub files: u64,
    /// Bytes of all files.
    pub bytes: u64,
    pub pages: u64,
    /// Pages that are not the same as in the parent.
    pub pages_changed: u64,
    /// Bytes this backup added to the vault, manifest not counted.
    pub bytes_stored: u64,
}

/// A page whose own checksum did not hold after it was read again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DamagedPage {
    pub path: String,
    /// Counts from 0 in the file.
    pub page: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestHead {
    pub source: String,
    pub backup: String,
    /// The backup whose unchanged pages are shared; nothing is needed of it but its packs.
    pub parent: Option<String>,
    /// A name given by a person.
    pub label: Option<String>,
    /// The rule of a policy that made it; none when a person did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// What made it, in the words of whoever asked: the id of an operation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    pub began: Timestamp,
    pub ended: Timestamp,
    /// Log needed to make the files consistent: from `log_from`, through `log_to`, on `timeline`.
    pub timeline: u32,
    pub log_from: u64,
    pub log_to: u64,
    /// Bytes of a file covered by one page map.
    pub segment_length: u64,
    pub totals: Totals,
    /// Packs of which this backup needs little, as hex: the next one stores what it needs of them anew, so that they can go.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sparse: Vec<String>,
    /// The first damaged pages (`damaged_pages_total` counts all).
    pub damaged_pages: Vec<DamagedPage>,
    pub damaged_pages_total: u64,
    /// Which engine wrote it, `postgresql`; and what that engine must know to bring it back.
    pub engine: String,
    pub engine_info: serde_json::Value,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackInfo {
    pub id: PackId,
    /// Bytes of the whole object.
    pub size: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ManifestTable {
    pub lists: Vec<ExtentRef>,
    pub tail: Option<ExtentRef>,
    pub packs: Vec<PackInfo>,
}

impl ManifestTable {
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![TABLE_VERSION];
        put_varint(&mut out, self.lists.len() as u64);
        self.lists.iter().for_each(|list| list.encode(&mut out));
        out.push(u8::from(self.tail.is_some()));
        if let Some(tail) = &self.tail {
            tail.encode(&mut out);
        }
        put_varint(&mut out, self.packs.len() as u64);
        for pack in &self.packs {
            out.extend_from_slice(&pack.id.0);
            put_varint(&mut out, pack.size);
        }
        out
    }

    pub fn decode(bytes: &[u8]) -> Decoded<ManifestTable> {
        let mut reader = Reader::new(bytes);
        let version = reader.u8("table version")?;
        if version != TABLE_VERSION {
            return Err(Malformed(format!("table version {version}")));
        }
        let lists = reader.count(18, "lists")?;
        let lists = (0..lists).map(|_| ExtentRef::decode(&mut reader)).collect::<Decoded<_>>()?;
        let tail = match reader.u8("has tail")? {
            0 => None,
            1 => Some(ExtentRef::decode(&mut reader)?),
            other => return Err(Malformed(format!("has tail {other}"))),
        };
        let packs = reader.count(17, "packs")?;
        let packs: Vec<PackInfo> = (0..packs)
            .map(|_| Ok(PackInfo { id: PackId(reader.array("pack id")?), size: reader.varint("pack size")? }))
            .collect::<Decoded<_>>()?;
        reader.end("manifest table")?;
        if packs.windows(2).any(|pair| pair[0].id >= pair[1].id) {
            return Err(Malformed("packs are not in ascending order".into()));
        }
        Ok(ManifestTable { lists, tail, packs })
    }
}

#[cfg(test)]
mod tests;

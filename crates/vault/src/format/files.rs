//! A list of files of a backup: what they are, and where their page maps stand. A manifest names its lists in order; a list
//! holds at most some thousands of entries, so that a reader needs one list in memory, however many files there are.
//!
//! ```text
//! u8 version=1 · varint entries, each:
//!   bytes path (relative, `/`-separated, UTF-8) · u8 kind: 0 folder, 1 symbolic link, 2 file
//!   varint mode (permission bits) · varint uid · varint gid · delta modified (µs since 1970)
//!   link: bytes target
//!   file: varint size · varint page size · varint segments, each: u8 0 + bytes page map | u8 1 + extent reference of one
//! ```
//! Paths ascend by component (`a/b` before `a.b`), so two lists can be merged; a folder stands before what is in it.

use std::cmp::Ordering;

use super::codec::{Decoded, Malformed, Reader, put_bytes, put_delta, put_varint};
use super::map::ExtentRef;

pub const LIST_VERSION: u8 = 1;

/// The map of one segment of a file: small ones stand in the list itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SegmentRef {
    /// An encoded page map, see `map.rs`.
    Inline(Vec<u8>),
    Stored(ExtentRef),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    Folder,
    Link {
        target: String,
    },
    /// `size` and `page_size` in bytes; one map for each started `segment length` of the manifest.
    File {
        size: u64,
        page_size: u32,
        segments: Vec<SegmentRef>,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileEntry {
    pub path: String,
    pub content: Content,
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    /// Microseconds since 1970.
    pub modified: i64,
}

/// Order of paths in lists: component by component.
pub fn path_order(a: &str, b: &str) -> Ordering {
    a.split('/').cmp(b.split('/'))
}

/// A path that stays below the directory it is joined to.
pub fn is_safe_path(path: &str) -> bool {
    !path.is_empty()
        && !path.contains('\0')
        && path.split('/').all(|part| !part.is_empty() && part != "." && part != "..")
}

impl FileEntry {
    pub fn encode(&self, out: &mut Vec<u8>) {
        put_bytes(out, self.path.as_bytes());
        out.push(match self.content {
            Content::Folder => 0,
            Content::Link { .. } => 1,
            Content::File { .. } => 2,
        });
        put_varint(out, u64::from(self.mode));
        put_varint(out, u64::from(self.uid));
        put_varint(out, u64::from(self.gid));
        put_delta(out, self.modified);
        match &self.content {
            Content::Folder => {}
            Content::Link { target } => put_bytes(out, target.as_bytes()),
            Content::File { size, page_size, segments } => {
                put_varint(out, *size);
                put_varint(out, u64::from(*page_size));
                put_varint(out, segments.len() as u64);
                segments.iter().for_each(|segment| encode_segment(segment, out));
            }
        }
    }

    fn decode(reader: &mut Reader<'_>) -> Decoded<FileEntry> {
        let path = reader.text("path")?.to_owned();
        if !is_safe_path(&path) {
            return Err(Malformed(format!("path {path:?}")));
        }
        let kind = reader.u8("kind")?;
        let mode = reader.varint_u32("mode")?;
        let uid = reader.varint_u32("uid")?;
        let gid = reader.varint_u32("gid")?;
        let modified = reader.delta("modified")?;
        let content = match kind {
            0 => Content::Folder,
            1 => Content::Link { target: reader.text("link target")?.to_owned() },
            2 => decode_file(reader)?,
            other => return Err(Malformed(format!("kind {other}"))),
        };
        Ok(FileEntry { path, content, mode, uid, gid, modified })
    }
}

fn encode_segment(segment: &SegmentRef, out: &mut Vec<u8>) {
    match segment {
        SegmentRef::Inline(map) => {
            out.push(0);
            put_bytes(out, map);
        }
        SegmentRef::Stored(extent) => {
            out.push(1);
            extent.encode(out);
        }
    }
}

fn decode_file(reader: &mut Reader<'_>) -> Decoded<Content> {
    let size = reader.varint("size")?;
    let page_size = reader.varint_u32("page size")?;
    let segments = reader.count(2, "segments")?;
    let segments = (0..segments)
        .map(|_| match reader.u8("segment kind")? {
            0 => Ok(SegmentRef::Inline(reader.bytes("inline map")?.to_vec())),
            1 => Ok(SegmentRef::Stored(ExtentRef::decode(reader)?)),
            other => Err(Malformed(format!("segment kind {other}"))),
        })
        .collect::<Decoded<_>>()?;
    if page_size == 0 {
        return Err(Malformed("page size 0".into()));
    }
    Ok(Content::File { size, page_size, segments })
}

pub fn encode_list(entries: &[FileEntry]) -> Vec<u8> {
    let mut out = vec![LIST_VERSION];
    put_varint(&mut out, entries.len() as u64);
    entries.iter().for_each(|entry| entry.encode(&mut out));
    out
}

pub fn decode_list(bytes: &[u8]) -> Decoded<Vec<FileEntry>> {
    let mut reader = Reader::new(bytes);
    let version = reader.u8("list version")?;
    if version != LIST_VERSION {
        return Err(Malformed(format!("list version {version}")));
    }
    let count = reader.count(6, "entries")?;
    let entries = (0..count).map(|_| FileEntry::decode(&mut reader)).collect::<Decoded<_>>()?;
    reader.end("file list")?;
    Ok(entries)
}

#[cfg(test)]
mod tests;

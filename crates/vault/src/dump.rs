//! Shows any object of a vault in words: for the person who debugs a vault, or writes a second reader of it.

use std::fmt::Write;

use crate::error::{Error, Result};
use crate::format::FORMAT_VERSION;
use crate::format::files::{Content, FileEntry, SegmentRef, decode_list};
use crate::format::log::LogHead;
use crate::format::manifest::{ManifestHead, ManifestTable};
use crate::format::map::{ExtentRef, PageMap, StoredMap};
use crate::format::sealed::{
    Class, END_LENGTH, FRAME_HEADER_LENGTH, Frame, FrameHead, HEADER_LENGTH, Kind, Opener, open_all,
};
use crate::keys::Slot;
use crate::names::{Name, PackId};
use crate::vault::{Vault, parse_head};

/// Describes an object, line by line. Holds no secret; file names and JSON texts of backups are shown.
pub async fn dump(vault: &Vault, name: &str) -> Result<String> {
    let parsed = Name::parse(name).ok_or_else(|| Error::Invalid(format!("{name:?} is not the name of an object")))?;
    let bytes = vault.store().get(name).await?;
    let mut out = format!("{name}: {} bytes\n", bytes.len());
    match &parsed {
        Name::Vault => out += &String::from_utf8_lossy(&bytes),
        Name::Key(_) => dump_slot(&mut out, &Slot::from_json(name, &bytes)?),
        Name::Pack(id) => dump_pack(&mut out, vault, *id, &bytes)?,
        Name::Probe(_) => out += "left over from a capability probe\n",
        _ => {
            let frames = open_all(vault.keys(), kind_of(&parsed), &parsed, &bytes)?;
            dump_header(&mut out, kind_of(&parsed), &bytes);
            dump_frames(&mut out, &parsed, &frames)?;
        }
    }
    Ok(out)
}

fn kind_of(name: &Name) -> Kind {
    match name {
        Name::Pack(_) => Kind::Pack,
        Name::Manifest(..) => Kind::Manifest,
        Name::LogPart(..) | Name::LogFolded(..) => Kind::Log,
        Name::Report(..) | Name::Catalog { .. } => Kind::Report,
        _ => Kind::Note,
    }
}

/// Writing to a `String` cannot fail.
fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(text);
    out.push('\n');
}

fn dump_header(out: &mut String, kind: Kind, bytes: &[u8]) {
    let salt = bytes.get(32..HEADER_LENGTH).unwrap_or_default();
    line(out, format_args!("header: format {FORMAT_VERSION}, kind {kind:?}, salt {}", crate::names::hex(salt)));
}

fn dump_slot(out: &mut String, slot: &Slot) {
    line(out, format_args!("{} slot {} {:?}, made {}", slot.kind().name(), slot.id(), slot.label(), slot.created()));
    line(out, format_args!("of vault {}", slot.vault_id()));
    if let Some(recipient) = slot.recipient() {
        line(out, format_args!("for {recipient}"));
    }
}

fn dump_frames(out: &mut String, name: &Name, frames: &[Frame]) -> Result<()> {
    for frame in frames {
        line(out, format_args!("{:?} at byte {}: {} bytes", frame.class, frame.offset, frame.raw.len()));
        match (frame.class, name) {
            (Class::Head, Name::Manifest(..)) => {
                pretty(out, &parse_head::<ManifestHead>(name, std::slice::from_ref(frame))?)?;
            }
            (Class::Head, Name::LogPart(..) | Name::LogFolded(..)) => {
                pretty(out, &parse_head::<LogHead>(name, std::slice::from_ref(frame))?)?;
            }
            (Class::Head, _) => {
                pretty(out, &parse_head::<serde_json::Value>(name, std::slice::from_ref(frame))?)?;
            }
            (Class::Table, _) => dump_table(out, name, &frame.raw)?,
            (Class::Bytes, Name::LogHistory(..)) => line(out, format_args!("{}", String::from_utf8_lossy(&frame.raw))),
            _ => {}
        }
    }
    Ok(())
}

fn pretty(out: &mut String, value: &impl serde::Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(value).map_err(|e| Error::Internal(e.to_string()))?;
    line(out, format_args!("{text}"));
    Ok(())
}

fn dump_table(out: &mut String, name: &Name, raw: &[u8]) -> Result<()> {
    let table = ManifestTable::decode(raw).map_err(|why| Error::malformed(name.to_string(), why.0))?;
    for (number, list) in table.lists.iter().enumerate() {
        line(out, format_args!("  list {number}: {}", place(list)));
    }
    if let Some(tail) = &table.tail {
        line(out, format_args!("  tail: {}", place(tail)));
    }
    for pack in &table.packs {
        line(out, format_args!("  pack {}: {} bytes", pack.id, pack.size));
    }
    Ok(())
}

fn place(extent: &ExtentRef) -> String {
    format!("pack {} at byte {}, {} bytes", extent.pack, extent.offset, extent.length)
}

/// Frame by frame, and on past frames that do not open: that is when somebody looks.
fn dump_pack(out: &mut String, vault: &Vault, id: PackId, bytes: &[u8]) -> Result<()> {
    let name = Name::Pack(id);
    let text = name.to_string();
    Opener::new(vault.keys(), Kind::Pack, &name, bytes)?;
    dump_header(out, Kind::Pack, bytes);
    let mut opener = Opener::for_pack(vault.keys(), &name);
    let mut offset = HEADER_LENGTH;
    while offset < bytes.len() {
        let head = FrameHead::read(&text, &bytes[offset..])?;
        let end = offset + FRAME_HEADER_LENGTH + head.stored as usize;
        let Some(frame) = bytes.get(offset..end) else {
            line(out, format_args!("at byte {offset}: cut short"));
            return Ok(());
        };
        line(out, format_args!("{:?} at byte {offset}: {} bytes, {} opened", head.class, frame.len(), head.raw));
        match opener.open(offset as u64, frame, head.class) {
            Ok(raw) => dump_content(out, head.class, &raw),
            Err(error) => line(out, format_args!("  {error}")),
        }
        offset = end;
    }
    if bytes.len() < HEADER_LENGTH + END_LENGTH {
        line(out, format_args!("it has no end"));
    }
    Ok(())
}

fn dump_content(out: &mut String, class: Class, raw: &[u8]) {
    match class {
        Class::Map => match StoredMap::decode(raw) {
            Ok(StoredMap::Full(map)) => line(out, format_args!("  full map: {}", map_summary(&map))),
            Ok(StoredMap::Overlay { base, overlay }) => {
                let (pages, entries) = (overlay.page_count, map_summary(&overlay.entries));
                line(out, format_args!("  overlay over {}: {pages} pages, of them here {entries}", place(&base)));
            }
            Err(why) => line(out, format_args!("  not a map: {}", why.0)),
        },
        Class::Files => match decode_list(raw) {
            Ok(entries) => entries.iter().for_each(|entry| dump_entry(out, entry)),
            Err(why) => line(out, format_args!("  not a list: {}", why.0)),
        },
        _ => {}
    }
}

fn map_summary(map: &PageMap) -> String {
    let zeroes = map.places.iter().filter(|place| place.get().is_none()).count();
    format!("{} pages of {} bytes, {zeroes} of zeroes, {} extents", map.page_count(), map.page_size, map.extents.len())
}

fn dump_entry(out: &mut String, entry: &FileEntry) {
    let owner = format!("{:o} {}:{}", entry.mode, entry.uid, entry.gid);
    match &entry.content {
        Content::Folder => line(out, format_args!("  {}/ {owner}", entry.path)),
        Content::Link { target } => line(out, format_args!("  {} -> {target} {owner}", entry.path)),
        Content::File { size, page_size, segments } => {
            line(out, format_args!("  {} {owner} {size} bytes, pages of {page_size}", entry.path));
            for segment in segments {
                match segment {
                    SegmentRef::Inline(map) => line(out, format_args!("    map here, {} bytes", map.len())),
                    SegmentRef::Stored(extent) => line(out, format_args!("    map in {}", place(extent))),
                }
            }
        }
    }
}

//! A sealed object: a header in clear and a row of frames, each compressed, then encrypted and authenticated.
//!
//! ```text
//! header, 64 bytes                     frame                              … end frame
//!  0  "REKINDLE"                        0 u32 stored: bytes of ciphertext incl. 16 of tag
//!  8  u16 format version                4 u32 raw: bytes when opened
//! 10  u8  kind of object                8 u8  codec: 0 as is, 1 zstd
//! 11  u8  zero                          9 u8  class: what it holds
//! 12  u32 zero                         10 u16 zero
//! 16  16 vault id                      12 stored bytes
//! 32  32 salt
//! ```
//! Key of an object = BLAKE3 keyed by the vault's object key over header ‖ name. Nonce of a frame = its offset in the object as
//! u64, then four zero bytes; additional data = the frame's first 12 bytes. So:
//! - a nonce is never used twice under one key: the key is new for every object (random salt, or for packs a random name), and
//!   an object has one frame at an offset;
//! - a changed header, a renamed object, a moved, swapped, shortened or changed frame does not open;
//! - a lost tail is noticed: an object ends with an empty frame of class `End`, and nothing follows.
//!
//! A pack's salt is zero, so that one extent can be opened without reading the head of its pack first.

use std::fmt;
use std::io::Cursor;
use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use super::FORMAT_VERSION;
use crate::env::Env;
use crate::error::{Error, Result};
use crate::names::Name;

pub const HEADER_LENGTH: usize = 64;
pub const FRAME_HEADER_LENGTH: usize = 12;
pub const TAG_LENGTH: usize = 16;
/// The end frame: an empty one.
pub const END_LENGTH: usize = FRAME_HEADER_LENGTH + TAG_LENGTH;
/// Nothing we write is larger when opened; a frame that says so is refused before memory is taken.
pub const FRAME_RAW_MAX: u32 = 64 << 20;
const MAGIC: &[u8; 8] = b"REKINDLE";

/// What an object is. Written into its header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    Pack = 1,
    Manifest = 2,
    Log = 3,
    Report = 4,
    /// Pin, proof or mark.
    Note = 5,
}

/// What a frame holds. Written into its head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Class {
    Pages = 1,
    Map = 2,
    Files = 3,
    /// JSON.
    Head = 4,
    Table = 5,
    Bytes = 6,
    End = 7,
}

impl Class {
    fn from_byte(byte: u8) -> Option<Class> {
        [Class::Pages, Class::Map, Class::Files, Class::Head, Class::Table, Class::Bytes, Class::End]
            .into_iter()
            .find(|class| *class as u8 == byte)
    }
}

/// The keys that are derived from a vault's data key; never stored.
#[derive(Clone, zeroize::Zeroize, zeroize::ZeroizeOnDrop)]
pub struct Keys {
    object: [u8; 32],
    page: [u8; 32],
    #[zeroize(skip)]
    vault: [u8; 16],
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys(hidden)")
    }
}

impl Keys {
    pub fn derive(data_key: &[u8; 32], vault: [u8; 16]) -> Keys {
        Keys {
            object: blake3::derive_key("rekindle vault format 1: object keys", data_key),
            page: blake3::derive_key("rekindle vault format 1: page hashes", data_key),
            vault,
        }
    }

    /// The key under which page hashes are taken, see `page_hash`.
    pub fn page_key(&self) -> &[u8; 32] {
        &self.page
    }

    pub fn vault_id(&self) -> [u8; 16] {
        self.vault
    }

    fn of_object(&self, header: &[u8; HEADER_LENGTH], name: &str) -> Arc<LessSafeKey> {
        let mut hasher = blake3::Hasher::new_keyed(&self.object);
        hasher.update(header).update(name.as_bytes());
        let key = UnboundKey::new(&AES_256_GCM, hasher.finalize().as_bytes()).expect("a 32-byte key fits");
        Arc::new(LessSafeKey::new(key))
    }
}

/// First 8 bytes of the keyed BLAKE3 of a page. Equal hash at the same place of the same file means an unchanged page.
pub fn page_hash(key: &[u8; 32], page: &[u8]) -> u64 {
    let hash = blake3::keyed_hash(key, page);
    u64::from_le_bytes(hash.as_bytes()[..8].try_into().expect("eight bytes"))
}

fn header(kind: Kind, vault: [u8; 16], salt: [u8; 32]) -> [u8; HEADER_LENGTH] {
    let mut header = [0; HEADER_LENGTH];
    header[..8].copy_from_slice(MAGIC);
    header[8..10].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
    header[10] = kind as u8;
    header[16..32].copy_from_slice(&vault);
    header[32..].copy_from_slice(&salt);
    header
}

fn nonce(offset: u64) -> Nonce {
    let mut bytes = [0; 12];
    bytes[..8].copy_from_slice(&offset.to_le_bytes());
    Nonce::assume_unique_for_key(bytes)
}

fn frame_head(stored: u32, raw: u32, codec: u8, class: Class) -> [u8; FRAME_HEADER_LENGTH] {
    let mut head = [0; FRAME_HEADER_LENGTH];
    head[..4].copy_from_slice(&stored.to_le_bytes());
    head[4..8].copy_from_slice(&raw.to_le_bytes());
    head[8] = codec;
    head[9] = class as u8;
    head
}

/// Where a frame stands in its object; both count the frame's head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FramePlace {
    pub offset: u32,
    pub length: u32,
}

/// Compression with its memory kept between calls: one per worker.
pub struct Compressor {
    zstd: zstd::bulk::Compressor<'static>,
}

impl fmt::Debug for Compressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Compressor")
    }
}

impl Compressor {
    pub fn new(level: i32) -> Result<Compressor> {
        let zstd =
            zstd::bulk::Compressor::new(level).map_err(|e| Error::Invalid(format!("zstd level {level}: {e}")))?;
        Ok(Compressor { zstd })
    }
}

/// Builds one sealed object in memory.
pub struct Sealer {
    bytes: Vec<u8>,
    key: Arc<LessSafeKey>,
    name: String,
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealer({}, {} bytes)", self.name, self.bytes.len())
    }
}

impl Sealer {
    pub fn new(keys: &Keys, kind: Kind, name: &Name, env: &Env, capacity: usize) -> Sealer {
        let salt = if kind == Kind::Pack { [0; 32] } else { env.random() };
        let header = header(kind, keys.vault, salt);
        let name = name.to_string();
        let key = keys.of_object(&header, &name);
        let mut bytes = Vec::with_capacity(capacity.max(HEADER_LENGTH));
        bytes.extend_from_slice(&header);
        Sealer { bytes, key, name }
    }

    pub fn length(&self) -> usize {
        self.bytes.len()
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Compresses (where it helps), seals and appends one frame.
    pub fn append(&mut self, class: Class, raw: &[u8], compressor: &mut Compressor) -> Result<FramePlace> {
        let offset = self.bytes.len();
        let body = offset + FRAME_HEADER_LENGTH;
        let codec = self.append_body(body, raw, compressor)?;
        let stored = to_u32(self.bytes.len() - body + TAG_LENGTH)?;
        let head = frame_head(stored, to_u32(raw.len())?, codec, class);
        self.bytes[offset..body].copy_from_slice(&head);
        let tag = self
            .key
            .seal_in_place_separate_tag(nonce(offset as u64), Aad::from(head), &mut self.bytes[body..])
            .map_err(|_| Error::Internal("sealing failed".into()))?;
        self.bytes.extend_from_slice(tag.as_ref());
        Ok(FramePlace { offset: to_u32(offset)?, length: to_u32(self.bytes.len() - offset)? })
    }

    fn append_body(&mut self, body: usize, raw: &[u8], compressor: &mut Compressor) -> Result<u8> {
        self.bytes.resize(body + zstd::zstd_safe::compress_bound(raw.len()), 0);
        let compressed = compressor.zstd.compress_to_buffer(raw, &mut self.bytes[body..]);
        let compressed = compressed.map_err(|e| Error::Internal(format!("zstd: {e}")))?;
        if compressed < raw.len() {
            self.bytes.truncate(body + compressed);
            return Ok(1);
        }
        self.bytes.truncate(body);
        self.bytes.extend_from_slice(raw);
        Ok(0)
    }

    /// Appends the end frame, opens every frame again as a reader would, and hands the object out.
    pub fn finish(mut self, compressor: &mut Compressor) -> Result<Vec<u8>> {
        self.append(Class::End, &[], compressor)?;
        self.prove_readable()?;
        Ok(self.bytes)
    }

    fn prove_readable(&self) -> Result<()> {
        let mut opener = Opener::with_key(self.key.clone(), self.name.clone());
        let mut offset = HEADER_LENGTH;
        while offset < self.bytes.len() {
            let head = FrameHead::read(&self.name, &self.bytes[offset..])?;
            let end = offset + FRAME_HEADER_LENGTH + head.stored as usize;
            opener.unseal(offset as u64, &head, &self.bytes[offset..end])?;
            offset = end;
        }
        Ok(())
    }
}

fn to_u32(length: usize) -> Result<u32> {
    u32::try_from(length).map_err(|_| Error::Internal(format!("an object of {length} bytes is too long")))
}

/// The first 12 bytes of a frame, read but not yet believed.
#[derive(Debug, Clone, Copy)]
pub struct FrameHead {
    pub stored: u32,
    pub raw: u32,
    codec: u8,
    pub class: Class,
    bytes: [u8; FRAME_HEADER_LENGTH],
}

impl FrameHead {
    pub fn read(object: &str, bytes: &[u8]) -> Result<FrameHead> {
        let Some(head) = bytes.first_chunk::<FRAME_HEADER_LENGTH>() else {
            return Err(Error::damaged(object, "it ends in the middle of a frame's head"));
        };
        let word = |at: usize| u32::from_le_bytes(head[at..at + 4].try_into().expect("four bytes"));
        let (stored, raw) = (word(0), word(4));
        let class = Class::from_byte(head[9]);
        match class {
            Some(class)
                if head[8] <= 1
                    && raw <= FRAME_RAW_MAX
                    && stored as usize >= TAG_LENGTH
                    && stored <= FRAME_RAW_MAX * 2 =>
            {
                Ok(FrameHead { stored, raw, codec: head[8], class, bytes: *head })
            }
            _ => Err(Error::damaged(object, "a frame's head makes no sense")),
        }
    }
}

/// Opens frames of one object. Its buffers and zstd's are kept from frame to frame.
pub struct Opener {
    key: Arc<LessSafeKey>,
    name: String,
    scratch: Vec<u8>,
    zstd: Option<zstd::bulk::Decompressor<'static>>,
}

impl fmt::Debug for Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Opener({})", self.name)
    }
}

impl Opener {
    /// For a pack, whose header is known without reading it.
    pub fn for_pack(keys: &Keys, name: &Name) -> Opener {
        let name = name.to_string();
        Opener::with_key(keys.of_object(&header(Kind::Pack, keys.vault, [0; 32]), &name), name)
    }

    fn with_key(key: Arc<LessSafeKey>, name: String) -> Opener {
        Opener { key, name, scratch: Vec::new(), zstd: None }
    }

    /// For any object, given its first 64 bytes. A header that is not ours is damage; a newer version says so.
    pub fn new(keys: &Keys, kind: Kind, name: &Name, head: &[u8]) -> Result<Opener> {
        let name = name.to_string();
        let Some(found) = head.first_chunk::<HEADER_LENGTH>() else {
            return Err(Error::damaged(name, "it is shorter than a header"));
        };
        let version = u16::from_le_bytes([found[8], found[9]]);
        if &found[..8] == MAGIC && version > FORMAT_VERSION {
            return Err(Error::TooNew { object: name, found: version, known: FORMAT_VERSION });
        }
        let salt = found[32..].try_into().expect("32 bytes");
        if *found != header(kind, keys.vault, salt) {
            return Err(Error::damaged(name, "its header is not one of this vault"));
        }
        Ok(Opener::with_key(keys.of_object(found, &name), name))
    }

    /// Opens the frame that stands at `offset` and fills `frame` exactly.
    pub fn open(&mut self, offset: u64, frame: &[u8], class: Class) -> Result<Vec<u8>> {
        let mut raw = Vec::new();
        self.open_onto(offset, frame, class, &mut raw)?;
        Ok(raw)
    }

    /// The same, behind what is in `out` already. `out` is as it was when this fails.
    pub fn open_onto(&mut self, offset: u64, frame: &[u8], class: Class, out: &mut Vec<u8>) -> Result<()> {
        let head = self.checked_head(frame)?;
        if head.class != class {
            return Err(Error::malformed(&self.name, format!("{:?} stands where {class:?} should", head.class)));
        }
        self.unseal(offset, &head, frame)?;
        let before = out.len();
        let opened = self.decode(&head, out);
        if opened.is_err() {
            out.truncate(before);
        }
        opened
    }

    fn checked_head(&self, frame: &[u8]) -> Result<FrameHead> {
        let head = FrameHead::read(&self.name, frame)?;
        if frame.len() != FRAME_HEADER_LENGTH + head.stored as usize {
            return Err(Error::damaged(&self.name, "a frame is not as long as it says"));
        }
        Ok(head)
    }

    /// Decrypts into `scratch` and proves the frame genuine.
    fn unseal(&mut self, offset: u64, head: &FrameHead, frame: &[u8]) -> Result<()> {
        self.scratch.clear();
        self.scratch.extend_from_slice(&frame[FRAME_HEADER_LENGTH..]);
        let opened = self.key.open_in_place(nonce(offset), Aad::from(head.bytes), &mut self.scratch);
        match opened {
            Ok(plain) => {
                let length = plain.len();
                self.scratch.truncate(length);
                Ok(())
            }
            Err(_) => Err(Error::damaged(&self.name, format!("the frame at byte {offset} was changed"))),
        }
    }

    fn decode(&mut self, head: &FrameHead, out: &mut Vec<u8>) -> Result<()> {
        let (before, raw) = (out.len(), head.raw as usize);
        if head.codec == 0 {
            out.extend_from_slice(&self.scratch);
        } else {
            out.reserve(raw);
            let zstd = match &mut self.zstd {
                Some(zstd) => zstd,
                none => {
                    none.insert(zstd::bulk::Decompressor::new().map_err(|e| Error::Internal(format!("zstd: {e}")))?)
                }
            };
            // A cursor writes behind what is there, into memory that nobody filled with zeroes first.
            let mut behind = Cursor::new(&mut *out);
            behind.set_position(before as u64);
            zstd.decompress_to_buffer(&self.scratch, &mut behind)
                .map_err(|_| Error::malformed(&self.name, "a frame does not decompress to its raw length"))?;
        }
        match out.len() - before == raw {
            true => Ok(()),
            false => Err(Error::malformed(&self.name, "a frame's raw length is wrong")),
        }
    }
}

/// A frame of a whole object.
#[derive(Debug, Clone)]
pub struct Frame {
    pub class: Class,
    pub offset: u64,
    pub raw: Vec<u8>,
}

/// Opens a whole object and insists on its end frame: nothing missing, nothing behind.
pub fn open_all(keys: &Keys, kind: Kind, name: &Name, bytes: &[u8]) -> Result<Vec<Frame>> {
    let mut frames = Vec::new();
    open_each(keys, kind, name, bytes, |class, offset, raw| {
        frames.push(Frame { class, offset, raw: std::mem::take(raw) });
    })?;
    Ok(frames)
}

/// The same, a frame at a time (its class, its offset, its bytes): for objects whose frames together would take too much memory.
/// What `each` was given counts only when this returns `Ok`.
pub fn open_each(
    keys: &Keys,
    kind: Kind,
    name: &Name,
    bytes: &[u8],
    mut each: impl FnMut(Class, u64, &mut Vec<u8>),
) -> Result<()> {
    let mut opener = Opener::new(keys, kind, name, bytes)?;
    let mut offset = HEADER_LENGTH;
    let mut raw = Vec::new();
    loop {
        let head = FrameHead::read(&opener.name, &bytes[offset..])?;
        let end = offset + FRAME_HEADER_LENGTH + head.stored as usize;
        let Some(frame) = bytes.get(offset..end) else {
            return Err(Error::damaged(&opener.name, "it ends in the middle of a frame"));
        };
        raw.clear();
        opener.open_onto(offset as u64, frame, head.class, &mut raw)?;
        if head.class == Class::End {
            return match end == bytes.len() {
                true => Ok(()),
                false => Err(Error::damaged(&opener.name, "something follows its end")),
            };
        }
        each(head.class, offset as u64, &mut raw);
        offset = end;
    }
}

#[cfg(test)]
mod tests;

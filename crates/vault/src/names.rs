//! Every object name of a vault is made and parsed here, and nowhere else.
//!
//! ```text
//! vault.json                                        id and format version; written once
//! keys/<slot>.json                                  one wrapped copy of the data key
//! packs/<2 hex>/<32 hex>                            extents, page maps and file lists
//! backups/<source>/<backup>/manifest                putting it commits the backup
//! backups/<source>/<backup>/pin-<16 hex>            keeps the backup from expiry
//! backups/<source>/<backup>/proof-<16 hex>          evidence that it was opened and checked
//! backups/<source>/<backup>/expired-<16 hex>        its pack table, kept for the grace period after expiry
//! logs/<source>/<timeline>/<from>-<to>.part         a stretch of log as it arrived
//! logs/<source>/<timeline>/<from>-<to>.folded       a whole aligned stretch, made of parts
//! logs/<source>/<timeline>/history                  where the timeline came from
//! logs/<source>/<timeline>/mark-<position>-<micros> the log was complete to <position> at that time
//! reports/<source>/<id>                             evidence that outlives the catalog
//! catalog/<micros, 16 hex>-<state|history>          the control plane's catalog as it was, or what ended since the last
//! audit/<chain>/<from>-<to>                         records of the audit log, from and up to with their numbers
//! probe/<id>                                        made and removed by the capability probe
//! ```
//! Numbers are lower-case hex of fixed width, so byte order is numeric order. A backup's id begins with its UTC time
//! (`20261121t034500z-7f3a91c2`), but nothing trusts that order: see `expire`.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;

use crate::env::Env;
use crate::error::{Error, Result};

/// Identity of a pack: 128 random bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PackId(pub [u8; 16]);

impl PackId {
    pub fn random(env: &Env) -> PackId {
        PackId(env.random())
    }

    /// From its 32 digits.
    pub fn parse(text: &str) -> Option<PackId> {
        unhex(text).map(PackId)
    }
}

impl fmt::Display for PackId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for PackId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PackId({self})")
    }
}

/// A source's name: 1 to 63 of `a-z 0-9 _ -`, beginning with a letter or digit. It is visible in object names.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceName(String);

impl SourceName {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SourceName {
    type Err = Error;

    fn from_str(text: &str) -> Result<SourceName> {
        let shaped = (1..=63).contains(&text.len())
            && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'))
            && text.as_bytes()[0].is_ascii_alphanumeric();
        if shaped {
            Ok(SourceName(text.to_owned()))
        } else {
            Err(Error::Invalid(format!(
                "\"{text}\" is not a name: use 1 to 63 of a-z, 0-9, _ and -, beginning with a letter or digit"
            )))
        }
    }
}

impl fmt::Display for SourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A backup's identity within its source.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BackupId(String);

impl BackupId {
    /// A new id: when it began, and 32 random bits against two in one second.
    pub fn new(began: Timestamp, env: &Env) -> BackupId {
        let stamp = began.strftime("%Y%m%dt%H%M%Sz");
        BackupId(format!("{stamp}-{}", hex(&env.random::<4>())))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for BackupId {
    type Err = Error;

    fn from_str(text: &str) -> Result<BackupId> {
        let bytes = text.as_bytes();
        let digits = |range: std::ops::Range<usize>| bytes[range].iter().all(u8::is_ascii_digit);
        let shaped = bytes.len() == 25
            && digits(0..8)
            && bytes[8] == b't'
            && digits(9..15)
            && bytes[15] == b'z'
            && bytes[16] == b'-'
            && unhex::<4>(&text[17..]).is_some();
        if shaped {
            Ok(BackupId(text.to_owned()))
        } else {
            Err(Error::Invalid(format!("\"{text}\" is not a backup id")))
        }
    }
}

impl fmt::Display for BackupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A stretch of one timeline's log, from `from` up to but not including `to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LogRange {
    pub timeline: u32,
    pub from: u64,
    pub to: u64,
}

/// An object's name, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Name {
    Vault,
    Key(String),
    Pack(PackId),
    Manifest(SourceName, BackupId),
    Pin(SourceName, BackupId, u64),
    Proof(SourceName, BackupId, u64),
    /// The number is the time of expiry in microseconds since 1970.
    Expired(SourceName, BackupId, u64),
    LogPart(SourceName, LogRange),
    LogFolded(SourceName, LogRange),
    LogHistory(SourceName, u32),
    LogMark {
        source: SourceName,
        timeline: u32,
        position: u64,
        micros: i64,
    },
    Report(SourceName, String),
    Catalog {
        micros: u64,
        part: CatalogPart,
    },
    /// Secrets and settings of a stack, whose names are as those of sources.
    Secrets {
        stack: SourceName,
        micros: u64,
    },
    /// Which chain, and the numbers of the first and the last record.
    Audit {
        chain: [u8; 16],
        from: u64,
        to: u64,
    },
    Probe(String),
}

/// What of a catalog an object holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CatalogPart {
    /// Everything that changes.
    State,
    /// Operations that ended since the last of these.
    History,
}

impl CatalogPart {
    fn as_str(self) -> &'static str {
        match self {
            CatalogPart::State => "state",
            CatalogPart::History => "history",
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Name::Vault => f.write_str("vault.json"),
            Name::Key(slot) => write!(f, "keys/{slot}.json"),
            Name::Pack(id) => {
                let id = id.to_string();
                write!(f, "packs/{}/{id}", &id[..2])
            }
            Name::Manifest(source, backup) => write!(f, "backups/{source}/{backup}/manifest"),
            Name::Pin(source, backup, id) => write!(f, "backups/{source}/{backup}/pin-{id:016x}"),
            Name::Proof(source, backup, id) => write!(f, "backups/{source}/{backup}/proof-{id:016x}"),
            Name::Expired(source, backup, micros) => write!(f, "backups/{source}/{backup}/expired-{micros:016x}"),
            Name::LogPart(source, LogRange { timeline, from, to }) => {
                write!(f, "logs/{source}/{timeline:08x}/{from:016x}-{to:016x}.part")
            }
            Name::LogFolded(source, LogRange { timeline, from, to }) => {
                write!(f, "logs/{source}/{timeline:08x}/{from:016x}-{to:016x}.folded")
            }
            Name::LogHistory(source, timeline) => write!(f, "logs/{source}/{timeline:08x}/history"),
            Name::LogMark { source, timeline, position, micros } => {
                write!(f, "logs/{source}/{timeline:08x}/mark-{position:016x}-{micros:016x}")
            }
            Name::Report(source, id) => write!(f, "reports/{source}/{id}"),
            Name::Catalog { micros, part } => write!(f, "catalog/{micros:016x}-{}", part.as_str()),
            Name::Secrets { stack, micros } => write!(f, "secrets/{stack}/{micros:016x}"),
            Name::Audit { chain, from, to } => write!(f, "audit/{}/{from:016x}-{to:016x}", hex(chain)),
            Name::Probe(id) => write!(f, "probe/{id}"),
        }
    }
}

impl Name {
    /// The inverse of `Display`; `None` for anything that is not a name of ours, however close.
    pub fn parse(text: &str) -> Option<Name> {
        let parts: Vec<&str> = text.split('/').collect();
        let name = match parts[..] {
            ["vault.json"] => Name::Vault,
            ["keys", file] => Name::Key(plain_id(file.strip_suffix(".json")?)?),
            ["packs", _, id] => Name::Pack(PackId(unhex(id)?)),
            ["backups", source, backup, file] => parse_backup_file(source.parse().ok()?, backup.parse().ok()?, file)?,
            ["logs", source, timeline, file] => {
                parse_log_file(source.parse().ok()?, u32::from_be_bytes(unhex(timeline)?), file)?
            }
            ["reports", source, id] => Name::Report(source.parse().ok()?, plain_id(id)?),
            ["catalog", file] => parse_catalog_file(file)?,
            ["secrets", stack, micros] => {
                Name::Secrets { stack: stack.parse().ok()?, micros: u64::from_be_bytes(unhex(micros)?) }
            }
            ["audit", chain, range] => parse_audit(chain, range)?,
            ["probe", id] => Name::Probe(plain_id(id)?),
            _ => return None,
        };
        (name.to_string() == text).then_some(name)
    }
}

fn parse_backup_file(source: SourceName, backup: BackupId, file: &str) -> Option<Name> {
    if file == "manifest" {
        return Some(Name::Manifest(source, backup));
    }
    let (kind, id) = file.split_once('-')?;
    let id = u64::from_be_bytes(unhex(id)?);
    match kind {
        "pin" => Some(Name::Pin(source, backup, id)),
        "proof" => Some(Name::Proof(source, backup, id)),
        "expired" => Some(Name::Expired(source, backup, id)),
        _ => None,
    }
}

fn parse_catalog_file(file: &str) -> Option<Name> {
    let (micros, part) = file.split_once('-')?;
    let part = [CatalogPart::State, CatalogPart::History].into_iter().find(|known| known.as_str() == part)?;
    Some(Name::Catalog { micros: u64::from_be_bytes(unhex(micros)?), part })
}

fn parse_audit(chain: &str, range: &str) -> Option<Name> {
    let (from, to) = range.split_once('-')?;
    let (from, to) = (u64::from_be_bytes(unhex(from)?), u64::from_be_bytes(unhex(to)?));
    (from <= to).then_some(Name::Audit { chain: unhex(chain)?, from, to })
}

fn parse_log_file(source: SourceName, timeline: u32, file: &str) -> Option<Name> {
    if file == "history" {
        return Some(Name::LogHistory(source, timeline));
    }
    let number = |text: &str| unhex(text).map(u64::from_be_bytes);
    if let Some(mark) = file.strip_prefix("mark-") {
        let (position, micros) = mark.split_once('-')?;
        let micros = i64::try_from(number(micros)?).ok()?;
        return Some(Name::LogMark { source, timeline, position: number(position)?, micros });
    }
    let (range, kind) = file.split_once('.')?;
    let (from, to) = range.split_once('-')?;
    let range = LogRange { timeline, from: number(from)?, to: number(to)? };
    match kind {
        _ if range.from >= range.to => None,
        "part" => Some(Name::LogPart(source, range)),
        "folded" => Some(Name::LogFolded(source, range)),
        _ => None,
    }
}

/// Where listings begin.
pub mod prefix {
    use super::SourceName;

    pub const KEYS: &str = "keys/";
    pub const PACKS: &str = "packs/";
    pub const BACKUPS: &str = "backups/";
    pub const LOGS: &str = "logs/";
    pub const CATALOG: &str = "catalog/";
    pub const AUDIT: &str = "audit/";

    pub fn backups(source: &SourceName) -> String {
        format!("backups/{source}/")
    }

    pub fn logs(source: &SourceName) -> String {
        format!("logs/{source}/")
    }

    pub fn timeline(source: &SourceName, timeline: u32) -> String {
        format!("logs/{source}/{timeline:08x}/")
    }

    pub fn audit(chain: &[u8; 16]) -> String {
        format!("audit/{}/", super::hex(chain))
    }

    pub fn secrets(stack: &SourceName) -> String {
        format!("secrets/{stack}/")
    }

    pub fn reports(source: &SourceName) -> String {
        format!("reports/{source}/")
    }
}

fn plain_id(text: &str) -> Option<String> {
    let shaped = (1..=80).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_');
    shaped.then(|| text.to_owned())
}

pub fn hex(bytes: &[u8]) -> String {
    use fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Exactly `2 N` lower-case hex digits, or nothing.
pub fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let bytes = text.as_bytes();
    if bytes.len() != 2 * N || !bytes.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    let mut out = [0; N];
    for (slot, pair) in out.iter_mut().zip(bytes.chunks_exact(2)) {
        *slot = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(out)
}

#[cfg(test)]
mod tests;

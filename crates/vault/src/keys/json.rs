//! How a slot is written down: one JSON object, format 1. Pure bytes; must not know keys or stores.
//!
//! ```text
//! format     1
//! id         32 hexadecimal digits
//! vault      the vault's id
//! kind       "key-file" | "passphrase" | "age"
//! label      the operator's word for it
//! created    RFC 3339
//! salt       64 hexadecimal digits            key-file, passphrase
//! argon2     {memory_kib, passes, lanes}      passphrase
//! recipient  age1…                            age
//! wrapped    hexadecimal: the data key, wrapped
//! checksum   BLAKE3 over the object without this field, keys sorted, no white space: holds for later formats too
//! ```

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::slot::{Argon2Cost, Body, Kind, Slot};
use crate::error::{Error, Result};

const FORMAT: u16 = 1;
/// Beyond these a slot asks for more work than an honest one ever would.
const MEMORY_KIB_MAX: u32 = 4 * 1024 * 1024;
const PASSES_MAX: u32 = 64;
const LANES_MAX: u32 = 64;

#[derive(Serialize, Deserialize)]
struct Written {
    format: u16,
    id: String,
    vault: String,
    kind: String,
    label: String,
    created: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    salt: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    argon2: Option<WrittenCost>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recipient: Option<String>,
    wrapped: String,
}

#[derive(Serialize, Deserialize)]
struct WrittenCost {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

impl Slot {
    pub fn to_json(&self) -> Vec<u8> {
        let mut value = serde_json::to_value(written(self)).unwrap_or_default();
        let checksum = checksum(&value);
        value["checksum"] = checksum.into();
        let mut bytes = value.to_string().into_bytes();
        bytes.push(b'\n');
        bytes
    }

    /// `object` is the name it was read from, for messages. `Error::Damaged` for anything but what `to_json` wrote.
    pub fn from_json(object: &str, bytes: &[u8]) -> Result<Slot> {
        let damaged = |what: String| Error::damaged(object, what);
        let mut value: Value = serde_json::from_slice(bytes).map_err(|error| damaged(format!("not JSON: {error}")))?;
        let stated = value.as_object_mut().and_then(|fields| fields.remove("checksum"));
        if stated != Some(checksum(&value).into()) || bytes.last() != Some(&b'\n') {
            return Err(damaged("its checksum does not hold".into()));
        }
        let format = value["format"].as_u64().and_then(|format| u16::try_from(format).ok()).unwrap_or(u16::MAX);
        if format > FORMAT {
            return Err(Error::TooNew { object: object.into(), found: format, known: FORMAT });
        }
        let written: Written =
            serde_json::from_value(value).map_err(|error| Error::malformed(object, error.to_string()))?;
        read(written).map_err(|what| Error::malformed(object, what))
    }
}

fn checksum(value: &Value) -> String {
    // serde_json keeps an object's keys sorted, unless some crate of the build switches that off for all.
    let mut sorted = value.clone();
    sorted.sort_all_objects();
    to_hex(blake3::hash(sorted.to_string().as_bytes()).as_bytes())
}

fn written(slot: &Slot) -> Written {
    let (salt, argon2, recipient) = match &slot.body {
        Body::KeyFile { salt } => (Some(to_hex(salt)), None, None),
        Body::Passphrase { salt, cost } => {
            let Argon2Cost { memory_kib, passes, lanes } = *cost;
            (Some(to_hex(salt)), Some(WrittenCost { memory_kib, passes, lanes }), None)
        }
        Body::Age { recipient } => (None, None, Some(recipient.clone())),
    };
    Written {
        format: FORMAT,
        id: slot.id.clone(),
        vault: slot.vault_id.clone(),
        kind: slot.kind().name().into(),
        label: slot.label.clone(),
        created: slot.created,
        salt,
        argon2,
        recipient,
        wrapped: to_hex(&slot.wrapped),
    }
}

fn read(written: Written) -> Result<Slot, String> {
    let salt = || {
        let bytes = written.salt.as_deref().and_then(from_hex);
        bytes.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok()).ok_or("it has no salt of 32 bytes")
    };
    let kind = Kind::ALL.into_iter().find(|kind| kind.name() == written.kind);
    let body = match kind.ok_or_else(|| format!("kind {:?} is not known", written.kind))? {
        Kind::KeyFile => Body::KeyFile { salt: salt()? },
        Kind::Passphrase => {
            let cost = written.argon2.as_ref().ok_or("it has no argon2 cost")?;
            Body::Passphrase { salt: salt()?, cost: read_cost(cost)? }
        }
        Kind::Age => Body::Age { recipient: written.recipient.ok_or("it has no recipient")? },
    };
    let wrapped = from_hex(&written.wrapped).ok_or("the wrapped key is not hexadecimal")?;
    let Written { id, vault, label, created, .. } = written;
    Ok(Slot { id, vault_id: vault, label, created, body, wrapped })
}

fn read_cost(written: &WrittenCost) -> Result<Argon2Cost, String> {
    let WrittenCost { memory_kib, passes, lanes } = *written;
    if memory_kib > MEMORY_KIB_MAX || passes > PASSES_MAX || lanes > LANES_MAX {
        return Err(format!("argon2 with {memory_kib} KiB, {passes} passes, {lanes} lanes asks too much"));
    }
    Ok(Argon2Cost { memory_kib, passes, lanes })
}

pub(super) fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Lower-case digits only, so that one value has one text.
pub(super) fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| Some(digit(pair[0])? << 4 | digit(*pair.get(1)?)?)).collect()
}

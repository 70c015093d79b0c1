//! Who can open a vault. One random data key seals everything; each key slot wraps that key for one key file, passphrase or age
//! recipient. A slot is an immutable object of its own, so adding or removing one rewrites nothing. Pure: must not know stores,
//! object names or where keys are kept.
//!
//! ```text
//! key file ─ BLAKE3 derive ─┐
//! passphrase ─ Argon2id ────┼─▶ wrapping key ─ AES-256-GCM ─▶ data key ─▶ seals every object
//! age identity ─────────────┘    (age: its own envelope)
//! ```
//! Invariants:
//! - A wrapping key is used once: it depends on the slot's random salt.
//! - Vault id, slot id and kind are bound into the wrapping: a slot moved to another vault, renamed or relabelled in kind fails.
//! - A slot carries a checksum, so damage (`Error::Damaged`) is told from a wrong key (`Error::WrongKey`).

mod file;
mod json;
mod slot;
#[cfg(test)]
mod tests;
mod wrap;

use std::fmt;

use zeroize::Zeroizing;

use crate::env::Env;
use crate::error::{Error, Result};

pub use file::new_key_file;
pub use slot::{Argon2Cost, Kind, Lock, Slot};

/// The key that seals a vault. Never shown, wiped when dropped.
#[derive(Clone)]
pub struct DataKey(Zeroizing<[u8; 32]>);

impl DataKey {
    pub fn generate(env: &Env) -> DataKey {
        let mut bytes = Zeroizing::new([0; 32]);
        env.random.fill(bytes.as_mut());
        DataKey(bytes)
    }

    pub fn from_bytes(bytes: [u8; 32]) -> DataKey {
        DataKey(Zeroizing::new(bytes))
    }

    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey(hidden)")
    }
}

/// What the operator holds against a slot.
#[derive(Clone)]
pub enum Unlock {
    /// The text of a key file.
    KeyFile(Zeroizing<String>),
    Passphrase(Zeroizing<String>),
    /// `AGE-SECRET-KEY-1…`, alone or in an age identity file's text.
    Identity(Zeroizing<String>),
}

impl Unlock {
    pub fn kind(&self) -> Kind {
        match self {
            Unlock::KeyFile(_) => Kind::KeyFile,
            Unlock::Passphrase(_) => Kind::Passphrase,
            Unlock::Identity(_) => Kind::Age,
        }
    }
}

impl fmt::Debug for Unlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Unlock({}, hidden)", self.kind().name())
    }
}

/// Tries every slot of the key's kind. `Error::WrongKey` says what was tried when none opens; a key that cannot be a key at all
/// is `Error::BadKey`; a slot that is not this vault's is passed over unless it is the only one.
pub fn open_any(slots: &[Slot], unlock: &Unlock, vault_id: &str) -> Result<DataKey> {
    let mut tried = Vec::new();
    let mut senseless = None;
    for slot in slots.iter().filter(|slot| slot.kind() == unlock.kind()) {
        match slot.open(unlock, vault_id) {
            Ok(key) => return Ok(key),
            Err(Error::WrongKey { tried: one }) => tried.push(one),
            Err(error @ Error::BadKey(_)) => return Err(error),
            Err(error) => senseless = Some(error),
        }
    }
    match (tried.is_empty(), senseless) {
        (true, Some(error)) => Err(error),
        (true, None) => Err(Error::WrongKey { tried: format!("the vault has no {} slot", unlock.kind().name()) }),
        (false, _) => Err(Error::WrongKey { tried: tried.join(", ") }),
    }
}

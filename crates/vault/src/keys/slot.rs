//! One key slot: the data key wrapped for one holder. Must not know stores or object names.

use jiff::Timestamp;

use super::file::parse_key_file;
use super::json::to_hex;
use super::{DataKey, Unlock, wrap};
use crate::env::Env;
use crate::error::{Error, Result};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    KeyFile,
    Passphrase,
    Age,
}

impl Kind {
    pub const ALL: [Kind; 3] = [Kind::KeyFile, Kind::Passphrase, Kind::Age];

    /// As it stands in the slot's object.
    pub fn name(self) -> &'static str {
        match self {
            Kind::KeyFile => "key-file",
            Kind::Passphrase => "passphrase",
            Kind::Age => "age",
        }
    }
}

/// What guessing a passphrase costs. RFC 9106 recommends the default for machines short of memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Argon2Cost {
    pub memory_kib: u32,
    pub passes: u32,
    pub lanes: u32,
}

impl Default for Argon2Cost {
    fn default() -> Argon2Cost {
        Argon2Cost { memory_kib: 64 * 1024, passes: 3, lanes: 1 }
    }
}

/// For whom a new slot is made.
#[derive(Clone, Copy)]
pub enum Lock<'a> {
    /// The text of a key file.
    KeyFile(&'a str),
    Passphrase(&'a str, Argon2Cost),
    /// `age1…`; the identity stays elsewhere.
    Recipient(&'a str),
}

impl std::fmt::Debug for Lock<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Lock::KeyFile(_) => f.write_str("Lock(key-file, hidden)"),
            Lock::Passphrase(_, cost) => write!(f, "Lock(passphrase, hidden, {cost:?})"),
            Lock::Recipient(recipient) => write!(f, "Lock(age, {recipient})"),
        }
    }
}

/// Holds no secret: it may lie in the open beside the vault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    pub(super) id: String,
    pub(super) vault_id: String,
    pub(super) label: String,
    pub(super) created: Timestamp,
    pub(super) body: Body,
    pub(super) wrapped: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Body {
    KeyFile { salt: [u8; 32] },
    Passphrase { salt: [u8; 32], cost: Argon2Cost },
    Age { recipient: String },
}

impl Body {
    fn kind(&self) -> Kind {
        match self {
            Body::KeyFile { .. } => Kind::KeyFile,
            Body::Passphrase { .. } => Kind::Passphrase,
            Body::Age { .. } => Kind::Age,
        }
    }
}

impl Slot {
    /// Wraps the data key. `Error::BadKey` when the key file, passphrase or recipient is not usable.
    pub fn seal(lock: Lock<'_>, data_key: &DataKey, vault_id: &str, label: &str, env: &Env) -> Result<Slot> {
        let id = to_hex(&env.random::<16>());
        let salt = env.random::<32>();
        let (body, wrapped) = match lock {
            Lock::KeyFile(text) => {
                let key = wrap::from_key_file(&*parse_key_file(text)?, &salt);
                (Body::KeyFile { salt }, wrap::wrap(&key, &binding(vault_id, &id, Kind::KeyFile), data_key)?)
            }
            Lock::Passphrase("", _) => return Err(Error::BadKey("the passphrase is empty".into())),
            Lock::Passphrase(passphrase, cost) => {
                let key = wrap::from_passphrase(passphrase, &salt, cost)?;
                let binding = binding(vault_id, &id, Kind::Passphrase);
                (Body::Passphrase { salt, cost }, wrap::wrap(&key, &binding, data_key)?)
            }
            Lock::Recipient(text) => {
                let recipient = wrap::parse_recipient(text)?;
                let wrapped = wrap::wrap_age(&recipient, &binding(vault_id, &id, Kind::Age), data_key)?;
                (Body::Age { recipient: recipient.to_string() }, wrapped)
            }
        };
        Ok(Slot { id, vault_id: vault_id.into(), label: label.into(), created: env.now(), body, wrapped })
    }

    /// Unwraps the data key. `Error::WrongKey` when this is not the slot's key; `Error::Malformed` when the slot is another
    /// vault's.
    pub fn open(&self, unlock: &Unlock, vault_id: &str) -> Result<DataKey> {
        if self.vault_id != vault_id {
            return Err(Error::malformed(self.shown(), format!("it belongs to vault {}", self.vault_id)));
        }
        let binding = binding(vault_id, &self.id, self.kind());
        let opened = match (&self.body, unlock) {
            (Body::KeyFile { salt }, Unlock::KeyFile(text)) => {
                let key = wrap::from_key_file(&*parse_key_file(text)?, salt);
                wrap::unwrap(&key, &binding, &self.wrapped)?
            }
            (Body::Passphrase { salt, cost }, Unlock::Passphrase(passphrase)) => {
                let key = wrap::from_passphrase(passphrase, salt, *cost)?;
                wrap::unwrap(&key, &binding, &self.wrapped)?
            }
            (Body::Age { .. }, Unlock::Identity(text)) => {
                wrap::unwrap_age(&wrap::parse_identity(text)?, &binding, &self.wrapped)
            }
            _ => None,
        };
        opened.ok_or_else(|| Error::WrongKey { tried: self.shown() })
    }

    /// 32 hexadecimal digits, random.
    pub fn id(&self) -> &str {
        &self.id
    }

    pub fn kind(&self) -> Kind {
        self.body.kind()
    }

    pub fn label(&self) -> &str {
        &self.label
    }

    pub fn created(&self) -> Timestamp {
        self.created
    }

    /// The vault it was made for.
    pub fn vault_id(&self) -> &str {
        &self.vault_id
    }

    /// The age recipient, which is public.
    pub fn recipient(&self) -> Option<&str> {
        match &self.body {
            Body::Age { recipient } => Some(recipient),
            _ => None,
        }
    }

    fn shown(&self) -> String {
        format!("{} slot {} {:?}", self.kind().name(), self.id, self.label)
    }
}

/// What ties a wrapped key to its place. Lengths are part of it, so no two places give the same bytes.
fn binding(vault_id: &str, slot_id: &str, kind: Kind) -> Vec<u8> {
    format!("rekindle-slot-1 {} {vault_id} {} {slot_id} {}", vault_id.len(), slot_id.len(), kind.name()).into_bytes()
}

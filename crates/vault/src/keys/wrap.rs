//! The cryptography of a slot: from a secret and a salt to a wrapping key, and the data key wrapped by it. Must not know how a
//! slot is written down.

use std::str::FromStr;

use age::x25519;
use argon2::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use zeroize::Zeroizing;

use super::DataKey;
use super::slot::Argon2Cost;
use crate::error::{Error, Result};

pub(super) type WrappingKey = Zeroizing<[u8; 32]>;

/// Context strings of BLAKE3's key derivation: fixed for ever.
const KEY_FILE_CONTEXT: &str = "rekindle 2026 vault key slot: key file";
const BINDING_CONTEXT: &str = "rekindle 2026 vault key slot: binding";

/// Each wrapping key is used once, so its nonce may be constant.
const NONCE: [u8; NONCE_LEN] = [0; NONCE_LEN];

pub(super) fn from_key_file(key: &[u8; 32], salt: &[u8; 32]) -> WrappingKey {
    let mut hasher = blake3::Hasher::new_derive_key(KEY_FILE_CONTEXT);
    hasher.update(key).update(salt);
    Zeroizing::new(*hasher.finalize().as_bytes())
}

pub(super) fn from_passphrase(passphrase: &str, salt: &[u8; 32], cost: Argon2Cost) -> Result<WrappingKey> {
    let bad = |error: &dyn std::fmt::Display| Error::BadKey(format!("argon2 with {cost:?}: {error}"));
    let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(32)).map_err(|error| bad(&error))?;
    let mut key = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.as_bytes(), salt, key.as_mut())
        .map_err(|error| bad(&error))?;
    Ok(key)
}

pub(super) fn wrap(key: &WrappingKey, binding: &[u8], data_key: &DataKey) -> Result<Vec<u8>> {
    let mut bytes = data_key.as_bytes().to_vec();
    let nonce = Nonce::assume_unique_for_key(NONCE);
    cipher(key)?
        .seal_in_place_append_tag(nonce, Aad::from(binding), &mut bytes)
        .map_err(|_| Error::Internal("wrapping the data key".into()))?;
    Ok(bytes)
}

/// `None` when the key is not the one it was wrapped with.
pub(super) fn unwrap(key: &WrappingKey, binding: &[u8], wrapped: &[u8]) -> Result<Option<DataKey>> {
    let mut bytes = Zeroizing::new(wrapped.to_vec());
    let nonce = Nonce::assume_unique_for_key(NONCE);
    match cipher(key)?.open_in_place(nonce, Aad::from(binding), &mut bytes) {
        Ok(opened) => Ok(<[u8; 32]>::try_from(&*opened).ok().map(DataKey::from_bytes)),
        Err(_) => Ok(None),
    }
}

fn cipher(key: &WrappingKey) -> Result<LessSafeKey> {
    let key = UnboundKey::new(&AES_256_GCM, key.as_ref()).map_err(|_| Error::Internal("length of a key".into()))?;
    Ok(LessSafeKey::new(key))
}

pub(super) fn parse_recipient(text: &str) -> Result<x25519::Recipient> {
    x25519::Recipient::from_str(text.trim())
        .map_err(|error| Error::BadKey(format!("{text:?} is not an age X25519 recipient (age1…): {error}")))
}

/// Takes the first identity of an identity file's text; its comments begin with `#`.
pub(super) fn parse_identity(text: &str) -> Result<x25519::Identity> {
    let line = text.lines().map(str::trim).find(|line| line.starts_with("AGE-SECRET-KEY-1")).unwrap_or_default();
    x25519::Identity::from_str(line)
        .map_err(|_| Error::BadKey("there is no age X25519 identity (AGE-SECRET-KEY-1…)".into()))
}

/// age has no associated data, so the binding's hash travels inside. The randomness is age's own.
pub(super) fn wrap_age(recipient: &x25519::Recipient, binding: &[u8], data_key: &DataKey) -> Result<Vec<u8>> {
    let plain = Zeroizing::new([data_key.as_bytes().as_slice(), &binding_hash(binding)].concat());
    age::encrypt(recipient, &plain).map_err(|error| Error::BadKey(format!("age cannot encrypt: {error}")))
}

/// `None` when the identity is not the recipient's, or the binding is another's.
pub(super) fn unwrap_age(identity: &x25519::Identity, binding: &[u8], wrapped: &[u8]) -> Option<DataKey> {
    let plain = Zeroizing::new(age::decrypt(identity, wrapped).ok()?);
    let (key, hash) = plain.split_at_checked(32)?;
    let key = <[u8; 32]>::try_from(key).ok()?;
    (hash == binding_hash(binding)).then(|| DataKey::from_bytes(key))
}

fn binding_hash(binding: &[u8]) -> [u8; 32] {
    blake3::derive_key(BINDING_CONTEXT, binding)
}

//! Passwords: argon2id, in threads of their own and few at a time, so that guessing costs the guesser more than the daemon.

use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;
use vault::Env;
use vault::names::{hex, unhex};
use zeroize::Zeroizing;

use crate::error::{Error, Result};

/// Each takes 19 MiB while it runs.
const AT_ONCE: usize = 2;
const LENGTH_MIN: usize = 10;
const LENGTH_MAX: usize = 512;

/// Cost as OWASP advises for argon2id.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;

static HASHING: Semaphore = Semaphore::const_new(AT_ONCE);

pub(crate) fn refuse_weak(password: &str) -> Result<()> {
    match (LENGTH_MIN..=LENGTH_MAX).contains(&password.len()) {
        true => Ok(()),
        false => Err(Error::Ask(format!("a password has {LENGTH_MIN} to {LENGTH_MAX} bytes"))),
    }
}

/// `argon2id$19456$2$<salt>$<hash>`, both in hex.
pub(crate) async fn hashed(password: &str, env: &Env) -> Result<String> {
    let salt: [u8; 16] = env.random();
    let hash = digest(password, salt, MEMORY_KIB, PASSES).await?;
    Ok(format!("argon2id${MEMORY_KIB}${PASSES}${}${}", hex(&salt), hex(hash.as_ref())))
}

/// Who has no password, or is not there, takes as long as who has one.
pub(crate) async fn is_right(password: &str, kept: Option<&str>) -> Result<bool> {
    let parts = kept.and_then(parsed);
    let (memory, passes, salt, wanted) = parts.unwrap_or((MEMORY_KIB, PASSES, [0; 16], [0; 32]));
    let found = digest(password, salt, memory, passes).await?;
    // Compared in constant time.
    let same = blake3::Hash::from_bytes(*found) == blake3::Hash::from_bytes(wanted);
    Ok(same && parts.is_some())
}

fn parsed(kept: &str) -> Option<(u32, u32, [u8; 16], [u8; 32])> {
    let parts: Vec<&str> = kept.split('$').collect();
    match parts[..] {
        ["argon2id", memory, passes, salt, hash] => {
            Some((memory.parse().ok()?, passes.parse().ok()?, unhex(salt)?, unhex(hash)?))
        }
        _ => None,
    }
}

async fn digest(password: &str, salt: [u8; 16], memory: u32, passes: u32) -> Result<Zeroizing<[u8; 32]>> {
    let password = Zeroizing::new(password.to_owned());
    let _turn = HASHING.acquire().await;
    let hashing = tokio::task::spawn_blocking(move || {
        let params = Params::new(memory, passes, 1, Some(32))?;
        let mut hash = Zeroizing::new([0; 32]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hash_password_into(
            password.as_bytes(),
            &salt,
            hash.as_mut(),
        )?;
        Ok::<_, argon2::Error>(hash)
    });
    let broken = |what: &dyn std::fmt::Display| Error::Vault(vault::Error::Internal(format!("argon2: {what}")));
    hashing.await.map_err(|e| broken(&e))?.map_err(|e| broken(&e))
}

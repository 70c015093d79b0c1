//! The text of a key file: `rekindle-key-1 `, 64 hexadecimal digits, a newline. Must not know where the file is kept.

use zeroize::Zeroizing;

use super::json::{from_hex, to_hex};
use crate::env::Env;
use crate::error::{Error, Result};

const HEAD: &str = "rekindle-key-1 ";

/// A new random key of 256 bits, as the text of its file.
pub fn new_key_file(env: &Env) -> Zeroizing<String> {
    let mut bytes = Zeroizing::new([0; 32]);
    env.random.fill(bytes.as_mut());
    let digits = Zeroizing::new(to_hex(bytes.as_ref()));
    Zeroizing::new(format!("{HEAD}{}\n", *digits))
}

/// White space at the end is forgiven, as editors add and remove it.
pub(super) fn parse_key_file(text: &str) -> Result<Zeroizing<[u8; 32]>> {
    let digits = text.trim_end().strip_prefix(HEAD);
    let bytes = digits.and_then(from_hex).map(Zeroizing::new);
    match bytes.and_then(|bytes| <[u8; 32]>::try_from(bytes.as_slice()).ok()) {
        Some(bytes) => Ok(Zeroizing::new(bytes)),
        None => Err(Error::BadKey(format!("the key file is not `{}` and 64 hexadecimal digits", HEAD.trim_end()))),
    }
}

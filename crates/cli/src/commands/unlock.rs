//! How the commands that need no daemon open a vault.

use crate::args::{UnlockArgs, VaultPlaceArgs};
use crate::failure::Failure;
use crate::surroundings::Surroundings;
use crate::terminal::passphrase;
use control::{UnlockAsk, VaultAsk, vault_ask_from_config};

pub fn ask(args: &UnlockArgs, around: &Surroundings) -> Result<UnlockAsk, Failure> {
    match (&args.key, &args.identity) {
        (Some(key), _) => Ok(UnlockAsk::KeyFile(key.clone())),
        (_, Some(identity)) => Ok(UnlockAsk::IdentityFile(identity.clone())),
        _ => Ok(UnlockAsk::Passphrase(passphrase(around, false)?)),
    }
}

/// The vault named, or the configured one; with another way in when one is given.
pub fn vault(args: &VaultPlaceArgs, around: &Surroundings) -> Result<VaultAsk, Failure> {
    let way_in = args.unlock.is_given().then(|| ask(&UnlockArgs::from(&args.unlock), around)).transpose()?;
    match (&args.vault, way_in) {
        (Some(vault), Some(unlock)) => Ok(VaultAsk { vault: vault.clone(), s3: super::init::s3(&args.s3), unlock }),
        (_, None) => configured(around),
        (None, Some(unlock)) => Ok(VaultAsk { unlock, ..configured(around)? }),
    }
}

pub fn configured(around: &Surroundings) -> Result<VaultAsk, Failure> {
    Ok(vault_ask_from_config(&around.config(), &around.host()?)?)
}

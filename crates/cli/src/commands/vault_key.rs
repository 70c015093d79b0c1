//! `rekindle vault key add|list|remove|test`

use super::unlock;
use crate::args::{KeyAddArgs, KeyCommand, KeyRemoveArgs, VaultPlaceArgs};
use crate::failure::{Failure, Outcome, WELL};
use crate::show::keys;
use crate::surroundings::Surroundings;
use crate::terminal::{agree, passphrase, print, print_json};
use control::{KeyLockAsk, key_add, key_list, key_remove, key_test};

pub async fn run(command: &KeyCommand, around: &Surroundings) -> Outcome {
    match command {
        KeyCommand::Add(args) => add(args, around).await,
        KeyCommand::List(place) => list(place, around).await,
        KeyCommand::Remove(args) => remove(args, around).await,
        KeyCommand::Test(place) => test(place, around).await,
    }
}

async fn add(args: &KeyAddArgs, around: &Surroundings) -> Outcome {
    let vault = unlock::configured(around)?;
    let slot = key_add(&vault, lock(args, around)?, &args.label, &around.host()?).await?;
    match around.global.json {
        true => print_json(&slot)?,
        false => print(&format!("✓ slot {} added: {} {}\n", slot.id, slot.kind, slot.label)),
    }
    Ok(WELL)
}

fn lock(args: &KeyAddArgs, around: &Surroundings) -> Result<KeyLockAsk, Failure> {
    match (&args.key_file, &args.recipient) {
        (Some(path), _) => Ok(KeyLockAsk::KeyFile(path.clone())),
        (_, Some(recipient)) => Ok(KeyLockAsk::Recipient(recipient.clone())),
        _ => Ok(KeyLockAsk::Passphrase(passphrase(around, true)?)),
    }
}

async fn list(place: &VaultPlaceArgs, around: &Surroundings) -> Outcome {
    let slots = key_list(&unlock::vault(place, around)?, &around.host()?).await?;
    match around.global.json {
        true => print_json(&slots)?,
        false => print(&keys::list(&slots, &around.view())),
    }
    Ok(WELL)
}

async fn remove(args: &KeyRemoveArgs, around: &Surroundings) -> Outcome {
    let vault = unlock::configured(around)?;
    agree(around, &format!("remove key slot {}", args.slot), args.yes, false)?;
    key_remove(&vault, &args.slot, &around.host()?).await?;
    if !around.global.json {
        print(&format!("✓ slot {} removed: that key no longer opens the vault\n", args.slot));
    }
    Ok(WELL)
}

async fn test(place: &VaultPlaceArgs, around: &Surroundings) -> Outcome {
    let vault = unlock::vault(place, around)?;
    key_test(&vault, &around.host()?).await?;
    match around.global.json {
        true => print_json(&serde_json::json!({ "vault": vault.vault, "opens": true }))?,
        false => print(&format!("✓ the key opens {}\n", vault.vault)),
    }
    Ok(WELL)
}

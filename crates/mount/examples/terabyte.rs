//! Writes the made-up terabyte of the tests into a new vault, and its key beside it, for `bench/run`:
//! `terabyte VAULT_FOLDER KEY_FILE BACKUP_FILE`. The last gets the backup's name; its source is `shop`.

use std::error::Error;
use std::fs;

use tokio::runtime::{Builder, Handle};
use vault::keys::{Lock, Slot, new_key_file};
use vault::{Env, Vault};

#[allow(dead_code, reason = "the tests use more of it")]
#[path = "../tests/it/large_backup.rs"]
mod large_backup;

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [folder, key_file, backup_file] = &words[..] else { return Err("three words, see the source".into()) };
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let env = Env::system();
    let key = new_key_file(&env);
    fs::write(key_file, &*key)?;
    let store = vault::store::open(&folder.parse()?)?;
    let seal = |data_key: &_, id: &_| Ok(vec![Slot::seal(Lock::KeyFile(&key), data_key, id, "bench", &env)?]);
    let vault = runtime.block_on(Vault::create(store, &env, seal))?;
    let handle: &Handle = runtime.handle();
    let backup = large_backup::store(&vault, handle);
    fs::write(backup_file, backup.to_string())?;
    Ok(())
}

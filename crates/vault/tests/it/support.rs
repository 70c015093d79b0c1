//! What the tests here share: a new vault in a folder of its own.

use tempfile::TempDir;
use vault::keys::{Lock, Slot, new_key_file};
use vault::store::Location;
use vault::{Env, Vault};

pub(crate) async fn new_vault() -> (Vault, TempDir) {
    let folder = TempDir::new().unwrap();
    let location: Location = folder.path().join("vault").to_str().unwrap().parse().unwrap();
    let store = vault::store::open(&location).unwrap();
    let env = Env::system();
    let key = new_key_file(&env);
    let vault = Vault::create(store, &env, |data_key, id| {
        Ok(vec![Slot::seal(Lock::KeyFile(&key), data_key, id, "test", &env)?])
    });
    (vault.await.unwrap(), folder)
}

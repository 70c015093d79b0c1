//! A real vault in a folder, and log of the source `shop` in it, for tests beside the code.

use tempfile::TempDir;
use vault::keys::{Lock, Slot, new_key_file};
use vault::log::write::LogWriter;
use vault::names::SourceName;
use vault::{Env, Vault};

pub(crate) fn shop() -> SourceName {
    "shop".parse().unwrap()
}

pub(crate) async fn new_vault(folder: &TempDir) -> Vault {
    let location = folder.path().join("vault").to_str().unwrap().parse().unwrap();
    let env = Env::system();
    let key = new_key_file(&env);
    let seal = |data_key: &_, id: &_| Ok(vec![Slot::seal(Lock::KeyFile(&key), data_key, id, "test", &env)?]);
    Vault::create(vault::store::open(&location).unwrap(), &env, seal).await.unwrap()
}

/// Log of a timeline from its beginning on.
pub(crate) async fn receive(vault: &Vault, timeline: u32, bytes: &[u8], segment_bytes: u64) {
    let mut writer = LogWriter::resume(vault, &shop(), timeline, Some(0), segment_bytes).await.unwrap();
    writer.push(0, bytes).unwrap();
    while let Some(part) = writer.take_part(None) {
        drop(writer.durable_now(part.put().await.unwrap()));
    }
}

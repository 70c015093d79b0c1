//! `rekindle recover --catalog`: the daemon itself, from the vault and a key.

use crate::args::RecoverArgs;
use crate::failure::{Outcome, WELL};
use crate::surroundings::Surroundings;
use crate::terminal::{print, print_json};
use control::{CatalogRecovered, RecoverCatalogAsk, VaultAsk, recover_catalog};

pub async fn run(args: &RecoverArgs, vault: VaultAsk, around: &Surroundings) -> Outcome {
    let ask = RecoverCatalogAsk {
        vault,
        config: around.config(),
        key_file: around.config_folder().join("vault.key"),
        data_folder: args.data_folder.clone().unwrap_or_else(|| around.state_folder().join("data")),
        socket: around.global.socket.clone().unwrap_or_else(|| around.socket_default()),
    };
    let done = recover_catalog(&ask, &around.host()?).await?;
    match around.global.json {
        true => print_json(&serde_json::json!({
            "made": done.made, "version": done.version, "config": done.config, "key_file": done.key_file,
            "sources": done.sources, "stacks": done.stacks, "operations": done.operations, "paused": done.paused,
        }))?,
        false => print(&text(&done)),
    }
    Ok(WELL)
}

fn text(done: &CatalogRecovered) -> String {
    let list = |names: &[String]| if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    let paused = match done.paused.is_empty() {
        true => String::new(),
        false => format!(
            "Paused   {}: they were under way; see `rekindle ops`, then resume or cancel them\n",
            done.paused.join(", ")
        ),
    };
    format!(
        "Catalog  as it was at {}, by version {}\n\
         Sources  {}\n\
         Stacks   {}\n\
         History  {} operations\n\
         {paused}\
         Key      {}\n\
         Config   {}\n\
         Daemon   start it when the old one is surely gone: two would receive one log\n",
        done.made,
        done.version,
        list(&done.sources),
        list(&done.stacks),
        done.operations,
        done.key_file.display(),
        done.config.display(),
    )
}

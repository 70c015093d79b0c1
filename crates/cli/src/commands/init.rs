//! `rekindle init`

use crate::args::{InitArgs, S3Args};
use crate::failure::{Outcome, WELL};
use crate::surroundings::Surroundings;
use crate::terminal::{print, print_json};
use control::{InitAsk, InitDone, S3Ask, init};

pub async fn run(args: &InitArgs, around: &Surroundings) -> Outcome {
    let state = around.state_folder();
    let vault = args.vault.clone().unwrap_or_else(|| format!("file:{}", state.join("vault").display()));
    let ask = InitAsk {
        config: around.config(),
        vault,
        key_file: args.key_file.clone().unwrap_or_else(|| around.config_folder().join("vault.key")),
        data_folder: args.data_folder.clone().unwrap_or_else(|| state.join("data")),
        socket: around.global.socket.clone().unwrap_or_else(|| around.socket_default()),
        s3: s3(&args.s3),
        replace_config: args.force_config,
    };
    let done = init(&ask, &around.host()?).await?;
    match around.global.json {
        true => print_json(&serde_json::json!({
            "vault": done.vault, "key_file": done.key_file, "config": done.config, "data_folder": done.data_folder,
            "socket": done.socket, "created_vault": done.created_vault,
        }))?,
        false => print(&text(&done, around.is_root)),
    }
    Ok(WELL)
}

pub fn s3(args: &S3Args) -> S3Ask {
    S3Ask {
        endpoint: args.s3_endpoint.clone(),
        region: args.s3_region.clone(),
        path_style: args.s3_path_style,
        allow_http: args.s3_allow_http,
    }
}

fn text(done: &InitDone, is_root: bool) -> String {
    let state = if done.created_vault { "new, sealed" } else { "was there, the key opens it" };
    let daemon = match is_root {
        true => "sudo systemctl enable --now rekindle   or: rekindle serve".to_owned(),
        false => format!("rekindle --config {} serve", done.config.display()),
    };
    format!(
        "Vault    {}        {state}\n\
         Key      {}     keep a copy elsewhere: without a key nothing can be restored\n\
         \x20        rekindle vault key add --passphrase   adds a second way in\n\
         Config   {}\n\
         Daemon   {daemon}\n",
        done.vault,
        done.key_file.display(),
        done.config.display(),
    )
}

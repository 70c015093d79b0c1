//! `rekindle recover --secrets`: what a stack needs beside its databases, from the vault and a key.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::failure::{Failure, Outcome, WELL};
use crate::surroundings::Surroundings;
use crate::terminal::{print, print_json};
use control::{VaultAsk, recover_secrets};

pub async fn run(stack: &str, into: Option<&Path>, vault: &VaultAsk, around: &Surroundings) -> Outcome {
    let folder = into.unwrap_or(Path::new("."));
    let found = recover_secrets(vault, stack, &around.host()?).await?;
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|error| Failure::file("make", folder, error))?;
    let mut written: Vec<(PathBuf, String)> = Vec::new();
    for kept in found {
        let path = folder.join(&kept.name);
        let file = File::options().write(true).create_new(true).mode(0o600).open(&path);
        let done = file.and_then(|mut file| file.write_all(&kept.content).and_then(|()| file.sync_all()));
        done.map_err(|error| Failure::file("write", &path, error))?;
        written.push((path, kept.from));
    }
    match around.global.json {
        true => print_json(&written)?,
        false => written.iter().for_each(|(path, from)| print(&format!("{}  was {from}\n", path.display()))),
    }
    Ok(WELL)
}

//! `rekindle secrets`: what the vault keeps of a stack beside its databases. What is in it goes into a file, and onto a terminal only when
//! a person says so twice.

use std::fs::File;
use std::io::{IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use api::{SecretAnswer, SecretsView};

use crate::args::{SecretGetArgs, SecretsArgs, SecretsCommand};
use crate::failure::{Failure, Outcome, WELL};
use crate::show::{View, units};
use crate::surroundings::Surroundings;
use crate::terminal::{agree, note, print, print_json};

pub async fn run(args: &SecretsArgs, around: &Surroundings) -> Outcome {
    let client = super::client(around)?;
    match &args.command {
        None | Some(SecretsCommand::List) => {
            let found = client.secrets(&args.stack).await?;
            match around.global.json {
                true => print_json(&found)?,
                false => print(&list(&found, &around.view())),
            }
        }
        Some(SecretsCommand::Get(wanted)) => {
            refuse_to_show(wanted, around)?;
            // Where it cannot be written it is not asked for.
            let file = wanted.out.as_deref().map(create).transpose()?;
            match client.read_secret(&args.stack, &wanted.name).await {
                Ok(found) => give(&found, wanted, file, around)?,
                Err(failure) => {
                    wanted.out.as_ref().map(std::fs::remove_file);
                    return Err(failure);
                }
            }
        }
    }
    Ok(WELL)
}

/// Whoever stands behind reads along.
fn refuse_to_show(wanted: &SecretGetArgs, around: &Surroundings) -> Result<(), Failure> {
    if wanted.out.is_some() || !std::io::stdout().is_terminal() {
        return Ok(());
    }
    agree(around, &format!("show {} on this terminal", wanted.name), false, false)?;
    agree(around, "it stays in what the terminal remembers", false, false)
}

fn create(path: &Path) -> Result<File, Failure> {
    let file = File::options().write(true).create_new(true).mode(0o600).open(path);
    file.map_err(|error| Failure::file("write", path, error))
}

fn give(
    found: &SecretAnswer,
    wanted: &SecretGetArgs,
    file: Option<File>,
    around: &Surroundings,
) -> Result<(), Failure> {
    let content = bytes(&found.content.0)?;
    let (Some(mut file), Some(path)) = (file, &wanted.out) else {
        let written = std::io::stdout().write_all(&content);
        return written.map_err(|error| Failure::file("write", Path::new("standard output"), error));
    };
    let written = file.write_all(&content).and_then(|()| file.sync_all());
    written.map_err(|error| Failure::file("write", path, error))?;
    if !around.global.json {
        note(&format!("{} is in {}, which only its owner reads", found.name, path.display()));
    }
    Ok(())
}

fn bytes(hex: &str) -> Result<Vec<u8>, Failure> {
    let pair = |at: usize| hex.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
    let bytes: Option<Vec<u8>> = (0..hex.len()).step_by(2).map(pair).collect();
    bytes.ok_or_else(|| Failure::answer("the secret", "it is not in hexadecimal digits"))
}

fn list(found: &SecretsView, view: &View) -> String {
    let mut text = format!("{}      sealed in the vault {}\n", found.stack, view.ago(found.sealed));
    for item in &found.items {
        let what = if item.is_secret { "secret" } else { "file" };
        text.push_str(&format!(" {:<20} {what:<7} {:>9}  {}\n", item.name, units::bytes(item.bytes), item.from));
    }
    text
}

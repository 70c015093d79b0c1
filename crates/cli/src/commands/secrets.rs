//! `rekindle secrets`: what the vault keeps of a stack beside its databases. What is in it goes into a file, and onto a terminal only when
//! a person says so twice.

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
            give(&client.read_secret(&args.stack, &wanted.name).await?, wanted, around)?;
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

fn give(found: &SecretAnswer, wanted: &SecretGetArgs, around: &Surroundings) -> Result<(), Failure> {
    let content = bytes(&found.content.0)?;
    let Some(out) = &wanted.out else {
        return std::io::stdout()
            .write_all(&content)
            .map_err(|e| Failure::file("write", Path::new("standard output"), e));
    };
    let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(out);
    let written = file.and_then(|mut file| file.write_all(&content).and_then(|()| file.sync_all()));
    written.map_err(|error| Failure::file("write", out, error))?;
    if !around.global.json {
        note(&format!("{} is in {}, which only its owner reads", found.name, out.display()));
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

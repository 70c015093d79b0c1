//! `rekindle apply`, `rekindle diff`, `rekindle export`

use std::io::Read;
use std::path::Path;

use api::{ApplyAnswer, ApplyAsk, StackView};

use crate::args::{ApplyArgs, DiffArgs, ExportArgs};
use crate::failure::{Failure, NOT_ALL_WELL, Outcome, WELL};
use crate::show::stack;
use crate::surroundings::Surroundings;
use crate::terminal::{print, print_json};

pub async fn apply(args: &ApplyArgs, around: &Surroundings) -> Outcome {
    let ask = ApplyAsk { file: read(&args.file)?, dry_run: false };
    let answer = super::client(around)?.apply(&ask).await?;
    shown(&answer, around)?;
    Ok(if answer.applied { WELL } else { NOT_ALL_WELL })
}

pub async fn diff(args: &DiffArgs, around: &Surroundings) -> Outcome {
    let ask = ApplyAsk { file: read(&args.file)?, dry_run: true };
    let answer = super::client(around)?.apply(&ask).await?;
    shown(&answer, around)?;
    Ok(if answer.changes.is_empty() { WELL } else { NOT_ALL_WELL })
}

fn shown(answer: &ApplyAnswer, around: &Surroundings) -> Result<(), Failure> {
    if around.global.json {
        return print_json(answer);
    }
    print(&stack::applied(answer));
    Ok(())
}

pub async fn export(args: &ExportArgs, around: &Surroundings) -> Outcome {
    let client = super::client(around)?;
    let stacks: Vec<StackView> = match &args.name {
        Some(name) => vec![client.stack(name).await?],
        None => client.stacks().await?,
    };
    if around.global.json {
        print_json(&stacks)?;
    } else {
        stacks.iter().for_each(|stack| print(&stack.file));
    }
    Ok(WELL)
}

/// `-` is standard input.
fn read(path: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    let read = match path == Path::new("-") {
        true => std::io::stdin().read_to_string(&mut text).map(|_| text),
        false => std::fs::read_to_string(path),
    };
    read.map_err(|error| Failure::file("read", path, error))
}

//! `rekindle completions SHELL`

use clap::CommandFactory;

use crate::args::{Arguments, CompletionsArgs};
use crate::failure::{Outcome, WELL};
use crate::terminal::print;

pub fn run(args: &CompletionsArgs) -> Outcome {
    print(&text(args.shell));
    Ok(WELL)
}

pub fn text(shell: clap_complete::Shell) -> String {
    let mut bytes = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "rekindle", &mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests;

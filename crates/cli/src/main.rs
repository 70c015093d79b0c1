//! The program `rekindle`: a client of the daemon, and the daemon itself under `serve`. Only this crate prints, reads the
//! environment and ends the process.

// This is the binary's room: the clock, the environment, the output and the exit code are read and written here.
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)]
// Nothing of a binary can be reached from outside; `pub` here says which module's surface it is.
#![allow(unreachable_pub)]

mod args;
mod client;
mod commands;
mod failure;
mod logging;
mod memory;
mod show;
mod surroundings;
mod terminal;
mod wait;
mod when;

use std::process::ExitCode;

use clap::Parser;

use args::Arguments;
use surroundings::Surroundings;

fn main() -> ExitCode {
    // PostgreSQL waits for every log file: no runtime, no command line parser.
    if let Some(code) = commands::wal_fetch::run_early(std::env::args_os()) {
        return ExitCode::from(code);
    }
    memory::give_back_large_buffers();
    let arguments = Arguments::parse();
    let around = Surroundings::read(arguments.global.clone());
    let outcome = commands::run(arguments.command, &around);
    ExitCode::from(outcome.unwrap_or_else(|failure| {
        let text = match around.global.json {
            true => serde_json::to_string(&failure.body).unwrap_or_default(),
            false => show::errors::block(&failure.body).trim_end().to_owned(),
        };
        terminal::note(&text);
        failure.exit_code()
    }))
}

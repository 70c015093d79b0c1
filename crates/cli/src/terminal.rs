//! Talking to the person: prints, redraws one block, asks. What is said is made elsewhere.

use std::io::{BufRead, Write};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use serde::Serialize;

use crate::failure::Failure;
use crate::show::progress::{self, Rate};
use crate::surroundings::Surroundings;

/// Writes to standard output. A reader that went away is not an error.
pub fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Writes a line to standard error.
pub fn note(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

pub fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).map_err(|error| Failure::internal("cannot write JSON", error))?;
    print(&(text + "\n"));
    Ok(())
}

/// Asks, unless nobody is there: then `when_alone` says whether that means yes.
pub fn agree(around: &Surroundings, what: &str, yes: bool, when_alone: bool) -> Result<(), Failure> {
    if yes || (!around.asks && when_alone) {
        return Ok(());
    }
    if !around.asks {
        return Err(Failure::not_agreed(what, "nobody can be asked here: add --yes"));
    }
    let _ = write!(std::io::stderr().lock(), "{what}: go ahead? [y/N] ");
    match first_line()?.to_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(Failure::not_agreed(what, "nothing was changed")),
    }
}

/// A line that is typed out.
pub fn typed(prompt: &str) -> Result<String, Failure> {
    let _ = write!(std::io::stderr().lock(), "{prompt}");
    first_line()
}

/// A passphrase, from the terminal without echo or from the first line of standard input. Asked twice when it is a new one.
pub fn passphrase(around: &Surroundings, is_new: bool) -> Result<String, Failure> {
    let first = secret(around, "Passphrase: ")?;
    if first.is_empty() {
        return Err(Failure::input("the passphrase is empty", "type one, or give it on standard input"));
    }
    if is_new && around.asks && secret(around, "Once more: ")? != first {
        return Err(Failure::input("the two passphrases differ", "nothing was changed; try again"));
    }
    Ok(first)
}

/// A password that is there already.
pub fn password(around: &Surroundings) -> Result<api::Password, Failure> {
    Ok(api::Password(secret(around, "Password: ")?))
}

/// A new one, in the same way.
pub fn new_password(around: &Surroundings) -> Result<api::Password, Failure> {
    let first = secret(around, "New password: ")?;
    if around.asks && secret(around, "Once more: ")? != first {
        return Err(Failure::input("the two passwords differ", "nothing was changed; try again"));
    }
    Ok(api::Password(first))
}

fn secret(around: &Surroundings, prompt: &str) -> Result<String, Failure> {
    if !around.asks {
        return first_line();
    }
    let _ = write!(std::io::stderr().lock(), "{prompt}");
    let input = std::io::stdin();
    let shown = tcgetattr(&input).map_err(|error| Failure::internal("the terminal cannot be asked", error))?;
    let mut hidden = shown.clone();
    hidden.local_modes.remove(LocalModes::ECHO);
    tcsetattr(&input, OptionalActions::Flush, &hidden).map_err(|error| Failure::internal("echo stays on", error))?;
    let line = first_line();
    let _ = tcsetattr(&input, OptionalActions::Flush, &shown);
    note("");
    line
}

fn first_line() -> Result<String, Failure> {
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line);
    read.map_err(|error| Failure::file("read", std::path::Path::new("standard input"), error))?;
    Ok(line.trim_end_matches(['\n', '\r']).to_owned())
}

/// One line that is redrawn on a terminal; elsewhere a line for every new step.
pub struct Block {
    name: String,
    bar: Option<ProgressBar>,
    quiet: bool,
    rate: Rate,
    began: std::time::Instant,
    step: String,
    width: usize,
}

impl Block {
    pub fn new(around: &Surroundings, name: &str) -> Block {
        let bar = around.draws.then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            bar.with_style(ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_spinner()))
        });
        let quiet = around.global.quiet || around.global.json;
        let (began, width) = (std::time::Instant::now(), around.view().width);
        Block { name: name.to_owned(), bar, quiet, rate: Rate::default(), began, step: String::new(), width }
    }

    pub fn show(&mut self, step: &str, progress: &api::Progress) {
        let is_new = step != self.step;
        if is_new {
            step.clone_into(&mut self.step);
            self.rate = Rate::default();
        }
        self.rate.observe(self.began.elapsed().as_secs_f64(), progress.bytes_done);
        match &self.bar {
            Some(bar) => {
                let rate = self.rate.bytes_per_second();
                bar.set_message(progress::line(&self.name, step, progress, rate, self.width));
                bar.tick();
            }
            None if is_new && !self.quiet && !step.is_empty() => note(&progress::plain(&self.name, step, progress)),
            None => {}
        }
    }

    /// Says something above the block.
    pub fn say(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| note(text)),
            None => note(text),
        }
    }

    pub fn end(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}

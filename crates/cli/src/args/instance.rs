//! What can be typed about clones, peeks and restores that are open.

use clap::{Args, Subcommand};

use super::TargetArgs;

#[derive(Debug, Args)]
pub struct CloneArgs {
    #[command(subcommand)]
    pub command: Option<CloneCommand>,
    #[command(flatten)]
    pub new: NewCloneArgs,
}

#[derive(Debug, Args)]
// A clone has a name of its own.
#[command(mut_arg("restore_point", |arg| arg.visible_alias(None)))]
pub struct NewCloneArgs {
    /// The source
    #[arg(required = true)]
    pub source: Option<String>,
    #[command(flatten)]
    pub target: TargetArgs,
    /// What it is called from now on [default: made from the source's name]
    #[arg(long)]
    pub name: Option<String>,
    /// Its port [default: a free one]
    #[arg(long)]
    pub port: Option<u16>,
    /// It is removed after this time, such as 8h or "2 days"
    #[arg(long, value_name = "SPAN")]
    pub ttl: Option<String>,
    /// It is stopped when it takes more of the local disk, such as 20GB
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub quota: Option<u64>,
    /// The operating system user that owns the files, when the daemon runs as root
    #[arg(long, value_name = "USER")]
    pub owner: Option<String>,
}

#[derive(Debug, Subcommand)]
pub enum CloneCommand {
    /// Start a clone that was stopped
    Start(CloneNameArgs),
    /// Stop a clone; what was written in it stays
    Stop(CloneNameArgs),
    /// Throw away what was written in a clone: back to the moment it was opened at
    Reset(CloneChangeArgs),
    /// Remove a clone
    Rm(CloneChangeArgs),
}

#[derive(Debug, Args)]
pub struct CloneNameArgs {
    pub name: String,
}

#[derive(Debug, Args)]
pub struct CloneChangeArgs {
    pub name: String,
    /// Do not ask
    #[arg(long, short)]
    pub yes: bool,
}

#[derive(Debug, Args)]
pub struct ClonesArgs {
    /// Only this one, with more about it
    pub name: Option<String>,
}

#[derive(Debug, Args)]
pub struct PeekArgs {
    /// The source
    pub name: String,
    #[command(flatten)]
    pub target: TargetArgs,
    /// The database to look into [default: postgres, or another where there is none]
    #[arg(long, short)]
    pub database: Option<String>,
    /// The operating system user that owns the files, when the daemon runs as root
    #[arg(long, value_name = "USER")]
    pub owner: Option<String>,
    /// Statements to run; psql when there are none
    #[arg(last = true)]
    pub sql: Vec<String>,
}

#[derive(Debug, Args)]
// The newest moment when none is said.
#[command(mut_group("moment", |group| group.required(false)))]
pub struct DrillArgs {
    /// The source
    pub name: String,
    #[command(flatten)]
    pub target: TargetArgs,
    /// Questions and programs of your own, in TOML: see docs/drills.md
    #[arg(long, value_name = "FILE")]
    pub checks: Option<std::path::PathBuf>,
    /// The operating system user that owns the files, when the daemon runs as root
    #[arg(long, value_name = "USER")]
    pub owner: Option<String>,
    /// Only show the evidence of an earlier drill
    #[arg(long, value_name = "ID", conflicts_with_all = ["checks", "owner"])]
    pub evidence: Option<String>,
}

#[derive(Debug, Args)]
pub struct DetachArgs {
    /// Its name in `rekindle status`, or its directory
    pub name: String,
    /// Do not ask before its server is restarted
    #[arg(long, short)]
    pub yes: bool,
}

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("change").required(true).multiple(true))]
pub struct HydrationArgs {
    /// Its name in `rekindle status`
    pub name: String,
    /// Fetch nothing but what is touched
    #[arg(long, group = "change", conflicts_with = "resume")]
    pub pause: bool,
    /// Go on fetching
    #[arg(long, group = "change")]
    pub resume: bool,
    /// Fetch no more in a second, such as 50MB; 0 takes the limit off
    #[arg(long, group = "change", value_name = "SIZE", value_parser = size)]
    pub limit: Option<u64>,
}

/// `20GB`, `512 MB`, `1073741824`: thousands, or with an i in between powers of 1024.
pub fn size(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = (&text[..digits], text[digits..].trim().to_ascii_lowercase());
    let factor = match unit.trim_end_matches('b') {
        "" => 1.0,
        "k" => 1e3,
        "m" => 1e6,
        "g" => 1e9,
        "t" => 1e12,
        "ki" => 1024.0,
        "mi" => 1024.0 * 1024.0,
        "gi" => 1024.0 * 1024.0 * 1024.0,
        "ti" => 1024.0 * 1024.0 * 1024.0 * 1024.0,
        _ => return Err(format!("{unit:?} is not a unit: use kB, MB, GB or TB")),
    };
    let number: f64 = number.parse().map_err(|_| format!("{text:?} is not a size such as 20GB"))?;
    Ok((number * factor) as u64)
}

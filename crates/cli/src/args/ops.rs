//! Words of `ops` and of what people say to operations.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::ConsentArgs;

#[derive(Debug, Args)]
pub struct OpsArgs {
    #[command(subcommand)]
    pub command: Option<OpsCommand>,
    #[command(flatten)]
    pub list: OpsListArgs,
}

#[derive(Debug, Args)]
pub struct OpsListArgs {
    /// Only of this source
    #[arg(long, value_name = "NAME")]
    pub source: Option<String>,
    /// Only of this kind: backup, restore, clone, …
    #[arg(long)]
    pub kind: Option<String>,
    /// Only those that are not over
    #[arg(long)]
    pub unfinished: bool,
    /// How many
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub last: u32,
}

#[derive(Debug, Subcommand)]
pub enum OpsCommand {
    /// One operation: its steps, its last error, what can be done now
    Show(OpArgs),
    /// What a restore in the place of the live one was planned as: what those who approve it agree to
    Plan(OpArgs),
    /// What its steps said
    Logs(OpLogsArgs),
    /// Try again now, or go on after a person was needed
    Retry(OpArgs),
    /// Stop it, and take back what it did
    Cancel(OpWhyArgs),
    /// Stop before the next step
    Pause(OpArgs),
    /// Go on after a pause
    Resume(OpArgs),
    /// Give up one that is stuck, when it was put right by hand
    Abandon(OpWhyArgs),
}

#[derive(Debug, Args)]
pub struct OpArgs {
    pub id: String,
}

#[derive(Debug, Args)]
pub struct OpReportArgs {
    /// Of the operation
    pub id: String,
    /// As what [default: by the ending of --out, else markdown]
    #[arg(long, value_enum)]
    pub format: Option<ReportFormat>,
    /// Also write it here
    #[arg(long, value_name = "FILE.md|FILE.html|FILE.json")]
    pub out: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    Markdown,
    /// One page that needs nothing but itself
    Html,
    Json,
}

impl ReportFormat {
    pub fn name(self) -> &'static str {
        match self {
            ReportFormat::Markdown => "markdown",
            ReportFormat::Html => "html",
            ReportFormat::Json => "json",
        }
    }
}

#[derive(Debug, Args)]
pub struct OpChangeArgs {
    /// Of the operation
    pub id: String,
    /// Only show what would be done
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask
    #[arg(long, short)]
    pub yes: bool,
}

#[derive(Debug, Args)]
pub struct RollbackArgs {
    #[command(flatten)]
    pub change: OpChangeArgs,
    #[command(flatten)]
    pub consent: ConsentArgs,
}

#[derive(Debug, Args)]
pub struct OpWhyArgs {
    pub id: String,
    /// Why; it is kept with the operation
    #[arg(long, default_value = "")]
    pub why: String,
}

#[derive(Debug, Args)]
pub struct OpLogsArgs {
    pub id: String,
    /// Go on showing what is said, until it is over
    #[arg(long, short)]
    pub follow: bool,
}

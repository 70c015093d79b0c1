//! Words of `alerts` and `alert`.

use clap::{Args, Subcommand};

#[derive(Debug, Args)]
pub struct AlertsArgs {
    #[command(subcommand)]
    pub command: Option<AlertsCommand>,
    #[command(flatten)]
    pub list: AlertsListArgs,
}

#[derive(Debug, Args)]
pub struct AlertsListArgs {
    /// Also those that are over
    #[arg(long)]
    pub all: bool,
    /// All that were there at some time since then: a time, or words like "2 days ago"
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Only about this source
    #[arg(long, value_name = "NAME")]
    pub source: Option<String>,
    /// Only of this kind: log-gap, backup-overdue, …
    #[arg(long)]
    pub kind: Option<String>,
    /// How many
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub last: u32,
    /// Only older than the one of this number
    #[arg(long, value_name = "N")]
    pub before: Option<u64>,
}

#[derive(Debug, Subcommand)]
pub enum AlertsCommand {
    /// One alarm: what it means, what to do, who was told
    Show(AlertArgs),
}

#[derive(Debug, Args)]
pub struct AlertArgs {
    /// Its number
    pub n: u64,
}

#[derive(Debug, Subcommand)]
pub enum AlertCommand {
    /// Send a test message to each channel, or to one, and say what became of it
    Test(AlertTestArgs),
}

#[derive(Debug, Args)]
pub struct AlertTestArgs {
    /// As the configuration calls it
    pub channel: Option<String>,
}

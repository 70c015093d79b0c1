//! What can be typed. The help, the completions and the man pages all come from these definitions. Nothing is decided here.

mod alerts;
mod instance;
mod ops;
mod people;
mod restore;
mod vault;

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

pub use alerts::{AlertCommand, AlertsArgs, AlertsCommand, AlertsListArgs};
pub use instance::{
    CloneArgs, CloneCommand, ClonesArgs, DetachArgs, DrillArgs, HydrationArgs, NewCloneArgs, PeekArgs, size,
};
pub use ops::{
    OpChangeArgs, OpLogsArgs, OpReportArgs, OpWhyArgs, OpsArgs, OpsCommand, OpsListArgs, ReportFormat, RollbackArgs,
};
pub use people::{AuditArgs, AuditCommand, AuditListArgs, TokenAddArgs, TokensCommand, UserAddArgs, UsersCommand};
pub use restore::{ConsentArgs, ObjectArgs, RecoverArgs, RestoreArgs, TargetArgs, WhereArgs};
pub use vault::{DumpArgs, KeyAddArgs, KeyCommand, KeyRemoveArgs, S3Args, UnlockArgs, VaultCommand, VaultPlaceArgs};

/// Backs up PostgreSQL continuously and restores any moment, page by page.
#[derive(Debug, Parser)]
#[command(name = "rekindle", version, propagate_version = true, max_term_width = 110, disable_help_subcommand = true)]
pub struct Arguments {
    #[command(flatten)]
    pub global: GlobalArgs,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Clone, Args)]
pub struct GlobalArgs {
    /// Print the answer as JSON on standard output, errors as JSON on standard error
    #[arg(long, global = true, help_heading = "Everywhere")]
    pub json: bool,
    /// The configuration [default: /etc/rekindle/rekindle.toml as root, else ~/.config/rekindle/rekindle.toml]
    #[arg(long, global = true, value_name = "PATH", help_heading = "Everywhere")]
    pub config: Option<PathBuf>,
    /// The daemon's socket [default: what the configuration says]
    #[arg(long, global = true, value_name = "PATH", env = "REKINDLE_SOCKET", help_heading = "Everywhere")]
    pub socket: Option<PathBuf>,
    /// A daemon elsewhere, such as https://db1:7443
    #[arg(long, global = true, value_name = "URL", env = "REKINDLE_SERVER", help_heading = "Everywhere")]
    pub server: Option<String>,
    /// Where the token is: env:NAME, file:/path or command:PROGRAM [default: REKINDLE_TOKEN, which may hold the token itself]
    #[arg(long, global = true, value_name = "REFERENCE", help_heading = "Everywhere")]
    pub token: Option<String>,
    /// Trust only the certificates of this file for --server, instead of the system's
    #[arg(long, global = true, value_name = "PATH", env = "REKINDLE_CA_FILE", help_heading = "Everywhere")]
    pub ca_file: Option<PathBuf>,
    /// No progress
    #[arg(long, short, global = true, help_heading = "Everywhere")]
    pub quiet: bool,
    /// Read and show times in UTC instead of the local zone
    #[arg(long, global = true, help_heading = "Everywhere")]
    pub utc: bool,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a vault, its key and the configuration
    Init(InitArgs),
    /// Run the daemon in the foreground
    Serve(ServeArgs),
    /// Register a database server and begin to receive its log
    Protect(ProtectArgs),
    /// Stop receiving the log of a source; its backups stay in the vault
    Unprotect(UnprotectArgs),
    /// Make a stack as a file says: its sources, their timetable, what is kept
    Apply(ApplyArgs),
    /// What applying a file would change; ends with 1 when it is something
    Diff(DiffArgs),
    /// Print stacks as files that can be applied
    Export(ExportArgs),
    /// Secrets and settings of a stack that the vault keeps, also when the stack is gone
    Secrets(SecretsArgs),
    /// How everything stands
    Status(StatusArgs),
    /// Look for what would be in the way of a restore on this host, and how to mend it
    Doctor,
    /// What is wrong, and what was
    #[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
    Alerts(AlertsArgs),
    /// The channels that alarms go to
    #[command(subcommand)]
    Alert(AlertCommand),
    /// Which moments can be restored, and where the gaps are
    Timeline(TimelineArgs),
    /// Take a backup now
    Backup(BackupArgs),
    /// Restore a moment into a new data directory and start a server on it, or in the place of the live cluster
    Restore(RestoreArgs),
    /// What happened in a restore in the place of a live cluster
    Report(OpReportArgs),
    /// Who used a database in the last 30 days, as its server saw them
    Consumers(ConsumersArgs),
    /// What restores replaced and keep
    Retired,
    /// Remove what a restore replaced, for good
    Retire(OpChangeArgs),
    /// Bring back what a restore replaced; what was written since is kept aside
    Rollback(RollbackArgs),
    /// Open a moment as a writable server of its own, in seconds; and what becomes of such clones
    #[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
    Clone(CloneArgs),
    /// What was opened and is looked after
    Clones(ClonesArgs),
    /// Look at a moment: runs SQL on it, or opens psql, and leaves nothing behind
    Peek(PeekArgs),
    /// Prove a moment: open it, recover it, read all of it, run checks, keep the evidence
    Drill(DrillArgs),
    /// Pause, resume or limit the fetching behind a restore that was opened at once
    Hydration(HydrationArgs),
    /// Turn a restore that was opened at once into a plain directory, when all of it is present
    Detach(DetachArgs),
    /// What runs and what ran, each with its steps
    #[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
    Ops(OpsArgs),
    /// Agree to an operation that waits for it; never by who asked for it
    Approve(OpWhyArgs),
    /// Refuse an operation that waits to be approved
    Refuse(OpWhyArgs),
    /// Who may do what
    #[command(subcommand)]
    Users(UsersCommand),
    /// Tokens for programs and for --server
    #[command(subcommand)]
    Tokens(TokensCommand),
    /// What was asked to change, by whom
    #[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
    Audit(AuditArgs),
    /// Check that what is in the vault is complete and readable
    Check(CheckArgs),
    /// Remove backups that no rule keeps
    Expire(ExpireArgs),
    /// Keep a backup whatever the rules say
    Pin(PinArgs),
    /// Take all pins off a backup
    Unpin(UnpinArgs),
    /// Restore without daemon or configuration: the vault and a key are enough
    Recover(RecoverArgs),
    /// Keys of the vault, and a look at its objects
    #[command(subcommand)]
    Vault(VaultCommand),
    /// Print completions for a shell
    Completions(CompletionsArgs),
    /// Print the manual, or write all manual pages into a folder
    Man(ManArgs),
    /// Serves one mount; started by the daemon
    #[command(hide = true)]
    MountServe(MountServeArgs),
    /// Asks a running restore for one log file; called by PostgreSQL
    #[command(hide = true)]
    WalFetch(WalFetchArgs),
}

#[derive(Debug, Args)]
pub struct InitArgs {
    /// Where the vault is: file:/path or s3://bucket/prefix [default: file:/var/lib/rekindle/vault as root]
    #[arg(long, value_name = "LOCATION")]
    pub vault: Option<String>,
    /// The key; made when it is not there [default: vault.key beside the configuration]
    #[arg(long, value_name = "PATH")]
    pub key_file: Option<PathBuf>,
    /// What the daemon writes down for itself [default: /var/lib/rekindle/data as root]
    #[arg(long, value_name = "PATH")]
    pub data_folder: Option<PathBuf>,
    #[command(flatten)]
    pub s3: S3Args,
    /// Replace another configuration
    #[arg(long)]
    pub force_config: bool,
}

#[derive(Debug, Args)]
pub struct ServeArgs {
    /// The shape of the log on standard error
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
    /// How much to log: a level, or a filter such as control=debug,info
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    pub log: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    Text,
    Json,
}

#[derive(Debug, Args)]
pub struct ProtectArgs {
    /// A libpq connection string; a password belongs into a password file of the daemon's user
    pub url: String,
    /// What the source is called from now on
    #[arg(long)]
    pub name: String,
    /// The replication slot [default: rekindle_NAME]
    #[arg(long)]
    pub slot: Option<String>,
    /// Only say what would be found
    #[arg(long)]
    pub dry_run: bool,
}

#[derive(Debug, Args)]
pub struct ApplyArgs {
    /// TOML, see docs/policies.md; - reads standard input
    pub file: PathBuf,
}

#[derive(Debug, Args)]
pub struct DiffArgs {
    /// TOML, see docs/policies.md; - reads standard input
    pub file: PathBuf,
}

#[derive(Debug, Args)]
pub struct ExportArgs {
    /// Only this stack
    pub name: Option<String>,
}

#[derive(Debug, Args)]
pub struct SecretsArgs {
    /// By this name they are found
    pub stack: String,
    #[command(subcommand)]
    pub command: Option<SecretsCommand>,
}

#[derive(Debug, Subcommand)]
pub enum SecretsCommand {
    /// What there is, and where it was read
    List,
    /// Write one into a file that only its owner reads
    Get(SecretGetArgs),
}

#[derive(Debug, Args)]
pub struct SecretGetArgs {
    pub name: String,
    /// The new file; without it, on standard output: on a terminal only after asking twice
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct UnprotectArgs {
    pub name: String,
    /// Do not ask
    #[arg(long, short)]
    pub yes: bool,
}

#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Only this source
    pub name: Option<String>,
}

#[derive(Debug, Args)]
pub struct ConsumersArgs {
    pub name: String,
}

#[derive(Debug, Args)]
pub struct TimelineArgs {
    pub name: String,
}

#[derive(Debug, Args)]
pub struct BackupArgs {
    pub name: String,
    /// A label to find it by
    #[arg(long = "name", value_name = "LABEL")]
    pub label: Option<String>,
    /// Store everything anew
    #[arg(long)]
    pub full: bool,
}

#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Only these sources
    pub names: Vec<String>,
    /// Also open this share of all stored extents and compare every page in them
    #[arg(long, value_name = "PERCENT", num_args = 0..=1, require_equals = true, default_missing_value = "100",
          value_parser = clap::value_parser!(u8).range(0..=100))]
    pub read_data: Option<u8>,
}

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("what").required(true))]
pub struct ExpireArgs {
    pub name: String,
    /// Show what would be kept and why
    #[arg(long, group = "what")]
    pub plan: bool,
    /// Show it, ask, and remove the rest
    #[arg(long, group = "what")]
    pub apply: bool,
    #[command(flatten)]
    pub keep: KeepArgs,
    /// How long data that nothing needs any more stays, such as 1d
    #[arg(long, value_name = "SPAN")]
    pub grace: Option<String>,
    /// Do not ask
    #[arg(long, short, action = ArgAction::SetTrue)]
    pub yes: bool,
}

#[derive(Debug, Default, Args)]
pub struct KeepArgs {
    /// The newest N
    #[arg(long, value_name = "N", help_heading = "Keep")]
    pub keep_last: Option<u32>,
    /// All not older than this, such as 7d or "2 weeks"
    #[arg(long, value_name = "SPAN", help_heading = "Keep")]
    pub keep_within: Option<String>,
    /// The newest of each of the last N hours
    #[arg(long, value_name = "N", help_heading = "Keep")]
    pub keep_hourly: Option<u32>,
    /// … days
    #[arg(long, value_name = "N", help_heading = "Keep")]
    pub keep_daily: Option<u32>,
    /// … weeks
    #[arg(long, value_name = "N", help_heading = "Keep")]
    pub keep_weekly: Option<u32>,
    /// … months
    #[arg(long, value_name = "N", help_heading = "Keep")]
    pub keep_monthly: Option<u32>,
    /// … years
    #[arg(long, value_name = "N", help_heading = "Keep")]
    pub keep_yearly: Option<u32>,
}

#[derive(Debug, Args)]
pub struct PinArgs {
    pub name: String,
    /// Id or label
    pub backup: String,
    /// Why it must stay
    #[arg(long, default_value = "")]
    pub why: String,
}

#[derive(Debug, Args)]
pub struct UnpinArgs {
    pub name: String,
    /// Id or label
    pub backup: String,
}

#[derive(Debug, Args)]
pub struct CompletionsArgs {
    pub shell: clap_complete::Shell,
}

#[derive(Debug, Args)]
pub struct ManArgs {
    /// Writes one page per command here
    pub folder: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct MountServeArgs {
    pub home: PathBuf,
}

#[derive(Debug, Args)]
pub struct WalFetchArgs {
    pub socket: PathBuf,
    pub name: String,
    pub dest: String,
}

#[cfg(test)]
mod tests;

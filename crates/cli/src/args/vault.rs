//! The vault's own commands, and how a vault is named and opened.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub enum VaultCommand {
    /// The ways into the vault
    #[command(subcommand)]
    Key(KeyCommand),
    /// Print an object of the vault readably
    Dump(DumpArgs),
}

#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Add a way in
    Add(KeyAddArgs),
    /// List the ways in
    List(VaultPlaceArgs),
    /// Take a way in away; never the last
    Remove(KeyRemoveArgs),
    /// See whether the key opens the vault
    Test(VaultPlaceArgs),
}

#[derive(Debug, Args)]
pub struct DumpArgs {
    /// The object's name
    pub name: String,
    #[command(flatten)]
    pub place: VaultPlaceArgs,
}

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("lock").required(true))]
pub struct KeyAddArgs {
    /// A key file; made when it is not there
    #[arg(long, value_name = "PATH", group = "lock")]
    pub key_file: Option<PathBuf>,
    /// A passphrase; asked for, or the first line of standard input
    #[arg(long, group = "lock")]
    pub passphrase: bool,
    /// A public key of age, age1…
    #[arg(long, value_name = "AGE1…", group = "lock")]
    pub recipient: Option<String>,
    /// What people call it
    #[arg(long, default_value = "")]
    pub label: String,
}

#[derive(Debug, Args)]
pub struct KeyRemoveArgs {
    /// The id that `rekindle vault key list` shows
    pub slot: String,
    /// Do not ask
    #[arg(long, short)]
    pub yes: bool,
}

/// A vault other than the configured one.
#[derive(Debug, Args)]
pub struct VaultPlaceArgs {
    /// Where the vault is [default: what the configuration says]
    #[arg(long = "vault", value_name = "LOCATION", requires = "way_in")]
    pub vault: Option<String>,
    #[command(flatten)]
    pub s3: S3Args,
    #[command(flatten)]
    pub unlock: OptionalUnlockArgs,
}

#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "S3-compatible stores; credentials come from AWS_… variables")]
pub struct S3Args {
    #[arg(long, value_name = "URL")]
    pub s3_endpoint: Option<String>,
    #[arg(long, value_name = "REGION")]
    pub s3_region: Option<String>,
    /// The bucket stands in the path, not in the host name
    #[arg(long)]
    pub s3_path_style: bool,
    /// Without encryption on the way; only for stores on this machine
    #[arg(long)]
    pub s3_allow_http: bool,
}

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("way_in").required(true))]
pub struct UnlockArgs {
    /// A key file
    #[arg(long, value_name = "FILE", group = "way_in")]
    pub key: Option<PathBuf>,
    /// A passphrase; asked for, or the first line of standard input
    #[arg(long, group = "way_in")]
    pub passphrase: bool,
    /// A file with an age identity
    #[arg(long, value_name = "FILE", group = "way_in")]
    pub identity: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("way_in"))]
pub struct OptionalUnlockArgs {
    /// A key file [default: what the configuration says]
    #[arg(long, value_name = "FILE", group = "way_in")]
    pub key: Option<PathBuf>,
    /// A passphrase; asked for, or the first line of standard input
    #[arg(long, group = "way_in")]
    pub passphrase: bool,
    /// A file with an age identity
    #[arg(long, value_name = "FILE", group = "way_in")]
    pub identity: Option<PathBuf>,
}

impl From<&OptionalUnlockArgs> for UnlockArgs {
    fn from(args: &OptionalUnlockArgs) -> UnlockArgs {
        UnlockArgs { key: args.key.clone(), passphrase: args.passphrase, identity: args.identity.clone() }
    }
}

impl OptionalUnlockArgs {
    pub fn is_given(&self) -> bool {
        self.key.is_some() || self.passphrase || self.identity.is_some()
    }
}

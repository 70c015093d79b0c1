//! What `restore` and `recover` have in common: the moment, and where it goes.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{S3Args, UnlockArgs};

#[derive(Debug, Args)]
pub struct RestoreArgs {
    pub name: String,
    #[command(flatten)]
    pub target: TargetArgs,
    /// The new data directory; with --database or --table the name of the new database or schema
    #[arg(long, value_name = "DIR|NAME", required_unless_present_any = ["database", "tables", "swap"], help_heading = "Where it goes")]
    pub into: Option<PathBuf>,
    /// In a directory of its own (--into), to which those who use the live one are pointed; that one is stopped, and kept
    #[arg(long, help_heading = "Where it goes", conflicts_with = "swap", requires = "into")]
    pub beside: bool,
    /// With --beside: the address at which it listens and is found, where that is another
    #[arg(long, value_name = "HOST", help_heading = "Where it goes", requires = "beside")]
    pub host: Option<String>,
    /// Usable within seconds: the files are fetched when they are touched, and all of them behind
    #[arg(long, help_heading = "Where it goes", conflicts_with_all = ["no_start", "delta", "tablespaces"])]
    pub open: bool,
    /// With --swap or --beside: copy all files before it is used, also where they could be mounted (it is opened where they can)
    #[arg(long, help_heading = "Where it goes", conflicts_with = "open")]
    pub copy: bool,
    /// Of one that is open: how much to fetch behind in a second, such as 50MB
    #[arg(long, help_heading = "Where it goes", value_name = "SIZE", value_parser = super::size, conflicts_with = "copy")]
    pub limit: Option<u64>,
    #[command(flatten)]
    pub objects: ObjectArgs,
    #[command(flatten)]
    pub consent: ConsentArgs,
    #[command(flatten)]
    pub incident: IncidentArgs,
    #[command(flatten)]
    pub place: WhereArgs,
}

/// What a person says to a plan beside yes. A phrase that is left out is asked for on a terminal.
#[derive(Debug, Default, Clone, Args)]
#[command(next_help_heading = "Consent")]
pub struct ConsentArgs {
    /// Begin then: 'next window' for the next maintenance window of the policy, or a time
    #[arg(long, value_name = "WHEN")]
    pub at: Option<String>,
    /// Nobody else need approve it. The phrase is 'restore NAME without approval'; it is recorded, and raised as an alarm
    #[arg(long, value_name = "PHRASE", num_args = 0..=1, default_missing_value = "")]
    pub break_glass: Option<String>,
    /// Do not back the present state up before. The phrase is 'restore NAME without a snapshot'
    #[arg(long, value_name = "PHRASE", num_args = 0..=1, default_missing_value = "")]
    pub no_snapshot: Option<String>,
}

/// What only the report tells.
#[derive(Debug, Args)]
#[command(next_help_heading = "For the report")]
pub struct IncidentArgs {
    /// When what is to be undone happened; a time as for --time
    #[arg(long, value_name = "TIME")]
    pub happened: Option<String>,
    /// When somebody noticed
    #[arg(long, value_name = "TIME")]
    pub detected: Option<String>,
}

/// Single databases or tables instead of the cluster.
#[derive(Debug, Args)]
#[command(next_help_heading = "In the place of the live one, or only a part")]
pub struct ObjectArgs {
    /// Only this database, as DATABASE_restored on the live server
    #[arg(long, value_name = "DATABASE", conflicts_with_all = ["open", "delta", "no_start", "tablespaces", "port", "report"])]
    pub database: Option<String>,
    /// Only this table of the database, in the schema DATABASE_restored; may be given more than once
    #[arg(long = "table", value_name = "SCHEMA.TABLE", requires = "database")]
    pub tables: Vec<String>,
    /// Put it in the place of the live one, which is kept under another name; without --database the whole cluster, with its
    /// services stopped and started around it
    #[arg(long)]
    pub swap: bool,
    /// With --database and --swap: do not stop the stack's services
    #[arg(long, requires_all = ["database", "swap"])]
    pub keep_serving: bool,
}

#[derive(Debug, Args)]
pub struct RecoverArgs {
    /// Where the vault is: file:/path or s3://bucket/prefix
    #[arg(long = "vault", value_name = "LOCATION")]
    pub vault: String,
    #[command(flatten)]
    pub s3: S3Args,
    #[command(flatten)]
    pub unlock: UnlockArgs,
    /// Which source; may be left out when the vault holds only one
    #[arg(long, value_name = "NAME")]
    pub source: Option<String>,
    /// A folder with PostgreSQL's programs, looked into before the usual ones; may be given more than once
    #[arg(long, value_name = "DIR")]
    pub server_programs: Vec<PathBuf>,
    #[command(flatten)]
    pub target: TargetArgs,
    /// The new data directory
    #[arg(long, value_name = "DIR", required_unless_present = "catalog", help_heading = "Where it goes")]
    pub into: Option<PathBuf>,
    /// Instead of a database: the daemon itself, its sources, stacks, policies and history, as the vault remembers them
    #[arg(long, group = "moment", help_heading = "Which moment (one of)")]
    pub catalog: bool,
    /// Instead of a database: the secrets and settings of this stack, each into a file of the folder --into that only its owner reads
    #[arg(long, value_name = "STACK", group = "moment", requires = "into", help_heading = "Which moment (one of)")]
    pub secrets: Option<String>,
    /// With --catalog: where the daemon shall keep what is its own
    #[arg(long, value_name = "DIR", requires = "catalog", help_heading = "Where it goes")]
    pub data_folder: Option<PathBuf>,
    #[command(flatten)]
    pub place: WhereArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum To {
    /// The newest moment in the vault
    Latest,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Which moment (one of)")]
#[command(group = clap::ArgGroup::new("moment").required(true))]
pub struct TargetArgs {
    /// The newest moment in the vault
    #[arg(long, value_enum, group = "moment")]
    pub to: Option<To>,
    /// RFC 3339, '2026-11-20 18:50', 02:57, '10 minutes ago', 'yesterday 14:00'; a zone may follow
    #[arg(long, value_name = "TIME", group = "moment")]
    pub time: Option<String>,
    /// A position in the log, such as 16/B374D848
    #[arg(long, value_name = "LSN", group = "moment")]
    pub lsn: Option<String>,
    /// A transaction
    #[arg(long, value_name = "XID", group = "moment")]
    pub xid: Option<u32>,
    /// A name given with pg_create_restore_point
    #[arg(long, visible_alias = "name", value_name = "NAME", group = "moment")]
    pub restore_point: Option<String>,
    /// The end of a backup, by id or label
    #[arg(long, value_name = "BACKUP", group = "moment")]
    pub backup: Option<String>,
    /// Stop just before the moment
    #[arg(long)]
    pub before: bool,
    /// Which timeline of the database [default: the one that it was on at that moment]
    #[arg(long, value_name = "N")]
    pub timeline: Option<u32>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Where it goes")]
pub struct WhereArgs {
    /// The port of the restored server [default: a free one]
    #[arg(long)]
    pub port: Option<u16>,
    /// Write only pages that differ from what lies in the directory already
    #[arg(long)]
    pub delta: bool,
    /// Where a tablespace goes; once for each
    #[arg(long = "tablespace", value_name = "OID=PATH", value_parser = tablespace)]
    pub tablespaces: Vec<(u32, PathBuf)>,
    /// The operating system user that owns the files, when the daemon runs as root
    #[arg(long, value_name = "USER")]
    pub owner: Option<String>,
    /// Only write the files and the log they need; the server is started by whoever likes, and needs nothing of Rekindle
    #[arg(long)]
    pub no_start: bool,
    /// Only show the plan
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask
    #[arg(long, short)]
    pub yes: bool,
    /// Also write the report here, as Markdown or JSON by the ending
    #[arg(long, value_name = "FILE.md|FILE.json", value_parser = report)]
    pub report: Option<PathBuf>,
}

fn tablespace(text: &str) -> Result<(u32, PathBuf), String> {
    let (oid, path) = text.split_once('=').ok_or("it is OID=PATH, such as 16385=/srv/fast")?;
    let oid = oid.parse().map_err(|_| format!("{oid:?} is not the oid of a tablespace"))?;
    match path.starts_with('/') {
        true => Ok((oid, PathBuf::from(path))),
        false => Err(format!("{path:?} is not an absolute path")),
    }
}

fn report(text: &str) -> Result<PathBuf, String> {
    match text.ends_with(".md") || text.ends_with(".json") {
        true => Ok(PathBuf::from(text)),
        false => Err("a report ends in .md or .json".to_owned()),
    }
}

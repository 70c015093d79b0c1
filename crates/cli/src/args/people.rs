//! Words of `users`, `tokens` and `audit`.

use api::{Grant, Role};
use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub enum UsersCommand {
    /// Add a user; the password is asked for, or is the first line of standard input
    Add(UserAddArgs),
    /// Who there is
    List,
    /// Remove a user, with sessions and tokens
    Remove(UserArgs),
    /// Give a user these roles and no others
    Role(UserRoleArgs),
    /// Set a user's password; it is asked for, or is the first line of standard input
    Password(UserArgs),
}

#[derive(Debug, Args)]
pub struct UserArgs {
    pub name: String,
}

#[derive(Debug, Args)]
pub struct UserAddArgs {
    pub name: String,
    /// viewer, operator, approver or admin; for one stack only: ROLE:STACK
    #[arg(long = "role", value_name = "ROLE[:STACK]", value_parser = grant, required = true)]
    pub roles: Vec<Grant>,
    /// Has tokens only, and cannot sign in
    #[arg(long)]
    pub no_password: bool,
}

#[derive(Debug, Args)]
pub struct UserRoleArgs {
    pub name: String,
    /// viewer, operator, approver or admin; for one stack only: ROLE:STACK
    #[arg(value_name = "ROLE[:STACK]", value_parser = grant, required = true)]
    pub roles: Vec<Grant>,
}

#[derive(Debug, Subcommand)]
pub enum TokensCommand {
    /// Make a token; it is shown this once
    Add(TokenAddArgs),
    /// Your own tokens; all of them for an admin
    List,
    /// End a token
    Revoke(TokenArgs),
}

#[derive(Debug, Args)]
pub struct TokenArgs {
    pub id: String,
}

#[derive(Debug, Args)]
pub struct TokenAddArgs {
    /// What it is for
    pub name: String,
    /// What it may, at most what you may: viewer, operator, approver or admin; for one stack only: ROLE:STACK
    #[arg(long = "role", value_name = "ROLE[:STACK]", value_parser = grant, required = true)]
    pub roles: Vec<Grant>,
    /// For this user, who signs in with the password that is asked for, or is the first line of standard input
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,
    /// It ends after this time, such as 8h or "30 days" [default: 90 days]
    #[arg(long, value_name = "SPAN")]
    pub ttl: Option<String>,
}

#[derive(Debug, Args)]
pub struct AuditArgs {
    #[command(subcommand)]
    pub command: Option<AuditCommand>,
    #[command(flatten)]
    pub list: AuditListArgs,
}

#[derive(Debug, Args)]
pub struct AuditListArgs {
    /// How many
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub last: u32,
}

#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// The newest records
    List(AuditListArgs),
    /// Whether the log is whole, and as its copy in the vault is; ends with 1 when it is not
    Verify,
}

/// `operator`, `operator:shop`
fn grant(text: &str) -> Result<Grant, String> {
    let (role, stack) = text.split_once(':').map_or((text, None), |(role, stack)| (role, Some(stack.to_owned())));
    let role = match role {
        "viewer" => Role::Viewer,
        "operator" => Role::Operator,
        "approver" => Role::Approver,
        "admin" => Role::Admin,
        _ => return Err("a role is viewer, operator, approver or admin".to_owned()),
    };
    match stack.as_deref() {
        Some("") => Err("a stack is missing behind the colon".to_owned()),
        _ => Ok(Grant { role, stack }),
    }
}

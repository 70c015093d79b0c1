//! One file per command. Each reads its arguments, asks the daemon or the library, and shows the answer.

mod alerts;
mod apply;
mod audit;
mod backup;
mod check;
mod clone;
mod completions;
mod consent;
mod consumers;
mod detach;
mod doctor;
mod drill;
mod expire;
mod extract;
mod hydration;
mod init;
mod man;
mod mount_serve;
mod ops;
mod peek;
mod pin;
mod protect;
mod recover;
mod recover_catalog;
mod recover_secrets;
mod restore;
mod secrets;
mod serve;
mod status;
mod swap;
mod timeline;
mod tokens;
mod unlock;
mod unprotect;
mod users;
mod vault_dump;
mod vault_key;
pub mod wal_fetch;

use crate::args::{Command, VaultCommand};
use crate::client::Client;
use crate::failure::{Failure, Outcome};
use crate::surroundings::Surroundings;

pub fn run(command: Command, around: &Surroundings) -> Outcome {
    match command {
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args),
        Command::WalFetch(args) => Ok(wal_fetch::run(&args.socket, &args.name, &args.dest)),
        other => {
            let mut runtime = match other {
                Command::Serve(_) | Command::Recover(_) | Command::MountServe(_) => {
                    tokio::runtime::Builder::new_multi_thread()
                }
                _ => tokio::runtime::Builder::new_current_thread(),
            };
            let runtime = runtime.enable_all().build().map_err(|error| Failure::internal("no runtime", error))?;
            let outcome = runtime.block_on(Box::pin(dispatch(other, around)));
            if outcome.is_err() {
                // What still runs is not waited for: a daemon that was followed by another must not go on.
                runtime.shutdown_background();
            }
            outcome
        }
    }
}

async fn dispatch(command: Command, around: &Surroundings) -> Outcome {
    match command {
        Command::Init(args) => init::run(&args, around).await,
        Command::Doctor => doctor::run(around).await,
        Command::Serve(args) => serve::run(&args, around).await,
        Command::MountServe(args) => mount_serve::run(&args, around).await,
        Command::Protect(args) => protect::run(&args, around).await,
        Command::Unprotect(args) => unprotect::run(&args, around).await,
        Command::Apply(args) => apply::apply(&args, around).await,
        Command::Diff(args) => apply::diff(&args, around).await,
        Command::Export(args) => apply::export(&args, around).await,
        Command::Status(args) => status::run(&args, around).await,
        Command::Alerts(args) => alerts::run(&args, around).await,
        Command::Alert(command) => alerts::alert(&command, around).await,
        Command::Timeline(args) => timeline::run(&args, around).await,
        Command::Backup(args) => backup::run(&args, around).await,
        Command::Restore(args) => restore::run(&args, around).await,
        Command::Report(args) => swap::report(&args, around).await,
        Command::Consumers(args) => consumers::run(&args, around).await,
        Command::Retired => swap::retired(around).await,
        Command::Retire(args) => swap::retire(&args, around).await,
        Command::Rollback(args) => swap::rollback(&args, around).await,
        Command::Clone(args) => clone::run(&args, around).await,
        Command::Clones(args) => clone::list(&args, around).await,
        Command::Peek(args) => peek::run(&args, around).await,
        Command::Drill(args) => drill::run(&args, around).await,
        Command::Hydration(args) => hydration::run(&args, around).await,
        Command::Detach(args) => detach::run(&args, around).await,
        Command::Ops(args) => ops::run(&args, around).await,
        Command::Approve(args) => ops::approve(&args, around).await,
        Command::Refuse(args) => ops::refuse(&args, around).await,
        Command::Users(command) => users::run(&command, around).await,
        Command::Tokens(command) => tokens::run(&command, around).await,
        Command::Audit(args) => audit::run(&args, around).await,
        Command::Secrets(args) => secrets::run(&args, around).await,
        Command::Check(args) => check::run(&args, around).await,
        Command::Expire(args) => expire::run(&args, around).await,
        Command::Pin(args) => pin::pin(&args, around).await,
        Command::Unpin(args) => pin::unpin(&args, around).await,
        Command::Recover(args) => recover::run(&args, around).await,
        Command::Vault(VaultCommand::Key(command)) => vault_key::run(&command, around).await,
        Command::Vault(VaultCommand::Dump(args)) => vault_dump::run(&args, around).await,
        Command::Completions(_) | Command::Man(_) | Command::WalFetch(_) => unreachable!("needs no runtime"),
    }
}

fn client(around: &Surroundings) -> Result<Client, Failure> {
    let token = around.token()?;
    match &around.global.server {
        Some(server) => Client::remote(server, token, around.global.ca_file.as_deref()),
        None => Client::local(&around.socket()?, token),
    }
}

//! `rekindle recover`: break-glass. The same as `restore`, done in this process with a vault and a key.

use std::sync::Arc;
use std::time::Duration;

use api::RestoreReport;

use super::{init, recover_catalog, recover_secrets, restore, unlock};
use crate::args::RecoverArgs;
use crate::failure::{Failure, Outcome, WELL};
use crate::surroundings::Surroundings;
use crate::terminal::Block;
use control::{Host, RecoverAsk, VaultAsk, Watch, recover, recover_plan};

const REDRAW: Duration = Duration::from_millis(200);

pub async fn run(args: &RecoverArgs, around: &Surroundings) -> Outcome {
    let host = around.host()?;
    let unlock = unlock::ask(&args.unlock, around)?;
    let vault = VaultAsk { vault: args.vault.clone(), s3: init::s3(&args.s3), unlock };
    if args.catalog {
        return recover_catalog::run(args, vault, around).await;
    }
    if let Some(stack) = &args.secrets {
        return recover_secrets::run(stack, args.into.as_deref(), &vault, around).await;
    }
    // Required without --catalog.
    let into = args.into.clone().unwrap_or_default();
    let restore = restore::ask(&args.target, &into, &args.place, &around.view().now)?;
    let server_programs = args.server_programs.clone();
    let ask = RecoverAsk { vault, source: args.source.clone(), server_programs, restore };
    let plan = Box::pin(recover_plan(&ask, &host)).await?;
    if !restore::go_ahead(&plan, &args.place, around)? {
        return Ok(WELL);
    }
    let mut block = Block::new(around, &plan.source);
    let report = Box::pin(watch(&ask, &host, &mut block)).await;
    block.end();
    restore::finish(&report?, &args.place, around)
}

/// Ctrl-C stops it: nobody else would go on.
async fn watch(ask: &RecoverAsk, host: &Host, block: &mut Block) -> Result<RestoreReport, Failure> {
    let watch: Arc<Watch> = Watch::new();
    let mut work = std::pin::pin!(recover(ask, host, watch.clone()));
    loop {
        tokio::select! {
            report = &mut work => return Ok(report?),
            () = tokio::time::sleep(REDRAW) => {
                let (step, progress) = watch.operation_progress();
                block.show(&step, &progress);
            }
            _ = tokio::signal::ctrl_c() => {
                block.say("Cancelling …");
                watch.cancel();
            }
        }
    }
}

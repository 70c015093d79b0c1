//! `rekindle recover`: break-glass. The vault and a key are enough; no daemon, no catalog, no network but the vault's.

use std::path::PathBuf;
use std::sync::Arc;

use api::{RestoreAsk, RestorePlan, RestoreReport};
use vault::backup::catalog;
use vault::names::SourceName;

use crate::error::{Error, Result};
use crate::host::Host;
use crate::open::{VaultAsk, open_vault};
use crate::operation::Watch;
use crate::operation::restore::Restorer;
use crate::views;

#[derive(Debug, Clone)]
pub struct RecoverAsk {
    pub vault: VaultAsk,
    /// May be left out when the vault holds one source only.
    pub source: Option<String>,
    /// Folders to look for the server's programs in, before the usual ones.
    pub server_programs: Vec<PathBuf>,
    pub restore: RestoreAsk,
}

async fn prepare(ask: &RecoverAsk, host: &Host) -> Result<(Restorer, SourceName)> {
    let vault = open_vault(&ask.vault, host).await?;
    let sources = catalog::sources(&vault).await?;
    let names = || sources.iter().map(SourceName::as_str).collect::<Vec<_>>().join(", ");
    let source = match (&ask.source, sources.as_slice()) {
        (Some(name), _) => {
            let source: SourceName = name.parse()?;
            if !sources.contains(&source) {
                return Err(Error::Ask(format!("the vault holds no source {name:?}; it holds: {}", names())));
            }
            source
        }
        (None, [only]) => only.clone(),
        (None, []) => return Err(Error::Ask("the vault holds no source yet".into())),
        (None, _) => return Err(Error::Ask(format!("say which source with --source; the vault holds: {}", names()))),
    };
    let restorer = Restorer { vault, host: host.clone(), workers: 2, server_programs: ask.server_programs.clone() };
    Ok((restorer, source))
}

pub async fn recover_plan(ask: &RecoverAsk, host: &Host) -> Result<RestorePlan> {
    let (restorer, source) = prepare(ask, host).await?;
    let resolved = restorer.resolve(&source, &ask.restore, None).await?;
    Ok(views::plan(&source, &ask.restore, &resolved))
}

pub async fn recover(ask: &RecoverAsk, host: &Host, watch: Arc<Watch>) -> Result<RestoreReport> {
    let (restorer, source) = prepare(ask, host).await?;
    let resolved = restorer.resolve(&source, &ask.restore, None).await?;
    restorer.run(&source, &ask.restore, &resolved, None, &watch).await
}

//! Sources: registering one (`protect`), and what the daemon holds of each while it runs.

use std::path::PathBuf;
use std::time::Duration;

use api::{FindingView, ProtectAnswer, ProtectAsk};
use engine::postgres::inspect::{self, Finding, Severity};
use engine::postgres::receive::{Cluster, ReceiveOptions, Receiver};
use engine::postgres::wire::{self, Conninfo};
use vault::names::SourceName;

use crate::catalog::SourceRow;
use crate::daemon::Daemon;
use crate::error::{Error, Result};
use crate::host::Host;
use crate::operation::{self, By};
use crate::secret::{SecretRef, is_reference};

/// A source at work.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub(crate) row: SourceRow,
    pub(crate) cluster: Cluster,
    pub(crate) receiver: Receiver,
}

impl Source {
    pub(crate) fn start(daemon: &Daemon, row: SourceRow) -> Result<Source> {
        let cluster = cluster(&row, &daemon.host)?;
        let options = ReceiveOptions { interval: Duration::from_millis(daemon.config.log.interval_ms) };
        let receiver = Receiver::spawn(daemon.vault.clone(), cluster.clone(), options);
        Ok(Source { row, cluster, receiver })
    }
}

/// Where those who use it find it: a name, or `localhost` where it has a socket alone, and the port.
pub(crate) fn address(row: &SourceRow, host: &Host) -> Result<(String, u16)> {
    let info = cluster(row, host)?.conninfo;
    let name = match info.host {
        wire::Host::Unix(_) => "localhost".to_owned(),
        wire::Host::Tcp { name, .. } => name,
    };
    Ok((name, info.port))
}

fn cluster(row: &SourceRow, host: &Host) -> Result<Cluster> {
    let broken =
        |what: &str| Error::Config { path: format!("source {} in the catalog", row.name), what: what.to_owned() };
    let mut conninfo = conninfo(&row.url, &row.slot, host)?;
    if let Some(port) = row.port.and_then(|port| u16::try_from(port).ok()) {
        conninfo.port = port;
    }
    if let Some(name) = &row.host {
        conninfo.host = wire::Host::Tcp { name: name.clone(), addr: None };
    }
    Ok(Cluster {
        source: row.name.parse()?,
        conninfo,
        system_identifier: row
            .system_identifier
            .parse()
            .map_err(|_| broken("its system identifier is not a number"))?,
        slot: row.slot.clone(),
        data_directory: PathBuf::from(&row.data_directory),
    })
}

/// The slot's name is also the application's, which `synchronous_standby_names` may name.
pub(crate) fn conninfo(url: &str, slot: &str, host: &Host) -> Result<Conninfo> {
    let text = resolved(url, host)?;
    if text.trim().is_empty() {
        let what = "the connection string is empty: `postgres:///DATABASE` is a database of this host's server";
        return Err(Error::Ask(what.to_owned()));
    }
    Ok(Conninfo::parse(&text, &host.connection_defaults(slot))?)
}

/// What a reference leads to. Only the reference is ever kept.
fn resolved(url: &str, host: &Host) -> Result<String> {
    match is_reference(url) {
        true => {
            let reference = SecretRef::try_from(url.to_owned()).map_err(Error::Ask)?;
            Ok(reference.read_here(host)?.expose().to_owned())
        }
        false => Ok(url.to_owned()),
    }
}

/// Looks at a server, and registers it when nothing stands in the way; that is an operation, which this waits for.
pub(crate) async fn protect(daemon: &Daemon, ask: &ProtectAsk, by: By) -> Result<ProtectAnswer> {
    let name: SourceName = ask.name.parse()?;
    let slot = ask.slot.clone().unwrap_or_else(|| format!("rekindle_{}", name.as_str().replace('-', "_")));
    if daemon.has_source(name.as_str()) {
        return Err(Error::Taken(name.to_string()));
    }
    let conninfo = conninfo(&ask.url, &slot, &daemon.host)?;
    if conninfo.password.is_some() && !is_reference(&ask.url) {
        let what = "the connection string holds a password, and a catalog is no place for one: put it into the daemon's password file (~/.pgpass, mode 0600) and leave it out";
        return Err(Error::Ask(what.to_owned()));
    }
    let inspection = inspect::inspect(&conninfo).await?;
    let answer = |registered| ProtectAnswer {
        registered,
        name: name.to_string(),
        slot: slot.clone(),
        findings: inspection.findings.iter().map(finding).collect(),
    };
    if !inspection.can_protect() || ask.dry_run {
        return Ok(answer(false));
    }
    let facts = &inspection.facts;
    refuse_another_cluster(daemon, &name, facts.system_identifier).await?;
    let data_directory = facts.data_directory.clone().unwrap_or_default();
    let row = SourceRow {
        name: name.to_string(),
        url: ask.url.clone(),
        slot: slot.clone(),
        system_identifier: facts.system_identifier.to_string(),
        data_directory: data_directory.display().to_string(),
        created: daemon.host.env.now().to_string(),
        host: None,
        port: None,
    };
    operation::protect::protect(daemon, &row, by).await?;
    Ok(answer(true))
}

/// A name that has backups of one cluster in the vault is not given to another.
async fn refuse_another_cluster(daemon: &Daemon, name: &SourceName, system_identifier: u64) -> Result<()> {
    let backups = vault::backup::catalog::backups(&daemon.vault, name).await?;
    let Some(newest) = backups.last() else { return Ok(()) };
    let expected = engine::postgres::info::ClusterInfo::of(&newest.head)?.system_identifier()?;
    match expected == system_identifier {
        true => Ok(()),
        false => Err(engine::Error::Foreign { found: system_identifier, expected }.into()),
    }
}

/// It is somewhere else from now on, and its log is received from there.
pub(crate) async fn move_to(daemon: &Daemon, row: SourceRow) -> Result<()> {
    if daemon.source(&row.name)?.row == row {
        return Ok(());
    }
    daemon.catalog.move_source(&row).await?;
    let moved = Source::start(daemon, row)?;
    if let Ok(before) = daemon.take_source(&moved.row.name) {
        before.receiver.stop().await;
    }
    daemon.add_source(moved);
    Ok(())
}

/// Stops protecting. What is in the vault stays; the slot goes, so that the server does not keep log for nobody.
pub(crate) async fn unprotect(daemon: &Daemon, name: &str, by: By) -> Result<()> {
    operation::protect::unprotect(daemon, &daemon.source(name)?.row, by).await
}

fn finding(finding: &Finding) -> FindingView {
    FindingView {
        severity: match finding.severity {
            Severity::Fine => "fine",
            Severity::Warns => "warns",
            Severity::Blocks => "blocks",
        }
        .to_owned(),
        title: finding.title.clone(),
        why: finding.why.clone(),
        statement: finding.statement.clone(),
        needs_restart: finding.needs_restart,
    }
}

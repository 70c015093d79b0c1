//! What of the live cluster is not in its data files, and comes along in a swap: the configuration that its server reads, and the links out
//! of its directory. Both are looked at while everybody is served.

use std::path::{Path, PathBuf};

use engine::postgres::binaries::Binaries;
use engine::postgres::restore::can_mount;
use engine::postgres::successor::links::{Becomes, Link};
use engine::postgres::successor::reads::{Reads, Told, reads};
use engine::postgres::successor::trial::try_settings;
use engine::postgres::successor::{is_served, read_control};
use serde::Deserialize;

use super::connect::is_read_only_by_default;
use super::preflight::{Seen, Trial, Was};
use super::swap::Swap;
use crate::daemon::Daemon;
use crate::error::Result;
use crate::instances::local_bytes;
use crate::operation::At;
use crate::source::Source;

const PENDING: &str = "settings that wait for a restart come into force with the new cluster";

/// What the server said of its configuration in the preflight; nothing where it did not answer.
pub(super) fn told(at: &At) -> Result<Told> {
    let broken = |e: serde_json::Error| vault::Error::Internal(format!("what preflight left: {e}"));
    Ok(Was::deserialize(at.work.output("preflight")).map_err(broken)?.told)
}

/// The configuration of now can be read, and a server starts with it.
pub(super) async fn look_at(seen: &mut Seen, daemon: &Daemon, source: &Source, swap: &Swap, trial: Trial) {
    let live = &swap.places.live;
    let told = Told::by(&source.cluster.conninfo).await;
    seen.was.read_only = is_read_only_by_default(&source.cluster.conninfo).await.unwrap_or(false);
    let answers = told.is_ok();
    match told {
        Ok(told) => seen.was.told = told,
        Err(error) => {
            let title = format!("the server does not answer: its settings are found in its files alone: {error}");
            seen.note("warns", title, "what was given on its command line comes from its service");
        }
    }
    if !seen.was.told.pending.is_empty() {
        let pending = seen.was.told.pending.join(", ");
        seen.note("warns", format!("{PENDING}: {pending}"), "ALTER SYSTEM RESET takes one back that is not wanted");
    }
    let found = reads(live, &seen.was.told);
    if !found.outside.is_empty() {
        let files: Vec<String> = found.outside.iter().map(|file| file.display().to_string()).collect();
        seen.note("fine", format!("configuration outside the data directory stays as it is: {}", files.join(", ")), "");
    }
    // In a container it has other files and libraries than this host.
    if answers && !is_served(live) {
        let title = format!("settings: they were not tried, because no server of this host runs in {}", live.display());
        return seen.note("warns", title, "one in a container has its own libraries: see that they are in its image");
    }
    let severity = if answers { "blocks" } else { "warns" };
    for file in &found.unreadable {
        seen.note(severity, format!("settings: {file}"), "the server reads it, and would not start without it");
    }
    // Of a server that answers a failed trial is no warning, which would have to be agreed to.
    if answers && trial == Trial::InTheStep {
        return;
    }
    match tried(daemon, live, found).await {
        Ok(None) => seen.note("fine", "a server was started with the settings as they are now".to_owned(), ""),
        Ok(Some(why)) => {
            let hint = match seen.was.told.pending.as_slice() {
                [] => "put it right in the live configuration".to_owned(),
                pending => {
                    format!("what waits for a restart: {}; take it back, or install what it needs", pending.join(", "))
                }
            };
            seen.note(severity, format!("settings: no server starts with those of {}: {why}", live.display()), hint);
        }
        Err(error) => seen.error("settings", &error),
    }
}

async fn tried(daemon: &Daemon, live: &Path, found: Reads) -> Result<Option<String>> {
    let control = read_control(live)?;
    let Some(major) = control.major() else { return Ok(None) };
    let binaries = Binaries::find(major, &daemon.config.server_programs).await?;
    let live = live.to_owned();
    let trial = tokio::task::spawn_blocking(move || try_settings(&live, &found, &control, &binaries));
    Ok(trial.await.map_err(|e| vault::Error::Internal(e.to_string()))??)
}

/// Whether a mount of the vault cannot stand in for it: all of a mount is one file system.
pub(super) fn must_be_copied(links: &[Link]) -> bool {
    links.iter().any(|link| matches!(link.becomes, Becomes::Folder(_)))
}

/// What is elsewhere now, and where it will be. One that comes back has its own.
pub(super) fn look_at_links(seen: &mut Seen, swap: &Swap) {
    if let Some(called) = &swap.places.called {
        let title = format!("{} stays a link to {}", called.display(), swap.places.live.display());
        seen.note("fine", title, "what changes places is the directory that it leads to");
    }
    if swap.back_from.is_some() {
        return;
    }
    let links = match swap.places.links() {
        Ok(links) => links,
        Err(error) => return seen.error("links", &error.into()),
    };
    if must_be_copied(&links) && !swap.ask.copy && can_mount().is_ok() {
        let why = "a mount of the vault is one file system";
        seen.note("warns", "the files are copied, because parts of the cluster are elsewhere".to_owned(), why);
    }
    for Link { name, leads_to, becomes } in links {
        let leads_to = leads_to.display();
        match becomes {
            Becomes::Folder(folder) => {
                let why = format!("on the same file system; rekindle retire removes {leads_to}");
                seen.note(
                    "fine",
                    format!("{name} is a link to {leads_to}, and will be one to {}", folder.display()),
                    why,
                );
            }
            Becomes::Same => seen.note("fine", format!("{name} stays a link to {leads_to}"), ""),
            Becomes::Inside(why) => {
                let title = format!("{name} is a link to {leads_to}: it will be in {}", swap.places.place().display());
                seen.note("warns", title, format!("{why}; see that there is room for it"));
            }
        }
    }
}

/// Folders in which tablespaces of the successor will be made, with the bytes that each has now.
pub(super) fn elsewhere(swap: &Swap) -> Vec<(PathBuf, u64)> {
    let links = swap.places.links().unwrap_or_default();
    let tablespaces = links.iter().filter(|link| link.tablespace().is_some());
    let place = |link: &Link| match &link.becomes {
        Becomes::Folder(folder) => Some((folder.parent()?.to_owned(), local_bytes(&link.leads_to))),
        _ => None,
    };
    tablespaces.filter_map(place).collect()
}

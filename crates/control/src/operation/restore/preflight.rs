//! Everything that could be in the way of a restore in the place of the live cluster, looked at before anything is touched. All of it
//! is said at once.

use std::collections::BTreeMap;
use std::path::Path;

use api::FindingView;
use async_trait::async_trait;
use engine::postgres::binaries::Binaries;
use engine::postgres::successor::read_control;
use engine::postgres::target::Resolved;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::moment::Restorer;
use super::swap::Swap;
use super::{migrations, source_of};
use crate::daemon::Daemon;
use crate::driver::Trouble;
use crate::driver::service::Standing;
use crate::error::{Error, Result};
use crate::operation::{At, Part};
use crate::policy::outside::Service;
use crate::source::Source;
use crate::views;

/// Left free beside what the restore takes.
const ROOM_TO_SPARE_BYTES: u64 = 256 << 20;

/// What was seen.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) findings: Vec<FindingView>,
    pub(super) was: Was,
}

/// How each service stood before anything was stopped: what is started again is exactly that.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Was {
    pub(super) services: BTreeMap<String, Standing>,
}

impl Seen {
    fn note(&mut self, severity: &str, title: String, why: impl Into<String>) {
        self.findings.push(FindingView::of_host(severity, title, why.into(), None));
    }

    fn blocks(&mut self, who: &str, trouble: &Trouble) {
        self.note("blocks", format!("{who}: {}", trouble.what), trouble.hint.clone().unwrap_or_default());
    }

    fn error(&mut self, who: &str, error: &Error) {
        let body = error.body();
        self.note("blocks", format!("{who}: {}", body.told()), body.hint.unwrap_or_default());
    }

    /// What blocks, all of it.
    pub(super) fn refuse(&self) -> Result<()> {
        let blocking = self.findings.iter().filter(|finding| finding.severity == "blocks");
        let said = |finding: &FindingView| match finding.why.is_empty() {
            true => finding.title.clone(),
            false => format!("{} ({})", finding.title, finding.why),
        };
        let all: Vec<String> = blocking.map(said).collect();
        if all.is_empty() { Ok(()) } else { Err(Error::InTheWay(all)) }
    }
}

#[derive(Debug)]
pub(super) struct Preflight;

#[async_trait]
impl Part for Preflight {
    async fn act(&self, at: &At) -> Result<Value> {
        let swap: Swap = at.input()?;
        let source = at.daemon.source(source_of(at))?;
        let resolved = match &swap.back_from {
            None => Some(Restorer::of(&at.daemon).resolve(&source.row.name.parse()?, &swap.ask, None).await?),
            Some(_) => None,
        };
        let seen = look(&at.daemon, &source, &swap, resolved.as_ref()).await;
        for finding in &seen.findings {
            let text = format!("{}: {}", finding.severity, finding.title);
            if finding.severity == "fine" { at.work.say(text) } else { at.work.warn(text) }
        }
        seen.refuse()?;
        views::to_json(&seen.was)
    }
}

/// `resolved` is nothing where what was replaced comes back: it is there already.
pub(super) async fn look(daemon: &Daemon, source: &Source, swap: &Swap, resolved: Option<&Resolved>) -> Seen {
    let mut seen = Seen::default();
    look_at_directory(&mut seen, source, swap);
    if let Some(resolved) = resolved {
        look_at_room(&mut seen, swap, resolved);
        if let Err(error) = Binaries::find(resolved.info.major, &daemon.config.server_programs).await {
            seen.error("programs", &error.into());
        }
        look_at_proof(&mut seen, resolved);
    }
    look_at_outside(&mut seen, daemon, source, swap).await;
    for difference in migrations::before(source, swap).await {
        seen.note("warns", difference, "after the step migrate it must be as expected");
    }
    seen
}

fn look_at_directory(seen: &mut Seen, source: &Source, swap: &Swap) {
    let live = &swap.places.live;
    let who = live.display().to_string();
    match read_control(live) {
        Ok(control) if control.system_identifier != source.cluster.system_identifier => {
            seen.note("blocks", format!("{who} is of another cluster than {}", source.row.name), "");
        }
        Ok(_) => {}
        Err(error) => seen.error(&who, &error.into()),
    }
    if let Err(error) = swap.places.trial() {
        seen.error(&who, &error.into());
    }
}

fn look_at_room(seen: &mut Seen, swap: &Swap, resolved: &Resolved) {
    let folder = swap.places.live.parent().unwrap_or(Path::new("/"));
    let needed = resolved.backup.head.totals.bytes + ROOM_TO_SPARE_BYTES;
    match rustix::fs::statvfs(folder) {
        Ok(found) => {
            let free = found.f_bavail * found.f_frsize;
            let text = format!("{}: {} MB free, {} MB needed", folder.display(), free >> 20, needed >> 20);
            let severity = if free < needed { "blocks" } else { "fine" };
            seen.note(severity, text, "the old cluster is kept, so there must be room for both");
        }
        Err(error) => seen.note("blocks", format!("{}: {error}", folder.display()), ""),
    }
}

fn look_at_proof(seen: &mut Seen, resolved: &Resolved) {
    let backup = &resolved.backup;
    match (backup.proven, backup.failed) {
        (proven, Some(failed)) if proven.is_none_or(|proven| proven < failed) => {
            seen.note("warns", format!("backup {} failed its last drill, {failed}", backup.id), "see rekindle drills");
        }
        (Some(proven), _) => seen.note("fine", format!("backup {} was proven by a drill, {proven}", backup.id), ""),
        (None, _) => seen.note(
            "warns",
            format!("backup {} was never proven by a drill", backup.id),
            "it is verified before the cut-over",
        ),
    }
}

async fn look_at_outside(seen: &mut Seen, daemon: &Daemon, source: &Source, swap: &Swap) {
    let (host, name) = (&daemon.host, &source.row.name);
    if swap.outside.server_of(name).is_none() {
        let why = format!("add a [[service]] with server_of = {name:?} to stack {}", swap.stack);
        seen.note("blocks", format!("nothing says how the server of {name} is stopped and started"), why);
    }
    for service in &swap.outside.services {
        look_at_service(seen, daemon, service).await;
    }
    for hook in &swap.outside.hooks {
        for trouble in hook.spec.driver().probe(host).await {
            seen.blocks(&format!("hook {}", hook.name), &trouble);
        }
    }
    for health in &swap.outside.health {
        let (driver, who) = (health.spec.driver(), format!("health {}", health.name));
        for trouble in driver.probe(host).await {
            seen.blocks(&who, &trouble);
        }
        if let Err(trouble) = driver.look(host).await {
            seen.note("warns", format!("{who}: not well now: {}", trouble.what), "");
        }
    }
}

async fn look_at_service(seen: &mut Seen, daemon: &Daemon, service: &Service) {
    let (driver, who) = (service.spec.driver(), format!("service {}", service.name));
    let in_the_way = driver.probe(&daemon.host).await;
    in_the_way.iter().for_each(|trouble| seen.blocks(&who, trouble));
    if !in_the_way.is_empty() {
        return;
    }
    match driver.standing(&daemon.host).await {
        Ok(standing) => {
            if standing == Standing::Stopped {
                seen.note("warns", format!("{who} does not run now"), "it is not started at the end either");
            }
            seen.was.services.insert(service.name.clone(), standing);
        }
        Err(trouble) => seen.blocks(&who, &trouble),
    }
}

//! Everything that could be in the way of a restore in the place of the live cluster, looked at before anything is touched. All of it
//! is said at once.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use api::FindingView;
use async_trait::async_trait;
use engine::postgres::binaries::Binaries;
use engine::postgres::lsn::Lsn;
use engine::postgres::restore::can_mount;
use engine::postgres::successor::read_control;
use engine::postgres::successor::reads::Told;
use engine::postgres::target::Resolved;
use ops::Found;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use vault::backup::catalog::{self, BackupInfo};

use super::moment::{Restorer, live_for};
use super::point::{left, said};
use super::swap::{Swap, steps};
use super::{begins, in_doubt, migrations, promise, settings, source_of};
use crate::daemon::Daemon;
use crate::driver::Trouble;
use crate::driver::service::Standing;
use crate::driver::service::docker::tied;
use crate::error::{Error, Result};
use crate::instances::serves::lying_at;
use crate::operation::{At, Part, input};
use crate::policy::Outside;
use crate::policy::outside::{EndpointAt, Service};
use crate::source::Source;
use crate::{kept, views};

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
    /// What the server said of its configuration while it ran.
    #[serde(default)]
    pub(super) told: Told,
    /// Whether its sessions were read-only by default, as some keep them on purpose.
    #[serde(default)]
    pub(super) read_only: bool,
}

impl Seen {
    pub(super) fn note(&mut self, severity: &str, title: String, why: impl Into<String>) {
        self.findings.push(FindingView::of_host(severity, title, why.into(), None));
    }

    pub(super) fn blocks(&mut self, who: &str, trouble: &Trouble) {
        self.note("blocks", format!("{who}: {}", trouble.what), trouble.hint.clone().unwrap_or_default());
    }

    pub(super) fn error(&mut self, who: &str, error: &Error) {
        let body = error.body();
        self.note("blocks", format!("{who}: {}", body.told()), body.hint.unwrap_or_default());
    }

    /// In the operation's log.
    pub(super) fn say(&self, at: &At) {
        for finding in &self.findings {
            let text = format!("{}: {}", finding.severity, finding.title);
            if finding.severity == "fine" { at.work.say(text) } else { at.work.warn(text) }
        }
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
        begins::wait(&at.daemon, source_of(at), swap.ask.consent.at).await?;
        let source = at.daemon.source(source_of(at))?;
        let resolved = match &swap.back_from {
            None => {
                let (name, live) =
                    (source.row.name.parse()?, live_for(&at.daemon, &source.row.name.parse()?, &swap.ask).await?);
                Some(Restorer::of(&at.daemon).resolve(&name, &swap.ask, live).await?)
            }
            Some(_) => None,
        };
        // As it would be planned now: what was planned then may not be so any more.
        let mut now = swap.anew(&at.daemon, source_of(at), resolved.as_ref()).await?;
        let seen = look(&at.daemon, &source, &now, resolved.as_ref(), Trial::Now).await;
        seen.say(at);
        seen.refuse()?;
        now.plan.findings = seen.findings;
        promise::keep(swap.promised(), now.promised(), input(&now)?, steps(&now, source_of(at)))?;
        views::to_json(&seen.was)
    }

    /// It changes nothing.
    async fn look(&self, _at: &At) -> Result<Found> {
        Ok(Found::NotDone)
    }
}

/// When a server is started with the settings of now, which takes about a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trial {
    Now,
    /// The step `preflight` does it.
    InTheStep,
}

/// At the begin of an operation: before people approve it, or wait for its time, they know.
pub(super) fn trial(swap: &Swap) -> Trial {
    let follows_at_once = swap.plan.approvals == 0 && swap.ask.consent.at.is_none();
    if follows_at_once { Trial::InTheStep } else { Trial::Now }
}

/// `resolved` is nothing where what was replaced comes back: it is there already.
pub(super) async fn look(
    daemon: &Daemon,
    source: &Source,
    swap: &Swap,
    resolved: Option<&Resolved>,
    trial: Trial,
) -> Seen {
    let mut seen = Seen::default();
    look_at_directory(&mut seen, daemon, source, swap).await;
    if let Some(resolved) = resolved {
        look_at_room(&mut seen, swap, resolved);
        if let Err(error) = Binaries::find(resolved.info.major, &daemon.config.server_programs).await {
            seen.error("programs", &error.into());
        }
        look_at_proof(&mut seen, resolved);
        match catalog::backups(&daemon.vault, &resolved.backup.source).await {
            Ok(backups) => look_at_passed_over(&mut seen, resolved, &backups),
            Err(error) => seen.error("backups", &error.into()),
        }
    }
    if !swap.ask.copy
        && swap.back_from.is_none()
        && let Err(why) = can_mount()
    {
        seen.note("warns", format!("the files are copied: this host cannot mount them ({why})"), "");
    }
    look_at_server(&mut seen, daemon, source, swap).await;
    settings::look_at_links(&mut seen, swap);
    settings::look_at(&mut seen, daemon, source, swap, trial).await;
    in_doubt::look_at_cluster(&mut seen, &source.cluster.conninfo).await;
    look_at_outside(&mut seen, daemon, &swap.outside).await;
    look_at_kept(&mut seen, daemon, &swap.stack, &swap.outside).await;
    look_at_consent(&mut seen, swap.plan.waived, swap.no_snapshot.as_deref());
    migrations::look_at(&mut seen, source, &swap.outside, None).await;
    seen
}

/// What the stack's programs need beside its databases: that it is there today, and in the vault.
pub(super) async fn look_at_kept(seen: &mut Seen, daemon: &Daemon, stack: &str, outside: &Outside) {
    for what in kept::troubles(daemon, stack, outside).await {
        seen.note(
            "warns",
            format!("secrets and settings: {what}"),
            format!("rekindle secrets {stack} lists what is kept"),
        );
    }
    if let Some(what) = kept::not_covered(outside) {
        seen.note("warns", format!("not covered: {what}"), "add them to the stack's file: docs/secrets.md");
    }
}

/// What is done without.
pub(super) fn look_at_consent(seen: &mut Seen, waived: bool, no_snapshot: Option<&str>) {
    if waived {
        let why = "it is recorded in the audit log, and raised as an alarm";
        seen.note("warns", "nobody else approves it: the glass was broken".to_owned(), why);
    }
    if let Some(why) = no_snapshot {
        let kept = "what is replaced is kept where it lies, until somebody removes it, and nowhere else";
        seen.note("warns", format!("the state before is not backed up: {why}"), kept);
    }
}

async fn look_at_directory(seen: &mut Seen, daemon: &Daemon, source: &Source, swap: &Swap) {
    let live = &swap.places.live;
    let who = live.display().to_string();
    let ours = match lying_at(daemon, live).await {
        Ok(name) => name.is_some(),
        Err(error) => return seen.error(&who, &error),
    };
    match read_control(live) {
        Ok(control) if control.system_identifier != source.cluster.system_identifier => {
            seen.note("blocks", format!("{who} is of another cluster than {}", source.row.name), "");
        }
        Ok(_) => {}
        Err(error) => seen.error(&who, &error.into()),
    }
    if let Err(error) = swap.places.trial(ours) {
        seen.error(&who, &error.into());
    }
    let Some(moved) = &swap.moved else { return };
    let staged = &swap.places.staged;
    let is_filled = std::fs::read_dir(staged).is_ok_and(|mut entries| entries.next().is_some());
    if is_filled && swap.back_from.is_none() {
        seen.note("blocks", format!("{} is not empty", staged.display()), "name an empty or new directory");
    }
    match moved.taken(&daemon.host) {
        Ok(None) => {}
        Ok(Some(what)) => seen.note("blocks", what, "name another with --port or --host"),
        Err(error) => seen.error("the new place", &error),
    }
}

fn look_at_room(seen: &mut Seen, swap: &Swap, resolved: &Resolved) {
    let folder = swap.places.staged.ancestors().skip(1).find(|folder| folder.exists()).unwrap_or(Path::new("/"));
    let mut needed = vec![(folder.to_owned(), resolved.backup.head.totals.bytes)];
    // A tablespace takes its room where it lies; how much of the backup is its own, the live one tells.
    for (folder, bytes) in settings::elsewhere(swap) {
        needed[0].1 = needed[0].1.saturating_sub(bytes);
        needed.push((folder, bytes));
    }
    let mut by_device = BTreeMap::new();
    for (folder, bytes) in needed {
        let device = std::fs::metadata(&folder).map(|meta| meta.dev()).unwrap_or_default();
        by_device.entry(device).or_insert((folder, ROOM_TO_SPARE_BYTES)).1 += bytes;
    }
    for (folder, needed) in by_device.into_values() {
        match rustix::fs::statvfs(&folder) {
            Ok(found) => {
                let free = found.f_bavail * found.f_frsize;
                let text = format!("{}: {} MB free, {} MB needed", folder.display(), free >> 20, needed >> 20);
                let severity = if free < needed { "blocks" } else { "fine" };
                seen.note(severity, text, "the old cluster is kept, so there must be room for both");
            }
            Err(error) => seen.note("blocks", format!("{}: {error}", folder.display()), ""),
        }
    }
}

pub(super) fn look_at_proof(seen: &mut Seen, resolved: &Resolved) {
    let backup = &resolved.backup;
    match (backup.proven, backup.failed) {
        (_, Some(failed)) if backup.has_failed() => {
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

fn look_at_passed_over(seen: &mut Seen, resolved: &Resolved, backups: &[BackupInfo]) {
    let newer =
        |one: &&BackupInfo| one.head.ended > resolved.backup.head.ended && Lsn(one.head.log_to) <= resolved.reached;
    for backup in backups.iter().filter(newer).filter(|backup| backup.has_failed()) {
        let text = format!("backup {} is newer, and is passed over: it failed its last drill", backup.id);
        seen.note("warns", text, "the log leads to the same moment from the one before it");
    }
}

/// The services that run the old server and the new one, and where those who use it find it.
async fn look_at_server(seen: &mut Seen, daemon: &Daemon, source: &Source, swap: &Swap) {
    let name = &source.row.name;
    let (live, place) = (&swap.places.live, swap.places.place());
    let (old, new) = (swap.outside.server_of(name, live), swap.outside.server_of(name, place));
    if old.is_none() {
        let why = format!("add a [[service]] with server_of = {name:?} to stack {}", swap.stack);
        seen.note("blocks", format!("nothing says how the server of {name} is stopped and started"), why);
    }
    if place != live && (new.is_none() || new == old) {
        let why =
            format!("add a [[service]] with server_of = {name:?} and directory = {place:?} to stack {}", swap.stack);
        seen.note("blocks", format!("nothing says how a server in {} is started", place.display()), why);
    }
    if let Some(old) = old {
        look_at_service(seen, daemon, old, false).await;
    }
    if let Some(new) = new.filter(|new| Some(*new) != old) {
        look_at_service(seen, daemon, new, true).await;
    }
    for endpoint in swap.moved.iter().flat_map(|_| swap.outside.endpoints_of(name)) {
        look_at_endpoint(seen, daemon, swap, endpoint).await;
    }
    look_at_tied(seen, daemon, name, swap).await;
}

pub(super) async fn look_at_outside(seen: &mut Seen, daemon: &Daemon, outside: &Outside) {
    let host = &daemon.host;
    for service in outside.users() {
        look_at_service(seen, daemon, service, false).await;
    }
    for hook in &outside.hooks {
        for trouble in hook.spec.driver().probe(host).await {
            seen.blocks(&format!("hook {}", hook.name), &trouble);
        }
    }
    for health in &outside.health {
        let (driver, who) = (health.spec.driver(), format!("health {}", health.name));
        for trouble in driver.probe(host).await {
            seen.blocks(&who, &trouble);
        }
        if let Err(trouble) = driver.look(host).await {
            seen.note("warns", format!("{who}: not well now: {}", trouble.what), "");
        }
    }
}

/// Whose environment names the old place goes on to it, whatever is pointed where.
async fn look_at_tied(seen: &mut Seen, daemon: &Daemon, name: &str, swap: &Swap) {
    let Some(moved) = &swap.moved else { return };
    let places = match left(&swap.outside, name, moved, &daemon.host) {
        Ok(places) => places,
        Err(error) => return seen.error("endpoints", &error),
    };
    for place in places {
        match tied(&daemon.host, swap.outside.services.iter().map(|service| &service.spec), &place).await {
            Ok(found) => found.into_iter().filter(|one| one.for_good).for_each(|one| {
                let why = "make it anew with the new place, or let it find the database by a name or a file that is an endpoint";
                seen.note("warns", format!("container {} names {place} in its environment: it will not follow", one.name), why);
            }),
            Err(trouble) => seen.note("warns", format!("containers that name {place} cannot be looked for: {}", trouble.what), ""),
        }
    }
}

async fn look_at_endpoint(seen: &mut Seen, daemon: &Daemon, swap: &Swap, endpoint: &EndpointAt) {
    let (driver, who) = (endpoint.spec.driver(), format!("endpoint {}", endpoint.name));
    let in_the_way = driver.probe(&daemon.host).await;
    in_the_way.iter().for_each(|trouble| seen.blocks(&who, trouble));
    let Some(moved) = swap.moved.as_ref().filter(|_| in_the_way.is_empty()) else { return };
    let said = match said(endpoint, moved, &daemon.host) {
        Ok(said) => said,
        Err(error) => return seen.error(&who, &error),
    };
    match driver.current(&daemon.host).await {
        Ok(found) if found == said.from || found == said.to => {
            seen.note("fine", format!("{who} says {found}, and will say {}", said.to), "");
        }
        Ok(found) => seen.note(
            "blocks",
            format!("{who} says {found:?}, and not {:?}, where the source is", said.from),
            "is `value` written as it stands there?",
        ),
        Err(trouble) => seen.blocks(&who, &trouble),
    }
}

/// One that `is_new` has nothing to run yet.
async fn look_at_service(seen: &mut Seen, daemon: &Daemon, service: &Service, is_new: bool) {
    let (driver, who) = (service.spec.driver(), format!("service {}", service.name));
    let in_the_way = driver.probe(&daemon.host).await;
    in_the_way.iter().for_each(|trouble| seen.blocks(&who, trouble));
    if !in_the_way.is_empty() {
        return;
    }
    match driver.standing(&daemon.host).await {
        Ok(Standing::Runs { .. }) if is_new => {
            seen.note("blocks", format!("{who} runs already, and there is nothing yet that it could serve"), "stop it");
        }
        Ok(standing) => {
            if standing == Standing::Stopped && !is_new {
                seen.note("warns", format!("{who} does not run now"), "it is not started at the end either");
            }
            seen.was.services.insert(service.name.clone(), standing);
        }
        Err(trouble) => seen.blocks(&who, &trouble),
    }
}

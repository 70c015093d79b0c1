//! Stacks: what people declare in a file, kept as they said it. `apply` protects what is not protected yet, then keeps the file; the
//! timetable (`timetable`) goes by what is kept.
//!
//! All or nothing: a source that cannot be protected, or a word that is wrong, leaves everything as it was.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use api::{ApplyAnswer, ApplyAsk, ProtectAsk, StackView};

use jiff::Timestamp;

use crate::catalog::StackRow;
use crate::daemon::Daemon;
use crate::error::{Error, Result};
use crate::operation::By;
use crate::policy::{Stack, diff, file};
use crate::{approvals, kept, restored, source};

/// `seen` is the ETag of what whoever asks has seen last, or `*` for anything.
pub(crate) async fn apply(daemon: &Daemon, ask: &ApplyAsk, seen: Option<&str>, by: &str) -> Result<ApplyAnswer> {
    let mut wanted = read(&ask.file)?;
    let kept = daemon.catalog.stack(&wanted.name).await?;
    refuse_unseen(&wanted.name, kept.as_ref(), seen)?;
    let old = kept.as_ref().map(|row| read(&row.file)).transpose()?;
    wanted.restored = restored::kept(daemon, old.as_ref(), &wanted).await?;
    approvals::refuse_without_people(daemon, &wanted).await?;
    refuse_what_others_have(daemon, &wanted).await?;
    let mut answer = ApplyAnswer {
        stack: wanted.name.clone(),
        is_new: old.is_none(),
        changes: changes(old.as_ref(), &wanted),
        sources: Vec::new(),
        left_out: left_out(old.as_ref(), &wanted),
        applied: false,
    };
    for missing in wanted.sources.iter().filter(|source| !daemon.has_source(&source.name)) {
        answer.sources.push(source::protect(daemon, &protect_ask(missing, true), by_of(by)).await?);
    }
    let can_all =
        answer.sources.iter().all(|source| source.findings.iter().all(|finding| finding.severity != "blocks"));
    if ask.dry_run || !can_all {
        return Ok(answer);
    }
    for missing in wanted.sources.iter().filter(|source| !daemon.has_source(&source.name)) {
        source::protect(daemon, &protect_ask(missing, false), by_of(by)).await?;
    }
    answer.sources.iter_mut().for_each(|source| source.registered = true);
    kept::seal(daemon, &wanted.name, &wanted.outside).await?;
    let (file, now) = (export_of(&wanted)?, daemon.host.env.now());
    let row = StackRow { name: wanted.name.clone(), file, applied: now.to_string(), applied_by: by.to_owned() };
    daemon.catalog.put_stack(&row).await?;
    tracing::info!(stack = row.name, by, changes = answer.changes.join("; "), "applied");
    answer.applied = true;
    Ok(answer)
}

fn refuse_unseen(name: &str, kept: Option<&StackRow>, seen: Option<&str>) -> Result<()> {
    let is_seen = match (kept, seen) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(row), Some(seen)) => seen == "*" || seen == etag(&row.file),
    };
    if is_seen { Ok(()) } else { Err(Error::Changed(format!("stack {name}"))) }
}

fn etag(file: &str) -> String {
    format!("\"{}\"", &blake3::hash(file.as_bytes()).to_hex()[..32])
}

fn by_of(name: &str) -> By {
    By { name: name.to_owned(), why: "its stack was applied".to_owned(), key: None }
}

fn protect_ask(source: &crate::policy::StackSource, dry_run: bool) -> ProtectAsk {
    ProtectAsk { url: source.url.to_string(), name: source.name.clone(), slot: None, dry_run }
}

/// A source belongs to one stack.
async fn refuse_what_others_have(daemon: &Daemon, wanted: &Stack) -> Result<()> {
    for other in all(daemon).await?.iter().filter(|other| other.name != wanted.name) {
        if let Some(source) =
            wanted.sources.iter().find(|source| other.sources.iter().any(|has| has.name == source.name))
        {
            return Err(Error::Ask(format!("source {} belongs to stack {}", source.name, other.name)));
        }
    }
    Ok(())
}

fn changes(old: Option<&Stack>, new: &Stack) -> Vec<String> {
    let nothing = Stack { name: new.name.clone(), ..Stack::none() };
    diff::diff(old.unwrap_or(&nothing), new).iter().map(ToString::to_string).collect()
}

fn left_out(old: Option<&Stack>, new: &Stack) -> Vec<String> {
    let before = old.map(|old| old.sources.as_slice()).unwrap_or_default();
    let gone = before.iter().filter(|source| new.sources.iter().all(|other| other.name != source.name));
    gone.map(|source| source.name.clone()).collect()
}

/// A file of people's, with all that is wrong with it.
pub(crate) fn read(text: &str) -> Result<Stack> {
    file::parse(text).map_err(|findings| Error::StackFile(findings.iter().map(ToString::to_string).collect()))
}

fn export_of(stack: &Stack) -> Result<String> {
    Ok(file::export(stack).map_err(|e| vault::Error::Internal(e.to_string()))?)
}

/// All stacks, read, as they were when the catalog was last changed.
#[derive(Debug, Default)]
pub(crate) struct Stacks {
    changed: Option<Timestamp>,
    /// Each with the moment it was applied.
    applied: Vec<(Stack, Timestamp)>,
    of_source: HashMap<String, usize>,
}

/// What a daemon keeps of them: thousands of files are not read again for each question.
pub(crate) type Read = Mutex<Arc<Stacks>>;

impl Stacks {
    fn new(changed: Option<Timestamp>, applied: Vec<(Stack, Timestamp)>) -> Stacks {
        let names =
            applied.iter().enumerate().flat_map(|(at, (stack, _))| stack.sources.iter().map(move |of| (of, at)));
        let of_source = names.map(|(source, at)| (source.name.clone(), at)).collect();
        Stacks { changed, applied, of_source }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Stack> {
        self.applied.iter().map(|(stack, _)| stack)
    }

    /// The stack of a source, and when it was applied; a source that nobody put into one has none.
    pub(crate) fn of_source(&self, source: &str) -> Option<&(Stack, Timestamp)> {
        self.of_source.get(source).and_then(|at| self.applied.get(*at))
    }
}

pub(crate) async fn all(daemon: &Daemon) -> Result<Arc<Stacks>> {
    let known = || daemon.stacks.lock().unwrap_or_else(PoisonError::into_inner);
    let changed = daemon.catalog.stacks_changed().await?;
    let last = known().clone();
    if last.changed == changed {
        return Ok(last);
    }
    let broken = |name: &str| vault::Error::Internal(format!("stack {name} in the catalog"));
    let read = |row: &StackRow| Ok((read(&row.file)?, row.applied.parse().map_err(|_| broken(&row.name))?));
    let applied = daemon.catalog.stacks().await?.iter().map(read).collect::<Result<_>>()?;
    let stacks = Arc::new(Stacks::new(changed, applied));
    known().clone_from(&stacks);
    Ok(stacks)
}

pub(crate) async fn of_source(daemon: &Daemon, source: &str) -> Result<Option<Stack>> {
    Ok(all(daemon).await?.of_source(source).map(|(stack, _)| stack.clone()))
}

/// By name, from behind `after`; all of them when no limit is given.
pub(crate) async fn list(daemon: &Daemon, after: &str, limit: Option<u32>) -> Result<Vec<StackView>> {
    let now = daemon.host.env.now();
    daemon.catalog.stacks_after(after, limit).await?.iter().map(|row| view(row, now)).collect()
}

pub(crate) async fn show(daemon: &Daemon, name: &str) -> Result<StackView> {
    let row = daemon.catalog.stack(name).await?;
    view(&row.ok_or_else(|| Error::Unknown { what: "stack", name: name.to_owned() })?, daemon.host.env.now())
}

fn view(row: &StackRow, now: Timestamp) -> Result<StackView> {
    let stack = read(&row.file)?;
    let broken = |_| vault::Error::Internal(format!("stack {} in the catalog", row.name));
    Ok(StackView {
        name: row.name.clone(),
        next_window: stack.policy.next_open(now),
        sources: stack.sources.into_iter().map(|source| source.name).collect(),
        file: row.file.clone(),
        applied: row.applied.parse().map_err(broken)?,
        applied_by: row.applied_by.clone(),
        etag: etag(&row.file),
    })
}

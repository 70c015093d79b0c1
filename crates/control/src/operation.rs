//! Operations while they run: who runs what, how far it is, how it ended. What is being done stands in the siblings, one file
//! each. (Steps that survive a daemon come with the durable operations; until then an operation ends with its daemon.)

use std::collections::HashMap;
use std::future::Future;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use api::{Operation, OperationKind, OperationStatus};
use jiff::Timestamp;
use vault::backup::tree::Progress;

use crate::catalog::{Catalog, OperationRow};
use crate::daemon::Daemon;
use crate::error::{Error, Result};

pub(crate) mod backup;
pub(crate) mod check;
pub(crate) mod clone;
pub(crate) mod drill;
pub(crate) mod expire;
pub(crate) mod extract;
pub(crate) mod restore;

/// How far something is; shared between who does it, who shows it and who cancels it.
#[derive(Debug, Default)]
pub struct Watch {
    pub(crate) progress: Arc<Progress>,
    step: Mutex<String>,
}

impl Watch {
    pub fn new() -> Arc<Watch> {
        Arc::default()
    }

    pub fn operation_progress(&self) -> (String, api::Progress) {
        let progress = api::Progress {
            bytes_total: self.progress.bytes_total.load(Ordering::Relaxed),
            bytes_done: self.progress.bytes_done.load(Ordering::Relaxed),
            bytes_moved: self.progress.bytes_moved.load(Ordering::Relaxed),
        };
        (self.step.lock().unwrap_or_else(PoisonError::into_inner).clone(), progress)
    }

    pub fn cancel(&self) {
        self.progress.cancel();
    }

    pub(crate) fn step(&self, name: &str) {
        name.clone_into(&mut self.step.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

#[derive(Debug, Clone)]
struct Live {
    id: String,
    kind: OperationKind,
    source: Option<String>,
    started: Timestamp,
    watch: Arc<Watch>,
}

/// The operations that run now.
#[derive(Debug, Default)]
pub(crate) struct Running {
    live: Mutex<HashMap<String, Live>>,
}

impl Running {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Live>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn list(&self) -> Vec<Operation> {
        let mut running: Vec<Operation> = self.lock().values().map(Live::view).collect();
        running.sort_by_key(|operation| operation.started);
        running
    }

    pub(crate) fn get(&self, id: &str) -> Option<Operation> {
        self.lock().get(id).map(Live::view)
    }

    pub(crate) fn cancel(&self, id: &str) -> Result<()> {
        let live = self.lock().get(id).cloned();
        live.map(|live| live.watch.cancel()).ok_or(Error::Unknown { what: "running operation", name: id.to_owned() })
    }

    pub(crate) fn cancel_all(&self) {
        self.lock().values().for_each(|live| live.watch.cancel());
    }
}

impl Live {
    fn view(&self) -> Operation {
        let (step, progress) = self.watch.operation_progress();
        Operation {
            id: self.id.clone(),
            kind: self.kind,
            source: self.source.clone(),
            status: OperationStatus::Running,
            step,
            progress,
            started: self.started,
            ended: None,
            error: None,
            result: None,
        }
    }
}

/// Begins an operation and returns it as it begins. Of one kind only one runs for a source at a time.
pub(crate) async fn begin<F, Fut>(
    daemon: &Daemon,
    kind: OperationKind,
    source: Option<&str>,
    work: F,
) -> Result<Operation>
where
    F: FnOnce(Daemon, Arc<Watch>) -> Fut,
    Fut: Future<Output = Result<serde_json::Value>> + Send + 'static,
{
    let id = vault::names::hex(&daemon.host.env.random::<6>());
    let live = Live {
        id: id.clone(),
        kind,
        source: source.map(str::to_owned),
        started: daemon.host.env.now(),
        watch: Watch::new(),
    };
    enter(daemon, &live)?;
    let view = live.view();
    if let Err(error) = daemon.catalog.begin_operation(&row(&view)?).await {
        daemon.running.lock().remove(&id);
        return Err(error);
    }
    tracing::info!(operation = id, kind = kind_name(kind), source, "begun");
    let task = tokio::spawn(work(daemon.clone(), live.watch.clone()));
    let daemon = daemon.clone();
    tokio::spawn(async move {
        let outcome = match task.await {
            Ok(outcome) => outcome,
            Err(error) => Err(vault::Error::Internal(error.to_string()).into()),
        };
        finish(&daemon, &live, outcome).await;
    });
    Ok(view)
}

fn enter(daemon: &Daemon, live: &Live) -> Result<()> {
    let mut running = daemon.running.lock();
    let alone = matches!(live.kind, OperationKind::Backup | OperationKind::Expire);
    let same = |other: &&Live| alone && other.kind == live.kind && other.source == live.source;
    if let Some(other) = running.values().find(same) {
        let source_name = live.source.clone().unwrap_or_default();
        return Err(Error::Busy { kind: kind_name(live.kind), source_name, id: other.id.clone() });
    }
    running.insert(live.id.clone(), live.clone());
    Ok(())
}

async fn finish(daemon: &Daemon, live: &Live, outcome: Result<serde_json::Value>) {
    let mut view = live.view();
    view.ended = Some(daemon.host.env.now());
    match outcome {
        Ok(result) => {
            tracing::info!(operation = view.id, kind = kind_name(view.kind), source = view.source, "succeeded");
            view.status = OperationStatus::Succeeded;
            view.result = Some(result);
        }
        Err(error) => {
            let body = error.body();
            let cancelled = body.code == "RK-1040";
            tracing::error!(
                operation = view.id,
                kind = kind_name(view.kind),
                source = view.source,
                code = body.code,
                error = body.message,
                causes = body.causes.join(": "),
                "did not succeed"
            );
            view.status = if cancelled { OperationStatus::Cancelled } else { OperationStatus::Failed };
            view.error = Some(body);
        }
    }
    let stored = match row(&view) {
        Ok(row) => daemon.catalog.end_operation(&row).await,
        Err(error) => Err(error),
    };
    if let Err(error) = stored {
        tracing::error!(operation = view.id, %error, "the end of the operation could not be recorded");
    }
    daemon.running.lock().remove(&live.id);
}

pub(crate) fn kind_name(kind: OperationKind) -> &'static str {
    match kind {
        OperationKind::Backup => "backup",
        OperationKind::Restore => "restore",
        OperationKind::Check => "check",
        OperationKind::Expire => "expire",
        OperationKind::Clone => "clone",
        OperationKind::Peek => "peek",
        OperationKind::Drill => "drill",
        OperationKind::Extract => "extract",
    }
}

fn row(view: &Operation) -> Result<OperationRow> {
    let failed = |e: serde_json::Error| vault::Error::Internal(e.to_string());
    Ok(OperationRow {
        id: view.id.clone(),
        kind: kind_name(view.kind).to_owned(),
        source: view.source.clone(),
        status: match view.status {
            OperationStatus::Running => "running",
            OperationStatus::Succeeded => "succeeded",
            OperationStatus::Failed => "failed",
            OperationStatus::Cancelled => "cancelled",
        }
        .to_owned(),
        step: view.step.clone(),
        started: view.started.to_string(),
        ended: view.ended.map(|ended| ended.to_string()),
        error: view.error.as_ref().map(serde_json::to_string).transpose().map_err(failed)?,
        result: view.result.as_ref().map(serde_json::to_string).transpose().map_err(failed)?,
    })
}

/// An operation as it was recorded.
pub(crate) fn recorded(row: OperationRow) -> Result<Operation> {
    let broken = || vault::Error::Internal(format!("operation {} in the catalog", row.id));
    let kinds = [
        OperationKind::Backup,
        OperationKind::Restore,
        OperationKind::Check,
        OperationKind::Expire,
        OperationKind::Clone,
        OperationKind::Peek,
        OperationKind::Drill,
        OperationKind::Extract,
    ];
    let time = |text: &str| text.parse::<Timestamp>().map_err(|_| broken());
    Ok(Operation {
        kind: kinds.into_iter().find(|kind| kind_name(*kind) == row.kind).ok_or_else(broken)?,
        status: match row.status.as_str() {
            "running" => OperationStatus::Running,
            "succeeded" => OperationStatus::Succeeded,
            "cancelled" => OperationStatus::Cancelled,
            _ => OperationStatus::Failed,
        },
        started: time(&row.started)?,
        ended: row.ended.as_deref().map(time).transpose()?,
        error: row.error.as_deref().map(serde_json::from_str).transpose().map_err(|_| broken())?,
        result: row.result.as_deref().map(serde_json::from_str).transpose().map_err(|_| broken())?,
        id: row.id,
        source: row.source,
        step: row.step,
        progress: api::Progress::default(),
    })
}

/// One that runs, or one that is over.
pub(crate) async fn find(daemon: &Daemon, id: &str) -> Result<Operation> {
    if let Some(operation) = daemon.running.get(id) {
        return Ok(operation);
    }
    let row = daemon.catalog.operation(id).await?;
    recorded(row.ok_or_else(|| Error::Unknown { what: "operation", name: id.to_owned() })?)
}

pub(crate) async fn list(daemon: &Daemon) -> Result<Vec<Operation>> {
    let running = daemon.running.list();
    let over =
        daemon.catalog.operations().await?.into_iter().filter(|row| running.iter().all(|live| live.id != row.id));
    let over: Vec<Operation> = over.map(recorded).collect::<Result<_>>()?;
    Ok(running.iter().rev().cloned().chain(over).collect())
}

/// What an earlier daemon left running has failed.
pub(crate) async fn fail_unfinished(catalog: &Catalog, now: Timestamp) -> Result<()> {
    let error = serde_json::to_string(&Error::DaemonEnded.body()).map_err(|e| vault::Error::Internal(e.to_string()))?;
    let failed = catalog.fail_unfinished(now, &error).await?;
    if failed > 0 {
        tracing::warn!(failed, "operations of the last daemon did not come to their end");
    }
    Ok(())
}

//! `/metrics`, for Prometheus: names that do not change, listed in `NAMES` and in docs/alarms.md. All comes from what the last look saw and
//! from the catalog: a scrape asks neither the vault nor a database server.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, PoisonError};

use engine::postgres::receive::Phase;
use jiff::Timestamp;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::alarms::SourceMemory;
use crate::alarms::condition::{Kind, Severity};
use crate::daemon::Daemon;
use crate::error::Result;

pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Name as it is scraped, and what it says.
pub(crate) const NAMES: &[(&str, &str)] = &[
    ("rekindle_build_info", "The version of the daemon; always 1"),
    ("rekindle_start_loop_starts", "Starts of the daemon within the last 24 hours"),
    ("rekindle_last_look_timestamp_seconds", "When everything was last looked at"),
    ("rekindle_log_receiving", "1 while the log of the source is streamed"),
    ("rekindle_log_lag_bytes", "Log that the server has and the vault has not"),
    ("rekindle_log_lag_seconds", "How long ago the newest moment was that is in the vault; 0 when all is there"),
    ("rekindle_log_last_commit_durable_timestamp_seconds", "Every commit up to here is in the vault"),
    ("rekindle_backups", "Backups in the vault"),
    ("rekindle_backup_last_timestamp_seconds", "When the newest backup ended"),
    ("rekindle_backup_age_seconds", "How long ago the newest backup ended"),
    ("rekindle_backup_size_bytes", "Size of the cluster in the newest backup"),
    ("rekindle_backup_stored_bytes", "What the newest backup added to the vault"),
    ("rekindle_backup_duration_seconds", "How long the newest backup took"),
    ("rekindle_drill_last_passed_timestamp_seconds", "When a drill last proved a backup"),
    ("rekindle_drill_last_failed_timestamp_seconds", "When a drill last failed"),
    ("rekindle_restore_projected_seconds", "How long a full restore would take, by what was measured"),
    ("rekindle_operations", "Operations by kind and state"),
    ("rekindle_alarms", "Raised alarms by kind and severity"),
    ("rekindle_alert_channel_up", "0 when the channel fails"),
    ("rekindle_vault_size_bytes", "All objects in the vault, listed once an hour"),
    ("rekindle_vault_objects", "Objects in the vault, listed once an hour"),
    ("rekindle_vault_free_bytes", "Room that is left for a vault in a folder"),
    ("rekindle_key_last_tested_timestamp_seconds", "When the key was last seen to open the vault"),
    ("rekindle_api_requests_total", "Answered requests by method, route and status"),
];

type Labels = Vec<(&'static str, String)>;
type Samples = Vec<(Labels, f64)>;

/// Answered requests, since the daemon began.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    counted: Mutex<BTreeMap<(String, String, u16), u64>>,
}

impl Requests {
    /// `route` is the pattern, never the path: names of people's things are no labels.
    pub(crate) fn count(&self, method: &str, route: &str, status: u16) {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        *counted.entry((method.to_owned(), route.to_owned(), status)).or_default() += 1;
    }
}

/// The figures of one scrape, by name.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    gauges: BTreeMap<&'static str, Samples>,
    requests: Vec<(Labels, u64)>,
}

impl Figures {
    fn put(&mut self, name: &'static str, labels: &[(&'static str, &str)], value: f64) {
        let labels = labels.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        self.gauges.entry(name).or_default().push((labels, value));
    }

    fn put_time(&mut self, name: &'static str, labels: &[(&'static str, &str)], at: Option<Timestamp>) {
        if let Some(at) = at {
            self.put(name, labels, at.as_millisecond() as f64 / 1000.0);
        }
    }
}

pub(crate) async fn scrape(daemon: &Daemon) -> Result<String> {
    let now = daemon.host.env.now();
    let mut figures = Figures::default();
    figures.put("rekindle_build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1.0);
    let starts = daemon.catalog.starts_since(Timestamp::UNIX_EPOCH).await?;
    figures.put("rekindle_start_loop_starts", &[], starts.len() as f64);
    for (kind, state, count) in daemon.catalog.operation_counts().await? {
        figures.put("rekindle_operations", &[("kind", &kind), ("state", &state)], count as f64);
    }
    logs(daemon, &mut figures, now);
    remembered(daemon, &mut figures, now);
    let counted = daemon.requests.counted.lock().unwrap_or_else(PoisonError::into_inner).clone();
    figures.requests = counted
        .into_iter()
        .map(|((method, route, status), count)| {
            (vec![("method", method), ("route", route), ("status", status.to_string())], count)
        })
        .collect();
    Ok(render(&figures))
}

fn logs(daemon: &Daemon, figures: &mut Figures, now: Timestamp) {
    for source in daemon.sources() {
        let (log, of) = (source.receiver.state(), [("source", source.row.name.as_str())]);
        let streams = log.phase == Phase::Streaming;
        figures.put("rekindle_log_receiving", &of, if streams { 1.0 } else { 0.0 });
        figures.put("rekindle_log_lag_bytes", &of, log.lag_bytes() as f64);
        figures.put_time("rekindle_log_last_commit_durable_timestamp_seconds", &of, log.complete_at);
        let quiet = streams && log.lag_bytes() == 0;
        if let Some(complete) = log.complete_at {
            let behind = now.duration_since(complete).as_secs_f64().max(0.0);
            figures.put("rekindle_log_lag_seconds", &of, if quiet { 0.0 } else { behind });
        }
    }
}

fn remembered(daemon: &Daemon, figures: &mut Figures, now: Timestamp) {
    let memory = daemon.alarms.memory();
    figures.put_time("rekindle_last_look_timestamp_seconds", &[], memory.looked);
    for (name, source) in &memory.sources {
        of_source(figures, name, source, now);
    }
    for kind in Kind::ALL {
        for severity in [Severity::Warning, Severity::Critical] {
            let is = |alarm: &&crate::alarms::core::Alarm| {
                alarm.condition.kind == *kind && alarm.condition.severity == severity
            };
            let count = memory.raised.iter().filter(is).count();
            figures.put("rekindle_alarms", &[("kind", kind.name()), ("severity", severity.name())], count as f64);
        }
    }
    let alerts = &daemon.config.alerts;
    for name in alerts.channel.iter().map(|channel| &channel.name).chain(alerts.heartbeat.iter().map(|beat| &beat.name))
    {
        let fails = memory.channels.get(name).is_some_and(|channel| channel.fails());
        figures.put("rekindle_alert_channel_up", &[("channel", name)], if fails { 0.0 } else { 1.0 });
    }
    let vault = &memory.vault;
    let known = [
        ("rekindle_vault_size_bytes", memory.size.size),
        ("rekindle_vault_objects", memory.size.objects),
        ("rekindle_vault_free_bytes", vault.free),
    ];
    for (name, value) in known {
        if let Some(value) = value {
            figures.put(name, &[], value as f64);
        }
    }
    figures.put_time("rekindle_key_last_tested_timestamp_seconds", &[], vault.key_tested);
}

fn of_source(figures: &mut Figures, name: &str, source: &SourceMemory, now: Timestamp) {
    let of = [("source", name)];
    if let Some(seconds) = source.projected_rto {
        figures.put("rekindle_restore_projected_seconds", &of, seconds);
    }
    let Some(backups) = &source.backups else { return };
    figures.put("rekindle_backups", &of, backups.facts.len() as f64);
    let proven = backups.facts.iter().filter_map(|backup| backup.proven).max();
    let failed = backups.facts.iter().filter_map(|backup| backup.failed).max();
    figures.put_time("rekindle_drill_last_passed_timestamp_seconds", &of, proven);
    figures.put_time("rekindle_drill_last_failed_timestamp_seconds", &of, failed);
    let Some(newest) = &backups.newest else { return };
    figures.put_time("rekindle_backup_last_timestamp_seconds", &of, Some(newest.ended));
    figures.put("rekindle_backup_age_seconds", &of, now.duration_since(newest.ended).as_secs_f64().max(0.0));
    figures.put("rekindle_backup_size_bytes", &of, newest.bytes as f64);
    figures.put("rekindle_backup_stored_bytes", &of, newest.bytes_stored as f64);
    let took = newest.ended.duration_since(newest.began).as_secs_f64();
    figures.put("rekindle_backup_duration_seconds", &of, took);
}

fn render(figures: &Figures) -> String {
    let mut registry = Registry::default();
    for (name, help) in NAMES {
        if let Some(counter) = name.strip_suffix("_total") {
            let family = Family::<Labels, Counter>::default();
            for (labels, count) in &figures.requests {
                family.get_or_create(labels).inc_by(*count);
            }
            registry.register(counter, *help, family);
            continue;
        }
        let family = Family::<Labels, Gauge<f64, AtomicU64>>::default();
        for (labels, value) in figures.gauges.get(name).into_iter().flatten() {
            family.get_or_create(labels).set(*value);
        }
        registry.register(*name, *help, family);
    }
    let mut text = String::new();
    // Writing into a string does not fail.
    let _ = encode(&mut text, &registry);
    text
}

#[cfg(test)]
mod tests;

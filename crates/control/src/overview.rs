//! The vault and the settings as people look at them: from what is remembered, and without anything secret.

use api::{ChannelView, ExpiryDecision, ExpiryView, SettingsView, SizeAt, VaultKey, VaultShare, VaultView};

use crate::alarms::VAULT_SIZE;
use crate::alarms::channel;
use crate::config::{ChannelSettings, HeartbeatSettings, LeastSeverity};
use crate::daemon::Daemon;
use crate::error::Result;
use crate::operation;

pub(crate) async fn vault(daemon: &Daemon) -> Result<VaultView> {
    let sizes = daemon.catalog.measures(VAULT_SIZE).await?;
    let slots = daemon.vault.slots().await?;
    let memory = daemon.alarms.memory();
    Ok(VaultView {
        location: daemon.vault.store().location().to_owned(),
        id: ::vault::names::hex(&daemon.vault.id()),
        bytes: memory.size.size,
        objects: memory.size.objects,
        free: memory.vault.free,
        sizes: sizes.into_iter().map(|(at, bytes)| SizeAt { at, bytes }).collect(),
        sources: memory.sources.iter().filter_map(|(name, known)| Some(share(name, known.backups.as_ref()?))).collect(),
        keys: slots
            .iter()
            .map(|slot| VaultKey {
                id: slot.id().to_owned(),
                kind: slot.kind().name().to_owned(),
                label: slot.label().to_owned(),
                created: slot.created(),
            })
            .collect(),
        key_tested: memory.vault.key_tested,
        key_wrong: memory.vault.key_wrong.as_ref().map(|(_, what)| what.clone()),
    })
}

fn share(source: &str, backups: &crate::alarms::Backups) -> VaultShare {
    let facts = &backups.facts;
    VaultShare {
        source: source.to_owned(),
        backups: facts.len() as u64,
        bytes: facts.iter().map(|fact| fact.bytes).sum(),
        bytes_new: facts.iter().map(|fact| fact.bytes_new).sum(),
        bytes_stored: facts.iter().map(|fact| fact.bytes_stored).sum(),
    }
}

/// What the policy of a source's stack would remove now; nothing goes.
pub(crate) async fn expiry(daemon: &Daemon, name: &str) -> Result<ExpiryView> {
    let plan = operation::expire::planned_by_policy(daemon, name).await?;
    let decided = |decision: ::vault::expire::Decision| ExpiryDecision {
        backup: decision.backup,
        ended: decision.ended,
        keep: decision.keep,
        reasons: decision.reasons,
    };
    Ok(ExpiryView {
        source: plan.source,
        made: plan.made,
        grace_seconds: plan.grace.as_secs().unsigned_abs(),
        backups: plan.backups.into_iter().map(decided).collect(),
    })
}

pub(crate) fn settings(daemon: &Daemon) -> SettingsView {
    let config = &daemon.config;
    let alerts = &config.alerts;
    let channels = alerts.channel.iter().map(|one| of_channel(daemon, one));
    let beats = alerts.heartbeat.iter().map(|one| of_heartbeat(daemon, one));
    SettingsView {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        vault: daemon.vault.store().location().to_owned(),
        catalog: if config.catalog.url.is_some() { "postgresql" } else { "file" }.to_owned(),
        listens: config.listen.as_ref().map(|listen| listen.address.to_string()),
        encrypted: config.listen.as_ref().is_some_and(|listen| listen.certificate.is_some()),
        session_idle_minutes: config.sessions.idle_minutes,
        session_hours: config.sessions.hours,
        look_seconds: alerts.look_seconds,
        repeat_first_seconds: alerts.repeat_first_seconds,
        repeat_then_seconds: alerts.repeat_then_seconds,
        waiting_seconds: alerts.waiting_seconds,
        channels: channels.chain(beats).collect(),
    }
}

fn of_channel(daemon: &Daemon, one: &ChannelSettings) -> ChannelView {
    let (kind, to) = (channel::kind_name(one.kind).to_owned(), channel::destination(one));
    with_failures(daemon, &one.name, kind, to, one.severity)
}

fn of_heartbeat(daemon: &Daemon, one: &HeartbeatSettings) -> ChannelView {
    with_failures(daemon, &one.name, "heartbeat".to_owned(), channel::shown(&one.url), one.severity)
}

fn with_failures(daemon: &Daemon, name: &str, kind: String, to: String, least: LeastSeverity) -> ChannelView {
    let memory = daemon.alarms.memory();
    let failing = memory.channels.get(name).filter(|known| known.failing_since.is_some());
    ChannelView {
        name: name.to_owned(),
        kind,
        to,
        severity: channel::least(least).name().to_owned(),
        failing_since: failing.and_then(|known| known.failing_since),
        error: failing.map(|known| known.error.clone()),
    }
}

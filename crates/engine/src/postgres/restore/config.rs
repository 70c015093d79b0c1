//! The settings of a restored server. `rekindle.conf` holds what must differ from the old server for good,
//! `rekindle.recovery.conf` what only the recovery needs and is taken out after it; the cluster's own files are kept, and what
//! in them would be in the way is commented out with the reason.

use std::fmt::Write as _;
use std::path::Path;

use vault::beneath;

use super::fetch::restore_command;
use super::{Prepared, Purpose, RestoreRequest, quiet};
use crate::error::{Error, Result};
use crate::postgres::info::{ClusterInfo, LeftOutAll};
use crate::postgres::target::{Resolved, Stop};

const CONF: &str = "rekindle.conf";
const RECOVERY_CONF: &str = "rekindle.recovery.conf";
const AUTO_CONF: &str = "postgresql.auto.conf";
const HBA: &str = "rekindle.hba.conf";
const OURS: &str = "# by Rekindle:";
/// Only the owner can enter the socket's folder, so nobody else is let in while the restore is not verified.
const HBA_CLOSED: &str = "# by Rekindle: during the restore only the owner of the files gets in\nlocal all all trust\n";
const HBA_DEFAULT: &str =
    "local all all peer\nhost all all 127.0.0.1/32 scram-sha-256\nhost all all ::1/128 scram-sha-256\n";

/// Settings that the restored server must not take over.
const OWN_SETTINGS: &[&str] = &[
    "archive_command",
    "archive_library",
    "archive_mode",
    "data_directory",
    "external_pid_file",
    "hba_file",
    "ident_file",
    "hot_standby",
    "listen_addresses",
    "log_destination",
    "logging_collector",
    "port",
    "primary_conninfo",
    "primary_slot_name",
    "ssl",
    "synchronous_standby_names",
    "unix_socket_directories",
    "unix_socket_permissions",
    "max_connections",
    "max_worker_processes",
    "max_wal_senders",
    "max_prepared_transactions",
    "max_locks_per_transaction",
];
const RECOVERY_SETTINGS: &[&str] = &[
    "restore_command",
    "archive_cleanup_command",
    "promote_trigger_file",
    "recovery_end_command",
    "recovery_target",
    "recovery_target_action",
    "recovery_target_inclusive",
    "recovery_target_lsn",
    "recovery_target_name",
    "recovery_target_time",
    "recovery_target_timeline",
    "recovery_target_xid",
    "recovery_min_apply_delay",
];

/// Writes the cluster's own settings, without what would be in the way.
pub(super) fn write_cluster(prepared: &Prepared, resolved: &Resolved, request: &RestoreRequest) -> Result<()> {
    let into = &prepared.into;
    // Those of an earlier restore would be read with them.
    for name in [CONF, RECOVERY_CONF] {
        let path = into.join(name);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::file("remove", &path, error));
            }
            _ => {}
        }
    }
    let own = own_configuration(into, &resolved.info)?;
    let includes = format!(
        "\n{OURS} what this restored server needs\ninclude_if_exists = '{CONF}'\ninclude_if_exists = '{RECOVERY_CONF}'\n"
    );
    let text = without_settings(&own, &[OWN_SETTINGS, RECOVERY_SETTINGS].concat());
    prepared.put("postgresql.conf", (text + &includes).as_bytes())?;
    if let Some(text) = read_plain(into, AUTO_CONF)? {
        let text = without_settings(&text, &[OWN_SETTINGS, RECOVERY_SETTINGS].concat());
        prepared.put(AUTO_CONF, text.as_bytes())?;
    }
    match request.start {
        true => prepared.put(HBA, HBA_CLOSED.as_bytes())?,
        false => let_others_in(prepared, resolved)?,
    }
    if read_plain(into, "pg_ident.conf")?.is_none_or(|text| text.is_empty()) {
        let ident = resolved.info.outside_config.iter().find(|file| file.setting == "ident_file");
        prepared.put("pg_ident.conf", ident.map_or("", |file| &file.content).as_bytes())?;
    }
    Ok(())
}

/// What differs from the old server for good.
pub(super) fn write_own(prepared: &Prepared, request: &RestoreRequest) -> Result<()> {
    // What ALTER SYSTEM has set is read behind ours.
    if let Some(text) = read_plain(&prepared.into, AUTO_CONF)? {
        let quiet: Vec<&str> = quiet::settings(prepared).into_iter().map(|(name, _)| name).collect();
        prepared.put(AUTO_CONF, without_settings(&text, &quiet).as_bytes())?;
    }
    let text = conf(prepared, request.purpose) + &quiet::block(prepared) + &manners(request.purpose);
    prepared.put(CONF, text.as_bytes())
}

/// What only the recovery needs.
pub(super) fn write_recovery(prepared: &Prepared, resolved: &Resolved, request: &RestoreRequest) -> Result<()> {
    let recovery = recovery(prepared, resolved, request) + &render(&prepared.limits.settings());
    prepared.put(RECOVERY_CONF, recovery.as_bytes())
}

/// postgresql.conf as the cluster had it, from the data directory or from outside of it.
fn own_configuration(into: &Path, info: &ClusterInfo) -> Result<String> {
    if let Some(outside) = info.outside_config.iter().find(|file| file.setting == "config_file") {
        // What it includes lies beside it in a place that is not restored.
        return Ok(without_settings(&outside.content, &["include", "include_dir", "include_if_exists"]));
    }
    Ok(read_plain(into, "postgresql.conf")?.unwrap_or_default())
}

/// A file of the restored cluster. A link came out of the backup, and we do not read for its maker what it leads to: it is as empty.
fn read_plain(into: &Path, name: &str) -> Result<Option<String>> {
    match beneath::read(into, name) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) if beneath::is_led_away(&error) => Ok(Some(String::new())),
        Err(error) => Err(Error::file("read", &into.join(name), error)),
    }
}

/// Comments out lines that set one of `settings`; idempotent, also on what an earlier restore left.
fn without_settings(text: &str, settings: &[&str]) -> String {
    let mut out = String::with_capacity(text.len());
    let ours = text.find(&format!("\n{OURS} what this restored server needs"));
    for line in text[..ours.unwrap_or(text.len())].lines() {
        let name = line.trim_start().split(|c: char| c == '=' || c.is_whitespace()).next().unwrap_or_default();
        match settings.iter().any(|setting| setting.eq_ignore_ascii_case(name)) {
            true => drop(writeln!(out, "{OURS} not for a restored server: {line}")),
            false => drop(writeln!(out, "{line}")),
        }
    }
    out
}

fn conf(prepared: &Prepared, purpose: Purpose) -> String {
    // Who peeks or drills comes through the socket, and to what is not in its place yet nobody comes.
    let listen = if purpose.is_fleeting() || purpose == Purpose::Successor { "" } else { "localhost" };
    let settings = [
        ("data_directory", prepared.into.display().to_string()),
        ("hba_file", prepared.into.join(HBA).display().to_string()),
        ("ident_file", prepared.into.join("pg_ident.conf").display().to_string()),
        ("listen_addresses", listen.into()),
        ("port", prepared.instance.port.to_string()),
        ("unix_socket_directories", prepared.instance.socket_folder.display().to_string()),
        ("ssl", "off".into()),
        // What the server says goes into our file, and not to the host's log in the original's name.
        ("logging_collector", "off".into()),
        ("log_destination", "stderr".into()),
    ];
    render(&settings)
}

/// A guest beside the original takes little of the host. ALTER SYSTEM, which is read last, says otherwise.
fn manners(purpose: Purpose) -> String {
    let small = [
        ("shared_buffers", "128MB".to_owned()),
        ("huge_pages", "try".into()),
        ("max_wal_size", "1GB".into()),
        ("min_wal_size", "32MB".into()),
        ("wal_recycle", "off".into()),
        ("wal_init_zero", "off".into()),
        ("wal_keep_size", "0".into()),
    ];
    // What will be thrown away need not outlive a power cut.
    let hasty = [("fsync", "off".to_owned()), ("full_page_writes", "off".into()), ("synchronous_commit", "off".into())];
    match purpose {
        Purpose::Restore | Purpose::Successor => String::new(),
        Purpose::Clone => render(&small),
        Purpose::Peek | Purpose::Drill => render(&small) + &render(&hasty),
    }
}

fn recovery(prepared: &Prepared, resolved: &Resolved, request: &RestoreRequest) -> String {
    let (command, action) = match request.start {
        true => (restore_command(&request.program, &prepared.fetch_socket), "pause"),
        // All the log needed lies in pg_wal.
        false => ("/bin/false".to_owned(), "promote"),
    };
    // Those of an included file would be a second target, which the server refuses; the one that is meant comes last.
    let none = ["recovery_target", "recovery_target_name", "recovery_target_time", "recovery_target_xid"];
    let none = none.map(|name| (name, String::new()));
    let mut settings = vec![
        ("recovery_min_apply_delay", "0".to_owned()),
        ("restore_command", command),
        ("recovery_target_timeline", resolved.timeline.to_string()),
        ("recovery_target_action", action.to_owned()),
        ("hot_standby", "on".to_owned()),
    ];
    settings.extend(none);
    settings.extend(mount_settings(prepared, resolved.info.major));
    match resolved.stop {
        Stop::Immediate => settings.push(("recovery_target", "immediate".into())),
        Stop::Behind(lsn) => {
            settings.push(("recovery_target_lsn", lsn.to_string()));
            settings.push(("recovery_target_inclusive", "on".into()));
        }
        Stop::Before(lsn) => {
            settings.push(("recovery_target_lsn", lsn.to_string()));
            settings.push(("recovery_target_inclusive", "off".into()));
        }
    }
    render(&settings)
}

/// On a mount a server begins with an fsync of every file, though nothing was written there but by us, and we make that durable before
/// it is opened; and it asks for pages ahead that the log holds whole: they would be fetched for nothing.
fn mount_settings(prepared: &Prepared, major: u32) -> Vec<(&'static str, String)> {
    let settings = [(14, "recovery_init_sync_method", "syncfs"), (15, "recovery_prefetch", "off")];
    let known = settings.into_iter().filter(|(since, ..)| prepared.mount.is_some() && major >= *since);
    known.map(|(_, name, value)| (name, value.to_owned())).collect()
}

pub(super) fn render(settings: &[(&str, String)]) -> String {
    let line =
        |(name, value): &(&str, String)| format!("{name} = '{}'\n", value.replace('\\', "\\\\").replace('\'', "''"));
    format!("{OURS} written at restore\n") + &settings.iter().map(line).collect::<String>()
}

/// After promotion the recovery's settings mean nothing, and they must not mislead the next reader.
pub(super) fn take_recovery_out(prepared: &Prepared) -> Result<()> {
    prepared.put(RECOVERY_CONF, render(&prepared.limits.settings()).as_bytes())
}

/// From here on the cluster's own rules say who gets in.
pub(super) fn let_others_in(prepared: &Prepared, resolved: &Resolved) -> Result<()> {
    let outside = resolved.info.outside_config.iter().find(|file| file.setting == "hba_file");
    let own = match outside {
        Some(file) => file.content.clone(),
        None => {
            let own = read_plain(&prepared.into, "pg_hba.conf")?.filter(|text| !text.is_empty());
            own.unwrap_or_else(|| HBA_DEFAULT.to_owned())
        }
    };
    prepared.put(HBA, own.as_bytes())
}

/// What a person must see to by hand.
pub(super) fn not_covered(prepared: &Prepared, resolved: &Resolved) -> Vec<String> {
    let conf = prepared.into.join(CONF);
    let mut notes = vec![
        format!(
            "archiving, replication, subscriptions, job schedulers and TLS are off on the restored server, and listen_addresses is local: to switch one on, take its line out of {} and restart the server",
            conf.display()
        ),
        "replication slots are not part of a backup".to_owned(),
    ];
    if !prepared.preload.left_out.is_empty() {
        notes.push(format!(
            "shared_preload_libraries: {} would run jobs or replicate, and is left out",
            prepared.preload.left_out.join(", ")
        ));
    }
    if let Some(why) = &prepared.not_mounted {
        notes.push(format!("the files were copied: this host cannot mount them ({why})"));
    }
    if !resolved.info.outside_config.is_empty() {
        notes.push(
            "configuration outside the data directory was taken from the backup; files it included were not".to_owned(),
        );
    }
    if !resolved.info.checksums {
        notes.push("the cluster has no page checksums: pages could not be checked".to_owned());
    }
    let LeftOutAll { total, first } = &resolved.info.left_out;
    notes.extend(first.iter().map(|left| format!("{} is not in the backup: {}", left.path, left.why)));
    if let Some(more @ 1..) = total.checked_sub(first.len() as u64) {
        notes.push(format!("{more} more files of the data directory are not in the backup"));
    }
    notes
}

#[cfg(test)]
mod tests;

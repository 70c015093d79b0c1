//! What keeps a copy from acting on the world outside: it has the original's subscriptions, jobs, archive and peers in it, and would go on
//! in the original's name. The same for every purpose; a successor gets the settings of the server that it replaces at its cut-over.
//! docs/copies.md has the table for people.

use std::path::Path;

use super::{Prepared, config};
use crate::error::Result;

/// Libraries whose workers act by themselves: jobs by the clock, calls to other hosts, replication of their own. A server without them reads
/// all the same.
const ACTORS: &[&str] = &["bdr", "pg_cron", "pg_net", "pg_partman_bgw", "pglogical"];
const PRELOAD: &str = "shared_preload_libraries";

/// What is read of the original's own configuration.
#[derive(Debug, Default)]
pub(super) struct Preload {
    /// The list without them, where that is another.
    value: Option<String>,
    pub(super) left_out: Vec<String>,
}

/// Looks at the configuration as the server would read it, whatever files it includes. One that cannot be read starts no library.
pub(super) async fn preload(prepared: &Prepared) -> Result<Preload> {
    Ok(match prepared.instance.setting(PRELOAD).await? {
        Some(libraries) => Preload::of(&libraries),
        None => Preload { value: Some(String::new()), left_out: Vec::new() },
    })
}

impl Preload {
    fn of(libraries: &str) -> Preload {
        let acts = |library: &&str| {
            let file = Path::new(library.trim_matches('"')).file_name().unwrap_or_default().to_string_lossy();
            ACTORS.contains(&file.trim_end_matches(".so"))
        };
        let all = libraries.split(',').map(str::trim).filter(|library| !library.is_empty());
        let (acting, rest): (Vec<&str>, Vec<&str>) = all.partition(acts);
        Preload {
            value: (!acting.is_empty()).then(|| rest.join(", ")),
            left_out: acting.into_iter().map(str::to_owned).collect(),
        }
    }
}

pub(super) fn settings(prepared: &Prepared) -> Vec<(&'static str, String)> {
    let mut settings = vec![
        // A subscription would take changes away from the original: its slot at the publisher moves on.
        ("max_logical_replication_workers", "0"),
        ("archive_mode", "off"),
        ("archive_command", ""),
        ("archive_cleanup_command", ""),
        ("restore_command", ""),
        ("recovery_end_command", ""),
        ("primary_conninfo", ""),
        ("primary_slot_name", ""),
        ("synchronous_standby_names", ""),
        ("hot_standby_feedback", "off"),
        ("bonjour", "off"),
        // What these do where the library is not loaded is nothing.
        ("timescaledb.max_background_workers", "0"),
        ("timescaledb.telemetry_level", "off"),
    ];
    let known = [
        (15..99, "archive_library", ""),
        (13..16, "promote_trigger_file", ""),
        (17..99, "sync_replication_slots", "off"),
        (17..99, "synchronized_standby_slots", ""),
        (17..99, "event_triggers", "off"),
    ];
    let major = prepared.instance.binaries.major;
    settings
        .extend(known.into_iter().filter(|(since, ..)| since.contains(&major)).map(|(_, name, value)| (name, value)));
    settings.extend(prepared.preload.value.as_deref().map(|value| (PRELOAD, value)));
    settings.into_iter().map(|(name, value)| (name, value.to_owned())).collect()
}

/// The lines of `rekindle.conf`.
pub(super) fn block(prepared: &Prepared) -> String {
    format!(
        "# by Rekindle: this copy does not act on the world outside, see docs/copies.md; to switch something on again, take its line out \
         and restart the server\n{}",
        config::render(&settings(prepared))
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_that_act_are_left_out_and_no_others() {
        let preload = Preload::of("pg_stat_statements, \"$libdir/pg_cron\",timescaledb , pg_net.so");
        assert_eq!(preload.value.as_deref(), Some("pg_stat_statements, timescaledb"));
        assert_eq!(preload.left_out, ["\"$libdir/pg_cron\"", "pg_net.so"]);
        assert_eq!(Preload::of("pg_cron").value.as_deref(), Some(""));
        for untouched in ["", "pg_stat_statements, pg_cronicle"] {
            assert_eq!(Preload::of(untouched).value, None, "{untouched:?}");
        }
    }
}

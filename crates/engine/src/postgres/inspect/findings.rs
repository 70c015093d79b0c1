//! What the facts mean for backups. Pure: one small rule each, told in the order of the story.

use super::facts::{Facts, ReplicationAccess};
use super::{Finding, Severity};
use crate::postgres::checksum::PAGE_BYTES;
use crate::postgres::wire::Conninfo;

/// Enough for our stream, a second one while it is replaced, and a standby.
const SENDERS_SUGGESTED: u32 = 10;

pub(super) fn judge(facts: &Facts, info: &Conninfo) -> Vec<Finding> {
    let mut findings = vec![wal_level(facts), replication(facts, info), senders(facts), slots(facts)];
    findings.extend([full_page_writes(facts), fsync(facts), data_directory(facts), checksums(facts), blocks(facts)]);
    findings.extend(tablespaces(facts));
    findings.push(backup_functions(facts));
    findings.extend(databases(facts));
    findings.push(slot_limit(facts));
    findings.extend(recovery(facts));
    findings
}

fn fine(title: impl Into<String>, why: &str) -> Finding {
    Finding { severity: Severity::Fine, title: title.into(), statement: None, needs_restart: false, why: why.into() }
}

impl Finding {
    fn blocks(title: impl Into<String>, why: &str) -> Finding {
        Finding { severity: Severity::Blocks, ..fine(title, why) }
    }

    fn warns(title: impl Into<String>, why: &str) -> Finding {
        Finding { severity: Severity::Warns, ..fine(title, why) }
    }

    fn mended_by(self, statement: impl Into<String>) -> Finding {
        Finding { statement: Some(statement.into()), ..self }
    }

    fn after_restart(self) -> Finding {
        Finding { needs_restart: true, ..self }
    }
}

const RELOAD: &str = "select pg_reload_conf();";

fn wal_level(facts: &Facts) -> Finding {
    let level = facts.setting("wal_level");
    let why = "only with replica or logical does the log hold what a recovery needs";
    if level != "minimal" {
        return fine(format!("wal_level is {level}"), why);
    }
    Finding::blocks("wal_level is minimal", why).mended_by("alter system set wal_level = 'replica';").after_restart()
}

fn replication(facts: &Facts, info: &Conninfo) -> Finding {
    let why = "the log is received by the replication protocol";
    match &facts.replication {
        ReplicationAccess::Open => fine(format!("{} may replicate", facts.user), why),
        ReplicationAccess::NoRight => Finding::blocks(format!("{} may not replicate", info.user), why)
            .mended_by(format!("alter role {} replication;", quoted(&info.user))),
        ReplicationAccess::NoHba { line } => Finding::blocks(
            format!("pg_hba.conf does not let {} in for replication", info.user),
            &format!("{why}; add this line to pg_hba.conf first:\n{line}"),
        )
        .mended_by(RELOAD),
        ReplicationAccess::NoSender => Finding::blocks("no WAL sender is free for us", why)
            .mended_by(format!(
                "alter system set max_wal_senders = {};",
                SENDERS_SUGGESTED.max(facts.wal_senders_max + 2)
            ))
            .after_restart(),
        ReplicationAccess::Failed { what } => {
            Finding::blocks("a replication connection does not open", &format!("{why}; it failed with: {what}"))
        }
    }
}

fn senders(facts: &Facts) -> Finding {
    let title = format!("{} of {} WAL senders are free", facts.wal_senders_free(), facts.wal_senders_max);
    let why = "one sender serves the log, and one more takes over when a connection breaks";
    let mend = |finding: Finding| {
        let wanted = SENDERS_SUGGESTED.max(facts.wal_senders_used + 2);
        finding.mended_by(format!("alter system set max_wal_senders = {wanted};")).after_restart()
    };
    match facts.wal_senders_free() {
        0 => mend(Finding::blocks(title, why)),
        1 => mend(Finding::warns(title, why)),
        _ => fine(title, why),
    }
}

fn slots(facts: &Facts) -> Finding {
    let title = format!("{} of {} replication slots are free", facts.slots_free(), facts.slots_max);
    let why = "a slot makes the server keep the log until it is in the vault";
    if facts.slots_free() > 0 {
        return fine(title, why);
    }
    let wanted = SENDERS_SUGGESTED.max(facts.slots_used + 2);
    Finding::blocks(title, why).mended_by(format!("alter system set max_replication_slots = {wanted};")).after_restart()
}

fn full_page_writes(facts: &Facts) -> Finding {
    let why = "a page that is copied while it is written is made whole from the log, if the log has whole pages";
    if facts.setting("full_page_writes") == "on" {
        return fine("full_page_writes is on", why);
    }
    // A primary turns it on by itself while a backup runs; in a standby the primary's setting counts and a backup fails.
    let mend = format!("alter system set full_page_writes = on; {RELOAD}");
    let title = "full_page_writes is off";
    if facts.in_recovery { Finding::blocks(title, why) } else { Finding::warns(title, why) }.mended_by(mend)
}

fn fsync(facts: &Facts) -> Finding {
    let why = "without fsync a power cut destroys the cluster, and backups after it hold the damage";
    if facts.setting("fsync") == "on" {
        return fine("fsync is on", why);
    }
    Finding::warns("fsync is off", why).mended_by(format!("alter system set fsync = on; {RELOAD}"))
}

fn data_directory(facts: &Facts) -> Finding {
    let why = "the files are read where they lie, so Rekindle runs on the server's machine as its user";
    match (&facts.data_directory, &facts.data_unreadable) {
        (None, _) => Finding::blocks("the server does not tell its data directory", why)
            .mended_by(format!("grant pg_read_all_settings to {};", quoted(&facts.user))),
        (Some(dir), None) => fine(format!("{} can be read", dir.display()), why),
        (Some(dir), Some(error)) => {
            Finding::blocks(format!("{} cannot be read", dir.display()), &format!("{why}; {error}"))
        }
    }
}

fn checksums(facts: &Facts) -> Finding {
    let why = "with checksums every backup proves every page it reads; without them damage is copied unseen. They are turned \
               on while the server is stopped: pg_checksums --enable";
    if facts.data_checksums {
        fine("data checksums are on", why)
    } else {
        Finding::warns("data checksums are off", why).after_restart()
    }
}

fn blocks(facts: &Facts) -> Finding {
    let why = "Rekindle reads pages of 8192 bytes, as all packages build them";
    let title = format!("the block size is {}", facts.block_bytes);
    if facts.block_bytes == PAGE_BYTES as u64 { fine(title, why) } else { Finding::blocks(title, why) }
}

fn tablespaces(facts: &Facts) -> impl Iterator<Item = Finding> + '_ {
    facts.tablespaces.iter().map(|space| {
        let why = "a backup is whole only with all its tablespaces";
        if space.in_place {
            let why = "an in-place tablespace is for tests of PostgreSQL only";
            return Finding::warns(format!("tablespace {} lies in the data directory", space.name), why);
        }
        match &space.unreadable {
            None => fine(format!("tablespace {} can be read", space.name), why),
            Some(error) => {
                Finding::blocks(format!("tablespace {} cannot be read", space.name), &format!("{why}; {error}"))
            }
        }
    })
}

fn backup_functions(facts: &Facts) -> Finding {
    let why =
        "a backup begins and ends with a function of the server that only superusers may call, unless it is granted";
    if facts.forbidden_functions.is_empty() {
        return fine(format!("{} may take a backup", facts.user), why);
    }
    let grant = |function: &String| format!("grant execute on function {function} to {};", quoted(&facts.user));
    let grants: Vec<String> = facts.forbidden_functions.iter().map(grant).collect();
    // Rights on functions belong to a database: that of the connection string is where the backup calls them.
    Finding::blocks(format!("{} may not take a backup", facts.user), why).mended_by(grants.join(" "))
}

/// What is out of the ordinary with a database; template0 is closed everywhere.
fn databases(facts: &Facts) -> Vec<Finding> {
    let user = quoted(&facts.user);
    let mut findings = Vec::new();
    for database in &facts.databases {
        let (name, called) = (&database.name, quoted(&database.name));
        if !database.has_size {
            let why = "a backup asks how large each database is";
            let title = format!("{} may not ask for the size of database {name}", facts.user);
            findings.push(Finding::blocks(title, why).mended_by(format!("grant pg_read_all_stats to {user};")));
        }
        if name == "template0" {
            continue;
        }
        let described = "it is in every backup, and a backup says of it what is in it only when it can be looked at";
        if !database.allows_connections {
            let why = "it is in every backup, and neither a backup nor a drill can look into it; it cannot be restored by itself";
            let mend = format!("alter database {called} allow_connections true;");
            findings.push(Finding::warns(format!("database {name} lets nobody in"), why).mended_by(mend));
        } else if !facts.superuser && !database.has_right {
            let title = format!("database {name} does not let {} in", facts.user);
            findings.push(
                Finding::warns(title, described).mended_by(format!("grant connect on database {called} to {user};")),
            );
        } else if !facts.superuser && database.limit == 0 {
            let mend = format!("alter database {called} connection limit -1;");
            let title = format!("database {name} has a connection limit of 0, and {} is no superuser", facts.user);
            findings.push(Finding::warns(title, described).mended_by(mend));
        }
    }
    findings.extend(spare_database(facts));
    findings
}

/// A database in the place of another is exchanged from a third one.
fn spare_database(facts: &Facts) -> Option<Finding> {
    let open = facts.databases.iter().filter(|one| one.allows_connections && (facts.superuser || one.has_right));
    let names: Vec<&str> = open.map(|one| one.name.as_str()).collect();
    let [only] = names.as_slice() else { return None };
    let why = "it can be restored with the whole cluster or under another name; what takes its place is exchanged from another database";
    let title = format!("{only} is the only database that lets anybody in");
    Some(Finding::warns(title, why).mended_by("create database postgres template template0;"))
}

fn slot_limit(facts: &Facts) -> Finding {
    match facts.slot_keep_bytes_max {
        None => Finding::warns(
            "max_slot_wal_keep_size is without limit",
            "if Rekindle is stopped for long, the log kept for it can fill the server's disk; set a limit that the disk bears",
        )
        .mended_by(format!("alter system set max_slot_wal_keep_size = '64GB'; {RELOAD}")),
        Some(bytes) => fine(
            format!("max_slot_wal_keep_size is {} MiB", bytes >> 20),
            "if the log kept for Rekindle grows beyond it, the server drops it and the window has a gap",
        ),
    }
}

fn recovery(facts: &Facts) -> Option<Finding> {
    let why = "a standby can be backed up; its log ends where its primary's does, and a slot on it is lost with it";
    facts.in_recovery.then(|| Finding::warns("the server is a standby", why))
}

/// As quote_ident would.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

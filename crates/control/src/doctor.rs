//! `rekindle doctor`: looks at this host with the eyes of somebody who must restore here tonight. Changes nothing that stays.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use api::FindingView;
use engine::postgres::binaries::Binaries;
use engine::postgres::owner;
use engine::postgres::restore::can_mount;
use vault::Vault;
use vault::store::probe::probe;

use crate::alarms::space::{self, Space};
use crate::config::Config;
use crate::host::Host;
use crate::open::{VaultAsk, open_store, open_vault};
use crate::standby;

const MAJORS: std::ops::RangeInclusive<u32> = 13..=18;
const FREE_BYTES_LEAST: u64 = 2 << 30;
const FREE_PART_LEAST: u64 = 10;
/// A vault that takes longer is no answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Every finding, good ones too.
pub async fn doctor(path: &Path, host: &Host) -> Vec<FindingView> {
    let config = match Config::load(path) {
        Ok(config) => config,
        Err(error) => return vec![of_error("the configuration cannot be used", &error)],
    };
    let mut found = vec![fine(format!("configuration {}", path.display()))];
    found.extend(key_file(&config.key_file));
    found.extend(vault(&config, host).await);
    found.extend(folder("data folder", &config.data_folder));
    found.extend(catalog(&config, host).await);
    found.extend(instances(&config));
    found.push(mounts());
    found.extend(programs(&config).await);
    found
}

fn fine(title: String) -> FindingView {
    FindingView::of_host("fine", title, String::new(), None)
}

fn of_error(title: &str, error: &crate::Error) -> FindingView {
    let body = error.body();
    let why = body.told();
    FindingView::of_host("blocks", format!("{title} ({})", body.code), why, body.hint)
}

/// Who can read the key can read every backup.
fn key_file(path: &Path) -> Option<FindingView> {
    let mode = std::fs::metadata(path).ok()?.permissions().mode() & 0o777;
    let open = mode & 0o077 != 0;
    open.then(|| {
        let why = format!("its mode is {mode:o}");
        let title = format!("others of this host can read the key {}", path.display());
        FindingView::of_host("warns", title, why, Some(format!("chmod 600 {}", path.display())))
    })
}

async fn vault(config: &Config, host: &Host) -> Vec<FindingView> {
    let ask = VaultAsk::of(config);
    let late = || {
        let why = format!("no answer within {} s", PATIENCE.as_secs());
        FindingView::of_host("blocks", format!("the vault {} does not answer", config.vault), why, None)
    };
    let opened = match tokio::time::timeout(PATIENCE, open_vault(&ask, host)).await {
        Err(_) => return vec![late()],
        Ok(Err(error)) => return vec![of_error(&format!("the vault {} cannot be opened", config.vault), &error)],
        Ok(Ok(opened)) => opened,
    };
    let mut found = vec![fine(format!("the key opens the vault {}", config.vault))];
    match tokio::time::timeout(PATIENCE, store(config, host)).await {
        Ok(finding) => found.push(finding),
        Err(_) => found.push(late()),
    }
    found.extend(ways_in(&opened).await);
    if let Some(folder) = config.vault.strip_prefix("file:") {
        found.extend(room("vault", Path::new(folder)));
    }
    found
}

/// Whether the store does what a vault stands on, tried out.
async fn store(config: &Config, host: &Host) -> FindingView {
    let probed = async {
        let store = open_store(&config.vault, &config.s3, host)?;
        Ok::<_, crate::Error>(probe(&store, &host.env).await?)
    };
    match probed.await {
        Ok(can) if can.delete => fine("its store writes once, reads back and lists as it must".to_owned()),
        Ok(_) => {
            let why = "nothing expires here unless somebody else removes it".to_owned();
            FindingView::of_host("warns", "its store does not let us delete".to_owned(), why, None)
        }
        Err(error) => of_error("its store cannot be trusted with a vault", &error),
    }
}

async fn ways_in(vault: &Vault) -> Option<FindingView> {
    match vault.slots().await {
        Ok(slots) if slots.len() < 2 => {
            let why = "when this key is lost, so is everything".to_owned();
            let title = "there is one way into the vault only".to_owned();
            Some(FindingView::of_host("warns", title, why, Some("rekindle vault key add --passphrase".to_owned())))
        }
        Ok(slots) => Some(fine(format!("{} ways into the vault", slots.len()))),
        Err(error) => Some(of_error("the ways into the vault cannot be listed", &error.into())),
    }
}

/// Only one that is shared can be out of reach.
async fn catalog(config: &Config, host: &Host) -> Option<FindingView> {
    let url = config.catalog.url.as_deref()?;
    let late = || crate::Error::Ask(format!("no answer within {} s", PATIENCE.as_secs()));
    let asked = tokio::time::timeout(PATIENCE, standby::who_leads(url, host)).await;
    Some(match asked.unwrap_or_else(|_| Err(late())) {
        Ok(None) => fine("the shared catalog answers; no daemon has used it yet".to_owned()),
        Ok(Some(leader)) => fine(format!("the shared catalog answers; {leader} leads, or did last")),
        Err(error) => of_error("the shared catalog cannot be used", &error),
    })
}

fn folder(what: &str, path: &Path) -> Vec<FindingView> {
    let may_write = rustix::fs::access(path, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK);
    match may_write {
        Ok(()) => room(what, path).into_iter().collect(),
        Err(error) => {
            let title = format!("the {what} {} cannot be used", path.display());
            vec![FindingView::of_host("blocks", title, std::io::Error::from(error).to_string(), None)]
        }
    }
}

fn room(what: &str, path: &Path) -> Option<FindingView> {
    let exists = path.ancestors().find(|folder| folder.exists())?;
    let Space { total, free } = space::of(exists).ok()?;
    let title = format!("{what} {}: {} of {} free", path.display(), space::bytes(free), space::bytes(total));
    let is_short = free < FREE_BYTES_LEAST || free < total / FREE_PART_LEAST;
    Some(match is_short {
        true => FindingView::of_host("warns", title, "backups and restores fail when it is full".to_owned(), None),
        false => fine(title),
    })
}

/// Servers run as their own user, who must be able to come to their files.
fn instances(config: &Config) -> Vec<FindingView> {
    let path = config.instance_folder();
    let mut found = Vec::from_iter(room("instance folder", &path));
    let closed = |folder: &&Path| folder.metadata().is_ok_and(|known| known.permissions().mode() & 0o001 == 0);
    if let Some(folder) = path.ancestors().find(closed).filter(|_| owner::we_are_root()) {
        let title = format!("servers cannot come to the instance folder {}", path.display());
        let why = format!("{} may not be entered by the user they run as", folder.display());
        found.push(FindingView::of_host("blocks", title, why, Some(format!("chmod o+x {}", folder.display()))));
    }
    found
}

fn mounts() -> FindingView {
    match can_mount() {
        Ok(()) => fine("this host can mount: a moment opens in seconds".to_owned()),
        Err(why) => {
            let title = "this host cannot mount: a moment is copied before it opens".to_owned();
            FindingView::of_host("warns", title, why, Some("modprobe fuse; apt-get install fuse3".to_owned()))
        }
    }
}

/// A data directory opens with programs of its own major only.
async fn programs(config: &Config) -> Vec<FindingView> {
    let mut found = Vec::new();
    for major in MAJORS {
        if let Ok(binaries) = Binaries::find(major, &config.server_programs).await {
            found.push(fine(format!("PostgreSQL {} in {}", binaries.version, binaries.dir.display())));
        }
    }
    if found.is_empty() {
        let title = "no PostgreSQL programs are found: nothing can be opened here".to_owned();
        let why = "install the major of your servers, or say where it lies in `server_programs`".to_owned();
        found.push(FindingView::of_host("blocks", title, why, Some("apt-get install postgresql-15".to_owned())));
    }
    found
}

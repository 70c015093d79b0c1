//! Whether everybody has moved: nothing answers at the old place, and those who used the database before use it at the new one. Who has
//! not come yet is named; he may connect only when he has something to ask.

use std::collections::BTreeSet;
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use async_trait::async_trait;
use engine::postgres::successor::is_served;
use jiff::{SignedDuration, Timestamp};
use ops::Found;
use serde_json::Value;

use super::swap::Swap;
use super::{point, source_of};
use crate::catalog::ConsumerRow;
use crate::driver::Trouble;
use crate::driver::service::docker;
use crate::error::Result;
use crate::operation::{At, Part};
use crate::{consumers, source, views};

/// Who was there in the days before the restore is expected.
const EXPECTED: SignedDuration = SignedDuration::from_hours(7 * 24);
/// One look sees only who has a session at that moment.
const SETTLING: Duration = Duration::from_secs(2);
const PATIENCE: Duration = Duration::from_secs(20);
const LOOK_EVERY: Duration = Duration::from_millis(500);
const CONNECT_PATIENCE: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(super) struct Consumers;

/// Who it is, wherever from: application, role, database.
type Who = (String, String, String);

#[async_trait]
impl Part for Consumers {
    async fn act(&self, at: &At) -> Result<Value> {
        let swap: Swap = at.input()?;
        let Some(moved) = &swap.moved else { return Ok(Value::Null) };
        let source = at.daemon.source(source_of(at))?;
        let old = &swap.places.live;
        let (name, port) = source::address(&moved.from, &at.daemon.host)?;
        let is_other = (name.clone(), port) != source::address(&moved.to, &at.daemon.host)?;
        if is_served(old) || (is_other && answers(&name, port).await) {
            let what = format!("something still answers at {name}:{port}, where the old cluster was");
            let trouble = Trouble::refused(what).hint("what is written there is written into the old cluster: stop it");
            return Err(trouble.of("the old place"));
        }
        at.work.say(format!("nothing answers at {name}:{port} any more, and {} is fenced", old.display()));
        let expected = expected(at, at.work.run.head.created).await?;
        let (mut seen, mut waited) = (BTreeSet::new(), Duration::ZERO);
        loop {
            let look = consumers::see(&at.daemon, &source).await?;
            seen.extend(look.sessions.into_keys().map(|one| (one.application, one.user, one.database)));
            if waited >= PATIENCE || (waited >= SETTLING && expected.is_subset(&seen)) {
                break;
            }
            tokio::time::sleep(LOOK_EVERY).await;
            waited += LOOK_EVERY;
        }
        let names = |set: &BTreeSet<Who>| set.iter().map(named).collect::<Vec<_>>();
        let missing: BTreeSet<Who> = expected.difference(&seen).cloned().collect();
        let (moved, missing) = (names(&expected.intersection(&seen).cloned().collect()), names(&missing));
        moved.iter().for_each(|who| at.work.say(format!("{who} uses the new one")));
        missing.iter().for_each(|who| at.work.warn(format!("{who} was not seen at the new one yet")));
        let tied = tied(at, &swap).await?;
        tied.iter().for_each(|container| at.work.warn(format!("{container}: it still goes to the old place")));
        views::to_json(&serde_json::json!({ "moved": moved, "not_seen": missing, "tied": tied }))
    }

    /// It changes nothing.
    async fn look(&self, _at: &At) -> Result<Found> {
        Ok(Found::NotDone)
    }
}

/// Containers that run, and still name what the database was found by before.
async fn tied(at: &At, swap: &Swap) -> Result<Vec<String>> {
    let (Some(moved), host) = (&swap.moved, &at.daemon.host) else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for place in point::left(&swap.outside, source_of(at), moved, host)? {
        let services = swap.outside.services.iter().map(|service| &service.spec);
        match docker::tied(host, services, &place).await {
            Ok(tied) => found.extend(tied.into_iter().map(|one| format!("container {} names {place}", one.name))),
            Err(trouble) => {
                at.work.warn(format!("containers that name {place} cannot be looked for: {}", trouble.what));
            }
        }
    }
    Ok(found)
}

async fn expected(at: &At, asked: Timestamp) -> Result<BTreeSet<Who>> {
    let from = asked.checked_sub(EXPECTED).unwrap_or(Timestamp::MIN);
    let recent = |row: &ConsumerRow| row.last_seen.parse::<Timestamp>().is_ok_and(|seen| seen >= from && seen <= asked);
    let rows = at.daemon.catalog.consumers(source_of(at)).await?;
    Ok(rows.into_iter().filter(recent).map(|row| (row.application, row.role, row.database)).collect())
}

fn named((application, role, database): &Who) -> String {
    match application.is_empty() {
        true => format!("{role} in {database}"),
        false => format!("{application} ({role} in {database})"),
    }
}

async fn answers(name: &str, port: u16) -> bool {
    let name = name.to_owned();
    let tried = tokio::task::spawn_blocking(move || {
        let mut addresses = (name.as_str(), port).to_socket_addrs().ok()?;
        addresses.find_map(|address| TcpStream::connect_timeout(&address, CONNECT_PATIENCE).ok())
    });
    tried.await.is_ok_and(|found| found.is_some())
}

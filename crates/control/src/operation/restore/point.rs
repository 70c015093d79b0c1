//! Those who use the database find it where it is now: every endpoint of the source is pointed there, and back by the undo.

use std::collections::BTreeSet;

use api::PointedView;
use async_trait::async_trait;
use serde_json::Value;

use super::moved::Moved;
use super::swap::Swap;
use super::{source_of, views};
use crate::driver::Outcome;
use crate::error::Result;
use crate::host::Host;
use crate::operation::{At, Part};
use crate::policy::Outside;
use crate::policy::outside::EndpointAt;
use crate::source;

#[derive(Debug)]
pub(super) struct Point;

#[async_trait]
impl Part for Point {
    async fn act(&self, at: &At) -> Result<Value> {
        let swap: Swap = at.input()?;
        let Some(moved) = &swap.moved else { return Ok(Value::Null) };
        let mut pointed = Vec::new();
        for endpoint in swap.outside.endpoints_of(source_of(at)) {
            pointed.push(point(at, endpoint, moved).await?);
        }
        views::to_json(&pointed)
    }

    async fn undo(&self, at: &At) -> Result<()> {
        let swap: Swap = at.input()?;
        let (Some(moved), mut first) = (&swap.moved, Ok(())) else { return Ok(()) };
        for endpoint in swap.outside.endpoints_of(source_of(at)).rev() {
            let pointed = point(at, endpoint, &moved.back()).await;
            first = first.and(pointed.map(drop));
        }
        first
    }
}

async fn point(at: &At, endpoint: &EndpointAt, moved: &Moved) -> Result<PointedView> {
    at.watch.step(&endpoint.name);
    let PointedView { from, to, .. } = said(endpoint, moved, &at.daemon.host)?;
    let driver = endpoint.spec.driver();
    of(endpoint, driver.point(&at.daemon.host, &from, &to).await)?;
    at.effect(format!("{} says {to} now: {}", endpoint.name, driver.what()))?;
    Ok(PointedView { endpoint: endpoint.name.clone(), from, to })
}

/// What stands there before and after.
pub(super) fn said(endpoint: &EndpointAt, moved: &Moved, host: &Host) -> Result<PointedView> {
    let text = |row| {
        let (name, port) = source::address(row, host)?;
        of(endpoint, endpoint.says(&name, port))
    };
    Ok(PointedView { endpoint: endpoint.name.clone(), from: text(&moved.from)?, to: text(&moved.to)? })
}

/// The places that people and programs know the database by, and that it leaves. A port alone says nothing of whose it is.
pub(super) fn left(outside: &Outside, source: &str, moved: &Moved, host: &Host) -> Result<BTreeSet<String>> {
    let said = outside.endpoints_of(source).map(|endpoint| said(endpoint, moved, host));
    let left = said.collect::<Result<Vec<PointedView>>>()?.into_iter().filter(|one| one.from != one.to);
    Ok(left.map(|one| one.from).filter(|place| place.parse::<u16>().is_err()).collect())
}

fn of<T>(endpoint: &EndpointAt, outcome: Outcome<T>) -> Result<T> {
    outcome.map_err(|trouble| trouble.of(&format!("endpoint {}", endpoint.name)))
}

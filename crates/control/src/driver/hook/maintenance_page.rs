//! A page that says that something is being done, for those who have none: while it is up, whoever asks at its address is answered with 503,
//! `Retry-After` and the page.
//!
//! It is served by this process, so it ends with it: whose operation has put it up puts it up again (`keep_up`) when the daemon is back. What is
//! up stands in `served`, by its address, so that putting it up twice is as once.

use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use self::served::Page;
use super::{Hook, Say, TOLD, Told};
use crate::driver::{Driver, Outcome, Trouble, fill};
use crate::error::Error;
use crate::host::Host;

mod served;

const PAGE_BYTES_MAX: u64 = 1 << 20;
/// Between two tries to have an address that somebody else still has.
const AGAIN_AFTER: Duration = Duration::from_millis(500);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MaintenancePage {
    /// An address and a port: `0.0.0.0:8080`.
    pub(crate) listen: String,
    #[serde(default = "title")]
    pub(crate) title: String,
    #[serde(default = "text")]
    pub(crate) text: String,
    /// A whole page of HTML in place of title and text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) page: Option<PathBuf>,
    #[serde(default = "retry_after_seconds")]
    pub(crate) retry_after_seconds: u64,
}

fn title() -> String {
    "Back soon".to_owned()
}

fn text() -> String {
    "This service is being restored. Please try again in a few minutes.".to_owned()
}

fn retry_after_seconds() -> u64 {
    60
}

impl MaintenancePage {
    pub(crate) fn wrong(&self) -> Option<String> {
        match self.listen.parse::<SocketAddr>() {
            Err(_) => return Some(format!("listen {:?} is no address with a port, such as 0.0.0.0:8080", self.listen)),
            Ok(address) if address.port() == 0 => return Some("listen needs a port other than 0".to_owned()),
            Ok(_) => {}
        }
        if let Some(name) = [&self.title, &self.text].into_iter().find_map(|text| fill::unknown(text, TOLD)) {
            return Some(format!("{{{name}}} is nothing that is told here"));
        }
        let page = self.page.as_ref().filter(|page| !page.is_absolute());
        page.map(|page| format!("page {} is no absolute path", page.display()))
    }

    fn address(&self) -> Outcome<SocketAddr> {
        self.listen.parse().map_err(|_| Trouble::refused(format!("{:?} is no address with a port", self.listen)))
    }

    async fn made(&self, told: &Told) -> Outcome<Page> {
        let body = match &self.page {
            Some(path) => read(path).await?,
            None => {
                let escaped = |text: &str| fill::fill(&html(text), told, |value| Ok(html(value)));
                let (title, text) = (escaped(&self.title)?, escaped(&self.text)?);
                Bytes::from(served::page(&title, &text))
            }
        };
        Ok(Page { body, retry_after: self.retry_after_seconds })
    }
}

async fn read(path: &std::path::Path) -> Outcome<Bytes> {
    let unread = |e| Trouble::from(Error::file("read", path, e));
    let length = tokio::fs::metadata(path).await.map_err(unread)?.len();
    if length > PAGE_BYTES_MAX {
        return Err(Trouble::refused(format!("{} has more than {PAGE_BYTES_MAX} bytes", path.display())));
    }
    Ok(tokio::fs::read(path).await.map_err(unread)?.into())
}

/// A text as it stands in a page.
fn html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

#[async_trait]
impl Driver for MaintenancePage {
    fn what(&self) -> String {
        format!("maintenance page at {}", self.listen)
    }

    async fn probe(&self, _host: &Host) -> Vec<Trouble> {
        let mut troubles = Vec::new();
        if let Some(path) = &self.page {
            troubles.extend(read(path).await.err());
        }
        match self.address() {
            Ok(address) => troubles.extend(served::not_free(address)),
            Err(trouble) => troubles.push(trouble),
        }
        troubles
    }
}

#[async_trait]
impl Hook for MaintenancePage {
    async fn run(&self, _host: &Host, told: &Told, say: Say<'_>) -> Outcome<()> {
        let (address, page) = (self.address()?, self.made(told).await?);
        if served::put_up(address, page).await? {
            say(&format!("the maintenance page is up at {address}"));
        }
        Ok(())
    }

    async fn take_back(&self, _host: &Host, _told: &Told, say: Say<'_>) -> Outcome<()> {
        let address = self.address()?;
        if served::take_down(address).await {
            say(&format!("the maintenance page at {address} is down"));
        }
        Ok(())
    }
}

/// For the daemon when it begins: puts up what the operations that have not ended had up. An address that somebody still has is tried again
/// until the limit; what could not be put up is given back, each with its trouble.
pub(crate) async fn keep_up(
    host: &Host,
    pages: Vec<(MaintenancePage, Told)>,
    limit: Duration,
) -> Vec<(MaintenancePage, Trouble)> {
    let all = pages.into_iter().map(|(page, told)| async move {
        let put_up = || page.run(host, &told, &|line| tracing::info!("{line}"));
        let failed = until_up(put_up, limit).await.err();
        failed.map(|trouble| (page, trouble))
    });
    futures::future::join_all(all).await.into_iter().flatten().collect()
}

async fn until_up<F: Future<Output = Outcome<()>>>(put_up: impl Fn() -> F, limit: Duration) -> Outcome<()> {
    let end = tokio::time::Instant::now() + limit;
    loop {
        match put_up().await {
            Err(trouble) if trouble.passes && tokio::time::Instant::now() + AGAIN_AFTER < end => {
                tokio::time::sleep(AGAIN_AFTER).await;
            }
            ended => return ended,
        }
    }
}

#[cfg(test)]
mod tests;

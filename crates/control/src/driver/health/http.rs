//! An address that answers as it should: its status, and a text that must be in it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::Health;
use crate::driver::web::{self, Request, Way};
use crate::driver::{Driver, Outcome, Trouble};
use crate::host::Host;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HttpHealth {
    pub(crate) url: String,
    #[serde(default = "status")]
    pub(crate) status: u16,
    /// Must be in the answer, as it is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) contains: Option<String>,
    #[serde(default = "timeout_seconds")]
    pub(crate) timeout_seconds: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ca_file: Option<PathBuf>,
    #[serde(default)]
    pub(crate) allow_http: bool,
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
}

fn status() -> u16 {
    200
}

fn timeout_seconds() -> u64 {
    10
}

impl HttpHealth {
    pub(crate) fn wrong(&self) -> Option<String> {
        web::wrong_times_and_statuses(self.timeout_seconds, &[self.status], self.ca_file.as_deref())
            .or_else(|| self.request().wrong(&[], self.way()))
    }

    fn request(&self) -> Request {
        Request { method: web::get(), url: self.url.clone(), body: None, headers: self.headers.clone() }
    }

    fn way(&self) -> Way<'_> {
        let limit = Duration::from_secs(self.timeout_seconds);
        Way { limit, ca_file: self.ca_file.as_deref(), allow_http: self.allow_http }
    }
}

#[async_trait]
impl Driver for HttpHealth {
    fn what(&self) -> String {
        web::origin(&self.url)
    }

    /// What is asked may be down now, and is not asked.
    async fn probe(&self, host: &Host) -> Vec<Trouble> {
        let mut troubles = self.request().unread(host).await;
        troubles.extend(web::ca_trouble(self.ca_file.as_deref()));
        troubles
    }
}

#[async_trait]
impl Health for HttpHealth {
    async fn look(&self, host: &Host) -> Outcome<()> {
        let answer = self.request().send(host, &BTreeMap::new(), self.way()).await?;
        answer.expected(&[self.status])?;
        match &self.contains {
            Some(text) if !answer.text.contains(text.as_str()) => {
                Err(Trouble::away(format!("{} answered without {text:?}: {}", answer.asked, answer.shown())))
            }
            _ => Ok(()),
        }
    }
}
